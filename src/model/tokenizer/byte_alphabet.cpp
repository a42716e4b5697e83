#include "model/tokenizer/byte_alphabet.hpp"

#include <algorithm>

namespace ol::model {

namespace {

// The character of each byte, below U+0144.
std::array<std::uint16_t, 256> make_alphabet() {
    std::array<std::uint16_t, 256> out{};
    std::uint16_t spare = 256;
    for (std::uint16_t byte = 0; byte < 256; ++byte) {
        const bool itself =
            (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
        out[byte] = itself ? byte : spare++;
    }
    return out;
}

const std::array<std::uint16_t, 256>& alphabet() {
    static const auto table = make_alphabet();
    return table;
}

} // namespace

std::string characters_from_bytes(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        const auto character = alphabet()[static_cast<std::uint8_t>(c)];
        if (character < 128) {
            out.push_back(static_cast<char>(character));
        } else {
            out.push_back(static_cast<char>(0xc0 | character >> 6));
            out.push_back(static_cast<char>(0x80 | (character & 0x3f)));
        }
    }
    return out;
}

std::optional<std::string> bytes_from_characters(std::string_view characters) {
    static const auto inverse = [] {
        std::array<std::int16_t, 0x144> out{};
        out.fill(-1);
        for (std::size_t byte = 0; byte < 256; ++byte) {
            out[alphabet()[byte]] = static_cast<std::int16_t>(byte);
        }
        return out;
    }();
    std::string out;
    for (std::size_t i = 0; i < characters.size(); ++i) {
        auto c = static_cast<std::uint32_t>(static_cast<std::uint8_t>(characters[i]));
        if (c >= 128) {
            if (c < 0xc2 || c > 0xdf || i + 1 == characters.size()) return std::nullopt;
            const auto low = static_cast<std::uint8_t>(characters[++i]);
            if ((low & 0xc0) != 0x80) return std::nullopt;
            c = (c & 0x1f) << 6 | (low & 0x3f);
        }
        if (c >= inverse.size() || inverse[c] < 0) return std::nullopt;
        out.push_back(static_cast<char>(inverse[c]));
    }
    return out;
}

std::array<std::uint8_t, 256> bytes_by_character() {
    std::array<std::uint8_t, 256> out{};
    for (std::size_t i = 0; i < 256; ++i) out[i] = static_cast<std::uint8_t>(i);
    std::sort(out.begin(), out.end(),
              [](std::uint8_t a, std::uint8_t b) { return alphabet()[a] < alphabet()[b]; });
    return out;
}

} // namespace ol::model
