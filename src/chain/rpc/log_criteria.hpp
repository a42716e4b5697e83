// Which logs are meant: the filter object of eth_getLogs, eth_newFilter and eth_subscribe.
#pragma once

#include "chain/rpc/backend.hpp"

namespace ol::chain::rpc {

struct LogCriteria {
    std::optional<Hash32> block_hash; // this block alone
    std::optional<BlockRef> from, to; // none: latest
    std::vector<Address> addresses;
    std::vector<std::vector<Hash32>> topics;

    bool matches(const Log& log) const;
    bool may_match(const Bloom& bloom) const; // false: no log of such a block matches
};
// Absent: every log.
RpcResult<LogCriteria> log_criteria(const Param& param);

// The logs of the chain as it stands; limits of the backend's options.
RpcResult<std::vector<FoundLog>> find_logs(const Backend& backend, const LogCriteria& criteria);

} // namespace ol::chain::rpc
