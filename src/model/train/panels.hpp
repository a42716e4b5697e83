// Products over packed weights for one thread: what a block of rows passes through in a layer.
// Every output element is one chain in the order of the terms and of their depth (kernels.hpp), so
// blocks and threads change no bit.
#pragma once

#include <cstddef>
#include <span>

#include "base/huge_array.hpp"
#include "model/kernels/kernels.hpp"

namespace ol::model::train {

using kernels::padded;
using kernels::signed_width;
using Buffer = HugeVector<float>;

// To exactly `count` where it is smaller: resize alone would take up to twice that.
inline void grow(Buffer& buffer, std::size_t count) {
    if (buffer.size() >= count) return;
    buffer.reserve(count);
    buffer.resize(count);
}

// A right factor B [depth, columns] as panels [columns / 16][depth][16], zeros beyond the last
// column. Grows and never shrinks.
class Panels {
public:
    void reshape(std::size_t depth, std::size_t columns) {
        depth_ = depth;
        columns_ = columns;
        grow(values_, depth * padded(columns));
    }
    std::size_t depth() const { return depth_; }
    std::size_t columns() const { return columns_; }
    std::size_t bytes() const { return values_.capacity() * sizeof(float); }
    // Panels start on cache lines.
    float* data() { return values_.data(); }
    const float* data() const { return values_.data(); }
    // From row-major rows [columns, depth] (B is their transpose), columns [first, first + count);
    // first a multiple of 16, and count too unless the last column is among them.
    void set_transposed(std::size_t first, const float* rows, std::size_t count);
    // From row-major rows [depth, columns], depth [first, first + count).
    void set_rows(std::size_t first, const float* rows, std::size_t count);

private:
    std::size_t depth_ = 0, columns_ = 0;
    Buffer values_;
};

// A left factor of some rows, row-major, and the panels that it meets.
struct Term {
    const float* a;
    std::size_t a_row;
    const Panels* b;
};

// c[rows, columns] (=, or += when accumulate) the sum of the terms' products; the terms have equal
// columns.
void multiply_rows(std::size_t rows, std::span<const Term> terms, float* c, std::size_t c_row,
                   bool accumulate, const kernels::Table& table);
// Of columns [first, first + count) alone, first a multiple of 16.
void multiply_columns(std::size_t rows, std::span<const Term> terms, std::size_t first,
                      std::size_t count, float* c, std::size_t c_row, bool accumulate,
                      const kernels::Table& table);

// c[n, m] (=, or += when accumulate) the sum over the rows r of wide[r, n] narrow[r, m]: the
// gradient of weights that were met by rows, with few columns m.
struct Outer {
    std::size_t rows, n, m;
    const float* wide;
    std::size_t wide_row;
    const float* narrow;
    std::size_t narrow_row;
    float* c;
    std::size_t c_row;
    bool accumulate = false;
};
void outer(const Outer& o, const kernels::Table& table);

} // namespace ol::model::train
