// The optimal ate pairing (Vercauteren, 2010) with lines in homogeneous coordinates (Costello,
// Lange, Naehrig, PKC 2010) and the hard part of the final exponentiation by Fuentes-Castaneda,
// Knapp and Rodriguez-Henriquez (SAC 2011): a power of the pairing that is one only when it is.
#include "chain/evm/precompiles/bn254/pairing.hpp"

#include <optional>
#include <vector>

#include "chain/evm/precompiles/bn254/fp12.hpp"
#include "chain/evm/precompiles/bn254/signed_digits.hpp"

namespace ol::chain::evm::bn254 {

namespace {

// 6u + 2 has 65 bits.
constexpr Wide loop_count = static_cast<Wide>(6) * curve_u + 2;
constexpr SignedDigits<68, 2> loop_digits({static_cast<std::uint64_t>(loop_count),
                                           static_cast<std::uint64_t>(loop_count >> 64)},
                                          2);

// One pair on its way through the loop: t = (x / z, y / z) runs through multiples of q.
struct Walk {
    Fp xp, yp;
    G2Affine q, minus_q;
    Fp2 x, y, z;

    explicit Walk(const PointPair& pair)
        : xp(pair.p.x)
        , yp(pair.p.y)
        , q(pair.q)
        , minus_q(-pair.q)
        , x(pair.q.x)
        , y(pair.q.y)
        , z(fp2_one) {}

    Line double_step();
    Line add_step(const G2Affine& point);
};

// The tangent at t, times 2 y z, at (xp, yp); then t = 2t, with coordinates times four.
Line Walk::double_step() {
    const Fp2 yy = square(y);
    const Fp2 zz = square(z);
    const Fp2 e = twist_b * (twice(zz) + zz);
    const Fp2 f = twice(e) + e;
    const Fp2 h = square(y + z) - yy - zz;
    const Fp2 xx = square(x);
    const Fp2 ee = square(e);
    const Fp2 xy = x * y;
    const Fp2 ee_times_4 = twice(twice(ee));
    const Line line{h * yp, -((twice(xx) + xx) * xp), yy - e};
    x = twice(xy * (yy - f));
    y = square(yy + f) - twice(ee_times_4) - ee_times_4;
    z = twice(twice(yy * h));
    return line;
}

// The line through t and `point`, times x - point.x z; then t = t + point. In the subgroup the two
// are never equal or opposite: they are different multiples of q, which are small against r.
Line Walk::add_step(const G2Affine& point) {
    const Fp2 theta = y - point.y * z;
    const Fp2 lambda = x - point.x * z;
    const Fp2 lambda_2 = square(lambda);
    const Fp2 lambda_3 = lambda_2 * lambda;
    const Fp2 f = z * square(theta);
    const Fp2 g = x * lambda_2;
    const Fp2 h = lambda_3 + f - twice(g);
    const Line line{lambda * yp, -(theta * xp), theta * point.x - lambda * point.y};
    x = lambda * h;
    y = theta * (g - h) - lambda_3 * y;
    z = z * lambda_3;
    return line;
}

// Takes lines in twos: the product of two costs less than each by itself.
class Accumulator {
public:
    void square_all() { value_ = square(value()); }
    void take(const Line& line) {
        if (pending_) {
            value_ = multiply_by_lines(value_, *pending_, line);
            pending_.reset();
        } else {
            pending_ = line;
        }
    }
    const Fp12& value() {
        if (pending_) value_ = multiply_by_line(value_, *pending_);
        pending_.reset();
        return value_;
    }

private:
    Fp12 value_ = fp12_one;
    std::optional<Line> pending_;
};

Fp12 miller_loop(std::vector<Walk>& walks) {
    Accumulator f;
    for (int i = loop_digits.size - 2; i >= 0; --i) {
        f.square_all();
        const int digit = loop_digits.digit[i];
        for (auto& walk : walks) {
            f.take(walk.double_step());
            if (digit != 0) f.take(walk.add_step(digit > 0 ? walk.q : walk.minus_q));
        }
    }
    for (auto& walk : walks) {
        const G2Affine once = frobenius(walk.q);
        f.take(walk.add_step(once));
        f.take(walk.add_step(-frobenius(once)));
    }
    return f.value();
}

// a^u in the cyclotomic subgroup, where the inverse is the conjugate.
Fp12 power_u(const Fp12& a) {
    static constexpr SignedDigits<66, 1> digits({curve_u}, 4);
    std::array<Fp12, 4> odd{a};
    const Fp12 aa = cyclotomic_square(a);
    for (int i = 1; i < 4; ++i) odd[i] = odd[i - 1] * aa;
    Fp12 out = odd[digits.digit[digits.size - 1] / 2];
    for (int i = digits.size - 2; i >= 0; --i) {
        out = cyclotomic_square(out);
        const int digit = digits.digit[i];
        if (digit > 0) out = out * odd[digit / 2];
        if (digit < 0) out = out * odd[-digit / 2].conjugate();
    }
    return out;
}

Fp12 final_exponentiation(const Fp12& f) {
    // (p^6 - 1)(p^2 + 1)
    Fp12 m = f.conjugate() * f.inverse();
    m = m.frobenius_2() * m;
    // 2u (6u^2 + 3u + 1) (p^4 - p^2 + 1) / r = l0 + l1 p + l2 p^2 + l3 p^3 with
    // l2 = 6u + 6u^2 + 12u^3, l1 = l2 - 2u, l0 = l2 + 6u^2 + 1, l3 = l1 - 1.
    const Fp12 m_2u = cyclotomic_square(power_u(m));
    const Fp12 m_6u = cyclotomic_square(m_2u) * m_2u;
    const Fp12 m_6uu = power_u(m_6u);
    const Fp12 m_12uuu = power_u(cyclotomic_square(m_6uu));
    const Fp12 l2 = m_12uuu * m_6uu * m_6u;
    const Fp12 l1 = l2 * m_2u.conjugate();
    const Fp12 l0 = l2 * m_6uu * m;
    const Fp12 l3 = l1 * m.conjugate();
    return l0 * l1.frobenius() * l2.frobenius_2() * l3.frobenius_3();
}

} // namespace

bool pairing_product_is_one(std::span<const PointPair> pairs) {
    std::vector<Walk> walks;
    walks.reserve(pairs.size());
    for (const auto& pair : pairs) {
        if (!pair.p.is_infinity() && !pair.q.is_infinity()) walks.emplace_back(pair);
    }
    if (walks.empty()) return true;
    return final_exponentiation(miller_loop(walks)) == fp12_one;
}

} // namespace ol::chain::evm::bn254
