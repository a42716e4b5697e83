// A valid input for each precompile, made with the precompiles themselves where it takes points:
// for tests, the benchmark and the fuzzer.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/check.hpp"
#include "base/prng.hpp"
#include "chain/evm/precompiles/precompiles.hpp"
#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"

namespace ol::chain::evm::examples {

inline constexpr Rules newest{.fork = Fork::osaka};
inline constexpr std::uint64_t plenty_of_gas = 1ULL << 40;

inline Bytes hex(std::string_view text) {
    auto bytes = from_hex(text);
    OL_CHECK(bytes.has_value());
    return std::move(*bytes);
}

template <class... Parts>
Bytes join(const Parts&... parts) {
    Bytes out;
    (append(out, parts), ...);
    return out;
}

// The output of a call that must succeed.
inline Bytes call(std::uint16_t number, const Bytes& input, const Rules& rules = newest) {
    auto result = run_precompile(number, rules, input, plenty_of_gas);
    OL_CHECK(result.succeeded);
    return std::move(result.output);
}

inline Bytes word(std::uint64_t value) {
    Bytes out(32);
    put_be64(out.data() + 24, value);
    return out;
}

inline Bytes random_bytes(std::size_t size, std::uint64_t seed) {
    Prng prng(seed);
    Bytes out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(prng.next());
    return out;
}

// bn254: multiples of the generator (1, 2), and the generator of EIP-197's second group.
inline Bytes bn254_g1(std::uint64_t multiple) {
    return call(0x07, join(word(1), word(2), word(multiple)));
}
inline Bytes bn254_negated(Bytes point) {
    // p - y, a byte at a time.
    const Bytes p = hex("30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47");
    int borrow = 0;
    for (int i = 31; i >= 0; --i) {
        const int digit = p[i] - point[32 + i] - borrow;
        borrow = digit < 0 ? 1 : 0;
        point[32 + i] = static_cast<std::uint8_t>(digit);
    }
    return point;
}
inline Bytes bn254_g2_generator() {
    return hex("198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
               "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
               "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
               "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa");
}
// Pairs whose product is one, for an even count.
inline Bytes bn254_pairs(std::size_t count) {
    Bytes out;
    for (std::size_t i = 0; i < count; ++i) {
        const Bytes point = bn254_g1(1000 + i / 2);
        append(out, join(i % 2 == 0 ? point : bn254_negated(point), bn254_g2_generator()));
    }
    return out;
}

inline Bytes bls12_fp(std::uint64_t seed) {
    Bytes out = random_bytes(64, seed);
    std::fill(out.begin(), out.begin() + 17, 0); // far below the prime
    return out;
}
inline Bytes bls12_g1(std::uint64_t seed) { return call(0x10, bls12_fp(seed)); }
inline Bytes bls12_g2(std::uint64_t seed) {
    return call(0x11, join(bls12_fp(seed), bls12_fp(seed + 1)));
}
inline Bytes bls12_msm(bool first_group, std::size_t count) {
    Bytes out;
    for (std::size_t i = 0; i < count; ++i) {
        append(out, first_group ? bls12_g1(i) : bls12_g2(i));
        append(out, random_bytes(32, i + 1000));
    }
    return out;
}
inline Bytes bls12_pairs(std::size_t count) {
    Bytes out;
    for (std::size_t i = 0; i < count; ++i) append(out, join(bls12_g1(i), bls12_g2(i)));
    return out;
}

// The signature of a key's owner over a digest, as ecrecover takes it.
inline Bytes ecrecover(const crypto::PrivateKey& key, const Hash32& digest) {
    const auto signature = key.sign(digest);
    return join(digest.view(), word(27 + signature.parity), signature.r.view(), signature.s.view());
}
inline crypto::PrivateKey private_key(std::uint64_t number) {
    const auto key = crypto::PrivateKey::from_bytes(word(number));
    OL_CHECK(key.has_value());
    return *key;
}

// A signature of "OpenLedger" by a key made for it: sha256 | r | s | x | y.
inline Bytes p256() {
    return hex("3af73a8a2ba94bab0a3f70c38a7f63ab89888df26ab49326b55543f95decd60b"
               "e300944088bfa5bcc73039d4f2e2ef449c3b9f26adcf108a7c168d5b74a7c1b9"
               "6831bb8e97a49319eebbe16bd7be1406d54dca2e7ed2859becdef475056523cd"
               "30a8d7fc997eeb8e36b39df0a805a9422f8fccca687ae50f06c64e28b7d19d61"
               "1f39edb2f85e0911f8e0b451c00e9d7b34b0393777745aba739c68e6bb34d8c2");
}

inline Bytes modexp(const Bytes& base, const Bytes& exponent, const Bytes& modulus) {
    return join(word(base.size()), word(exponent.size()), word(modulus.size()), base, exponent,
                modulus);
}

inline Bytes blake2f(std::uint32_t rounds) {
    Bytes out = random_bytes(213, rounds);
    put_be32(out.data(), rounds);
    out[212] = 1;
    return out;
}

// The polynomial X: its commitment is [tau] G1 of the ceremony, its value at z is z, and the proof
// is G1's generator.
inline Bytes point_evaluation(const Bytes& z, const Bytes& y) {
    const Bytes commitment = hex("ad3eb50121139aa34db1d545093ac9374ab7bca2c0f3bf28e27c8dcd8fc7cb42"
                                 "d25926fc0c97b336e9f0fb35e5a04c81");
    const Bytes proof = hex("97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58"
                            "6c55e83ff97a1aeffb3af00adb22c6bb");
    Hash32 hash = crypto::sha256(commitment);
    hash[0] = 1;
    return join(hash.view(), z, y, commitment, proof);
}

struct Example {
    std::string name;
    std::uint16_t number;
    Bytes input;
};

inline std::vector<Example> all() {
    Bytes odd_2048 = random_bytes(256, 3);
    odd_2048.back() |= 1;
    Bytes below_order = random_bytes(32, 4);
    below_order[0] = 0x11;
    std::vector<Example> out{
        {"ecrecover", 0x01, ecrecover(private_key(7), crypto::keccak256("hello"))},
        {"sha256 64 bytes", 0x02, random_bytes(64, 1)},
        {"sha256 4096 bytes", 0x02, random_bytes(4096, 1)},
        {"ripemd160 64 bytes", 0x03, random_bytes(64, 1)},
        {"ripemd160 4096 bytes", 0x03, random_bytes(4096, 1)},
        {"identity 4096 bytes", 0x04, random_bytes(4096, 1)},
        {"modexp 256^256 mod 256 bits", 0x05,
         modexp(random_bytes(32, 1), random_bytes(32, 2), Bytes(32, 0xff))},
        {"modexp 2048^17 mod 2048 bits", 0x05,
         modexp(random_bytes(256, 1), hex("010001"), odd_2048)},
        {"modexp 2048^2048 mod 2048 bits", 0x05,
         modexp(random_bytes(256, 1), random_bytes(256, 2), odd_2048)},
        {"modexp 64^2048 mod 64 bits", 0x05,
         modexp(random_bytes(8, 1), random_bytes(256, 2), Bytes(8, 0xfd))},
        {"bn254 add", 0x06, join(bn254_g1(12345), bn254_g1(67890))},
        {"bn254 multiply", 0x07, join(bn254_g1(12345), random_bytes(32, 5))},
    };
    for (const std::size_t count : {1, 2, 4, 16}) {
        out.push_back({fmt::format("bn254 pairing {}", count), 0x08, bn254_pairs(count)});
    }
    out.push_back({"blake2f 12 rounds", 0x09, blake2f(12)});
    out.push_back({"blake2f 100000 rounds", 0x09, blake2f(100'000)});
    out.push_back({"point evaluation", 0x0a, point_evaluation(below_order, below_order)});
    out.push_back({"bls12 g1 add", 0x0b, join(bls12_g1(1), bls12_g1(2))});
    for (const std::size_t count : {1, 2, 4, 8, 16, 128}) {
        out.push_back({fmt::format("bls12 g1 msm {}", count), 0x0c, bls12_msm(true, count)});
    }
    out.push_back({"bls12 g2 add", 0x0d, join(bls12_g2(1), bls12_g2(2))});
    for (const std::size_t count : {1, 2, 4, 8, 16, 128}) {
        out.push_back({fmt::format("bls12 g2 msm {}", count), 0x0e, bls12_msm(false, count)});
    }
    for (const std::size_t count : {1, 2, 8}) {
        out.push_back({fmt::format("bls12 pairing {}", count), 0x0f, bls12_pairs(count)});
    }
    out.push_back({"bls12 map to g1", 0x10, bls12_fp(9)});
    out.push_back({"bls12 map to g2", 0x11, join(bls12_fp(9), bls12_fp(10))});
    out.push_back({"p256 verify", 0x100, p256()});
    return out;
}

} // namespace ol::chain::evm::examples
