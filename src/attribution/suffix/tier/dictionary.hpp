// Dictionary: the distinct words of a segment in ascending order, by number.
#pragma once

#include <cstdint>
#include <span>

#include "text/symbols.hpp"

namespace ol::attribution::suffix {

class Dictionary {
public:
    virtual ~Dictionary() = default;
    virtual std::uint32_t size() const = 0;
    virtual text::SymbolWord word(std::uint32_t number) const = 0; // number < size()
    // size() when the word is not there.
    virtual std::uint32_t find(const text::SymbolWord& word) const = 0;
    // The same for many words; numbers is as long as words.
    virtual void find_all(std::span<const text::SymbolWord> words,
                          std::span<std::uint32_t> numbers) const {
        for (std::size_t i = 0; i < words.size(); ++i) numbers[i] = find(words[i]);
    }
};

} // namespace ol::attribution::suffix
