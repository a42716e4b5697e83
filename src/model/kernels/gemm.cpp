#include "model/kernels/gemm.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.hpp"
#include "model/half.hpp"
#include "model/kernels/quant_internal.hpp"

namespace ol::model::kernels {
namespace {

constexpr std::size_t block_depth = 256; // a panel's block is 16 KB: half of a first-level cache
// Rows that share each panel while it is near; packed, their block is 144 KB of a second-level
// cache.
constexpr std::size_t block_rows = 144;
constexpr std::size_t rows_in_place = 48;       // up to here packing B costs more than it brings
constexpr std::size_t block_columns = 256;      // panels of one task
constexpr std::size_t packing_columns = 128;    // from here on packing rows of A pays
constexpr std::size_t serial_packing = 1 << 17; // values
constexpr std::size_t packed_values = 1 << 21;  // of A at once: 8 MB
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

// Four floats, by the vector extension that g++ and clang share: packing only moves values.
using F4 = float __attribute__((vector_size(16)));
F4 load4(const float* p) {
    F4 out;
    std::memcpy(&out, p, sizeof out);
    return out;
}
void store4(float* p, F4 v) { std::memcpy(p, &v, sizeof v); }

// to[k * step + i] = row i's value k, for four rows and k < 4.
[[gnu::always_inline]] inline void transpose4(const float* from, std::ptrdiff_t row, float* to,
                                              std::size_t step) {
    const F4 a = load4(from), b = load4(from + row), c = load4(from + 2 * row),
             d = load4(from + 3 * row);
    const F4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), // a0 b0 a1 b1
        cd = __builtin_shufflevector(c, d, 0, 4, 1, 5),
             ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7),
             cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    store4(to, __builtin_shufflevector(ab, cd, 0, 1, 4, 5));
    store4(to + step, __builtin_shufflevector(ab, cd, 2, 3, 6, 7));
    store4(to + 2 * step, __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5));
    store4(to + 3 * step, __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7));
}

// to[k * 6 + i] = row i's value k, for six rows and k < 4.
[[gnu::always_inline]] inline void turn_tile(const float* from, std::ptrdiff_t row, float* to) {
    const F4 a = load4(from), b = load4(from + row), c = load4(from + 2 * row),
             d = load4(from + 3 * row), e = load4(from + 4 * row), f = load4(from + 5 * row);
    const auto low = [](F4 x, F4 y) { return __builtin_shufflevector(x, y, 0, 4, 1, 5); };
    const auto high = [](F4 x, F4 y) { return __builtin_shufflevector(x, y, 2, 6, 3, 7); };
    const auto half = [](F4 ab, F4 cd, F4 ef, float* out) { // two of the four k
        store4(out, __builtin_shufflevector(ab, cd, 0, 1, 4, 5));
        store4(out + 4, __builtin_shufflevector(ef, ab, 0, 1, 6, 7));
        store4(out + 8, __builtin_shufflevector(cd, ef, 2, 3, 6, 7));
    };
    half(low(a, b), low(c, d), low(e, f), to);
    half(high(a, b), high(c, d), high(e, f), to + 12);
}

// A's rows as tiles [rows / 6][depth][6], so that a tile reads one stream.
void pack_rows(const View& a, std::size_t rows, std::size_t depth, float* out) {
    if (a.row == 1) { // along what lies together: k's values are far from those of k + 1
        const std::size_t whole = rows / tile_rows * tile_rows;
        for (std::size_t k = 0; k < depth; ++k) {
            const float* from = a.data + signed_width(k) * a.column;
            for (std::size_t m = 0; m < whole; m += tile_rows) {
                std::memcpy(out + m * depth + k * tile_rows, from + m, tile_rows * sizeof(float));
            }
            std::copy(from + whole, from + rows, out + whole * depth + k * tile_rows);
        }
        return;
    }
    for (std::size_t first = 0; first < rows; first += tile_rows) {
        const std::size_t count = std::min<std::size_t>(tile_rows, rows - first);
        float* tile = out + first * depth;
        const float* from = a.data + static_cast<std::ptrdiff_t>(first) * a.row;
        std::size_t whole = 0;
        if (a.column == 1 && count == tile_rows) {
            whole = depth / 4 * 4;
            for (std::size_t k = 0; k < whole; k += 4) {
                turn_tile(from + k, a.row, tile + k * tile_rows);
            }
        }
        for (std::size_t m = 0; m < count; ++m) {
            const float* row = from + static_cast<std::ptrdiff_t>(m) * a.row;
            for (std::size_t k = whole; k < depth; ++k) {
                tile[k * tile_rows + m] = row[static_cast<std::ptrdiff_t>(k) * a.column];
            }
        }
    }
}

struct Scratch {
    HugeVector<float> a, all_a, b, wide;
};
Scratch& scratch() {
    thread_local Scratch mine;
    return mine;
}
float* room(HugeVector<float>& buffer, std::size_t count) {
    if (buffer.size() < count) buffer.resize(count);
    return buffer.data();
}

} // namespace

void pack_panel(const View& b, std::size_t depth, std::size_t columns, float* out) {
    if (columns < panel) std::fill(out, out + depth * panel, 0.0F);
    if (b.column == 1) {
        for (std::size_t k = 0; k < depth; ++k) {
            const float* from = b.data + signed_width(k) * b.row;
            if (columns == panel) { // a size that the compiler knows is no call
                std::memcpy(out + k * panel, from, panel * sizeof(float));
            } else {
                std::copy(from, from + columns, out + k * panel);
            }
        }
        return;
    }
    std::size_t whole = 0; // of the depth: done four by four
    if (b.row == 1 && columns == panel) {
        // Four columns to the end of their cache lines, then the next four: sixteen at once may
        // share two sets of a first-level cache.
        whole = depth / 4 * 4;
        for (std::size_t line = 0; line < whole; line += 16) {
            for (std::size_t n = 0; n < panel; n += 4) {
                const float* const from = b.data + signed_width(n) * b.column;
                for (std::size_t k = line; k < std::min(line + 16, whole); k += 4) {
                    transpose4(from + k, b.column, out + k * panel + n, panel);
                }
            }
        }
    }
    for (std::size_t n = 0; n < columns; ++n) {
        const float* from = b.data + static_cast<std::ptrdiff_t>(n) * b.column;
        for (std::size_t k = whole; k < depth; ++k) {
            out[k * panel + n] = from[static_cast<std::ptrdiff_t>(k) * b.row];
        }
    }
}

namespace {

// B in panels of 16 columns, in one of two forms, of the depth [first_k, first_k + depth) and the
// columns from first_n on; neither: it is read in place.
struct Panels {
    const float* f32 = nullptr;
    const std::uint16_t* bf16 = nullptr;
    std::size_t depth = 0, first_k = 0, first_n = 0;

    std::size_t at(std::size_t k, std::size_t n) const {
        return (n - first_n) * depth + (k - first_k) * panel;
    }
};

// A part of a product.
struct Block {
    std::size_t m0, rows, n0, n_end, k0, k_end;
};

// A block of the depth after the other, so that a panel's block stays in the first-level cache.
// all_a: A in tiles already, or null.
void multiply_block(const Product& p, const Panels& panels, const float* all_a, const Block& block,
                    const Table& table) {
    const auto [m0, rows, n0, n_end, k_begin, k_end] = block;
    // Rows far apart share the few places of a first-level cache that their distance leaves.
    const bool pack_a = all_a == nullptr &&
                        (p.a.column != 1 || (n_end - n0 >= packing_columns && rows >= tile_rows));
    // Few rows take several panels at once (tile_kernel says why).
    const bool few = rows < 4;
    const std::size_t step = panel * static_cast<std::size_t>(few ? 4 : table.tile_panels);
    const std::size_t most_depth = few && panels.bf16 != nullptr ? block_depth / 4 : block_depth;
    for (std::size_t k0 = k_begin; k0 < k_end; k0 += most_depth) {
        const std::size_t depth = std::min(most_depth, k_end - k0);
        const View a = p.a.at(signed_width(m0), signed_width(k0));
        float* packed_a = nullptr;
        if (pack_a) {
            packed_a = room(scratch().a, divide_up(rows, tile_rows) * tile_rows * depth);
            pack_rows(a, rows, depth, packed_a);
        }
        for (std::size_t n = n0; n < n_end; n += step) {
            const float* wide = nullptr;
            if (panels.bf16 != nullptr) {
                const std::size_t count = divide_up(std::min(step, n_end - n), panel);
                float* to = room(scratch().wide, count * depth * panel);
                for (std::size_t j = 0; j < count; ++j) {
                    table.quant->widen(panels.bf16 + panels.at(k0, n + j * panel),
                                       to + j * depth * panel, depth * panel);
                }
                wide = to;
            }
            for (std::size_t m = 0; m < rows; m += tile_rows) {
                Tile tile;
                tile.rows = static_cast<int>(std::min<std::size_t>(tile_rows, rows - m));
                tile.columns = static_cast<int>(std::min<std::size_t>(step, n_end - n));
                tile.depth = depth;
                if (all_a != nullptr) {
                    tile.a = all_a + (m0 + m) * p.k + k0 * tile_rows;
                    tile.a_row = 1;
                    tile.a_step = tile_rows;
                } else if (pack_a) {
                    tile.a = packed_a + m * depth;
                    tile.a_row = 1;
                    tile.a_step = tile_rows;
                } else {
                    tile.a = a.data + signed_width(m) * a.row;
                    tile.a_row = a.row;
                }
                if (wide != nullptr) {
                    tile.b = wide;
                    tile.b_panel = signed_width(panel * depth);
                } else if (panels.f32 != nullptr) {
                    tile.b = panels.f32 + panels.at(k0, n);
                    tile.b_panel = signed_width(panel * panels.depth);
                } else {
                    tile.b = p.b.data + signed_width(k0) * p.b.row + n;
                    tile.b_panel = panel;
                    tile.b_step = p.b.row;
                }
                tile.c = p.c + signed_width(m0 + m) * p.c_row + n;
                tile.c_row = p.c_row;
                tile.accumulate = p.accumulate || k0 > 0;
                table.tile(tile);
            }
        }
    }
}

void pack_b(const Product& p, std::size_t n, std::size_t k0, std::size_t depth, float* to) {
    pack_panel(p.b.at(signed_width(k0), signed_width(n)), depth,
               std::min<std::size_t>(panel, p.n - n), to);
}

void empty_sum(const Product& p) {
    if (p.accumulate) return;
    for (std::size_t m = 0; m < p.m; ++m) std::fill_n(p.c + m * p.c_row, p.n, 0.0F);
}

enum class Right : std::uint8_t {
    ready,      // B is in panels, or may be read in place
    by_columns, // each task packs its columns, a block of the depth at a time, for all rows
};

// All of A that several blocks of columns read is packed once for them.
void multiply_rows(const Product& p, const Panels& panels, Right right, ThreadPool* pool,
                   const Table& table) {
    const std::size_t row_blocks = divide_up(p.m, block_rows);
    const std::size_t rows_each = divide_up(divide_up(p.m, row_blocks), tile_rows) * tile_rows;
    const std::size_t column_blocks = divide_up(p.n, block_columns);
    float* all_a = nullptr;
    if (column_blocks > 1 && p.m >= tile_rows) {
        const std::size_t tiles = divide_up(p.m, tile_rows);
        all_a = room(scratch().all_a, tiles * tile_rows * p.k);
        run(p.m * p.k < serial_packing ? nullptr : pool, tiles, tile_rows * p.k,
            [&](std::size_t begin, std::size_t end) {
                const std::size_t first = begin * tile_rows;
                pack_rows(p.a.at(signed_width(first), 0), std::min(p.m, end * tile_rows) - first,
                          p.k, all_a + first * p.k);
            });
    }
    const auto all_rows = [&](const Panels& of, Block block, std::size_t i, std::size_t i_end) {
        for (; i < i_end; ++i) {
            block.m0 = i * rows_each;
            if (block.m0 >= p.m) continue;
            block.rows = std::min(rows_each, p.m - block.m0);
            multiply_block(p, of, all_a, block, table);
        }
    };
    const std::size_t work = std::min(p.n, block_columns) * p.k;
    if (right == Right::by_columns) {
        run(pool, column_blocks, p.m * work, [&](std::size_t begin, std::size_t end) {
            for (std::size_t n0 = begin * block_columns; n0 < end * block_columns;
                 n0 += block_columns) {
                const std::size_t n_end = std::min(p.n, n0 + block_columns);
                for (std::size_t k0 = 0; k0 < p.k; k0 += block_depth) {
                    const std::size_t depth = std::min(block_depth, p.k - k0);
                    float* to = room(scratch().b, block_columns * depth);
                    for (std::size_t n = n0; n < n_end; n += panel) {
                        pack_b(p, n, k0, depth, to + (n - n0) * depth);
                    }
                    all_rows({to, nullptr, depth, k0, n0}, {0, 0, n0, n_end, k0, k0 + depth}, 0,
                             row_blocks);
                }
            }
        });
        return;
    }
    run(pool, row_blocks * column_blocks, std::min(p.m, rows_each) * work,
        [&](std::size_t begin, std::size_t end) {
            for (std::size_t task = begin; task < end; ++task) {
                const std::size_t n0 = task % column_blocks * block_columns;
                const std::size_t i = task / column_blocks;
                all_rows(panels, {0, 0, n0, std::min(p.n, n0 + block_columns), 0, p.k}, i, i + 1);
            }
        });
}

void multiply_panels(const Product& p, const Panels& panels, Right right, ThreadPool* pool,
                     const Table& table) {
    const std::size_t blocks = std::max<std::size_t>(1, packed_values / (p.k * block_rows));
    const std::size_t rows_each = blocks * block_rows;
    for (std::size_t m0 = 0; m0 < p.m; m0 += rows_each) {
        Product part = p;
        part.m = std::min(rows_each, p.m - m0);
        part.a = p.a.at(signed_width(m0), 0);
        part.c = p.c + signed_width(m0) * p.c_row;
        multiply_rows(part, panels, right, pool, table);
    }
}

} // namespace

void multiply(const Product& p, ThreadPool* pool, const Table& table) {
    if (p.m == 0 || p.n == 0) return;
    if (p.k == 0) return empty_sum(p);
    // B may be read in place when its rows are contiguous and end with a whole panel; packing pays
    // only when several blocks of rows share it.
    if (p.b.column == 1 && p.n % panel == 0 && p.m <= rows_in_place) {
        return multiply_panels(p, {}, Right::ready, pool, table);
    }
    // What a task packs is still near when it multiplies; but that needs tasks enough.
    const std::size_t threads = pool == nullptr ? 1 : pool->threads();
    if (threads == 1 || divide_up(p.n, block_columns) >= 2 * threads) {
        return multiply_panels(p, {}, Right::by_columns, pool, table);
    }
    const std::size_t panels = divide_up(p.n, panel);
    float* packed = room(scratch().b, panels * panel * p.k);
    run(panels * panel * p.k < serial_packing ? nullptr : pool, panels, p.k * panel,
        [&](std::size_t begin, std::size_t end) {
            for (std::size_t j = begin; j < end; ++j) {
                pack_b(p, j * panel, 0, p.k, packed + j * panel * p.k);
            }
        });
    multiply_panels(p, {packed, nullptr, p.k}, Right::ready, pool, table);
}

PackedMatrix::PackedMatrix(std::size_t out, std::size_t in, Storage storage)
    : out_(out)
    , in_(in)
    , storage_(storage)
    , panels_(divide_up(out, panel) * panel * in *
              (storage == Storage::f32 ? sizeof(float) : sizeof(std::uint16_t))) {}

void PackedMatrix::set_rows(std::size_t first, const float* rows, std::size_t count) {
    OL_CHECK(first + count <= out_);
    for (std::size_t n = 0; n < count; ++n) {
        const std::size_t at = (first + n) / panel * panel * in_ + (first + n) % panel;
        const float* from = rows + n * in_;
        if (storage_ == Storage::f32) {
            float* to = reinterpret_cast<float*>(panels_.data()) + at;
            for (std::size_t k = 0; k < in_; ++k) to[k * panel] = from[k];
        } else {
            auto* to = reinterpret_cast<std::uint16_t*>(panels_.data()) + at;
            for (std::size_t k = 0; k < in_; ++k) to[k * panel] = f32_to_bf16(from[k]);
        }
    }
}

void PackedMatrix::get_rows(std::size_t first, float* rows, std::size_t count) const {
    OL_CHECK(first + count <= out_);
    for (std::size_t n = 0; n < count; ++n) {
        const std::size_t at = (first + n) / panel * panel * in_ + (first + n) % panel;
        float* to = rows + n * in_;
        if (storage_ == Storage::f32) {
            const float* from = reinterpret_cast<const float*>(panels_.data()) + at;
            for (std::size_t k = 0; k < in_; ++k) to[k] = from[k * panel];
        } else {
            const auto* from = reinterpret_cast<const std::uint16_t*>(panels_.data()) + at;
            for (std::size_t k = 0; k < in_; ++k) to[k] = bf16_to_f32(from[k * panel]);
        }
    }
}

void PackedMatrix::apply(const float* x, std::ptrdiff_t x_row, std::size_t rows, float* y,
                         std::ptrdiff_t y_row, ThreadPool* pool, bool accumulate,
                         const Table& table) const {
    if (rows == 0) return;
    const Product product{.m = rows,
                          .n = out_,
                          .k = in_,
                          .a = {x, x_row, 1},
                          .b = {},
                          .c = y,
                          .c_row = y_row,
                          .accumulate = accumulate};
    if (in_ == 0) return empty_sum(product);
    const bool is_bf16 = storage_ == Storage::bf16;
    const auto* bits = reinterpret_cast<const std::uint16_t*>(panels_.data());
    const auto* panels = reinterpret_cast<const float*>(panels_.data());
    if (rows > tile_rows) {
        const Panels form = is_bf16 ? Panels{nullptr, bits, in_} : Panels{panels, nullptr, in_};
        return multiply_panels(product, form, Right::ready, pool, table);
    }
    // One tile of rows: each panel is read once, in one go.
    constexpr std::size_t columns = 4 * panel;
    run(pool, divide_up(out_, columns), rows * columns * in_,
        [&](std::size_t begin, std::size_t end) {
            Tile tile;
            tile.rows = static_cast<int>(rows);
            tile.columns = static_cast<int>(std::min(end * columns, out_) - begin * columns);
            tile.depth = in_;
            tile.a = x;
            tile.a_row = x_row;
            if (is_bf16) {
                tile.b_bf16 = bits + begin * columns * in_;
            } else {
                tile.b = panels + begin * columns * in_;
            }
            tile.b_panel = static_cast<std::ptrdiff_t>(panel * in_);
            tile.c = y + begin * columns;
            tile.c_row = y_row;
            tile.accumulate = accumulate;
            (is_bf16 ? table.tile_bf16 : table.tile)(tile);
        });
}

} // namespace ol::model::kernels
