// Gradients of what a layer multiplies by: sums over rows, split over threads by columns.
#include "model/kernels/gemm.hpp"
#include "model/train/backprop_impl.hpp"

namespace ol::model {

using train::LayerTape;
using train::NormFactors;
using train::NormTape;
using train::signed_width;

namespace {

constexpr std::size_t gradient_columns = 192; // of one task
constexpr std::size_t norm_columns = 32;

} // namespace

void Backprop::Impl::give(const train::Document& document, std::size_t place, const float* values,
                          std::size_t count, float* total) const {
    if (job.per_document != nullptr) {
        std::copy_n(values, count,
                    job.per_document + document.ordinal * layout->parameters + place);
    }
    table.add(total, values, count);
}

void Backprop::Impl::adapter_gradients(std::size_t layer, const LayerTape& t,
                                       std::span<const SiteGradient> sites) {
    if (job.adapter == nullptr) return;
    enum class Kind { a, b, magnitude };
    struct Task {
        Kind kind;
        const SiteGradient* site;
        std::size_t column, width;
    };
    std::vector<Task> tasks;
    const auto split = [&](Kind kind, const SiteGradient& site, std::size_t columns) {
        for (std::size_t c = 0; c < columns; c += gradient_columns) {
            tasks.push_back({kind, &site, c, std::min(gradient_columns, columns - c)});
        }
    };
    std::array<bool, lora_group_count> done{};
    for (const auto& site : sites) {
        const auto& f = factors.at(site.site);
        if (f.rank == 0) continue;
        // The A matrices of a group see the same rows: one product.
        if (!done[site.group]) split(Kind::a, site, site_in(config, site.site));
        done[site.group] = true;
        split(Kind::b, site, site_out(config, site.site));
        if (!f.gain.empty()) split(Kind::magnitude, site, site_out(config, site.site));
    }
    pool.parallel_for(tasks.size(), 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const auto& task = tasks[i];
            switch (task.kind) {
            case Kind::a:
                a_gradient(layer, *task.site, task.column, task.width);
                break;
            case Kind::b:
                b_gradient(layer, t, *task.site, task.column, task.width);
                break;
            case Kind::magnitude:
                magnitude_gradient(layer, *task.site, task.column, task.width);
                break;
            }
        }
    });
}

// Columns of the A matrices of a group: low rows of dy times the rows that they saw.
void Backprop::Impl::a_gradient(std::size_t layer, const SiteGradient& s, std::size_t column,
                                std::size_t width) {
    thread_local train::Buffer part, turned;
    const std::size_t low = factors.groups[s.group].width, in = site_in(config, s.site);
    train::grow(part, low * width);
    train::grow(turned, low * width);
    for (const auto& document : documents) {
        train::outer({.rows = document.rows,
                      .n = width,
                      .m = low,
                      .wide = s.x + document.first_row * in + column,
                      .wide_row = in,
                      .narrow = dlow[s.group].data() + document.first_row * low,
                      .narrow_row = low,
                      .c = part.data(),
                      .c_row = low},
                     table);
        for (std::size_t r = 0; r < low; ++r) {
            for (std::size_t n = 0; n < width; ++n) turned[r * width + n] = part[n * low + r];
        }
        for (int i = lora_groups[s.group][0]; i < lora_groups[s.group][1]; ++i) {
            const auto site = static_cast<std::size_t>(i);
            const auto& f = factors.sites[site];
            for (std::size_t r = 0; r < f.rank; ++r) {
                give(document, layout->layers[layer][site].a + r * in + column,
                     turned.data() + (f.column + r) * width, width,
                     job.adapter->layers[layer][site].a.data() + r * in + column);
            }
        }
    }
}

// Rows of B: scale * gain * dy^T (x A^T).
void Backprop::Impl::b_gradient(std::size_t layer, const LayerTape& t, const SiteGradient& s,
                                std::size_t column, std::size_t width) {
    thread_local train::Buffer part;
    const auto site = static_cast<std::size_t>(s.site);
    const auto& f = factors.sites[site];
    const std::size_t low = factors.groups[s.group].width, rank = f.rank;
    const float scale = adapter->layers[layer][site].scale;
    train::grow(part, rank * width);
    for (const auto& document : documents) {
        train::outer({.rows = document.rows,
                      .n = width,
                      .m = rank,
                      .wide = s.dy + document.first_row * s.dy_row + column,
                      .wide_row = s.dy_row,
                      .narrow = t.low[s.group].data() + document.first_row * low + f.column,
                      .narrow_row = low,
                      .c = part.data(),
                      .c_row = rank},
                     table);
        scale_rows(part.data(), width, rank, scale, f.gain.empty() ? nullptr : &f.gain[column]);
        give(document, layout->layers[layer][site].b + column * rank, part.data(), width * rank,
             job.adapter->layers[layer][site].b.data() + column * rank);
    }
}

void Backprop::Impl::scale_rows(float* b, std::size_t count, std::size_t rank, float scale,
                                const float* gain) const {
    for (std::size_t n = 0; n < count; ++n) {
        table.scale(b + n * rank, gain == nullptr ? scale : scale * gain[n], rank);
    }
}

void Backprop::Impl::add_products(std::size_t count, const float* dy, std::size_t dy_row,
                                  std::span<const train::Term> product, std::size_t column,
                                  std::size_t width, float* sum) const {
    thread_local train::Buffer y;
    train::grow(y, train::block_rows * width);
    std::array<train::Term, 2> terms{};
    for (std::size_t first = 0; first < count; first += train::block_rows) {
        const std::size_t now = std::min(train::block_rows, count - first);
        for (std::size_t i = 0; i < product.size(); ++i) {
            terms[i] = product[i];
            terms[i].a += first * terms[i].a_row;
        }
        train::multiply_columns(now, std::span(terms).first(product.size()), column, width,
                                y.data(), width, false, table);
        for (std::size_t i = 0; i < now; ++i) {
            table.rms_weight(dy + (first + i) * dy_row + column, y.data() + i * width, 1.0F, sum,
                             width);
        }
    }
}

// dm = sum of dy * y / m over the rows, y what the adapter makes of the rows it saw, without bias.
void Backprop::Impl::magnitude_gradient(std::size_t layer, const SiteGradient& s,
                                        std::size_t column, std::size_t width) {
    const auto site = static_cast<std::size_t>(s.site);
    const auto& f = factors.sites[site];
    const std::size_t in = site_in(config, s.site);
    std::vector<float> sum(width);
    for (const auto& document : documents) {
        std::fill(sum.begin(), sum.end(), 0.0F);
        const float* from = s.x + document.first_row * in;
        // With dropout W and the change are apart; the rows are the same here.
        const train::Term terms[2] = {{from, in, &f.forward}, {from, in, &f.change}};
        add_products(document.rows, s.dy + document.first_row * s.dy_row, s.dy_row,
                     std::span(terms, dropping ? 2 : 1), column, width, sum.data());
        for (std::size_t n = 0; n < width; ++n) sum[n] *= f.inverse_magnitude[column + n];
        give(document, layout->layers[layer][site].magnitude + column, sum.data(), width,
             job.adapter->layers[layer][site].magnitude.data() + column);
    }
}

void Backprop::Impl::weight_gradient(std::size_t layer, const SiteGradient& s) {
    const std::size_t in = site_in(config, s.site), out = site_out(config, s.site);
    auto& linear = job.weights->layers[layer].at(s.site);
    kernels::multiply({.m = out,
                       .n = in,
                       .k = rows,
                       .a = {s.dy, 1, signed_width(s.dy_row)},
                       .b = {s.x, signed_width(in), 1},
                       .c = linear.weight.data(),
                       .c_row = signed_width(in),
                       .accumulate = true},
                      &pool, table);
    if (!linear.bias.empty()) bias_gradient(s.dy, s.dy_row, rows, linear.bias);
}

void Backprop::Impl::bias_gradient(const float* dy, std::size_t dy_row, std::size_t count,
                                   std::vector<float>& to) {
    const std::size_t width = to.size();
    pool.parallel_for((width + norm_columns - 1) / norm_columns, 4,
                      [&](std::size_t begin, std::size_t end) {
                          const std::size_t first = begin * norm_columns;
                          const std::size_t last = std::min(width, end * norm_columns);
                          for (std::size_t i = 0; i < count; ++i) {
                              table.add(to.data() + first, dy + i * dy_row + first, last - first);
                          }
                      });
}

void Backprop::Impl::norm_gradient(const NormFactors& norm, Norm& to, const float* dy,
                                   const float* from, std::size_t count, const NormTape& tape_) {
    if (!norm.present()) return;
    pool.parallel_for(
        (hidden + norm_columns - 1) / norm_columns, 1, [&](std::size_t begin, std::size_t end) {
            const std::size_t first = begin * norm_columns;
            const std::size_t width = std::min(hidden, end * norm_columns) - first;
            for (std::size_t i = 0; i < count; ++i) {
                const float* d = dy + i * hidden + first;
                const float* row = from + i * hidden + first;
                float* sum = to.weight.data() + first;
                if (config.layer_norm) {
                    train_kernels.layer_weight(d, row, tape_.mean[i], tape_.r[i], sum, width);
                } else {
                    table.rms_weight(d, row, tape_.r[i], sum, width);
                }
            }
        });
    if (config.layer_norm) bias_gradient(dy, hidden, count, to.bias);
}

void Backprop::Impl::qk_norm_gradients(std::size_t layer, const LayerTape& t) {
    auto& weights = job.weights->layers[layer];
    const std::size_t width = q_width + kv_width, each = heads + kv_heads;
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < each; ++j) {
            auto& to = j < heads ? weights.q_norm : weights.k_norm;
            const std::size_t at = i * width + j * size;
            table.rms_weight(draw.data() + at, t.raw.data() + at, t.qk_norm.r[i * each + j],
                             to.weight.data(), size);
        }
    }
}

} // namespace ol::model
