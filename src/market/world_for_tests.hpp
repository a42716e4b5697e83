// A small world for the tests of this folder: records with owners and a near-duplicate, their
// segment, answers that repeat pieces of them, and receipts of those answers.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/prng.hpp"
#include "base/thread_pool.hpp"
#include "crypto/hash.hpp"
#include "market/epoch.hpp"
#include "market/receipt.hpp"

namespace ol::market::test {

using attribution::suffix::Segment;
using attribution::suffix::SourceRecord;

inline Address address_of(std::uint64_t number) {
    Address out;
    put_be64(out.data.data() + 12, number);
    return out;
}

inline crypto::PrivateKey key_of(std::uint8_t number) {
    Hash32 secret;
    secret[31] = number;
    return *crypto::PrivateKey::from_bytes(secret.view());
}

class World {
public:
    static constexpr std::uint32_t record_count = 14, copy = 9, original = 4;

    explicit World(std::uint64_t seed)
        : prng(seed) {
        folder_ = std::filesystem::temp_directory_path() /
                  fmt::format("ol-market-{}-{}", ::getpid(), seed);
        std::filesystem::create_directories(folder_);
        for (std::uint32_t r = 0; r < record_count; ++r) {
            texts_.push_back(r == copy ? texts_[original] + " and one word more"
                                       : sentence(60 + prng.below(60)));
        }
        std::vector<SourceRecord> records;
        for (std::uint32_t r = 0; r < record_count; ++r) {
            SourceRecord record;
            record.leaf_hash = crypto::keccak256(texts_[r]);
            record.owner = address_of(1000 + r % 6);
            record.cluster = r == copy ? original : r;
            record.text = texts_[r];
            records.push_back(record);
        }
        ThreadPool pool(1);
        auto built = Segment::build(records, folder_ / "segment", pool);
        EXPECT_TRUE(built) << built.error().to_string();
        segment = std::make_unique<Segment>(std::move(*built));
        lists = attribution::suffix::OwnerLists::make(*segment);
        prover = std::make_unique<attribution::suffix::Prover>(*segment, lists);

        rules.version = 1;
        rules.threshold = (1ULL << 32) / 64;
        rules.split_platform = rules.split_host = rules.split_model = 1000;
        rules.split_stakers = 2000;
        rules.split_contributors = rules.unexplained_base = 5000;
        rules.platform_fee = U256(1'000'000'000'000);
        parties = {address_of(1), host.address(), address_of(3), address_of(4), address_of(5)};
        domain = {"OpenLedger AttributionSettlement", "1", 7777, address_of(6)};
    }
    ~World() {
        prover.reset();
        segment.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    std::string sentence(std::uint64_t words) {
        std::string out;
        for (std::uint64_t i = 0; i < words; ++i) {
            if (!out.empty()) out += ' ';
            // Few words are frequent and most are rare.
            const std::uint64_t top = 1ULL << (1 + prng.below(9));
            out += fmt::format("w{}", prng.below(top));
        }
        return out;
    }

    // Pieces of records between words of nobody.
    std::string answer() {
        std::string out;
        const std::uint64_t pieces = prng.below(6);
        for (std::uint64_t i = 0; i < pieces; ++i) {
            const std::string& text = texts_[prng.below(record_count)];
            const std::size_t from = prng.below(text.size() - 1);
            out += text.substr(from, 20 + prng.below(160)) + " ";
            if (prng.below(2) == 0) out += sentence(1 + prng.below(12)) + " ";
        }
        return out.empty() ? sentence(prng.below(20)) : out;
    }

    SignedReceipt signed_by_host(Receipt receipt, std::string prompt, std::string answer) const {
        SignedReceipt out;
        out.signature = host.sign(receipt_digest(domain, receipt.hash()));
        out.receipt = std::move(receipt);
        out.prompt = std::move(prompt);
        out.answer = std::move(answer);
        return out;
    }

    SignedReceipt receipt(const std::string& answer_text, std::uint64_t nonce) {
        Receipt draft;
        draft.datanet_id = datanet_id;
        draft.version = 1;
        draft.adapter_id = adapter_id;
        draft.payer = payer.address();
        draft.host = host.address();
        draft.nonce = nonce;
        draft.tokens_in = static_cast<std::uint32_t>(prng.below(5000));
        draft.tokens_out = static_cast<std::uint32_t>(prng.below(1024));
        draft.fee =
            fee_of(draft.tokens_in, draft.tokens_out, price_in, price_out, rules.platform_fee);
        cumulative += draft.fee;
        draft.cumulative = cumulative;
        const std::string prompt = sentence(5);
        auto done = complete_receipt(draft, prompt, answer_text, *segment, rules, parties);
        EXPECT_TRUE(done) << done.error().to_string();
        return signed_by_host(*done, prompt, answer_text);
    }

    std::optional<Fault> fault_of(const SignedReceipt& item) const {
        return find_fault(item, *segment, rules, parties, price_in, price_out, domain);
    }

    // Shares and payouts that follow from the (forged) matches.
    void settle(Receipt& receipt) const {
        receipt.shares = attribution::blend::shares_of(receipt.matches, rules.threshold);
        receipt.payouts = payouts_of(receipt.fee, receipt.answer_symbols, receipt.covered,
                                     receipt.shares, rules, parties);
    }

    Prng prng;
    std::unique_ptr<Segment> segment;
    attribution::suffix::OwnerLists lists;
    std::unique_ptr<attribution::suffix::Prover> prover;
    MoneyRules rules;
    Parties parties;
    crypto::PrivateKey host = key_of(7), payer = key_of(8);
    ledger::TypedDomain domain;
    Hash32 datanet_id, adapter_id;
    U256 price_in = *parse_open("0.0123456789"), price_out = *parse_open("0.0456789123456789");
    U256 cumulative;

private:
    Path folder_;
    std::vector<std::string> texts_;
};

// Changes one number of a receipt at random; false when there was nothing to change.
inline bool mutate(Receipt& receipt, Prng& prng) {
    const auto nudge = [&](auto& value) {
        using T = std::remove_reference_t<decltype(value)>;
        const std::uint64_t how = prng.below(4);
        if (how == 0) value = static_cast<T>(value + 1);
        if (how == 1) value = static_cast<T>(value - 1);
        if (how == 2) value = static_cast<T>(prng.below(40));
        if (how == 3) value = static_cast<T>(prng.next());
        return true;
    };
    const auto pick = [&](auto& list) { return &list[prng.below(list.size())]; };
    switch (prng.below(18)) {
    case 0:
        receipt.fee += U256(1);
        return true;
    case 1:
        return nudge(receipt.tokens_in);
    case 2:
        return nudge(receipt.covered);
    case 3:
        return nudge(receipt.answer_symbols);
    case 4:
        receipt.cumulative = U256(prng.below(3));
        return true;
    case 5:
        return !receipt.spans.empty() && nudge(pick(receipt.spans)->start);
    case 6:
        return !receipt.spans.empty() && nudge(pick(receipt.spans)->length);
    case 7:
        return !receipt.spans.empty() && nudge(pick(receipt.spans)->owned);
    case 8:
        return !receipt.spans.empty() && nudge(pick(receipt.spans)->credit);
    case 9:
        return !receipt.matches.empty() && nudge(pick(receipt.matches)->span);
    case 10:
        return !receipt.matches.empty() && nudge(pick(receipt.matches)->record);
    case 11:
        return !receipt.matches.empty() && nudge(pick(receipt.matches)->credit);
    case 12:
        return !receipt.matches.empty() && nudge(pick(receipt.matches)->position);
    case 13:
        return !receipt.shares.empty() && nudge(pick(receipt.shares)->share);
    case 14:
        return !receipt.shares.empty() && nudge(pick(receipt.shares)->record);
    case 15:
        if (receipt.payouts.size() < 2) return false;
        receipt.payouts[0].amount += U256(1);
        receipt.payouts[1].amount -= U256(1);
        return true;
    case 16:
        pick(receipt.payouts)->account[19] ^= 1;
        return true;
    default:
        if (receipt.matches.empty()) return false;
        pick(receipt.matches)->owner[19] ^= 1;
        return true;
    }
}

} // namespace ol::market::test
