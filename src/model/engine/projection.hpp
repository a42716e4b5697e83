// The projections that read the same rows, arranged for the kernels.
#pragma once

#include <cstddef>
#include <vector>

#include "base/thread_pool.hpp"
#include "model/kernels/gemm.hpp"
#include "model/weights.hpp"

namespace ol::model {

// y = x W^T for one or several Linears of the same input, whose outputs lie side by side in a row
// of y. The bias is added later, behind the adapters.
class Projection {
public:
    struct Part {
        const Linear* linear;
        std::size_t out;
        const float* weight; // the linear's, or the table that it is tied to
    };
    Projection() = default;
    Projection(const std::vector<Part>& parts, std::size_t in);

    std::size_t out() const { return out_; }
    void apply(const float* x, std::ptrdiff_t x_row, std::size_t rows, float* y,
               std::ptrdiff_t y_row, ThreadPool& pool, const kernels::Table& table) const;
    bool has_bias() const { return !bias_.empty(); }
    const std::vector<float>& bias() const { return bias_; } // [out]; empty: none

private:
    struct Piece {
        std::size_t column = 0;
        kernels::PackedMatrix packed;
    };
    std::size_t in_ = 0, out_ = 0;
    std::vector<Piece> pieces_;
    std::vector<float> bias_;
};

} // namespace ol::model
