// The projections that read the same rows, arranged for the kernels: fp32 side by side in one
// matrix, quantized ones as they are, over rows that are quantised once.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/thread_pool.hpp"
#include "model/kernels/gemm.hpp"
#include "model/kernels/quant.hpp"
#include "model/weights.hpp"

namespace ol::model {

// y = x W^T for one or several Linears of the same input, whose outputs lie side by side in a row
// of y. The bias is added later, behind the adapters.
class Projection {
public:
    struct Part {
        const Linear* linear;
        std::size_t out;
        const float* weight; // fp32: the linear's, or the table that it is tied to
    };
    Projection() = default;
    Projection(const std::vector<Part>& parts, std::size_t in);

    std::size_t out() const { return out_; }
    // `quantised`: room for x, kept from one call to the next.
    void apply(const float* x, std::ptrdiff_t x_row, std::size_t rows, float* y,
               std::ptrdiff_t y_row, kernels::QuantRows& quantised, ThreadPool& pool,
               const kernels::Table& table) const;
    // Weights of the outputs [first, first + count) as they were given: [count, in]. One part's,
    // and not a quantized one's.
    void copy_rows(std::size_t first, std::size_t count, float* to) const;
    std::vector<float> rows(std::size_t first, std::size_t count) const;
    bool is_quantized() const { return any_quantized_; } // any part of it
    bool has_bias() const { return !bias_.empty(); }
    const std::vector<float>& bias() const { return bias_; } // [out]; empty: none

private:
    struct Piece {
        std::size_t column = 0;
        kernels::PackedMatrix packed;
        std::shared_ptr<const kernels::QuantMatrix> quantized; // in place of `packed`
    };
    std::size_t in_ = 0, out_ = 0;
    bool any_quantized_ = false;
    std::vector<Piece> pieces_;
    std::vector<float> bias_;
};

} // namespace ol::model
