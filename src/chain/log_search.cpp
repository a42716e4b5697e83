#include "chain/log_search.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace ol::chain {
namespace {

// Blocks looked up in the index of addresses at once: bounds what a search holds in memory.
constexpr std::uint64_t window_blocks = 8192;
constexpr std::size_t topic_positions = 4;
// Blocks so near to each other are read in one go: a step costs a fraction of a look-up.
constexpr std::uint64_t near_blocks = 8;
// With more addresses than this the blooms are quicker than a look-up of each.
constexpr std::size_t indexed_addresses = 64;

// The bits that a bloom has where an entry may be.
struct BloomBits {
    std::vector<std::pair<std::uint8_t, std::uint8_t>> bytes; // place, mask

    explicit BloomBits(ByteView entry) {
        Bloom bloom;
        add_to_bloom(bloom, entry);
        for (std::size_t i = 0; i < Bloom::size(); ++i) {
            if (bloom[i] != 0) bytes.emplace_back(static_cast<std::uint8_t>(i), bloom[i]);
        }
    }
    bool in(const Bloom& bloom) const {
        return std::ranges::all_of(
            bytes, [&](const auto& bit) { return (bloom[bit.first] & bit.second) == bit.second; });
    }
};

// A filter made ready to be compared with many blocks.
class Matcher {
public:
    explicit Matcher(const LogFilter& filter)
        : filter_(filter) {
        auto& of_addresses = wanted_.emplace_back();
        for (const auto& address : filter.addresses) of_addresses.emplace_back(address.view());
        for (const auto& position : filter.topics) {
            auto& of_topic = wanted_.emplace_back();
            for (const auto& topic : position) of_topic.emplace_back(topic.view());
        }
        std::erase_if(wanted_, [](const auto& any) { return any.empty(); });
    }

    // False: the block has no log that fits.
    bool may_be_in(const BlockStore::Canonical& block) const {
        if (!block.bloom) return false;
        return std::ranges::all_of(wanted_, [&](const auto& any) {
            return std::ranges::any_of(any,
                                       [&](const auto& bits) { return bits.in(*block.bloom); });
        });
    }

    bool fits(const BlockLogs& logs, const BlockLogs::Entry& entry) const {
        const auto& addresses = filter_.addresses;
        if (!addresses.empty() && std::ranges::find(addresses, entry.address) == addresses.end()) {
            return false;
        }
        if (filter_.topics.size() > entry.topic_count) return false;
        for (std::size_t i = 0; i < filter_.topics.size(); ++i) {
            const auto& any = filter_.topics[i];
            const Hash32& topic = logs.topics[entry.first_topic + i];
            if (!any.empty() && std::ranges::find(any, topic) == any.end()) return false;
        }
        return true;
    }

private:
    const LogFilter& filter_;
    std::vector<std::vector<BloomBits>> wanted_; // each of these, any of those
};

Status check(const LogFilter& filter) {
    if (filter.addresses.size() > limits::log_addresses_of_filter) {
        return fail(ErrorCode::invalid_argument, "logs: {} addresses, at most {}",
                    filter.addresses.size(), limits::log_addresses_of_filter);
    }
    for (const auto& position : filter.topics) {
        if (position.size() > limits::log_topics_of_position) {
            return fail(ErrorCode::invalid_argument, "logs: {} topics at one position, at most {}",
                        position.size(), limits::log_topics_of_position);
        }
    }
    if (filter.from > filter.to) {
        return fail(ErrorCode::invalid_argument, "logs: block range {} to {} is upside down",
                    filter.from, filter.to);
    }
    return {};
}

// Numbers of blocks in [from, to] where one of the addresses has logs, ascending.
Result<std::vector<std::uint64_t>> indexed_blocks(const BlockStore& blocks, const LogFilter& filter,
                                                  std::uint64_t from, std::uint64_t to) {
    std::vector<std::uint64_t> out;
    for (const auto& address : filter.addresses) {
        OL_TRY(blocks.scan_log_blocks(address, from, to, [&](std::uint64_t number) {
            out.push_back(number);
            return true;
        }));
    }
    std::ranges::sort(out);
    out.erase(std::ranges::unique(out).begin(), out.end());
    return out;
}

} // namespace

LogSearch::LogSearch(const BlockStore& blocks)
    : blocks_(blocks)
    , cache_(limits::chain_cached_log_bytes) {}

Result<LogSearch::LogsPtr> LogSearch::logs(const Hash32& hash) const {
    if (auto cached = cache_.get(hash)) return cached;
    auto read = std::make_shared<const BlockLogs>(OL_TRY(blocks_.logs(hash)));
    cache_.put(hash, read, read->memory_bytes());
    return LogsPtr(std::move(read));
}

void LogSearch::remember(const StoredBlock& block) const {
    if (block.block.header.logs_bloom.is_zero()) return;
    auto logs = std::make_shared<const BlockLogs>(logs_of(block));
    const auto bytes = logs->memory_bytes();
    cache_.put(block.hash, std::move(logs), bytes);
}

Result<std::vector<FoundLog>> LogSearch::find(const LogFilter& filter) const {
    OL_TRY(check(filter));
    std::vector<FoundLog> out;
    if (filter.topics.size() > topic_positions) return out;
    const Matcher matcher(filter);
    const auto look_into = [&](const BlockStore::Canonical& block) -> Status {
        if (!matcher.may_be_in(block)) return {};
        const LogsPtr logs = OL_TRY(this->logs(block.hash));
        for (std::size_t i = 0; i < logs->entries.size(); ++i) {
            if (!matcher.fits(*logs, logs->entries[i])) continue;
            if (out.size() >= filter.limit) {
                return fail(ErrorCode::too_large,
                            "query returned more than {} results: ask for fewer blocks, or for "
                            "fewer addresses and topics",
                            filter.limit);
            }
            out.push_back(logs->log(i));
        }
        return {};
    };
    const auto scan = [&](std::uint64_t from, std::uint64_t to) -> Status {
        Status inner;
        OL_TRY(blocks_.scan_canonical(from, to, [&](std::uint64_t, const auto& block) {
            inner = look_into(block);
            return inner.has_value();
        }));
        return inner;
    };
    if (filter.addresses.empty() || filter.addresses.size() > indexed_addresses) {
        OL_TRY(scan(filter.from, filter.to));
        return out;
    }
    for (std::uint64_t from = filter.from;;) {
        const std::uint64_t to =
            filter.to - from < window_blocks ? filter.to : from + window_blocks - 1;
        // A block may have left the chain since the index was read.
        const auto numbers = OL_TRY(indexed_blocks(blocks_, filter, from, to));
        for (std::size_t i = 0, end = 0; i < numbers.size(); i = end) {
            end = i + 1;
            while (end < numbers.size() && numbers[end] - numbers[end - 1] <= near_blocks) ++end;
            if (end - i > 1) {
                OL_TRY(scan(numbers[i], numbers[end - 1]));
            } else if (const auto block = OL_TRY(blocks_.canonical(numbers[i]))) {
                OL_TRY(look_into(*block));
            }
        }
        if (to == filter.to) return out;
        from = to + 1;
    }
}

Result<std::vector<FoundLog>> LogSearch::of_block(const Hash32& hash) const {
    const LogsPtr logs = OL_TRY(this->logs(hash));
    std::vector<FoundLog> out;
    out.reserve(logs->entries.size());
    for (std::size_t i = 0; i < logs->entries.size(); ++i) out.push_back(logs->log(i));
    return out;
}

} // namespace ol::chain
