#include "model/train/factors.hpp"

#include <algorithm>
#include <cmath>

#include "model/kernels/gemm.hpp"
#include "model/kernels/quant.hpp"

namespace ol::model::train {

namespace {

constexpr std::size_t panel = kernels::panel;

// Rows [first, first + count) of W; in `room` unless they are W's own.
const float* base_rows(const Linear& linear, const float* rows, std::size_t in, std::size_t first,
                       std::size_t count, std::vector<float>& room) {
    if (linear.quantized == nullptr) {
        return (rows != nullptr ? rows : linear.weight.data()) + first * in;
    }
    room.resize(count * in);
    linear.quantized->dequantize_rows(first, count, room.data());
    return room.data();
}

// Those of W' in place of W's.
void merge_rows(const LoraPair& pair, std::size_t in, std::size_t first, std::size_t count,
                float* room, SiteFactors& to, const kernels::Table& table) {
    const std::size_t rank = pair.rank;
    thread_local std::vector<float> scaled;
    scaled.assign(pair.b.data() + first * rank, pair.b.data() + (first + count) * rank);
    table.scale(scaled.data(), pair.scale, scaled.size());
    kernels::multiply({.m = count,
                       .n = in,
                       .k = rank,
                       .a = {scaled.data(), signed_width(rank), 1},
                       .b = {pair.a.data(), signed_width(in), 1},
                       .c = room,
                       .c_row = signed_width(in),
                       .accumulate = true},
                      nullptr, table);
    if (pair.magnitude.empty()) return;
    for (std::size_t i = 0; i < count; ++i) {
        float* row = room + i * in;
        const float length = std::sqrt(table.dot(row, row, in));
        const float magnitude = pair.magnitude[first + i];
        const float gain = length > 0 ? magnitude / length : 0.0F;
        to.gain[first + i] = gain;
        to.inverse_magnitude[first + i] = magnitude != 0 ? 1.0F / magnitude : 0.0F;
        table.scale(row, gain, in);
    }
}

// The parts of the adapter itself, small beside W.
void fill_adapter(const LoraPair& pair, std::size_t out, const FactorUse& use, SiteFactors& to,
                  const kernels::Table& table) {
    const std::size_t rank = pair.rank;
    std::vector<float> scaled = pair.b;
    table.scale(scaled.data(), pair.scale, scaled.size());
    if (use.apart && use.forward && pair.magnitude.empty()) {
        to.b.reshape(rank, out);
        to.b.set_transposed(0, scaled.data(), out);
    }
    if (!use.backward) return;
    if (!pair.magnitude.empty()) {
        for (std::size_t i = 0; i < out; ++i) {
            table.scale(scaled.data() + i * rank, to.gain[i], rank);
        }
    }
    to.low.reshape(out, rank);
    to.low.set_rows(0, scaled.data(), out);
}

} // namespace

std::size_t SiteFactors::bytes() const {
    return forward.bytes() + backward.bytes() + low.bytes() + b.bytes() + change.bytes() +
           change_back.bytes() + (gain.capacity() + inverse_magnitude.capacity()) * sizeof(float);
}

std::size_t LayerFactors::bytes() const {
    std::size_t out = 0;
    for (const auto& site : sites) out += site.bytes();
    for (const auto& group : groups) out += group.a.bytes() + group.a_back.bytes();
    return out;
}

void fill_site(const Linear& linear, const float* rows, const LoraPair* pair, std::size_t in,
               std::size_t out, const FactorUse& use, SiteFactors& to, ThreadPool& pool,
               const kernels::Table& table) {
    if (pair != nullptr && pair->a.empty()) pair = nullptr;
    to.rank = pair != nullptr ? pair->rank : 0;
    const bool dora = pair != nullptr && !pair->magnitude.empty();
    to.gain.resize(dora ? out : 0);
    to.inverse_magnitude.resize(dora ? out : 0);
    const bool changed = dora && use.apart, merged = pair != nullptr && !use.apart;
    if (use.forward) to.forward.reshape(in, out);
    if (use.backward) to.backward.reshape(out, in);
    if (use.forward && changed) to.change.reshape(in, out);
    if (use.backward && changed) to.change_back.reshape(out, in);
    pool.parallel_for((out + panel - 1) / panel, 4, [&](std::size_t begin, std::size_t end) {
        std::vector<float> room, made;
        for (std::size_t i = begin; i < end; ++i) {
            const std::size_t first = i * panel, count = std::min(panel, out - first);
            const float* from = base_rows(linear, rows, in, first, count, room);
            if (merged || changed) {
                made.assign(from, from + count * in);
                merge_rows(*pair, in, first, count, made.data(), to, table);
            }
            if (changed) {
                for (std::size_t j = 0; j < made.size(); ++j) made[j] -= from[j];
                if (use.forward) to.change.set_transposed(first, made.data(), count);
                if (use.backward) to.change_back.set_rows(first, made.data(), count);
            }
            if (merged) from = made.data();
            if (use.forward) to.forward.set_transposed(first, from, count);
            if (use.backward) to.backward.set_rows(first, from, count);
        }
    });
    if (pair != nullptr) fill_adapter(*pair, out, use, to, table);
}

void fill_layer(const ModelConfig& config, const LayerWeights& weights,
                const std::array<LoraPair, site_count>* pairs, const FactorUse& use,
                LayerFactors& to, ThreadPool& pool, const kernels::Table& table) {
    for (std::size_t i = 0; i < site_count; ++i) {
        const auto site = static_cast<Site>(i);
        if (!has_site(config, site)) continue;
        fill_site(weights.linears[i], nullptr, pairs != nullptr ? &(*pairs)[i] : nullptr,
                  site_in(config, site), site_out(config, site), use, to.sites[i], pool, table);
    }
    for (std::size_t g = 0; g < lora_group_count; ++g) {
        auto& group = to.groups[g];
        group.width = 0;
        std::vector<float> rows;
        std::size_t in = 0;
        bool plain = false;
        for (int i = lora_groups[g][0]; i < lora_groups[g][1]; ++i) {
            auto& site = to.sites[static_cast<std::size_t>(i)];
            if (site.rank == 0) continue;
            const auto& pair = (*pairs)[static_cast<std::size_t>(i)];
            plain = plain || pair.magnitude.empty();
            site.column = group.width;
            group.width += site.rank;
            in = pair.a.size() / site.rank;
            rows.insert(rows.end(), pair.a.begin(), pair.a.end());
        }
        if (group.width == 0) continue;
        group.a.reshape(in, group.width);
        group.a.set_transposed(0, rows.data(), group.width);
        if (!use.apart || !use.backward || !plain) continue;
        group.a_back.reshape(group.width, in);
        group.a_back.set_rows(0, rows.data(), group.width);
    }
}

} // namespace ol::model::train
