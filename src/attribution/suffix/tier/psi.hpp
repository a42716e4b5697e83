// Psi: for each rank the first symbol of its suffix, and the rank of the suffix one symbol later,
// in blocks of 128 ranks. Within the ranks of one symbol Psi ascends, and symbols of consecutive
// ranks differ by 0 or 1; so v(i) = Psi(i) + 2^bits (symbol(i) - symbol of the block's first rank)
// ascends through a block. It runs (v(i) = v(i - 1) + 1) where longer phrases repeat: a block marks
// the heads of its runs in a bit vector and keeps their v in Elias-Fano code. Format:
// docs/formats/segment-cold.md, "Psi".
//
// Every function is safe on any bytes that open_psi accepts: numbers out of range are cut.
#pragma once

#include <cstdint>
#include <span>

#include "attribution/suffix/interval.hpp"
#include "attribution/suffix/tier/packed.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"

namespace ol::attribution::suffix {

inline constexpr std::uint32_t psi_block = 128;
inline constexpr std::uint32_t psi_max_step = 1024;
inline constexpr std::uint32_t psi_end = 0xffffffff; // the rank of the empty suffix

struct PsiShape {
    std::uint32_t symbols = 0, records = 0, words = 0; // N, R, W of the segment
    // Text positions that are multiples of it are sampled; 1 to psi_max_step.
    std::uint32_t sample_step = 0;
    std::uint32_t blocks() const { return pieces_of(psi_block); }
    std::uint32_t samples() const { return pieces_of(sample_step); }
    std::uint32_t rank_bits() const;   // of a rank or a position
    std::uint32_t sample_bits() const; // of a position / sample_step

private:
    std::uint32_t pieces_of(std::uint32_t size) const {
        return symbols / size + (symbols % size != 0);
    }
};

struct PsiHead {
    std::uint32_t symbol = 0; // of the first rank
    std::uint32_t offset = 0; // of the block's bits, in units of four bytes
    std::uint32_t marks = 0;  // sampled suffixes in all blocks before
};

struct PsiView {
    PsiShape shape;
    std::uint32_t bits = 0;               // rank_bits
    std::uint32_t last_rank = 0;          // of the suffix that is the last symbol alone
    std::uint32_t last_offset = 0;        // the largest that leaves room for a block
    const std::uint32_t* bases = nullptr; // Psi of the first rank of each block
    const PsiHead* heads = nullptr;       // of each block, and the end
    const std::uint8_t* payload = nullptr;
    PackedView samples; // by rank of the suffix: position / sample_step
};

struct PsiEntry {
    std::uint32_t symbol = 0, next = 0; // nothing comes next at last_rank
};

// One set of functions for each kind of processor; all give the same results.
struct PsiKernels {
    const char* name;
    PsiEntry (*entry)(const PsiView&, std::uint32_t rank);
    // Psi, `steps` times; psi_end behind the end of the text.
    std::uint32_t (*advance)(const PsiView&, std::uint32_t rank, std::uint32_t steps);
    // The first out.size() symbols of a suffix; 0 behind the end of the text.
    void (*read)(const PsiView&, std::uint32_t rank, std::span<std::uint32_t> out);
    // How many symbols a suffix shares with the pattern; `rank` moves behind them. psi_end shares
    // none.
    std::uint32_t (*match)(const PsiView&, std::uint32_t& rank,
                           std::span<const std::uint32_t> pattern);
    // The suffixes of `bucket` (those that start with `symbol`) that go on with one of `rest`;
    // low = high when there is none.
    Interval (*step)(const PsiView&, Interval bucket, std::uint32_t symbol, Interval rest);
    // SA[low], SA[low + 1], ...
    void (*locate)(const PsiView&, std::uint32_t low, std::span<std::uint32_t> positions);
};
const PsiKernels& psi_portable();
const PsiKernels* psi_bmi2();    // null where the processor lacks it
const PsiKernels& psi_kernels(); // the fastest here

// Checks sizes alone. Sections are views that must outlive the result.
Result<PsiView> open_psi(const PsiShape& shape, ByteView blocks, ByteView bits, ByteView samples);
// The sample step that a section of blocks says; corrupted when there is none in its bounds.
Result<std::uint32_t> sample_step_of(ByteView blocks);

struct PsiSections {
    Bytes blocks, bits, samples, inverse_samples;
};
// first: the first rank of each word's suffixes, then N. The same bytes whatever the thread count.
PsiSections encode_psi(const PsiShape& shape, std::span<const std::uint32_t> suffix_array,
                       std::span<const std::uint32_t> inverse, std::span<const std::uint32_t> first,
                       ThreadPool& pool);

} // namespace ol::attribution::suffix
