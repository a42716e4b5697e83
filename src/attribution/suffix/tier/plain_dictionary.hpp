// PlainDictionary: the words of a hot segment as they are, 32 bytes each, and a hash table over
// them.
//
// The table is a section of its own (docs/formats/segment.md, "Word slots"): a key of 8 bytes, then
// a power of two of u32 slots, at least twice as many as words: number + 1, or 0 for a free one.
// The key follows from the words, so that who adds words does not know it beforehand.
#pragma once

#include <memory>
#include <span>

#include "attribution/suffix/tier/dictionary.hpp"
#include "attribution/suffix/word_hash.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ol::attribution::suffix {

// The section for ascending words.
Bytes make_word_slots(std::span<const text::SymbolWord> words);

class PlainDictionary final : public Dictionary {
public:
    // Both must outlive this. corrupted when the section has another size than it should.
    static Result<std::unique_ptr<PlainDictionary>> open(std::span<const text::SymbolWord> words,
                                                         ByteView slots);

    std::uint32_t size() const override { return static_cast<std::uint32_t>(words_.size()); }
    text::SymbolWord word(std::uint32_t number) const override { return words_[number]; }
    std::uint32_t find(const text::SymbolWord& word) const override;
    void find_all(std::span<const text::SymbolWord> words,
                  std::span<std::uint32_t> numbers) const override;

private:
    PlainDictionary(std::span<const text::SymbolWord> words, std::uint64_t key,
                    std::span<const std::uint32_t> slots)
        : words_(words)
        , hash_(key)
        , slots_(slots) {}
    std::uint32_t probe(const text::SymbolWord& word, std::uint64_t hash) const;

    std::span<const text::SymbolWord> words_;
    WordHash hash_;
    std::span<const std::uint32_t> slots_;
};

} // namespace ol::attribution::suffix
