#include "model/engine/projection.hpp"

#include <algorithm>
#include <bit>
#include <span>

#include "base/check.hpp"

namespace ol::model {

namespace {

bool are_bf16(std::span<const float> weights) {
    return std::ranges::all_of(
        weights, [](float w) { return (std::bit_cast<std::uint32_t>(w) & 0xffff) == 0; });
}

} // namespace

Projection::Projection(const std::vector<Part>& parts, std::size_t in)
    : in_(in) {
    bool biased = false;
    for (const auto& part : parts) {
        out_ += part.out;
        biased = biased || !part.linear->bias.empty();
        any_quantized_ = any_quantized_ || part.linear->quantized != nullptr;
    }
    if (biased) bias_.assign(out_, 0.0F);
    // Side by side in one matrix: fewer, larger products.
    if (!any_quantized_) {
        // Half the memory where nothing is lost by it: the bits of products are the same.
        const bool all_bf16 = std::ranges::all_of(parts, [&](const Part& part) {
            return are_bf16({part.weight, part.out * in});
        });
        const auto storage = all_bf16 ? kernels::Storage::bf16 : kernels::Storage::f32;
        pieces_.push_back({0, kernels::PackedMatrix(out_, in, storage), nullptr});
    }
    std::size_t at = 0;
    for (const auto& part : parts) {
        if (!any_quantized_) {
            pieces_[0].packed.set_rows(at, part.weight, part.out);
        } else if (part.linear->quantized != nullptr) {
            pieces_.push_back({at, {}, part.linear->quantized});
        } else {
            auto& piece = pieces_.emplace_back(at, kernels::PackedMatrix(part.out, in), nullptr);
            piece.packed.set_rows(0, part.weight, part.out);
        }
        if (biased) {
            std::copy(part.linear->bias.begin(), part.linear->bias.end(),
                      bias_.begin() + static_cast<std::ptrdiff_t>(at));
        }
        at += part.out;
    }
}

void Projection::copy_rows(std::size_t first, std::size_t count, float* to) const {
    for (const auto& piece : pieces_) {
        if (first < piece.column || first + count > piece.column + piece.packed.out()) continue;
        return piece.packed.get_rows(first - piece.column, to, count);
    }
    OL_CHECK(false);
}

std::vector<float> Projection::rows(std::size_t first, std::size_t count) const {
    std::vector<float> out(count * in_);
    copy_rows(first, count, out.data());
    return out;
}

void Projection::apply(const float* x, std::ptrdiff_t x_row, std::size_t rows, float* y,
                       std::ptrdiff_t y_row, kernels::QuantRows& quantised, ThreadPool& pool,
                       const kernels::Table& table) const {
    if (any_quantized_) quantised.quantize(x, x_row, rows, in_, &pool, table);
    for (const auto& piece : pieces_) {
        float* to = y + piece.column;
        if (piece.quantized != nullptr) {
            piece.quantized->apply(quantised, to, y_row, &pool, false, table);
        } else {
            piece.packed.apply(x, x_row, rows, to, y_row, &pool, false, table);
        }
    }
}

} // namespace ol::model
