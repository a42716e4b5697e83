#include "chain/rpc/writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace ol::chain::rpc {

namespace {

constexpr std::array<char, 512> hex_pairs = [] {
    std::array<char, 512> out{};
    constexpr std::string_view digits = "0123456789abcdef";
    for (std::size_t i = 0; i < 256; ++i) {
        out[2 * i] = digits[i >> 4];
        out[2 * i + 1] = digits[i & 15];
    }
    return out;
}();

bool is_plain(std::string_view text) {
    return std::ranges::all_of(
        text, [](unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

} // namespace

void Writer::separate() {
    if (out_.empty()) return;
    const char last = out_.back();
    if (last != '{' && last != '[' && last != ':') out_ += ',';
}

void Writer::open(char bracket) {
    separate();
    out_ += bracket;
}

void Writer::key(std::string_view name) {
    separate();
    out_.append(1, '"').append(name).append("\":");
}

void Writer::value(std::nullptr_t) {
    separate();
    out_ += "null";
}

void Writer::print_quantity(std::uint64_t quantity) {
    separate();
    char digits[20] = {'"', '0', 'x'};
    char* end = std::to_chars(digits + 3, digits + sizeof digits - 1, quantity, 16).ptr;
    *end++ = '"';
    out_.append(digits, end);
}

void Writer::value(const U256& quantity) {
    if (quantity.fits_u64()) return print_quantity(quantity.low_u64());
    separate();
    out_.append(1, '"').append(quantity.to_quantity()).append(1, '"');
}

void Writer::append_hex(ByteView bytes) {
    const std::size_t before = out_.size(), after = before + 2 * bytes.size();
    // The size that the callback is given may be larger than what was asked for (libstdc++ 12).
    out_.resize_and_overwrite(after, [&](char* to, std::size_t) {
        to += before;
        for (const std::uint8_t byte : bytes) {
            *to++ = hex_pairs[2UL * byte];
            *to++ = hex_pairs[2UL * byte + 1];
        }
        return after;
    });
}

void Writer::value(ByteView data) {
    separate();
    out_ += "\"0x";
    append_hex(data);
    out_ += '"';
}

void Writer::bare_hex(ByteView bytes) {
    separate();
    out_ += '"';
    append_hex(bytes);
    out_ += '"';
}

void Writer::value(std::string_view text) {
    if (!is_plain(text)) return value(codec::Json(text));
    separate();
    out_.append(1, '"').append(text).append(1, '"');
}

void Writer::value(const codec::Json& json) {
    separate();
    out_ += json.dump();
}

void Writer::number(std::uint64_t plain) {
    separate();
    char digits[20];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, plain).ptr);
}

void Writer::decimal(double plain) {
    separate();
    char digits[32];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, plain).ptr);
}

void Writer::raw(std::string_view json) {
    separate();
    out_ += json;
}

} // namespace ol::chain::rpc
