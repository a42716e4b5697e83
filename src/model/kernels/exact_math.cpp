#include "model/kernels/exact_math.hpp"

#include <bit>
#include <cmath>

namespace ol::model::kernels {
namespace {

// ln 2 and pi / 2 as a head with trailing zeros (so that a product with a small integer is exact)
// and a tail.
constexpr double ln2_head = 6.93147180369123816490e-01;
constexpr double ln2_tail = 1.90821492927058770002e-10;
constexpr double half_pi_head = 1.57079632673412561417e+00;
constexpr double half_pi_middle = 6.07710050630396597660e-11;
constexpr double half_pi_tail = 2.02226624879595063154e-21;

double nearest(double x) {
    constexpr double magic = 6755399441055744.0; // 1.5 * 2^52
    return (x + magic) - magic;
}

double sin_small(double x) { // |x| <= pi / 4
    const double z = x * x;
    double sum = 0;
    for (int n = 19; n >= 3; n -= 2) sum = (1.0 + sum) * (-z / (n * (n - 1)));
    return x + x * sum;
}

double cos_small(double x) {
    const double z = x * x;
    double sum = 0;
    for (int n = 20; n >= 2; n -= 2) sum = (1.0 + sum) * (-z / (n * (n - 1)));
    return 1.0 + sum;
}

// sin(x + quarter * pi / 2)
double sine(double x, std::int64_t quarter) {
    const double n = nearest(x * 0.63661977236758134308);
    const double r = ((x - n * half_pi_head) - n * half_pi_middle) - n * half_pi_tail;
    switch ((static_cast<std::int64_t>(n) + quarter) & 3) {
    case 0:
        return sin_small(r);
    case 1:
        return cos_small(r);
    case 2:
        return -sin_small(r);
    default:
        return -cos_small(r);
    }
}

} // namespace

double exact_log(double x) {
    const auto bits = std::bit_cast<std::uint64_t>(x);
    auto exponent = static_cast<std::int64_t>(bits >> 52) - 1023;
    double mantissa = std::bit_cast<double>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
    if (mantissa > 1.4142135623730951) {
        mantissa *= 0.5;
        ++exponent;
    }
    // log m = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172
    const double s = (mantissa - 1.0) / (mantissa + 1.0);
    const double z = s * s;
    double sum = 0;
    for (int n = 23; n >= 3; n -= 2) sum = z * (1.0 / n + sum);
    const auto e = static_cast<double>(exponent);
    return e * ln2_head + (e * ln2_tail + 2.0 * (s + s * sum));
}

double exact_exp(double x) {
    const double n = nearest(x * 1.44269504088896340736);
    const double r = (x - n * ln2_head) - n * ln2_tail;
    double sum = 1.0;
    for (int k = 18; k >= 1; --k) sum = 1.0 + sum * (r / k);
    const auto exponent = static_cast<std::uint64_t>(static_cast<std::int64_t>(n) + 1023);
    return sum * std::bit_cast<double>(exponent << 52);
}

double exact_sin(double x) { return sine(x, 0); }
double exact_cos(double x) { return sine(x, 1); }

double exact_power(double base, std::uint64_t exponent) {
    double out = 1.0;
    for (; exponent != 0; exponent >>= 1) {
        if ((exponent & 1) != 0) out *= base;
        base *= base;
    }
    return out;
}

double Normal::next() {
    if (has_spare_) {
        has_spare_ = false;
        return spare_;
    }
    // (0, 1], so that the logarithm is finite.
    const double u = static_cast<double>((prng_.next() >> 11) + 1) * 0x1.0p-53;
    const double angle =
        6.28318530717958647692 * (static_cast<double>(prng_.next() >> 11) * 0x1.0p-53);
    const double radius = std::sqrt(-2.0 * exact_log(u));
    spare_ = radius * exact_sin(angle);
    has_spare_ = true;
    return radius * exact_cos(angle);
}

} // namespace ol::model::kernels
