#include "model/engine/projection.hpp"

#include <algorithm>

namespace ol::model {

Projection::Projection(const std::vector<Part>& parts, std::size_t in)
    : in_(in) {
    bool biased = false;
    for (const auto& part : parts) {
        out_ += part.out;
        biased = biased || !part.linear->bias.empty();
    }
    if (biased) bias_.assign(out_, 0.0F);
    // Side by side in one matrix: fewer, larger products.
    auto& piece = pieces_.emplace_back();
    piece.packed = kernels::PackedMatrix(out_, in);
    std::size_t at = 0;
    for (const auto& part : parts) {
        piece.packed.set_rows(at, part.weight, part.out);
        std::copy(part.linear->bias.begin(), part.linear->bias.end(),
                  bias_.begin() + static_cast<std::ptrdiff_t>(biased ? at : 0));
        at += part.out;
    }
}

void Projection::apply(const float* x, std::ptrdiff_t x_row, std::size_t rows, float* y,
                       std::ptrdiff_t y_row, ThreadPool& pool, const kernels::Table& table) const {
    for (const auto& piece : pieces_) {
        piece.packed.apply(x, x_row, rows, y + piece.column, y_row, &pool, false, table);
    }
}

} // namespace ol::model
