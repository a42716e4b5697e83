// A payload filled: attributes to a header, forced transactions, then the pool's best as long as
// they fit (Engine API; OP specs, "Derivation", "Holocene", "Jovian").
#pragma once

#include "chain/blockchain.hpp"
#include "chain/txpool/pool.hpp"

namespace ol::chain {

class PayloadBuilder {
public:
    // All of them outlive the builder.
    PayloadBuilder(const ChainConfig& config, const Header& parent, const Hash32& parent_hash,
                   const PayloadAttributes& attributes);

    // invalid_argument for attributes that break a rule, named.
    Status check();
    // Executes on `state`, which holds the parent's. `pool` may be null; what it offers and cannot
    // be carried out for good leaves it. `deadline_ms`: of the taking from the pool; 0: none.
    Status fill(StateBackend& state, const BlockHashes& block_hashes, TransactionPool* pool,
                std::int64_t deadline_ms);
    // After fill().
    std::shared_ptr<StoredBlock> take_block();
    const U256& fees() const { return fees_; } // priority fees
    std::vector<Bytes>& requests() { return requests_; }

private:
    Status check_fork_members() const;
    Result<Bytes> extra_data() const;
    Status force(BlockExecutor& executor);
    Status take_from(TransactionPool& pool, BlockExecutor& executor, std::int64_t deadline_ms);
    bool fits(const PooledTransaction& pooled, std::uint64_t& da_bytes) const;
    void include(const Transaction& transaction, const Hash32& hash, const Address& sender,
                 const TransactionOutcome& outcome);
    Status finish(BlockExecutor& executor);

    const ChainConfig& config_;
    const Header& parent_;
    const PayloadAttributes& attributes_;
    const Rules rules_;
    std::shared_ptr<StoredBlock> block_;
    U256 fees_;
    std::vector<Bytes> requests_;
    std::uint64_t da_bytes_ = 0; // of the pool's transactions
};

} // namespace ol::chain
