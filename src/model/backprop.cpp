#include "model/backprop_internal.hpp"

namespace ol::model {

namespace {

constexpr std::size_t panel = kernels::panel;

std::size_t padded(std::size_t n) { return (n + panel - 1) / panel * panel; }

std::size_t largest_rank(const LoraAdapter& adapter) {
    std::size_t out = 0;
    for (const auto& layer : adapter.layers) {
        for (const auto& pair : layer) out = std::max<std::size_t>(out, pair.rank);
    }
    return out;
}

} // namespace

void Backprop::Impl::reserve(std::size_t count) {
    for (auto* buffer : {&x, &h, &out}) grow(*buffer, count * hidden);
    grow(act, count * inner);
    for (auto& t : tape) {
        for (auto* buffer : {&t.x, &t.x_mid}) grow(*buffer, count * hidden);
        for (auto* buffer : {&t.q, &t.mixed}) grow(*buffer, count * q_width);
        for (auto* buffer : {&t.k, &t.v}) grow(*buffer, count * kv_width);
        for (auto* buffer : {&t.norm1, &t.norm2}) grow(*buffer, count);
        for (auto* buffer : {&t.top, &t.inverse}) grow(*buffer, count * config.head_count);
        for (auto* buffer : {&t.gate, &t.up}) grow(*buffer, count * inner);
        if (adapter != nullptr) {
            const auto& pairs = adapter->layers[static_cast<std::size_t>(&t - tape.data())];
            for (std::size_t s = 0; s < site_count; ++s) grow(t.low[s], count * pairs[s].rank);
        }
    }
    if (!backward) return;
    for (auto* buffer : {&dx, &dh}) grow(*buffer, count * hidden);
    for (auto* buffer : {&dq, &dmixed}) grow(*buffer, count * q_width);
    for (auto* buffer : {&dk, &dv}) grow(*buffer, count * kv_width);
    grow(dact, count * inner);
    if (adapter != nullptr) grow(low, count * largest_rank(*adapter));
}

void Backprop::Impl::linear(std::size_t layer, Site site, const float* from, float* to) {
    const std::size_t in = site_in(config, site), n = site_out(config, site);
    kernels::multiply({.m = rows,
                       .n = n,
                       .k = in,
                       .a = {from, signed_(in), 1},
                       .b = {matrix(layer, site).data(), 1, signed_(in)},
                       .c = to,
                       .c_row = signed_(n)},
                      &pool, table);
    const LoraPair* lora = pair(layer, site);
    if (lora == nullptr) return;
    const std::size_t rank = lora->rank;
    float* t = tape[layer].low[static_cast<std::size_t>(site)].data();
    kernels::multiply({.m = rows,
                       .n = rank,
                       .k = in,
                       .a = {from, signed_(in), 1},
                       .b = {lora->a.data(), 1, signed_(in)},
                       .c = t,
                       .c_row = signed_(rank)},
                      &pool, table);
    table.scale(t, lora->scale, rows * rank);
    kernels::multiply({.m = rows,
                       .n = n,
                       .k = rank,
                       .a = {t, signed_(rank), 1},
                       .b = {lora->b.data(), 1, signed_(rank)},
                       .c = to,
                       .c_row = signed_(n),
                       .accumulate = true},
                      &pool, table);
}

// dx (=, or +=) dy W, and the gradients of W and of the site's adapter.
void Backprop::Impl::linear_backward(std::size_t layer, Site site, const float* dy,
                                     const float* from, float* to, bool accumulate) {
    const std::size_t in = site_in(config, site), n = site_out(config, site);
    const kernels::View rows_dy{dy, signed_(n), 1}, rows_x{from, signed_(in), 1};
    if (to != nullptr) {
        kernels::multiply({.m = rows,
                           .n = in,
                           .k = n,
                           .a = rows_dy,
                           .b = {matrix(layer, site).data(), signed_(in), 1},
                           .c = to,
                           .c_row = signed_(in),
                           .accumulate = accumulate},
                          &pool, table);
    }
    if (weight_gradients != nullptr) {
        kernels::multiply({.m = n,
                           .n = in,
                           .k = rows,
                           .a = rows_dy.transposed(),
                           .b = rows_x,
                           .c = weight_gradients->layers[layer].at(site).weight.data(),
                           .c_row = signed_(in),
                           .accumulate = true},
                          &pool, table);
    }
    const LoraPair* lora = pair(layer, site);
    if (lora == nullptr) return;
    const std::size_t rank = lora->rank;
    const float* t = tape[layer].low[static_cast<std::size_t>(site)].data();
    kernels::multiply({.m = rows,
                       .n = rank,
                       .k = n,
                       .a = rows_dy,
                       .b = {lora->b.data(), signed_(rank), 1},
                       .c = low.data(),
                       .c_row = signed_(rank)},
                      &pool, table);
    table.scale(low.data(), lora->scale, rows * rank);
    const kernels::View rows_low{low.data(), signed_(rank), 1};
    if (adapter_gradients != nullptr) {
        auto& gradient = adapter_gradients->layers[layer][static_cast<std::size_t>(site)];
        kernels::multiply({.m = n,
                           .n = rank,
                           .k = rows,
                           .a = rows_dy.transposed(),
                           .b = {t, signed_(rank), 1},
                           .c = gradient.b.data(),
                           .c_row = signed_(rank),
                           .accumulate = true},
                          &pool, table);
        kernels::multiply({.m = rank,
                           .n = in,
                           .k = rows,
                           .a = rows_low.transposed(),
                           .b = rows_x,
                           .c = gradient.a.data(),
                           .c_row = signed_(in),
                           .accumulate = true},
                          &pool, table);
    }
    if (to != nullptr) {
        kernels::multiply({.m = rows,
                           .n = in,
                           .k = rank,
                           .a = rows_low,
                           .b = {lora->a.data(), signed_(in), 1},
                           .c = to,
                           .c_row = signed_(in),
                           .accumulate = true},
                          &pool, table);
    }
}

// Rotates the heads of all rows of q and k by their place in their sequence.
void Backprop::Impl::turn(float* q, float* k, float direction) {
    rows_do(rows, [&, q, k](std::size_t begin, std::size_t end) {
        for (const auto& piece : pieces) {
            const std::size_t first = std::max(begin, piece.first_row);
            const std::size_t last = std::min(end, piece.first_row + piece.rows);
            for (std::size_t i = first; i < last; ++i) {
                const float* cosine = rope.cosine(i - piece.first_row);
                const float* sine = rope.sine(i - piece.first_row);
                for (std::size_t at = 0; at < q_width; at += config.head_size) {
                    table.rope(q + i * q_width + at, cosine, sine, rope.half(), direction);
                }
                for (std::size_t at = 0; at < kv_width; at += config.head_size) {
                    table.rope(k + i * kv_width + at, cosine, sine, rope.half(), direction);
                }
            }
        }
    });
}

void Backprop::Impl::attention_forward(std::size_t i) {
    auto& t = tape[i];
    const std::size_t size = config.head_size, group = config.head_count / config.kv_head_count;
    const std::size_t kv_heads = config.kv_head_count, value_row = padded(size);
    pool.parallel_for(pieces.size() * kv_heads, 1, [&](std::size_t begin, std::size_t end) {
        std::vector<float> keys, values;
        for (std::size_t task = begin; task < end; ++task) {
            const Piece& piece = pieces[task / kv_heads];
            const std::size_t g = task % kv_heads;
            keys.assign(padded(piece.rows) * size, 0.0F);
            values.assign(piece.rows * value_row, 0.0F);
            for (std::size_t p = 0; p < piece.rows; ++p) {
                const std::size_t at = (piece.first_row + p) * kv_width + g * size;
                float* key = keys.data() + p / panel * panel * size + p % panel;
                for (std::size_t d = 0; d < size; ++d) key[d * panel] = t.k[at + d];
                std::copy_n(t.v.data() + at, size, values.data() + p * value_row);
            }
            for (std::size_t head_index = g * group; head_index < (g + 1) * group; ++head_index) {
                kernels::AttentionRows a;
                a.head_size = size;
                a.rows = piece.rows;
                a.q = t.q.data() + piece.first_row * q_width + head_index * size;
                a.q_row = signed_(q_width);
                a.cache = {keys.data(), signed_(panel * size), values.data(), signed_(value_row)};
                a.out = t.mixed.data() + piece.first_row * q_width + head_index * size;
                a.out_row = signed_(q_width);
                a.top = t.top.data() + head_index * rows + piece.first_row;
                a.inverse = t.inverse.data() + head_index * rows + piece.first_row;
                kernels::attend(a, table);
            }
        }
    });
}

void Backprop::Impl::attention_backward(std::size_t i) {
    std::fill_n(dk.data(), rows * kv_width, 0.0F);
    std::fill_n(dv.data(), rows * kv_width, 0.0F);
    const std::size_t kv_heads = config.kv_head_count, group = config.head_count / kv_heads;
    const auto& t = tape[i];
    const std::size_t size = config.head_size;
    // The heads of a group add to the same keys and values, so they belong to one task, in order.
    pool.parallel_for(pieces.size() * kv_heads, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t task = begin; task < end; ++task) {
            const Piece& piece = pieces[task / kv_heads];
            const std::size_t g = task % kv_heads;
            const std::size_t kv_at = piece.first_row * kv_width + g * size;
            for (std::size_t index = g * group; index < (g + 1) * group; ++index) {
                const std::size_t q_at = piece.first_row * q_width + index * size;
                const std::size_t stat = index * rows + piece.first_row;
                kernels::attend_backward({.head_size = size,
                                          .rows = piece.rows,
                                          .q_row = signed_(q_width),
                                          .kv_row = signed_(kv_width),
                                          .q = t.q.data() + q_at,
                                          .k = t.k.data() + kv_at,
                                          .v = t.v.data() + kv_at,
                                          .out = t.mixed.data() + q_at,
                                          .d_out = dmixed.data() + q_at,
                                          .top = t.top.data() + stat,
                                          .inverse = t.inverse.data() + stat,
                                          .dq = dq.data() + q_at,
                                          .dk = dk.data() + kv_at,
                                          .dv = dv.data() + kv_at},
                                         table);
            }
        }
    });
}

// Leaves the layer's last contribution to the residual stream in `out`; the next norm adds it.
void Backprop::Impl::forward_layer(std::size_t i) {
    auto& t = tape[i];
    const auto& w = model.weights.layers[i];
    norm(w.attention_norm.weight, i == 0 ? nullptr : out.data(), t.x.data(), h.data(),
         t.norm1.data());
    linear(i, Site::q, h.data(), t.q.data());
    linear(i, Site::k, h.data(), t.k.data());
    linear(i, Site::v, h.data(), t.v.data());
    turn(t.q.data(), t.k.data(), 1.0F);
    attention_forward(i);
    linear(i, Site::o, t.mixed.data(), out.data());
    norm(w.mlp_norm.weight, out.data(), t.x_mid.data(), h.data(), t.norm2.data());
    linear(i, Site::gate, h.data(), t.gate.data());
    linear(i, Site::up, h.data(), t.up.data());
    rows_do(rows, [&](std::size_t begin, std::size_t end) {
        table.swiglu(t.gate.data() + begin * inner, t.up.data() + begin * inner,
                     act.data() + begin * inner, (end - begin) * inner);
    });
    linear(i, Site::down, act.data(), out.data());
}

// dx arrives as the gradient of the layer's output and leaves as that of its input.
void Backprop::Impl::backward_layer(std::size_t i) {
    auto& t = tape[i];
    const auto& w = model.weights.layers[i];
    LayerWeights* g = weight_gradients != nullptr ? &weight_gradients->layers[i] : nullptr;
    // Adapter gradients of `down` need SwiGLU's product, so it is computed before dact is used up.
    rows_do(rows, [&](std::size_t begin, std::size_t end) {
        table.swiglu(t.gate.data() + begin * inner, t.up.data() + begin * inner,
                     act.data() + begin * inner, (end - begin) * inner);
    });
    linear_backward(i, Site::down, dx.data(), act.data(), dact.data(), false);
    rows_do(rows, [&](std::size_t begin, std::size_t end) {
        table.swiglu_backward(t.gate.data() + begin * inner, t.up.data() + begin * inner,
                              dact.data() + begin * inner, act.data() + begin * inner,
                              (end - begin) * inner);
    });
    norm_again(w.mlp_norm.weight, t.x_mid.data(), t.norm2.data(), h.data());
    linear_backward(i, Site::gate, t.gate.data(), h.data(), dh.data(), false);
    linear_backward(i, Site::up, t.up.data(), h.data(), dh.data(), true);
    norm_backward(w.mlp_norm.weight, dh.data(), t.x_mid.data(), t.norm2.data(), dx.data(), rows,
                  g != nullptr ? &g->mlp_norm.weight : nullptr);

    linear_backward(i, Site::o, dx.data(), t.mixed.data(), dmixed.data(), false);
    attention_backward(i);
    turn(dq.data(), dk.data(), -1.0F);
    norm_again(w.attention_norm.weight, t.x.data(), t.norm1.data(), h.data());
    // Below the first layer there is only the embedding, which adapters leave alone.
    const bool need = i > 0 || weight_gradients != nullptr;
    float* to = need ? dh.data() : nullptr;
    linear_backward(i, Site::q, dq.data(), h.data(), to, false);
    linear_backward(i, Site::k, dk.data(), h.data(), to, true);
    linear_backward(i, Site::v, dv.data(), h.data(), to, true);
    if (need) {
        norm_backward(w.attention_norm.weight, dh.data(), t.x.data(), t.norm1.data(), dx.data(),
                      rows, g != nullptr ? &g->attention_norm.weight : nullptr);
    }
}

} // namespace ol::model
