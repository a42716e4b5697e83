// Matrix products over kernels::Tile: packing and threads. Every output element is one chain in the
// order of the reduction index (kernels.hpp), whatever the blocking.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/huge_array.hpp"
#include "base/thread_pool.hpp"
#include "model/kernels/kernels.hpp"

namespace ol::model::kernels {

// A matrix anywhere in memory: element (i, j) at data[i * row + j * column].
struct View {
    const float* data = nullptr;
    std::ptrdiff_t row = 0, column = 1;
    View transposed() const { return {data, column, row}; }
    View at(std::ptrdiff_t i, std::ptrdiff_t j) const {
        return {data + i * row + j * column, row, column};
    }
};

// C[m, n] with rows c_row apart (=, or += when accumulate) A[m, k] B[k, n].
struct Product {
    std::size_t m = 0, n = 0, k = 0;
    View a, b;
    float* c = nullptr;
    std::ptrdiff_t c_row = 0;
    bool accumulate = false;
};

// pool null: everything in the caller (the form to use inside a parallel loop).
void multiply(const Product& product, ThreadPool* pool, const Table& table = best());

// One panel of a right factor: b[depth, columns] as [depth][16], zeros beyond its columns (at most
// 16).
void pack_panel(const View& b, std::size_t depth, std::size_t columns, float* out);

// How a PackedMatrix keeps its weights: as given, or rounded to bf16 and widened again in products,
// whose bits are then those of multiply with the rounded weights.
enum class Storage : std::uint8_t { f32, bf16 };

// Weights [out, in] packed once as panels [out / 16][in][16], padded with zeros, for many products
// Y = X W^T with few rows. The bits are those of multiply.
class PackedMatrix {
public:
    PackedMatrix() = default;
    PackedMatrix(std::size_t out, std::size_t in, Storage storage = Storage::f32);
    // Outputs [first, first + count) from a row-major [count, in].
    void set_rows(std::size_t first, const float* rows, std::size_t count);
    // The same back: what was set, rounded to bf16 where that is the storage.
    void get_rows(std::size_t first, float* rows, std::size_t count) const;

    std::size_t out() const { return out_; }
    std::size_t in() const { return in_; }
    std::size_t bytes() const { return panels_.size(); } // of memory
    // y[rows, out] (=, or += when accumulate) x[rows, in] W^T.
    void apply(const float* x, std::ptrdiff_t x_row, std::size_t rows, float* y,
               std::ptrdiff_t y_row, ThreadPool* pool, bool accumulate = false,
               const Table& table = best()) const;

private:
    std::size_t out_ = 0, in_ = 0;
    Storage storage_ = Storage::f32;
    HugeArray<std::uint8_t> panels_;
};

} // namespace ol::model::kernels
