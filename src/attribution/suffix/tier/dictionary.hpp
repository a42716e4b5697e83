// Dictionary: the distinct words of a segment in ascending order, by number.
#pragma once

#include <cstdint>

#include "text/symbols.hpp"

namespace ol::attribution::suffix {

class Dictionary {
public:
    virtual ~Dictionary() = default;
    virtual std::uint32_t size() const = 0;
    virtual text::SymbolWord word(std::uint32_t number) const = 0; // number < size()
    // size() when the word is not there.
    virtual std::uint32_t find(const text::SymbolWord& word) const = 0;
};

} // namespace ol::attribution::suffix
