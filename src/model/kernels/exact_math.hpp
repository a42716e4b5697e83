// Elementary functions in double without libm, so that tables and initial weights are the same bits
// on every machine: only IEEE +, -, *, / and sqrt, in a written order. Errors are below 1e-15
// relative (log, exp) and absolute (sin, cos for |x| < 2^20); tests compare with libm.
#pragma once

#include <cstdint>

#include "base/prng.hpp"

namespace ol::model::kernels {

double exact_log(double x); // x > 0, normal
double exact_exp(double x); // |x| < 700
double exact_sin(double x);
double exact_cos(double x);
double exact_power(double base, std::uint64_t exponent); // by squaring

// Normal(0, 1) numbers by Box-Muller, two per pair of uniforms.
class Normal {
public:
    explicit Normal(std::uint64_t seed)
        : prng_(seed) {}
    double next();

private:
    Prng prng_;
    bool has_spare_ = false;
    double spare_ = 0;
};

} // namespace ol::model::kernels
