#include "base/u256.hpp"

#include <algorithm>
#include <bit>

#include "base/check.hpp"

namespace ol {

namespace {

using Wide = unsigned __int128;

bool add_carry(const U256& a, const U256& b, U256& out) {
    Wide carry = 0;
    for (int i = 0; i < 4; ++i) {
        const Wide sum = static_cast<Wide>(a.limb[i]) + b.limb[i] + carry;
        out.limb[i] = static_cast<std::uint64_t>(sum);
        carry = sum >> 64;
    }
    return carry != 0;
}

// Long division, one bit at a time where the divisor has more than one limb. Amounts of money are
// divided a few times per receipt; the EVM's own division lives in the chain library.
void divide(const U256& a, const U256& b, U256& quotient, U256& remainder) {
    OL_CHECK(!b.is_zero());
    quotient = {};
    remainder = {};
    if (b.fits_u64()) {
        Wide rest = 0;
        for (int i = 3; i >= 0; --i) {
            rest = rest << 64 | a.limb[i];
            quotient.limb[i] = static_cast<std::uint64_t>(rest / b.limb[0]);
            rest %= b.limb[0];
        }
        remainder = U256(static_cast<std::uint64_t>(rest));
        return;
    }
    for (int i = a.bit_length() - 1; i >= 0; --i) {
        const bool top = remainder.limb[3] >> 63 != 0;
        remainder = remainder << 1;
        remainder.limb[0] |= a.limb[i / 64] >> (i % 64) & 1;
        if (top || remainder >= b) {
            remainder = remainder - b;
            quotient.limb[i / 64] |= std::uint64_t{1} << (i % 64);
        }
    }
}

} // namespace

U256 U256::from_be(ByteView bytes) {
    OL_CHECK(bytes.size() <= 32);
    std::array<std::uint8_t, 32> padded{};
    std::copy(bytes.begin(), bytes.end(), padded.end() - static_cast<std::ptrdiff_t>(bytes.size()));
    U256 out;
    for (int i = 0; i < 4; ++i) out.limb[3 - i] = get_be64(padded.data() + 8 * i);
    return out;
}

Result<U256> U256::from_decimal(std::string_view text) {
    if (text.empty()) return fail(ErrorCode::invalid_argument, "empty number");
    U256 out;
    for (const char c : text) {
        if (c < '0' || c > '9') {
            return fail(ErrorCode::invalid_argument, "'{}' is not a decimal number", text);
        }
        out = OL_TRY(checked_mul(out, U256(10)));
        out = OL_TRY(checked_add(out, U256(static_cast<std::uint64_t>(c - '0'))));
    }
    return out;
}

Result<U256> U256::parse(std::string_view text) {
    if (!text.starts_with("0x") && !text.starts_with("0X")) return from_decimal(text);
    std::string digits(text.substr(2));
    if (digits.empty()) return fail(ErrorCode::invalid_argument, "empty number '{}'", text);
    if (digits.size() % 2 != 0) digits.insert(digits.begin(), '0');
    const auto bytes = OL_TRY(from_hex(digits));
    if (bytes.size() > 32) {
        return fail(ErrorCode::invalid_argument, "'{}' is longer than 32 bytes", text);
    }
    return from_be(bytes);
}

Hash32 U256::to_be() const {
    Hash32 out;
    for (int i = 0; i < 4; ++i) put_be64(out.data.data() + 8 * i, limb[3 - i]);
    return out;
}

std::string U256::to_decimal() const {
    if (is_zero()) return "0";
    std::string out;
    U256 rest = *this;
    while (!rest.is_zero()) {
        U256 quotient, digits;
        divide(rest, U256(1'000'000'000), quotient, digits);
        std::uint64_t group = digits.limb[0];
        for (int i = 0; i < 9 && (group != 0 || !quotient.is_zero()); ++i) {
            out.push_back(static_cast<char>('0' + group % 10));
            group /= 10;
        }
        rest = quotient;
    }
    std::reverse(out.begin(), out.end());
    return out;
}

std::string U256::to_quantity() const {
    const std::string hex = to_hex(to_be().view());
    const auto first = hex.find_first_not_of('0');
    return first == std::string::npos ? "0x0" : "0x" + hex.substr(first);
}

int U256::bit_length() const {
    for (int i = 3; i >= 0; --i) {
        if (limb[i] != 0) return 64 * i + 64 - std::countl_zero(limb[i]);
    }
    return 0;
}

std::strong_ordering U256::operator<=>(const U256& other) const {
    for (int i = 3; i >= 0; --i) {
        if (limb[i] != other.limb[i]) return limb[i] <=> other.limb[i];
    }
    return std::strong_ordering::equal;
}

U256 operator+(const U256& a, const U256& b) {
    U256 out;
    add_carry(a, b, out);
    return out;
}

U256 operator-(const U256& a, const U256& b) {
    U256 out;
    Wide borrow = 0;
    for (int i = 0; i < 4; ++i) {
        const Wide difference = static_cast<Wide>(a.limb[i]) - b.limb[i] - borrow;
        out.limb[i] = static_cast<std::uint64_t>(difference);
        borrow = difference >> 64 != 0 ? 1 : 0;
    }
    return out;
}

U256 operator*(const U256& a, const U256& b) {
    U256 out;
    for (int i = 0; i < 4; ++i) {
        Wide carry = 0;
        for (int j = 0; i + j < 4; ++j) {
            const Wide sum = static_cast<Wide>(a.limb[i]) * b.limb[j] + out.limb[i + j] + carry;
            out.limb[i + j] = static_cast<std::uint64_t>(sum);
            carry = sum >> 64;
        }
    }
    return out;
}

U256 operator/(const U256& a, const U256& b) {
    U256 quotient, remainder;
    divide(a, b, quotient, remainder);
    return quotient;
}

U256 operator%(const U256& a, const U256& b) {
    U256 quotient, remainder;
    divide(a, b, quotient, remainder);
    return remainder;
}

U256 operator<<(const U256& a, unsigned bits) {
    U256 out;
    if (bits >= 256) return out;
    const unsigned words = bits / 64, shift = bits % 64;
    for (unsigned i = 3; i + 1 > words; --i) {
        out.limb[i] = a.limb[i - words] << shift;
        if (shift != 0 && i > words) out.limb[i] |= a.limb[i - words - 1] >> (64 - shift);
        if (i == 0) break;
    }
    return out;
}

U256 operator>>(const U256& a, unsigned bits) {
    U256 out;
    if (bits >= 256) return out;
    const unsigned words = bits / 64, shift = bits % 64;
    for (unsigned i = 0; i + words < 4; ++i) {
        out.limb[i] = a.limb[i + words] >> shift;
        if (shift != 0 && i + words + 1 < 4) out.limb[i] |= a.limb[i + words + 1] << (64 - shift);
    }
    return out;
}

Result<U256> checked_add(const U256& a, const U256& b) {
    U256 out;
    if (add_carry(a, b, out)) return fail(ErrorCode::too_large, "sum passes 2^256");
    return out;
}

Result<U256> checked_sub(const U256& a, const U256& b) {
    if (a < b) {
        return fail(ErrorCode::conflict, "{} - {} is negative", a.to_decimal(), b.to_decimal());
    }
    return a - b;
}

Result<U256> checked_mul(const U256& a, const U256& b) {
    const U256 out = a * b;
    if (!a.is_zero() && out / a != b) return fail(ErrorCode::too_large, "product passes 2^256");
    return out;
}

Result<U256> parse_open(std::string_view text) {
    const auto dot = text.find('.');
    std::string digits(text.substr(0, dot));
    std::string decimals(dot == std::string_view::npos ? "" : text.substr(dot + 1));
    if (decimals.size() > 18) {
        return fail(ErrorCode::invalid_argument, "'{}' has more than 18 decimals", text);
    }
    if (digits.empty() && decimals.empty()) {
        return fail(ErrorCode::invalid_argument, "'{}' is not an amount of OPEN", text);
    }
    decimals.resize(18, '0');
    return U256::from_decimal(digits + decimals);
}

std::string format_open(const U256& wei) {
    std::string digits = wei.to_decimal();
    if (digits.size() < 19) digits.insert(0, 19 - digits.size(), '0');
    std::string decimals = digits.substr(digits.size() - 18);
    digits.resize(digits.size() - 18);
    decimals.erase(decimals.find_last_not_of('0') + 1);
    return decimals.empty() ? digits + " OPEN" : digits + "." + decimals + " OPEN";
}

} // namespace ol
