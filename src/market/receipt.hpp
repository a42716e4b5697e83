// Receipts: what was answered, by whom, for how much, and who is paid (docs/formats/money.md,
// contracts/src/interfaces/Types.sol). Everything in a receipt can be recomputed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "attribution/blend/shares.hpp"
#include "attribution/suffix/trace.hpp"
#include "codec/abi.hpp"
#include "codec/json.hpp"
#include "crypto/merkle.hpp"
#include "crypto/secp256k1.hpp"
#include "ledger/rpc.hpp"

namespace ol::market {

struct Payout {
    Address account;
    U256 amount;
    bool operator==(const Payout&) const = default;
};

struct Receipt {
    Hash32 datanet_id;
    std::uint64_t version = 0;
    Hash32 adapter_id;
    Address payer, host;
    std::uint64_t nonce = 0;
    std::uint32_t tokens_in = 0, tokens_out = 0;
    U256 fee, cumulative;
    Hash32 prompt_hash, answer_hash, answer_root;
    std::uint32_t answer_symbols = 0, covered = 0;
    std::uint64_t parameters_version = 0;
    std::vector<attribution::suffix::Span> spans;
    std::vector<attribution::suffix::Match> matches;
    std::vector<attribution::blend::Share> shares;
    std::vector<Payout> payouts;

    codec::AbiValue to_abi() const;
    static Result<Receipt> from_abi(ByteView encoded);
    Bytes encode() const; // abi.encode(receipt)
    Hash32 hash() const;  // keccak(encode())
    codec::Json to_json() const;
    static Result<Receipt> from_json(const codec::Json& json);
    bool operator==(const Receipt&) const = default;
};

// A receipt with its host's signature and the texts that it hashes: what the node keeps and
// publishes.
struct SignedReceipt {
    Receipt receipt;
    crypto::Signature signature; // of receipt_digest by receipt.host
    std::string prompt, answer;
    codec::Json to_json() const;
    static Result<SignedReceipt> from_json(const codec::Json& json);
};

Hash32 receipt_digest(const ledger::TypedDomain& settlement_domain, const Hash32& receipt_hash);

// The parameters that a receipt is computed under (one ProtocolParameters version).
struct MoneyRules {
    std::uint64_t version = 0;
    std::uint64_t threshold = 0; // tau, 2^-32
    std::uint64_t split_platform = 0, split_host = 0, split_model = 0, split_stakers = 0,
                  split_contributors = 0, unexplained_base = 0;
    U256 platform_fee;
    attribution::suffix::TraceRules trace;
};

// Who the fixed parts go to.
struct Parties {
    Address treasury, host, model_owner, base_owner, stake_vault;
};

U256 fee_of(std::uint32_t tokens_in, std::uint32_t tokens_out, const U256& price_in,
            const U256& price_out, const U256& platform_fee);

// Steps 2 to 7 of docs/formats/money.md; the payouts sum to fee.
std::vector<Payout> payouts_of(const U256& fee, std::uint32_t answer_symbols, std::uint32_t covered,
                               const std::vector<attribution::blend::Share>& shares,
                               const MoneyRules& rules, const Parties& parties);

// Fills trace, shares and payouts of a receipt whose other fields are set (tokens, nonce, ids,
// ...).
Result<Receipt> complete_receipt(Receipt draft, std::string_view prompt, std::string_view answer,
                                 const attribution::suffix::Segment& segment,
                                 const MoneyRules& rules, const Parties& parties);

// The answer's symbols as words, and the tree whose root is answer_root. invalid_argument when the
// answer is not UTF-8.
Result<std::vector<text::SymbolWord>> answer_words(std::string_view answer);
crypto::MerkleTree answer_tree(const std::vector<text::SymbolWord>& words);

// The first thing in a signed receipt that does not hold, found by recomputing all of it from
// public data: hashes, symbols, trace, shares, payouts, fee, signature. `kind` names the contract's
// challenge.
struct Fault {
    // "challengeReceipt", "challengeSpan", "challengeMatch", "challengeLongerMatch", or
    // "unprovable"
    std::string kind;
    std::string reason;     // for people
    std::size_t match = 0;  // of challengeSpan, challengeMatch
    std::size_t offset = 0; // of challengeSpan
    // Of challengeLongerMatch: the span, and which of the answer's symbols stand where in T.
    std::size_t span = 0;
    std::uint32_t start = 0, length = 0, position = 0;
};
std::optional<Fault> find_fault(const SignedReceipt& receipt,
                                const attribution::suffix::Segment& segment,
                                const MoneyRules& rules, const Parties& parties,
                                const U256& price_in, const U256& price_out,
                                const ledger::TypedDomain& settlement_domain);

} // namespace ol::market
