// The blockchain's inside, spread over blockchain.cpp (opening, reading), blockchain_import.cpp
// (execution, re-orgs) and blockchain_build.cpp (payloads).
//
// One writer at a time holds `writer_`. Readers see `view_`, replaced after each commit, and the
// store. Everything that a block changes - its bytes, indices, heads, its state - is one batch of
// the store: a crash leaves all of it or nothing, so there is no unfinished block to heal. A re-org
// takes several batches; where it was going is part of each, and opening the folder ends it.
#pragma once

#include <mutex>
#include <shared_mutex>

#include "base/thread_pool.hpp"
#include "chain/block_store.hpp"
#include "chain/log_search.hpp"
#include "chain/shared_cache.hpp"
#include "store/key_value.hpp"

namespace ol::chain {

class ChainImpl final : public Blockchain {
public:
    ChainImpl(const BlockchainOptions& options, ChainConfig config,
              std::unique_ptr<store::KeyValue> store);
    Status begin(const Genesis& genesis);

    const ChainConfig& config() const override { return config_; }
    Header head() const override;
    Hash32 head_hash() const override;
    Hash32 safe_hash() const override;
    Hash32 finalized_hash() const override;
    Result<std::optional<Hash32>> canonical_hash(std::uint64_t number) const override;
    Result<std::optional<Header>> header(const Hash32& hash) const override;
    Result<std::optional<Block>> block(const Hash32& hash) const override;
    Result<StoredBlockPtr> stored(const Hash32& hash) const override;
    Result<std::vector<Address>> senders(const Hash32& block_hash) const override;
    Result<std::optional<std::vector<TransactionOutcome>>>
    outcomes(const Hash32& block_hash) const override;
    Result<std::optional<TransactionPlace>> find(const Hash32& transaction) const override;
    Result<std::vector<FoundLog>> logs(const LogFilter& filter) const override;
    Result<std::vector<FoundLog>> logs_of_block(const Hash32& hash) const override;
    Result<std::unique_ptr<StateReader>> state_at(std::uint64_t number) const override;
    Result<std::unique_ptr<StateReader>> state_before(const Hash32& block) const override;
    StateDatabase& state() override { return *state_; }
    BlockHashes block_hashes(const Hash32& head) const override;

    Status import(const Block& block, bool extend_head) override;
    Status set_heads(const Hash32& head, const Hash32& safe, const Hash32& finalized) override;
    Result<BuiltBlock> build(const Hash32& parent, const PayloadAttributes& attributes,
                             TransactionPool* pool, std::int64_t deadline_ms) override;
    Result<BuiltBlock> produce(const PayloadAttributes& attributes, TransactionPool* pool) override;
    Status rewind(std::uint64_t number) override;
    Status override_state(const StateChanges& changes) override;
    StateChanges overrides() const override;
    void on_head(std::function<void(const HeadEvent&)> listener) override;

private:
    // What readers see of the heads.
    struct View {
        StoredBlockPtr head;
        Hash32 genesis, safe, finalized;
        std::shared_ptr<const StateChanges> overrides; // since the head; null: none
    };
    // A block and the state after it; ready to be committed where its parent is the head.
    struct Executed {
        std::shared_ptr<const StoredBlock> block;
        std::unique_ptr<StateDatabase::Pending> state;
        bool takes_overrides = false; // those that waited for the next block
    };
    // What is known of a block's transactions without a state.
    struct Prepared {
        std::vector<Address> senders;
        std::vector<Hash32> hashes;
    };

    View view() const;
    void set_view(View view);
    BlockStore::Heads heads_of(const View& view) const;

    Status lay_down_genesis(const Genesis& genesis);
    Status resume(const BlockStore::Heads& heads, const Genesis& genesis);

    // Below: the writer's.
    Result<StoredBlockPtr> require(const Hash32& hash, std::string_view what) const;
    // Hashes and senders, on all threads; unverified for a signature that is none.
    Result<Prepared> prepare(const Block& block);
    // A backend on the state after `parent`, which need not be canonical; for execution alone where
    // it is not the head. Takes a candidate's where there is one, so that a branch costs no more
    // than its blocks.
    Result<std::unique_ptr<StateDatabase::Pending>> state_after(const StoredBlock& parent);
    Result<Executed> execute(const StoredBlock& parent, const Block& block, const Hash32& hash,
                             Prepared prepared, const StateChanges& overrides,
                             std::unique_ptr<StateDatabase::Pending> state);
    Result<Executed> execute_again(const StoredBlock& block,
                                   std::unique_ptr<StateDatabase::Pending> state);
    Result<Executed> assemble(const StoredBlock& parent, const PayloadAttributes& attributes,
                              TransactionPool* pool, std::int64_t deadline_ms,
                              std::shared_ptr<const StateChanges> overrides, BuiltBlock& built);
    // The block becomes the head. `target`: of the re-org that it is a step of; zero: of none.
    Status commit(Executed executed, bool is_stored, const Hash32& target);
    Status keep_aside(const StoredBlockPtr& block); // stored, not canonical
    void remember(const StoredBlockPtr& block) const;

    // From a block back to the canonical chain: the last common block, and what leads to the tip.
    struct Path {
        StoredBlockPtr ancestor;
        std::vector<Hash32> ahead; // oldest first
    };
    Result<Path> path_to(const Hash32& tip) const;
    Result<bool> is_canonical(const StoredBlock& block) const;
    // The canonical blocks above `number`, newest first.
    Result<std::vector<Hash32>> canonical_above(std::uint64_t number) const;
    Status roll_back(const StoredBlockPtr& to, const std::vector<Hash32>& left, bool forget,
                     const Hash32& target);
    // `event` says what happened, also when it fails half-way.
    Status move_head(const Path& path, HeadEvent& event);
    Status go_forward(const StoredBlockPtr& block, const Hash32& target);
    Status check_finality(const Path& path, const Hash32& hash, std::string_view name) const;
    Status set_finality(const Hash32& safe, const Hash32& finalized);
    void announce(const HeadEvent& event);
    std::optional<Executed> take_candidate(const Hash32& hash);
    void keep_candidate(Executed executed);

    const BlockchainOptions options_;
    const ChainConfig config_;
    std::unique_ptr<store::KeyValue> store_;
    ThreadPool pool_;
    std::unique_ptr<StateDatabase> state_;
    BlockStore blocks_;
    LogSearch log_search_;
    mutable SharedCache<StoredBlock> cache_;

    std::mutex writer_;
    std::vector<Executed> candidates_; // executed since the last head; the writer's
    std::vector<std::function<void(const HeadEvent&)>> listeners_; // the writer's

    mutable std::shared_mutex view_mutex_;
    View view_;
};

std::uint64_t memory_bytes(const StoredBlock& block);

} // namespace ol::chain
