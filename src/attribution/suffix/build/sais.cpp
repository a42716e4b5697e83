// SA-IS: Nong, Zhang, Chan, "Two Efficient Algorithms for Linear Time Suffix Array Construction",
// IEEE Transactions on Computers 60(10), 2011. The sentinel below every letter is not stored: the
// last suffix is L-type and is induced first.
#include "attribution/suffix/build/sais.hpp"

#include <algorithm>
#include <vector>

#include "attribution/suffix/segment.hpp"
#include "base/check.hpp"
#include "base/prefetch.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

constexpr u32 empty = 0xffffffff;
// Entries ahead whose letters are fetched early: the scan itself is sequential, the letters are
// not.
constexpr std::size_t prefetch_distance = 24;

class TypeBits {
public:
    explicit TypeBits(std::size_t count)
        : words_(count / 64 + 1, 0) {}
    void set(std::size_t i) { words_[i / 64] |= 1ULL << (i % 64); }
    bool is_s(std::size_t i) const { return words_[i / 64] >> (i % 64) & 1; }
    bool is_lms(std::size_t i) const { return i > 0 && is_s(i) && !is_s(i - 1); }

private:
    std::vector<std::uint64_t> words_;
};

class Sorter {
public:
    Sorter(const u32* text, u32* out, std::size_t count, std::size_t alphabet)
        : text_(text)
        , sa_(out)
        , count_(count)
        , alphabet_(alphabet)
        , types_(count) {
        for (std::size_t i = count - 1; i-- > 0;) {
            if (text[i] < text[i + 1] || (text[i] == text[i + 1] && types_.is_s(i + 1))) {
                types_.set(i);
            }
        }
    }

    void run();

private:
    // Where each letter's bucket begins.
    std::vector<u32> bucket_starts() const;
    void induce(const std::vector<u32>& starts);
    std::size_t gather_sorted_lms();
    u32 name_lms(std::size_t lms_count);
    bool same_lms_substring(std::size_t a, std::size_t b) const;
    void place_lms(std::size_t lms_count, const std::vector<u32>& starts);
    void fetch(std::size_t i) const {
        if (i < count_ && sa_[i] - 1 < count_) prefetch(text_ + sa_[i] - 1);
    }

    const u32* text_;
    u32* sa_;
    std::size_t count_;
    std::size_t alphabet_;
    TypeBits types_;
};

std::vector<u32> Sorter::bucket_starts() const {
    std::vector<u32> starts(alphabet_ + 1, 0);
    for (std::size_t i = 0; i < count_; ++i) ++starts[text_[i] + 1];
    for (std::size_t c = 0; c < alphabet_; ++c) starts[c + 1] += starts[c];
    return starts;
}

// From LMS suffixes at the ends of their buckets to all suffixes: L-types upwards, S-types
// downwards.
void Sorter::induce(const std::vector<u32>& starts) {
    std::vector<u32> next(starts.begin(), starts.end() - 1);
    sa_[next[text_[count_ - 1]]++] = static_cast<u32>(count_ - 1);
    for (std::size_t i = 0; i < count_; ++i) {
        fetch(i + prefetch_distance);
        const u32 j = sa_[i];
        // Only LMS and L-type suffixes are here, so a preceding letter that is not smaller is
        // L-type.
        if (j == empty || j == 0 || text_[j - 1] < text_[j]) continue;
        sa_[next[text_[j - 1]]++] = j - 1;
    }
    next.assign(starts.begin() + 1, starts.end());
    for (std::size_t i = count_; i-- > 0;) {
        if (i >= prefetch_distance) fetch(i - prefetch_distance);
        const u32 j = sa_[i];
        if (j == empty || j == 0) continue;
        const u32 letter = text_[j - 1];
        if (letter < text_[j] || (letter == text_[j] && types_.is_s(j))) {
            sa_[--next[letter]] = j - 1;
        }
    }
}

std::size_t Sorter::gather_sorted_lms() {
    std::size_t found = 0;
    for (std::size_t i = 0; i < count_; ++i) {
        if (types_.is_lms(sa_[i])) sa_[found++] = sa_[i];
    }
    return found;
}

bool Sorter::same_lms_substring(std::size_t a, std::size_t b) const {
    for (std::size_t d = 0;; ++d) {
        if (a + d == count_ || b + d == count_) return false; // the sentinel is unique
        if (text_[a + d] != text_[b + d] || types_.is_s(a + d) != types_.is_s(b + d)) return false;
        if (d > 0 && types_.is_lms(a + d)) return types_.is_lms(b + d);
    }
}

// Turns the sorted LMS substrings in sa_[0, lms_count) into the reduced text at the end of sa_;
// returns how many names there are.
u32 Sorter::name_lms(std::size_t lms_count) {
    std::fill(sa_ + lms_count, sa_ + count_, empty);
    u32 names = 0;
    for (std::size_t i = 0; i < lms_count; ++i) {
        if (i == 0 || !same_lms_substring(sa_[i - 1], sa_[i])) ++names;
        // Two LMS positions are never neighbours, so halving keeps them apart.
        sa_[lms_count + sa_[i] / 2] = names - 1;
    }
    for (std::size_t from = count_, to = count_; from-- > lms_count;) {
        if (sa_[from] != empty) sa_[--to] = sa_[from];
    }
    return names;
}

// From the suffix array of the reduced text in sa_[0, lms_count) to LMS suffixes in their buckets.
void Sorter::place_lms(std::size_t lms_count, const std::vector<u32>& starts) {
    u32* const positions = sa_ + (count_ - lms_count);
    std::size_t found = 0;
    for (std::size_t i = 1; i < count_; ++i) {
        if (types_.is_lms(i)) positions[found++] = static_cast<u32>(i);
    }
    for (std::size_t i = 0; i < lms_count; ++i) sa_[i] = positions[sa_[i]];
    std::fill(sa_ + lms_count, sa_ + count_, empty);
    std::vector<u32> next(starts.begin() + 1, starts.end());
    for (std::size_t i = lms_count; i-- > 0;) {
        const u32 j = sa_[i];
        sa_[i] = empty;
        sa_[--next[text_[j]]] = j;
    }
}

void Sorter::run() {
    {
        const auto starts = bucket_starts();
        std::fill(sa_, sa_ + count_, empty);
        std::vector<u32> next(starts.begin() + 1, starts.end());
        for (std::size_t i = 1; i < count_; ++i) {
            if (types_.is_lms(i)) sa_[--next[text_[i]]] = static_cast<u32>(i);
        }
        next = {};
        induce(starts);
    } // the buckets are counted again after the recursion, which needs the memory
    const std::size_t lms_count = gather_sorted_lms();
    const u32 names = name_lms(lms_count);
    const u32* const reduced = sa_ + (count_ - lms_count);
    if (names < lms_count) {
        Sorter(reduced, sa_, lms_count, names).run();
    } else {
        for (std::size_t i = 0; i < lms_count; ++i) sa_[reduced[i]] = static_cast<u32>(i);
    }
    const auto starts = bucket_starts();
    place_lms(lms_count, starts);
    induce(starts);
}

} // namespace

void suffix_array_into(std::span<const u32> text, u32 alphabet, std::span<u32> out) {
    OL_CHECK(out.size() == text.size() && text.size() < empty);
    if (text.empty()) return;
    for (auto letter : text) OL_CHECK(letter < alphabet);
    Sorter(text.data(), out.data(), text.size(), alphabet).run();
}

} // namespace ol::attribution::suffix
