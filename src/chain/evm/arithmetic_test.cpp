#include "chain/evm/arithmetic.hpp"

#include <gmp.h>
#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace ol::chain::evm {
namespace {

// GMP's integer, as the reference.
class Big {
public:
    Big() { mpz_init(value_); }
    explicit Big(const U256& x)
        : Big() {
        mpz_import(value_, 4, -1, sizeof(std::uint64_t), 0, 0, x.limb.data());
    }
    ~Big() { mpz_clear(value_); }
    Big(const Big&) = delete;
    Big& operator=(const Big&) = delete;

    static U256 wrapped(const mpz_t value) {
        mpz_t low;
        mpz_init(low);
        mpz_fdiv_r_2exp(low, value, 256);
        U256 out;
        mpz_export(out.limb.data(), nullptr, -1, sizeof(std::uint64_t), 0, 0, low);
        mpz_clear(low);
        return out;
    }
    U256 wrapped() const { return wrapped(value_); }
    // As a two's complement number.
    static void make_signed(mpz_t value) {
        if (mpz_tstbit(value, 255) == 0) return;
        mpz_t two_256;
        mpz_init(two_256);
        mpz_setbit(two_256, 256);
        mpz_sub(value, value, two_256);
        mpz_clear(two_256);
    }
    mpz_t value_;
};

using Operation = void (*)(mpz_t, const mpz_t, const mpz_t);
U256 by_gmp(Operation operation, const U256& a, const U256& b, bool is_signed = false) {
    Big x(a), y(b), out;
    if (is_signed) {
        Big::make_signed(x.value_);
        Big::make_signed(y.value_);
    }
    operation(out.value_, x.value_, y.value_);
    return out.wrapped();
}

// Limbs at the edges of their range more often than not: what carries and divisions go wrong on.
U256 any_number(Prng& prng) {
    U256 out;
    const auto length = prng.below(5);
    for (std::uint64_t i = 0; i < length; ++i) {
        switch (prng.below(8)) {
        case 0:
            out.limb[i] = 0;
            break;
        case 1:
            out.limb[i] = ~std::uint64_t{0};
            break;
        case 2:
            out.limb[i] = std::uint64_t{1} << prng.below(64);
            break;
        case 3:
            out.limb[i] = (std::uint64_t{1} << prng.below(64)) - 1;
            break;
        case 4:
            out.limb[i] = 0 - prng.below(4);
            break;
        default:
            out.limb[i] = prng.next() >> prng.below(64);
        }
    }
    return out;
}

// Numbers close to each other make the hard quotients.
U256 close_to(const U256& x, Prng& prng) {
    const U256 delta(prng.below(3));
    return prng.below(2) == 0 ? x + delta : x - delta;
}

constexpr int rounds = 200'000;

TEST(Arithmetic, RingOperationsAgainstGmp) {
    Prng prng(1);
    for (int i = 0; i < rounds; ++i) {
        const U256 a = any_number(prng);
        const U256 b = prng.below(8) == 0 ? close_to(a, prng) : any_number(prng);
        ASSERT_EQ(a + b, by_gmp(mpz_add, a, b)) << a.to_decimal() << " + " << b.to_decimal();
        ASSERT_EQ(a - b, by_gmp(mpz_sub, a, b)) << a.to_decimal() << " - " << b.to_decimal();
        ASSERT_EQ(a * b, by_gmp(mpz_mul, a, b)) << a.to_decimal() << " * " << b.to_decimal();
        ASSERT_EQ(a & b, by_gmp(mpz_and, a, b));
        ASSERT_EQ(a | b, by_gmp(mpz_ior, a, b));
        ASSERT_EQ(a ^ b, by_gmp(mpz_xor, a, b));
        ASSERT_EQ(~a, U256() - a - U256(1));
        Big x(a), y(b);
        const int order = mpz_cmp(x.value_, y.value_);
        ASSERT_EQ(a < b, order < 0);
        ASSERT_EQ(a > b, order > 0);
        ASSERT_EQ(a <= b, order <= 0);
        ASSERT_EQ(a >= b, order >= 0);
        ASSERT_EQ(a == b, order == 0);
        ASSERT_EQ(a <=> b, order <=> 0);
        ASSERT_EQ(a.bit_length(), a.is_zero() ? 0 : static_cast<int>(mpz_sizeinbase(x.value_, 2)));
        ASSERT_EQ(clz(a), U256(256 - static_cast<std::uint64_t>(a.bit_length())));
        U256 out;
        mpz_add(x.value_, x.value_, y.value_);
        ASSERT_EQ(add_overflow(a, b, out), mpz_tstbit(x.value_, 256) != 0);
        ASSERT_EQ(sub_overflow(a, b, out), order < 0);
    }
}

TEST(Arithmetic, DivisionsAgainstGmp) {
    Prng prng(2);
    for (int i = 0; i < rounds; ++i) {
        U256 a = any_number(prng);
        const U256 b = prng.below(8) == 0 ? close_to(a, prng) : any_number(prng);
        if (prng.below(4) == 0) a = close_to(a * b, prng);
        // Digits of all ones: the dividend begins as the divisor does.
        if (prng.below(8) == 0) a = close_to(b << static_cast<unsigned>(prng.below(256)), prng);
        if (b.is_zero()) {
            ASSERT_TRUE(div(a, b).is_zero() && mod(a, b).is_zero());
            ASSERT_TRUE(sdiv(a, b).is_zero() && smod(a, b).is_zero());
            continue;
        }
        ASSERT_EQ(div(a, b), by_gmp(mpz_tdiv_q, a, b)) << a.to_decimal() << " / " << b.to_decimal();
        ASSERT_EQ(mod(a, b), by_gmp(mpz_tdiv_r, a, b)) << a.to_decimal() << " % " << b.to_decimal();
        ASSERT_EQ(sdiv(a, b), by_gmp(mpz_tdiv_q, a, b, true)) << a.to_decimal();
        ASSERT_EQ(smod(a, b), by_gmp(mpz_tdiv_r, a, b, true)) << a.to_decimal();
    }
}

TEST(Arithmetic, ModularOperationsAgainstGmp) {
    Prng prng(3);
    for (int i = 0; i < rounds; ++i) {
        const U256 a = any_number(prng);
        const U256 b = prng.below(4) == 0 ? U256(1) << static_cast<unsigned>(prng.below(256))
                                          : any_number(prng);
        const U256 m = prng.below(4) == 0 ? close_to(a, prng) : any_number(prng);
        if (m.is_zero()) {
            ASSERT_TRUE(addmod(a, b, m).is_zero() && mulmod(a, b, m).is_zero());
            continue;
        }
        Big x(a), y(b), z(m), out;
        mpz_add(out.value_, x.value_, y.value_);
        mpz_mod(out.value_, out.value_, z.value_);
        ASSERT_EQ(addmod(a, b, m), out.wrapped())
            << a.to_decimal() << " + " << b.to_decimal() << " mod " << m.to_decimal();
        mpz_mul(out.value_, x.value_, y.value_);
        mpz_mod(out.value_, out.value_, z.value_);
        ASSERT_EQ(mulmod(a, b, m), out.wrapped())
            << a.to_decimal() << " * " << b.to_decimal() << " mod " << m.to_decimal();
    }
}

TEST(Arithmetic, ShiftsAgainstGmp) {
    Prng prng(4);
    for (int i = 0; i < rounds / 4; ++i) {
        const U256 a = any_number(prng);
        const U256 bits = prng.below(8) == 0 ? any_number(prng) : U256(prng.below(300));
        const auto count = bits < U256(256) ? bits.limb[0] : 256;
        Big x(a), out;
        mpz_mul_2exp(out.value_, x.value_, count);
        ASSERT_EQ(shl(bits, a), out.wrapped());
        mpz_fdiv_q_2exp(out.value_, x.value_, count);
        ASSERT_EQ(shr(bits, a), out.wrapped());
        Big::make_signed(x.value_);
        mpz_fdiv_q_2exp(out.value_, x.value_, count);
        ASSERT_EQ(sar(bits, a), out.wrapped());
    }
}

TEST(Arithmetic, PowersAgainstGmp) {
    Prng prng(5);
    for (int i = 0; i < 5000; ++i) {
        const U256 a = prng.below(8) == 0 ? U256(prng.below(4)) : any_number(prng);
        const U256 b = prng.below(2) == 0 ? U256(prng.below(600)) : any_number(prng);
        Big x(a), y(b), modulus, out;
        mpz_setbit(modulus.value_, 256);
        mpz_powm(out.value_, x.value_, y.value_, modulus.value_);
        ASSERT_EQ(exp(a, b), out.wrapped()) << a.to_decimal() << " ^ " << b.to_decimal();
    }
    EXPECT_EQ(exp(U256(), U256()), U256(1));
}

TEST(Arithmetic, BytesAndSigns) {
    Prng prng(6);
    for (int i = 0; i < rounds / 4; ++i) {
        const U256 a = any_number(prng), b = any_number(prng);
        const U256 index = prng.below(8) == 0 ? any_number(prng) : U256(prng.below(34));
        const Hash32 bytes = a.to_be();
        ASSERT_EQ(byte_at(index, a), index < U256(32) ? U256(bytes[index.limb[0]]) : U256());
        ASSERT_EQ(load_be(bytes.data.data()), a);
        Hash32 stored;
        store_be(stored.data.data(), a);
        ASSERT_EQ(stored, bytes);
        Hash32 extended = bytes;
        if (index < U256(31)) {
            const auto sign = 31 - index.limb[0];
            const std::uint8_t fill = (bytes[sign] & 0x80) != 0 ? 0xff : 0;
            for (std::uint64_t j = 0; j < sign; ++j) extended[j] = fill;
        }
        ASSERT_EQ(sign_extend(index, a), U256::from_be(extended.view()));
        Big x(a), y(b);
        Big::make_signed(x.value_);
        Big::make_signed(y.value_);
        ASSERT_EQ(slt(a, b), mpz_cmp(x.value_, y.value_) < 0);
    }
}

} // namespace
} // namespace ol::chain::evm
