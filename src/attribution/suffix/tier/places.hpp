// Places: for each symbol of T the bytes of its record's text that it stands for, in about half a
// byte a symbol. The section knows the gaps (bytes between a symbol and the one before it, or the
// start of the record); sizes follow from the words, since a symbol is nearly always as long as its
// word. What differs is an exception. Format: docs/formats/segment-cold.md, "Places".
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ol::attribution::suffix {

struct Place {
    std::uint32_t offset = 0, size = 0; // bytes in the record's text; separators: 0, 0
    bool operator==(const Place&) const = default;
};

// Symbols of T in order, separators included.
class PlaceEncoder {
public:
    // A symbol with a word of `word_bytes` bytes. Places of one record ascend and do not overlap.
    void add(Place place, std::uint32_t word_bytes);
    void end_record(); // the separator
    Bytes finish();

private:
    void begin_symbol();
    void put(std::uint8_t code);
    Bytes codes_, exceptions_;
    std::vector<std::uint32_t> bases_, exception_starts_;
    std::uint32_t end_ = 0; // of the last symbol in its record
    std::uint32_t count_ = 0;
};

class PlaceView {
public:
    PlaceView() = default;
    // corrupted when the section's sizes do not agree with `symbols`. The section starts at a
    // multiple of 4 bytes, as those of a container do.
    static Result<PlaceView> open(ByteView section, std::uint32_t symbols);

    // Where reading must begin to know the place of `position` in a record that starts at
    // `record_start`: at most block - 1 symbols before it.
    std::uint32_t first_needed(std::uint32_t position, std::uint32_t record_start) const;
    // word_bytes(p): the length of the word at p, asked for p in [first_needed, position]
    // ascending. The place of a separator is not asked for. Safe on any section that opens.
    Place at(std::uint32_t position, std::uint32_t record_start,
             const std::function<std::uint32_t(std::uint32_t)>& word_bytes) const;

    // The places of a record's first symbols, from the lengths of their words.
    void read(std::uint32_t record_start, std::span<const std::uint32_t> word_bytes,
              std::span<Place> out) const;

private:
    std::uint8_t code(std::uint32_t position) const {
        return codes_[position / 4] >> position % 4 * 2 & 3;
    }
    std::uint32_t symbols_ = 0;
    const std::uint8_t* codes_ = nullptr; // two bits a symbol
    std::span<const std::uint32_t> bases_, exception_starts_;
    ByteView exceptions_;
};

} // namespace ol::attribution::suffix
