// ColdTier: a segment's text, suffix array and inverse in about a byte and a half a symbol: Psi
// (tier/psi.hpp), and samples of the suffix array and its inverse at every `sample_step`-th
// position of the text. The same answers as the arrays. Format: docs/formats/segment-cold.md.
//
// With the memory they wait for, in a segment of 26 M symbols: a symbol further in the text costs
// about 0.15 us, a symbol of a pattern 0.2 to 0.5, a position from a rank or back some 5 (half of
// sample_step symbols), one of many positions 1.
//
// Safe on any sections that open: what they say may be wrong, but no query reads outside them or
// runs for ever.
#pragma once

#include <memory>

#include "attribution/suffix/container.hpp"
#include "attribution/suffix/tier/psi.hpp"
#include "attribution/suffix/tier/tier.hpp"
#include "text/symbols.hpp"

namespace ol::attribution::suffix {

inline constexpr std::uint32_t cold_sample_step = 64;

// What a segment is made of, as arrays.
struct ColdSource {
    Counts counts;
    std::span<const std::uint32_t> suffix_array, inverse; // symbols each
    std::span<const std::uint32_t> first;                 // words + 1
    std::span<const text::SymbolWord> words;
    std::uint32_t sample_step = cold_sample_step; // 1 to psi_max_step
};

// The cold sections in ascending order of id: psi_blocks, psi_bits, samples, inverse_samples,
// front_coded_words. The same bytes whatever the thread count. Errors: those of front_code.
Status write_cold_sections(ContainerWriter& writer, const ColdSource& source, ThreadPool& pool);

class ColdTier final : public Tier {
public:
    struct Sections {
        ByteView first, psi_blocks, psi_bits, samples, inverse_samples;
    };
    // Views the container, which must outlive the tier. corrupted when sizes do not fit the counts
    // or `first` does not ascend to the number of symbols.
    static Result<std::unique_ptr<ColdTier>> open(const Container& container);
    static Result<std::unique_ptr<ColdTier>> open(const Counts& counts, const Sections& sections,
                                                  const PsiKernels& kernels = psi_kernels());

    std::uint32_t text_at(std::uint32_t position) const override;
    std::uint32_t suffix_at(std::uint32_t rank) const override;
    std::uint32_t inverse_at(std::uint32_t position) const override;
    void read_text(std::uint32_t position, std::span<std::uint32_t> out) const override;
    void locate(Interval interval, std::span<std::uint32_t> positions) const override;
    std::int64_t symbol_after(std::uint32_t rank, std::uint32_t depth) const override;

    Interval bucket(std::uint32_t symbol) const override;
    Interval find(Pattern pattern) const override;
    Interval narrow(Interval interval, std::uint32_t depth, std::uint32_t symbol) const override;
    Interval without_first(Pattern rest, Interval whole) const override;
    // With dead suffixes a pattern that holds separators takes quadratic time.
    void matching_statistics(Pattern pattern, const DeadRanks* dead,
                             std::span<Longest> out) const override;
    std::vector<Maximal> maximal_spans(Pattern pattern, std::uint32_t min_length,
                                       const DeadRanks* dead) const override;
    Longest longest_suffix(Pattern pattern, Interval before_last,
                           const DeadRanks* dead) const override;

private:
    friend class ColdSearch;
    ColdTier() = default;
    Interval everything() const { return {0, counts_.symbols}; }
    // The rank of the suffix `depth` symbols later, or psi_end.
    std::uint32_t later(std::uint32_t rank, std::uint32_t depth) const;
    std::int64_t symbol_of(std::uint32_t rank) const; // end_of_text for psi_end
    // The first rank of `interval` whose symbol at `depth` is not less than `symbol`.
    std::uint32_t first_not_less(Interval interval, std::uint32_t depth, std::int64_t symbol) const;
    bool starts_with(std::uint32_t rank, Pattern pattern) const;

    Counts counts_;
    const PsiKernels* kernels_ = nullptr;
    PsiView psi_;
    PackedView inverse_samples_;
    std::span<const std::uint32_t> first_;
};

} // namespace ol::attribution::suffix
