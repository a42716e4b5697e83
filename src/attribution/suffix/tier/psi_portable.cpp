#include "attribution/suffix/tier/psi.hpp"
#include "attribution/suffix/tier/psi_layout.hpp"
#include "base/prefetch.hpp"

namespace ol::attribution::suffix {

namespace {

inline std::uint32_t popcount(std::uint64_t bits) {
    return static_cast<std::uint32_t>(__builtin_popcountll(bits));
}

// Where the one with this many ones before it is; there is one.
inline std::uint32_t select(std::uint64_t bits, std::uint32_t ones) {
    std::uint32_t at = 0;
    for (std::uint32_t half = 32; half >= 8; half /= 2) {
        const std::uint32_t below = popcount(bits & ((std::uint64_t{1} << half) - 1));
        if (ones < below) continue;
        ones -= below;
        bits >>= half;
        at += half;
    }
    for (; ones > 0; --ones) bits &= bits - 1;
    return at + static_cast<std::uint32_t>(__builtin_ctzll(bits | std::uint64_t{1} << 63));
}

#include "attribution/suffix/tier/psi_kernels.inc"

} // namespace

const PsiKernels& psi_portable() {
    static constexpr PsiKernels kernels = make_kernels("portable");
    return kernels;
}

const PsiKernels& psi_kernels() {
    static const PsiKernels& kernels = psi_bmi2() != nullptr ? *psi_bmi2() : psi_portable();
    return kernels;
}

} // namespace ol::attribution::suffix
