// HotTier: T, SA and ISA as arrays of u32, and the keys: of every 32nd suffix its second and third
// symbol in 8 bytes, so that most of a search stays in a table of a quarter byte a symbol.
//
// Many searches run in step: each round all of them ask for their next cache line before any waits
// for it.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "attribution/suffix/container.hpp"
#include "attribution/suffix/tier/tier.hpp"
#include "base/thread_pool.hpp"

namespace ol::attribution::suffix {

inline constexpr std::uint32_t key_spacing = 32; // suffixes a key

// The keys of a suffix array: (T[SA[32 j] + 1] + 1) * 2^32 + T[SA[32 j] + 2] + 1, the end of T as
// 0.
std::vector<std::uint64_t> suffix_keys(std::span<const std::uint32_t> text,
                                       std::span<const std::uint32_t> suffixes, ThreadPool& pool);

class HotTier final : public Tier {
public:
    // Views the container, which must outlive this. corrupted when a section's size is wrong.
    static Result<std::unique_ptr<HotTier>> open(const Container& container);

    std::span<const std::uint32_t> text() const { return text_; }
    std::span<const std::uint32_t> suffixes() const { return suffixes_; }
    std::span<const std::uint32_t> inverse() const { return inverse_; }
    std::span<const std::uint64_t> keys() const { return keys_; }

    std::uint32_t text_at(std::uint32_t position) const override { return text_[position]; }
    std::uint32_t suffix_at(std::uint32_t rank) const override { return suffixes_[rank]; }
    std::uint32_t inverse_at(std::uint32_t position) const override { return inverse_[position]; }
    void read_text(std::uint32_t position, std::span<std::uint32_t> out) const override;
    void locate(Interval interval, std::span<std::uint32_t> positions) const override;
    std::int64_t symbol_after(std::uint32_t rank, std::uint32_t depth) const override;
    Interval bucket(std::uint32_t symbol) const override;
    Interval find(Pattern pattern) const override;
    Interval narrow(Interval interval, std::uint32_t depth, std::uint32_t symbol) const override;
    Interval without_first(Pattern rest, Interval whole) const override;
    void matching_statistics(Pattern pattern, const DeadRanks* dead,
                             std::span<Longest> out) const override;
    std::vector<Maximal> maximal_spans(Pattern pattern, std::uint32_t min_length,
                                       const DeadRanks* dead) const override;
    Longest longest_suffix(Pattern pattern, Interval before_last,
                           const DeadRanks* dead) const override;

private:
    HotTier() = default;
    class Search;
    void prefetch_bucket(std::uint32_t symbol) const;

    std::uint32_t symbols_ = 0, records_ = 0;
    std::span<const std::uint32_t> text_, suffixes_, inverse_, first_;
    std::span<const std::uint64_t> keys_;
};

} // namespace ol::attribution::suffix
