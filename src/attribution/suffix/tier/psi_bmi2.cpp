#include "attribution/suffix/tier/psi.hpp"
#include "attribution/suffix/tier/psi_layout.hpp"
#include "base/prefetch.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("bmi,bmi2,popcnt,lzcnt")

namespace ol::attribution::suffix {

namespace {

inline std::uint32_t popcount(std::uint64_t bits) {
    return static_cast<std::uint32_t>(_mm_popcnt_u64(bits));
}

inline std::uint32_t select(std::uint64_t bits, std::uint32_t ones) {
    return static_cast<std::uint32_t>(_tzcnt_u64(_pdep_u64(std::uint64_t{1} << ones, bits)));
}

#include "attribution/suffix/tier/psi_kernels.inc"

} // namespace

const PsiKernels* psi_bmi2() {
    static constexpr PsiKernels kernels = make_kernels("bmi2");
    static const bool there = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                              __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("lzcnt");
    return there ? &kernels : nullptr;
}

} // namespace ol::attribution::suffix

#pragma GCC pop_options

#else

namespace ol::attribution::suffix {
const PsiKernels* psi_bmi2() { return nullptr; }
} // namespace ol::attribution::suffix

#endif
