// LogSearch: canonical logs by address and topics, over the store's index of addresses and the
// blocks' blooms; the logs of recently asked blocks stay in memory, laid out for it. Thread-safe.
#pragma once

#include "chain/block_store.hpp"
#include "chain/shared_cache.hpp"

namespace ol::chain {

class LogSearch {
public:
    // `blocks` outlives it.
    explicit LogSearch(const BlockStore& blocks);

    // invalid_argument for a filter above its limits, too_large with the remedy for more results
    // than `filter.limit`.
    Result<std::vector<FoundLog>> find(const LogFilter& filter) const;
    Result<std::vector<FoundLog>> of_block(const Hash32& hash) const;
    // A block that was just executed: it need not be read back.
    void remember(const StoredBlock& block) const;
    void forget(const Hash32& hash) const { cache_.erase(hash); }

private:
    using LogsPtr = std::shared_ptr<const BlockLogs>;
    Result<LogsPtr> logs(const Hash32& hash) const;

    const BlockStore& blocks_;
    mutable SharedCache<BlockLogs> cache_;
};

} // namespace ol::chain
