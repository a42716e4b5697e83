#include "crypto/scrypt.hpp"

#include <bit>
#include <cstring>
#include <new>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/check.hpp"

namespace ol::crypto {
namespace {

constexpr std::uint64_t memory_limit_bytes = 1ULL << 30;
constexpr std::uint64_t work_limit = 1ULL << 24;

static_assert(std::endian::native == std::endian::little,
              "scrypt reads its blocks as little-endian words in place");

// 16 words: a block of Salsa20. A mixing unit is 2 r of them.
constexpr std::size_t block_words = 16;

void salsa20_8(std::uint32_t* block) {
    std::uint32_t x[block_words];
    std::memcpy(x, block, sizeof x);
    const auto quarter = [&x](int a, int b, int c, int d) {
        x[b] ^= std::rotl(x[a] + x[d], 7);
        x[c] ^= std::rotl(x[b] + x[a], 9);
        x[d] ^= std::rotl(x[c] + x[b], 13);
        x[a] ^= std::rotl(x[d] + x[c], 18);
    };
    for (int round = 0; round < 8; round += 2) {
        quarter(0, 4, 8, 12);
        quarter(5, 9, 13, 1);
        quarter(10, 14, 2, 6);
        quarter(15, 3, 7, 11);
        quarter(0, 1, 2, 3);
        quarter(5, 6, 7, 4);
        quarter(10, 11, 8, 9);
        quarter(15, 12, 13, 14);
    }
    for (std::size_t i = 0; i < block_words; ++i) block[i] += x[i];
}

// scryptBlockMix (section 4): even blocks go to the first half of out, odd ones to the second.
void block_mix(const std::uint32_t* in, std::uint32_t* out, std::size_t r) {
    std::uint32_t x[block_words];
    std::memcpy(x, in + (2 * r - 1) * block_words, sizeof x);
    for (std::size_t i = 0; i < 2 * r; ++i) {
        for (std::size_t j = 0; j < block_words; ++j) x[j] ^= in[i * block_words + j];
        salsa20_8(x);
        std::memcpy(out + (i / 2 + i % 2 * r) * block_words, x, sizeof x);
    }
}

// scryptROMix (section 5) of one unit in place; table holds n units.
void ro_mix(std::uint32_t* unit, std::uint64_t n, std::size_t r, std::uint32_t* table,
            std::uint32_t* scratch) {
    const std::size_t words = 2 * r * block_words;
    for (std::uint64_t i = 0; i < n; ++i) {
        std::memcpy(table + i * words, unit, 4 * words);
        block_mix(table + i * words, unit, r);
    }
    for (std::uint64_t i = 0; i < n; ++i) {
        // Integerify: the first word of the last block, modulo a power of two of at most 2^23.
        const std::uint64_t j = unit[words - block_words] & (n - 1);
        for (std::size_t k = 0; k < words; ++k) scratch[k] = unit[k] ^ table[j * words + k];
        block_mix(scratch, unit, r);
    }
}

void pbkdf2_once(std::string_view password, ByteView salt, std::span<std::uint8_t> out) {
    const char* text = password.empty() ? "" : password.data();
    OL_CHECK(PKCS5_PBKDF2_HMAC(text, static_cast<int>(password.size()), salt.data(),
                               static_cast<int>(salt.size()), 1, EVP_sha256(),
                               static_cast<int>(out.size()), out.data()) == 1);
}

template <class Word>
void wipe(std::vector<Word>& words) {
    OPENSSL_cleanse(words.data(), words.size() * sizeof(Word));
}

std::unexpected<Error> out_of_memory(const ScryptCost& cost) {
    return fail(ErrorCode::unavailable, "scrypt n = {}, r = {}, p = {} needs {} MiB of free memory",
                cost.n, cost.r, cost.p, (cost.n + cost.p) * cost.r * 128 >> 20);
}

Status check_cost(const ScryptCost& cost) {
    const std::uint64_t n = cost.n;
    const std::uint64_t r = cost.r;
    const std::uint64_t p = cost.p;
    if (!std::has_single_bit(n) || n < 2 || r == 0 || p == 0) {
        return fail(ErrorCode::invalid_argument,
                    "scrypt n = {}, r = {}, p = {}: n must be a power of two above 1, r and p at "
                    "least 1",
                    n, r, p);
    }
    // 128 n r bytes for the table and 128 p r for its input. Division first, so that nothing
    // overflows.
    const std::uint64_t units = memory_limit_bytes / 128 / r;
    if (n > units || p > units - n) {
        return fail(ErrorCode::too_large,
                    "scrypt n = {}, r = {}, p = {} takes more than 1 GiB of memory", n, r, p);
    }
    if (n * r > work_limit / p) {
        return fail(ErrorCode::too_large, "scrypt n = {}, r = {}, p = {} takes too long", n, r, p);
    }
    return {};
}

} // namespace

void scrypt_by_definition(std::string_view password, ByteView salt, const ScryptCost& cost,
                          std::span<std::uint8_t> out) {
    const std::size_t unit_bytes = std::size_t{128} * cost.r;
    const std::size_t unit_words = unit_bytes / 4;
    std::vector<std::uint8_t> units(unit_bytes * cost.p);
    std::vector<std::uint32_t> unit(unit_words);
    std::vector<std::uint32_t> scratch(unit_words);
    std::vector<std::uint32_t> table(unit_words * cost.n);
    pbkdf2_once(password, salt, units);
    for (std::size_t i = 0; i < cost.p; ++i) {
        std::memcpy(unit.data(), units.data() + i * unit_bytes, unit_bytes);
        ro_mix(unit.data(), cost.n, cost.r, table.data(), scratch.data());
        std::memcpy(units.data() + i * unit_bytes, unit.data(), unit_bytes);
    }
    pbkdf2_once(password, units, out);
    wipe(units);
    wipe(unit);
    wipe(scratch);
    wipe(table);
}

Status scrypt(std::string_view password, ByteView salt, const ScryptCost& cost,
              std::span<std::uint8_t> out) {
    OL_TRY(check_cost(cost));
    if (cost.r < 4 && cost.n >> (16 * cost.r) != 0) {
        try {
            scrypt_by_definition(password, salt, cost, out);
            return {};
        } catch (const std::bad_alloc&) {
            return out_of_memory(cost);
        }
    }
    // OpenSSL counts some scratch blocks as well, and its own default bound is 32 MiB.
    const char* text = password.empty() ? "" : password.data();
    if (EVP_PBE_scrypt(text, password.size(), salt.data(), salt.size(), cost.n, cost.r, cost.p,
                       2 * memory_limit_bytes, out.data(), out.size()) != 1) {
        return out_of_memory(cost);
    }
    return {};
}

} // namespace ol::crypto
