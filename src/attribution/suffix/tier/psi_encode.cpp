// Writing and opening the sections of Psi.
#include <algorithm>
#include <bit>
#include <vector>

#include "attribution/suffix/tier/psi.hpp"
#include "attribution/suffix/tier/psi_layout.hpp"
#include "base/check.hpp"
#include "base/limits.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr u32 header_words = 4;
constexpr u32 offset_unit = 4;
constexpr u32 chunk_blocks = 512; // written by one thread at a time

struct Input {
    const PsiShape& shape;
    std::span<const u32> suffix_array, inverse, first;

    u32 next_of(u32 rank) const {
        const u32 position = suffix_array[rank];
        return position + 1 == shape.symbols ? shape.symbols : inverse[position + 1];
    }
    // The first symbol of the suffix at a rank; separators' come first.
    u32 symbol_of(u32 rank) const {
        if (rank < shape.records) return rank;
        const auto after = std::upper_bound(first.begin(), first.end(), rank);
        return shape.records + static_cast<u32>(after - first.begin() - 1);
    }
    u32 end_of(u32 symbol) const { // of its suffixes' ranks
        return symbol < shape.records ? symbol + 1 : first[symbol - shape.records + 1];
    }
};

struct Chunk {
    Bytes bits;
    std::vector<PsiHead> heads; // offsets and marks from the start of the chunk
    std::vector<u32> bases;
    std::vector<u32> samples;
};

void put_bits(Bytes& out, std::size_t start, u64 bit, u64 value, u32 width) {
    for (u32 done = 0; done < width;) {
        const u32 shift = static_cast<u32>((bit + done) % 8);
        const u32 here = std::min(8 - shift, width - done);
        const u64 part = value >> done & ((1U << here) - 1);
        out[start + (bit + done) / 8] |= static_cast<std::uint8_t>(part << shift);
        done += here;
    }
}

// Ascending numbers in Elias-Fano code.
struct EliasFano {
    std::span<const u64> items;
    u32 width = 0;

    explicit EliasFano(std::span<const u64> numbers)
        : items(numbers) {
        if (items.empty()) return;
        for (u32 candidate = 1; candidate <= static_cast<u32>(std::bit_width(items.back()));
             ++candidate) {
            if (size_with(candidate) < size_with(width)) width = candidate;
        }
    }
    u64 size_with(u32 bits) const { return items.size() * bits + (items.back() >> bits); }
    std::size_t low_bytes() const { return (items.size() * width + 7) / 8; }
    std::size_t high_bytes() const {
        return items.empty() ? 0 : (items.size() + (items.back() >> width) + 7) / 8;
    }
    std::size_t bytes() const { return low_bytes() + high_bytes(); }

    void write(Bytes& out) const {
        const std::size_t low = out.size(), high = low + low_bytes();
        out.resize(low + bytes(), 0);
        for (std::size_t i = 0; i < items.size(); ++i) {
            put_bits(out, low, i * width, items[i] & ((u64{1} << width) - 1), width);
            put_bits(out, high, (items[i] >> width) + i, 1, 1);
        }
        OL_CHECK(high_bytes() <= psi_high_words * 8);
    }
};

// values: v of each rank of the block less the first's.
void write_block(Bytes& out, std::span<const u64> values) {
    std::vector<u64> heads; // of runs, without the first
    Bytes marks(16, 0);
    marks[0] = 1;
    for (std::size_t i = 1; i < values.size(); ++i) {
        if (values[i] == values[i - 1] + 1) continue;
        heads.push_back(values[i]);
        marks[i / 8] |= static_cast<std::uint8_t>(1U << i % 8);
    }
    if (heads.empty()) {
        out.push_back(0);
        return;
    }
    const EliasFano all(values.subspan(1)), runs(heads);
    if (all.bytes() <= marks.size() + runs.bytes()) {
        out.push_back(static_cast<std::uint8_t>(psi_each_head | all.width));
        all.write(out);
    } else {
        out.push_back(static_cast<std::uint8_t>(psi_run_heads | runs.width));
        append(out, marks);
        runs.write(out);
    }
}

void pad(Bytes& out, std::size_t ahead) {
    while ((out.size() + ahead) % offset_unit != 0) out.push_back(0);
}

Chunk encode_chunk(const Input& input, u32 first_block, u32 end_block) {
    Chunk out;
    const u32 bits = input.shape.rank_bits();
    u32 symbol = input.symbol_of(first_block * psi_block);
    Bytes marks;
    std::vector<u64> values;
    for (u32 block = first_block; block < end_block; ++block) {
        const u32 low = block * psi_block;
        const u32 high = std::min(input.shape.symbols, low + psi_block);
        PsiHead head;
        head.marks = static_cast<u32>(out.samples.size());
        marks.clear();
        values.clear();
        for (u32 rank = low; rank < high; ++rank) {
            while (rank >= input.end_of(symbol)) ++symbol;
            if (rank == low) {
                head.symbol = symbol;
                out.bases.push_back(input.next_of(rank));
            }
            values.push_back((u64{symbol - head.symbol} << bits) + input.next_of(rank) -
                             out.bases.back());
            const u32 position = input.suffix_array[rank];
            if (position % input.shape.sample_step != 0) continue;
            marks.push_back(static_cast<std::uint8_t>(rank - low));
            out.samples.push_back(position / input.shape.sample_step);
        }
        pad(out.bits, marks.size());
        append(out.bits, marks);
        head.offset = static_cast<u32>(out.bits.size() / offset_unit);
        write_block(out.bits, values);
        out.heads.push_back(head);
    }
    pad(out.bits, 0);
    return out;
}

template <class T>
void append_array(Bytes& out, const std::vector<T>& items) {
    append(out, {reinterpret_cast<const std::uint8_t*>(items.data()), items.size() * sizeof(T)});
}

} // namespace

u32 PsiShape::rank_bits() const { return static_cast<u32>(std::bit_width(symbols)); }
u32 PsiShape::sample_bits() const {
    return static_cast<u32>(std::bit_width(symbols / sample_step));
}

PsiSections encode_psi(const PsiShape& shape, std::span<const u32> suffix_array,
                       std::span<const u32> inverse, std::span<const u32> first, ThreadPool& pool) {
    OL_CHECK(suffix_array.size() == shape.symbols && inverse.size() == shape.symbols);
    OL_CHECK(first.size() == std::size_t{shape.words} + 1 && shape.sample_step > 0);
    OL_CHECK(shape.sample_step <= psi_max_step && shape.symbols <= limits::segment_symbols);
    const Input input{shape, suffix_array, inverse, first};
    std::vector<Chunk> chunks((shape.blocks() + chunk_blocks - 1) / chunk_blocks);
    pool.parallel_for(chunks.size(), 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t c = begin; c < end; ++c) {
            const u32 block = static_cast<u32>(c) * chunk_blocks;
            chunks[c] = encode_chunk(input, block, std::min(shape.blocks(), block + chunk_blocks));
        }
    });

    PsiSections out;
    std::vector<u32> bases{shape.sample_step, psi_block, 0, 0}, samples;
    static_assert(header_words == 4);
    std::vector<PsiHead> heads;
    bases.reserve(header_words + shape.blocks());
    heads.reserve(std::size_t{shape.blocks()} + 1);
    samples.reserve(shape.samples());
    std::size_t size = psi_room_before + psi_room_after;
    for (const Chunk& chunk : chunks) size += chunk.bits.size();
    out.bits.reserve(size);
    out.bits.resize(psi_room_before, 0);
    const auto offset = [&] {
        return static_cast<u32>((out.bits.size() - psi_room_before) / offset_unit);
    };
    for (Chunk& chunk : chunks) {
        for (const PsiHead& head : chunk.heads) {
            heads.push_back({head.symbol, head.offset + offset(),
                             head.marks + static_cast<u32>(samples.size())});
        }
        bases.insert(bases.end(), chunk.bases.begin(), chunk.bases.end());
        samples.insert(samples.end(), chunk.samples.begin(), chunk.samples.end());
        append(out.bits, chunk.bits);
        chunk = Chunk();
    }
    heads.push_back({0, offset(), static_cast<u32>(samples.size())});
    out.bits.resize(out.bits.size() + psi_room_after, 0);
    append_array(out.blocks, bases);
    append_array(out.blocks, heads);
    out.samples = pack(samples, shape.sample_bits());
    for (u32 k = 0; k < shape.samples(); ++k) samples[k] = inverse[k * shape.sample_step];
    out.inverse_samples = pack(samples, shape.rank_bits());
    return out;
}

Result<u32> sample_step_of(ByteView blocks) {
    std::array<u32, header_words> header{};
    if (blocks.size() >= sizeof header) std::memcpy(header.data(), blocks.data(), sizeof header);
    if (header[0] == 0 || header[0] > psi_max_step || header[1] != psi_block) {
        return fail(ErrorCode::corrupted, "section of Psi blocks: no header of this version");
    }
    return header[0];
}

Result<PsiView> open_psi(const PsiShape& shape, ByteView blocks, ByteView bits, ByteView samples) {
    const std::size_t count = shape.blocks();
    const std::size_t wanted =
        header_words * sizeof(u32) + count * sizeof(u32) + (count + 1) * sizeof(PsiHead);
    if (shape.symbols > limits::segment_symbols || shape.records > shape.symbols ||
        (shape.records == 0) != (shape.symbols == 0) || blocks.size() != wanted ||
        bits.size() < psi_room_before + psi_room_after ||
        samples.size() != packed_bytes(shape.samples(), shape.sample_bits())) {
        return fail(ErrorCode::corrupted, "sections of Psi: sizes do not fit {} symbols",
                    shape.symbols);
    }
    OL_CHECK(reinterpret_cast<std::uintptr_t>(blocks.data()) % alignof(u32) == 0);
    PsiView out;
    out.shape = shape;
    out.bits = shape.rank_bits();
    out.last_rank = shape.records - 1;
    const std::size_t room = bits.size() - psi_room_before - psi_room_after;
    out.last_offset = static_cast<u32>(std::min<std::size_t>(room / offset_unit, 0xffffffff));
    out.bases = reinterpret_cast<const u32*>(blocks.data()) + header_words;
    out.heads = reinterpret_cast<const PsiHead*>(out.bases + count);
    out.payload = bits.data();
    out.samples = PackedView(samples.data(), shape.sample_bits());
    return out;
}

} // namespace ol::attribution::suffix
