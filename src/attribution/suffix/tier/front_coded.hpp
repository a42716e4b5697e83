// FrontCodedDictionary: the words of a cold segment, each as what it does not share with the word
// before it, in blocks of 16. Format: docs/formats/segment-cold.md, "Words".
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "attribution/suffix/tier/dictionary.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ol::attribution::suffix {

// The section of strictly ascending words, each of 1 to 31 bytes without zero bytes. too_large
// beyond 4 GiB.
Result<Bytes> front_code(std::span<const text::SymbolWord> words);

class FrontCodedDictionary final : public Dictionary {
public:
    // Views `section`, which must outlive this and start at a multiple of 4 bytes. Reads all of it:
    // corrupted unless it is what front_code makes of `count` words.
    static Result<std::unique_ptr<FrontCodedDictionary>> open(ByteView section,
                                                              std::uint32_t count);

    std::uint32_t size() const override { return count_; }
    text::SymbolWord word(std::uint32_t number) const override;
    std::uint32_t find(const text::SymbolWord& word) const override;

private:
    FrontCodedDictionary() = default;
    // Decodes words of a block up to and with the one numbered `last` in it.
    text::SymbolWord decode(std::uint32_t block, std::uint32_t last) const;
    Status check() const;

    std::uint32_t count_ = 0;
    std::span<const std::uint32_t> starts_; // of each block in words_
    ByteView words_;
    std::vector<std::uint64_t> keys_; // the first 8 bytes, big endian, of each block's first word
};

} // namespace ol::attribution::suffix
