// BlockchainTests: trees of blocks, sound and unsound, on a genesis; the head that must come of it.
#include <map>
#include <unordered_map>

#include "ommers.hpp"
#include "suite.hpp"

namespace ol::conformance {
namespace {

using namespace ol::chain;

// Where Paris begins in the suite ArrowGlacierToParisAtDiffC0000.
const U256 terminal_difficulty(0xc0000);

class Chain {
public:
    Chain(const Json& test, const ChainConfig& config)
        : test_(test)
        , config_(config)
        , merges_(test["network"].as_string().value_or("").find("ToParisAtDiff") !=
                  std::string::npos) {}

    Status lay_down_genesis() {
        Block block;
        if (test_.contains("genesisRLP")) {
            const Bytes encoded = OL_TRY(bytes(test_["genesisRLP"]));
            block = OL_TRY_IN(decode_block(encoded), "genesis");
        } else {
            block.header = OL_TRY_IN(header_from(test_["genesisBlockHeader"]), "genesis");
        }
        pre_ = OL_TRY(accounts(test_["pre"]));
        OL_TRY(restart());
        if (state_root_ != block.header.state_root) {
            return fail(ErrorCode::unverified, "genesis: state root {}",
                        to_hex0x(state_root_.view()));
        }
        const Hash32 root_hash = hash(block.header);
        if (root_hash != OL_TRY(test_["genesisBlockHeader"]["hash"].as_hash32())) {
            return fail(ErrorCode::unverified, "genesis: hash");
        }
        tree_[root_hash] = {block, block.header.difficulty};
        genesis_ = state_head_ = head_ = root_hash;
        return {};
    }

    // Takes a block into the tree, or says why it is none.
    Status import(const Bytes& encoded) {
        const Block block = OL_TRY(decode_block(encoded));
        const Hash32 block_hash = hash(block.header);
        if (tree_.contains(block_hash)) return {};
        const auto parent = tree_.find(block.header.parent_hash);
        if (parent == tree_.end()) return fail(ErrorCode::not_found, "the parent is unknown");
        const U256 total = parent->second.total_difficulty + block.header.difficulty;
        const ChainConfig config = config_for(parent->second.total_difficulty);
        OL_TRY(check_merge(block.header, parent->second));
        OL_TRY(check_ommers(config, block, ancestors_of(block.header.parent_hash)));
        OL_TRY(bring_state_to(block.header.parent_hash));
        state_head_ = Hash32{}; // until it holds
        OL_TRY(carry_out(config, block));
        state_head_ = block_hash;
        tree_[block_hash] = {block, total};
        const bool heavier = total > tree_[head_].total_difficulty;
        if (heavier || block.header.difficulty.is_zero()) head_ = block_hash;
        return {};
    }

    const Hash32& head() const { return head_; }

private:
    struct Node {
        Block block;
        U256 total_difficulty; // with its own
    };

    ChainConfig config_for(const U256& parent_total) const {
        if (!merges_ || parent_total < terminal_difficulty) return config_;
        ChainConfig out = config_;
        out.post_merge_from_genesis = true;
        return out;
    }

    // The last block of work is the first whose parent had not reached the terminal difficulty.
    Status check_merge(const Header& header, const Node& parent) const {
        if (!merges_) return {};
        if (parent.block.header.difficulty.is_zero() && !header.difficulty.is_zero()) {
            return fail(ErrorCode::unverified, "a block of work on a block of stake");
        }
        return {};
    }

    Status restart() {
        state_ = make_memory_state();
        state_root_ = OL_TRY(state_->apply(pre_));
        state_head_ = genesis_;
        return {};
    }

    // The state after `target`: as it is, or carried out again from genesis.
    Status bring_state_to(const Hash32& target) {
        if (state_head_ == target) return {};
        std::vector<const Node*> path;
        for (Hash32 at = target; at != genesis_;) {
            const Node& node = tree_.at(at);
            path.push_back(&node);
            at = node.block.header.parent_hash;
        }
        OL_TRY(restart());
        for (auto node = path.rbegin(); node != path.rend(); ++node) {
            const auto& parent = tree_.at((*node)->block.header.parent_hash);
            OL_TRY(carry_out(config_for(parent.total_difficulty), (*node)->block));
        }
        state_head_ = target;
        return {};
    }

    Status carry_out(const ChainConfig& config, const Block& block) {
        const auto block_hash = [&](std::uint64_t number) {
            Hash32 at = block.header.parent_hash;
            for (;;) {
                const Header& header = tree_.at(at).block.header;
                if (header.number == number) return at;
                if (header.number < number || at == genesis_) return Hash32{};
                at = header.parent_hash;
            }
        };
        const Header& parent = tree_.at(block.header.parent_hash).block.header;
        OL_TRY(execute_block(config, parent, block, *state_, block_hash));
        return {};
    }

    // Nearest first, as far as ommers may reach back.
    std::vector<const Block*> ancestors_of(const Hash32& parent) const {
        std::vector<const Block*> out;
        Hash32 at = parent;
        while (out.size() < 8) {
            const Node& node = tree_.at(at);
            out.push_back(&node.block);
            if (at == genesis_) break;
            at = node.block.header.parent_hash;
        }
        return out;
    }

    const Json& test_;
    const ChainConfig config_;
    const bool merges_;
    StateChanges pre_;
    std::unordered_map<Hash32, Node, FixedBytesHasher> tree_;
    std::unique_ptr<StateBackend> state_;
    Hash32 state_root_, state_head_, genesis_, head_;
};

Status run_test(const Json& test, const ChainConfig& config) {
    Chain chain(test, config);
    OL_TRY(chain.lay_down_genesis());
    std::size_t index = 0;
    for (const auto& entry : test["blocks"].items()) {
        // Old files name no exception: a block that is none has no header beside its bytes.
        const bool must_fail = entry.contains("expectException") || !entry.contains("blockHeader");
        const auto encoded = bytes(entry["rlp"]);
        const Status imported = encoded ? chain.import(*encoded) : std::unexpected(encoded.error());
        if (imported && must_fail) {
            return fail(ErrorCode::internal, "block {}: accepted, but must be refused: {}", index,
                        entry["expectException"].as_string().value_or("(no name)"));
        }
        if (!imported && !must_fail) {
            return fail(ErrorCode::internal, "block {}: refused: {}", index,
                        imported.error().context);
        }
        ++index;
    }
    if (chain.head() != OL_TRY(test["lastblockhash"].as_hash32())) {
        return fail(ErrorCode::internal, "another head: {}", to_hex0x(chain.head().view()));
    }
    return {};
}

// Fixtures since Prague say what their forks' blobs are.
Status read_config(const Json& json, ChainConfig& out) {
    if (json.contains("chainid")) out.chain_id = OL_TRY(number64(json["chainid"]));
    for (const auto& [name, schedule] : json["blobSchedule"].members()) {
        const auto fork = fork_by_name(name);
        if (!fork) continue;
        out.blobs[*fork] = {OL_TRY(number64(schedule["target"])), OL_TRY(number64(schedule["max"])),
                            OL_TRY(number64(schedule["baseFeeUpdateFraction"]))};
    }
    return {};
}

void run_file(const Json& file, Results& results) {
    for (const auto& [name, test] : file.members()) {
        if (!results.wants(name) || !test.contains("blocks")) continue;
        const std::string network = test["network"].as_string().value_or("");
        auto config = config_of(network);
        if (!config) {
            results.leave_out("network " + network);
            continue;
        }
        Status done = read_config(test["config"], *config);
        if (done) done = run_test(test, *config);
        if (done) {
            results.pass();
        } else {
            results.fail(name, done.error().context);
        }
    }
}

} // namespace
} // namespace ol::conformance

int main(int count, char** arguments) {
    using namespace ol::conformance;
    return run_suite("blockchain", parse_options(count, arguments),
                     {"BlockchainTests", "blockchain_tests",
                      "LegacyTests/Constantinople/BlockchainTests",
                      "LegacyTests/Cancun/BlockchainTests"},
                     run_file);
}
