// Addresses and hashes that the rules name, as constants of compile time: no file's start-up can
// read them too early.
#pragma once

#include "base/bytes.hpp"

namespace ol::chain {

// Lower-case hex without "0x".
template <std::size_t N>
consteval FixedBytes<N / 2> literal(const char (&hex)[N]) {
    static_assert(N % 2 == 1, "an even number of digits");
    FixedBytes<N / 2> out;
    for (std::size_t i = 0; i + 1 < N; ++i) {
        const char c = hex[i];
        const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
        out.data[i / 2] = static_cast<std::uint8_t>(out.data[i / 2] << 4 | digit);
    }
    return out;
}

} // namespace ol::chain
