// QuantMatrix: weights of 8 or 4 bits with one scale for each 32 of a row, and products with them.
//
// The rule (results are equal to the bit for every row count, batch, thread count and instance):
//   a row of x is quantised in blocks of 32: s = max|x| / 127 in fp32, q = x * (127 / max|x|) to
//   the nearest integer, ties to even (a block below 2^-100 counts as zeros; one with an infinity
//   or a NaN has s = NaN); the products of a block's integers are summed exactly; and an output
//   element is one chain of fused multiply-adds over the blocks in order, acc = fma(sum,
//   scale(weights) * s, acc), from 0 or, when accumulating, from what is there.
//
// Weights and scales are those of GGUF's Q8_0 and Q4_0, so that import and export change nothing.
// Inside they lie in panels of 16 outputs (quant_internal.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/huge_array.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "model/kernels/kernels.hpp"

namespace ol::model::kernels {

inline constexpr std::size_t quant_block = 32; // values of a row that share a scale

enum class QuantType : std::uint8_t {
    q8_0, // -128..127 times an f16 scale: 34 bytes for 32 values
    q4_0, // -8..7 times an f16 scale: 18 bytes for 32 values
};
// As GGUF names it: "Q8_0".
const char* to_string(QuantType type);
// Of its name in options and records: q8_0 or q4_0; anything else is an error that names both.
Result<QuantType> quant_type(std::string_view name);

// Rows of x, quantised once for all matrices that they are multiplied by. The buffers are kept from
// one quantize to the next.
class QuantRows {
public:
    // x[rows, in], rows x_row apart; in must be a multiple of 32.
    void quantize(const float* x, std::ptrdiff_t x_row, std::size_t rows, std::size_t in,
                  ThreadPool* pool, const Table& table = best());
    std::size_t rows() const { return rows_; }
    std::size_t in() const { return in_; }

private:
    friend class QuantMatrix;
    std::size_t rows_ = 0, in_ = 0;
    // [in / 32][rows]: 32 values, a scale, and the values' sum.
    std::vector<std::int8_t> values_;
    std::vector<float> scales_;
    std::vector<std::int32_t> sums_;
};

// Immutable once made; products may run in several threads at once.
class QuantMatrix {
public:
    // From row-major [out, in]. invalid_argument where in is not a multiple of 32, a value is not
    // finite, or too large for a scale in f16 (65504).
    static Result<QuantMatrix> quantize(QuantType type, const float* rows, std::size_t out,
                                        std::size_t in);
    // From the blocks of a GGUF tensor, row after row. corrupted where the size or a scale is
    // wrong.
    static Result<QuantMatrix> from_gguf(QuantType type, ByteView blocks, std::size_t out,
                                         std::size_t in);
    // The same blocks again: an f16 scale, then 32 or 16 bytes.
    Bytes gguf_rows() const;

    QuantType type() const { return type_; }
    std::size_t out() const { return out_; }
    std::size_t in() const { return in_; }
    std::size_t bytes() const { return memory_.size(); } // of memory

    // Outputs [first, first + count) as fp32, row-major [count, in].
    void dequantize_rows(std::size_t first, std::size_t count, float* to) const;

    // y[rows, out] (=, or += when accumulate) x[rows, in] W^T.
    void apply(const QuantRows& x, float* y, std::ptrdiff_t y_row, ThreadPool* pool,
               bool accumulate = false, const Table& table = best()) const;
    void apply(const float* x, std::ptrdiff_t x_row, std::size_t rows, float* y,
               std::ptrdiff_t y_row, ThreadPool* pool, bool accumulate = false,
               const Table& table = best()) const;

private:
    QuantMatrix(QuantType type, std::size_t out, std::size_t in);
    // The place of one block of one output.
    struct Place {
        std::uint8_t* scale;
        std::uint8_t* values;
    };
    Place place(std::size_t output, std::size_t block) const;
    void set_block(std::size_t output, std::size_t block, const std::uint8_t* gguf);
    void get_block(std::size_t output, std::size_t block, std::uint8_t* gguf) const;

    QuantType type_ = QuantType::q8_0;
    std::size_t out_ = 0, in_ = 0;
    HugeArray<std::uint8_t> memory_;
};

} // namespace ol::model::kernels
