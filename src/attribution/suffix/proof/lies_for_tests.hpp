// Segments that lie: the arrays of an honest one, changed, without regard to any file.
#pragma once

#include <algorithm>
#include <map>

#include "attribution/suffix/corpus_for_tests.hpp"
#include "attribution/suffix/proof/arrays.hpp"
#include "attribution/suffix/proof/commitment.hpp"

namespace ol::attribution::suffix::test {

struct Lie {
    std::vector<std::uint32_t> text, suffixes, inverse;
    std::vector<text::SymbolWord> words;
    std::vector<TableEntry> table;
    OwnerLists lists;

    static Lie of(const Segment& segment) {
        const auto arrays = SegmentArrays::of(segment);
        Lie out;
        out.text.assign(arrays.text.begin(), arrays.text.end());
        out.suffixes.assign(arrays.suffixes.begin(), arrays.suffixes.end());
        out.inverse.assign(arrays.inverse.begin(), arrays.inverse.end());
        out.words.assign(arrays.words.begin(), arrays.words.end());
        for (std::uint32_t r = 0; r < arrays.records; ++r) out.table.push_back(arrays.table(r));
        out.lists = OwnerLists::make(arrays);
        return out;
    }

    SegmentArrays arrays() const {
        SegmentArrays out;
        out.text = text;
        out.suffixes = suffixes;
        out.inverse = inverse;
        out.words = words;
        out.records = static_cast<std::uint32_t>(table.size());
        out.table = [this](std::uint32_t record) { return table[record]; };
        return out;
    }
};

// By the definitions of docs/formats/segment.md and index-proofs.md alone.
inline bool is_honest(const Lie& lie) {
    const auto arrays = lie.arrays();
    const auto n = arrays.count();
    std::vector<text::SymbolWord> words;
    for (std::uint32_t p = 0; p < n; ++p) {
        words.push_back(arrays.word_at(p));
        if (words.back() == no_word ||
            (text::is_separator(words.back()) && lie.text[p] >= lie.table.size())) {
            return false;
        }
    }
    std::vector<std::uint32_t> record_of;
    for (std::uint32_t r = 0; r < lie.table.size(); ++r) {
        const auto& entry = lie.table[r];
        const auto end = r + 1 < lie.table.size() ? lie.table[r + 1].offset : n;
        if (entry.offset != record_of.size() || end <= entry.offset || end > n) return false;
        if (entry.cluster > r || lie.table[entry.cluster].cluster != entry.cluster) return false;
        for (std::uint32_t p = entry.offset; p < end; ++p) {
            record_of.push_back(r);
            const bool last = p + 1 == end;
            if (text::is_separator(words[p]) != last) return false;
            if (last && words[p] != text::separator_word(r)) return false;
        }
    }
    std::vector<std::uint32_t> sorted(n);
    for (std::uint32_t i = 0; i < n; ++i) sorted[i] = i;
    std::sort(sorted.begin(), sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
        return std::lexicographical_compare(words.begin() + a, words.end(), words.begin() + b,
                                            words.end());
    });
    if (sorted != lie.suffixes) return false;
    std::map<Address, std::vector<std::uint32_t>> lists;
    for (std::uint32_t i = 0; i < n; ++i) {
        if (lie.inverse[sorted[i]] != i) return false;
        auto& list = lists[lie.table[record_of[sorted[i]]].owner];
        if (lie.lists.slots[i] != list.size()) return false;
        list.push_back(i);
    }
    std::vector<std::uint32_t> ranks;
    std::vector<Address> owners;
    std::vector<std::uint32_t> starts{0};
    for (const auto& [owner, list] : lists) {
        owners.push_back(owner);
        ranks.insert(ranks.end(), list.begin(), list.end());
        starts.push_back(static_cast<std::uint32_t>(ranks.size()));
    }
    return owners == lie.lists.owners && starts == lie.lists.starts && ranks == lie.lists.ranks;
}

inline void lie_about_order(Prng& prng, Lie& lie) {
    const auto n = lie.text.size();
    const auto i = prng.below(n), j = prng.below(3) == 0 ? prng.below(n) : (i + 1) % n;
    switch (prng.below(6)) {
    case 0:
        std::swap(lie.suffixes[i], lie.suffixes[j]);
        break;
    case 1:
    case 2: // consistently: R1 holds
        std::swap(lie.suffixes[i], lie.suffixes[j]);
        lie.inverse[lie.suffixes[i]] = static_cast<std::uint32_t>(i);
        lie.inverse[lie.suffixes[j]] = static_cast<std::uint32_t>(j);
        break;
    case 3:
        lie.suffixes[i] = static_cast<std::uint32_t>(prng.below(2 * n));
        break;
    case 4:
        lie.inverse[i] = static_cast<std::uint32_t>(prng.below(2 * n));
        break;
    default:
        lie.suffixes[i] = prng.below(2) == 0 ? 0xffffffffU : static_cast<std::uint32_t>(n);
        break;
    }
}

inline void lie_about_text(Prng& prng, Lie& lie) {
    const auto n = lie.text.size();
    const auto records = lie.table.size();
    const auto p = prng.below(n);
    switch (prng.below(6)) {
    case 0:
        lie.text[p] = static_cast<std::uint32_t>(prng.below(records + lie.words.size()));
        break;
    case 1:
        lie.text[p] = static_cast<std::uint32_t>(prng.below(records));
        break;
    case 2: // over a separator
        lie.text[prng.below(2) == 0 ? n - 1 : lie.table[prng.below(records)].offset] =
            static_cast<std::uint32_t>(prng.below(records + lie.words.size()));
        break;
    case 3:
        lie.text[p] = static_cast<std::uint32_t>(records + lie.words.size() + prng.below(9));
        break;
    case 4:
        if (lie.words.size() > 1) {
            const auto d = prng.below(lie.words.size() - 1);
            std::swap(lie.words[d], lie.words[d + 1]);
        }
        break;
    default:
        if (!lie.words.empty()) {
            auto& word = lie.words[prng.below(lie.words.size())];
            word[prng.below(2) == 0 ? 0 : 31] ^= static_cast<std::uint8_t>(1 + prng.below(255));
        }
        break;
    }
}

inline void lie_about_table(Prng& prng, Lie& lie) {
    auto& entry = lie.table[prng.below(lie.table.size())];
    const auto any = static_cast<std::uint32_t>(prng.below(2 * lie.text.size()));
    switch (prng.below(5)) {
    case 0:
        entry.offset = any;
        break;
    case 1:
        entry.offset += prng.below(2) == 0 ? 1U : 0xffffffffU;
        break;
    case 2:
        entry.cluster = static_cast<std::uint32_t>(prng.below(lie.table.size() + 2));
        break;
    case 3:
        entry.owner = lie.table[prng.below(lie.table.size())].owner;
        break;
    default:
        entry.owner[prng.below(20)] ^= static_cast<std::uint8_t>(1 + prng.below(255));
        break;
    }
}

inline void lie_about_lists(Prng& prng, Lie& lie) {
    auto& lists = lie.lists;
    const auto n = lists.ranks.size();
    const auto i = prng.below(n), x = prng.below(lists.owners.size());
    switch (prng.below(9)) {
    case 0:
        std::swap(lists.ranks[i], lists.ranks[prng.below(n)]);
        break;
    case 1:
        lists.ranks[i] = static_cast<std::uint32_t>(prng.below(2 * n));
        break;
    case 2:
        std::swap(lists.slots[i], lists.slots[prng.below(n)]);
        break;
    case 3:
        lists.slots[i] = static_cast<std::uint32_t>(prng.below(2 * n));
        break;
    case 4:
        std::swap(lists.owners[x], lists.owners[prng.below(lists.owners.size())]);
        break;
    case 5:
        lists.owners[x][prng.below(20)] ^= static_cast<std::uint8_t>(1 + prng.below(255));
        break;
    case 6: // one entry more or fewer in the last list
        if (prng.below(2) == 0) {
            lists.ranks.push_back(static_cast<std::uint32_t>(n));
            ++lists.starts.back();
        } else if (lists.size_of(lists.owners.size() - 1) > 0) {
            lists.ranks.pop_back();
            --lists.starts.back();
        }
        break;
    case 7: // a list gives its last entry to the next one
        if (x + 1 < lists.owners.size() && lists.size_of(x) > 0) --lists.starts[x + 1];
        break;
    default: // an owner goes, and his entries become his predecessor's
        if (lists.owners.size() > 1 && x > 0) {
            lists.owners.erase(lists.owners.begin() + static_cast<std::ptrdiff_t>(x));
            lists.starts.erase(lists.starts.begin() + static_cast<std::ptrdiff_t>(x));
        }
        break;
    }
}

// A segment with a fault, made of an honest one; what each change does depends on the segment, so
// it is tried until one is a fault.
inline Lie random_lie(Prng& prng, const Lie& honest) {
    for (;;) {
        Lie lie = honest;
        switch (prng.below(4)) {
        case 0:
            lie_about_order(prng, lie);
            break;
        case 1:
            lie_about_text(prng, lie);
            break;
        case 2:
            lie_about_table(prng, lie);
            break;
        default:
            lie_about_lists(prng, lie);
            break;
        }
        if (!is_honest(lie)) return lie;
    }
}

} // namespace ol::attribution::suffix::test
