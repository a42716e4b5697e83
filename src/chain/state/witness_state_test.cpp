#include <map>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "chain/state/account_rlp.hpp"
#include "chain/state/random_changes_for_tests.hpp"
#include "chain/trie/trie.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

// All nodes and codes of a world that the test builds itself.
class WholeWorld final : public NodeSource {
public:
    Result<Bytes> node(const Hash32& hash) override { return find(nodes, hash); }
    Result<Bytes> code(const Hash32& hash) override { return find(codes, hash); }

    void add(trie::Trie& trie) {
        trie.root();
        add(trie.root_node(), true);
    }

    std::map<Hash32, Bytes> nodes, codes;

private:
    static Result<Bytes> find(const std::map<Hash32, Bytes>& map, const Hash32& hash) {
        const auto found = map.find(hash);
        if (found == map.end()) return fail(ErrorCode::not_found, "not in the witness");
        return found->second;
    }
    void add(const trie::Node* node, bool is_root) {
        if (node == nullptr) return;
        Bytes rlp;
        trie::append_rlp(rlp, *node);
        if (is_root || rlp.size() >= 32) nodes[crypto::keccak256(rlp)] = rlp;
        if (node->kind == trie::NodeKind::extension) {
            add(static_cast<const trie::Extension*>(node)->child.node, false);
        } else if (node->kind == trie::NodeKind::branch) {
            for (const auto& child : static_cast<const trie::Branch*>(node)->children) {
                add(child.node, false);
            }
        }
    }
};

trie::Trie trie_of(const std::map<Hash32, Bytes>& leaves) {
    std::vector<trie::Change> changes;
    for (const auto& [key, value] : leaves) changes.push_back({key.view(), value});
    trie::Trie out;
    EXPECT_TRUE(out.update(changes));
    return out;
}

// The nodes of the world that `twin` holds, written down for a witness.
Hash32 write_down(const WorldTwin& twin, WholeWorld& world) {
    std::map<Hash32, Bytes> accounts;
    for (const auto& [address, held] : twin.accounts()) {
        std::map<Hash32, Bytes> slots;
        for (const auto& [slot, value] : held.storage) {
            Bytes rlp(slot_rlp_bytes);
            rlp.resize(put_slot(rlp.data(), value));
            slots[crypto::keccak256(slot.to_be().view())] = rlp;
        }
        trie::Trie storage = trie_of(slots);
        world.add(storage);
        Account account = held.account;
        account.storage_root = storage.root();
        Bytes rlp(account_rlp_bytes);
        rlp.resize(put_account(rlp.data(), account));
        accounts[crypto::keccak256(address.view())] = rlp;
        if (held.code != nullptr) world.codes[account.code_hash] = held.code->bytes();
    }
    trie::Trie trie = trie_of(accounts);
    world.add(trie);
    return trie.root();
}

TEST(BackendTest, WitnessAndMemoryStatesAgreeWithTheWorld) {
    for (std::uint64_t seed = 0; seed < 15; ++seed) {
        WorldTwin twin(seed);
        const auto memory = make_memory_state();
        WholeWorld world;
        Hash32 root = empty_root_hash;
        for (int block = 0; block < 10; ++block) {
            const auto witness = make_witness_state(world, root);
            for (int part = 0; part < 2; ++part) {
                const StateChanges changes = twin.next();
                const auto by_witness = witness->apply(changes);
                ASSERT_TRUE(by_witness) << by_witness.error().to_string();
                const auto by_memory = memory->apply(changes);
                ASSERT_TRUE(by_memory);
                ASSERT_EQ(*by_witness, *by_memory);
                root = *by_witness;
            }
            ASSERT_EQ(write_down(twin, world), root) << "seed " << seed;
            twin.compare(*witness);
            twin.compare(*memory);
            const auto fresh = make_witness_state(world, root);
            twin.compare(*fresh);
            if (HasFatalFailure()) FAIL() << "seed " << seed << ", block " << block;
        }
    }
}

TEST(BackendTest, AWitnessThatLacksANodeSaysSo) {
    WholeWorld world;
    const auto state = make_witness_state(world, crypto::keccak256("another world"));
    const auto account = state->account({});
    ASSERT_FALSE(account);
    EXPECT_EQ(account.error().code, ErrorCode::not_found);
    world.nodes[crypto::keccak256("another world")] = {0x80};
    const auto forged = state->account({});
    ASSERT_FALSE(forged);
    EXPECT_EQ(forged.error().code, ErrorCode::corrupted);
}

} // namespace
} // namespace ol::chain
