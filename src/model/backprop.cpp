#include "model/backprop.hpp"

#include <algorithm>

#include "model/kernels/attention.hpp"
#include "model/kernels/exact_math.hpp"
#include "model/kernels/gemm.hpp"

namespace ol::model {

namespace {

constexpr std::size_t stacked_tokens = 2048; // activations of so many tokens live at once
constexpr std::size_t head_rows = 256;       // rows whose logits live at once
constexpr std::size_t query_block = 48;
constexpr std::size_t panel = kernels::panel;

std::size_t padded(std::size_t n) { return (n + panel - 1) / panel * panel; }
std::ptrdiff_t signed_(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }

void grow(std::vector<float>& buffer, std::size_t count) {
    if (buffer.size() < count) buffer.resize(count);
}

// What backward needs of a layer's forward. Normed rows and SwiGLU's product are computed again.
struct LayerTape {
    std::vector<float> x, norm1, q, k, v, mixed, top, inverse, x_mid, norm2, gate, up;
    std::array<std::vector<float>, site_count> low; // adapters: scale * x A^T
};

struct Piece {
    std::size_t first_row, rows;
    const Example* example;
};

} // namespace

struct Backprop::Impl {
    Impl(const Model& m, const LoraAdapter* a, ThreadPool& p)
        : model(m), config(m.config), adapter(a), pool(p), rope(config.head_size, config.rope_theta),
          hidden(config.hidden_size), inner(config.intermediate_size),
          q_width(std::size_t{config.head_count} * config.head_size),
          kv_width(std::size_t{config.kv_head_count} * config.head_size), tape(config.layer_count) {}

    double run(const std::vector<Example>& batch, float factor, Weights* weights, LoraAdapter* lora,
               bool backward);
    double run_stack(std::span<const Example> examples);
    void reserve(std::size_t count);

    void rows_do(std::size_t count, const std::function<void(std::size_t, std::size_t)>& body) {
        pool.parallel_for(count, 16, body);
    }
    // x (+= added, where given), kept in `kept`, and normed into `to`.
    void norm(const std::vector<float>& weight, const float* added, float* kept, float* to, float* r) {
        rows_do(rows, [&, added, kept, to, r](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                float* row = x.data() + i * hidden;
                if (added != nullptr) table.add(row, added + i * hidden, hidden);
                std::copy_n(row, hidden, kept + i * hidden);
                r[i] = table.rms_norm(row, weight.data(), to + i * hidden, hidden,
                                      config.norm_epsilon);
            }
        });
    }
    void norm_again(const std::vector<float>& weight, const float* from, const float* r, float* to) {
        rows_do(rows, [&, to, from, r](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                table.rms_apply(from + i * hidden, weight.data(), r[i], to + i * hidden, hidden);
            }
        });
    }
    // to += norm's gradient for dy; the weight's gradient too when all weights are trained.
    void norm_backward(const std::vector<float>& weight, const float* dy, const float* from,
                       const float* r, float* to, std::size_t count, std::vector<float>* dw) {
        rows_do(count, [&, dy, from, r, to](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                table.rms_backward(dy + i * hidden, from + i * hidden, weight.data(), r[i],
                                   to + i * hidden, hidden);
            }
        });
        if (dw == nullptr) return;
        pool.parallel_for((hidden + 31) / 32, 1, [&](std::size_t begin, std::size_t end) {
            const std::size_t first = begin * 32, last = std::min(hidden, end * 32);
            for (std::size_t i = 0; i < count; ++i) {
                table.rms_weight(dy + i * hidden + first, from + i * hidden + first, r[i],
                                 dw->data() + first, last - first);
            }
        });
    }

    template <class Layer>
    static auto& matrix_of(Layer& w, Site site) {
        switch (site) {
        case Site::q: return w.q;
        case Site::k: return w.k;
        case Site::v: return w.v;
        case Site::o: return w.o;
        case Site::gate: return w.gate;
        case Site::up: return w.up;
        default: return w.down;
        }
    }
    const std::vector<float>& matrix(std::size_t layer, Site site) const {
        return matrix_of(model.weights.layers[layer], site);
    }
    const LoraPair* pair(std::size_t layer, Site site) const {
        if (adapter == nullptr) return nullptr;
        const auto& found = adapter->layers[layer][static_cast<std::size_t>(site)];
        return found.a.empty() ? nullptr : &found;
    }
    void linear(std::size_t layer, Site site, const float* from, float* to);
    void linear_backward(std::size_t layer, Site site, const float* dy, const float* from, float* dx,
                         bool accumulate);

    void forward_layer(std::size_t i);
    void backward_layer(std::size_t i);
    void attention_forward(std::size_t i);
    void attention_backward(std::size_t i);
    void attention_backward_head(std::size_t layer, const Piece& piece, std::size_t head);
    void turn(float* q, float* k, float direction);
    double head();
    double head_block(std::size_t first, std::size_t count);

    const Model& model;
    const ModelConfig& config;
    const LoraAdapter* adapter;
    ThreadPool& pool;
    const kernels::Table& table = kernels::best();
    kernels::RopeTable rope;
    const std::size_t hidden, inner, q_width, kv_width;

    // The run in progress.
    float factor = 0;
    Weights* weight_gradients = nullptr;
    LoraAdapter* adapter_gradients = nullptr;
    bool backward = false;
    std::vector<Piece> pieces;
    std::size_t rows = 0;

    std::vector<LayerTape> tape;
    std::vector<float> x, h, out, act, dx, dq, dk, dv, dmixed, dh, dact, low;
    std::vector<std::size_t> loss_row;
    std::vector<TokenId> loss_target;
    std::vector<float> head_x, head_h, head_norm, head_dh, head_dx, logits;
    std::vector<double> row_loss;
};

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
            for (auto& buffer : t.low) grow(buffer, count * adapter->config.rank);
        }
    }
    if (!backward) return;
    for (auto* buffer : {&dx, &dh}) grow(*buffer, count * hidden);
    for (auto* buffer : {&dq, &dmixed}) grow(*buffer, count * q_width);
    for (auto* buffer : {&dk, &dv}) grow(*buffer, count * kv_width);
    grow(dact, count * inner);
    if (adapter != nullptr) grow(low, count * adapter->config.rank);
}

void Backprop::Impl::linear(std::size_t layer, Site site, const float* from, float* to) {
    const std::size_t in = site_in(config, site), n = site_out(config, site);
    kernels::multiply({.m = rows, .n = n, .k = in, .a = {from, signed_(in), 1},
                       .b = {matrix(layer, site).data(), 1, signed_(in)},
                       .c = to, .c_row = signed_(n)},
                      &pool, table);
    const LoraPair* lora = pair(layer, site);
    if (lora == nullptr) return;
    const std::size_t rank = adapter->config.rank;
    float* t = tape[layer].low[static_cast<std::size_t>(site)].data();
    kernels::multiply({.m = rows, .n = rank, .k = in, .a = {from, signed_(in), 1},
                       .b = {lora->a.data(), 1, signed_(in)}, .c = t, .c_row = signed_(rank)},
                      &pool, table);
    table.scale(t, adapter->config.scale(), rows * rank);
    kernels::multiply({.m = rows, .n = n, .k = rank, .a = {t, signed_(rank), 1},
                       .b = {lora->b.data(), 1, signed_(rank)}, .c = to, .c_row = signed_(n),
                       .accumulate = true},
                      &pool, table);
}

// dx (=, or +=) dy W, and the gradients of W and of the site's adapter.
void Backprop::Impl::linear_backward(std::size_t layer, Site site, const float* dy,
                                     const float* from, float* to, bool accumulate) {
    const std::size_t in = site_in(config, site), n = site_out(config, site);
    const kernels::View rows_dy{dy, signed_(n), 1}, rows_x{from, signed_(in), 1};
    if (to != nullptr) {
        kernels::multiply({.m = rows, .n = in, .k = n, .a = rows_dy,
                           .b = {matrix(layer, site).data(), signed_(in), 1},
                           .c = to, .c_row = signed_(in), .accumulate = accumulate},
                          &pool, table);
    }
    if (weight_gradients != nullptr) {
        kernels::multiply({.m = n, .n = in, .k = rows, .a = rows_dy.transposed(), .b = rows_x,
                           .c = matrix_of(weight_gradients->layers[layer], site).data(),
                           .c_row = signed_(in), .accumulate = true},
                          &pool, table);
    }
    const LoraPair* lora = pair(layer, site);
    if (lora == nullptr) return;
    const std::size_t rank = adapter->config.rank;
    const float* t = tape[layer].low[static_cast<std::size_t>(site)].data();
    kernels::multiply({.m = rows, .n = rank, .k = n, .a = rows_dy,
                       .b = {lora->b.data(), signed_(rank), 1},
                       .c = low.data(), .c_row = signed_(rank)},
                      &pool, table);
    table.scale(low.data(), adapter->config.scale(), rows * rank);
    const kernels::View rows_low{low.data(), signed_(rank), 1};
    if (adapter_gradients != nullptr) {
        auto& gradient = adapter_gradients->layers[layer][static_cast<std::size_t>(site)];
        kernels::multiply({.m = n, .n = rank, .k = rows, .a = rows_dy.transposed(),
                           .b = {t, signed_(rank), 1}, .c = gradient.b.data(),
                           .c_row = signed_(rank), .accumulate = true},
                          &pool, table);
        kernels::multiply({.m = rank, .n = in, .k = rows, .a = rows_low.transposed(), .b = rows_x,
                           .c = gradient.a.data(), .c_row = signed_(in), .accumulate = true},
                          &pool, table);
    }
    if (to != nullptr) {
        kernels::multiply({.m = rows, .n = in, .k = rank, .a = rows_low,
                           .b = {lora->a.data(), signed_(in), 1},
                           .c = to, .c_row = signed_(in), .accumulate = true},
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

// One head of one sequence, a block of query rows at a time: the block's probabilities P again from
// the stored maximum and sum, then dP = dO V^T, dS = P (dP - rowsum(dO O)) scale, dQ = dS K,
// dK += dS^T Q, dV += P^T dO.
void Backprop::Impl::attention_backward_head(std::size_t layer, const Piece& piece,
                                             std::size_t head_index) {
    const auto& t = tape[layer];
    const std::size_t size = config.head_size, group = config.head_count / config.kv_head_count;
    const std::size_t q_at = piece.first_row * q_width + head_index * size;
    const std::size_t kv_at = piece.first_row * kv_width + head_index / group * size;
    const kernels::View q{t.q.data() + q_at, signed_(q_width), 1};
    const kernels::View k{t.k.data() + kv_at, signed_(kv_width), 1};
    const kernels::View v{t.v.data() + kv_at, signed_(kv_width), 1};
    const kernels::View d_out{dmixed.data() + q_at, signed_(q_width), 1};
    const float scale = kernels::attention_scale(size);
    thread_local std::vector<float> p_room, d_room;
    grow(p_room, query_block * piece.rows);
    grow(d_room, query_block * piece.rows);
    for (std::size_t first = 0; first < piece.rows; first += query_block) {
        const std::size_t count = std::min(query_block, piece.rows - first);
        const std::size_t limit = first + count;
        const std::ptrdiff_t width = signed_(limit);
        kernels::multiply({.m = count, .n = limit, .k = size, .a = q.at(signed_(first), 0),
                           .b = k.transposed(), .c = p_room.data(), .c_row = width},
                          nullptr, table);
        kernels::multiply({.m = count, .n = limit, .k = size, .a = d_out.at(signed_(first), 0),
                           .b = v.transposed(), .c = d_room.data(), .c_row = width},
                          nullptr, table);
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t row = first + i, seen = row + 1;
            float* p = p_room.data() + i * limit;
            float* d = d_room.data() + i * limit;
            const std::size_t stat = head_index * rows + piece.first_row + row;
            table.exp_sum(p, scale, t.top[stat], seen);
            table.scale(p, t.inverse[stat], seen);
            const float mean = table.dot(d_out.data + signed_(row) * d_out.row,
                                         t.mixed.data() + q_at + row * q_width, size);
            table.softmax_backward(d, p, mean, scale, seen);
            std::fill(p + seen, p + limit, 0.0F);
            std::fill(d + seen, d + limit, 0.0F);
        }
        const kernels::View p{p_room.data(), width, 1}, ds{d_room.data(), width, 1};
        kernels::multiply({.m = count, .n = size, .k = limit, .a = ds, .b = k,
                           .c = dq.data() + q_at + first * q_width, .c_row = signed_(q_width)},
                          nullptr, table);
        kernels::multiply({.m = limit, .n = size, .k = count, .a = ds.transposed(),
                           .b = q.at(signed_(first), 0), .c = dk.data() + kv_at,
                           .c_row = signed_(kv_width), .accumulate = true},
                          nullptr, table);
        kernels::multiply({.m = limit, .n = size, .k = count, .a = p.transposed(),
                           .b = d_out.at(signed_(first), 0), .c = dv.data() + kv_at,
                           .c_row = signed_(kv_width), .accumulate = true},
                          nullptr, table);
    }
}

void Backprop::Impl::attention_backward(std::size_t i) {
    std::fill_n(dk.data(), rows * kv_width, 0.0F);
    std::fill_n(dv.data(), rows * kv_width, 0.0F);
    const std::size_t kv_heads = config.kv_head_count, group = config.head_count / kv_heads;
    // The heads of a group add to the same keys and values, so they belong to one task, in order.
    pool.parallel_for(pieces.size() * kv_heads, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t task = begin; task < end; ++task) {
            const std::size_t g = task % kv_heads;
            for (std::size_t index = g * group; index < (g + 1) * group; ++index) {
                attention_backward_head(i, pieces[task / kv_heads], index);
            }
        }
    });
}

// Leaves the layer's last contribution to the residual stream in `out`; the next norm adds it.
void Backprop::Impl::forward_layer(std::size_t i) {
    auto& t = tape[i];
    const auto& w = model.weights.layers[i];
    norm(w.input_norm, i == 0 ? nullptr : out.data(), t.x.data(), h.data(), t.norm1.data());
    linear(i, Site::q, h.data(), t.q.data());
    linear(i, Site::k, h.data(), t.k.data());
    linear(i, Site::v, h.data(), t.v.data());
    turn(t.q.data(), t.k.data(), 1.0F);
    attention_forward(i);
    linear(i, Site::o, t.mixed.data(), out.data());
    norm(w.post_norm, out.data(), t.x_mid.data(), h.data(), t.norm2.data());
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
    norm_again(w.post_norm, t.x_mid.data(), t.norm2.data(), h.data());
    linear_backward(i, Site::gate, t.gate.data(), h.data(), dh.data(), false);
    linear_backward(i, Site::up, t.up.data(), h.data(), dh.data(), true);
    norm_backward(w.post_norm, dh.data(), t.x_mid.data(), t.norm2.data(), dx.data(), rows,
                  g != nullptr ? &g->post_norm : nullptr);

    linear_backward(i, Site::o, dx.data(), t.mixed.data(), dmixed.data(), false);
    attention_backward(i);
    turn(dq.data(), dk.data(), -1.0F);
    norm_again(w.input_norm, t.x.data(), t.norm1.data(), h.data());
    // Below the first layer there is only the embedding, which adapters leave alone.
    const bool need = i > 0 || weight_gradients != nullptr;
    float* to = need ? dh.data() : nullptr;
    linear_backward(i, Site::q, dq.data(), h.data(), to, false);
    linear_backward(i, Site::k, dk.data(), h.data(), to, true);
    linear_backward(i, Site::v, dv.data(), h.data(), to, true);
    if (need) {
        norm_backward(w.input_norm, dh.data(), t.x.data(), t.norm1.data(), dx.data(), rows,
                      g != nullptr ? &g->input_norm : nullptr);
    }
}

// Loss of rows [first, first + count) of the gathered loss rows; their gradients into head_dx.
double Backprop::Impl::head_block(std::size_t first, std::size_t count) {
    const std::size_t vocabulary = config.vocab_size;
    const auto& matrix_ = config.tied_embeddings ? model.weights.embedding : model.weights.head;
    const float* from = head_h.data() + first * hidden;
    kernels::multiply({.m = count, .n = vocabulary, .k = hidden, .a = {from, signed_(hidden), 1},
                       .b = {matrix_.data(), 1, signed_(hidden)},
                       .c = logits.data(), .c_row = signed_(vocabulary)},
                      &pool, table);
    pool.parallel_for(count, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            float* row = logits.data() + i * vocabulary;
            const TokenId target = loss_target[first + i];
            const float chosen = row[target];
            const float top = table.max_scaled(row, 1.0F, vocabulary);
            const float sum = table.exp_sum(row, 1.0F, top, vocabulary);
            row_loss[first + i] = kernels::exact_log(static_cast<double>(sum)) +
                                  static_cast<double>(top) - static_cast<double>(chosen);
            if (!backward) continue;
            table.scale(row, factor / sum, vocabulary);
            row[target] -= factor;
        }
    });
    double total = 0;
    for (std::size_t i = 0; i < count; ++i) total += row_loss[first + i];
    if (!backward) return total;
    const kernels::View d{logits.data(), signed_(vocabulary), 1};
    kernels::multiply({.m = count, .n = hidden, .k = vocabulary, .a = d,
                       .b = {matrix_.data(), signed_(hidden), 1},
                       .c = head_dh.data() + first * hidden, .c_row = signed_(hidden)},
                      &pool, table);
    if (weight_gradients != nullptr) {
        auto& gradient =
            config.tied_embeddings ? weight_gradients->embedding : weight_gradients->head;
        kernels::multiply({.m = vocabulary, .n = hidden, .k = count, .a = d.transposed(),
                           .b = {from, signed_(hidden), 1},
                           .c = gradient.data(), .c_row = signed_(hidden), .accumulate = true},
                          &pool, table);
    }
    return total;
}

// The vocabulary meets only rows that carry loss; leaves the gradient of the last layer in dx.
double Backprop::Impl::head() {
    loss_row.clear();
    loss_target.clear();
    for (const auto& piece : pieces) {
        for (std::size_t i = 0; i < piece.rows; ++i) {
            if (piece.example->mask[i + 1] == 0) continue;
            loss_row.push_back(piece.first_row + i);
            loss_target.push_back(piece.example->tokens[i + 1]);
        }
    }
    const std::size_t count = loss_row.size();
    grow(head_x, count * hidden);
    grow(head_h, count * hidden);
    grow(head_norm, count);
    grow(logits, std::min(count, head_rows) * config.vocab_size);
    row_loss.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        float* row = head_x.data() + i * hidden;
        std::copy_n(x.data() + loss_row[i] * hidden, hidden, row);
        table.add(row, out.data() + loss_row[i] * hidden, hidden);
        head_norm[i] =
            table.rms_norm(head_x.data() + i * hidden, model.weights.final_norm.data(),
                           head_h.data() + i * hidden, hidden, config.norm_epsilon);
    }
    if (backward) {
        grow(head_dh, count * hidden);
        head_dx.assign(count * hidden, 0.0F);
    }
    double total = 0;
    for (std::size_t first = 0; first < count; first += head_rows) {
        total += head_block(first, std::min(head_rows, count - first));
    }
    if (!backward) return total;
    norm_backward(model.weights.final_norm, head_dh.data(), head_x.data(), head_norm.data(),
                  head_dx.data(), count,
                  weight_gradients != nullptr ? &weight_gradients->final_norm : nullptr);
    std::fill_n(dx.data(), rows * hidden, 0.0F);
    for (std::size_t i = 0; i < count; ++i) {
        std::copy_n(head_dx.data() + i * hidden, hidden, dx.data() + loss_row[i] * hidden);
    }
    return total;
}

double Backprop::Impl::run_stack(std::span<const Example> examples) {
    pieces.clear();
    rows = 0;
    std::size_t longest = 0;
    for (const auto& example : examples) {
        if (example.tokens.size() < 2) continue;
        // The last token is only predicted, never read.
        pieces.push_back({rows, example.tokens.size() - 1, &example});
        longest = std::max(longest, pieces.back().rows);
        rows += pieces.back().rows;
    }
    if (rows == 0) return 0;
    reserve(rows);
    rope.reserve(longest);
    for (const auto& piece : pieces) {
        for (std::size_t i = 0; i < piece.rows; ++i) {
            const float* from = model.weights.embedding.data() + piece.example->tokens[i] * hidden;
            std::copy_n(from, hidden, x.data() + (piece.first_row + i) * hidden);
        }
    }
    for (std::size_t i = 0; i < tape.size(); ++i) forward_layer(i);
    const double total = head();
    if (!backward) return total;
    for (std::size_t i = tape.size(); i-- > 0;) backward_layer(i);
    if (weight_gradients != nullptr) {
        for (const auto& piece : pieces) {
            for (std::size_t i = 0; i < piece.rows; ++i) {
                table.add(weight_gradients->embedding.data() + piece.example->tokens[i] * hidden,
                          dx.data() + (piece.first_row + i) * hidden, hidden);
            }
        }
    }
    return total;
}

double Backprop::Impl::run(const std::vector<Example>& batch, float factor_, Weights* weights,
                           LoraAdapter* lora, bool backward_) {
    factor = factor_;
    weight_gradients = weights;
    adapter_gradients = lora;
    backward = backward_;
    double total = 0;
    for (std::size_t begin = 0; begin < batch.size();) {
        std::size_t end = begin, tokens = 0;
        do {
            tokens += batch[end].tokens.size();
            ++end;
        } while (end < batch.size() && tokens + batch[end].tokens.size() <= stacked_tokens + 64);
        total += run_stack(std::span(batch).subspan(begin, end - begin));
        begin = end;
    }
    return total;
}

Backprop::Backprop(const Model& model, const LoraAdapter* adapter, ThreadPool& pool)
    : impl_(std::make_unique<Impl>(model, adapter, pool)) {}
Backprop::~Backprop() = default;

std::uint64_t Backprop::loss_tokens(const std::vector<Example>& batch) {
    std::uint64_t count = 0;
    for (const auto& example : batch) {
        for (std::size_t i = 1; i < example.mask.size(); ++i) count += example.mask[i] != 0;
    }
    return count;
}

Status Backprop::check(const std::vector<Example>& batch) const {
    const auto& config = impl_->config;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto& example = batch[i];
        if (example.mask.size() != example.tokens.size()) {
            return fail(ErrorCode::invalid_argument, "example {}: {} tokens but {} mask entries", i,
                        example.tokens.size(), example.mask.size());
        }
        if (example.tokens.size() > std::size_t{config.context_length} + 1) {
            return fail(ErrorCode::invalid_argument,
                        "example {}: {} tokens pass the model's context of {}; truncate it", i,
                        example.tokens.size(), config.context_length);
        }
        for (auto token : example.tokens) {
            if (token >= config.vocab_size) {
                return fail(ErrorCode::invalid_argument,
                            "example {}: token {} is outside the vocabulary of {}", i, token,
                            config.vocab_size);
            }
        }
    }
    if (loss_tokens(batch) == 0) {
        return fail(ErrorCode::invalid_argument, "the batch has no token that carries loss");
    }
    return {};
}

double Backprop::loss(const std::vector<Example>& batch) {
    return impl_->run(batch, 0, nullptr, nullptr, false);
}

double Backprop::gradients(const std::vector<Example>& batch, float factor, Weights* weights,
                           LoraAdapter* adapter) {
    return impl_->run(batch, factor, weights, adapter, true);
}

Weights zero_gradients(const Model& model) {
    const auto same = [](const std::vector<float>& of) { return std::vector<float>(of.size()); };
    Weights out;
    out.embedding = same(model.weights.embedding);
    for (const auto& w : model.weights.layers) {
        out.layers.push_back({same(w.input_norm), same(w.post_norm), same(w.q), same(w.k), same(w.v),
                              same(w.o), same(w.gate), same(w.up), same(w.down)});
    }
    out.final_norm = same(model.weights.final_norm);
    out.head = same(model.weights.head);
    return out;
}

LoraAdapter zero_gradients(const LoraAdapter& adapter) {
    LoraAdapter out = adapter;
    out.packed.reset();
    for (auto& layer : out.layers) {
        for (auto& pair : layer) {
            std::fill(pair.a.begin(), pair.a.end(), 0.0F);
            std::fill(pair.b.begin(), pair.b.end(), 0.0F);
        }
    }
    return out;
}

} // namespace ol::model
