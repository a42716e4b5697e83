// Modular exponentiation against square-and-multiply, its prices against the texts of the EIPs.
#include <gmp.h>
#include <gtest/gtest.h>

#include "chain/evm/precompiles/examples_for_tests.hpp"

namespace ol::chain::evm {
namespace {

using examples::call;
using examples::join;
using examples::modexp;
using examples::plenty_of_gas;
using examples::word;

class Number {
public:
    explicit Number(const Bytes& bytes) {
        mpz_init(value);
        mpz_import(value, bytes.size(), 1, 1, 1, 0, bytes.data());
    }
    ~Number() { mpz_clear(value); }
    Number(const Number&) = delete;
    Number& operator=(const Number&) = delete;
    Bytes bytes(std::size_t size) const {
        Bytes out(size);
        const std::size_t used = mpz_sgn(value) == 0 ? 0 : (mpz_sizeinbase(value, 2) + 7) / 8;
        mpz_export(out.data() + size - used, nullptr, 1, 1, 1, 0, value);
        return out;
    }
    mpz_t value;
};

Bytes naive(const Bytes& base, const Bytes& exponent, const Bytes& modulus) {
    Number b(base), m(modulus), out(Bytes{1});
    if (mpz_sgn(m.value) == 0) return Bytes(modulus.size());
    mpz_mod(out.value, out.value, m.value);
    for (const std::uint8_t byte : exponent) {
        for (int bit = 7; bit >= 0; --bit) {
            mpz_mul(out.value, out.value, out.value);
            if ((byte >> bit & 1) != 0) mpz_mul(out.value, out.value, b.value);
            mpz_mod(out.value, out.value, m.value);
        }
    }
    return out.bytes(modulus.size());
}

TEST(Modexp, SquareAndMultiply) {
    Prng prng(1);
    for (int i = 0; i < 400; ++i) {
        const std::size_t longest = i % 10 == 0 ? 150 : 40;
        Bytes base = examples::random_bytes(prng.below(longest), prng.next());
        Bytes exponent = examples::random_bytes(prng.below(40), prng.next());
        Bytes modulus = examples::random_bytes(1 + prng.below(longest), prng.next());
        if (i % 3 == 0) modulus.back() &= 0xf0; // even
        if (i % 7 == 0) std::fill(modulus.begin(), modulus.end() - 1, 0);
        if (i % 11 == 0) std::fill(base.begin(), base.end(), 0);
        if (i % 13 == 0) std::fill(exponent.begin(), exponent.end(), 0);
        EXPECT_EQ(call(0x05, modexp(base, exponent, modulus)), naive(base, exponent, modulus)) << i;
    }
}

TEST(Modexp, SmallNumbersAllOfThem) {
    for (std::uint8_t base = 0; base < 9; ++base) {
        for (std::uint8_t exponent = 0; exponent < 9; ++exponent) {
            for (std::uint8_t modulus = 0; modulus < 9; ++modulus) {
                EXPECT_EQ(call(0x05, modexp({base}, {exponent}, {modulus})),
                          naive({base}, {exponent}, {modulus}));
            }
        }
    }
}

TEST(Modexp, WhatIsMissingIsZero) {
    const Rules byzantium{.fork = Fork::byzantium};
    const Bytes whole = modexp(examples::random_bytes(20, 1), examples::random_bytes(70, 2),
                               examples::random_bytes(33, 3));
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        Bytes filled = cut;
        filled.resize(std::max<std::size_t>(96, whole.size()));
        const auto a = run_precompile(0x05, byzantium, cut, plenty_of_gas);
        const auto b = run_precompile(0x05, byzantium, filled, plenty_of_gas);
        EXPECT_TRUE(a.succeeded && b.succeeded) << size;
        EXPECT_EQ(a.output, b.output) << size;
        EXPECT_EQ(a.gas_used, b.gas_used) << size;
    }
}

// The zeros that follow the input belong to the exponent when its length says so, and the modulus
// behind them is zero; with an exponent that is not the last held operand they are held.
TEST(Modexp, LongExponentsOfZeros) {
    const Rules berlin{.fork = Fork::berlin};
    // 3^(2 * 256^9999) mod 1000003, the modulus in its place after the zeros.
    Bytes exponent(10'000);
    exponent[0] = 2;
    const Bytes modulus{0x0f, 0x42, 0x43};
    EXPECT_EQ(run_precompile(0x05, berlin, modexp({3}, exponent, modulus), plenty_of_gas).output,
              naive({3}, exponent, modulus));
    // The same input without its end: the modulus is zero.
    Bytes cut = modexp({3}, exponent, modulus);
    cut.resize(98);
    EXPECT_EQ(run_precompile(0x05, berlin, cut, plenty_of_gas).output, Bytes(3));
}

TEST(Modexp, NoModulusNoOutput) {
    const Rules berlin{.fork = Fork::berlin};
    EXPECT_TRUE(call(0x05, {}).empty());
    EXPECT_TRUE(call(0x05, join(word(5), word(5), word(0))).empty());
    // Lengths that nobody could hold, with nothing to compute (EIP-198's fourth example is one that
    // nobody can pay).
    const Bytes huge(32, 0xff);
    const auto free =
        run_precompile(0x05, berlin, join(word(0), word(1ULL << 50), word(0)), 1ULL << 40);
    EXPECT_TRUE(free.succeeded);
    EXPECT_EQ(free.gas_used, 200u);
    for (const Bytes& lengths : {join(huge, word(1), word(1)), join(word(1), huge, word(1)),
                                 join(word(1), word(1), huge), join(huge, huge, huge)}) {
        for (const Fork fork : {Fork::byzantium, Fork::berlin, Fork::osaka}) {
            EXPECT_FALSE(run_precompile(0x05, {.fork = fork}, lengths, ~0ULL).succeeded);
        }
    }
    // Affordable only to who pays nothing: refused before memory is taken.
    const Bytes large = join(word(1ULL << 30), word(1), word(1));
    EXPECT_FALSE(run_precompile(0x05, berlin, large, ~0ULL - 1).succeeded);
}

TEST(Modexp, OsakaLimitsLengths) {
    const Rules prague{.fork = Fork::prague}, osaka{.fork = Fork::osaka};
    for (int operand = 0; operand < 3; ++operand) {
        std::size_t sizes[3] = {1, 1, 1};
        for (const std::size_t size : {1024, 1025}) {
            sizes[operand] = size;
            const Bytes input = modexp(Bytes(sizes[0], 1), Bytes(sizes[1], 1), Bytes(sizes[2], 3));
            EXPECT_TRUE(run_precompile(0x05, prague, input, plenty_of_gas).succeeded);
            EXPECT_EQ(run_precompile(0x05, osaka, input, plenty_of_gas).succeeded, size == 1024);
        }
    }
}

// The formulas as the EIPs write them, in integers without limit.
Bytes specified_gas(Fork fork, std::size_t base, const Bytes& exponent, std::size_t modulus) {
    const std::size_t size = std::max(base, modulus);
    Number complexity({}), out({});
    const auto square = [&](std::size_t x) {
        mpz_set_ui(complexity.value, x);
        mpz_mul_ui(complexity.value, complexity.value, x);
    };
    if (fork < Fork::berlin) {
        square(size);
        if (size > 1024) {
            mpz_fdiv_q_ui(complexity.value, complexity.value, 16);
            mpz_add_ui(complexity.value, complexity.value, 480 * size - 199'680);
        } else if (size > 64) {
            mpz_fdiv_q_ui(complexity.value, complexity.value, 4);
            mpz_add_ui(complexity.value, complexity.value, 96 * size - 3072);
        }
    } else {
        square((size + 7) / 8);
        if (fork >= Fork::osaka) mpz_mul_ui(complexity.value, complexity.value, 2);
        if (fork >= Fork::osaka && size <= 32) mpz_set_ui(complexity.value, 16);
    }
    const Number head(Bytes(exponent.begin(),
                            exponent.begin() + static_cast<std::ptrdiff_t>(
                                                   std::min<std::size_t>(32, exponent.size()))));
    std::size_t count = mpz_sgn(head.value) == 0 ? 0 : mpz_sizeinbase(head.value, 2) - 1;
    if (exponent.size() > 32) count += (exponent.size() - 32) * (fork >= Fork::osaka ? 16 : 8);
    mpz_mul_ui(out.value, complexity.value, std::max<std::size_t>(count, 1));
    mpz_fdiv_q_ui(out.value, out.value, fork < Fork::berlin ? 20 : fork < Fork::osaka ? 3 : 1);
    const unsigned least = fork < Fork::berlin ? 0 : fork < Fork::osaka ? 200 : 500;
    if (mpz_cmp_ui(out.value, least) < 0) mpz_set_ui(out.value, least);
    return out.bytes(32);
}

TEST(Modexp, PricesOfThreeForks) {
    Prng prng(7);
    for (int i = 0; i < 300; ++i) {
        const std::size_t longest = i % 4 == 0 ? 1024 : 80;
        const std::size_t base = prng.below(longest), modulus = prng.below(longest);
        Bytes exponent = examples::random_bytes(prng.below(80), prng.next());
        if (i % 5 == 0) std::fill(exponent.begin(), exponent.end(), 0);
        if (i % 6 == 0 && !exponent.empty()) exponent[0] = 0;
        const Bytes input = modexp(Bytes(base), exponent, Bytes(modulus));
        for (const Fork fork :
             {Fork::byzantium, Fork::istanbul, Fork::berlin, Fork::prague, Fork::osaka}) {
            const auto result = run_precompile(0x05, {.fork = fork}, input, plenty_of_gas);
            ASSERT_TRUE(result.succeeded);
            EXPECT_EQ(word(result.gas_used), specified_gas(fork, base, exponent, modulus))
                << to_string(fork) << " " << base << " " << exponent.size() << " " << modulus;
        }
    }
    // Beyond 1024 bytes, where Osaka refuses.
    for (const std::size_t size : {1025, 2000, 5000}) {
        const Bytes input = modexp(Bytes(size), Bytes{5}, Bytes(1));
        for (const Fork fork : {Fork::byzantium, Fork::berlin}) {
            const auto result = run_precompile(0x05, {.fork = fork}, input, plenty_of_gas);
            EXPECT_EQ(word(result.gas_used), specified_gas(fork, size, Bytes{5}, 1));
        }
    }
}

// The two examples of EIP-198: Fermat's theorem for secp256k1's prime, and a base of zero.
TEST(Modexp, ExamplesOfEip198) {
    const Bytes less_one =
        examples::hex("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e");
    const Bytes prime =
        examples::hex("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f");
    const auto fermat = run_precompile(0x05, {.fork = Fork::byzantium},
                                       modexp({3}, less_one, prime), plenty_of_gas);
    EXPECT_EQ(fermat.output, word(1));
    EXPECT_EQ(fermat.gas_used, 13'056u);
    EXPECT_EQ(call(0x05, modexp({}, less_one, prime)), word(0));
}

} // namespace
} // namespace ol::chain::evm
