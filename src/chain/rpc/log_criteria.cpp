#include "chain/rpc/log_criteria.hpp"

#include <algorithm>

#include "chain/rpc/methods.hpp"

namespace ol::chain::rpc {

namespace {

constexpr std::size_t topic_positions = 4, alternatives = 1000; // of addresses, and of one topic

// A value or a list of values; null or an empty list stands for anything.
template <class T, class Read>
RpcResult<std::vector<T>> one_or_many(const Param& param, Read read) {
    std::vector<T> out;
    if (param.is_absent()) return out;
    if (!param.is_array()) {
        out.push_back(OL_TRY(read(param)));
        return out;
    }
    if (param.count() > alternatives) {
        return param.wrong(
            fmt::format("too many alternatives: {}, at most {}", param.count(), alternatives));
    }
    for (std::size_t i = 0; i < param.count(); ++i) {
        const Param item = param[i];
        out.push_back(OL_TRY(read(item)));
    }
    return out;
}

} // namespace

RpcResult<LogCriteria> log_criteria(const Param& param) {
    LogCriteria out;
    if (param.is_absent()) return out;
    OL_TRY(param.expect_object());
    const Param hash = param["blockHash"], from = param["fromBlock"], to = param["toBlock"],
                address = param["address"], topics = param["topics"];
    if (!hash.is_absent()) {
        if (!from.is_absent() || !to.is_absent()) {
            return param.wrong("cannot specify both BlockHash and FromBlock/ToBlock, choose one");
        }
        out.block_hash = OL_TRY(hash.hash32());
    }
    if (!from.is_absent()) out.from = OL_TRY(block_ref(from));
    if (!to.is_absent()) out.to = OL_TRY(block_ref(to));
    out.addresses =
        OL_TRY(one_or_many<Address>(address, [](const Param& each) { return each.address(); }));
    if (topics.is_absent()) return out;
    OL_TRY(topics.expect_array());
    if (topics.count() > topic_positions) {
        return topics.wrong(fmt::format("exceed max topics: {}, a log has at most {}",
                                        topics.count(), topic_positions));
    }
    for (std::size_t i = 0; i < topics.count(); ++i) {
        const Param position = topics[i];
        // A null among alternatives matches everything, as geth has it.
        const auto& items = position.json().items();
        if (std::ranges::any_of(items, [](const codec::Json& each) { return each.is_null(); })) {
            out.topics.emplace_back();
            continue;
        }
        out.topics.push_back(
            OL_TRY(one_or_many<Hash32>(position, [](const Param& each) { return each.hash32(); })));
    }
    return out;
}

bool LogCriteria::matches(const Log& log) const {
    if (!addresses.empty() && std::ranges::find(addresses, log.address) == addresses.end()) {
        return false;
    }
    if (topics.size() > log.topics.size()) return false;
    for (std::size_t i = 0; i < topics.size(); ++i) {
        if (topics[i].empty()) continue;
        if (std::ranges::find(topics[i], log.topics[i]) == topics[i].end()) return false;
    }
    return true;
}

bool LogCriteria::may_match(const Bloom& bloom) const {
    const auto any = [&](const auto& list) {
        return list.empty() || std::ranges::any_of(list, [&](const auto& each) {
                   return bloom_may_contain(bloom, each.view());
               });
    };
    return any(addresses) && std::ranges::all_of(topics, any);
}

namespace {

RpcResult<std::vector<FoundLog>> logs_in_block(const Backend& backend,
                                               const LogCriteria& criteria) {
    const auto header = OL_TRY(backend.chain.header(*criteria.block_hash));
    if (!header) return rpc_fail(server_error, "unknown block");
    std::vector<FoundLog> out;
    if (!criteria.may_match(header->logs_bloom)) return out;
    out = OL_TRY(backend.chain.logs_of_block(*criteria.block_hash));
    std::erase_if(out, [&](const FoundLog& each) { return !criteria.matches(each.log); });
    return out;
}

} // namespace

RpcResult<std::vector<FoundLog>> find_logs(const Backend& backend, const LogCriteria& criteria) {
    if (criteria.block_hash) return logs_in_block(backend, criteria);
    const std::uint64_t head = backend.chain.head().number;
    const auto number_of = [&](const std::optional<BlockRef>& ref) -> RpcResult<std::uint64_t> {
        if (!ref) return head;
        if (ref->tag == BlockRef::Tag::number) return ref->number; // may lie ahead
        return OL_TRY(backend.require_block(*ref)).header.number;
    };
    LogFilter filter;
    filter.from = OL_TRY(number_of(criteria.from));
    filter.to = OL_TRY(number_of(criteria.to));
    const bool both = criteria.from && criteria.to;
    if (both && filter.from > filter.to) {
        return rpc_fail(invalid_params, "invalid block range params");
    }
    filter.to = std::min(filter.to, head);
    if (filter.from > filter.to) return std::vector<FoundLog>();
    if (filter.to - filter.from >= backend.options.logs_blocks) {
        return rpc_fail(limit_exceeded,
                        "block range of {} blocks is too large: at most {} in one "
                        "call; ask for less at a time",
                        filter.to - filter.from + 1, backend.options.logs_blocks);
    }
    filter.addresses = criteria.addresses;
    filter.topics = criteria.topics;
    filter.limit = backend.options.logs_results;
    return OL_TRY(backend.chain.logs(filter));
}

void add_log_methods(MethodTable& table, const Backend& backend) {
    table.add("eth_getLogs", 1, 1, [&backend](Call& call) -> RpcStatus {
        const Param filter = call.params[0];
        const auto found = OL_TRY(find_logs(backend, OL_TRY(log_criteria(filter))));
        call.out.begin_array();
        for (const auto& each : found) print_log(call.out, each);
        call.out.end_array();
        return {};
    });
}

} // namespace ol::chain::rpc
