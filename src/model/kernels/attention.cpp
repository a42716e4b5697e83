#include "model/kernels/attention.hpp"

#include <algorithm>
#include <cmath>

#include "model/kernels/exact_math.hpp"
#include "model/kernels/gemm.hpp"

namespace ol::model::kernels {

void RopeTable::reserve(std::size_t positions) {
    const std::size_t have = half_ == 0 ? positions : cosine_.size() / half_;
    if (positions <= have) return;
    const std::size_t want = std::max(positions, 2 * have);
    const double log_theta = exact_log(static_cast<double>(theta_));
    std::vector<float> frequency(half_);
    for (std::size_t i = 0; i < half_; ++i) {
        frequency[i] = static_cast<float>(
            exact_exp(-log_theta * static_cast<double>(i) / static_cast<double>(half_)));
    }
    cosine_.resize(want * half_);
    sine_.resize(want * half_);
    for (std::size_t p = have; p < want; ++p) {
        for (std::size_t i = 0; i < half_; ++i) {
            const float angle = static_cast<float>(p) * frequency[i];
            cosine_[p * half_ + i] = static_cast<float>(exact_cos(static_cast<double>(angle)));
            sine_[p * half_ + i] = static_cast<float>(exact_sin(static_cast<double>(angle)));
        }
    }
}

float attention_scale(std::size_t head_size) {
    return 1.0F / std::sqrt(static_cast<float>(head_size));
}

void attend(const AttentionRows& r, const Table& table) {
    const float factor = attention_scale(r.head_size);
    const std::size_t last = r.same_position ? r.first : r.first + r.rows - 1;
    const std::size_t width = (last + panel) / panel * panel;
    thread_local std::vector<float> score_room;
    if (score_room.size() < tile_rows * width) score_room.resize(tile_rows * width);
    float* scores = score_room.data();

    for (std::size_t begin = 0; begin < r.rows; begin += tile_rows) {
        const std::size_t rows = std::min<std::size_t>(tile_rows, r.rows - begin);
        const std::size_t first = r.same_position ? r.first : r.first + begin;
        const std::size_t limit = (r.same_position ? first : first + rows - 1) + 1;
        Tile tile;
        tile.rows = static_cast<int>(rows);
        tile.columns = static_cast<int>((limit + panel - 1) / panel * panel);
        tile.depth = r.head_size;
        tile.a = r.q + static_cast<std::ptrdiff_t>(begin) * r.q_row;
        tile.a_row = r.q_row;
        tile.b = r.cache.keys;
        tile.b_panel = r.cache.key_panel;
        tile.c = scores;
        tile.c_row = static_cast<std::ptrdiff_t>(width);
        table.tile(tile);

        for (std::size_t i = 0; i < rows; ++i) {
            float* row = scores + i * width;
            const std::size_t seen = (r.same_position ? first : first + i) + 1;
            const float top = table.max_scaled(row, factor, seen);
            const float inverse = 1.0F / table.exp_sum(row, factor, top, seen);
            table.scale(row, inverse, seen);
            if (r.top != nullptr) r.top[begin + i] = top;
            if (r.inverse != nullptr) r.inverse[begin + i] = inverse;
        }

        // All rows of the tile share positions up to the first row's own; each then goes on alone,
        // so that a row's chain never contains a position it does not see.
        Tile sum;
        sum.rows = static_cast<int>(rows);
        sum.columns = static_cast<int>(r.head_size);
        sum.depth = first + 1;
        sum.a = scores;
        sum.a_row = static_cast<std::ptrdiff_t>(width);
        sum.b = r.cache.values;
        sum.b_panel = panel;
        sum.b_step = r.cache.value_row;
        sum.c = r.out + static_cast<std::ptrdiff_t>(begin) * r.out_row;
        sum.c_row = r.out_row;
        table.tile(sum);
        if (r.same_position) continue;
        for (std::size_t i = 1; i < rows; ++i) {
            Tile rest = sum;
            rest.rows = 1;
            rest.depth = i;
            rest.a = scores + i * width + first + 1;
            rest.b = r.cache.values + static_cast<std::ptrdiff_t>(first + 1) * r.cache.value_row;
            rest.c = r.out + static_cast<std::ptrdiff_t>(begin + i) * r.out_row;
            rest.accumulate = true;
            table.tile(rest);
        }
    }
}

// A block of query rows at a time: the block's probabilities P again from the stored maximum and
// sum, then dP = dO V^T, dS = P (dP - rowsum(dO O)) scale, dQ = dS K, dK += dS^T Q, dV += P^T dO.
void attend_backward(const AttentionBackward& h, const Table& table) {
    constexpr std::size_t query_block = 48;
    const std::size_t size = h.head_size;
    const View q{h.q, h.q_row, 1}, d_out{h.d_out, h.q_row, 1};
    const View k{h.k, h.kv_row, 1}, v{h.v, h.kv_row, 1};
    const float scale = attention_scale(size);
    thread_local std::vector<float> p_room, d_room;
    if (p_room.size() < query_block * h.rows) p_room.resize(query_block * h.rows);
    if (d_room.size() < query_block * h.rows) d_room.resize(query_block * h.rows);
    for (std::size_t first = 0; first < h.rows; first += query_block) {
        const std::size_t count = std::min(query_block, h.rows - first);
        const std::size_t limit = first + count;
        const auto from = static_cast<std::ptrdiff_t>(first),
                   width = static_cast<std::ptrdiff_t>(limit);
        multiply({.m = count,
                  .n = limit,
                  .k = size,
                  .a = q.at(from, 0),
                  .b = k.transposed(),
                  .c = p_room.data(),
                  .c_row = width},
                 nullptr, table);
        multiply({.m = count,
                  .n = limit,
                  .k = size,
                  .a = d_out.at(from, 0),
                  .b = v.transposed(),
                  .c = d_room.data(),
                  .c_row = width},
                 nullptr, table);
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t row = first + i, seen = row + 1;
            const auto at = static_cast<std::ptrdiff_t>(row) * h.q_row;
            float* p = p_room.data() + i * limit;
            float* d = d_room.data() + i * limit;
            table.exp_sum(p, scale, h.top[row], seen);
            table.scale(p, h.inverse[row], seen);
            table.softmax_backward(d, p, table.dot(h.d_out + at, h.out + at, size), scale, seen);
            std::fill(p + seen, p + limit, 0.0F);
            std::fill(d + seen, d + limit, 0.0F);
        }
        const View p{p_room.data(), width, 1}, ds{d_room.data(), width, 1};
        multiply({.m = count,
                  .n = size,
                  .k = limit,
                  .a = ds,
                  .b = k,
                  .c = h.dq + from * h.q_row,
                  .c_row = h.q_row},
                 nullptr, table);
        multiply({.m = limit,
                  .n = size,
                  .k = count,
                  .a = ds.transposed(),
                  .b = q.at(from, 0),
                  .c = h.dk,
                  .c_row = h.kv_row,
                  .accumulate = true},
                 nullptr, table);
        multiply({.m = limit,
                  .n = size,
                  .k = count,
                  .a = p.transposed(),
                  .b = d_out.at(from, 0),
                  .c = h.dv,
                  .c_row = h.kv_row,
                  .accumulate = true},
                 nullptr, table);
    }
}

} // namespace ol::model::kernels
