#include "model/kernels/attention.hpp"

#include <algorithm>
#include <cmath>

#include "model/kernels/exact_math.hpp"
#include "model/kernels/train_kernels.hpp"

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

namespace {

std::size_t first_key(const AttentionRows& r, std::size_t position) {
    return r.window == 0 || position < r.window ? 0 : position + 1 - r.window;
}

} // namespace

void attend(const AttentionRows& r, const Table& table) {
    const float factor = r.scale > 0 ? r.scale : attention_scale(r.head_size);
    const TrainTable& capped = train_table(table);
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
        const std::size_t start = first_key(r, first) / panel * panel;
        tile.columns = static_cast<int>((limit + panel - 1) / panel * panel - start);
        tile.depth = r.head_size;
        tile.a = r.q + static_cast<std::ptrdiff_t>(begin) * r.q_row;
        tile.a_row = r.q_row;
        tile.b = r.cache.keys + static_cast<std::ptrdiff_t>(start / panel) * r.cache.key_panel;
        tile.b_panel = r.cache.key_panel;
        tile.c = scores + start;
        tile.c_row = static_cast<std::ptrdiff_t>(width);
        table.tile(tile);

        for (std::size_t i = 0; i < rows; ++i) {
            float* row = scores + i * width;
            const std::size_t position = r.same_position ? first : first + i;
            const std::size_t from = first_key(r, position), seen = position + 1 - from;
            float used = factor;
            if (r.softcap > 0) {
                capped.softcap(row + from, factor, r.softcap, seen);
                used = 1.0F;
            }
            const float top = table.max_scaled(row + from, used, seen);
            const float inverse = 1.0F / table.exp_sum(row + from, used, top, seen);
            table.scale(row + from, inverse, seen);
            std::fill(row + start, row + from, 0.0F); // before its window
            if (r.top != nullptr) r.top[begin + i] = top;
            if (r.inverse != nullptr) r.inverse[begin + i] = inverse;
        }

        // All rows of the tile share positions up to the first row's own; each then goes on alone,
        // so that a row's chain never contains a position it does not see.
        Tile sum;
        sum.rows = static_cast<int>(rows);
        sum.columns = static_cast<int>(r.head_size);
        sum.depth = first + 1 - start;
        sum.a = scores + start;
        sum.a_row = static_cast<std::ptrdiff_t>(width);
        sum.b = r.cache.values + static_cast<std::ptrdiff_t>(start) * r.cache.value_row;
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

} // namespace ol::model::kernels
