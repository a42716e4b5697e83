#include "model/kernels/attention.hpp"

#include <algorithm>
#include <cmath>

#include "model/kernels/exact_math.hpp"
#include "model/kernels/gemm.hpp"

namespace ol::model::kernels {

std::vector<float> rope_frequencies(std::size_t head_size, float theta) {
    const std::size_t half = head_size / 2;
    const double log_theta = exact_log(static_cast<double>(theta));
    std::vector<float> out(half);
    for (std::size_t i = 0; i < half; ++i) {
        out[i] = static_cast<float>(
            exact_exp(-log_theta * static_cast<double>(i) / static_cast<double>(half)));
    }
    return out;
}

void RopeTable::reserve(std::size_t positions) {
    const std::size_t have = half_ == 0 ? positions : cosine_.size() / half_;
    if (positions <= have) return;
    const std::size_t want = std::max(positions, 2 * have);
    cosine_.resize(want * half_);
    sine_.resize(want * half_);
    for (std::size_t p = have; p < want; ++p) {
        for (std::size_t i = 0; i < half_; ++i) {
            const float angle = static_cast<float>(p) * frequencies_[i];
            cosine_[p * half_ + i] = static_cast<float>(exact_cos(static_cast<double>(angle)));
            sine_[p * half_ + i] = static_cast<float>(exact_sin(static_cast<double>(angle)));
        }
    }
}

float attention_scale(std::size_t head_size) {
    return 1.0F / std::sqrt(static_cast<float>(head_size));
}

namespace {

// The rows of one tile: their scores, from `base`, the first position of the panel where the first
// row's window begins.
struct TileRows {
    const AttentionRows& r;
    std::size_t begin, count, base;
    float* scores;
    std::size_t width;

    std::size_t position(std::size_t i) const {
        return r.same_position ? r.first : r.first + begin + i;
    }
    std::size_t window_begin(std::size_t i) const {
        const std::size_t end = position(i) + 1;
        return r.window == 0 || end <= r.window ? 0 : end - r.window;
    }
};

// Row `i`'s scores become probabilities.
void soften(const TileRows& t, std::size_t i, float scale, const Table& table) {
    const std::size_t low = t.window_begin(i), seen = t.position(i) + 1 - low;
    float* row = t.scores + i * t.width + (low - t.base);
    if (t.r.softcap > 0) {
        table.softcap(row, scale, t.r.softcap, seen);
        scale = 1.0F;
    }
    const float top = table.max_scaled(row, scale, seen);
    const float inverse = 1.0F / table.exp_sum(row, scale, top, seen);
    table.scale(row, inverse, seen);
    if (t.r.top != nullptr) t.r.top[t.begin + i] = top;
    if (t.r.inverse != nullptr) t.r.inverse[t.begin + i] = inverse;
}

// out of rows [i, i + rows) (=, or += when more) the values at [from, end).
void mix(const TileRows& t, std::size_t i, std::size_t rows, std::size_t from, std::size_t end,
         bool more, const Table& table) {
    if (from >= end) return;
    Tile sum;
    sum.rows = static_cast<int>(rows);
    sum.columns = static_cast<int>(t.r.head_size);
    sum.depth = end - from;
    sum.a = t.scores + i * t.width + (from - t.base);
    sum.a_row = static_cast<std::ptrdiff_t>(t.width);
    sum.b = t.r.cache.values + static_cast<std::ptrdiff_t>(from) * t.r.cache.value_row;
    sum.b_panel = panel;
    sum.b_step = t.r.cache.value_row;
    sum.c = t.r.out + static_cast<std::ptrdiff_t>(t.begin + i) * t.r.out_row;
    sum.c_row = t.r.out_row;
    sum.accumulate = more;
    table.tile(sum);
}

} // namespace

void attend(const AttentionRows& r, const Table& table) {
    const float scale = r.scale == 0 ? attention_scale(r.head_size) : r.scale;
    const std::size_t last = r.same_position ? r.first : r.first + r.rows - 1;
    std::size_t width = (last + panel) / panel * panel;
    if (r.window != 0) width = std::min(width, (r.window + tile_rows + 2 * panel) / panel * panel);
    thread_local std::vector<float> score_room;
    if (score_room.size() < tile_rows * width) score_room.resize(tile_rows * width);

    for (std::size_t begin = 0; begin < r.rows; begin += tile_rows) {
        const std::size_t rows = std::min<std::size_t>(tile_rows, r.rows - begin);
        TileRows t{r, begin, rows, 0, score_room.data(), width};
        t.base = t.window_begin(0) / panel * panel;
        const std::size_t limit = t.position(rows - 1) + 1 - t.base;
        Tile tile;
        tile.rows = static_cast<int>(rows);
        tile.columns = static_cast<int>((limit + panel - 1) / panel * panel);
        tile.depth = r.head_size;
        tile.a = r.q + static_cast<std::ptrdiff_t>(begin) * r.q_row;
        tile.a_row = r.q_row;
        tile.b = r.cache.keys + static_cast<std::ptrdiff_t>(t.base / panel) * r.cache.key_panel;
        tile.b_panel = r.cache.key_panel;
        tile.c = t.scores;
        tile.c_row = static_cast<std::ptrdiff_t>(width);
        table.tile(tile);
        for (std::size_t i = 0; i < rows; ++i) soften(t, i, scale, table);

        // All rows of the tile share the positions from where the last one's window begins to the
        // first one's own. Each has those before and behind alone, so that a row's chain never
        // contains a position that it does not see.
        const std::size_t shared = t.window_begin(rows - 1), own = t.position(0) + 1;
        if (shared >= own) {
            for (std::size_t i = 0; i < rows; ++i) {
                mix(t, i, 1, t.window_begin(i), t.position(i) + 1, false, table);
            }
            continue;
        }
        const bool some_before = t.window_begin(0) < shared;
        if (some_before) {
            for (std::size_t i = 0; i < rows; ++i) {
                const bool none = t.window_begin(i) == shared;
                float* out = r.out + static_cast<std::ptrdiff_t>(begin + i) * r.out_row;
                if (none) std::fill(out, out + r.head_size, 0.0F);
                mix(t, i, 1, t.window_begin(i), shared, false, table);
            }
        }
        mix(t, 0, rows, shared, own, some_before, table);
        for (std::size_t i = 1; i < rows; ++i) {
            mix(t, i, 1, own, t.position(i) + 1, true, table);
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
