// The groups and the pairing of bn254: group laws, multiplication and subgroup checks against their
// naive forms, bilinearity through the precompile.
#include <gmp.h>
#include <gtest/gtest.h>

#include <optional>

#include "chain/evm/precompiles/bn254/fp12.hpp"
#include "chain/evm/precompiles/bn254/pairing.hpp"
#include "chain/evm/precompiles/examples_for_tests.hpp"

namespace ol::chain::evm::bn254 {
namespace {

using examples::call;
using examples::hex;
using examples::join;
using examples::plenty_of_gas;
using examples::word;

const char* const prime_text = "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47";
const char* const order_text = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";

class Integer {
public:
    Integer() { mpz_init(value); }
    explicit Integer(const char* text)
        : Integer() {
        mpz_set_str(value, text, 16);
    }
    explicit Integer(std::uint64_t number)
        : Integer() {
        mpz_set_ui(value, number);
    }
    Integer(const Integer& other)
        : Integer() {
        mpz_set(value, other.value);
    }
    Integer& operator=(const Integer& other) {
        mpz_set(value, other.value);
        return *this;
    }
    ~Integer() { mpz_clear(value); }

    friend Integer operator+(const Integer& a, const Integer& b) { return with(mpz_add, a, b); }
    friend Integer operator-(const Integer& a, const Integer& b) { return with(mpz_sub, a, b); }
    friend Integer operator*(const Integer& a, const Integer& b) { return with(mpz_mul, a, b); }
    friend Integer operator%(const Integer& a, const Integer& b) { return with(mpz_mod, a, b); }
    friend Integer gcd(const Integer& a, const Integer& b) { return with(mpz_gcd, a, b); }
    friend bool operator==(const Integer& a, const Integer& b) {
        return mpz_cmp(a.value, b.value) == 0;
    }
    bool bit(std::size_t at) const { return mpz_tstbit(value, at) != 0; }
    std::size_t bits() const { return mpz_sizeinbase(value, 2); }
    Bytes bytes() const { // 32, big endian, modulo 2^256
        Bytes out(32);
        for (std::size_t i = 0; i < 256; ++i) {
            if (bit(i)) out[31 - i / 8] |= static_cast<std::uint8_t>(1 << (i % 8));
        }
        return out;
    }
    mpz_t value;

private:
    static Integer with(void (*function)(mpz_ptr, mpz_srcptr, mpz_srcptr), const Integer& a,
                        const Integer& b) {
        Integer out;
        function(out.value, a.value, b.value);
        return out;
    }
};

Integer random_integer(Prng& prng, std::size_t limbs = 4) {
    Integer out;
    for (std::size_t i = 0; i < limbs; ++i) {
        mpz_mul_2exp(out.value, out.value, 64);
        mpz_add_ui(out.value, out.value, prng.next());
    }
    return out;
}

// Double and add.
template <class F>
AffinePoint<F> naive_multiply(const AffinePoint<F>& p, const Integer& scalar) {
    JacobianPoint<F> sum{};
    for (std::size_t i = scalar.bits(); i-- > 0;) {
        sum = twice(sum);
        if (scalar.bit(i)) sum = add(sum, p);
    }
    return sum.to_affine();
}

G1Affine g1_generator() { return {Fp::of(1), Fp::of(2)}; }
G2Affine g2_generator() {
    const Bytes bytes = examples::bn254_g2_generator();
    const auto fp = [&](int i) { return *Fp::from_be(bytes.data() + 32 * i); };
    return {{fp(1), fp(0)}, {fp(3), fp(2)}};
}
Bytes to_bytes(const G1Affine& p) {
    Bytes out(64);
    p.x.to_be(out.data());
    p.y.to_be(out.data() + 32);
    return out;
}
Bytes to_bytes(const G2Affine& p) {
    Bytes out(128);
    p.x.c1.to_be(out.data());
    p.x.c0.to_be(out.data() + 32);
    p.y.c1.to_be(out.data() + 64);
    p.y.c0.to_be(out.data() + 96);
    return out;
}

bool fails(std::uint16_t number, const Bytes& input) {
    return !run_precompile(number, examples::newest, input, plenty_of_gas).succeeded;
}

TEST(Bn254Curve, MultiplicationIsRepeatedAddition) {
    const Integer order(order_text);
    Prng prng(1);
    std::vector<Integer> scalars;
    for (std::uint64_t i = 0; i < 40; ++i) scalars.emplace_back(i);
    for (std::uint64_t i = 0; i < 5; ++i) {
        scalars.push_back(order + Integer(i));
        scalars.push_back(order - Integer(i));
        scalars.push_back(order * Integer(5) + Integer(i));
    }
    for (std::size_t bit = 0; bit < 256; bit += 3) {
        Integer power(1);
        mpz_mul_2exp(power.value, power.value, bit);
        scalars.push_back(power);
        scalars.push_back(power - Integer(1));
    }
    // The endomorphism's eigenvalue and its neighbours, where a half is zero.
    const Integer lambda("b3c4d79d41a917585bfc41088d8daaa78b17ea66b99c90dd");
    EXPECT_EQ((lambda * lambda + lambda + Integer(1)) % order, Integer());
    for (std::uint64_t i = 0; i < 3; ++i) {
        scalars.push_back(lambda + Integer(i));
        scalars.push_back(lambda * Integer(i + 2));
        scalars.push_back(order - lambda * Integer(i + 1));
    }
    for (int i = 0; i < 200; ++i) scalars.push_back(random_integer(prng));
    const G1Affine p = naive_multiply(g1_generator(), Integer(987654321));
    for (const auto& scalar : scalars) {
        const Bytes bytes = scalar.bytes();
        EXPECT_EQ(multiply(p, bytes.data()), naive_multiply(p, scalar % order)) << to_hex(bytes);
    }
    EXPECT_TRUE(multiply(G1Affine{}, Bytes(32, 7).data()).is_infinity());
    EXPECT_EQ(
        call(0x07, join(word(1), word(2), Bytes(32, 0xff))),
        to_bytes(naive_multiply(g1_generator(), Integer(std::string(64, 'f').c_str()) % order)));
}

TEST(Bn254Curve, GroupLaws) {
    Prng prng(2);
    const Bytes zero(64);
    for (int i = 0; i < 30; ++i) {
        const Bytes a = examples::bn254_g1(prng.next()), b = examples::bn254_g1(prng.next());
        const Bytes c = examples::bn254_g1(prng.next());
        const auto sum = [](const Bytes& x, const Bytes& y) { return call(0x06, join(x, y)); };
        EXPECT_EQ(sum(a, b), sum(b, a));
        EXPECT_EQ(sum(sum(a, b), c), sum(a, sum(b, c)));
        EXPECT_EQ(sum(a, zero), a);
        EXPECT_EQ(sum(zero, a), a);
        EXPECT_EQ(sum(a, examples::bn254_negated(a)), zero);
        EXPECT_EQ(sum(a, a), call(0x07, join(a, word(2))));
        EXPECT_EQ(sum(sum(a, a), a), call(0x07, join(a, word(3))));
    }
    EXPECT_EQ(call(0x06, {}), zero);
    EXPECT_EQ(call(0x07, {}), zero);
    // What is missing is zero, what is more is ignored.
    const Bytes a = examples::bn254_g1(5);
    EXPECT_EQ(call(0x06, a), a);
    EXPECT_EQ(call(0x06, join(a, zero, Bytes(9, 0xff))), a);
    EXPECT_EQ(call(0x07, a), zero);
    EXPECT_EQ(call(0x07, join(a, word(1), Bytes(9, 0xff))), a);
}

// 2 G, as published with EIP-196's first implementations.
TEST(Bn254Curve, TwiceTheGenerator) {
    EXPECT_EQ(to_hex(call(0x06, join(word(1), word(2), word(1), word(2)))),
              "030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd3"
              "15ed738c0e0a7c92e7845f96b2ae9c0a68a6a449e3538fc7ff3ebf7a5a18a2c4");
}

TEST(Bn254Curve, RefusesOtherPoints) {
    const Bytes prime = hex(prime_text);
    EXPECT_TRUE(fails(0x06, join(word(1), word(1))));
    EXPECT_TRUE(fails(0x06, join(word(1), word(2), word(0), word(1))));
    EXPECT_TRUE(fails(0x06, join(prime, word(0)))); // infinity, but not as it is written
    EXPECT_TRUE(fails(0x07, join(word(1), word(3), word(9))));
    EXPECT_TRUE(fails(0x07, join((Integer(prime_text) + Integer(1)).bytes(), word(2), word(0))));
    EXPECT_TRUE(fails(0x07, join(word(1), (Integer(prime_text) + Integer(2)).bytes(), word(0))));
}

// A square root in Fp2 for p = 3 modulo 4 (Adj and Rodriguez-Henriquez, 2012), if there is one.
std::optional<Fp2> square_root(const Fp2& a) {
    const Limbs quarter = [] { // (p - 3) / 4
        Limbs out = modulus;
        for (int i = 0; i < 4; ++i) out[i] = modulus[i] >> 2 | (i < 3 ? modulus[i + 1] << 62 : 0);
        return out;
    }();
    const Fp2 a1 = power(a, quarter, fp2_one);
    const Fp2 alpha = a1 * a1 * a;
    const Fp2 x0 = a1 * a;
    Fp2 root{-x0.c1, x0.c0};
    if (!(alpha == -fp2_one)) {
        root = power(alpha + fp2_one, detail::prime_less_one_over(2), fp2_one) * x0;
    }
    if (!(root * root == a)) return std::nullopt;
    return root;
}

// Any point of the twist.
G2Affine twist_point(Prng& prng) {
    for (;;) {
        const Fp2 x{Fp::of(Limbs{prng.next(), prng.next(), prng.next(), prng.next() >> 3}),
                    Fp::of(Limbs{prng.next(), prng.next(), prng.next(), prng.next() >> 3})};
        const auto y = square_root(square(x) * x + twist_b);
        if (y) return {x, *y};
    }
}

TEST(Bn254Subgroup, AgreesWithTheOrder) {
    const Integer prime(prime_text), order(order_text);
    const Integer cofactor = prime + prime - order;
    Integer small_cofactor;
    EXPECT_EQ(mpz_divisible_ui_p(cofactor.value, 10069), 1);
    mpz_divexact_ui(small_cofactor.value, cofactor.value, 10069);
    Prng prng(3);
    for (int i = 0; i < 10; ++i) {
        const G2Affine any = twist_point(prng);
        ASSERT_TRUE(on_twist(any));
        EXPECT_FALSE(in_subgroup(any));
        EXPECT_FALSE(naive_multiply(any, order).is_infinity());
        const G2Affine inside = naive_multiply(any, cofactor);
        EXPECT_TRUE(on_twist(inside));
        EXPECT_TRUE(in_subgroup(inside));
        EXPECT_TRUE(naive_multiply(inside, order).is_infinity());
        // Of order 10069, and that moved by a point of the subgroup.
        const G2Affine small = naive_multiply(naive_multiply(any, order), small_cofactor);
        ASSERT_FALSE(small.is_infinity());
        EXPECT_FALSE(in_subgroup(small));
        EXPECT_FALSE(in_subgroup(add(to_jacobian(inside), small).to_affine()));
        // The endomorphism of the check is multiplication by p there.
        EXPECT_EQ(frobenius(inside), naive_multiply(inside, prime % order));
    }
    EXPECT_TRUE(in_subgroup(g2_generator()));
}

// The proof of the check in whole numbers. psi^2 - t psi + p = 0, so f(psi) = a + b psi, which
// times its conjugate a + b (t - psi) is the norm a^2 + a b t + b^2 p: what f(psi) takes to
// infinity, so does gcd(norm, order of the twist), which is r.
TEST(Bn254Subgroup, TheCheckIsExact) {
    const Integer p(prime_text), r(order_text), u(curve_u);
    const Integer t = p + Integer(1) - r;
    // f = (u + 1) + u X + u X^2 - 2u X^3, by X^2 = t X - p from the top.
    Integer f[4] = {u + Integer(1), u, u, Integer() - (u + u)};
    for (int top = 3; top >= 2; --top) {
        f[top - 1] = f[top - 1] + f[top] * t;
        f[top - 2] = f[top - 2] - f[top] * p;
    }
    const Integer norm = f[0] * f[0] + f[0] * f[1] * t + f[1] * f[1] * p;
    const Integer twist_order = r * (p + p - r);
    EXPECT_EQ(gcd(norm, twist_order), r);
}

// e(a P, b Q) = e(P, Q)^(a b): the product of e(a P, b Q) and e(-ab P, Q) is one.
TEST(Bn254Pairing, IsBilinear) {
    const Integer order(order_text);
    const Bytes yes = word(1), no = word(0);
    Prng prng(4);
    for (int i = 0; i < 8; ++i) {
        const Integer a = random_integer(prng) % order, b = random_integer(prng) % order;
        const Integer minus_ab = order - a * b % order;
        const auto times = [](const Integer& k) {
            return to_bytes(naive_multiply(g1_generator(), k));
        };
        const Bytes bq = to_bytes(naive_multiply(g2_generator(), b));
        const Bytes q = examples::bn254_g2_generator();
        EXPECT_EQ(call(0x08, join(times(a), bq, times(minus_ab), q)), yes);
        EXPECT_EQ(call(0x08, join(times(minus_ab), q, times(a), bq)), yes);
        EXPECT_EQ(call(0x08, join(times(a + Integer(1)), bq, times(minus_ab), q)), no);
        // Three pairs, and pairs of infinity between them.
        const Integer c = random_integer(prng) % order;
        const Integer rest = order + order - (a * b + c) % order;
        const Bytes three = join(times(a), bq, Bytes(192), times(c), q, times(rest), q);
        EXPECT_EQ(call(0x08, three), yes);
        EXPECT_EQ(call(0x08, join(three, Bytes(64), q, times(a), Bytes(128))), yes);
        EXPECT_EQ(call(0x08, join(three, times(Integer(1)), q)), no);
    }
}

TEST(Bn254Pairing, NoPairsAndPairsOfInfinityAreOne) {
    EXPECT_EQ(call(0x08, {}), word(1));
    EXPECT_EQ(call(0x08, Bytes(192)), word(1));
    EXPECT_EQ(call(0x08, join(Bytes(64), examples::bn254_g2_generator())), word(1));
    EXPECT_EQ(call(0x08, join(word(1), word(2), Bytes(128))), word(1));
    EXPECT_EQ(call(0x08, join(word(1), word(2), examples::bn254_g2_generator())), word(0));
    for (std::size_t count = 1; count < 12; ++count) {
        EXPECT_EQ(call(0x08, examples::bn254_pairs(count)), word(count % 2 == 0 ? 1 : 0)) << count;
    }
}

TEST(Bn254Pairing, RefusesOtherInput) {
    const Bytes good = examples::bn254_pairs(2);
    for (const std::size_t size : {1, 64, 191, 193, 383}) {
        Bytes other = good;
        other.resize(size);
        EXPECT_TRUE(fails(0x08, other)) << size;
    }
    // Any flipped bit leaves a curve or its field (the y of a point could be the other one's, but
    // not by one bit).
    Prng prng(5);
    for (int i = 0; i < 100; ++i) {
        Bytes bad = good;
        bad[prng.below(bad.size())] ^= static_cast<std::uint8_t>(1 << prng.below(8));
        EXPECT_TRUE(fails(0x08, bad));
    }
    // On the twist, but not in the subgroup: also beside a point at infinity.
    const Bytes outside = to_bytes(twist_point(prng));
    EXPECT_TRUE(fails(0x08, join(word(1), word(2), outside)));
    EXPECT_TRUE(fails(0x08, join(Bytes(64), outside)));
    EXPECT_TRUE(fails(0x08, join(good, Bytes(64), outside)));
    // Coordinates of p and above, of a point that would be right modulo p.
    const Bytes q = examples::bn254_g2_generator();
    for (int i = 0; i < 4; ++i) {
        Integer coordinate;
        mpz_import(coordinate.value, 32, 1, 1, 1, 0, q.data() + 32 * i);
        const Bytes above = (coordinate + Integer(prime_text)).bytes();
        Bytes bad = q;
        std::copy(above.begin(), above.end(), bad.begin() + 32 * i);
        EXPECT_TRUE(fails(0x08, join(word(1), word(2), bad)));
    }
}

} // namespace
} // namespace ol::chain::evm::bn254
