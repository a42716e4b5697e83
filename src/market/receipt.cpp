#include "market/receipt.hpp"

#include <algorithm>
#include <map>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "crypto/hash.hpp"
#include "crypto/merkle.hpp"
#include "text/symbols.hpp"

namespace ol::market {

namespace {

using attribution::blend::Share;
using attribution::suffix::Match;
using attribution::suffix::Span;
using codec::AbiValue;
using codec::Json;

// abi.encode(receipt): one dynamic tuple (contracts/src/interfaces/Types.sol).
constexpr std::string_view encoding =
    "((bytes32,uint64,bytes32,address,address,uint64,uint32,uint32,uint256,uint256,bytes32,bytes32,"
    "bytes32,uint32,uint32,uint64,(uint32,uint32,uint32,uint32)[],"
    "(uint32,uint32,uint32,address,uint32)[],(uint32,address,uint64)[],(address,uint256)[]))";

template <class T, class F>
AbiValue::List list_of(const std::vector<T>& items, const F& convert) {
    AbiValue::List out;
    out.reserve(items.size());
    for (const auto& item : items) out.push_back(AbiValue(convert(item)));
    return out;
}

template <class T, class F>
Json array_of(const std::vector<T>& items, const F& convert) {
    Json out = Json::array();
    for (const auto& item : items) out.push(convert(item));
    return out;
}

AbiValue u(std::uint64_t number) { return AbiValue(number); }

std::uint32_t u32(const AbiValue& value) { return static_cast<std::uint32_t>(value.u64()); }

Result<std::uint64_t> read_u64(const Json& parent, std::string_view key) {
    const Json* value = OL_TRY(parent.require(key));
    return OL_TRY_IN(value->as_uint(), "{}", key);
}

Result<std::uint32_t> read_u32(const Json& parent, std::string_view key) {
    const std::uint64_t value = OL_TRY(read_u64(parent, key));
    if (value > UINT32_MAX) {
        return fail(ErrorCode::invalid_argument, "{}: {} does not fit 32 bits", key, value);
    }
    return static_cast<std::uint32_t>(value);
}

Result<Hash32> read_hash(const Json& parent, std::string_view key) {
    const Json* value = OL_TRY(parent.require(key));
    return OL_TRY_IN(value->as_hash32(), "{}", key);
}

Result<Address> read_address(const Json& parent, std::string_view key) {
    const Json* value = OL_TRY(parent.require(key));
    return OL_TRY_IN(value->as_address(), "{}", key);
}

Result<U256> read_u256(const Json& parent, std::string_view key) {
    const Json* value = OL_TRY(parent.require(key));
    return OL_TRY_IN(value->as_u256(), "{}", key);
}

Result<std::string> read_text(const Json& parent, std::string_view key) {
    const Json* value = OL_TRY(parent.require(key));
    return OL_TRY_IN(value->as_string(), "{}", key);
}

Result<const Json::Array*> read_list(const Json& parent, std::string_view key) {
    const Json* value = OL_TRY(parent.require(key));
    if (!value->is_array()) return fail(ErrorCode::invalid_argument, "{} is no list", key);
    return &value->items();
}

// part[i] = floor(total * w[i] / W); the units left go to the largest remainders, ties to the lower
// index; all zeros when W is zero (docs/formats/money.md).
std::vector<U256> largest_remainder(const U256& total, const std::vector<std::uint64_t>& weights) {
    U256 weight_sum;
    for (const auto weight : weights) weight_sum += U256(weight);
    std::vector<U256> parts(weights.size());
    if (weight_sum.is_zero()) return parts;
    std::vector<U256> rests(weights.size());
    std::vector<std::size_t> order(weights.size());
    U256 left = total;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const U256 product = total * U256(weights[i]);
        parts[i] = product / weight_sum;
        rests[i] = product % weight_sum;
        left -= parts[i];
        order[i] = i;
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return rests[a] > rests[b]; });
    // Fewer units are left than there are parts: each rest is below W.
    for (std::size_t i = 0; i < left.low_u64(); ++i) parts[order[i]] += U256(1);
    return parts;
}

} // namespace

AbiValue Receipt::to_abi() const {
    return AbiValue(AbiValue::List{
        datanet_id,
        u(version),
        adapter_id,
        payer,
        host,
        u(nonce),
        u(tokens_in),
        u(tokens_out),
        fee,
        cumulative,
        prompt_hash,
        answer_hash,
        answer_root,
        u(answer_symbols),
        u(covered),
        u(parameters_version),
        list_of(spans,
                [](const Span& s) {
                    return AbiValue::List{u(s.start), u(s.length), u(s.owned), u(s.credit)};
                }),
        list_of(matches,
                [](const Match& m) {
                    return AbiValue::List{u(m.span), u(m.position), u(m.record), m.owner,
                                          u(m.credit)};
                }),
        list_of(shares,
                [](const Share& s) { return AbiValue::List{u(s.record), s.owner, u(s.share)}; }),
        list_of(payouts, [](const Payout& p) { return AbiValue::List{p.account, p.amount}; })});
}

Result<Receipt> Receipt::from_abi(ByteView encoded) {
    const auto outer = OL_TRY_IN(codec::abi_decode(encoding, encoded), "receipt");
    const AbiValue::List& f = outer[0].list();
    Receipt out;
    out.datanet_id = f[0].word();
    out.version = f[1].u64();
    out.adapter_id = f[2].word();
    out.payer = f[3].address();
    out.host = f[4].address();
    out.nonce = f[5].u64();
    out.tokens_in = u32(f[6]);
    out.tokens_out = u32(f[7]);
    out.fee = f[8].number();
    out.cumulative = f[9].number();
    out.prompt_hash = f[10].word();
    out.answer_hash = f[11].word();
    out.answer_root = f[12].word();
    out.answer_symbols = u32(f[13]);
    out.covered = u32(f[14]);
    out.parameters_version = f[15].u64();
    for (const auto& item : f[16].list()) {
        const auto& s = item.list();
        out.spans.push_back({u32(s[0]), u32(s[1]), u32(s[2]), u32(s[3])});
    }
    for (const auto& item : f[17].list()) {
        const auto& m = item.list();
        out.matches.push_back({u32(m[0]), u32(m[1]), u32(m[2]), m[3].address(), u32(m[4])});
    }
    for (const auto& item : f[18].list()) {
        const auto& s = item.list();
        out.shares.push_back({u32(s[0]), s[1].address(), s[2].u64()});
    }
    for (const auto& item : f[19].list()) {
        const auto& p = item.list();
        out.payouts.push_back({p[0].address(), p[1].number()});
    }
    // One receipt has one hash: other layouts of the same values are refused.
    const Bytes again = out.encode();
    if (!std::equal(again.begin(), again.end(), encoded.begin(), encoded.end())) {
        return fail(ErrorCode::invalid_argument, "receipt: not the canonical ABI encoding");
    }
    return out;
}

Bytes Receipt::encode() const {
    auto bytes = codec::abi_encode(encoding, {to_abi()});
    OL_CHECK(bytes.has_value()); // every member is of its ABI type's range
    return std::move(*bytes);
}

Hash32 Receipt::hash() const { return crypto::keccak256(encode()); }

Json Receipt::to_json() const {
    return Json::object({{"datanetId", datanet_id},
                         {"version", version},
                         {"adapterId", adapter_id},
                         {"payer", payer},
                         {"host", host},
                         {"nonce", nonce},
                         {"tokensIn", tokens_in},
                         {"tokensOut", tokens_out},
                         {"fee", fee},
                         {"cumulative", cumulative},
                         {"promptHash", prompt_hash},
                         {"answerHash", answer_hash},
                         {"answerRoot", answer_root},
                         {"answerSymbols", answer_symbols},
                         {"covered", covered},
                         {"parametersVersion", parameters_version},
                         {"spans", array_of(spans,
                                            [](const Span& s) {
                                                return Json::object({{"start", s.start},
                                                                     {"length", s.length},
                                                                     {"owned", s.owned},
                                                                     {"credit", s.credit}});
                                            })},
                         {"matches", array_of(matches,
                                              [](const Match& m) {
                                                  return Json::object({{"span", m.span},
                                                                       {"position", m.position},
                                                                       {"record", m.record},
                                                                       {"owner", m.owner},
                                                                       {"credit", m.credit}});
                                              })},
                         {"shares", array_of(shares,
                                             [](const Share& s) {
                                                 return Json::object({{"record", s.record},
                                                                      {"owner", s.owner},
                                                                      {"share", s.share}});
                                             })},
                         {"payouts", array_of(payouts, [](const Payout& p) {
                              return Json::object({{"account", p.account}, {"amount", p.amount}});
                          })}});
}

Result<Receipt> Receipt::from_json(const Json& json) {
    Receipt out;
    out.datanet_id = OL_TRY(read_hash(json, "datanetId"));
    out.version = OL_TRY(read_u64(json, "version"));
    out.adapter_id = OL_TRY(read_hash(json, "adapterId"));
    out.payer = OL_TRY(read_address(json, "payer"));
    out.host = OL_TRY(read_address(json, "host"));
    out.nonce = OL_TRY(read_u64(json, "nonce"));
    out.tokens_in = OL_TRY(read_u32(json, "tokensIn"));
    out.tokens_out = OL_TRY(read_u32(json, "tokensOut"));
    out.fee = OL_TRY(read_u256(json, "fee"));
    out.cumulative = OL_TRY(read_u256(json, "cumulative"));
    out.prompt_hash = OL_TRY(read_hash(json, "promptHash"));
    out.answer_hash = OL_TRY(read_hash(json, "answerHash"));
    out.answer_root = OL_TRY(read_hash(json, "answerRoot"));
    out.answer_symbols = OL_TRY(read_u32(json, "answerSymbols"));
    out.covered = OL_TRY(read_u32(json, "covered"));
    out.parameters_version = OL_TRY(read_u64(json, "parametersVersion"));
    for (const auto& s : *OL_TRY(read_list(json, "spans"))) {
        out.spans.push_back({OL_TRY(read_u32(s, "start")), OL_TRY(read_u32(s, "length")),
                             OL_TRY(read_u32(s, "owned")), OL_TRY(read_u32(s, "credit"))});
    }
    for (const auto& m : *OL_TRY(read_list(json, "matches"))) {
        out.matches.push_back({OL_TRY(read_u32(m, "span")), OL_TRY(read_u32(m, "position")),
                               OL_TRY(read_u32(m, "record")), OL_TRY(read_address(m, "owner")),
                               OL_TRY(read_u32(m, "credit"))});
    }
    for (const auto& s : *OL_TRY(read_list(json, "shares"))) {
        out.shares.push_back({OL_TRY(read_u32(s, "record")), OL_TRY(read_address(s, "owner")),
                              OL_TRY(read_u64(s, "share"))});
    }
    for (const auto& p : *OL_TRY(read_list(json, "payouts"))) {
        out.payouts.push_back({OL_TRY(read_address(p, "account")), OL_TRY(read_u256(p, "amount"))});
    }
    return out;
}

Json SignedReceipt::to_json() const {
    return Json::object({{"receipt", receipt.to_json()},
                         {"hash", receipt.hash()},
                         {"signature", to_hex0x(signature.to_rsv())},
                         {"prompt", prompt},
                         {"answer", answer}});
}

Result<SignedReceipt> SignedReceipt::from_json(const Json& json) {
    SignedReceipt out;
    out.receipt = OL_TRY_IN(Receipt::from_json(*OL_TRY(json.require("receipt"))), "receipt");
    if (const Hash32 stated = OL_TRY(read_hash(json, "hash")); stated != out.receipt.hash()) {
        return fail(ErrorCode::corrupted, "receipt of hash {} has the hash {}",
                    to_hex0x(stated.view()), to_hex0x(out.receipt.hash().view()));
    }
    const Json* signature = OL_TRY(json.require("signature"));
    out.signature =
        OL_TRY_IN(crypto::Signature::from_rsv(OL_TRY_IN(signature->as_hex_bytes(), "signature")),
                  "signature");
    out.prompt = OL_TRY(read_text(json, "prompt"));
    out.answer = OL_TRY(read_text(json, "answer"));
    return out;
}

Hash32 receipt_digest(const ledger::TypedDomain& settlement_domain, const Hash32& receipt_hash) {
    Bytes fields;
    append(fields, crypto::keccak256("Receipt(bytes32 receiptHash)").view());
    append(fields, receipt_hash.view());
    return ledger::typed_digest(settlement_domain, crypto::keccak256(fields));
}

U256 fee_of(std::uint32_t tokens_in, std::uint32_t tokens_out, const U256& price_in,
            const U256& price_out, const U256& platform_fee) {
    return U256(tokens_in) * price_in / U256(1000) + U256(tokens_out) * price_out / U256(1000) +
           platform_fee;
}

std::vector<Payout> payouts_of(const U256& fee, std::uint32_t answer_symbols, std::uint32_t covered,
                               const std::vector<Share>& shares, const MoneyRules& rules,
                               const Parties& parties) {
    const std::vector<U256> split =
        largest_remainder(fee, {rules.split_platform, rules.split_host, rules.split_model,
                                rules.split_stakers, rules.split_contributors});
    const U256& contributors = split[4];

    std::uint64_t explained = 0; // 2^-32
    if (answer_symbols != 0 && !shares.empty()) {
        explained = (std::uint64_t{std::min(covered, answer_symbols)} << 32) / answer_symbols;
    }
    const U256 earned = contributors * U256(explained) >> 32;
    const U256 unexplained = contributors - earned;
    const U256 base = unexplained * U256(rules.unexplained_base) / U256(10'000);

    std::map<Address, U256> sums;
    sums[parties.treasury] += split[0] + (unexplained - base);
    sums[parties.host] += split[1];
    sums[parties.model_owner] += split[2];
    sums[parties.stake_vault] += split[3];
    sums[parties.base_owner] += base;
    std::vector<std::uint64_t> weights;
    for (const Share& share : shares) weights.push_back(share.share);
    const std::vector<U256> parts = largest_remainder(earned, weights);
    for (std::size_t i = 0; i < shares.size(); ++i) sums[shares[i].owner] += parts[i];

    std::vector<Payout> out;
    for (const auto& [account, amount] : sums) {
        if (!amount.is_zero()) out.push_back({account, amount});
    }
    return out;
}

Result<Receipt> complete_receipt(Receipt draft, std::string_view prompt, std::string_view answer,
                                 const attribution::suffix::Segment& segment,
                                 const MoneyRules& rules, const Parties& parties) {
    const auto words = OL_TRY_IN(answer_words(answer), "answer");
    auto trace = OL_TRY_IN(attribution::suffix::trace(segment, words, rules.trace), "answer");
    if (trace.spans.size() > limits::receipt_spans ||
        trace.matches.size() > limits::receipt_matches) {
        return fail(
            ErrorCode::too_large,
            "{} spans with {} matches; a receipt holds {} with {}: ask for a shorter answer",
            trace.spans.size(), trace.matches.size(), limits::receipt_spans,
            limits::receipt_matches);
    }
    draft.prompt_hash = crypto::keccak256(prompt);
    draft.answer_hash = crypto::keccak256(answer);
    draft.answer_root = answer_tree(words).root();
    draft.answer_symbols = trace.symbol_count;
    draft.covered = trace.covered;
    draft.parameters_version = rules.version;
    draft.shares = attribution::blend::shares_of(trace.matches, rules.threshold);
    draft.spans = std::move(trace.spans);
    draft.matches = std::move(trace.matches);
    draft.payouts =
        payouts_of(draft.fee, draft.answer_symbols, draft.covered, draft.shares, rules, parties);
    return draft;
}

Result<std::vector<text::SymbolWord>> answer_words(std::string_view answer) {
    const auto symbols = OL_TRY(text::symbolize(answer));
    std::vector<text::SymbolWord> out;
    out.reserve(symbols.size());
    for (const auto& symbol : symbols) out.push_back(symbol.word);
    return out;
}

crypto::MerkleTree answer_tree(const std::vector<text::SymbolWord>& words) {
    std::vector<Hash32> leaves;
    leaves.reserve(words.size());
    for (const auto& word : words) leaves.push_back(crypto::merkle_leaf(word.view()));
    return crypto::MerkleTree(std::move(leaves));
}

} // namespace ol::market
