#include "base/u256.hpp"

#include <algorithm>
#include <bit>

#include "base/check.hpp"

namespace ol {

namespace {

using Wide = unsigned __int128;

std::uint64_t low(Wide x) { return static_cast<std::uint64_t>(x); }
std::uint64_t high(Wide x) { return static_cast<std::uint64_t>(x >> 64); }

struct Step {
    std::uint64_t quotient, remainder;
};

// (high, low) / d for high < d: one instruction of the machine where it has one.
inline Step divide_2by1(std::uint64_t high, std::uint64_t low, std::uint64_t d) {
#if defined(__x86_64__)
    Step out;
    __asm__("divq %4"
            : "=a"(out.quotient), "=d"(out.remainder)
            : "0"(low), "1"(high), "r"(d)
            : "cc");
    return out;
#else
    const Wide u = static_cast<Wide>(high) << 64 | low;
    return {static_cast<std::uint64_t>(u / d), static_cast<std::uint64_t>(u % d)};
#endif
}

// Moller and Granlund, "Improved division by invariant integers" (2011), algorithm 6:
// floor((2^192 - 1) / (d1, d0)) - 2^64, for d1 with its top bit set.
inline std::uint64_t reciprocal_3by2(std::uint64_t d1, std::uint64_t d0) {
    std::uint64_t v = divide_2by1(~d1, ~std::uint64_t{0}, d1).quotient;
    std::uint64_t p = d1 * v + d0;
    if (p < d0) {
        --v;
        if (p >= d1) {
            --v;
            p -= d1;
        }
        p -= d1;
    }
    const Wide t = static_cast<Wide>(v) * d0;
    p += high(t);
    if (p < high(t)) {
        --v;
        if (p > d1 || (p == d1 && low(t) >= d0)) --v;
    }
    return v;
}

// Algorithm 5 there: (u2, u1, u0) / (d1, d0) for (u2, u1) < (d1, d0).
inline std::uint64_t divide_3by2(std::uint64_t u2, std::uint64_t u1, std::uint64_t u0, Wide d,
                                 std::uint64_t v, Wide& remainder) {
    const Wide q = static_cast<Wide>(v) * u2 + (static_cast<Wide>(u2) << 64 | u1);
    std::uint64_t q1 = high(q) + 1;
    Wide r = static_cast<Wide>(u1 - high(q) * high(d)) << 64 | u0;
    r -= static_cast<Wide>(low(d)) * high(q);
    r -= d;
    if (high(r) >= low(q)) {
        --q1;
        r += d;
    }
    if (r >= d) [[unlikely]] {
        ++q1;
        r -= d;
    }
    remainder = r;
    return q1;
}

// x -= q * y over N limbs; what is still to be taken from the limb above.
template <int N>
inline std::uint64_t subtract_product(std::uint64_t* x, const std::uint64_t* y, std::uint64_t q) {
    std::uint64_t carry = 0;
    for (int i = 0; i < N; ++i) {
        const Wide product = static_cast<Wide>(q) * y[i] + carry;
        carry = high(product) + (x[i] < low(product) ? 1 : 0);
        x[i] -= low(product);
    }
    return carry;
}

// x += y over N limbs; the carry.
template <int N>
inline std::uint64_t add_limbs(std::uint64_t* x, const std::uint64_t* y) {
    unsigned char carry = 0;
    for (int i = 0; i < N; ++i) x[i] = detail::add_carry(x[i], y[i], carry);
    return carry;
}

// Schoolbook division (Knuth, 4.3.1, algorithm D) of the m + 1 limbs u by the N limbs v, whose top
// bit is set. u[m] < v[N - 1] or the first digit would not fit. Leaves the remainder in u; `q`
// receives m - N + 1 digits.
template <int N>
inline void divide_limbs(std::uint64_t* u, int m, const std::uint64_t* v, std::uint64_t* q) {
    const Wide d = static_cast<Wide>(v[N - 1]) << 64 | v[N - 2];
    const std::uint64_t reciprocal = reciprocal_3by2(v[N - 1], v[N - 2]);
    for (int j = m - N; j >= 0; --j) {
        const std::uint64_t u2 = u[j + N], u1 = u[j + N - 1], u0 = u[j + N - 2];
        std::uint64_t digit = 0;
        if ((static_cast<Wide>(u2) << 64 | u1) == d) [[unlikely]] {
            digit = ~std::uint64_t{0};
            u[j + N] = u2 - subtract_product<N>(u + j, v, digit);
        } else {
            Wide r = 0;
            digit = divide_3by2(u2, u1, u0, d, reciprocal, r);
            if constexpr (N > 2) {
                const std::uint64_t over = subtract_product<N - 2>(u + j, v, digit);
                const bool negative = r < over;
                r -= over;
                u[j + N - 2] = low(r);
                u[j + N - 1] = high(r);
                if (negative) [[unlikely]] {
                    --digit;
                    u[j + N - 1] += v[N - 1] + add_limbs<N - 1>(u + j, v);
                }
            } else {
                u[j] = low(r);
                u[j + 1] = high(r);
            }
        }
        q[j] = digit;
    }
}

inline U256 divide_by_limb(const std::uint64_t* a, int count, std::uint64_t b, std::uint64_t* q) {
    std::uint64_t rest = 0;
    for (int i = count - 1; i >= 0; --i) {
        if (rest == 0 && a[i] < b) { // leading limbs of small numbers
            rest = a[i];
            q[i] = 0;
            continue;
        }
        const Step step = divide_2by1(rest, a[i], b);
        q[i] = step.quotient;
        rest = step.remainder;
    }
    return U256(rest);
}

// The `count` limbs of `a` divided by `b` (not zero): digits to q (`count` of them), the remainder
// is returned.
U256 divide_wide(const std::uint64_t* a, int count, const U256& b, std::uint64_t* q) {
    const int n = (b.bit_length() + 63) / 64;
    if (n == 1) return divide_by_limb(a, count, b.limb[0], q);
    const int shift = std::countl_zero(b.limb[n - 1]);
    const auto up = [shift](std::uint64_t above, std::uint64_t below) {
        return shift == 0 ? above : above << shift | below >> (64 - shift);
    };
    std::uint64_t v[4];
    for (int i = n - 1; i > 0; --i) v[i] = up(b.limb[i], b.limb[i - 1]);
    v[0] = b.limb[0] << shift;
    while (count > n && a[count - 1] == 0) q[--count] = 0;
    std::uint64_t u[9];
    u[count] = shift == 0 ? 0 : a[count - 1] >> (64 - shift);
    for (int i = count - 1; i > 0; --i) u[i] = up(a[i], a[i - 1]);
    u[0] = a[0] << shift;
    for (int i = count - n + 1; i < count; ++i) q[i] = 0;
    int m = count;
    if (u[m] == 0 && u[m - 1] < v[n - 1] && m > n) q[--m - n + 1] = 0;
    if (n == 4) {
        divide_limbs<4>(u, m, v, q);
    } else if (n == 3) {
        divide_limbs<3>(u, m, v, q);
    } else {
        divide_limbs<2>(u, m, v, q);
    }
    U256 out;
    for (int i = 0; i < n; ++i) out.limb[i] = u[i];
    return out >> static_cast<unsigned>(shift);
}

// All eight limbs of a * b, a row a limb of a.
template <int row>
inline void add_row(const U256& a, const U256& b, std::uint64_t* out) {
    std::uint64_t carry = 0;
    const auto add = [&](int j) __attribute__((always_inline)) {
        const Wide before = row == 0 ? 0 : Wide{out[row + j]};
        const Wide sum = static_cast<Wide>(a.limb[row]) * b.limb[j] + before + carry;
        out[row + j] = low(sum);
        carry = high(sum);
    };
    add(0);
    add(1);
    add(2);
    add(3);
    out[row + 4] = carry;
}
inline void multiply_wide(const U256& a, const U256& b, std::uint64_t* out) {
    add_row<0>(a, b, out);
    add_row<1>(a, b, out);
    add_row<2>(a, b, out);
    add_row<3>(a, b, out);
}

// Division of `count` limbs by N, both known here: what is hot. The digits that there are go to q.
template <int count, int N>
inline U256 divide_fixed(const std::uint64_t* a, const U256& b, std::uint64_t* q) {
    const int shift = std::countl_zero(b.limb[N - 1]);
    const auto up = [shift](std::uint64_t above, std::uint64_t below) {
        return above << shift | below >> 1 >> (63 - shift);
    };
    std::uint64_t v[N], u[count + 1];
    v[0] = b.limb[0] << shift;
#pragma GCC unroll 8
    for (int i = 1; i < N; ++i) v[i] = up(b.limb[i], b.limb[i - 1]);
    u[0] = a[0] << shift;
#pragma GCC unroll 8
    for (int i = 1; i < count; ++i) u[i] = up(a[i], a[i - 1]);
    u[count] = a[count - 1] >> 1 >> (63 - shift);
    int m = count;
    while (m > N && u[m] == 0 && u[m - 1] < v[N - 1]) --m; // digits that are zero
    divide_limbs<N>(u, m, v, q);
    U256 out;
#pragma GCC unroll 8
    for (int i = 0; i < N - 1; ++i) out.limb[i] = u[i] >> shift | u[i + 1] << 1 << (63 - shift);
    out.limb[N - 1] = u[N - 1] >> shift;
    return out;
}

// For b = 2^k: k; -1 for other numbers.
int power_of_two(const U256& b) {
    const int top = (b.bit_length() - 1) / 64;
    std::uint64_t others = 0;
    for (int i = 0; i < top; ++i) others |= b.limb[i];
    if (others != 0 || (b.limb[top] & (b.limb[top] - 1)) != 0) return -1;
    return 64 * top + std::countr_zero(b.limb[top]);
}

} // namespace

Division divide(const U256& a, const U256& b) {
    OL_CHECK(!b.is_zero());
    if (a < b) return {U256(), a};
    if (const int bits = power_of_two(b); bits >= 0) {
        return {a >> static_cast<unsigned>(bits), a & (b - U256(1))};
    }
    Division out;
    std::uint64_t* q = out.quotient.limb.data();
    if (b.limb[3] != 0) {
        out.remainder = divide_fixed<4, 4>(a.limb.data(), b, q);
    } else if (b.limb[2] != 0) {
        out.remainder = divide_fixed<4, 3>(a.limb.data(), b, q);
    } else if (b.limb[1] != 0) {
        out.remainder = divide_fixed<4, 2>(a.limb.data(), b, q);
    } else {
        out.remainder = divide_by_limb(a.limb.data(), 4, b.limb[0], q);
    }
    return out;
}

U256 add_mod(const U256& a, const U256& b, const U256& m) {
    // Operands about as long as the modulus need no division.
    if (m.limb[3] != 0 && a.limb[3] <= m.limb[3] && b.limb[3] <= m.limb[3]) {
        const auto reduced = [&m](const U256& x) {
            U256 less;
            return sub_overflow(x, m, less) ? x : less;
        };
        U256 sum, less;
        const bool carry = add_overflow(reduced(a), reduced(b), sum);
        const bool borrow = sub_overflow(sum, m, less);
        return borrow && !carry ? sum : less;
    }
    U256 sum;
    std::uint64_t q[5];
    const bool carry = add_overflow(a, b, sum);
    const std::uint64_t wide[5] = {sum.limb[0], sum.limb[1], sum.limb[2], sum.limb[3], carry};
    return divide_wide(wide, carry ? 5 : 4, m, q);
}

U256 mul_mod(const U256& a, const U256& b, const U256& m) {
    std::uint64_t product[8], q[8];
    multiply_wide(a, b, product);
    if (m.limb[3] != 0) return divide_fixed<8, 4>(product, m, q);
    return divide_wide(product, 8, m, q);
}

U256 U256::from_be(ByteView bytes) {
    OL_CHECK(bytes.size() <= 32);
    std::array<std::uint8_t, 32> padded{};
    std::copy(bytes.begin(), bytes.end(), padded.end() - static_cast<std::ptrdiff_t>(bytes.size()));
    return load_be(padded.data());
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
    store_be(out.data.data(), *this);
    return out;
}

std::string U256::to_decimal() const {
    if (is_zero()) return "0";
    std::string out;
    U256 rest = *this;
    while (!rest.is_zero()) {
        const auto [quotient, digits] = divide(rest, U256(1'000'000'000));
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

Result<U256> checked_add(const U256& a, const U256& b) {
    U256 out;
    if (add_overflow(a, b, out)) return fail(ErrorCode::too_large, "sum passes 2^256");
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
