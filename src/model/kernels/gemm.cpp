#include "model/kernels/gemm.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace ol::model::kernels {
namespace {

constexpr std::size_t block_depth = 256;   // a panel's block is 16 KB: half of a first-level cache
constexpr std::size_t block_rows = 48;     // eight tiles share each panel while it is near
constexpr std::size_t block_columns = 256; // panels of one task
constexpr std::size_t serial_packing = 1 << 17; // values
constexpr std::size_t serial_work = 1 << 20;    // multiply-adds that are not worth waking a thread

std::size_t divide_up(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

void run(ThreadPool* pool, std::size_t count, std::size_t work_each,
         const std::function<void(std::size_t, std::size_t)>& body) {
    if (pool == nullptr || pool->threads() == 1 || count * work_each < serial_work) {
        if (count > 0) body(0, count);
        return;
    }
    pool->parallel_for(
        count, std::max<std::size_t>(1, serial_work / std::max<std::size_t>(1, work_each)), body);
}

// B[k0 .. k0 + depth, panel's columns] as [depth][16], zeros beyond `columns`.
void pack_panel(const View& b, std::size_t depth, std::size_t columns, float* out) {
    if (columns < panel) std::fill(out, out + depth * panel, 0.0F);
    if (b.column == 1) {
        for (std::size_t k = 0; k < depth; ++k) {
            const float* from = b.data + static_cast<std::ptrdiff_t>(k) * b.row;
            std::copy(from, from + columns, out + k * panel);
        }
        return;
    }
    for (std::size_t n = 0; n < columns; ++n) {
        const float* from = b.data + static_cast<std::ptrdiff_t>(n) * b.column;
        for (std::size_t k = 0; k < depth; ++k) {
            out[k * panel + n] = from[static_cast<std::ptrdiff_t>(k) * b.row];
        }
    }
}

// A's rows as tiles [rows / 6][depth][6], so that a tile reads one stream.
void pack_rows(const View& a, std::size_t rows, std::size_t depth, float* out) {
    for (std::size_t first = 0; first < rows; first += tile_rows) {
        const std::size_t count = std::min<std::size_t>(tile_rows, rows - first);
        float* tile = out + first * depth;
        const float* from = a.data + static_cast<std::ptrdiff_t>(first) * a.row;
        if (a.row == 1) {
            for (std::size_t k = 0; k < depth; ++k) {
                const float* column = from + static_cast<std::ptrdiff_t>(k) * a.column;
                for (std::size_t m = 0; m < count; ++m) tile[k * tile_rows + m] = column[m];
            }
        } else {
            for (std::size_t m = 0; m < count; ++m) {
                const float* row = from + static_cast<std::ptrdiff_t>(m) * a.row;
                for (std::size_t k = 0; k < depth; ++k) {
                    tile[k * tile_rows + m] = row[static_cast<std::ptrdiff_t>(k) * a.column];
                }
            }
        }
    }
}

struct Scratch {
    std::vector<float> a, b;
};
Scratch& scratch() {
    thread_local Scratch mine;
    return mine;
}
// Panels start on cache lines, so that no load of theirs touches two.
float* aligned(float* data) {
    const auto address = reinterpret_cast<std::uintptr_t>(data);
    return data + (64 - address % 64) % 64 / sizeof(float);
}
float* room(std::vector<float>& buffer, std::size_t count) {
    if (buffer.size() < count + panel) buffer.resize(count + panel);
    return aligned(buffer.data());
}

} // namespace

namespace {

// The rows [m0, m0 + rows) and columns [n0, n_end) of a product, a block of the depth after the
// other so that a panel's block stays in the first-level cache.
void multiply_block(const Product& p, const float* packed_b, std::size_t m0, std::size_t rows,
                    std::size_t n0, std::size_t n_end, const Table& table) {
    const bool pack_a = p.a.column != 1;
    for (std::size_t k0 = 0; k0 < p.k; k0 += block_depth) {
        const std::size_t depth = std::min(block_depth, p.k - k0);
        const View a = p.a.at(static_cast<std::ptrdiff_t>(m0), static_cast<std::ptrdiff_t>(k0));
        float* packed_a = nullptr;
        if (pack_a) {
            packed_a = room(scratch().a, divide_up(rows, tile_rows) * tile_rows * depth);
            pack_rows(a, rows, depth, packed_a);
        }
        const std::size_t step = panel * static_cast<std::size_t>(table.tile_panels);
        for (std::size_t n = n0; n < n_end; n += step) {
            for (std::size_t m = 0; m < rows; m += tile_rows) {
                Tile tile;
                tile.rows = static_cast<int>(std::min<std::size_t>(tile_rows, rows - m));
                tile.columns = static_cast<int>(std::min<std::size_t>(step, n_end - n));
                tile.depth = depth;
                if (pack_a) {
                    tile.a = packed_a + m * depth;
                    tile.a_row = 1;
                    tile.a_step = tile_rows;
                } else {
                    tile.a = a.data + static_cast<std::ptrdiff_t>(m) * a.row;
                    tile.a_row = a.row;
                }
                if (packed_b != nullptr) {
                    tile.b = packed_b + n * p.k + k0 * panel;
                    tile.b_panel = static_cast<std::ptrdiff_t>(panel * p.k);
                } else {
                    tile.b = p.b.data + static_cast<std::ptrdiff_t>(k0) * p.b.row + n;
                    tile.b_panel = panel;
                    tile.b_step = p.b.row;
                }
                tile.c = p.c + static_cast<std::ptrdiff_t>(m0 + m) * p.c_row + n;
                tile.c_row = p.c_row;
                tile.accumulate = p.accumulate || k0 > 0;
                table.tile(tile);
            }
        }
    }
}

} // namespace

void multiply(const Product& p, ThreadPool* pool, const Table& table) {
    if (p.m == 0 || p.n == 0) return;
    if (p.k == 0) {
        if (!p.accumulate) {
            for (std::size_t m = 0; m < p.m; ++m) std::fill_n(p.c + m * p.c_row, p.n, 0.0F);
        }
        return;
    }
    // B may be read in place when its rows are contiguous and end with a whole panel; packing pays
    // only when several blocks of rows share it.
    float* packed_b = nullptr;
    if (!(p.b.column == 1 && p.n % panel == 0 && p.m <= block_rows)) {
        const std::size_t panels = divide_up(p.n, panel);
        packed_b = room(scratch().b, panels * panel * p.k);
        run(panels * panel * p.k < serial_packing ? nullptr : pool, panels, p.k * panel,
            [&](std::size_t begin, std::size_t end) {
                for (std::size_t j = begin; j < end; ++j) {
                    pack_panel(p.b.at(0, static_cast<std::ptrdiff_t>(j * panel)), p.k,
                               std::min<std::size_t>(panel, p.n - j * panel),
                               packed_b + j * panel * p.k);
                }
            });
    }
    const std::size_t row_blocks = divide_up(p.m, block_rows);
    const std::size_t column_blocks = divide_up(p.n, block_columns);
    const std::size_t work = std::min(p.m, block_rows) * std::min(p.n, block_columns) * p.k;
    run(pool, row_blocks * column_blocks, work, [&](std::size_t begin, std::size_t end) {
        for (std::size_t task = begin; task < end; ++task) {
            const std::size_t m0 = task / column_blocks * block_rows;
            const std::size_t n0 = task % column_blocks * block_columns;
            multiply_block(p, packed_b, m0, std::min(block_rows, p.m - m0), n0,
                           std::min(p.n, n0 + block_columns), table);
        }
    });
}

PackedMatrix::PackedMatrix(std::size_t out, std::size_t in)
    : out_(out)
    , in_(in)
    , panels_(divide_up(out, panel) * panel * in + panel) {}

void PackedMatrix::set_rows(std::size_t first, const float* rows, std::size_t count) {
    OL_CHECK(first + count <= out_);
    for (std::size_t n = 0; n < count; ++n) {
        float* to =
            aligned(panels_.data()) + (first + n) / panel * panel * in_ + (first + n) % panel;
        for (std::size_t k = 0; k < in_; ++k) to[k * panel] = rows[n * in_ + k];
    }
}

void PackedMatrix::apply(const float* x, std::ptrdiff_t x_row, std::size_t rows, float* y,
                         std::ptrdiff_t y_row, ThreadPool* pool, bool accumulate,
                         const Table& table) const {
    if (rows == 0) return;
    const float* panels = aligned(const_cast<float*>(panels_.data()));
    const std::size_t row_blocks = divide_up(rows, block_rows);
    const std::size_t column_blocks = divide_up(out_, 4 * panel);
    const std::size_t work = std::min(rows, block_rows) * 4 * panel * in_;
    run(pool, row_blocks * column_blocks, work, [&](std::size_t begin, std::size_t end) {
        for (std::size_t task = begin; task < end; ++task) {
            const std::size_t m0 = task / column_blocks * block_rows;
            const std::size_t m_end = std::min(rows, m0 + block_rows);
            const std::size_t n0 = task % column_blocks * 4 * panel;
            for (std::size_t m = m0; m < m_end; m += tile_rows) {
                Tile tile;
                tile.rows = static_cast<int>(std::min<std::size_t>(tile_rows, m_end - m));
                tile.columns = static_cast<int>(std::min<std::size_t>(4 * panel, out_ - n0));
                tile.depth = in_;
                tile.a = x + static_cast<std::ptrdiff_t>(m) * x_row;
                tile.a_row = x_row;
                tile.b = panels + n0 * in_;
                tile.b_panel = static_cast<std::ptrdiff_t>(panel * in_);
                tile.c = y + static_cast<std::ptrdiff_t>(m) * y_row + n0;
                tile.c_row = y_row;
                tile.accumulate = accumulate;
                table.tile(tile);
            }
        }
    });
}

} // namespace ol::model::kernels
