#include "model/tokenizer/charsmap.hpp"

#include <algorithm>

namespace ol::model {

namespace {

constexpr std::size_t max_bytes = 16U << 20;
constexpr std::size_t max_replacement_bytes = 256;

// Fields of a unit of Darts-clone.
bool has_leaf(std::uint32_t unit) { return (unit >> 8 & 1) == 1; }
std::uint32_t value_of(std::uint32_t unit) { return unit & 0x7fffffffU; }
std::uint32_t label_of(std::uint32_t unit) { return unit & 0x800000ffU; }
std::size_t offset_of(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200U) >> 6); }

std::uint32_t little_endian(std::string_view bytes) {
    std::uint32_t out = 0;
    for (std::size_t i = 4; i-- > 0;) out = out << 8 | static_cast<std::uint8_t>(bytes[i]);
    return out;
}

} // namespace

Result<Charsmap> Charsmap::parse(std::string_view blob) {
    if (blob.size() > max_bytes) {
        return fail(ErrorCode::too_large, "charsmap of {} bytes: the limit is {}", blob.size(),
                    max_bytes);
    }
    if (blob.size() < 4) return fail(ErrorCode::corrupted, "charsmap of {} bytes", blob.size());
    const std::size_t trie_bytes = little_endian(blob);
    if (trie_bytes % 4 != 0 || trie_bytes == 0 || trie_bytes >= blob.size() - 3) {
        return fail(ErrorCode::corrupted, "charsmap: a trie of {} bytes in a map of {}", trie_bytes,
                    blob.size());
    }
    Charsmap out;
    for (std::size_t at = 4; at < 4 + trie_bytes; at += 4) {
        out.units_.push_back(little_endian(blob.substr(at, 4)));
    }
    out.replacements_ = blob.substr(4 + trie_bytes);
    for (std::size_t at = 0; at < out.replacements_.size();) {
        const auto end = std::min(out.replacements_.find('\0', at), out.replacements_.size());
        out.longest_replacement_ = std::max(out.longest_replacement_, end - at);
        at = end + 1;
    }
    if (out.longest_replacement_ > max_replacement_bytes) {
        return fail(ErrorCode::corrupted, "charsmap: a replacement of {} bytes",
                    out.longest_replacement_);
    }
    return out;
}

template <class Visit>
void Charsmap::each_prefix(std::string_view text, std::size_t at, Visit&& visit) const {
    auto node = offset_of(unit(0));
    for (std::size_t i = at; i < text.size(); ++i) {
        const auto byte = static_cast<std::uint8_t>(text[i]);
        if (byte == 0) return;
        node ^= byte;
        const auto here = unit(node);
        if (label_of(here) != byte) return;
        node ^= offset_of(here);
        if (has_leaf(here) && !visit(i + 1 - at, value_of(unit(node)))) return;
    }
}

std::string_view Charsmap::replacement(std::uint32_t value) const {
    if (value >= replacements_.size()) return {};
    const auto text = std::string_view(replacements_).substr(value);
    return text.substr(0, text.find('\0'));
}

Charsmap::Rule Charsmap::longest(std::string_view text, std::size_t at) const {
    Rule out;
    each_prefix(text, at, [&](std::size_t size, std::uint32_t value) {
        out = {size, replacement(value)};
        return true;
    });
    return out;
}

Charsmap::Rule Charsmap::shortest(std::string_view text) const {
    Rule out;
    each_prefix(text, 0, [&](std::size_t size, std::uint32_t value) {
        out = {size, replacement(value)};
        return false;
    });
    return out;
}

} // namespace ol::model
