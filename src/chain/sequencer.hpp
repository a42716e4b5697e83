// Sequencer: makes blocks on a chain of its own - every `block_time_s` seconds on the OP Stack's
// schedule, or at once for every transaction (development) - with the L1 attributes deposit that
// each OP block begins with. Time travel in development mode only. The rollup's derivation or an
// op-node takes its place on a real network.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "chain/blockchain.hpp"
#include "chain/l1_attributes.hpp"
#include "chain/txpool/pool.hpp"

namespace ol::chain {

struct SequencerOptions {
    bool instant = true;            // a block as soon as a transaction waits
    std::uint64_t block_time_s = 2; // otherwise, and of the clock between blocks
    bool development = true;        // time travel and state overrides are allowed
    Address fee_recipient;          // zero, on an OP chain: the sequencer's fee vault
    // Of the L1 attributes (OP): fees and scalars; number, time and hash follow the chain, for
    // there is no Layer 1 below.
    L1Attributes l1;
    const Clock* clock = nullptr; // null: the system's; outlives the sequencer
    bool own_thread = true;       // false: the caller calls step() (tests)
};

class Sequencer {
public:
    static Result<std::unique_ptr<Sequencer>> start(Blockchain& chain, TransactionPool& pool,
                                                    const SequencerOptions& options);
    virtual ~Sequencer() = default; // stops

    // One block now (evm_mine), with its time where given.
    virtual Result<Hash32> mine(std::optional<std::uint64_t> timestamp = {}) = 0;
    virtual void set_automine(bool on) = 0;
    virtual bool automine() const = 0;
    virtual Status set_interval(std::uint64_t seconds) = 0; // 0: none
    // Development: permission_denied otherwise; invalid_argument when it goes back. increase_time
    // makes the next block that much later than the head at least.
    virtual Status increase_time(std::uint64_t seconds) = 0;
    virtual Status set_next_timestamp(std::uint64_t timestamp) = 0;
    // The time that the next block would have by the clock: with what was added to it.
    virtual std::uint64_t now() const = 0;
    // Makes the block that is due by the clock or that a transaction waits for; whether there was
    // one. What the sequencer's own thread does.
    virtual Result<bool> step() = 0;
    // A deposit (OP Stack) that the next block with room for it takes in before the pool's: how an
    // account sends without a signature. invalid_argument for other types and for more gas than a
    // block has; too_large when limits::forced_transactions wait already.
    virtual Status force(Transaction deposit) = 0;
    // Waits until the transaction is in a block, at most timeout_ms; instant mode's send path.
    // False also when it left the pool without one.
    virtual bool wait_for(const Hash32& transaction, std::int64_t timeout_ms) = 0;
};

} // namespace ol::chain
