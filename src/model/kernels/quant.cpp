#include "model/kernels/quant.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.hpp"
#include "model/half.hpp"
#include "model/kernels/quant_internal.hpp"

namespace ol::model::kernels {
namespace {

constexpr std::size_t serial_work = 1
                                    << 20; // bytes of weights times rows, not worth waking a thread

std::size_t divide_up(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

void run(ThreadPool* pool, std::size_t count, std::size_t work_each,
         const std::function<void(std::size_t, std::size_t)>& body) {
    if (count == 0) return;
    if (pool == nullptr || pool->threads() == 1 || count * work_each < serial_work) {
        body(0, count);
        return;
    }
    const std::size_t grain = serial_work / 4 / std::max<std::size_t>(1, work_each);
    pool->parallel_for(count, std::max<std::size_t>(1, grain), body);
}

// One block as ggml quantises it (quantize_row_q8_0_ref, quantize_row_q4_0_ref); false where the
// scale is no finite half.
bool quantize_block(QuantType type, const float* x, std::uint8_t* gguf) {
    float most = 0, signed_most = 0;
    for (std::size_t i = 0; i < quant_block; ++i) {
        if (!std::isfinite(x[i])) return false;
        if (std::fabs(x[i]) > most) {
            most = std::fabs(x[i]);
            signed_most = x[i];
        }
    }
    const float scale = type == QuantType::q8_0 ? most / 127.0F : signed_most / -8.0F;
    const float inverse = scale != 0.0F ? 1.0F / scale : 0.0F;
    const std::uint16_t half = f32_to_f16(scale);
    if ((half & 0x7fffU) >= 0x7c00U) return false;
    std::memcpy(gguf, &half, 2);
    gguf += 2;
    // A scale whose inverse overflows is zero as a half, so what its values are has no effect.
    const float factor = std::isfinite(inverse) ? inverse : 0.0F;
    if (type == QuantType::q8_0) {
        for (std::size_t i = 0; i < quant_block; ++i) {
            gguf[i] =
                static_cast<std::uint8_t>(static_cast<std::int8_t>(std::round(x[i] * factor)));
        }
    } else {
        const auto nibble = [&](float value) {
            return std::min(15, static_cast<int>(value * factor + 8.5F));
        };
        for (std::size_t i = 0; i < quant_block / 2; ++i) {
            gguf[i] = static_cast<std::uint8_t>(nibble(x[i]) | nibble(x[i + quant_block / 2]) << 4);
        }
    }
    return true;
}

} // namespace

const char* to_string(QuantType type) { return type == QuantType::q8_0 ? "Q8_0" : "Q4_0"; }

Result<QuantType> quant_type(std::string_view name) {
    if (name == "q8_0") return QuantType::q8_0;
    if (name == "q4_0") return QuantType::q4_0;
    return fail(ErrorCode::invalid_argument, "quantization '{}' is not known; use q8_0 or q4_0",
                name);
}

void QuantRows::quantize(const float* x, std::ptrdiff_t x_row, std::size_t rows, std::size_t in,
                         ThreadPool* pool, const Table& table) {
    OL_CHECK(in % quant_block == 0);
    rows_ = rows;
    in_ = in;
    const std::size_t blocks = in / quant_block;
    if (values_.size() < rows * in) {
        values_.resize(rows * in);
        scales_.resize(rows * blocks);
        sums_.resize(rows * blocks);
    }
    run(pool, rows, 4 * in, [&](std::size_t begin, std::size_t end) {
        for (std::size_t m = begin; m < end; ++m) {
            table.quant->quantize(x + static_cast<std::ptrdiff_t>(m) * x_row, blocks, rows,
                                  values_.data() + m * quant_block, scales_.data() + m,
                                  sums_.data() + m);
        }
    });
}

QuantMatrix::QuantMatrix(QuantType type, std::size_t out, std::size_t in)
    : type_(type)
    , out_(out)
    , in_(in)
    , memory_(divide_up(out, panel) * (in / quant_block) * quant_panel_block_bytes(type)) {}

QuantMatrix::Place QuantMatrix::place(std::size_t output, std::size_t block) const {
    const std::size_t blocks = in_ / quant_block;
    auto* at = const_cast<std::uint8_t*>(memory_.data()) +
               (output / panel * blocks + block) * quant_panel_block_bytes(type_);
    return {at + 2 * (output % panel), at + quant_scale_bytes + 4 * (output % panel)};
}

void QuantMatrix::set_block(std::size_t output, std::size_t block, const std::uint8_t* gguf) {
    const Place to = place(output, block);
    std::memcpy(to.scale, gguf, 2);
    // GGUF's nibbles of byte i are the values i and i + 16, as here those of groups g and g + 4.
    for (std::size_t i = 2; i < quant_gguf_block_bytes(type_); i += 4) {
        std::memcpy(to.values + (i - 2) * panel, gguf + i, 4);
    }
}

void QuantMatrix::get_block(std::size_t output, std::size_t block, std::uint8_t* gguf) const {
    const Place from = place(output, block);
    std::memcpy(gguf, from.scale, 2);
    for (std::size_t i = 2; i < quant_gguf_block_bytes(type_); i += 4) {
        std::memcpy(gguf + i, from.values + (i - 2) * panel, 4);
    }
}

Result<QuantMatrix> QuantMatrix::quantize(QuantType type, const float* rows, std::size_t out,
                                          std::size_t in) {
    if (in % quant_block != 0) {
        return fail(ErrorCode::invalid_argument,
                    "{} needs rows of a multiple of {} values, these have {}; keep the matrix in "
                    "fp32 or bf16",
                    to_string(type), quant_block, in);
    }
    QuantMatrix matrix(type, out, in);
    std::uint8_t gguf[2 + quant_block];
    for (std::size_t n = 0; n < out; ++n) {
        for (std::size_t b = 0; b < in / quant_block; ++b) {
            if (!quantize_block(type, rows + n * in + b * quant_block, gguf)) {
                return fail(ErrorCode::invalid_argument,
                            "row {}, values {} to {} cannot be {}: not finite, or too large for a "
                            "scale in f16",
                            n, b * quant_block, (b + 1) * quant_block - 1, to_string(type));
            }
            matrix.set_block(n, b, gguf);
        }
    }
    return matrix;
}

Result<QuantMatrix> QuantMatrix::from_gguf(QuantType type, ByteView blocks, std::size_t out,
                                           std::size_t in) {
    const std::size_t each = quant_gguf_block_bytes(type);
    if (in % quant_block != 0 || (in != 0 && out > blocks.size() / each) ||
        blocks.size() != out * (in / quant_block) * each) {
        return fail(ErrorCode::corrupted, "{} bytes are not {} rows of {} values in {}",
                    blocks.size(), out, in, to_string(type));
    }
    QuantMatrix matrix(type, out, in);
    const std::uint8_t* from = blocks.data();
    for (std::size_t n = 0; n < out; ++n) {
        for (std::size_t b = 0; b < in / quant_block; ++b, from += each) {
            std::uint16_t half;
            std::memcpy(&half, from, 2);
            if ((half & 0x7c00U) == 0x7c00U) {
                return fail(ErrorCode::corrupted, "row {}, block {}: the scale is not finite", n,
                            b);
            }
            matrix.set_block(n, b, from);
        }
    }
    return matrix;
}

Bytes QuantMatrix::gguf_rows() const {
    const std::size_t each = quant_gguf_block_bytes(type_), blocks = in_ / quant_block;
    Bytes out(out_ * blocks * each);
    for (std::size_t n = 0; n < out_; ++n) {
        for (std::size_t b = 0; b < blocks; ++b) {
            get_block(n, b, out.data() + (n * blocks + b) * each);
        }
    }
    return out;
}

void QuantMatrix::dequantize_rows(std::size_t first, std::size_t count, float* to) const {
    OL_CHECK(first + count <= out_);
    std::uint8_t gguf[2 + quant_block];
    for (std::size_t n = first; n < first + count; ++n) {
        for (std::size_t b = 0; b < in_ / quant_block; ++b, to += quant_block) {
            get_block(n, b, gguf);
            std::uint16_t half;
            std::memcpy(&half, gguf, 2);
            const float scale = f16_to_f32(half);
            for (std::size_t i = 0; i < quant_block; ++i) {
                const int value = type_ == QuantType::q8_0
                                      ? static_cast<std::int8_t>(gguf[2 + i])
                                      : (gguf[2 + i % 16] >> (i < 16 ? 0 : 4) & 15) - 8;
                to[i] = static_cast<float>(value) * scale;
            }
        }
    }
}

void QuantMatrix::apply(const QuantRows& x, float* y, std::ptrdiff_t y_row, ThreadPool* pool,
                        bool accumulate, const Table& table) const {
    OL_CHECK(x.in() == in_);
    const std::size_t rows = x.rows(), blocks = in_ / quant_block;
    if (rows == 0 || out_ == 0) return;
    const std::size_t panel_bytes = blocks * quant_panel_block_bytes(type_);
    const std::size_t panels = divide_up(out_, panel), row_tiles = divide_up(rows, quant_tile_rows);
    const std::uint8_t* first = memory_.data();
    const auto kernel = type_ == QuantType::q8_0 ? table.quant->tile_q8 : table.quant->tile_q4;
    // One row goes through as many parts of the matrix at once, and then the panels that are left.
    const std::size_t part = rows == 1 ? out_ / panel / quant_row_panels : 0;
    const std::size_t left = panels - part * quant_row_panels;
    // Neighbouring tasks share the rows, which then stay in a near cache.
    run(pool, part + row_tiles * left, std::min<std::size_t>(rows, quant_tile_rows) * panel_bytes,
        [&](std::size_t begin, std::size_t end) {
            QuantTile tile;
            tile.blocks = blocks;
            tile.apart = part * panel_bytes;
            tile.y_apart = signed_width(part * panel);
            tile.stride = rows;
            tile.y_row = y_row;
            tile.accumulate = accumulate;
            for (std::size_t task = begin; task < end; ++task) {
                const bool several = task < part;
                const std::size_t m = several ? 0 : (task - part) / left * quant_tile_rows;
                const std::size_t p =
                    several ? task : (task - part) % left + part * quant_row_panels;
                tile.panels = several ? quant_row_panels : 1;
                tile.weights = first + p * panel_bytes;
                tile.values = x.values_.data() + m * quant_block;
                tile.scales = x.scales_.data() + m;
                tile.sums = x.sums_.data() + m;
                tile.rows = static_cast<int>(std::min<std::size_t>(quant_tile_rows, rows - m));
                tile.y = y + signed_width(m) * y_row + p * panel;
                tile.columns = static_cast<int>(std::min<std::size_t>(panel, out_ - p * panel));
                kernel(tile);
            }
        });
}

void QuantMatrix::apply(const float* x, std::ptrdiff_t x_row, std::size_t rows, float* y,
                        std::ptrdiff_t y_row, ThreadPool* pool, bool accumulate,
                        const Table& table) const {
    thread_local QuantRows scratch;
    scratch.quantize(x, x_row, rows, in_, pool, table);
    apply(scratch, y, y_row, pool, accumulate, table);
}

} // namespace ol::model::kernels
