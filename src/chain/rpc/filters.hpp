// Filters: eth_newFilter and its kin. What happened since the last poll is kept for each, up to a
// limit; a filter that nobody polls for five minutes is removed. Thread-safe.
#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include "base/clock.hpp"
#include "chain/rpc/feed.hpp"
#include "chain/rpc/log_criteria.hpp"
#include "chain/rpc/methods.hpp"

namespace ol::chain::rpc {

class Filters final : public FeedListener {
public:
    static constexpr std::int64_t lifetime_ms = 5 * 60 * 1000; // geth's

    enum class Kind { logs, blocks, pending };

    Filters(const Backend& backend, const Feed& feed, const Clock& clock);

    RpcResult<std::string> install(Kind kind, LogCriteria criteria = {});
    bool uninstall(const std::string& id);
    // Prints what is new since the last poll; "filter not found".
    RpcStatus changes(const std::string& id, Writer& out);
    RpcResult<LogCriteria> criteria_of(const std::string& id);

    bool has_any() const override { return count_ != 0; }
    bool wants_heads() const override;
    bool wants_pending() const override;
    void on_head(const HeadUpdate& update) override;
    void on_pending(std::uint64_t sequence, const PooledPtr& transaction) override;
    void on_lost() override;

    const Backend& backend;

private:
    struct Filter {
        Kind kind = Kind::logs;
        std::uint64_t since = 0; // events up to this one are not its own
        std::int64_t deadline_ms = 0;
        LogCriteria criteria;
        std::optional<std::uint64_t> from, to; // of the criteria, where they are numbers
        std::vector<std::string> results;      // JSON
    };
    Filter* find(const std::string& id); // under the mutex
    void drop_expired();
    void keep_log(Filter& filter, const FoundLog& found);
    bool wants(Kind kind) const;

    const Feed& feed_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::atomic<std::size_t> count_ = 0;
    std::map<std::string, Filter> filters_;
};

void add_filter_methods(MethodTable& table, Filters& filters);

} // namespace ol::chain::rpc
