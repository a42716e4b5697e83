#include "attribution/suffix/build/induce.hpp"

#include <vector>

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

// Set on an entry whose preceding suffix is of the other kind: the scan upwards passes it by, the
// scan downwards starts from it. Position 0 has no preceding suffix and passes as marked.
constexpr u32 mark = induce_empty;
constexpr u32 position_bits = mark - 1;

// Entries ahead whose letters, and whose letters' bucket ends, are fetched early.
constexpr std::size_t letters_ahead = 32;
constexpr std::size_t buckets_ahead = 16;

void upwards(const u32* text, std::size_t count, std::vector<u32>& next, u32* out) {
    const auto put = [&](u32 position) {
        const u32 letter = text[position];
        const bool stop = position == 0 || text[position - 1] < letter;
        out[next[letter]++] = stop ? position | mark : position;
    };
    put(static_cast<u32>(count - 1));
    for (std::size_t i = 0; i < count; ++i) {
        if (i + letters_ahead < count) {
            const u32 later = out[i + letters_ahead];
            if ((later & mark) == 0) __builtin_prefetch(text + later - 1);
            const u32 soon = out[i + buckets_ahead];
            if ((soon & mark) == 0) __builtin_prefetch(&next[text[soon - 1]], 1);
        }
        const u32 entry = out[i];
        if ((entry & mark) == 0) put(entry - 1);
    }
}

void downwards(const u32* text, std::size_t count, std::vector<u32>& next, u32* out) {
    for (std::size_t i = count; i-- > 0;) {
        if (i >= letters_ahead) {
            const u32 later = out[i - letters_ahead];
            if ((later & mark) != 0 && later != mark) {
                __builtin_prefetch(text + (later & position_bits) - 1);
            }
            const u32 soon = out[i - buckets_ahead];
            if ((soon & mark) != 0 && soon != mark) {
                __builtin_prefetch(&next[text[(soon & position_bits) - 1]], 1);
            }
        }
        const u32 entry = out[i];
        if ((entry & mark) == 0) continue;
        const u32 after = entry & position_bits;
        out[i] = after;
        if (after == 0) continue;
        const u32 position = after - 1;
        const u32 letter = text[position];
        const bool stop = position == 0 || text[position - 1] > letter;
        out[--next[letter]] = stop ? position : position | mark;
    }
}

} // namespace

void induce_from_lms(std::span<const u32> text, std::span<const u32> counts, std::span<u32> out) {
    std::vector<u32> next(counts.size());
    u32 begin = 0;
    for (std::size_t c = 0; c < counts.size(); ++c) {
        next[c] = begin;
        begin += counts[c];
    }
    upwards(text.data(), text.size(), next, out.data());
    begin = 0;
    for (std::size_t c = 0; c < counts.size(); ++c) {
        begin += counts[c];
        next[c] = begin;
    }
    downwards(text.data(), text.size(), next, out.data());
}

} // namespace ol::attribution::suffix
