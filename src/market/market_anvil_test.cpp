// The twins against each other: C++ receipts, proofs and verdicts before the real contracts on a
// real chain. What C++ calls honest no challenge refutes; what C++ calls forged the named challenge
// slashes.
#include <gtest/gtest.h>

#include "attribution/blend/shares.hpp"
#include "attribution/suffix/proof/lies_for_tests.hpp"
#include "codec/abi.hpp"
#include "ledger/anvil.hpp"
#include "ledger/contracts.hpp"
#include "ledger/signatures.hpp"
#include "market/epoch.hpp"
#include "market/voucher.hpp"
#include "market/world_for_tests.hpp"

namespace ol::market {
namespace {

using codec::AbiValue;
using codec::Json;
using ledger::Chain;
using ledger::Contracts;
using test::address_of;
using test::World;

ledger::IndexRoots roots_of(const attribution::suffix::IndexCommitment& index) {
    return {index.text_root,    index.suffix_array_root, index.inverse_root,
            index.slot_root,    index.table_root,        index.owners_root,
            index.symbol_count, index.record_count,      index.owner_count};
}

template <class T>
T take(Result<T> result) {
    EXPECT_TRUE(result) << result.error().to_string();
    if (!result) throw std::runtime_error(result.error().to_string());
    return std::move(*result);
}

void done(const Status& status) { EXPECT_TRUE(status) << status.error().to_string(); }

class OnLedger : public testing::Test {
protected:
    void SetUp() override {
        const Path artifacts = Path(OL_SOURCE_DIR) / "contracts" / "out";
        if (!ledger::find_anvil()) GTEST_SKIP() << ledger::find_anvil().error().context;
        if (!std::filesystem::exists(artifacts / "AttributionSettlement.sol")) {
            GTEST_SKIP() << "contracts/out is missing: npm ci && npm run build in contracts/";
        }
        anvil = take(ledger::Anvil::start({}));
        chain = std::make_unique<Chain>(anvil->url());
        for (const auto* key : {&deployer, &owner, &modeller, &basis, &settler, &challenger,
                                &staker, &world.host, &world.payer}) {
            give(key->address(), "100000");
        }
        const auto deployment =
            take(ledger::deploy_contracts(*chain, deployer, treasury.address(), artifacts));
        contracts = std::make_unique<Contracts>(*chain, deployment);

        datanet();
        load_rules();
        world.parties = {treasury.address(), world.host.address(), modeller.address(),
                         basis.address(), deployment.vault};
        world.domain = contracts->settlement_domain();
        done(contracts->stake(staker, "validator", *parse_open("10")));
        done(contracts->deposit(world.payer, world.host.address(), *parse_open("1000")));
    }

    void give(const Address& account, std::string_view open) {
        take(chain->raw("anvil_setBalance",
                        Json::array({Json(account), Json(parse_open(open)->to_quantity())})));
    }

    // A datanet with the world's segment as version 1, a base and an adapter over it.
    void datanet() {
        Hash32 word;
        word.data.fill(0x42);
        world.datanet_id = take(contracts->create_datanet(owner, "words", "CC0-1.0", word, word));
        const auto batch = take(contracts->anchor_batch(owner, world.datanet_id, word, 14, 9000,
                                                        word, *parse_open("1")));
        EXPECT_EQ(batch, 1U);
        EXPECT_EQ(take(contracts->batch(1)).contributor, owner.address());
        EXPECT_EQ(take(contracts->batch(1)).count, 14U);
        EXPECT_EQ(take(contracts->batch_count()), 1U);
        const auto c = world.prover->commitment();
        const ledger::IndexRoots index = roots_of(c);
        EXPECT_EQ(take(contracts->publish_version(owner, world.datanet_id, word, word, index)), 1U);
        EXPECT_EQ(take(contracts->version_count(world.datanet_id)), 1U);
        EXPECT_EQ(take(contracts->version(world.datanet_id, 1)).index.text_root, c.text_root);
        EXPECT_FALSE(take(contracts->revoked(word)));
        done(contracts->register_base(basis, word, "tiny"));
        done(contracts->register_base(basis, word, "tiny")); // again: nothing to do
        EXPECT_EQ(contracts->register_base(owner, word, "tiny").error().code,
                  ErrorCode::already_exists);
        ledger::AdapterOnLedger adapter;
        adapter.name = "words-adapter";
        adapter.adapter_hash = adapter.base_hash = adapter.training_record_hash = word;
        adapter.datanet_id = world.datanet_id;
        adapter.version = 1;
        adapter.price_in = world.price_in;
        adapter.price_out = world.price_out;
        world.adapter_id = take(contracts->register_adapter(modeller, adapter));
        const auto back = take(contracts->adapter(world.adapter_id));
        EXPECT_EQ(back.owner, modeller.address());
        EXPECT_EQ(back.name, adapter.name);
        EXPECT_EQ(back.price_out, world.price_out);
        EXPECT_EQ(take(contracts->base_owner(word)), basis.address());
        EXPECT_EQ(contracts->adapter(word).error().code, ErrorCode::not_found);
        EXPECT_EQ(contracts->batch(9).error().code, ErrorCode::not_found);
        EXPECT_EQ(contracts->version(world.datanet_id, 2).error().code, ErrorCode::not_found);
    }

    void load_rules() {
        MoneyRules& rules = world.rules;
        rules.version = take(contracts->parameters_version());
        const auto number = [&](std::string_view key) {
            return take(contracts->parameter_at(key, rules.version)).low_u64();
        };
        rules.threshold = number("ATTRIBUTION_THRESHOLD");
        rules.split_platform = number("SPLIT_PLATFORM");
        rules.split_host = number("SPLIT_HOST");
        rules.split_model = number("SPLIT_MODEL");
        rules.split_stakers = number("SPLIT_STAKERS");
        rules.split_contributors = number("SPLIT_CONTRIBUTORS");
        rules.unexplained_base = number("UNEXPLAINED_BASE");
        rules.platform_fee = take(contracts->parameter("PLATFORM_FEE"));
        rules.trace.span_min_symbols = static_cast<std::uint32_t>(number("SPAN_MIN_SYMBOLS"));
        rules.trace.span_min_bits = static_cast<std::uint32_t>(number("SPAN_MIN_BITS"));
        rules.trace.span_max_clusters = static_cast<std::uint32_t>(number("SPAN_MAX_CLUSTERS"));
        rules.trace.span_common = static_cast<std::uint32_t>(number("SPAN_COMMON"));
    }

    // The voucher of everything that was used so far, redeemed.
    void redeem_all() {
        const Voucher voucher = sign_voucher(contracts->escrow_domain(), world.payer,
                                             world.host.address(), world.cumulative + U256(5));
        const auto before = take(contracts->channel(world.payer.address(), world.host.address()));
        done(check_voucher(contracts->escrow_domain(), voucher, before.redeemed, U256(1),
                           before.deposited));
        const U256 moved =
            take(contracts->redeem(world.host, world.payer.address(), voucher.cumulative,
                                   world.cumulative, voucher.signature));
        EXPECT_EQ(moved, world.cumulative - before.redeemed);
    }

    std::vector<SignedReceipt> honest(std::size_t count) {
        std::vector<SignedReceipt> out;
        for (std::size_t i = 0; i < count; ++i) {
            out.push_back(world.receipt(world.answer(), nonce++));
        }
        return out;
    }

    // An epoch of receipts that need not be honest, with rewards that pass the proposal's checks.
    Epoch forged_epoch(std::vector<SignedReceipt> receipts) {
        Epoch out;
        out.number = take(contracts->epoch_count()) + 1;
        out.receipts = std::move(receipts);
        for (const auto& item : out.receipts) {
            out.receipts_total += item.receipt.fee;
            out.credited_records += item.receipt.shares.size();
        }
        out.rewards_total = take(contracts->finalised_rewards()).total + out.receipts_total;
        out.rewards = {{address_of(1), out.rewards_total}};
        return out;
    }

    void propose(const Epoch& epoch) {
        const auto number =
            take(contracts->propose_epoch(settler, epoch.proposal(), *parse_open("10")));
        EXPECT_EQ(number, epoch.number);
        const auto pending = take(contracts->pending_epoch());
        EXPECT_TRUE(pending.exists);
        EXPECT_EQ(pending.settler, settler.address());
        EXPECT_EQ(pending.proposal.list()[0].word(), epoch.receipts_tree().root());
    }

    // What a challenge would do, without doing it: "slashed", or why not.
    std::string outcome(const ledger::signatures::Method& method, const AbiValue::List& arguments) {
        const Bytes data = take(codec::abi_call(method.signature, arguments));
        const auto answer =
            chain->call({contracts->at().settlement, data, {}}, challenger.address());
        return answer ? "slashed" : answer.error().context;
    }

    // Tries something and takes it back.
    void aside(const std::function<void()>& body) {
        const Json snapshot = take(chain->raw("evm_snapshot", Json::array()));
        body();
        take(chain->raw("evm_revert", Json::array({snapshot})));
    }

    void pass_window() {
        take(chain->raw("evm_increaseTime", Json::array({Json(86'401)})));
        take(chain->raw("evm_mine", Json::array()));
    }

    void claim_all(const Epoch& epoch) {
        const auto tree = epoch.rewards_tree();
        for (std::size_t i = 0; i < epoch.rewards.size(); ++i) {
            const RewardLeaf& leaf = epoch.rewards[i];
            const AbiValue proof = sum_proof_value(take(tree.prove(i)));
            const U256 had = take(contracts->claimed(leaf.account));
            const U256 before = take(chain->balance(leaf.account));
            // A wei more, or another account's place, is refused.
            EXPECT_FALSE(
                contracts->claim(challenger, leaf.account, leaf.cumulative + U256(1), i, proof));
            EXPECT_FALSE(
                contracts->claim(challenger, challenger.address(), leaf.cumulative, i, proof));
            const U256 got =
                take(contracts->claim(challenger, leaf.account, leaf.cumulative, i, proof));
            EXPECT_EQ(got, leaf.cumulative - had);
            EXPECT_EQ(take(chain->balance(leaf.account)) - before, got);
            EXPECT_EQ(take(contracts->claimed(leaf.account)), leaf.cumulative);
            EXPECT_FALSE(contracts->claim(challenger, leaf.account, leaf.cumulative, i, proof));
        }
    }

    static constexpr std::string_view no_fault = "reverted: NoFault()";
    crypto::PrivateKey deployer = test::key_of(20), owner = test::key_of(21),
                       modeller = test::key_of(22), basis = test::key_of(23),
                       settler = test::key_of(24), challenger = test::key_of(25),
                       treasury = test::key_of(26), staker = test::key_of(27);
    World world{11};
    std::uint64_t nonce = 0;
    std::unique_ptr<ledger::Anvil> anvil;
    std::unique_ptr<Chain> chain;
    std::unique_ptr<Contracts> contracts;
};

namespace sig = ledger::signatures;

TEST_F(OnLedger, DigestsAreTheContracts) {
    const auto answer =
        chain->call({contracts->at().escrow,
                     take(codec::abi_call(sig::escrow_digest.signature,
                                          {address_of(1), address_of(2), U256(77)})),
                     {}});
    EXPECT_EQ(to_hex(take(answer)), to_hex(voucher_digest(contracts->escrow_domain(), address_of(1),
                                                          address_of(2), U256(77))
                                               .view()));
    Hash32 hash;
    hash.data.fill(0x17);
    const auto digest = chain->call(
        {contracts->at().settlement, take(codec::abi_call("receiptDigest(bytes32)", {hash})), {}});
    EXPECT_EQ(to_hex(take(digest)), to_hex(receipt_digest(world.domain, hash).view()));
}

TEST_F(OnLedger, VouchersOnlyOfThePayer) {
    const auto domain = contracts->escrow_domain();
    const Address host = world.host.address(), payer = world.payer.address();
    const auto redeem = [&](const Voucher& v, const U256& up_to) {
        return contracts->redeem(world.host, payer, v.cumulative, up_to, v.signature);
    };
    const Voucher good = sign_voucher(domain, world.payer, host, *parse_open("3"));
    EXPECT_EQ(take(redeem(good, *parse_open("2"))), *parse_open("2"));
    EXPECT_EQ(take(redeem(good, *parse_open("3"))), *parse_open("1"));
    const auto again = redeem(good, *parse_open("3"));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::conflict);
    EXPECT_NE(again.error().context.find("AlreadyRedeemed("), std::string::npos);
    EXPECT_NE(redeem(good, *parse_open("4")).error().context.find("MoreThanVoucher("),
              std::string::npos);
    const Voucher thief = sign_voucher(domain, challenger, host, *parse_open("9"));
    EXPECT_NE(redeem(thief, *parse_open("9")).error().context.find("NotSignedByPayer("),
              std::string::npos);
    const Voucher much = sign_voucher(domain, world.payer, host, *parse_open("1001"));
    EXPECT_NE(redeem(much, *parse_open("1001")).error().context.find("MoreThanDeposit("),
              std::string::npos);
    EXPECT_EQ(take(contracts->unallocated()), *parse_open("3"));
    EXPECT_EQ(take(contracts->channel(payer, host)).redeemed, *parse_open("3"));
}

// Random receipts, honest and with one number changed: the contract refutes exactly those in which
// C++ finds a fault of the numbers, and C++ computes the very payouts that the contract accepts.
TEST_F(OnLedger, BothTwinsJudgeTheSameReceipts) {
    std::vector<SignedReceipt> items = honest(128);
    redeem_all();
    std::size_t forged = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
        EXPECT_FALSE(world.fault_of(items[i])) << world.fault_of(items[i])->reason;
        if (i % 4 == 0) continue;
        Receipt receipt = items[i].receipt;
        while (!test::mutate(receipt, world.prng)) {
        }
        // The proposal's sum is bounded by the money that is there.
        if (receipt.fee > items[i].receipt.fee + U256(1)) receipt.fee = items[i].receipt.fee;
        items[i] = world.signed_by_host(receipt, items[i].prompt, items[i].answer);
    }
    // One wei a changed fee.
    world.cumulative += U256(128);
    redeem_all();
    const Epoch epoch = forged_epoch(items);
    propose(epoch);
    std::size_t credited = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto fault = world.fault_of(items[i]);
        const bool expected = fault && fault->kind == "challengeReceipt";
        forged += expected ? 1 : 0;
        credited += expected ? 0 : items[i].receipt.shares.size();
        const std::string verdict =
            outcome(sig::settlement_challenge_receipt, take(challenge_receipt_arguments(epoch, i)));
        EXPECT_EQ(verdict, expected ? "slashed" : no_fault)
            << i << ": " << (fault ? fault->reason : "honest") << "\n"
            << items[i].receipt.to_json().dump();
        if (!fault || fault->kind == "unprovable" || expected) continue;
        const auto span = [&](std::size_t match, std::size_t offset) {
            return outcome(sig::settlement_challenge_span,
                           take(challenge_span_arguments(epoch, i, match, offset, *world.prover)));
        };
        if (fault->kind == "challengeSpan") {
            EXPECT_EQ(span(fault->match, fault->offset), "slashed") << fault->reason;
        } else if (fault->kind == "challengeLongerMatch") {
            EXPECT_EQ(
                outcome(sig::settlement_challenge_longer,
                        take(challenge_longer_match_arguments(epoch, i, *fault, *world.prover))),
                "slashed")
                << fault->reason;
        } else {
            EXPECT_EQ(outcome(sig::settlement_challenge_match,
                              take(challenge_match_arguments(epoch, i, fault->match, *world.segment,
                                                             *world.prover))),
                      "slashed")
                << fault->reason;
        }
    }
    EXPECT_GT(forged, 40U);
    EXPECT_GT(credited, 40U);
    // The largest epoch that the parameters allow is judged whole, in one call.
    EXPECT_EQ(outcome(sig::settlement_challenge_reward,
                      take(challenge_reward_arguments(epoch, {}, address_of(1)))),
              "slashed");
    // And one for real: the bond is gone, half of it to the challenger.
    const auto first = std::find_if(items.begin(), items.end(), [&](const SignedReceipt& item) {
        const auto fault = world.fault_of(item);
        return fault && fault->kind == "challengeReceipt";
    });
    const auto index = static_cast<std::size_t>(first - items.begin());
    const U256 before = take(chain->balance(challenger.address()));
    EXPECT_EQ(take(contracts->challenge(challenger, "challengeReceipt",
                                        take(challenge_receipt_arguments(epoch, index)))),
              *parse_open("10"));
    EXPECT_EQ(take(chain->balance(challenger.address())) - before, *parse_open("5"));
    EXPECT_FALSE(take(contracts->pending_epoch()).exists);
    EXPECT_EQ(take(contracts->staked(settler.address(), "settler")), U256());
}

TEST_F(OnLedger, OtherParametersOtherNumbersSameVerdict) {
    std::vector<SignedReceipt> items;
    for (int round = 0; round < 6; ++round) {
        const auto set = [&](std::string_view key, std::uint64_t value) {
            done(contracts->set_parameter(deployer, key, U256(value)));
        };
        set("SPLIT_PLATFORM", world.prng.below(3001));
        set("SPLIT_STAKERS", world.prng.below(5001));
        set("SPLIT_CONTRIBUTORS", 1000 + world.prng.below(8001));
        set("UNEXPLAINED_BASE", world.prng.below(10'001));
        if (round == 4) set("THRESHOLD_MIN", 0);
        set("ATTRIBUTION_THRESHOLD", round == 4 ? 0 : (1ULL << 32) / (9 + world.prng.below(4000)));
        set("SPAN_MAX_CLUSTERS", 1 + world.prng.below(16));
        load_rules();
        for (auto& item : honest(8)) items.push_back(std::move(item));
        EXPECT_FALSE(world.fault_of(items.back()));
    }
    EXPECT_FALSE(contracts->set_parameter(deployer, "SPLIT_PLATFORM", U256(3001)));
    EXPECT_FALSE(contracts->set_parameter(settler, "SPLIT_PLATFORM", U256(1)));
    redeem_all();
    const Epoch epoch = take(make_epoch(1, items, {}));
    propose(epoch);
    for (std::size_t i = 0; i < items.size(); ++i) {
        EXPECT_EQ(
            outcome(sig::settlement_challenge_receipt, take(challenge_receipt_arguments(epoch, i))),
            no_fault)
            << items[i].receipt.to_json().dump();
    }
}

TEST_F(OnLedger, FalseOccurrencesAreSlashed) {
    SignedReceipt good = world.receipt(world.answer(), 0);
    while (good.receipt.matches.size() < 2) good = world.receipt(world.answer(), 0);
    redeem_all();
    Receipt moved = good.receipt, robbed = good.receipt, other = good.receipt;
    moved.matches[0].position = moved.matches[0].position > 0 ? moved.matches[0].position - 1 : 1;
    for (auto& match : robbed.matches) match.owner = challenger.address();
    world.settle(robbed);
    other.matches.resize(1);
    other.spans.resize(1);
    other.matches[0].span = 0;
    other.spans[0] = good.receipt.spans[good.receipt.matches[0].span];
    other.covered = other.spans[0].owned;
    other.matches[0].credit = other.spans[0].credit;
    other.matches[0].record = (good.receipt.matches[0].record + 1) % World::record_count;
    other.matches[0].owner = world.segment->table_entry(other.matches[0].record).owner;
    world.settle(other);

    const auto try_one = [&](const Receipt& receipt, std::string_view kind) {
        const SignedReceipt item = world.signed_by_host(receipt, good.prompt, good.answer);
        const auto fault = world.fault_of(item);
        ASSERT_TRUE(fault);
        ASSERT_EQ(fault->kind, kind) << fault->reason;
        const Epoch epoch = forged_epoch({item});
        propose(epoch);
        EXPECT_EQ(
            outcome(sig::settlement_challenge_receipt, take(challenge_receipt_arguments(epoch, 0))),
            no_fault);
        const auto arguments =
            kind == "challengeLongerMatch"
                ? challenge_longer_match_arguments(epoch, 0, *fault, *world.prover)
            : kind == "challengeSpan"
                ? challenge_span_arguments(epoch, 0, fault->match, fault->offset, *world.prover)
                : challenge_match_arguments(epoch, 0, fault->match, *world.segment, *world.prover);
        EXPECT_EQ(take(contracts->challenge(challenger, kind, take(arguments))), *parse_open("10"));
    };
    Receipt cut = good.receipt;
    auto& first = cut.spans[0];
    first.length -= 1;
    cut.covered -= first.owned;
    first.owned = std::min(first.owned, first.length);
    cut.covered += first.owned;
    world.settle(cut);
    try_one(cut, "challengeLongerMatch");
    try_one(moved, "challengeSpan");
    try_one(robbed, "challengeMatch");
    try_one(other, "challengeMatch");

    // Nothing of this touches the honest one.
    const Epoch epoch = take(make_epoch(1, {good}, {}));
    propose(epoch);
    for (std::size_t m = 0; m < good.receipt.matches.size(); ++m) {
        const auto& span = good.receipt.spans[good.receipt.matches[m].span];
        for (std::size_t offset = 0; offset < span.length; offset += 4) {
            EXPECT_EQ(outcome(sig::settlement_challenge_span,
                              take(challenge_span_arguments(epoch, 0, m, offset, *world.prover))),
                      no_fault);
        }
        EXPECT_EQ(
            outcome(sig::settlement_challenge_match,
                    take(challenge_match_arguments(epoch, 0, m, *world.segment, *world.prover))),
            no_fault);
        EXPECT_FALSE(contracts->challenge(
            challenger, "challengeMatch",
            take(challenge_match_arguments(epoch, 0, m, *world.segment, *world.prover))));
    }
    EXPECT_FALSE(contracts->challenge(challenger, "finalise", {}));
}

// A publisher's index with two suffixes the wrong way round: anybody refutes it, and no adapter is
// registered over it any more.
TEST_F(OnLedger, AVersionWithAFaultIsRefuted) {
    auto lie = attribution::suffix::test::Lie::of(*world.segment);
    std::swap(lie.suffixes[100], lie.suffixes[101]);
    std::swap(lie.inverse[lie.suffixes[100]], lie.inverse[lie.suffixes[101]]);
    lie.lists = attribution::suffix::OwnerLists::make(lie.arrays());
    const attribution::suffix::Prover liar(lie.arrays(), lie.lists);
    Hash32 word;
    word.data.fill(0x43);
    EXPECT_EQ(take(contracts->publish_version(owner, world.datanet_id, word, word,
                                              roots_of(liar.commitment()))),
              2U);
    const auto fault = liar.find_fault();
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->kind, attribution::suffix::FaultKind::order);
    EXPECT_FALSE(contracts->challenge_version(challenger, world.datanet_id, 1, fault->proof));
    EXPECT_FALSE(take(contracts->is_refuted(world.datanet_id, 2)));
    done(contracts->challenge_version(challenger, world.datanet_id, 2, fault->proof));
    EXPECT_TRUE(take(contracts->is_refuted(world.datanet_id, 2)));
    EXPECT_FALSE(take(contracts->is_refuted(world.datanet_id, 1)));
    EXPECT_FALSE(contracts->challenge_version(challenger, world.datanet_id, 2, fault->proof));
    auto adapter = take(contracts->adapter(world.adapter_id));
    adapter.name = "over-a-lie";
    adapter.version = 2;
    EXPECT_FALSE(contracts->register_adapter(modeller, adapter));
}

// Three epochs from fee to money in the hand; every reward that does not follow is refuted.
TEST_F(OnLedger, EpochsPayEveryWei) {
    std::vector<RewardLeaf> previous;
    std::vector<Epoch> finalised;
    for (std::uint64_t round = 1; round <= 3; ++round) {
        const Epoch epoch = take(make_epoch(round, honest(10), previous));
        EXPECT_FALSE(contracts->propose_epoch(settler, epoch.proposal(), *parse_open("10")));
        redeem_all();
        EXPECT_FALSE(contracts->propose_epoch(settler, epoch.proposal(), *parse_open("9")));

        const auto refuted = [&](const Epoch& forged, const Address& account) {
            aside([&] {
                propose(forged);
                EXPECT_EQ(take(contracts->challenge(
                              challenger, "challengeReward",
                              take(challenge_reward_arguments(forged, previous, account)))),
                          *parse_open("10"));
            });
        };
        Epoch forged = epoch;
        forged.rewards[1].cumulative += U256(3);
        forged.rewards[3].cumulative -= U256(3);
        refuted(forged, *find_reward_fault(forged, previous));
        refuted(forged, forged.rewards[3].account);
        forged = epoch; // an account left out, its money to another
        forged.rewards[1].cumulative += forged.rewards[2].cumulative;
        const Address missing = forged.rewards[2].account;
        forged.rewards.erase(forged.rewards.begin() + 2);
        refuted(forged, missing);
        forged = epoch; // an account that earned nothing
        forged.rewards[0].cumulative -= U256(9);
        forged.rewards.push_back({address_of(~0ULL), U256(9)});
        std::sort(forged.rewards.begin(), forged.rewards.end(),
                  [](const RewardLeaf& a, const RewardLeaf& b) { return a.account < b.account; });
        refuted(forged, address_of(~0ULL));
        forged = epoch;
        forged.credited_records += 1;
        refuted(forged, *find_reward_fault(forged, previous));
        forged = epoch;
        std::swap(forged.receipts[4], forged.receipts[5]);
        refuted(forged, *find_reward_fault(forged, previous));
        forged = epoch;
        std::swap(forged.rewards[0], forged.rewards[1]);
        aside([&] {
            propose(forged);
            const auto at = find_reward_order_fault(forged);
            ASSERT_TRUE(at);
            EXPECT_EQ(
                take(contracts->challenge(challenger, "challengeRewardOrder",
                                          take(challenge_reward_order_arguments(forged, *at)))),
                *parse_open("10"));
        });
        if (!finalised.empty()) {
            forged = epoch;
            forged.receipts[0].receipt.nonce = finalised[0].receipts[3].receipt.nonce;
            aside([&] {
                propose(forged);
                const auto replay = find_replay(forged, finalised);
                ASSERT_TRUE(replay);
                EXPECT_EQ(take(contracts->challenge(
                              challenger, "challengeReplay",
                              take(challenge_replay_arguments(forged, replay->index, finalised[0],
                                                              replay->other_index)))),
                          *parse_open("10"));
            });
        }

        propose(epoch);
        EXPECT_FALSE(contracts->propose_epoch(settler, epoch.proposal(), *parse_open("10")));
        std::vector<Address> accounts{address_of(0), address_of(12345), address_of(~0ULL)};
        for (const auto& leaf : epoch.rewards) accounts.push_back(leaf.account);
        for (const auto& account : accounts) {
            EXPECT_EQ(outcome(sig::settlement_challenge_reward,
                              take(challenge_reward_arguments(epoch, previous, account))),
                      no_fault);
        }
        EXPECT_FALSE(contracts->finalise_epoch(challenger));
        const U256 tau = take(contracts->parameter("ATTRIBUTION_THRESHOLD"));
        pass_window();
        EXPECT_NE(
            outcome(sig::settlement_challenge_receipt, take(challenge_receipt_arguments(epoch, 0)))
                .find("WindowClosed("),
            std::string::npos);
        done(contracts->finalise_epoch(challenger));
        EXPECT_EQ(take(contracts->epoch_count()), round);
        EXPECT_EQ(take(contracts->finalised_rewards()).root, epoch.rewards_tree().root());
        EXPECT_EQ(take(contracts->parameter("ATTRIBUTION_THRESHOLD")).low_u64(),
                  attribution::blend::next_threshold(
                      tau.low_u64(), epoch.credited_records, epoch.receipts.size(), 4,
                      take(contracts->parameter("THRESHOLD_MIN")).low_u64(),
                      take(contracts->parameter("THRESHOLD_MAX")).low_u64()));
        load_rules();
        EXPECT_EQ(take(contracts->unallocated()), U256());

        // Claims: in the second round nobody comes, in the third everybody has two rounds due.
        if (round != 2) claim_all(epoch);
        previous = epoch.rewards;
        finalised.push_back(epoch);
    }
    EXPECT_EQ(take(chain->balance(contracts->at().settlement)), U256());
    // The stakers' part reached the one staker but for what his and the settler's stake shared.
    const U256 reward = take(contracts->stake_reward(staker.address()));
    EXPECT_FALSE(reward.is_zero());
    const U256 before = take(chain->balance(staker.address()));
    EXPECT_EQ(take(contracts->claim_stake_reward(staker)), reward);
    EXPECT_EQ(take(chain->balance(staker.address())) - before, reward);
}

// An epoch's challenge in pieces ends as the challenge in one.
TEST_F(OnLedger, ATallyEndsAsTheWholeChallenge) {
    Epoch forged = take(make_epoch(1, honest(4), {}));
    redeem_all();
    forged.rewards[0].cumulative += U256(1);
    forged.rewards[1].cumulative -= U256(1);
    propose(forged);
    const Address account = *find_reward_fault(forged, {});
    const auto whole = take(challenge_reward_arguments(forged, {}, account));
    EXPECT_NE(outcome(sig::settlement_challenge_tallied, {whole[1], whole[2]})
                  .find("TallyNotComplete(0, 4)"),
              std::string::npos);
    for (std::size_t i = 0; i < 4; ++i) {
        done(contracts->tally_receipt(challenger, account,
                                      take(challenge_receipt_arguments(forged, i))));
    }
    EXPECT_EQ(
        take(contracts->challenge(challenger, "challengeTalliedReward", {whole[1], whole[2]})),
        *parse_open("10"));
}

} // namespace
} // namespace ol::market
