#include "chain/rpc/filters.hpp"

#include "crypto/hash.hpp"

namespace ol::chain::rpc {

Filters::Filters(const Backend& methods_backend, const Feed& feed, const Clock& clock)
    : backend(methods_backend)
    , feed_(feed)
    , clock_(clock) {}

void Filters::drop_expired() {
    const std::int64_t now = clock_.unix_ms();
    std::erase_if(filters_, [&](const auto& each) { return each.second.deadline_ms < now; });
}

Filters::Filter* Filters::find(const std::string& id) {
    drop_expired();
    const auto found = filters_.find(id);
    if (found == filters_.end()) return nullptr;
    found->second.deadline_ms = clock_.unix_ms() + lifetime_ms;
    return &found->second;
}

RpcResult<std::string> Filters::install(Kind kind, LogCriteria criteria) {
    Filter filter;
    filter.kind = kind;
    filter.since = feed_.sequence();
    filter.deadline_ms = clock_.unix_ms() + lifetime_ms;
    const auto number_of = [](const std::optional<BlockRef>& ref) -> std::optional<std::uint64_t> {
        if (ref && ref->tag == BlockRef::Tag::number) return ref->number;
        return {};
    };
    filter.from = number_of(criteria.from);
    filter.to = number_of(criteria.to);
    filter.criteria = std::move(criteria);
    std::string id = to_hex0x(crypto::random_bytes(16));
    const ListenerLock lock(mutex_, filters_, count_);
    drop_expired();
    if (filters_.size() >= limits::rpc_filters) {
        return rpc_fail(limit_exceeded,
                        "{} filters are installed already; uninstall some (unused ones go after "
                        "five minutes), or subscribe over WebSocket",
                        filters_.size());
    }
    filters_.emplace(id, std::move(filter));
    return id;
}

bool Filters::uninstall(const std::string& id) {
    const ListenerLock lock(mutex_, filters_, count_);
    return filters_.erase(id) == 1;
}

RpcStatus Filters::changes(const std::string& id, Writer& out) {
    feed_.drain();
    const ListenerLock lock(mutex_, filters_, count_);
    Filter* filter = find(id);
    if (filter == nullptr) return rpc_fail(server_error, "filter not found");
    out.begin_array();
    for (const auto& each : filter->results) out.raw(each);
    out.end_array();
    filter->results.clear();
    return {};
}

RpcResult<LogCriteria> Filters::criteria_of(const std::string& id) {
    const ListenerLock lock(mutex_, filters_, count_);
    const Filter* filter = find(id);
    if (filter == nullptr || filter->kind != Kind::logs) {
        return rpc_fail(server_error, "filter not found");
    }
    return filter->criteria;
}

bool Filters::wants(Kind kind) const {
    for (const auto& [id, filter] : filters_) {
        if (filter.kind == kind) return true;
    }
    return false;
}

bool Filters::wants_heads() const {
    const std::lock_guard lock(mutex_);
    return wants(Kind::logs) || wants(Kind::blocks);
}

bool Filters::wants_pending() const {
    const std::lock_guard lock(mutex_);
    return wants(Kind::pending);
}

void Filters::keep_log(Filter& filter, const FoundLog& found) {
    if (!filter.criteria.matches(found.log)) return;
    if (filter.from && found.block_number < *filter.from) return;
    if (filter.to && found.block_number > *filter.to) return;
    Writer writer;
    print_log(writer, found);
    filter.results.push_back(writer.take());
}

void Filters::on_head(const HeadUpdate& update) {
    const ListenerLock lock(mutex_, filters_, count_);
    drop_expired();
    for (auto& [id, filter] : filters_) {
        if (update.sequence <= filter.since) continue;
        if (filter.kind == Kind::blocks) {
            for (const auto& block : update.joined) {
                filter.results.push_back("\"" + to_hex0x(block->hash().view()) + "\"");
            }
        } else if (filter.kind == Kind::logs) {
            for (const auto& found : update.removed) keep_log(filter, found);
            for (const auto& block : update.joined) {
                if (!filter.criteria.may_match(block->header().logs_bloom)) continue;
                block->for_each_log(
                    [&](std::size_t i, std::size_t k) { keep_log(filter, block->log(i, k)); });
            }
        }
    }
    // Nobody polls it often enough: better gone than with holes.
    std::erase_if(filters_, [](const auto& each) {
        return each.second.results.size() > limits::rpc_filter_results;
    });
}

void Filters::on_pending(std::uint64_t sequence, const PooledPtr& transaction) {
    const ListenerLock lock(mutex_, filters_, count_);
    for (auto& [id, filter] : filters_) {
        if (filter.kind != Kind::pending || sequence <= filter.since) continue;
        filter.results.push_back("\"" + to_hex0x(transaction->hash.view()) + "\"");
    }
    std::erase_if(filters_, [](const auto& each) {
        return each.second.results.size() > limits::rpc_filter_results;
    });
}

void Filters::on_lost() {
    const ListenerLock lock(mutex_, filters_, count_);
    filters_.clear();
}

void add_filter_methods(MethodTable& table, Filters& filters) {
    table.add("eth_newFilter", 1, 1, [&filters](Call& call) -> RpcStatus {
        const Param param = call.params[0];
        auto criteria = OL_TRY(log_criteria(param));
        call.out.value(OL_TRY(filters.install(Filters::Kind::logs, std::move(criteria))));
        return {};
    });
    table.add("eth_newBlockFilter", 0, 0, [&filters](Call& call) -> RpcStatus {
        call.out.value(OL_TRY(filters.install(Filters::Kind::blocks)));
        return {};
    });
    table.add("eth_newPendingTransactionFilter", 0, 1, [&filters](Call& call) -> RpcStatus {
        call.out.value(OL_TRY(filters.install(Filters::Kind::pending)));
        return {};
    });
    table.add("eth_getFilterChanges", 1, 1, [&filters](Call& call) -> RpcStatus {
        const Param id = call.params[0];
        return filters.changes(OL_TRY(id.string()), call.out);
    });
    table.add("eth_getFilterLogs", 1, 1, [&filters](Call& call) -> RpcStatus {
        const Param id = call.params[0];
        const auto criteria = OL_TRY(filters.criteria_of(OL_TRY(id.string())));
        call.out.begin_array();
        for (const auto& each : OL_TRY(find_logs(filters.backend, criteria))) {
            print_log(call.out, each);
        }
        call.out.end_array();
        return {};
    });
    table.add("eth_uninstallFilter", 1, 1, [&filters](Call& call) -> RpcStatus {
        const Param id = call.params[0];
        call.out.value(filters.uninstall(OL_TRY(id.string())));
        return {};
    });
}

} // namespace ol::chain::rpc
