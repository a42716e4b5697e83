// The sections of a cold segment: refused or opened, whatever their bytes; what opens answers every
// query from within its sections, with ranks and positions in range. The first bytes say the
// counts, and how the rest is cut into sections.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "attribution/suffix/tier/cold_tier.hpp"
#include "attribution/suffix/tier/front_coded.hpp"
#include "attribution/suffix/tier/places.hpp"
#include "attribution/suffix/tier/psi_layout.hpp"

namespace {

using namespace ol;
using namespace ol::attribution::suffix;

void require(bool holds) {
    if (!holds) std::abort();
}

void query(const ColdTier& tier, const Counts& counts, ByteView data) {
    std::vector<std::uint32_t> pattern, out(counts.symbols);
    for (const std::uint8_t byte : data.first(std::min<std::size_t>(data.size(), 40))) {
        pattern.push_back(byte == 255 ? absent : byte % (counts.records + counts.words));
    }
    tier.locate({0, counts.symbols}, out);
    for (const auto position : out) require(position < counts.symbols);
    tier.read_text(0, out);
    for (std::uint32_t i = 0; i < counts.symbols; i += 7) {
        require(tier.text_at(i) < counts.records + counts.words);
        require(tier.inverse_at(i) < counts.symbols);
        tier.symbol_after(i, i % 50);
    }
    std::vector<Longest> statistics(pattern.size());
    tier.matching_statistics(pattern, nullptr, statistics);
    for (const auto& [length, interval] : statistics) {
        require(interval.low <= interval.high && interval.high <= counts.symbols);
        if (interval.low == interval.high) continue;
        tier.narrow(interval, length, pattern[0]);
        tier.without_first(Pattern(pattern).first(std::min<std::size_t>(6, pattern.size())),
                           interval);
    }
    for (const auto& [start, longest] : tier.maximal_spans(pattern, 3, nullptr)) {
        require(start + longest.length <= pattern.size());
    }
}

void query(const PlaceView& places, std::uint32_t symbols) {
    for (std::uint32_t p = 0; p < symbols; ++p) {
        places.at(p, p / 3, [](std::uint32_t at) { return at % 32; });
    }
}

void query(const FrontCodedDictionary& dictionary) {
    std::vector<text::SymbolWord> words;
    for (std::uint32_t d = 0; d < dictionary.size(); ++d) {
        words.push_back(dictionary.word(d));
        require(dictionary.find(words.back()) == d);
        require(d == 0 || words[d - 1] < words[d]);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t chosen = 6;
    if (size < chosen) return 0;
    const std::uint32_t records = data[1] % 8 + 1, words = data[2] % 32;
    const Counts counts{records + words + data[3] * 4U, records, words, 2};
    const std::uint32_t step = data[4] % 64 + 1;
    const ByteView rest{data + chosen, size - chosen};
    std::size_t at = 0;
    // A copy, so that reading beyond it is seen; filled up with zeros.
    const auto cut = [&](std::size_t wanted) {
        Bytes out(wanted, 0);
        const std::size_t used = std::min(wanted, rest.size() - at);
        std::copy_n(rest.begin() + static_cast<std::ptrdiff_t>(at), used, out.begin());
        at += used;
        return out;
    };
    if (data[0] % 3 == 1) {
        const Bytes section = cut(rest.size());
        const auto places = PlaceView::open(section, counts.symbols);
        if (places) query(*places, counts.symbols);
        return 0;
    }
    if (data[0] % 3 == 2) {
        const Bytes section = cut(rest.size());
        const auto dictionary = FrontCodedDictionary::open(section, words);
        if (dictionary) query(**dictionary);
        return 0;
    }
    const PsiShape shape{counts.symbols, records, words, step};
    const std::uint32_t header[] = {step, psi_block, 0, 0};
    Bytes blocks = cut(sizeof header + shape.blocks() * 4 + (shape.blocks() + 1) * sizeof(PsiHead));
    std::memcpy(blocks.data(), header, sizeof header);
    const Bytes samples = cut(packed_bytes(shape.samples(), shape.sample_bits()));
    const Bytes inverse = cut(packed_bytes(shape.samples(), shape.rank_bits()));
    std::vector<std::uint32_t> first(words + 1, counts.symbols);
    for (std::uint32_t d = 0; d < words; ++d) {
        first[d] = records + d + (d == 0 ? 0 : (counts.symbols - records - words) * d / words);
    }
    const ByteView first_bytes(reinterpret_cast<const std::uint8_t*>(first.data()),
                               first.size() * 4);
    const Bytes bits = cut(psi_room_before + data[5] * 16U + psi_room_after);
    for (const PsiKernels* kernels : {&psi_portable(), psi_bmi2()}) {
        if (kernels == nullptr) continue;
        const auto tier =
            ColdTier::open(counts, {first_bytes, blocks, bits, samples, inverse}, *kernels);
        if (tier) query(**tier, counts, rest);
    }
    return 0;
}
