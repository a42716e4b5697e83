// The byte-level alphabet in which tokenizer.json writes bytes (GPT-2's map of bytes to printable
// characters): itself for 33..126, 161..172, 174..255; the others in order from U+0100.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ol::model {

std::string characters_from_bytes(std::string_view bytes);
// The inverse; nothing when a character is not of the alphabet.
std::optional<std::string> bytes_from_characters(std::string_view characters);
// All bytes in the order of their characters.
std::array<std::uint8_t, 256> bytes_by_character();

} // namespace ol::model
