#include "chain/evm/precompiles/bn254/fp12.hpp"

namespace ol::chain::evm::bn254 {

namespace detail {

Fp2 multiply_at_run_time(const Fp2& a, const Fp2& b) { return multiply_inline(a, b); }
Fp2 square_at_run_time(const Fp2& a) { return square_inline(a); }

} // namespace detail

namespace {

constexpr Fp2 gamma_1 = power(xi, detail::prime_less_one_over(6), fp2_one);
constexpr Fp2 gamma_2 = gamma_1 * gamma_1;
constexpr Fp2 gamma_3 = gamma_2 * gamma_1;
constexpr Fp2 gamma_4 = gamma_2 * gamma_2;
constexpr Fp2 gamma_5 = gamma_3 * gamma_2;

// xi^(n (p^2 - 1) / 6) = gamma_n^(p + 1), which lies in Fp.
constexpr Fp norm(const Fp2& a) { return a.c0 * a.c0 + a.c1 * a.c1; }
constexpr Fp norms[6] = {fp_one,        norm(gamma_1), norm(gamma_2),
                         norm(gamma_3), norm(gamma_4), norm(gamma_5)};

Fp6 operator+(const Fp6& a, const Fp6& b) { return {a.c0 + b.c0, a.c1 + b.c1, a.c2 + b.c2}; }
Fp6 operator-(const Fp6& a, const Fp6& b) { return {a.c0 - b.c0, a.c1 - b.c1, a.c2 - b.c2}; }
Fp6 operator-(const Fp6& a) { return {-a.c0, -a.c1, -a.c2}; }
Fp6 multiply_by_v(const Fp6& a) { return {multiply_by_xi(a.c2), a.c0, a.c1}; }
Fp6 operator*(const Fp6& a, const Fp2& b) { return {a.c0 * b, a.c1 * b, a.c2 * b}; }

// a * (b0 + b1 v).
Fp6 multiply_by_01(const Fp6& a, const Fp2& b0, const Fp2& b1) {
    const Fp2 t0 = a.c0 * b0;
    const Fp2 t1 = a.c1 * b1;
    const Fp2 cross = lazy_add(a.c0, a.c1) * (b0 + b1) - t0 - t1;
    return {t0 + multiply_by_xi(a.c2 * b1), cross, t1 + a.c2 * b0};
}

// (a + b s)^2 for s^2 = xi.
void square_pair(const Fp2& a, const Fp2& b, Fp2& out_a, Fp2& out_b) {
    const Fp2 aa = square(a);
    const Fp2 bb = square(b);
    out_a = aa + multiply_by_xi(bb);
    out_b = square(a + b) - aa - bb;
}

Fp2 triple_minus_double(const Fp2& t, const Fp2& z) { return twice(t - z) + t; }
Fp2 triple_plus_double(const Fp2& t, const Fp2& z) { return twice(t + z) + t; }

} // namespace

constexpr Fp2 twist_b = [] {
    // 1 / xi = conjugate(xi) / 82, and 82^-1 = 82^(p-2).
    constexpr Limbs exponent{modulus[0] - 2, modulus[1], modulus[2], modulus[3]};
    return xi.conjugate() * (Fp::of(3) * power(Fp::of(82), exponent, fp_one));
}();

constexpr Fp2 frobenius_factor[6] = {fp2_one, gamma_1, gamma_2, gamma_3, gamma_4, gamma_5};

Fp2 Fp2::inverse() const {
    const Fp scale = multiply_sum(c0, c0, c1, c1).inverse();
    return {c0 * scale, -(c1 * scale)};
}

Fp6 operator*(const Fp6& a, const Fp6& b) {
    const Fp2 t0 = a.c0 * b.c0;
    const Fp2 t1 = a.c1 * b.c1;
    const Fp2 t2 = a.c2 * b.c2;
    const Fp2 t12 = lazy_add(a.c1, a.c2) * (b.c1 + b.c2) - t1 - t2;
    const Fp2 t01 = lazy_add(a.c0, a.c1) * (b.c0 + b.c1) - t0 - t1;
    const Fp2 t02 = lazy_add(a.c0, a.c2) * (b.c0 + b.c2) - t0 - t2;
    return {t0 + multiply_by_xi(t12), t01 + multiply_by_xi(t2), t02 + t1};
}

Fp6 Fp6::inverse() const {
    const Fp2 t0 = square(c0) - multiply_by_xi(c1 * c2);
    const Fp2 t1 = multiply_by_xi(square(c2)) - c0 * c1;
    const Fp2 t2 = square(c1) - c0 * c2;
    const Fp2 scale = (c0 * t0 + multiply_by_xi(c2 * t1 + c1 * t2)).inverse();
    return {t0 * scale, t1 * scale, t2 * scale};
}

Fp12 operator*(const Fp12& a, const Fp12& b) {
    const Fp6 t0 = a.c0 * b.c0;
    const Fp6 t1 = a.c1 * b.c1;
    return {t0 + multiply_by_v(t1), (a.c0 + a.c1) * (b.c0 + b.c1) - t0 - t1};
}

Fp12 square(const Fp12& a) {
    const Fp6 t = a.c0 * a.c1;
    const Fp6 both = (a.c0 + a.c1) * (a.c0 + multiply_by_v(a.c1));
    return {both - t - multiply_by_v(t), t + t};
}

Fp12 Fp12::conjugate() const { return {c0, -c1}; }

Fp12 Fp12::inverse() const {
    const Fp6 scale = (c0 * c0 - multiply_by_v(c1 * c1)).inverse();
    return {c0 * scale, -(c1 * scale)};
}

Fp12 cyclotomic_square(const Fp12& a) {
    Fp2 t0, t1, t2, t3, t4, t5;
    square_pair(a.c0.c0, a.c1.c1, t0, t1);
    square_pair(a.c1.c0, a.c0.c2, t2, t3);
    square_pair(a.c0.c1, a.c1.c2, t4, t5);
    return {{triple_minus_double(t0, a.c0.c0), triple_minus_double(t2, a.c0.c1),
             triple_minus_double(t4, a.c0.c2)},
            {triple_plus_double(multiply_by_xi(t5), a.c1.c0), triple_plus_double(t1, a.c1.c1),
             triple_plus_double(t3, a.c1.c2)}};
}

Fp12 multiply_by_line(const Fp12& a, const Line& line) {
    const Fp6 t0 = a.c0 * line.c0;
    const Fp6 t1 = multiply_by_01(a.c1, line.c3, line.c4);
    const Fp6 both = multiply_by_01(a.c0 + a.c1, line.c0 + line.c3, line.c4);
    return {t0 + multiply_by_v(t1), both - t0 - t1};
}

Fp12 multiply_by_lines(const Fp12& a, const Line& first, const Line& second) {
    const Fp2 t0 = first.c0 * second.c0;
    const Fp2 t3 = first.c3 * second.c3;
    const Fp2 t4 = first.c4 * second.c4;
    const Fp2 t03 = lazy_add(first.c0, first.c3) * (second.c0 + second.c3) - t0 - t3;
    const Fp2 t04 = lazy_add(first.c0, first.c4) * (second.c0 + second.c4) - t0 - t4;
    const Fp2 t34 = lazy_add(first.c3, first.c4) * (second.c3 + second.c4) - t3 - t4;
    // The product of the lines: (x0, t3, t34) + (t03, t04, 0) w.
    const Fp6 x{t0 + multiply_by_xi(t4), t3, t34};
    const Fp6 low = a.c0 * x;
    const Fp6 high = multiply_by_01(a.c1, t03, t04);
    const Fp6 both = (a.c0 + a.c1) * Fp6{x.c0 + t03, x.c1 + t04, x.c2};
    return {low + multiply_by_v(high), both - low - high};
}

// With w^6 = xi, a = sum of a_n w^n for n below 6; a^p = sum of conjugate(a_n) gamma_n w^n.
Fp12 Fp12::frobenius() const {
    return {
        {c0.c0.conjugate(), c0.c1.conjugate() * gamma_2, c0.c2.conjugate() * gamma_4},
        {c1.c0.conjugate() * gamma_1, c1.c1.conjugate() * gamma_3, c1.c2.conjugate() * gamma_5}};
}

Fp12 Fp12::frobenius_2() const {
    return {{c0.c0, c0.c1 * norms[2], c0.c2 * norms[4]},
            {c1.c0 * norms[1], c1.c1 * norms[3], c1.c2 * norms[5]}};
}

Fp12 Fp12::frobenius_3() const { return frobenius_2().frobenius(); }

} // namespace ol::chain::evm::bn254
