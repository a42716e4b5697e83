// Prng: xoshiro256** seeded by splitmix64 (Blackman & Vigna, public domain algorithms). The same
// seed gives the same numbers on every machine. Not for keys: those come from crypto's random.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace ol {

// The finaliser of splitmix64 (Stafford's variant 13): a bijection that spreads every bit.
constexpr std::uint64_t mix64(std::uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

class Prng {
public:
    explicit Prng(std::uint64_t seed) {
        for (auto& word : state_) {
            seed += 0x9e3779b97f4a7c15;
            word = mix64(seed);
        }
    }

    std::uint64_t next() {
        const std::uint64_t out = std::rotl(state_[1] * 5, 7) * 9;
        const std::uint64_t t = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = std::rotl(state_[3], 45);
        return out;
    }

    // Uniform in [0, bound), without bias; bound > 0.
    std::uint64_t below(std::uint64_t bound) {
        for (;;) {
            const unsigned __int128 wide = static_cast<unsigned __int128>(next()) * bound;
            if (static_cast<std::uint64_t>(wide) >= (0 - bound) % bound) {
                return static_cast<std::uint64_t>(wide >> 64);
            }
        }
    }

    // Uniform in [0, 1) with 24 bits: exact in fp32.
    float uniform() { return static_cast<float>(next() >> 40) * 0x1.0p-24F; }

    // The whole state, for exact resume.
    const std::array<std::uint64_t, 4>& state() const { return state_; }
    void restore(const std::array<std::uint64_t, 4>& state) { state_ = state; }

private:
    std::array<std::uint64_t, 4> state_{};
};

} // namespace ol
