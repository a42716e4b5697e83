#include "crypto/scrypt.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace ol::crypto {
namespace {

std::string derive(std::string_view password, std::string_view salt, const ScryptCost& cost,
                   bool by_definition) {
    Bytes out(64);
    if (by_definition) {
        scrypt_by_definition(password, as_bytes(salt), cost, out);
    } else {
        EXPECT_TRUE(scrypt(password, as_bytes(salt), cost, out).has_value());
    }
    return to_hex(out);
}

// RFC 7914, section 12 (without the vector of 1 GiB). The first has r = 1.
TEST(Scrypt, rfc7914_vectors) {
    for (const bool by_definition : {false, true}) {
        EXPECT_EQ(derive("", "", {16, 1, 1}, by_definition),
                  "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                  "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
        EXPECT_EQ(derive("password", "NaCl", {1024, 8, 16}, by_definition),
                  "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                  "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
        EXPECT_EQ(derive("pleaseletmein", "SodiumChloride", {16384, 8, 1}, by_definition),
                  "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                  "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
    }
}

TEST(Scrypt, the_definition_agrees_with_openssl) {
    Prng prng(4);
    for (int i = 0; i < 60; ++i) {
        const ScryptCost cost{2ULL << prng.below(8), static_cast<std::uint32_t>(1 + prng.below(9)),
                              static_cast<std::uint32_t>(1 + prng.below(4))};
        const std::string password(prng.below(90), static_cast<char>('a' + i % 26));
        const std::string salt(prng.below(40), static_cast<char>(i));
        ASSERT_EQ(derive(password, salt, cost, true), derive(password, salt, cost, false))
            << cost.n << " " << cost.r << " " << cost.p;
    }
}

TEST(Scrypt, hostile_costs_are_refused_before_any_work) {
    const auto code = [](std::uint64_t n, std::uint32_t r, std::uint32_t p) {
        Bytes out(32);
        return scrypt("p", {}, {n, r, p}, out).error().code;
    };
    EXPECT_EQ(code(0, 8, 1), ErrorCode::invalid_argument);
    EXPECT_EQ(code(1, 8, 1), ErrorCode::invalid_argument);
    EXPECT_EQ(code(3, 8, 1), ErrorCode::invalid_argument);
    EXPECT_EQ(code(256, 0, 1), ErrorCode::invalid_argument);
    EXPECT_EQ(code(256, 8, 0), ErrorCode::invalid_argument);
    EXPECT_EQ(code(1ULL << 63, 8, 1), ErrorCode::too_large);
    EXPECT_EQ(code(1ULL << 20, 8, 1), ErrorCode::too_large);
    EXPECT_EQ(code(256, UINT32_MAX, 1), ErrorCode::too_large);
    EXPECT_EQ(code(256, 8, UINT32_MAX), ErrorCode::too_large);
    EXPECT_EQ(code(1ULL << 32, UINT32_MAX, UINT32_MAX), ErrorCode::too_large);
    // Little memory, endless work.
    EXPECT_EQ(code(1ULL << 22, 1, 1U << 22), ErrorCode::too_large);
}

} // namespace
} // namespace ol::crypto
