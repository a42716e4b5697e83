#include "model/kernels/attention.hpp"

#include <algorithm>
#include <cmath>

#include "model/kernels/exact_math.hpp"

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

} // namespace ol::model::kernels
