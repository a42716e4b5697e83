// PlainDictionary: the words of a hot segment as they are, 32 bytes each.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "attribution/suffix/tier/dictionary.hpp"

namespace ol::attribution::suffix {

class PlainDictionary final : public Dictionary {
public:
    // Ascending words; the span must outlive this.
    explicit PlainDictionary(std::span<const text::SymbolWord> words);

    std::uint32_t size() const override { return static_cast<std::uint32_t>(words_.size()); }
    text::SymbolWord word(std::uint32_t number) const override { return words_[number]; }
    std::uint32_t find(const text::SymbolWord& word) const override;
    void find_all(std::span<const text::SymbolWord> words,
                  std::span<std::uint32_t> numbers) const override;

private:
    std::span<const text::SymbolWord> words_;
    // The first 8 bytes, big endian, of every 16th word: the top of the search in few cache lines.
    std::vector<std::uint64_t> keys_;
};

} // namespace ol::attribution::suffix
