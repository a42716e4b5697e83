#include "attribution/suffix/proof/leaves.hpp"

#include <bit>
#include <cstring>

#include "base/check.hpp"

namespace ol::attribution::suffix {

namespace {

constexpr std::size_t separator_short_bytes = 5;

// Without the zeros at the end; the first byte is not zero.
std::size_t significant_bytes(const text::SymbolWord& word) {
    static_assert(std::endian::native == std::endian::little);
    for (std::size_t end = 32; end > 0; end -= 8) {
        std::uint64_t part = 0;
        std::memcpy(&part, word.begin() + end - 8, 8);
        if (part != 0) return end - static_cast<std::size_t>(std::countl_zero(part)) / 8;
    }
    return 0;
}

} // namespace

std::size_t put_symbol(std::uint8_t* out, const text::SymbolWord& word) {
    if (text::is_separator(word)) {
        const std::uint32_t number = get_be32(word.begin() + 28);
        if (number == 0 || word != text::separator_word(number - 1)) {
            out[0] = 0xff;
            return 1;
        }
        out[0] = 0;
        std::memcpy(out + 1, word.begin() + 28, 4);
        return separator_short_bytes;
    }
    const std::size_t length = significant_bytes(word);
    if (length > text::symbol_max_bytes) {
        out[0] = 0xff;
        return 1;
    }
    out[0] = static_cast<std::uint8_t>(length);
    std::memcpy(out + 1, word.begin(), text::symbol_max_bytes);
    return 1 + length;
}

std::optional<ShortSymbol> read_symbol(ByteView bytes) {
    if (bytes.empty()) return std::nullopt;
    ShortSymbol out;
    const std::size_t length = bytes[0];
    if (length == 0) {
        if (bytes.size() < separator_short_bytes || get_be32(bytes.data() + 1) == 0) {
            return std::nullopt;
        }
        std::memcpy(out.word.begin() + 28, bytes.data() + 1, 4);
        out.size = separator_short_bytes;
        return out;
    }
    if (length > text::symbol_max_bytes || bytes.size() < 1 + length || bytes[1] == 0 ||
        bytes[length] == 0) {
        return std::nullopt;
    }
    std::memcpy(out.word.begin(), bytes.data() + 1, length);
    out.size = 1 + length;
    return out;
}

std::optional<std::size_t> text_leaf_size(ByteView bytes, std::uint32_t count) {
    std::size_t size = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto symbol = read_symbol(bytes.subspan(size));
        if (!symbol) return std::nullopt;
        size += symbol->size;
    }
    return size;
}

text::SymbolWord symbol_of_leaf(ByteView leaf, std::uint32_t index) {
    const auto before = text_leaf_size(leaf, index);
    OL_CHECK(before.has_value());
    const auto symbol = read_symbol(leaf.subspan(*before));
    OL_CHECK(symbol.has_value());
    return symbol->word;
}

void put_table(std::uint8_t* out, const TableEntry& entry) {
    put_be32(out, entry.offset);
    std::memcpy(out + 4, entry.leaf_hash.begin(), 32);
    std::memcpy(out + 36, entry.owner.begin(), 20);
    put_be32(out + 56, entry.cluster);
}

TableEntry read_table(const std::uint8_t* bytes) {
    TableEntry out;
    out.offset = get_be32(bytes);
    std::memcpy(out.leaf_hash.begin(), bytes + 4, 32);
    std::memcpy(out.owner.begin(), bytes + 36, 20);
    out.cluster = get_be32(bytes + 56);
    return out;
}

void put_owner(std::uint8_t* out, const OwnerEntry& entry) {
    std::memcpy(out, entry.owner.begin(), 20);
    std::memcpy(out + 20, entry.list_root.begin(), 32);
    put_be32(out + 52, entry.start);
    put_be32(out + 56, entry.size);
}

OwnerEntry read_owner(const std::uint8_t* bytes) {
    OwnerEntry out;
    std::memcpy(out.owner.begin(), bytes, 20);
    std::memcpy(out.list_root.begin(), bytes + 20, 32);
    out.start = get_be32(bytes + 52);
    out.size = get_be32(bytes + 56);
    return out;
}

} // namespace ol::attribution::suffix
