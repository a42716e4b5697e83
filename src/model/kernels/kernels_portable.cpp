#include <bit>
#include <cmath>

#include "model/half.hpp"
#include "model/kernels/kernels.hpp"
#include "model/kernels/quant_internal.hpp"
#include "model/kernels/train_kernels.hpp"

namespace ol::model::kernels {
namespace {

// Eight lanes, one after the other. min and max follow the x86 instructions (the second operand
// when they are equal or unordered), so that the twins agree even there.
struct F8 {
    float v[8];
};

template <class Op>
inline F8 each(Op op) {
    F8 out;
    for (int i = 0; i < 8; ++i) out.v[i] = op(i);
    return out;
}
inline F8 load(const float* p) {
    return each([=](int i) { return p[i]; });
}
inline F8 load(const std::uint16_t* bf16) {
    return each([=](int i) { return bf16_to_f32(bf16[i]); });
}
inline void store(float* p, const F8& a) {
    for (int i = 0; i < 8; ++i) p[i] = a.v[i];
}
inline F8 set(float x) {
    return each([=](int) { return x; });
}
inline F8 add(const F8& a, const F8& b) {
    return each([&](int i) { return a.v[i] + b.v[i]; });
}
inline F8 sub(const F8& a, const F8& b) {
    return each([&](int i) { return a.v[i] - b.v[i]; });
}
inline F8 mul(const F8& a, const F8& b) {
    return each([&](int i) { return a.v[i] * b.v[i]; });
}
inline F8 div(const F8& a, const F8& b) {
    return each([&](int i) { return a.v[i] / b.v[i]; });
}
inline F8 min(const F8& a, const F8& b) {
    return each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
inline F8 max(const F8& a, const F8& b) {
    return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
inline F8 fma(const F8& a, const F8& b, const F8& c) {
    return each([&](int i) { return std::fma(a.v[i], b.v[i], c.v[i]); });
}
inline float square_root(float a) { return std::sqrt(a); }
inline F8 square_root(const F8& a) {
    return each([&](int i) { return std::sqrt(a.v[i]); });
}
inline F8 power_of_two(const F8& n) {
    return each([&](int i) {
        const auto exponent = static_cast<std::uint32_t>(static_cast<std::int32_t>(n.v[i]) + 127);
        return std::bit_cast<float>(exponent << 23);
    });
}
inline F8 zero_where_less(const F8& v, const F8& x, const F8& limit) {
    return each([&](int i) { return x.v[i] < limit.v[i] ? 0.0F : v.v[i]; });
}

#include "model/kernels/lane_kernels.inc"
#include "model/kernels/lane_train.inc"

} // namespace

const Table* avx2_table();
const Table* avx512_table();
const TrainTable* avx2_train_table();

const Table& portable() {
    static constexpr Table table = make_table("portable", &portable_quant);
    return table;
}

const TrainTable& train_table(const Table& table) {
    static constexpr TrainTable twin = make_train_table();
    return &table == &portable() ? twin : *avx2_train_table();
}

std::vector<const Table*> available() {
    std::vector<const Table*> out = {&portable()};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("f16c")) {
        out.push_back(avx2_table());
        if (__builtin_cpu_supports("avx512f")) out.push_back(avx512_table());
    }
#endif
    return out;
}

const Table& best() {
    static const Table* const chosen = available().back();
    return *chosen;
}

} // namespace ol::model::kernels
