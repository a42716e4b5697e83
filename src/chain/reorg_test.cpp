// Re-orgs: whichever branch becomes canonical, everything is as if no other had ever been there.
#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "base/rounds_for_tests.hpp"
#include "chain/block_store.hpp"
#include "chain/world_for_tests.hpp"

namespace ol::chain {
namespace {

constexpr std::size_t keys = 4;

// A tree of blocks made on one chain, with the transactions that each brings.
struct Node {
    Hash32 hash, parent;
    std::uint64_t number = 0;
    std::array<std::uint64_t, keys> nonces{}; // after it
    std::uint64_t calls = 0;                  // of the counter, on the way to it
    std::vector<Hash32> transactions;
};

class Tree {
public:
    explicit Tree(World& world)
        : world_(world) {
        Node root;
        root.hash = world.chain->head_hash();
        nodes_.emplace(root.hash, root);
    }

    // A child of `parent` with a few transactions that nobody else has; imported, not chosen.
    Hash32 grow(const Hash32& parent, Prng& random) {
        const Node from = nodes_.at(parent);
        Node made = from;
        const Header header = world_.chain->header(parent).value().value();
        // Another time or another topic makes siblings differ.
        auto attributes = attributes_after(world_.chain->config(), header, 1 + random.below(1000));
        for (auto left = random.below(4); left > 0; --left) {
            const auto key = random.below(keys);
            auto call = count_call(key, made.nonces[key]++, random.next());
            attributes.forced.push_back(call);
            ++made.calls;
        }
        const auto built = world_.chain->build(parent, attributes, nullptr, 0);
        EXPECT_TRUE(built) << built.error().to_string();
        const auto done = world_.chain->import(built->block, false);
        EXPECT_TRUE(done) << done.error().to_string();
        made.parent = parent;
        made.hash = hash(built->block.header);
        ++made.number;
        made.transactions.clear();
        for (const auto& transaction : built->block.transactions) {
            made.transactions.push_back(hash(transaction));
        }
        nodes_.emplace(made.hash, made);
        return made.hash;
    }

    const Node& at(const Hash32& hash) const { return nodes_.at(hash); }
    std::vector<Hash32> path(Hash32 tip) const { // genesis first
        std::vector<Hash32> out;
        for (;; tip = nodes_.at(tip).parent) {
            out.push_back(tip);
            if (nodes_.at(tip).number == 0) break;
        }
        std::ranges::reverse(out);
        return out;
    }
    Hash32 any(Prng& random) const {
        auto at = nodes_.begin();
        std::advance(at, static_cast<long>(random.below(nodes_.size())));
        return at->first;
    }
    const std::map<Hash32, Node>& nodes() const { return nodes_; }

private:
    World& world_;
    std::map<Hash32, Node> nodes_;
};

// The chain is exactly the path to `tip`.
void expect_on(const World& world, const Tree& tree, const Hash32& tip) {
    const auto path = tree.path(tip);
    const Blockchain& chain = *world.chain;
    ASSERT_EQ(chain.head_hash(), tip);
    ASSERT_EQ(chain.head().number, path.size() - 1);
    EXPECT_FALSE(chain.canonical_hash(path.size()).value());
    std::size_t logs = 0;
    for (std::size_t number = 0; number < path.size(); ++number) {
        ASSERT_EQ(chain.canonical_hash(number).value(), path[number]) << number;
        const auto& transactions = tree.at(path[number]).transactions;
        for (std::size_t i = 0; i < transactions.size(); ++i) {
            const auto place = chain.find(transactions[i]).value();
            ASSERT_TRUE(place) << number;
            EXPECT_EQ(place->block_hash, path[number]);
            EXPECT_EQ(place->index, i);
        }
        if (number > 0) logs += transactions.size() - 1;
    }
    LogFilter filter;
    filter.to = path.size();
    filter.limit = 1'000'000;
    const auto found = chain.logs(filter).value();
    EXPECT_EQ(found.size(), logs);
    filter.addresses.push_back(counter_address());
    EXPECT_EQ(chain.logs(filter).value().size(), logs);
    for (const auto& log : found) EXPECT_EQ(log.block_hash, path[log.block_number]);
    EXPECT_EQ(world.counted(), U256(tree.at(tip).calls));
    EXPECT_EQ(chain.header(tip).value()->state_root, const_cast<Blockchain&>(chain).state().root());
    auto reader = chain.state_at(path.size() - 1).value();
    for (std::size_t key = 0; key < keys; ++key) {
        const auto account = reader->account(test_key(key).address()).value();
        EXPECT_EQ(account->nonce, tree.at(tip).nonces[key]);
    }
}

// A chain that only ever saw the path has the same of everything.
void expect_twin(const World& world, const Tree& tree, const Hash32& tip) {
    World twin;
    for (const auto& hash : tree.path(tip)) {
        if (tree.at(hash).number == 0) continue;
        const auto done = twin.chain->import(world.chain->block(hash).value().value(), true);
        ASSERT_TRUE(done) << done.error().to_string();
    }
    ASSERT_NO_FATAL_FAILURE(expect_on(twin, tree, tip));
    for (const auto& hash : tree.path(tip)) {
        const auto a = world.chain->stored(hash).value(), b = twin.chain->stored(hash).value();
        ASSERT_EQ(a->outcomes.size(), b->outcomes.size());
        for (std::size_t i = 0; i < a->outcomes.size(); ++i) {
            EXPECT_EQ(a->outcomes[i].receipt, b->outcomes[i].receipt);
        }
    }
}

TEST(reorg, every_depth_to_fifty) {
    World world;
    Prng random(21);
    Tree tree(world);
    Hash32 tip = world.chain->head_hash();
    for (int i = 0; i < 55; ++i) tip = tree.grow(tip, random);
    ASSERT_TRUE(world.chain->set_heads(tip, {}, {}));
    ASSERT_NO_FATAL_FAILURE(expect_on(world, tree, tip));
    const std::size_t stride = test_rounds(7, 1); // beyond the first ones
    for (std::size_t depth = 1; depth <= 50; depth += depth < 8 ? 1 : stride) {
        const auto path = tree.path(tip);
        Hash32 branch = path[path.size() - 1 - depth];
        for (std::size_t i = 0; i < depth; ++i) branch = tree.grow(branch, random);
        ASSERT_NO_FATAL_FAILURE(expect_on(world, tree, tip)) << "aside, depth " << depth;
        const auto done = world.chain->set_heads(branch, {}, {});
        ASSERT_TRUE(done) << done.error().to_string();
        ASSERT_NO_FATAL_FAILURE(expect_on(world, tree, branch)) << "depth " << depth;
        if (depth % 10 == 8 || depth == 50) {
            ASSERT_NO_FATAL_FAILURE(expect_twin(world, tree, branch));
        }
        tip = branch;
    }
}

TEST(reorg, back_and_forth_over_a_random_tree) {
    for (std::uint64_t seed = test_rounds(2, 6); seed > 0; --seed) {
        World world;
        Prng random(seed);
        Tree tree(world);
        // What listeners are told adds up to the canonical chain.
        std::vector<Hash32> told{world.chain->head_hash()};
        world.chain->on_head([&](const HeadEvent& event) {
            for (const auto& hash : event.left) {
                EXPECT_EQ(told.back(), hash);
                told.pop_back();
            }
            told.insert(told.end(), event.joined.begin(), event.joined.end());
        });
        for (int i = 0; i < 60; ++i) {
            (void)tree.grow(tree.any(random), random);
            if (random.below(2) == 0) {
                const Hash32 tip = tree.any(random);
                ASSERT_TRUE(world.chain->set_heads(tip, {}, {}));
                ASSERT_NO_FATAL_FAILURE(expect_on(world, tree, tip)) << seed << " " << i;
                ASSERT_EQ(told, tree.path(tip));
            }
            if (i % 20 == 19) {
                world.reopen();
                world.chain->on_head([](const HeadEvent&) {});
                told = tree.path(world.chain->head_hash());
                world.chain->on_head([&](const HeadEvent& event) {
                    told.resize(told.size() - event.left.size());
                    told.insert(told.end(), event.joined.begin(), event.joined.end());
                });
            }
        }
        ASSERT_NO_FATAL_FAILURE(expect_twin(world, tree, world.chain->head_hash()));
    }
}

TEST(reorg, safe_and_finalized_are_ancestors_of_the_head) {
    World world;
    Prng random(5);
    Tree tree(world);
    const Hash32 genesis = world.chain->head_hash();
    const Hash32 a1 = tree.grow(genesis, random), a2 = tree.grow(a1, random);
    const Hash32 b1 = tree.grow(genesis, random), b2 = tree.grow(b1, random);
    ASSERT_TRUE(world.chain->set_heads(a2, a1, a1));
    EXPECT_EQ(world.chain->safe_hash(), a1);
    EXPECT_EQ(world.chain->set_heads(a2, b1, {}).error().code, ErrorCode::conflict);
    EXPECT_EQ(world.chain->set_heads(a1, a2, {}).error().code, ErrorCode::conflict);
    EXPECT_EQ(world.chain->set_heads(Hash32{{1}}, {}, {}).error().code, ErrorCode::not_found);
    EXPECT_EQ(world.chain->head_hash(), a2);
    ASSERT_TRUE(world.chain->set_heads(b2, b2, b1));
    EXPECT_EQ(world.chain->safe_hash(), b2);
    EXPECT_EQ(world.chain->finalized_hash(), b1);
    // What was safe on the branch that leaves cannot stay so.
    ASSERT_TRUE(world.chain->set_heads(a2, {}, {}));
    EXPECT_EQ(world.chain->safe_hash(), genesis);
    EXPECT_EQ(world.chain->finalized_hash(), genesis);
}

TEST(reorg, an_older_block_as_head_takes_the_later_ones_back) {
    World world;
    Prng random(6);
    Tree tree(world);
    Hash32 tip = world.chain->head_hash();
    std::vector<Hash32> path{tip};
    for (int i = 0; i < 5; ++i) path.push_back(tip = tree.grow(tip, random));
    ASSERT_TRUE(world.chain->set_heads(tip, {}, {}));
    ASSERT_TRUE(world.chain->set_heads(path[2], {}, {}));
    ASSERT_NO_FATAL_FAILURE(expect_on(world, tree, path[2]));
    ASSERT_NE(world.chain->stored(path[4]).value(), nullptr); // not forgotten
    ASSERT_TRUE(world.chain->set_heads(tip, {}, {}));
    ASSERT_NO_FATAL_FAILURE(expect_on(world, tree, tip));
    ASSERT_TRUE(world.chain->rewind(1));
    ASSERT_NO_FATAL_FAILURE(expect_on(world, tree, path[1]));
    EXPECT_EQ(world.chain->stored(path[4]).value(), nullptr); // forgotten
    EXPECT_EQ(world.chain->rewind(3).error().code, ErrorCode::invalid_argument);
    world.reopen();
    ASSERT_NO_FATAL_FAILURE(expect_on(world, tree, path[1]));
}

// What a crash in the middle leaves: a chain that goes back to the fork, and where it was going.
TEST(reorg, a_re_org_that_was_cut_short_is_ended_at_the_next_opening) {
    World world;
    Prng random(12);
    Tree tree(world);
    const Hash32 genesis = world.chain->head_hash();
    Hash32 tip = tree.grow(genesis, random);
    ASSERT_TRUE(world.chain->set_heads(tip, {}, {}));
    Hash32 other = genesis;
    for (int i = 0; i < 4; ++i) other = tree.grow(other, random);
    ASSERT_TRUE(world.chain->set_heads(genesis, {}, {}));
    world.pool.reset();
    world.chain.reset();
    {
        auto store = store::KeyValue::open(world.folder.path(), chain_family_names()).value();
        const BlockStore blocks(*store);
        auto heads = blocks.heads().value().value();
        heads.target = other;
        store::WriteBatch batch;
        blocks.put_heads(heads, batch);
        ASSERT_TRUE(store->write(batch, true));
    }
    world.open();
    ASSERT_NO_FATAL_FAILURE(expect_on(world, tree, other));
    world.reopen();
    ASSERT_NO_FATAL_FAILURE(expect_on(world, tree, other));
}

// The pool follows: what left the chain waits again, what came with it is gone.
TEST(reorg, transactions_come_back_to_the_pool) {
    World world;
    const Hash32 genesis = world.chain->head_hash();
    const Hash32 first = world.add(count_call(0, 0, 1)), second = world.add(count_call(0, 1, 2));
    const Hash32 other = world.add(count_call(1, 0, 3));
    (void)world.produce();
    (void)world.produce();
    EXPECT_EQ(world.pool->counts().pending, 0U);
    // A branch that has only one of them.
    auto attributes =
        attributes_after(world.chain->config(), world.chain->header(genesis).value().value(), 7);
    attributes.forced.push_back(count_call(0, 0, 1));
    const auto built = world.chain->build(genesis, attributes, nullptr, 0);
    ASSERT_TRUE(built) << built.error().to_string();
    ASSERT_TRUE(world.chain->import(built->block, false));
    ASSERT_TRUE(world.chain->set_heads(hash(built->block.header), {}, {}));
    EXPECT_EQ(world.pool->find(first), nullptr);
    EXPECT_NE(world.pool->find(second), nullptr);
    EXPECT_NE(world.pool->find(other), nullptr);
    EXPECT_EQ(world.pool->counts().pending, 2U);
    EXPECT_EQ(world.produce().transactions.size(), 3U);
    EXPECT_EQ(world.counted(), U256(3));
    // A rewind forgets for good: nothing comes back.
    ASSERT_TRUE(world.chain->rewind(0));
    EXPECT_EQ(world.pool->counts().pending + world.pool->counts().queued, 0U);
    EXPECT_EQ(world.nonce(0), 0U);
}

TEST(reorg, overrides_are_seen_at_once_and_enter_the_next_block) {
    World world;
    const Address who = test_key(0).address();
    const auto give = [&](const U256& amount) {
        AccountChange change;
        change.address = who;
        change.account =
            world.chain->state_at(world.chain->head().number).value()->account(who).value();
        change.account->balance = amount;
        ASSERT_TRUE(world.chain->override_state({change}));
    };
    (void)world.produce();
    const U256 before = world.balance(who);
    const Hash32 head = world.chain->head_hash();
    give(U256(5));
    EXPECT_EQ(world.balance(who), U256(5));
    EXPECT_FALSE(world.pool->add(transfer(0, 0, counter_address()))); // too poor now
    give(U256(3) * before);
    EXPECT_EQ(world.balance(who), U256(3) * before);
    world.reopen(); // they are not lost
    EXPECT_EQ(world.balance(who), U256(3) * before);
    EXPECT_EQ(world.chain->overrides().size(), 1U);
    world.add(transfer(0, 0, test_key(1).address(), U256(2) * before));
    const Block block = world.produce();
    ASSERT_EQ(block.transactions.size(), 2U);
    EXPECT_TRUE(world.chain->overrides().empty());
    EXPECT_LT(world.balance(who), before);
    const Hash32 made = hash(block.header);
    EXPECT_EQ(world.chain->state_at(1).value()->account(who).value()->balance, before);
    EXPECT_EQ(world.chain->state_before(made).value()->account(who).value()->balance,
              U256(3) * before);
    // Away from it and back: it is executed again with what was overridden.
    ASSERT_TRUE(world.chain->set_heads(head, {}, {}));
    EXPECT_EQ(world.balance(who), before);
    ASSERT_TRUE(world.chain->set_heads(made, {}, {}));
    EXPECT_LT(world.balance(who), before);
    // A rewind forgets what waits.
    give(U256(9));
    ASSERT_TRUE(world.chain->rewind(2));
    EXPECT_LT(U256(9), world.balance(who));
    EXPECT_EQ(
        world.chain->state_before(world.chain->canonical_hash(0).value().value()).error().code,
        ErrorCode::invalid_argument);
}

} // namespace
} // namespace ol::chain
