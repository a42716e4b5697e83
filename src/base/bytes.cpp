#include "base/bytes.hpp"

namespace ol {

namespace {

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

template <std::size_t N>
Result<FixedBytes<N>> fixed_from_hex(std::string_view hex) {
    auto bytes = OL_TRY(from_hex(hex));
    return FixedBytes<N>::from(bytes);
}

} // namespace

std::string to_hex(ByteView bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out(bytes.size() * 2, '0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    return out;
}

std::string to_hex0x(ByteView bytes) { return "0x" + to_hex(bytes); }

Result<Bytes> from_hex(std::string_view hex) {
    if (hex.starts_with("0x") || hex.starts_with("0X")) hex.remove_prefix(2);
    if (hex.size() % 2 != 0) {
        return fail(ErrorCode::invalid_argument, "hex string has an odd number of digits ({})",
                    hex.size());
    }
    Bytes out(hex.size() / 2);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = digit(hex[2 * i]);
        const int low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return fail(ErrorCode::invalid_argument, "not a hex digit near position {}", 2 * i);
        }
        out[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return out;
}

Result<Hash32> hash32_from_hex(std::string_view hex) { return fixed_from_hex<32>(hex); }
Result<Address> address_from_hex(std::string_view hex) { return fixed_from_hex<20>(hex); }

} // namespace ol
