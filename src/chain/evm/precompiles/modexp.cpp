// Modular exponentiation (EIP-198) with GMP.
#include <gmp.h>

#include <algorithm>
#include <bit>

#include "base/limits.hpp"
#include "base/u256.hpp"
#include "chain/evm/precompiles/contracts.hpp"

namespace ol::chain::evm::precompiles {

namespace {

constexpr std::uint64_t most = ~std::uint64_t{0};

// a * b and a + b, or the largest integer.
std::uint64_t times(std::uint64_t a, std::uint64_t b) {
    std::uint64_t out = 0;
    return __builtin_mul_overflow(a, b, &out) ? most : out;
}
std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
    std::uint64_t out = 0;
    return __builtin_add_overflow(a, b, &out) ? most : out;
}

// Three lengths of 32 bytes (more than 64 bits: the largest integer), then base, exponent, modulus.
struct Header {
    std::uint64_t base, exponent, modulus;
    ByteView operands;

    explicit Header(ByteView input) {
        const Bytes lengths = padded(input, 0, 96);
        const auto length = [&](int i) {
            const U256 value = U256::from_be(ByteView(lengths).subspan(32 * i, 32));
            return value.fits_u64() ? value.low_u64() : most;
        };
        base = length(0);
        exponent = length(1);
        modulus = length(2);
        operands = input.size() > 96 ? input.subspan(96) : ByteView();
    }
};

// How often the exponent's length and first 32 bytes let the square be taken.
std::uint64_t iteration_count(const Header& header, std::uint64_t each_further_byte) {
    const std::size_t head_size = std::min<std::uint64_t>(header.exponent, 32);
    const std::size_t at = std::min<std::uint64_t>(header.base, header.operands.size());
    const U256 head = U256::from_be(padded(header.operands, at, head_size));
    const auto bits = static_cast<std::uint64_t>(head.bit_length());
    std::uint64_t count = bits == 0 ? 0 : bits - 1;
    if (header.exponent > 32) count = plus(times(header.exponent - 32, each_further_byte), count);
    return std::max<std::uint64_t>(count, 1);
}

std::uint64_t byzantium_complexity(std::uint64_t size) {
    if (size <= 64) return size * size;
    if (size <= 1024) return size * size / 4 + 96 * size - 3072;
    const std::uint64_t square = times(size, size);
    if (square == most) return most;
    return plus(square / 16, 480 * size - 199'680);
}

std::uint64_t square_of_words(std::uint64_t size) {
    const std::uint64_t words = size / 8 + (size % 8 == 0 ? 0 : 1);
    return times(words, words);
}

// a * b / divisor; the largest integer where a * b passes 64 bits, as no gas limit reaches that.
std::uint64_t price(std::uint64_t a, std::uint64_t b, std::uint64_t divisor) {
    const std::uint64_t product = times(a, b);
    return product == most ? most : product / divisor;
}

class Number {
public:
    Number() { mpz_init(value_); }
    explicit Number(ByteView bytes)
        : Number() {
        mpz_import(value_, bytes.size(), 1, 1, 1, 0, bytes.data());
    }
    ~Number() { mpz_clear(value_); }
    Number(const Number&) = delete;
    Number& operator=(const Number&) = delete;

    mpz_ptr get() { return value_; }

private:
    mpz_t value_;
};

// The part of an operand that the input holds; zeros follow it up to its length.
ByteView held(ByteView operands, std::uint64_t at, std::uint64_t size) {
    if (at >= operands.size()) return {};
    return operands.subspan(at, std::min<std::uint64_t>(size, operands.size() - at));
}

// base = base^(256^bytes) mod modulus.
void raise_by_zero_bytes(Number& base, std::uint64_t bytes, Number& modulus) {
    constexpr std::uint64_t at_once = 4096;
    Number exponent;
    while (bytes > 0 && mpz_cmp_ui(base.get(), 1) > 0) {
        const std::uint64_t count = std::min(bytes, at_once);
        mpz_set_ui(exponent.get(), 0);
        mpz_setbit(exponent.get(), 8 * count);
        mpz_powm(base.get(), base.get(), exponent.get(), modulus.get());
        bytes -= count;
    }
}

} // namespace

std::uint64_t modexp_gas(ByteView input, Fork fork) {
    const Header header(input);
    const std::uint64_t size = std::max(header.base, header.modulus);
    if (fork >= Fork::osaka) {
        const std::uint64_t complexity = size <= 32 ? 16 : times(square_of_words(size), 2);
        return std::max<std::uint64_t>(price(complexity, iteration_count(header, 16), 1), 500);
    }
    if (fork >= Fork::berlin) {
        const std::uint64_t complexity = square_of_words(size);
        return std::max<std::uint64_t>(price(complexity, iteration_count(header, 8), 3), 200);
    }
    return price(byzantium_complexity(size), iteration_count(header, 8), 20);
}

Output modexp(ByteView input, Fork fork) {
    const Header header(input);
    const std::uint64_t longest = std::max({header.base, header.exponent, header.modulus});
    if (fork >= Fork::osaka && longest > 1024) return std::nullopt; // EIP-7823
    if (header.modulus == 0) return Bytes();
    // Nobody's gas reaches this; it keeps a caller without a gas limit from exhausting memory.
    if (std::max(header.base, header.modulus) > limits::modexp_operand_bytes) return std::nullopt;

    const std::uint64_t exponent_at = header.base;
    const std::uint64_t modulus_at = plus(header.base, header.exponent);
    Bytes out(header.modulus);
    Number modulus(padded(header.operands, modulus_at, header.modulus));
    if (mpz_cmp_ui(modulus.get(), 1) <= 0) return out;

    Number result(padded(header.operands, 0, header.base));
    // The exponent as it is held, then the square for each zero bit that is not.
    const ByteView exponent_bytes = held(header.operands, exponent_at, header.exponent);
    Number exponent(exponent_bytes);
    mpz_powm(result.get(), result.get(), exponent.get(), modulus.get());
    if (mpz_sgn(exponent.get()) != 0) {
        raise_by_zero_bytes(result, header.exponent - exponent_bytes.size(), modulus);
    }
    const std::size_t size = (mpz_sizeinbase(result.get(), 2) + 7) / 8;
    if (mpz_sgn(result.get()) != 0) {
        mpz_export(out.data() + out.size() - size, nullptr, 1, 1, 1, 0, result.get());
    }
    return out;
}

} // namespace ol::chain::evm::precompiles
