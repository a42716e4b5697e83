#include "attribution/suffix/tier/front_coded.hpp"

#include <algorithm>
#include <optional>

#include "base/check.hpp"

namespace ol::attribution::suffix {

namespace {

using text::SymbolWord;
using u32 = std::uint32_t;

constexpr u32 words_per_block = 16;
constexpr u32 nibble_max = 15;

u32 blocks_of(u32 words) { return words / words_per_block + (words % words_per_block != 0); }

u32 length_of(const SymbolWord& word) { return static_cast<u32>(text::symbol_text(word).size()); }

// What is written of one word: how many bytes it shares with the word before it, and the rest. In
// one byte when both fit four bits, else 0 and a byte each (the rest is never empty).
struct Lengths {
    u32 shared = 0, rest = 0;
};

void put(Bytes& out, Lengths lengths) {
    const auto [shared, rest] = lengths;
    if (shared <= nibble_max && rest <= nibble_max) {
        out.push_back(static_cast<std::uint8_t>(shared << 4 | rest));
        return;
    }
    out.insert(out.end(), {0, static_cast<std::uint8_t>(shared), static_cast<std::uint8_t>(rest)});
}

// Turns the word before into the one at `at` and moves behind it. {0, 0} when that is no encoding
// of a word.
Lengths take(ByteView bytes, std::size_t& at, SymbolWord& word) {
    if (at >= bytes.size()) return {};
    const u32 nibbles = bytes[at++];
    Lengths lengths{nibbles >> 4, nibbles & nibble_max};
    if (lengths.rest == 0) {
        if (lengths.shared != 0 || bytes.size() - at < 2) return {};
        lengths = {bytes[at], bytes[at + 1]};
        at += 2;
        if (lengths.shared <= nibble_max && lengths.rest <= nibble_max) return {};
    }
    const auto [shared, rest] = lengths;
    if (shared + rest > text::symbol_max_bytes || bytes.size() - at < rest) return {};
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), rest, word.begin() + shared);
    std::fill(word.begin() + shared + rest, word.end(), 0);
    at += rest;
    return lengths;
}

u32 shared_bytes(const SymbolWord& a, const SymbolWord& b) {
    return static_cast<u32>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
}

} // namespace

Result<Bytes> front_code(std::span<const SymbolWord> words) {
    Bytes starts, out;
    for (u32 i = 0; i < words.size(); ++i) {
        u32 shared = 0;
        if (i % words_per_block == 0) {
            if (out.size() > 0xffffffff) {
                return fail(ErrorCode::too_large, "the words of a segment are more than 4 GiB");
            }
            const u32 start = static_cast<u32>(out.size());
            append(starts, {reinterpret_cast<const std::uint8_t*>(&start), sizeof start});
        } else {
            shared = shared_bytes(words[i - 1], words[i]);
        }
        const u32 length = length_of(words[i]);
        put(out, {shared, length - shared});
        append(out, words[i].view().subspan(shared, length - shared));
    }
    append(starts, out);
    return starts;
}

Result<std::unique_ptr<FrontCodedDictionary>> FrontCodedDictionary::open(ByteView section,
                                                                         u32 count) {
    const std::size_t blocks = blocks_of(count);
    if (section.size() < blocks * sizeof(u32)) {
        return fail(ErrorCode::corrupted, "section of words: {} bytes are too few for {} words",
                    section.size(), count);
    }
    OL_CHECK(reinterpret_cast<std::uintptr_t>(section.data()) % alignof(u32) == 0);
    std::unique_ptr<FrontCodedDictionary> out(new FrontCodedDictionary);
    out->count_ = count;
    out->starts_ = {reinterpret_cast<const u32*>(section.data()), blocks};
    out->words_ = section.subspan(blocks * sizeof(u32));
    OL_TRY(out->check());
    out->keys_.reserve(blocks);
    for (u32 block = 0; block < blocks; ++block) {
        out->keys_.push_back(get_be64(out->decode(block, 0).data.data()));
    }
    return out;
}

// That a word shares all it can with the one before, and goes on with a larger byte, says that it
// is larger; that its other bytes are not zero, that its length is what it seems.
Status FrontCodedDictionary::check() const {
    SymbolWord word, before; // the word before the first is all zeros: smaller than each word
    std::size_t at = 0;
    for (u32 i = 0; i < count_; ++i) {
        const bool head = i % words_per_block == 0;
        bool sound = !head || starts_[i / words_per_block] == at;
        if (head) word = {};
        const auto [shared, rest] = sound ? take(words_, at, word) : Lengths{};
        sound = rest != 0 &&
                (head ? shared == 0 && before < word : before[shared] < word[shared]) &&
                std::find(word.begin() + shared, word.begin() + shared + rest, 0) ==
                    word.begin() + shared + rest;
        sound = sound && (shared == 0 || before[shared - 1] != 0);
        if (!sound) {
            return fail(ErrorCode::corrupted, "section of words: word {} is not sound", i);
        }
        before = word;
    }
    if (at != words_.size()) {
        return fail(ErrorCode::corrupted, "section of words: {} bytes follow the last word",
                    words_.size() - at);
    }
    return {};
}

SymbolWord FrontCodedDictionary::decode(u32 block, u32 last) const {
    SymbolWord word;
    std::size_t at = starts_[block];
    for (u32 i = 0; i <= last; ++i) OL_CHECK(take(words_, at, word).rest != 0);
    return word;
}

SymbolWord FrontCodedDictionary::word(u32 number) const {
    OL_CHECK(number < count_);
    return decode(number / words_per_block, number % words_per_block);
}

u32 FrontCodedDictionary::find(const SymbolWord& word) const {
    // The last block that does not start behind the word; several may start with one key.
    const std::uint64_t key = get_be64(word.data.data());
    auto low = static_cast<u32>(std::lower_bound(keys_.begin(), keys_.end(), key) - keys_.begin());
    auto high = static_cast<u32>(std::upper_bound(keys_.begin() + low, keys_.end(), key) -
                                 keys_.begin()); // blocks from here on start behind it
    while (low < high) {
        const u32 middle = low + (high - low) / 2;
        if (decode(middle, 0) <= word) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) return count_;
    const u32 first = (low - 1) * words_per_block;
    std::size_t at = starts_[low - 1];
    SymbolWord at_hand;
    for (u32 i = first; i < count_ && i < first + words_per_block; ++i) {
        OL_CHECK(take(words_, at, at_hand).rest != 0);
        if (at_hand == word) return i;
        if (at_hand > word) break;
    }
    return count_;
}

} // namespace ol::attribution::suffix
