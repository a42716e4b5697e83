#include "model/train/panels.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "model/kernels/gemm.hpp"

namespace ol::model::train {

namespace {

constexpr std::size_t panel = kernels::panel, tile_rows = kernels::tile_rows;
constexpr std::size_t block_depth = 320;   // a panel's block is 20 KB of a first-level cache of 32
constexpr std::size_t block_columns = 256; // whose part of c stays near between blocks of the depth

} // namespace

void Panels::set_transposed(std::size_t first, const float* rows, std::size_t count) {
    OL_CHECK(first % panel == 0);
    for (std::size_t n = 0; n < count; n += panel) {
        kernels::pack_panel({rows + n * depth_, 1, signed_width(depth_)}, depth_,
                            std::min(panel, count - n), data() + (first + n) * depth_);
    }
}

void Panels::set_rows(std::size_t first, const float* rows, std::size_t count) {
    for (std::size_t column = 0; column < columns_; column += panel) {
        kernels::pack_panel({rows + column, signed_width(columns_), 1}, count,
                            std::min(panel, columns_ - column),
                            data() + column * depth_ + first * panel);
    }
}

void multiply_rows(std::size_t rows, std::span<const Term> terms, float* c, std::size_t c_row,
                   bool accumulate, const kernels::Table& table) {
    multiply_columns(rows, terms, 0, terms.front().b->columns(), c, c_row, accumulate, table);
}

void multiply_columns(std::size_t rows, std::span<const Term> terms, std::size_t first,
                      std::size_t columns, float* c, std::size_t c_row, bool accumulate,
                      const kernels::Table& table) {
    const std::size_t step = panel * static_cast<std::size_t>(table.tile_panels);
    kernels::Tile tile;
    tile.c_row = signed_width(c_row);
    for (std::size_t n0 = 0; n0 < columns; n0 += block_columns) {
        const std::size_t n_end = std::min(columns, n0 + block_columns);
        bool add = accumulate;
        for (const auto& term : terms) {
            const std::size_t whole = term.b->depth();
            tile.b_panel = signed_width(panel * whole);
            tile.a_row = signed_width(term.a_row);
            for (std::size_t k0 = 0; k0 < whole; k0 += block_depth) {
                tile.depth = std::min(block_depth, whole - k0);
                tile.accumulate = add;
                add = true;
                for (std::size_t n = n0; n < n_end; n += step) {
                    tile.columns = static_cast<int>(std::min(step, n_end - n));
                    tile.b = term.b->data() + (first + n) * whole + k0 * panel;
                    for (std::size_t m = 0; m < rows; m += tile_rows) {
                        tile.rows = static_cast<int>(std::min(tile_rows, rows - m));
                        tile.a = term.a + m * term.a_row + k0;
                        tile.c = c + m * c_row + n;
                        table.tile(tile);
                    }
                }
            }
        }
    }
}

void outer(const Outer& o, const kernels::Table& table) {
    thread_local Panels packed;
    const bool in_place = o.m % panel == 0; // a tile reads whole panels
    kernels::Tile tile;
    tile.a_row = 1;
    tile.a_step = signed_width(o.wide_row);
    tile.c_row = signed_width(o.c_row);
    tile.columns = static_cast<int>(o.m);
    for (std::size_t k0 = 0; k0 < o.rows; k0 += block_depth) {
        tile.depth = std::min(block_depth, o.rows - k0);
        const float* narrow = o.narrow + k0 * o.narrow_row;
        if (in_place) {
            tile.b = narrow;
            tile.b_panel = signed_width(panel);
            tile.b_step = signed_width(o.narrow_row);
        } else {
            packed.reshape(tile.depth, o.m);
            for (std::size_t first = 0; first < o.m; first += panel) {
                kernels::pack_panel({narrow + first, signed_width(o.narrow_row), 1}, tile.depth,
                                    std::min(panel, o.m - first),
                                    packed.data() + first * tile.depth);
            }
            tile.b = packed.data();
            tile.b_panel = signed_width(panel * tile.depth);
        }
        tile.accumulate = o.accumulate || k0 > 0;
        for (std::size_t n = 0; n < o.n; n += tile_rows) {
            tile.rows = static_cast<int>(std::min(tile_rows, o.n - n));
            tile.a = o.wide + k0 * o.wide_row + n;
            tile.c = o.c + n * o.c_row;
            table.tile(tile);
        }
    }
}

} // namespace ol::model::train
