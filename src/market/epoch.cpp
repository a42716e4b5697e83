#include "market/epoch.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/limits.hpp"
#include "crypto/hash.hpp"

namespace ol::market {

namespace {

using codec::AbiValue;
using codec::Json;

constexpr std::string_view file_format = "openledger-epoch";
constexpr std::uint64_t file_version = 1;
constexpr std::uint64_t rewards_limit = 1ULL << 20; // accounts of one epoch's file

Hash32 reward_hash(const Address& account) {
    return crypto::merkle_leaf(U256::from_be(account.view()).to_be().view());
}

crypto::SumTree tree_of(const std::vector<RewardLeaf>& rewards) {
    std::vector<crypto::SumLeaf> leaves;
    leaves.reserve(rewards.size());
    for (const auto& leaf : rewards) leaves.push_back({reward_hash(leaf.account), leaf.cumulative});
    return crypto::SumTree(std::move(leaves));
}

// too_large beyond 2^256: no sum-tree is built of such leaves.
Result<U256> total_of(const std::vector<RewardLeaf>& rewards) {
    U256 total;
    for (const auto& leaf : rewards) total = OL_TRY(checked_add(total, leaf.cumulative));
    return total;
}

Result<U256> total_of(const std::vector<SignedReceipt>& receipts) {
    U256 total;
    for (const auto& item : receipts) total = OL_TRY(checked_add(total, item.receipt.fee));
    return total;
}

std::uint64_t credited_of(const std::vector<SignedReceipt>& receipts) {
    std::uint64_t credited = 0;
    for (const auto& item : receipts) credited += item.receipt.shares.size();
    return credited;
}

std::map<Address, U256> expected_rewards(const std::vector<SignedReceipt>& receipts,
                                         const std::vector<RewardLeaf>& previous) {
    std::map<Address, U256> sums;
    for (const auto& leaf : previous) sums[leaf.account] += leaf.cumulative;
    for (const auto& item : receipts) {
        for (const auto& payout : item.receipt.payouts) sums[payout.account] += payout.amount;
    }
    return sums;
}

auto order_key(const SignedReceipt& item) {
    return std::tuple(item.receipt.host, item.receipt.nonce);
}

AbiValue hash_list(const std::vector<Hash32>& hashes) {
    AbiValue::List out;
    for (const auto& hash : hashes) out.push_back(AbiValue(hash));
    return AbiValue(std::move(out));
}

AbiValue table_value(const attribution::suffix::TableEntry& entry) {
    return AbiValue(AbiValue::List{AbiValue(std::uint64_t{entry.offset}), entry.leaf_hash,
                                   entry.owner, AbiValue(std::uint64_t{entry.cluster})});
}

// receipt, index, proof: how the challenges of one receipt begin.
Result<AbiValue::List> opened_receipt(const Epoch& epoch, std::size_t index) {
    if (index >= epoch.receipts.size()) {
        return fail(ErrorCode::not_found, "epoch {} has {} receipts, no number {}", epoch.number,
                    epoch.receipts.size(), index);
    }
    const auto proof = OL_TRY(epoch.receipts_tree().prove(index));
    return AbiValue::List{epoch.receipts[index].receipt.to_abi(), AbiValue(std::uint64_t{index}),
                          sum_proof_value(proof)};
}

Result<const attribution::suffix::Match*> match_of(const Receipt& receipt, std::size_t match) {
    if (match >= receipt.matches.size() || receipt.matches[match].span >= receipt.spans.size()) {
        return fail(ErrorCode::not_found, "the receipt has no match {} of a span", match);
    }
    return &receipt.matches[match];
}

struct Claim {
    std::size_t index = 0;
    bool present = false;
};

// RewardClaim: an account's leaf with its proof, or the two neighbours between which it is missing.
Result<AbiValue> claim_value(const std::vector<RewardLeaf>& rewards, const Address& account,
                             const Claim& where) {
    const crypto::SumTree tree = tree_of(rewards);
    AbiValue none(AbiValue::List{});
    AbiValue proof = none, below_proof = none, above_proof = none;
    RewardLeaf below, above;
    U256 cumulative;
    if (where.present) {
        cumulative = rewards[where.index].cumulative;
        proof = sum_proof_value(OL_TRY(tree.prove(where.index)));
    } else {
        if (where.index > 0) {
            below = rewards[where.index - 1];
            below_proof = sum_proof_value(OL_TRY(tree.prove(where.index - 1)));
        }
        if (where.index < rewards.size()) {
            above = rewards[where.index];
            above_proof = sum_proof_value(OL_TRY(tree.prove(where.index)));
        }
    }
    return AbiValue(AbiValue::List{account, cumulative, AbiValue(where.present ? U256(1) : U256()),
                                   AbiValue(std::uint64_t{where.index}), proof, below.account,
                                   below.cumulative, below_proof, above.account, above.cumulative,
                                   above_proof});
}

// The account's leaf; of several the one that is not `expected`. When there is none: the first leaf
// with a greater account whose neighbour below is smaller.
Claim locate(const std::vector<RewardLeaf>& rewards, const Address& account, const U256& expected) {
    Claim out{rewards.size(), false};
    for (std::size_t i = 0; i < rewards.size(); ++i) {
        if (rewards[i].account == account) {
            if (!out.present || rewards[i].cumulative != expected) out = {i, true};
            if (rewards[i].cumulative != expected) return out;
        } else if (!out.present && out.index == rewards.size() && rewards[i].account > account &&
                   (i == 0 || rewards[i - 1].account < account)) {
            out.index = i;
        }
    }
    return out;
}

Result<std::uint64_t> header_u64(const Json& header, std::string_view key) {
    return OL_TRY_IN((*OL_TRY(header.require(key))).as_uint(), "{}", key);
}

Result<U256> header_u256(const Json& header, std::string_view key) {
    return OL_TRY_IN((*OL_TRY(header.require(key))).as_u256(), "{}", key);
}

Result<RewardLeaf> reward_from(const Json& json) {
    RewardLeaf out;
    out.account = OL_TRY_IN((*OL_TRY(json.require("account"))).as_address(), "account");
    out.cumulative = OL_TRY(header_u256(json, "cumulative"));
    return out;
}

class Lines {
public:
    explicit Lines(std::string_view text)
        : rest_(text) {}
    std::size_t number() const { return number_; }
    bool at_end() const { return rest_.empty(); }

    Result<Json> next() {
        ++number_;
        const auto end = rest_.find('\n');
        if (end == std::string_view::npos) {
            return fail(ErrorCode::corrupted, "epoch file: line {} is missing or cut off", number_);
        }
        auto json = Json::parse(rest_.substr(0, end));
        rest_.remove_prefix(end + 1);
        if (!json) {
            return fail(ErrorCode::corrupted, "epoch file: line {}: {}", number_,
                        json.error().context);
        }
        return json;
    }

    Error damaged(const Error& error) const {
        return {ErrorCode::corrupted,
                fmt::format("epoch file: line {}: {}", number_, error.context)};
    }

private:
    std::string_view rest_;
    std::size_t number_ = 0;
};

} // namespace

crypto::SumTree Epoch::receipts_tree() const {
    std::vector<crypto::SumLeaf> leaves;
    leaves.reserve(receipts.size());
    for (const auto& item : receipts) {
        leaves.push_back({crypto::merkle_leaf(item.receipt.hash().view()), item.receipt.fee});
    }
    return crypto::SumTree(std::move(leaves));
}

crypto::SumTree Epoch::rewards_tree() const { return tree_of(rewards); }

AbiValue Epoch::proposal() const {
    return AbiValue(AbiValue::List{receipts_tree().root(), AbiValue(std::uint64_t{receipts.size()}),
                                   receipts_total, rewards_tree().root(),
                                   AbiValue(std::uint64_t{rewards.size()}), rewards_total,
                                   AbiValue(credited_records), crypto::keccak256(to_jsonl())});
}

std::string Epoch::to_jsonl() const {
    const Json header = Json::object({{"format", file_format},
                                      {"formatVersion", file_version},
                                      {"epoch", number},
                                      {"receipts", std::uint64_t{receipts.size()}},
                                      {"rewards", std::uint64_t{rewards.size()}},
                                      {"receiptsTotal", receipts_total},
                                      {"rewardsTotal", rewards_total},
                                      {"creditedRecords", credited_records},
                                      {"receiptsRoot", receipts_tree().root()},
                                      {"rewardsRoot", rewards_tree().root()}});
    std::string out = header.dump() + "\n";
    for (const auto& leaf : rewards) {
        out += Json::object({{"account", leaf.account}, {"cumulative", leaf.cumulative}}).dump();
        out += "\n";
    }
    for (const auto& item : receipts) {
        out += item.to_json().dump();
        out += "\n";
    }
    return out;
}

Result<Epoch> Epoch::from_jsonl(std::string_view text) {
    Lines lines(text);
    const Json header = OL_TRY(lines.next());
    const auto damaged = [&lines](const Error& error) {
        return std::unexpected(lines.damaged(error));
    };
    if (header["format"] != Json(file_format) || header["formatVersion"] != Json(file_version)) {
        return fail(ErrorCode::unsupported, "not an epoch file of format {} version {}",
                    file_format, file_version);
    }
    Epoch out;
    std::uint64_t reward_count = 0, receipt_count = 0;
    const auto read_header = [&]() -> Status {
        out.number = OL_TRY(header_u64(header, "epoch"));
        reward_count = OL_TRY(header_u64(header, "rewards"));
        receipt_count = OL_TRY(header_u64(header, "receipts"));
        out.receipts_total = OL_TRY(header_u256(header, "receiptsTotal"));
        out.rewards_total = OL_TRY(header_u256(header, "rewardsTotal"));
        out.credited_records = OL_TRY(header_u64(header, "creditedRecords"));
        return {};
    };
    if (const auto read = read_header(); !read) return damaged(read.error());
    if (reward_count > rewards_limit || receipt_count > limits::epoch_receipts) {
        return fail(ErrorCode::too_large,
                    "epoch file: {} rewards and {} receipts; {} and {} are read", reward_count,
                    receipt_count, rewards_limit, limits::epoch_receipts);
    }
    for (std::uint64_t i = 0; i < reward_count; ++i) {
        auto leaf = reward_from(OL_TRY(lines.next()));
        if (!leaf) return damaged(leaf.error());
        out.rewards.push_back(*leaf);
    }
    for (std::uint64_t i = 0; i < receipt_count; ++i) {
        auto receipt = SignedReceipt::from_json(OL_TRY(lines.next()));
        if (!receipt) return damaged(receipt.error());
        out.receipts.push_back(std::move(*receipt));
    }
    if (!lines.at_end()) {
        return fail(ErrorCode::corrupted, "epoch file: text after line {}", lines.number());
    }
    const auto receipts_total = total_of(out.receipts), rewards_total = total_of(out.rewards);
    if (!receipts_total) return damaged(receipts_total.error());
    if (!rewards_total) return damaged(rewards_total.error());
    // The header says nothing that does not follow from the lines, and the lines have one spelling:
    // the same epoch is the same bytes.
    if (out.receipts_total != *receipts_total || out.rewards_total != *rewards_total ||
        out.credited_records != credited_of(out.receipts) || out.to_jsonl() != text) {
        return fail(
            ErrorCode::corrupted,
            "epoch file: the header's totals and roots are not those of its lines, or it is "
            "spelled differently");
    }
    return out;
}

Result<Epoch> make_epoch(std::uint64_t number, std::vector<SignedReceipt> receipts,
                         const std::vector<RewardLeaf>& previous) {
    if (receipts.empty()) return fail(ErrorCode::invalid_argument, "an epoch needs a receipt");
    if (receipts.size() > limits::epoch_receipts) {
        return fail(ErrorCode::too_large, "{} receipts; an epoch holds {}: settle the rest later",
                    receipts.size(), limits::epoch_receipts);
    }
    std::sort(receipts.begin(), receipts.end(), [](const SignedReceipt& a, const SignedReceipt& b) {
        return order_key(a) < order_key(b);
    });
    for (std::size_t i = 0; i < receipts.size(); ++i) {
        const Receipt& receipt = receipts[i].receipt;
        if (i > 0 && order_key(receipts[i - 1]) == order_key(receipts[i])) {
            return fail(ErrorCode::invalid_argument, "two receipts have nonce {} of host {}",
                        receipt.nonce, to_hex0x(receipt.host.view()));
        }
        U256 paid;
        for (const auto& payout : receipt.payouts) paid = OL_TRY(checked_add(paid, payout.amount));
        if (paid != receipt.fee) {
            return fail(ErrorCode::invalid_argument,
                        "receipt {} of host {} pays {} wei of a fee of {}", receipt.nonce,
                        to_hex0x(receipt.host.view()), paid.to_decimal(), receipt.fee.to_decimal());
        }
    }
    // What fits together fits alone: no account's sum below passes 2^256.
    OL_TRY(checked_add(OL_TRY(total_of(previous)), OL_TRY(total_of(receipts))));
    Epoch out;
    out.number = number;
    for (const auto& [account, cumulative] : expected_rewards(receipts, previous)) {
        out.rewards.push_back({account, cumulative});
    }
    out.receipts = std::move(receipts);
    out.receipts_total = OL_TRY(total_of(out.receipts));
    out.rewards_total = OL_TRY(total_of(out.rewards));
    out.credited_records = credited_of(out.receipts);
    return out;
}

AbiValue sum_proof_value(const std::vector<crypto::SumProofStep>& proof) {
    AbiValue::List out;
    for (const auto& step : proof) out.push_back(AbiValue(AbiValue::List{step.hash, step.sum}));
    return AbiValue(std::move(out));
}

Result<AbiValue::List> challenge_receipt_arguments(const Epoch& epoch, std::size_t index) {
    return opened_receipt(epoch, index);
}

namespace {

// The words of a receipt's answer, when they are those of its root.
Result<std::vector<text::SymbolWord>> opened_answer(const Epoch& epoch, std::size_t index) {
    const SignedReceipt& item = epoch.receipts[index];
    auto words = OL_TRY_IN(answer_words(item.answer), "answer of receipt {}", index);
    if (answer_tree(words).root() != item.receipt.answer_root) {
        return fail(ErrorCode::unverified,
                    "the published answer of receipt {} has other symbols than its root", index);
    }
    return words;
}

} // namespace

Result<AbiValue::List> challenge_span_arguments(const Epoch& epoch, std::size_t index,
                                                std::size_t match, std::size_t offset,
                                                const attribution::suffix::Prover& prover) {
    AbiValue::List out = OL_TRY(opened_receipt(epoch, index));
    const SignedReceipt& item = epoch.receipts[index];
    const auto* claimed = OL_TRY(match_of(item.receipt, match));
    const auto& span = item.receipt.spans[claimed->span];
    const auto words = OL_TRY(opened_answer(epoch, index));
    const std::uint64_t in_answer = std::uint64_t{span.start} + offset;
    const std::uint64_t in_text = std::uint64_t{claimed->position} + offset;
    if (offset >= span.length || in_answer >= words.size() ||
        in_text >= prover.commitment().symbol_count) {
        return fail(ErrorCode::invalid_argument,
                    "offset {} of match {} lies outside of the span, the answer or the version",
                    offset, match);
    }
    const auto opening = OL_TRY(prover.open_text(static_cast<std::uint32_t>(in_text)));
    out.push_back(AbiValue(std::uint64_t{match}));
    out.push_back(AbiValue(std::uint64_t{offset}));
    out.push_back(AbiValue(words[in_answer]));
    out.push_back(hash_list(OL_TRY(answer_tree(words).prove(in_answer))));
    out.push_back(AbiValue(opening.leaf));
    out.push_back(hash_list(opening.siblings));
    return out;
}

Result<AbiValue::List> challenge_match_arguments(const Epoch& epoch, std::size_t index,
                                                 std::size_t match,
                                                 const attribution::suffix::Segment& segment,
                                                 const attribution::suffix::Prover& prover) {
    AbiValue::List out = OL_TRY(opened_receipt(epoch, index));
    const auto* claimed = OL_TRY(match_of(epoch.receipts[index].receipt, match));
    if (claimed->position >= segment.symbol_count() || claimed->record >= segment.record_count()) {
        return fail(ErrorCode::invalid_argument, "match {} lies outside of the version", match);
    }
    const std::uint32_t holder = segment.record_at(claimed->position);
    const bool last = holder + 1 == segment.record_count();
    const auto siblings = [&](std::uint32_t record) -> Result<AbiValue> {
        return hash_list(OL_TRY(prover.open_table(record)).siblings);
    };
    out.push_back(AbiValue(std::uint64_t{match}));
    out.push_back(table_value(segment.table_entry(holder)));
    out.push_back(AbiValue(std::uint64_t{holder}));
    out.push_back(OL_TRY(siblings(holder)));
    out.push_back(
        table_value(last ? attribution::suffix::TableEntry{} : segment.table_entry(holder + 1)));
    out.push_back(last ? AbiValue(AbiValue::List{}) : OL_TRY(siblings(holder + 1)));
    out.push_back(table_value(segment.table_entry(claimed->record)));
    out.push_back(OL_TRY(siblings(claimed->record)));
    return out;
}

Result<AbiValue::List> challenge_longer_match_arguments(const Epoch& epoch, std::size_t index,
                                                        const Fault& fault,
                                                        const attribution::suffix::Prover& prover) {
    AbiValue::List out = OL_TRY(opened_receipt(epoch, index));
    const auto words = OL_TRY(opened_answer(epoch, index));
    out.push_back(AbiValue(std::uint64_t{fault.span}));
    out.push_back(AbiValue(
        OL_TRY(prover.prove_longer_match(words, fault.start, fault.length, fault.position))));
    return out;
}

Result<AbiValue::List> challenge_reward_arguments(const Epoch& epoch,
                                                  const std::vector<RewardLeaf>& previous,
                                                  const Address& account) {
    const auto expected = expected_rewards(epoch.receipts, previous);
    const auto found = expected.find(account);
    const U256 due = found == expected.end() ? U256() : found->second;
    const Claim now = locate(epoch.rewards, account, due);
    // The finalised rewards have one leaf an account: any expectation finds it.
    const Claim before = locate(previous, account, U256());
    AbiValue::List receipts;
    for (const auto& item : epoch.receipts) receipts.push_back(item.receipt.to_abi());
    return AbiValue::List{AbiValue(std::move(receipts)),
                          OL_TRY(claim_value(epoch.rewards, account, now)),
                          OL_TRY(claim_value(previous, account, before))};
}

Result<AbiValue::List> challenge_reward_order_arguments(const Epoch& epoch, std::size_t index) {
    if (index + 1 >= epoch.rewards.size()) {
        return fail(ErrorCode::not_found, "epoch {} has {} rewards, none after number {}",
                    epoch.number, epoch.rewards.size(), index);
    }
    const crypto::SumTree tree = epoch.rewards_tree();
    const RewardLeaf &leaf = epoch.rewards[index], &next = epoch.rewards[index + 1];
    return AbiValue::List{AbiValue(std::uint64_t{index}),
                          leaf.account,
                          leaf.cumulative,
                          sum_proof_value(OL_TRY(tree.prove(index))),
                          next.account,
                          next.cumulative,
                          sum_proof_value(OL_TRY(tree.prove(index + 1)))};
}

Result<AbiValue::List> challenge_replay_arguments(const Epoch& epoch, std::size_t index,
                                                  const Epoch& other, std::size_t other_index) {
    AbiValue::List out = OL_TRY(opened_receipt(epoch, index));
    AbiValue::List second = OL_TRY(opened_receipt(other, other_index));
    out.push_back(AbiValue(other.number));
    out.insert(out.end(), second.begin(), second.end());
    return out;
}

std::optional<Address> find_reward_fault(const Epoch& epoch,
                                         const std::vector<RewardLeaf>& previous) {
    const auto expected = expected_rewards(epoch.receipts, previous);
    std::map<Address, U256> stated;
    std::optional<Address> first;
    const auto fault = [&](const Address& account) {
        if (!first || account < *first) first = account;
    };
    for (const auto& leaf : epoch.rewards) {
        const auto due = expected.find(leaf.account);
        const bool repeated = !stated.emplace(leaf.account, leaf.cumulative).second;
        const U256 amount = due == expected.end() ? U256() : due->second;
        if (repeated || amount != leaf.cumulative) fault(leaf.account);
    }
    for (const auto& [account, cumulative] : expected) {
        if (!stated.contains(account) && !cumulative.is_zero()) fault(account);
    }
    if (first || epoch.receipts.empty()) return first;
    const bool ascending = std::adjacent_find(epoch.receipts.begin(), epoch.receipts.end(),
                                              [](const SignedReceipt& a, const SignedReceipt& b) {
                                                  return order_key(a) >= order_key(b);
                                              }) == epoch.receipts.end();
    if (!ascending || epoch.credited_records != credited_of(epoch.receipts)) {
        return epoch.receipts.front().receipt.host;
    }
    return {};
}

std::optional<std::size_t> find_reward_order_fault(const Epoch& epoch) {
    for (std::size_t i = 0; i + 1 < epoch.rewards.size(); ++i) {
        if (epoch.rewards[i].account >= epoch.rewards[i + 1].account) return i;
    }
    return {};
}

std::optional<Replay> find_replay(const Epoch& epoch, const std::vector<Epoch>& finalised) {
    std::map<std::tuple<Address, std::uint64_t>, Replay> used;
    for (const Epoch& other : finalised) {
        for (std::size_t i = 0; i < other.receipts.size(); ++i) {
            used.emplace(order_key(other.receipts[i]), Replay{0, other.number, i});
        }
    }
    for (std::size_t i = 0; i < epoch.receipts.size(); ++i) {
        const auto [before, is_new] =
            used.emplace(order_key(epoch.receipts[i]), Replay{0, epoch.number, i});
        if (!is_new) return Replay{i, before->second.other_epoch, before->second.other_index};
    }
    return {};
}

} // namespace ol::market
