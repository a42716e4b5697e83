// Tiles with 16 lanes and 32 registers. A lane is still one output's chain, so the bits are those
// of the other instances; everything but the tile is the AVX2 instance's.
#include "model/kernels/kernels.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx512f")
#pragma GCC optimize("O3")

namespace ol::model::kernels {
namespace {

template <int Rows, int Panels>
inline void run_tile(const Tile& t) {
    __m512 acc[Rows][Panels];
    __mmask16 valid[Panels];
#pragma GCC unroll 8
    for (int p = 0; p < Panels; ++p) {
        const int left = t.columns - p * panel;
        valid[p] = static_cast<__mmask16>(left >= panel ? 0xffff : (1U << left) - 1);
    }
#pragma GCC unroll 8
    for (int m = 0; m < Rows; ++m) {
#pragma GCC unroll 8
        for (int p = 0; p < Panels; ++p) {
            acc[m][p] = t.accumulate
                            ? _mm512_maskz_loadu_ps(valid[p], t.c + m * t.c_row + p * panel)
                            : _mm512_setzero_ps();
        }
    }
    const float* a = t.a;
    const float* b = t.b;
    const std::ptrdiff_t a_row = t.a_row, a_step = t.a_step, b_step = t.b_step, b_panel = t.b_panel;
    for (std::size_t k = t.depth; k > 0; --k) {
        __m512 column[Panels];
#pragma GCC unroll 8
        for (int p = 0; p < Panels; ++p) column[p] = _mm512_loadu_ps(b + p * b_panel);
#pragma GCC unroll 8
        for (int m = 0; m < Rows; ++m) {
            const __m512 x = _mm512_set1_ps(a[m * a_row]);
#pragma GCC unroll 8
            for (int p = 0; p < Panels; ++p) acc[m][p] = _mm512_fmadd_ps(x, column[p], acc[m][p]);
        }
        a += a_step;
        b += b_step;
    }
#pragma GCC unroll 8
    for (int m = 0; m < Rows; ++m) {
#pragma GCC unroll 8
        for (int p = 0; p < Panels; ++p) {
            _mm512_mask_storeu_ps(t.c + m * t.c_row + p * panel, valid[p], acc[m][p]);
        }
    }
}

template <int Rows, int Most>
inline void run_rows(Tile t) {
    while (t.columns > 0) {
        const int columns = t.columns < Most * panel ? t.columns : Most * panel;
        const int rest = t.columns - columns;
        const int panels = (columns + panel - 1) / panel;
        t.columns = columns;
        if (panels == Most) {
            run_tile<Rows, Most>(t);
        } else if (Most > 4 && panels > 4) {
            t.columns = 4 * panel;
            run_tile<Rows, (Most > 4 ? 4 : 1)>(t);
            t.b += 4 * t.b_panel;
            t.c += 4 * panel;
            t.columns = columns - 4 * panel + rest;
            continue;
        } else if (Most > 3 && panels == 3) {
            run_tile<Rows, (Most > 3 ? 3 : 1)>(t);
        } else if (Most > 2 && panels == 2) {
            run_tile<Rows, (Most > 2 ? 2 : 1)>(t);
        } else if (Most > 4 && panels == 4) {
            run_tile<Rows, (Most > 4 ? 4 : 1)>(t);
        } else {
            run_tile<Rows, 1>(t);
        }
        t.b += panels * t.b_panel;
        t.c += columns;
        t.columns = rest;
    }
}

inline void tile_kernel(const Tile& t) {
    switch (t.rows) {
    case 1:
        run_rows<1, 8>(t);
        break;
    case 2:
        run_rows<2, 4>(t);
        break;
    case 3:
        run_rows<3, 4>(t);
        break;
    case 4:
        run_rows<4, 4>(t);
        break;
    case 5:
        run_rows<5, 2>(t);
        break;
    default:
        run_rows<6, 4>(t);
        break;
    }
}

} // namespace

const Table* avx2_table();

const Table* avx512_table() {
    static const Table table = [] {
        Table out = *avx2_table();
        out.name = "avx512";
        out.tile = tile_kernel;
        out.tile_panels = 4;
        return out;
    }();
    return &table;
}

} // namespace ol::model::kernels

#pragma GCC pop_options

#else

namespace ol::model::kernels {
const Table* avx512_table() { return nullptr; }
} // namespace ol::model::kernels

#endif
