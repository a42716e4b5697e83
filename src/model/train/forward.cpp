#include "model/kernels/gemm.hpp"
#include "model/rope.hpp"
#include "model/train/backprop_impl.hpp"
#include "model/train/noise.hpp"

namespace ol::model {

using train::LayerTape;
using train::NormFactors;
using train::NormTape;
using train::padded;
using train::signed_width;
using train::Term;

void Backprop::Impl::blocks(std::size_t count, const RowBody& body) {
    const std::size_t number = (count + train::block_rows - 1) / train::block_rows;
    pool.parallel_for(number, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            body(i * train::block_rows, std::min(count, (i + 1) * train::block_rows));
        }
    });
}

void Backprop::Impl::norm_rows(const NormFactors& norm, const float* from, float* to,
                               std::size_t begin, std::size_t end, NormTape& tape_) const {
    const float* factor = norm.factor();
    for (std::size_t i = begin; i < end; ++i) {
        const float* row = from + (i - begin) * hidden;
        float* out = to + (i - begin) * hidden;
        if (config.layer_norm) {
            tape_.r[i] = table.layer_norm(row, factor, norm.norm->bias.data(), out, hidden,
                                          config.norm_epsilon, &tape_.mean[i]);
        } else {
            tape_.r[i] = table.rms_norm(row, factor, out, hidden, config.norm_epsilon);
        }
    }
}

void Backprop::Impl::norm_again(const NormFactors& norm, const float* from, float* to,
                                std::size_t begin, std::size_t end, const NormTape& tape_) const {
    const float* factor = norm.factor();
    for (std::size_t i = begin; i < end; ++i) {
        const float* row = from + (i - begin) * hidden;
        float* out = to + (i - begin) * hidden;
        if (config.layer_norm) {
            table.layer_apply(row, factor, norm.norm->bias.data(), tape_.mean[i], tape_.r[i], out,
                              hidden);
        } else {
            table.rms_apply(row, factor, tape_.r[i], out, hidden);
        }
    }
}

void Backprop::Impl::norm_back(const NormFactors& norm, const float* dy, const float* from,
                               float* to, std::size_t begin, std::size_t end,
                               const NormTape& tape_) const {
    const float* factor = norm.factor();
    for (std::size_t i = begin; i < end; ++i) {
        const std::size_t at = (i - begin) * hidden;
        if (config.layer_norm) {
            train_kernels.layer_backward(dy + at, from + at, factor, tape_.mean[i], tape_.r[i],
                                         to + at, hidden);
        } else {
            table.rms_backward(dy + at, from + at, factor, tape_.r[i], to + at, hidden);
        }
    }
}

void Backprop::Impl::fill_factors(std::size_t layer, bool forward, bool backward_) {
    train::fill_layer(
        config, model.weights.layers[layer], adapter != nullptr ? &adapter->layers[layer] : nullptr,
        {.forward = forward, .backward = backward_, .apart = dropping}, factors, pool, table);
}

// to = from W^T + bias, and the adapter's part: merged into W, or with dropout of the rows it sees.
void Backprop::Impl::project(Site site, std::size_t layer, std::size_t group, const float* from,
                             const float* seen, const LayerTape& t, std::size_t begin,
                             std::size_t end, float* to, std::size_t to_row) const {
    const auto& f = factors.at(site);
    const std::size_t in = site_in(config, site), count = end - begin;
    const bool changed = dropping && !f.gain.empty();
    const Term terms[2] = {{from, in, &f.forward}, {seen, in, &f.change}};
    train::multiply_rows(count, std::span(terms, changed ? 2 : 1), to, to_row, false, table);
    const auto& bias = model.weights.layers[layer].at(site).bias;
    if (!bias.empty()) {
        for (std::size_t i = 0; i < count; ++i) {
            table.add(to + i * to_row, bias.data(), bias.size());
        }
    }
    if (!dropping || f.rank == 0 || changed) return;
    const std::size_t width = factors.groups[group].width;
    const Term low{t.low[group].data() + begin * width + f.column, width, &f.b};
    train::multiply_rows(count, {&low, 1}, to, to_row, true, table);
}

void Backprop::Impl::drop(float* rows_of_group, std::size_t width, std::size_t layer,
                          std::size_t group, std::size_t begin, std::size_t end) const {
    const train::Dropout dropout(*job.noise);
    for (const auto& document : documents) {
        const std::size_t first = std::max(begin, document.first_row);
        const std::size_t last = std::min(end, document.first_row + document.rows);
        for (std::size_t i = first; i < last; ++i) {
            dropout.apply(rows_of_group + (i - begin) * width, width, document.ordinal,
                          i - document.first_row, layer * lora_group_count + group);
        }
    }
}

const float* Backprop::Impl::shrink(std::size_t group, std::size_t layer, const float* from,
                                    std::size_t begin, std::size_t end, LayerTape& t,
                                    train::Buffer& dropped) const {
    const auto& g = factors.groups[group];
    if (g.width == 0) return from;
    const std::size_t in = g.a.depth(), count = end - begin;
    if (dropping) {
        dropped.assign(from, from + count * in);
        drop(dropped.data(), in, layer, group, begin, end);
        from = dropped.data();
    }
    const Term term{from, in, &g.a};
    train::multiply_rows(count, {&term, 1}, t.low[group].data() + begin * g.width, g.width, false,
                         table);
    return from;
}

void Backprop::Impl::turn(float* qkv_rows, std::size_t layer, std::size_t begin, std::size_t end,
                          float direction) const {
    if (config.learned_positions) return;
    const bool local = has_local_rope(config) && config.window(layer) != 0;
    const auto& angles = local ? local_rope : rope;
    for (const auto& document : documents) {
        const std::size_t first = std::max(begin, document.first_row);
        const std::size_t last = std::min(end, document.first_row + document.rows);
        for (std::size_t i = first; i < last; ++i) {
            const float* cosine = angles.cosine(i - document.first_row);
            const float* sine = angles.sine(i - document.first_row);
            float* row = qkv_rows + (i - begin) * qkv_width;
            for (std::size_t head_index = 0; head_index < heads + kv_heads; ++head_index) {
                table.rope(row + head_index * size, cosine, sine, angles.half(), direction);
            }
        }
    }
}

// From the residual stream to turned q, k and v.
void Backprop::Impl::attention_in(std::size_t i, LayerTape& t, std::size_t begin, std::size_t end) {
    thread_local train::Buffer normed, dropped;
    const std::size_t count = end - begin;
    train::grow(normed, count * hidden);
    norm_rows(norms[i].attention, x[i].data() + begin * hidden, normed.data(), begin, end,
              t.attention_norm);
    const float* seen = shrink(0, i, normed.data(), begin, end, t, dropped);
    float* qkv = t.qkv.data() + begin * qkv_width;
    std::size_t column = 0;
    for (const auto site : {Site::q, Site::k, Site::v, Site::qkv}) {
        if (!has_site(config, site)) continue;
        project(site, i, 0, normed.data(), seen, t, begin, end, qkv + column, qkv_width);
        column += site_out(config, site);
    }
    if (norms[i].q.present()) {
        const std::size_t width = q_width + kv_width;
        for (std::size_t r = 0; r < count; ++r) {
            float* row = qkv + r * qkv_width;
            float* raw = t.raw.data() + (begin + r) * width;
            std::copy_n(row, width, raw);
            for (std::size_t j = 0; j < heads + kv_heads; ++j) {
                const auto& norm = j < heads ? norms[i].q : norms[i].k;
                t.qk_norm.r[(begin + r) * (heads + kv_heads) + j] = table.rms_norm(
                    raw + j * size, norm.factor(), row + j * size, size, config.norm_epsilon);
            }
        }
    }
    turn(qkv, i, begin, end, 1.0F);
}

void Backprop::Impl::attention(std::size_t i, LayerTape& t) {
    const std::size_t group = heads / kv_heads, value_row = padded(size);
    pool.parallel_for(documents.size() * kv_heads, 1, [&](std::size_t begin, std::size_t end) {
        thread_local train::Buffer keys, values;
        for (std::size_t task = begin; task < end; ++task) {
            const auto& document = documents[task / kv_heads];
            const std::size_t g = task % kv_heads;
            const float* first = t.qkv.data() + document.first_row * qkv_width;
            const float* first_key = first + q_width + g * size;
            train::grow(keys, padded(document.rows) * size);
            train::grow(values, document.rows * value_row);
            for (std::size_t p = 0; p < document.rows; p += kernels::panel) {
                kernels::pack_panel({first_key + p * qkv_width, 1, signed_width(qkv_width)}, size,
                                    std::min<std::size_t>(kernels::panel, document.rows - p),
                                    keys.data() + p * size);
            }
            for (std::size_t p = 0; p < document.rows; ++p) {
                float* value = values.data() + p * value_row;
                std::copy_n(first_key + kv_width + p * qkv_width, size, value);
                std::fill(value + size, value + value_row, 0.0F);
            }
            kernels::AttentionRows a;
            a.head_size = size;
            a.rows = document.rows;
            a.scale = score_scale;
            a.softcap = config.attention_softcap;
            a.window = config.window(i);
            a.q_row = signed_width(qkv_width);
            a.cache = {keys.data(), signed_width(kernels::panel * size), values.data(),
                       signed_width(value_row)};
            a.out_row = signed_width(q_width);
            for (std::size_t index = g * group; index < (g + 1) * group; ++index) {
                a.q = first + index * size;
                a.out = t.mixed.data() + document.first_row * q_width + index * size;
                a.top = t.top.data() + index * rows + document.first_row;
                a.inverse = t.inverse.data() + index * rows + document.first_row;
                kernels::attend(a, table);
            }
        }
    });
}

void Backprop::Impl::activate(const LayerTape& t, float* to, std::size_t begin,
                              std::size_t end) const {
    const std::size_t at = begin * inner, count = (end - begin) * inner;
    const float* up = t.up.data() + at;
    if (!config.gated_mlp) {
        table.gelu(up, to, count);
    } else if (config.activation == Activation::silu) {
        table.swiglu(t.gate.data() + at, up, to, count);
    } else {
        table.geglu(t.gate.data() + at, up, to, count);
    }
}

// From attention's output to the residual stream after the MLP.
void Backprop::Impl::attention_out(std::size_t i, LayerTape& t, std::size_t begin,
                                   std::size_t end) {
    thread_local train::Buffer normed, product, dropped;
    const std::size_t count = end - begin;
    train::grow(normed, count * hidden);
    train::grow(product, count * inner);
    const auto& n = norms[i];
    // The product of a projection, normed where the family does that, added to the stream.
    const auto add_to = [&](const NormFactors& norm, float* kept, NormTape& norm_tape,
                            const float* from, float* to) {
        if (norm.present()) {
            norm_rows(norm, kept, normed.data(), begin, end, norm_tape);
            kept = normed.data();
        }
        std::copy_n(from, count * hidden, to);
        table.add(to, kept, count * hidden);
    };
    const float* mixed = t.mixed.data() + begin * q_width;
    float* mid = t.x_mid.data() + begin * hidden;
    float* kept =
        n.attention_out.present() ? t.attention_out.data() + begin * hidden : normed.data();
    const float* seen = shrink(1, i, mixed, begin, end, t, dropped);
    project(Site::o, i, 1, mixed, seen, t, begin, end, kept, hidden);
    add_to(n.attention_out, kept, t.attention_out_norm, x[i].data() + begin * hidden, mid);

    norm_rows(n.mlp, mid, normed.data(), begin, end, t.mlp_norm);
    seen = shrink(2, i, normed.data(), begin, end, t, dropped);
    for (const auto site : {Site::gate, Site::up}) {
        if (!has_site(config, site)) continue;
        float* to = (site == Site::gate ? t.gate : t.up).data() + begin * inner;
        project(site, i, 2, normed.data(), seen, t, begin, end, to, inner);
    }
    activate(t, product.data(), begin, end);
    kept = n.mlp_out.present() ? t.mlp_out.data() + begin * hidden : normed.data();
    seen = shrink(3, i, product.data(), begin, end, t, dropped);
    project(Site::down, i, 3, product.data(), seen, t, begin, end, kept, hidden);
    add_to(n.mlp_out, kept, t.mlp_out_norm, mid, x[i + 1].data() + begin * hidden);
}

void Backprop::Impl::forward_layer(std::size_t i, LayerTape& t) {
    blocks(rows, [&](std::size_t begin, std::size_t end) { attention_in(i, t, begin, end); });
    attention(i, t);
    blocks(rows, [&](std::size_t begin, std::size_t end) { attention_out(i, t, begin, end); });
}

} // namespace ol::model
