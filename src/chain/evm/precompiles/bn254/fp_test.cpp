// The fields of bn254 against GMP and against themselves: each fast form beside its definition.
#include <gmp.h>
#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "chain/evm/precompiles/bn254/fp12.hpp"

namespace ol::chain::evm::bn254 {
namespace {

class Number {
public:
    Number() { mpz_init(value); }
    explicit Number(const Limbs& limbs)
        : Number() {
        mpz_import(value, 4, -1, 8, 0, 0, limbs.data());
    }
    ~Number() { mpz_clear(value); }
    Number(const Number&) = delete;
    Number& operator=(const Number&) = delete;
    Limbs limbs() const {
        Limbs out{};
        mpz_export(out.data(), nullptr, -1, 8, 0, 0, value);
        return out;
    }
    mpz_t value;
};

Limbs number_of(const Fp& a) { return (a * Fp(Limbs{1, 0, 0, 0})).limb; }

// Below p; now and then next to zero, p or a power of 2^64.
Limbs some_number(Prng& prng) {
    Limbs out{prng.next(), prng.next(), prng.next(), prng.next()};
    const std::uint64_t kind = prng.below(12);
    if (kind == 0) out = {prng.below(3), 0, 0, 0};
    if (kind == 1) out = {modulus[0] - 1 - prng.below(3), modulus[1], modulus[2], modulus[3]};
    if (kind == 2) out[prng.below(4)] = 0;
    if (kind == 3) out[prng.below(4)] = ~std::uint64_t{0};
    Number n(out);
    const Number p(modulus);
    mpz_mod(n.value, n.value, p.value);
    return n.limbs();
}

TEST(Bn254Fp, AgreesWithGmp) {
    Prng prng(1);
    const Number p(modulus);
    for (int i = 0; i < 5000; ++i) {
        const Limbs x = some_number(prng), y = some_number(prng);
        const Fp a = Fp::of(x), b = Fp::of(y);
        ASSERT_EQ(number_of(a), x);
        Number e, nx(x), ny(y);
        mpz_add(e.value, nx.value, ny.value);
        mpz_mod(e.value, e.value, p.value);
        EXPECT_EQ(number_of(a + b), e.limbs());
        mpz_sub(e.value, nx.value, ny.value);
        mpz_mod(e.value, e.value, p.value);
        EXPECT_EQ(number_of(a - b), e.limbs());
        mpz_neg(e.value, nx.value);
        mpz_mod(e.value, e.value, p.value);
        EXPECT_EQ(number_of(-a), e.limbs());
        mpz_mul(e.value, nx.value, ny.value);
        mpz_mod(e.value, e.value, p.value);
        EXPECT_EQ(number_of(a * b), e.limbs());
        if (mpz_invert(e.value, nx.value, p.value) != 0) {
            EXPECT_EQ(number_of(a.inverse()), e.limbs());
        } else {
            EXPECT_TRUE(a.inverse().is_zero());
        }
    }
}

// The processor's form and the portable one, with sums up to 2p where they are allowed.
TEST(Bn254Fp, TwinsAgree) {
    Prng prng(2);
    const auto value = [&] { return Fp(some_number(prng)); };
    for (int i = 0; i < 5000; ++i) {
        const Fp a = value(), b = value(), c = value(), d = value();
        const Fp ab = lazy_add(a, b), cd = lazy_add(c, d);
        EXPECT_EQ(ab.limb, detail::plain_add(a.limb, b.limb));
        EXPECT_EQ((ab * cd).limb, detail::portable_multiply(ab.limb, cd.limb));
        EXPECT_EQ(ab * cd, (a + b) * (c + d));
        EXPECT_EQ(multiply_sum(ab, c, cd, d).limb,
                  detail::portable_multiply_sum(ab.limb, c.limb, cd.limb, d.limb));
        EXPECT_EQ(multiply_sum(ab, c, cd, d), (a + b) * c + (c + d) * d);
        EXPECT_EQ(lazy_negate(a) * b, -(a * b));
    }
    // The largest sums of all.
    const Fp most(Limbs{modulus[0] - 1, modulus[1], modulus[2], modulus[3]});
    const Fp twice_most = lazy_add(most, most);
    EXPECT_EQ(twice_most * twice_most, (most + most) * (most + most));
    EXPECT_EQ(multiply_sum(twice_most, most, most, twice_most),
              (most + most) * most + most * (most + most));
}

TEST(Bn254Fp, ReadsWhatIsBelowThePrime) {
    std::uint8_t bytes[32], back[32];
    const auto put = [&](const Limbs& limbs) {
        for (int i = 0; i < 4; ++i) put_be64(bytes + 8 * i, limbs[3 - i]);
    };
    Prng prng(3);
    for (int i = 0; i < 1000; ++i) {
        put(some_number(prng));
        const auto read = Fp::from_be(bytes);
        ASSERT_TRUE(read);
        read->to_be(back);
        EXPECT_EQ(std::memcmp(bytes, back, 32), 0);
    }
    put({modulus[0] - 1, modulus[1], modulus[2], modulus[3]});
    EXPECT_EQ(Fp::from_be(bytes), -fp_one);
    for (const std::uint64_t above : {0, 1, 7}) {
        put({modulus[0] + above, modulus[1], modulus[2], modulus[3]});
        EXPECT_FALSE(Fp::from_be(bytes));
    }
    std::memset(bytes, 0xff, sizeof bytes);
    EXPECT_FALSE(Fp::from_be(bytes));
}

Fp2 some_fp2(Prng& prng) { return {Fp(some_number(prng)), Fp(some_number(prng))}; }
Fp6 some_fp6(Prng& prng) { return {some_fp2(prng), some_fp2(prng), some_fp2(prng)}; }
Fp12 some_fp12(Prng& prng) { return {some_fp6(prng), some_fp6(prng)}; }

// a^e by squaring and multiplying.
Fp12 power_of(const Fp12& a, const Limbs& exponent) {
    Fp12 out = fp12_one;
    for (int bit = 255; bit >= 0; --bit) {
        out = out * out;
        if ((exponent[bit / 64] >> (bit % 64) & 1) != 0) out = out * a;
    }
    return out;
}

TEST(Bn254Tower, Fp2ByItsDefinition) {
    Prng prng(4);
    for (int i = 0; i < 2000; ++i) {
        const Fp2 a = some_fp2(prng), b = some_fp2(prng), c = some_fp2(prng);
        const Fp2 product{a.c0 * b.c0 - a.c1 * b.c1, a.c0 * b.c1 + a.c1 * b.c0};
        EXPECT_EQ(a * b, product);
        EXPECT_EQ(lazy_add(a, c) * b, (a + c) * b);
        EXPECT_EQ(square(a), a * a);
        EXPECT_EQ(multiply_by_xi(a), a * xi);
        if (!a.is_zero()) {
            EXPECT_EQ(a * a.inverse(), fp2_one);
        }
    }
    EXPECT_EQ(twist_b * xi, (Fp2{Fp::of(3), Fp()}));
}

TEST(Bn254Tower, TheTowerIsWhatItSays) {
    Fp12 w{};
    w.c1.c0 = fp2_one;
    Fp12 v{};
    v.c0.c1 = fp2_one;
    Fp12 xi_above{};
    xi_above.c0.c0 = xi;
    EXPECT_EQ(w * w, v);
    EXPECT_EQ(v * v * v, xi_above);
    EXPECT_EQ(power_of(w, {6, 0, 0, 0}), xi_above);
}

TEST(Bn254Tower, RingLawsAndInverses) {
    Prng prng(5);
    for (int i = 0; i < 200; ++i) {
        const Fp12 a = some_fp12(prng), b = some_fp12(prng), c = some_fp12(prng);
        EXPECT_EQ(a * b, b * a);
        EXPECT_EQ((a * b) * c, a * (b * c));
        EXPECT_EQ(square(a), a * a);
        EXPECT_EQ(a * a.inverse(), fp12_one);
        EXPECT_EQ(a.c0 * a.c0.inverse(), (Fp6{fp2_one, {}, {}}));
        EXPECT_EQ(a * fp12_one, a);
    }
}

TEST(Bn254Tower, FrobeniusIsThePower) {
    Prng prng(6);
    for (int i = 0; i < 3; ++i) {
        const Fp12 a = some_fp12(prng);
        const Fp12 once = power_of(a, modulus);
        const Fp12 two = power_of(once, modulus);
        EXPECT_EQ(a.frobenius(), once);
        EXPECT_EQ(a.frobenius_2(), two);
        EXPECT_EQ(a.frobenius_3(), power_of(two, modulus));
        EXPECT_EQ(a.conjugate(), a.frobenius_3().frobenius_3());
    }
}

TEST(Bn254Tower, CyclotomicSquares) {
    Prng prng(7);
    for (int i = 0; i < 50; ++i) {
        // a^((p^6 - 1)(p^2 + 1)) is in the subgroup.
        const Fp12 a = some_fp12(prng);
        const Fp12 m = a.conjugate() * a.inverse();
        const Fp12 in_group = m.frobenius_2() * m;
        EXPECT_EQ(cyclotomic_square(in_group), in_group * in_group);
        EXPECT_EQ(in_group * in_group.conjugate(), fp12_one);
    }
}

TEST(Bn254Tower, Lines) {
    Prng prng(8);
    const auto whole = [](const Line& line) {
        Fp12 out{};
        out.c0.c0 = line.c0;
        out.c1.c0 = line.c3;
        out.c1.c1 = line.c4;
        return out;
    };
    for (int i = 0; i < 200; ++i) {
        const Fp12 a = some_fp12(prng);
        const Line first{some_fp2(prng), some_fp2(prng), some_fp2(prng)};
        const Line second{some_fp2(prng), some_fp2(prng), some_fp2(prng)};
        EXPECT_EQ(multiply_by_line(a, first), a * whole(first));
        EXPECT_EQ(multiply_by_lines(a, first, second), a * whole(first) * whole(second));
    }
}

} // namespace
} // namespace ol::chain::evm::bn254
