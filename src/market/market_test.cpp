#include <algorithm>

#include <gtest/gtest.h>

#include "attribution/suffix/proof/leaves.hpp"
#include "market/epoch.hpp"
#include "market/receipt.hpp"
#include "market/voucher.hpp"
#include "market/world_for_tests.hpp"

namespace ol::market {
namespace {

using attribution::blend::Share;
using test::address_of;
using test::World;

U256 sum_of(const std::vector<Payout>& payouts) {
    U256 out;
    for (const auto& payout : payouts) out += payout.amount;
    return out;
}

// The rule of docs/formats/money.md read aloud: while units are left, one goes to the largest rest.
std::vector<U256> naive_split(const U256& total, const std::vector<std::uint64_t>& weights) {
    U256 all;
    for (const auto weight : weights) all += U256(weight);
    std::vector<U256> parts(weights.size()), rests(weights.size());
    if (all.is_zero()) return parts;
    U256 given;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        // Schoolbook long division: how often fits `all` into total * weight.
        U256 rest = total * U256(weights[i]);
        for (int bit = 255 - all.bit_length(); bit >= 0; --bit) {
            const U256 step = all << static_cast<unsigned>(bit);
            if (rest >= step) {
                rest -= step;
                parts[i] += U256(1) << static_cast<unsigned>(bit);
            }
        }
        rests[i] = rest;
        given += parts[i];
    }
    std::vector<bool> had(weights.size());
    while (given < total) {
        std::size_t best = weights.size();
        for (std::size_t i = 0; i < weights.size(); ++i) {
            if (!had[i] && (best == weights.size() || rests[i] > rests[best])) best = i;
        }
        had[best] = true;
        parts[best] += U256(1);
        given += U256(1);
    }
    return parts;
}

std::vector<Payout> naive_payouts(const U256& fee, std::uint32_t symbols, std::uint32_t covered,
                                  const std::vector<Share>& shares, const MoneyRules& rules,
                                  const Parties& parties) {
    const auto split = naive_split(fee, {rules.split_platform, rules.split_host, rules.split_model,
                                         rules.split_stakers, rules.split_contributors});
    const U256 e =
        symbols == 0 || shares.empty() ? U256() : U256(covered) * (U256(1) << 32) / U256(symbols);
    const U256 earned = split[4] * e / (U256(1) << 32);
    const U256 left = split[4] - earned;
    const U256 base = left * U256(rules.unexplained_base) / U256(10'000);
    std::vector<Payout> all{{parties.treasury, split[0]},    {parties.host, split[1]},
                            {parties.model_owner, split[2]}, {parties.stake_vault, split[3]},
                            {parties.base_owner, base},      {parties.treasury, left - base}};
    std::vector<std::uint64_t> weights;
    for (const auto& share : shares) weights.push_back(share.share);
    const auto parts = naive_split(earned, weights);
    for (std::size_t i = 0; i < shares.size(); ++i) all.push_back({shares[i].owner, parts[i]});
    std::vector<Payout> out;
    for (const auto& entry : all) {
        auto same = std::find_if(out.begin(), out.end(),
                                 [&](const Payout& p) { return p.account == entry.account; });
        if (same == out.end()) {
            out.push_back(entry);
        } else {
            same->amount += entry.amount;
        }
    }
    std::erase_if(out, [](const Payout& p) { return p.amount.is_zero(); });
    std::sort(out.begin(), out.end(),
              [](const Payout& a, const Payout& b) { return a.account < b.account; });
    return out;
}

TEST(Fee, RoundsEachPartDown) {
    EXPECT_EQ(fee_of(1, 1, U256(999), U256(999), U256(5)), U256(5));
    EXPECT_EQ(fee_of(1500, 2999, U256(3), U256(7), U256(10)), U256(4 + 20 + 10));
}

// By hand: 1003 wei split 10/10/10/20/50 % is 100, 100, 100, 201, 502; a quarter explained earns
// 125, the rest of 377 gives 188 to the base and 189 to the treasury; 3/4 and 1/4 of 125 are 94
// and 31.
TEST(Payouts, AsComputedByHand) {
    World world(1);
    const std::vector<Share> shares{{2, address_of(50), 3ULL << 30},
                                    {7, address_of(60), 1ULL << 30}};
    const auto payouts = payouts_of(U256(1003), 4, 1, shares, world.rules, world.parties);
    const std::vector<Payout> expected{{address_of(1), U256(289)},     {address_of(3), U256(100)},
                                       {address_of(4), U256(188)},     {address_of(5), U256(201)},
                                       {address_of(50), U256(94)},     {address_of(60), U256(31)},
                                       {world.parties.host, U256(100)}};
    EXPECT_EQ(payouts, expected);
}

TEST(Payouts, EqualTheNaiveTwinAndConserveTheFee) {
    Prng prng(2);
    for (int round = 0; round < 3000; ++round) {
        MoneyRules rules;
        rules.split_platform = prng.below(3001);
        rules.split_host = prng.below(5001);
        rules.split_model = prng.below(5001);
        rules.split_stakers = prng.below(5001);
        rules.split_contributors = 1000 + prng.below(8001);
        rules.unexplained_base = prng.below(10'001);
        // Few accounts, so that one is often paid for several things.
        const auto somebody = [&] { return address_of(1 + prng.below(8)); };
        const Parties parties{somebody(), somebody(), somebody(), somebody(), somebody()};
        std::vector<Share> shares;
        std::uint64_t left = attribution::blend::one;
        for (std::uint32_t r = 0; left != 0 && prng.below(8) != 0; ++r) {
            const std::uint64_t part = prng.below(3) == 0 ? left : prng.below(left + 1);
            shares.push_back({r, somebody(), part});
            left -= part;
        }
        if (left != 0 && !shares.empty()) shares.back().share += left;
        const auto symbols = static_cast<std::uint32_t>(prng.below(200));
        const auto covered =
            shares.empty() ? 0 : static_cast<std::uint32_t>(prng.below(symbols + 1ULL));
        U256 fee(prng.next());
        if (prng.below(3) == 0) fee = U256(prng.below(30));
        if (prng.below(3) == 0) fee = fee * U256(prng.next());
        const auto payouts = payouts_of(fee, symbols, covered, shares, rules, parties);
        ASSERT_EQ(payouts, naive_payouts(fee, symbols, covered, shares, rules, parties));
        ASSERT_EQ(sum_of(payouts), fee);
    }
}

TEST(Receipt, IsCompletedFromTheTrace) {
    World world(3);
    bool paid = false, unpaid = false;
    for (int i = 0; i < 60; ++i) {
        const auto item = world.receipt(world.answer(), static_cast<std::uint64_t>(i));
        const Receipt& r = item.receipt;
        ASSERT_FALSE(world.fault_of(item)) << world.fault_of(item)->reason;
        EXPECT_EQ(sum_of(r.payouts), r.fee);
        std::uint64_t shares = 0;
        for (const auto& share : r.shares) shares += share.share;
        EXPECT_EQ(shares, r.shares.empty() ? 0 : attribution::blend::one);
        (r.shares.empty() ? unpaid : paid) = true;
        const auto words = *answer_words(item.answer);
        EXPECT_EQ(r.answer_symbols, words.size());
        EXPECT_EQ(r.answer_root, answer_tree(words).root());
        // A copied record's share goes to the first contributor.
        for (const auto& match : r.matches) EXPECT_NE(match.record, World::copy);
    }
    EXPECT_TRUE(paid && unpaid);
    EXPECT_FALSE(complete_receipt({}, "p", "\xff\xfe", *world.segment, world.rules, world.parties));
}

TEST(Receipt, RoundTripsAsAbiAndJson) {
    World world(4);
    for (int i = 0; i < 40; ++i) {
        const auto item = world.receipt(world.answer(), static_cast<std::uint64_t>(i));
        const Bytes encoded = item.receipt.encode();
        const auto back = Receipt::from_abi(encoded);
        ASSERT_TRUE(back) << back.error().to_string();
        EXPECT_EQ(*back, item.receipt);
        const auto json = codec::Json::parse(item.to_json().dump());
        const auto again = SignedReceipt::from_json(*json);
        ASSERT_TRUE(again) << again.error().to_string();
        EXPECT_EQ(again->receipt, item.receipt);
        EXPECT_EQ(again->signature, item.signature);
        EXPECT_EQ(again->answer, item.answer);
        EXPECT_EQ(again->to_json(), item.to_json());
    }
}

TEST(Receipt, RefusesOtherBytes) {
    World world(5);
    auto item = world.receipt(world.answer(), 0);
    while (item.receipt.matches.empty()) item = world.receipt(world.answer(), 0);
    const Bytes good = item.receipt.encode();
    for (std::size_t cut = 0; cut < good.size(); cut += 13) {
        EXPECT_FALSE(Receipt::from_abi(ByteView(good).first(cut)));
    }
    Bytes longer = good;
    longer.push_back(0);
    EXPECT_FALSE(Receipt::from_abi(longer));
    longer.resize(good.size() + 32);
    EXPECT_FALSE(Receipt::from_abi(longer));
    // A changed byte is refused or another receipt, never the same.
    Prng prng(6);
    for (int i = 0; i < 4000; ++i) {
        Bytes bytes = good;
        bytes[prng.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + prng.below(255));
        const auto other = Receipt::from_abi(bytes);
        if (other) {
            EXPECT_NE(*other, item.receipt);
            EXPECT_EQ(other->encode(), bytes);
        }
    }
}

TEST(Receipt, JsonWithoutAMemberOrWithAnotherNumberIsRefused) {
    World world(7);
    auto item = world.receipt(world.answer(), 0);
    while (item.receipt.matches.empty()) item = world.receipt(world.answer(), 0);
    const codec::Json good = item.to_json();
    for (const auto& [name, value] : good["receipt"].members()) {
        codec::Json receipt = good["receipt"], whole = good;
        receipt.set(name, codec::Json());
        whole.set("receipt", receipt);
        EXPECT_FALSE(SignedReceipt::from_json(whole)) << name;
        if (value.is_number()) {
            receipt.set(name, *value.as_uint() + 1);
            whole.set("receipt", receipt);
            const auto changed = SignedReceipt::from_json(whole);
            ASSERT_FALSE(changed) << name;
            EXPECT_EQ(changed.error().code, ErrorCode::corrupted) << name;
            receipt.set(name, -1);
            whole.set("receipt", receipt);
            EXPECT_FALSE(SignedReceipt::from_json(whole)) << name;
        }
    }
    for (const auto& [name, value] : good.members()) {
        codec::Json whole = good;
        whole.set(name, codec::Json());
        EXPECT_FALSE(SignedReceipt::from_json(whole)) << name;
    }
    EXPECT_FALSE(SignedReceipt::from_json(codec::Json(5)));
}

// Digest made with ethers 6.17, TypedDataEncoder.hash.
TEST(Receipt, DigestMatchesEthers) {
    Hash32 hash;
    hash.data.fill(0x11);
    const ledger::TypedDomain domain{"OpenLedger AttributionSettlement", "1", 7777,
                                     address_of(0xbb)};
    EXPECT_EQ(to_hex(receipt_digest(domain, hash).view()),
              "56c16b05b07e8ab5a523813d5135240e7c303f791c87d6c55a09aced830af1a9");
}

class Forged : public testing::Test {
protected:
    Forged()
        : world(8)
        , good(world.receipt(world.answer(), 0)) {
        while (good.receipt.matches.size() < 2 || good.receipt.shares.size() < 2) {
            good = world.receipt(world.answer(), 0);
        }
    }
    // The kind of fault that is found after `change`, signed by the host.
    Fault fault_after(const std::function<void(Receipt&)>& change) {
        Receipt receipt = good.receipt;
        change(receipt);
        const auto fault = world.fault_of(world.signed_by_host(receipt, good.prompt, good.answer));
        return fault.value_or(Fault{"none", ""});
    }
    World world;
    SignedReceipt good;
};

TEST_F(Forged, NumbersThatDoNotFollow) {
    const auto kind = [&](const std::function<void(Receipt&)>& change) {
        return fault_after(change).kind;
    };
    EXPECT_EQ(kind([](Receipt&) {}), "none");
    EXPECT_EQ(kind([](Receipt& r) { r.fee += U256(1); }), "challengeReceipt");
    EXPECT_EQ(kind([](Receipt& r) { r.tokens_out += 1000; }), "challengeReceipt");
    EXPECT_EQ(kind([](Receipt& r) { r.cumulative = r.fee - U256(1); }), "challengeReceipt");
    EXPECT_EQ(kind([](Receipt& r) { r.covered -= 1; }), "challengeReceipt");
    EXPECT_EQ(kind([](Receipt& r) { r.spans[0].credit += 1; }), "challengeReceipt");
    EXPECT_EQ(kind([](Receipt& r) { r.spans[0].length = 5; }), "challengeReceipt");
    EXPECT_EQ(kind([](Receipt& r) { r.matches[0].credit += 1; }), "challengeReceipt");
    EXPECT_EQ(kind([](Receipt& r) { r.matches[0].position = 0x7fffffff; }), "challengeReceipt");
    EXPECT_EQ(kind([](Receipt& r) { r.matches.pop_back(); }), "challengeReceipt");
    EXPECT_EQ(kind([](Receipt& r) { r.spans.clear(); }), "challengeReceipt");
    EXPECT_EQ(kind([](Receipt& r) {
                  std::swap(r.shares[0].share, r.shares[1].share), r.shares[0].share += 1;
              }),
              "challengeReceipt");
    EXPECT_EQ(kind([](Receipt& r) { r.payouts[0].account = address_of(99); }), "challengeReceipt");
    EXPECT_EQ(kind([](Receipt& r) {
                  r.payouts.push_back({address_of(99), U256()});
              }),
              "challengeReceipt");
}

TEST_F(Forged, OccurrencesThatAreNot) {
    const Fault span = fault_after([&](Receipt& r) {
        const std::uint32_t end = world.segment->symbol_count() - r.spans[0].length;
        r.matches[0].position =
            r.matches[0].position < end ? r.matches[0].position + 1 : r.matches[0].position - 1;
    });
    EXPECT_EQ(span.kind, "challengeSpan");
    EXPECT_EQ(span.match, 0U);
    const Fault owner = fault_after([&](Receipt& r) {
        for (auto& match : r.matches) match.owner = address_of(77);
        world.settle(r);
    });
    EXPECT_EQ(owner.kind, "challengeMatch");
    const Fault record = fault_after([&](Receipt& r) {
        auto& match = r.matches.back();
        match.record = match.record + 1 < World::record_count ? match.record + 1 : 0;
        match.owner = world.segment->table_entry(match.record).owner;
        // Only when it keeps its place in the order of the span's records.
        world.settle(r);
    });
    EXPECT_TRUE(record.kind == "challengeMatch" || record.kind == "challengeReceipt")
        << record.kind;
}

TEST_F(Forged, SpansThatCouldBeLonger) {
    const auto honest = good.receipt.spans[0];
    for (const bool front : {true, false}) {
        const Fault fault = fault_after([&](Receipt& r) {
            auto& span = r.spans[0];
            span.length -= 1;
            span.start += front ? 1 : 0;
            r.covered -= span.owned;
            span.owned = std::min(span.owned, span.length);
            r.covered += span.owned;
            if (front) {
                for (auto& match : r.matches) match.position += match.span == 0 ? 1 : 0;
            }
            world.settle(r);
        });
        EXPECT_EQ(fault.kind, "challengeLongerMatch") << fault.reason;
        EXPECT_EQ(fault.span, 0U);
        EXPECT_EQ(fault.start, honest.start);
        EXPECT_EQ(fault.length, honest.length);
    }
}

TEST_F(Forged, WhatNoContractCanBeShown) {
    auto item = good;
    item.signature = world.payer.sign(receipt_digest(world.domain, item.receipt.hash()));
    EXPECT_EQ(world.fault_of(item)->kind, "unprovable");
    item = good;
    item.prompt += "!";
    EXPECT_EQ(world.fault_of(item)->kind, "unprovable");
    item = good;
    item.answer += "!";
    EXPECT_EQ(world.fault_of(item)->kind, "unprovable");
    item.answer = "\xff";
    EXPECT_EQ(world.fault_of(item)->kind, "unprovable");
    // A span left out, everything else as if it had never been there.
    const Fault less = fault_after([&](Receipt& r) {
        r.covered -= r.spans.back().owned;
        r.spans.pop_back();
        std::erase_if(r.matches, [&](const auto& m) { return m.span == r.spans.size(); });
        world.settle(r);
    });
    EXPECT_EQ(less.kind, "unprovable");
    // More credit for a span.
    const Fault more = fault_after([&](Receipt& r) {
        r.spans[0].credit += 1600;
        const auto count = static_cast<std::uint32_t>(
            std::count_if(r.matches.begin(), r.matches.end(), [](auto& m) { return m.span == 0; }));
        for (std::uint32_t i = 0; i < count; ++i) {
            r.matches[i].credit = r.spans[0].credit / count + (i < r.spans[0].credit % count);
        }
        world.settle(r);
    });
    EXPECT_EQ(more.kind, "unprovable");
    world.rules.version = 2;
    EXPECT_EQ(world.fault_of(good)->kind, "unprovable");
}

TEST_F(Forged, EveryRandomChangeIsFound) {
    int changed = 0;
    for (int i = 0; i < 3000; ++i) {
        Receipt receipt = good.receipt;
        if (!test::mutate(receipt, world.prng) || receipt == good.receipt) continue;
        // The cumulative alone may be anything from the fee up: vouchers bound it.
        if (receipt.cumulative != good.receipt.cumulative && receipt.cumulative >= receipt.fee)
            continue;
        ++changed;
        const auto item = world.signed_by_host(receipt, good.prompt, good.answer);
        ASSERT_TRUE(world.fault_of(item)) << receipt.to_json().dump();
    }
    EXPECT_GT(changed, 2000);
}

// Digest and signature made with ethers 6.17, Wallet.signTypedData.
TEST(Voucher, MatchesEthers) {
    const auto secret =
        from_hex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318");
    const auto payer = *crypto::PrivateKey::from_bytes(*secret);
    const ledger::TypedDomain domain{"OpenLedger InferenceEscrow", "1", 7777, address_of(0xaa)};
    const Address host = *address_from_hex("f0109fc8df283027b6285cc889f5aa624eac1f55");
    const U256 amount = *U256::from_decimal("123456789012345678901");
    EXPECT_EQ(to_hex(voucher_digest(domain, payer.address(), host, amount).view()),
              "1becedf80e3eca51777f3d4f1dc5e797ee2d18019b4fdb52ca8bf4a147a4a903");
    EXPECT_EQ(
        to_hex(sign_voucher(domain, payer, host, amount).signature.to_rsv()),
        "12269da002064672c7fe5ec6457e6c87098e20abd84043550a8e80ccb78d941c7b45b53a2a06420bbc2eb7"
        "cea6cb7a06b939bfe1d6ea98eb3540cdac2c08986f1c");
}

TEST(Voucher, IsCheckedAgainstSignerPriceAndDeposit) {
    const ledger::TypedDomain domain{"OpenLedger InferenceEscrow", "1", 7777, address_of(0xaa)};
    const auto payer = test::key_of(1);
    const Voucher voucher = sign_voucher(domain, payer, address_of(9), U256(100));
    const auto code = [&](const Voucher& v, std::uint64_t owed, std::uint64_t price,
                          std::uint64_t deposited) {
        const auto status = check_voucher(domain, v, U256(owed), U256(price), U256(deposited));
        return status ? std::string("good") : std::string(to_string(status.error().code));
    };
    EXPECT_EQ(code(voucher, 0, 100, 100), "good");
    EXPECT_EQ(code(voucher, 60, 40, 1000), "good");
    EXPECT_EQ(code(voucher, 60, 41, 1000), "payment");
    EXPECT_EQ(code(voucher, 0, 1, 99), "payment");
    Voucher forged = voucher;
    forged.cumulative = U256(101);
    EXPECT_EQ(code(forged, 0, 1, 1000), "unverified");
    forged = voucher;
    forged.host = address_of(10);
    EXPECT_EQ(code(forged, 0, 1, 1000), "unverified");
    forged = voucher;
    forged.payer = address_of(11);
    EXPECT_EQ(code(forged, 0, 1, 1000), "unverified");
    forged = sign_voucher(domain, test::key_of(2), address_of(9), U256(100));
    forged.payer = payer.address();
    EXPECT_EQ(code(forged, 0, 1, 1000), "unverified");
    // Another chain's or contract's voucher.
    for (auto other : {ledger::TypedDomain{domain.name, "1", 1, domain.verifying_contract},
                       ledger::TypedDomain{domain.name, "1", 7777, address_of(0xab)}}) {
        EXPECT_EQ(check_voucher(other, voucher, U256(), U256(1), U256(1000)).error().code,
                  ErrorCode::unverified);
    }
    const auto huge = check_voucher(domain, voucher, U256() - U256(1), U256(1), U256(1000));
    ASSERT_FALSE(huge);

    const auto back = Voucher::from_json(*codec::Json::parse(voucher.to_json().dump()));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->to_json(), voucher.to_json());
    for (const auto& [name, value] : voucher.to_json().members()) {
        codec::Json broken = voucher.to_json();
        broken.set(name, codec::Json());
        EXPECT_FALSE(Voucher::from_json(broken)) << name;
    }
    codec::Json broken = voucher.to_json();
    broken.set("signature", "0x1234");
    EXPECT_FALSE(Voucher::from_json(broken));
}

class Epochs : public testing::Test {
protected:
    Epochs()
        : world(9) {
        std::vector<SignedReceipt> receipts;
        for (std::uint64_t i = 0; i < 12; ++i)
            receipts.push_back(world.receipt(world.answer(), 11 - i));
        first = *make_epoch(1, receipts, {});
        receipts.clear();
        for (std::uint64_t i = 0; i < 9; ++i)
            receipts.push_back(world.receipt(world.answer(), 12 + i));
        second = *make_epoch(2, receipts, first.rewards);
    }
    World world;
    Epoch first, second;
};

TEST_F(Epochs, SumReceiptsToCumulativeRewards) {
    std::map<Address, U256> by_hand;
    for (const Epoch* epoch : {&first, &second}) {
        U256 fees;
        std::uint64_t credited = 0;
        for (std::size_t i = 0; i < epoch->receipts.size(); ++i) {
            const Receipt& r = epoch->receipts[i].receipt;
            if (i > 0) {
                EXPECT_LT(epoch->receipts[i - 1].receipt.nonce, r.nonce);
            }
            fees += r.fee;
            credited += r.shares.size();
            for (const auto& payout : r.payouts) by_hand[payout.account] += payout.amount;
        }
        EXPECT_EQ(epoch->receipts_total, fees);
        EXPECT_EQ(epoch->credited_records, credited);
        ASSERT_EQ(epoch->rewards.size(), by_hand.size());
        std::size_t at = 0;
        for (const auto& [account, amount] : by_hand) {
            EXPECT_EQ(epoch->rewards[at++], (RewardLeaf{account, amount}));
        }
    }
    EXPECT_EQ(first.rewards_total, first.receipts_total);
    EXPECT_EQ(second.rewards_total, first.receipts_total + second.receipts_total);
    EXPECT_EQ(second.receipts_tree().total(), second.receipts_total);
    EXPECT_EQ(second.rewards_tree().total(), second.rewards_total);
}

TEST_F(Epochs, RefuseWhatCannotBeSettled) {
    EXPECT_FALSE(make_epoch(1, {}, {}));
    auto receipts = first.receipts;
    receipts.push_back(receipts[3]);
    EXPECT_EQ(make_epoch(1, receipts, {}).error().code, ErrorCode::invalid_argument);
    receipts = first.receipts;
    receipts[0].receipt.payouts[0].amount += U256(1);
    EXPECT_EQ(make_epoch(1, receipts, {}).error().code, ErrorCode::invalid_argument);
    receipts.assign(257, first.receipts[0]);
    EXPECT_EQ(make_epoch(1, receipts, {}).error().code, ErrorCode::too_large);
    receipts = {first.receipts[0]};
    EXPECT_FALSE(make_epoch(1, receipts, {{address_of(1), U256() - U256(1)}}));
}

TEST_F(Epochs, RoundTripAsAFile) {
    const std::string text = second.to_jsonl();
    const auto back = Epoch::from_jsonl(text);
    ASSERT_TRUE(back) << back.error().to_string();
    EXPECT_EQ(back->to_jsonl(), text);
    EXPECT_EQ(back->rewards, second.rewards);
    EXPECT_EQ(back->number, 2U);
    EXPECT_EQ(back->receipts_tree().root(), second.receipts_tree().root());
    EXPECT_EQ(back->proposal().list().back().word(), crypto::keccak256(text));
    for (std::size_t cut = 0; cut < text.size(); cut += 997) {
        EXPECT_FALSE(Epoch::from_jsonl(std::string_view(text).substr(0, cut))) << cut;
    }
    EXPECT_FALSE(Epoch::from_jsonl(text.substr(0, text.size() - 1)));
    EXPECT_FALSE(Epoch::from_jsonl(text + "\n"));
    EXPECT_FALSE(Epoch::from_jsonl(text + "{}\n"));
    // One character changed: refused, whatever it is (answers and prompts are hashed elsewhere).
    Prng prng(10);
    int refused = 0;
    for (int i = 0; i < 150; ++i) {
        std::string other = text;
        const std::size_t at = prng.below(other.size());
        const char to = static_cast<char>('0' + prng.below(10));
        if (other[at] == to) continue;
        other[at] = to;
        const auto read = Epoch::from_jsonl(other);
        if (!read) {
            ++refused;
        } else {
            EXPECT_EQ(read->to_jsonl(), other);
            EXPECT_NE(read->proposal().list().back().word(), crypto::keccak256(text));
        }
    }
    EXPECT_GT(refused, 50);
    std::string huge = text;
    const auto at = huge.find("\"rewards\":");
    huge.replace(at, 12, "\"rewards\":99999999999");
    EXPECT_FALSE(Epoch::from_jsonl(huge));
}

std::vector<crypto::SumProofStep> steps_of(const codec::AbiValue& value) {
    std::vector<crypto::SumProofStep> out;
    for (const auto& step : value.list()) {
        out.push_back({step.list()[0].word(), step.list()[1].number()});
    }
    return out;
}

std::vector<Hash32> hashes_of(const codec::AbiValue& value) {
    std::vector<Hash32> out;
    for (const auto& hash : value.list()) out.push_back(hash.word());
    return out;
}

Status reward_proved(const Epoch& epoch, const Address& account, const U256& sum,
                     std::uint64_t index, const codec::AbiValue& proof) {
    const auto tree = epoch.rewards_tree();
    const Hash32 leaf = crypto::merkle_leaf(U256::from_be(account.view()).to_be().view());
    return crypto::sum_verify(tree.root(), {leaf, sum}, index, tree.count(), steps_of(proof),
                              tree.total());
}

TEST_F(Epochs, ChallengesOpenWhatTheySay) {
    const auto tree = second.receipts_tree();
    const auto commitment = world.prover->commitment();
    std::size_t spans = 0, matches = 0;
    for (std::size_t i = 0; i < second.receipts.size(); ++i) {
        const SignedReceipt& item = second.receipts[i];
        const Receipt& r = item.receipt;
        const auto arguments = challenge_receipt_arguments(second, i);
        ASSERT_TRUE(arguments);
        EXPECT_EQ((*arguments)[1].u64(), i);
        EXPECT_TRUE(crypto::sum_verify(tree.root(), {crypto::merkle_leaf(r.hash().view()), r.fee},
                                       i, tree.count(), steps_of((*arguments)[2]), tree.total()));
        for (std::size_t m = 0; m < r.matches.size(); ++m) {
            const auto& match = r.matches[m];
            const auto& span = r.spans[match.span];
            for (std::uint32_t offset = 0; offset < span.length; offset += 5) {
                const auto a = *challenge_span_arguments(second, i, m, offset, *world.prover);
                ASSERT_EQ(a.size(), 9U);
                EXPECT_TRUE(
                    crypto::merkle_verify(r.answer_root, crypto::merkle_leaf(a[5].word().view()),
                                          span.start + offset, r.answer_symbols, hashes_of(a[6])));
                const Bytes leaf = a[7].bytes();
                const std::uint32_t at = match.position + offset;
                EXPECT_TRUE(crypto::merkle_verify(commitment.text_root, crypto::merkle_leaf(leaf),
                                                  at / 16, (commitment.symbol_count + 15) / 16,
                                                  hashes_of(a[8])));
                EXPECT_EQ(a[5].word(), world.segment->word_at(at));
                EXPECT_EQ(attribution::suffix::symbol_of_leaf(leaf, at % 16), a[5].word());
                ++spans;
            }
            EXPECT_FALSE(challenge_span_arguments(second, i, m, span.length, *world.prover));
            const auto a = *challenge_match_arguments(second, i, m, *world.segment, *world.prover);
            ASSERT_EQ(a.size(), 11U);
            const auto holder = world.segment->table_entry(static_cast<std::uint32_t>(a[5].u64()));
            EXPECT_LE(holder.offset, match.position);
            EXPECT_TRUE(crypto::merkle_verify(commitment.table_root,
                                              crypto::merkle_leaf(holder.encode()), a[5].u64(),
                                              commitment.record_count, hashes_of(a[6])));
            const auto paid = world.segment->table_entry(match.record);
            EXPECT_TRUE(crypto::merkle_verify(commitment.table_root,
                                              crypto::merkle_leaf(paid.encode()), match.record,
                                              commitment.record_count, hashes_of(a[10])));
            ++matches;
        }
    }
    EXPECT_GT(spans, 10U);
    EXPECT_GT(matches, 5U);
    EXPECT_FALSE(challenge_receipt_arguments(second, second.receipts.size()));
    EXPECT_FALSE(challenge_match_arguments(second, 0, 5000, *world.segment, *world.prover));
}

TEST_F(Epochs, RewardsOpenPresentAndAbsent) {
    std::vector<Address> accounts{address_of(0), address_of(2), address_of(999), address_of(1003)};
    accounts.emplace_back().data.fill(0xff);
    for (const auto& leaf : second.rewards) accounts.push_back(leaf.account);
    for (const auto& account : accounts) {
        const auto arguments = challenge_reward_arguments(second, first.rewards, account);
        ASSERT_TRUE(arguments);
        EXPECT_EQ((*arguments)[0].list().size(), second.receipts.size());
        for (const Epoch* epoch : {&second, &first}) {
            const auto& f = (*arguments)[epoch == &second ? 1 : 2].list();
            EXPECT_EQ(f[0].address(), account);
            const std::uint64_t index = f[3].u64();
            if (f[2].boolean()) {
                EXPECT_TRUE(reward_proved(*epoch, account, f[1].number(), index, f[4]));
                continue;
            }
            EXPECT_TRUE(f[1].number().is_zero());
            if (index > 0) {
                EXPECT_LT(f[5].address(), account);
                EXPECT_TRUE(reward_proved(*epoch, f[5].address(), f[6].number(), index - 1, f[7]));
            }
            if (index < epoch->rewards.size()) {
                EXPECT_GT(f[8].address(), account);
                EXPECT_TRUE(reward_proved(*epoch, f[8].address(), f[9].number(), index, f[10]));
            }
        }
    }
}

TEST_F(Epochs, FalseRewardsAreFound) {
    EXPECT_FALSE(find_reward_fault(first, {}));
    EXPECT_FALSE(find_reward_fault(second, first.rewards));
    EXPECT_FALSE(find_reward_order_fault(second));
    Epoch forged = second;
    forged.rewards[2].cumulative += U256(1);
    forged.rewards[4].cumulative -= U256(1);
    EXPECT_EQ(find_reward_fault(forged, first.rewards), second.rewards[2].account);
    forged = second;
    forged.rewards.erase(forged.rewards.begin() + 3);
    EXPECT_EQ(find_reward_fault(forged, first.rewards), second.rewards[3].account);
    forged = second;
    forged.rewards.push_back({address_of(~0ULL), U256(1)});
    EXPECT_EQ(find_reward_fault(forged, first.rewards), address_of(~0ULL));
    forged = second;
    forged.rewards.insert(forged.rewards.begin() + 3, forged.rewards[3]);
    EXPECT_EQ(find_reward_fault(forged, first.rewards), second.rewards[3].account);
    EXPECT_EQ(find_reward_order_fault(forged), 3U);
    forged = second;
    forged.credited_records += 1;
    EXPECT_TRUE(find_reward_fault(forged, first.rewards));
    forged = second;
    std::swap(forged.receipts[0], forged.receipts[1]);
    EXPECT_TRUE(find_reward_fault(forged, first.rewards));
    // An epoch that forgets what was earned before.
    EXPECT_TRUE(find_reward_fault(first, second.rewards));
}

TEST_F(Epochs, RepeatedNoncesAreFound) {
    EXPECT_FALSE(find_replay(second, {first}));
    Epoch forged = second;
    forged.receipts[4].receipt.nonce = first.receipts[7].receipt.nonce;
    const auto replay = find_replay(forged, {first});
    ASSERT_TRUE(replay);
    EXPECT_EQ(replay->index, 4U);
    EXPECT_EQ(replay->other_epoch, 1U);
    EXPECT_EQ(replay->other_index, 7U);
    forged = second;
    forged.receipts[5] = forged.receipts[2];
    const auto inside = find_replay(forged, {first});
    ASSERT_TRUE(inside);
    EXPECT_EQ(inside->other_epoch, 2U);
    EXPECT_EQ(inside->other_index, 2U);
    EXPECT_EQ(inside->index, 5U);
}

} // namespace
} // namespace ol::market
