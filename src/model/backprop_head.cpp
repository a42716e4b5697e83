#include "model/backprop_internal.hpp"
#include "model/kernels/exact_math.hpp"

namespace ol::model {

namespace {

constexpr std::size_t stacked_tokens = 2048; // activations of so many tokens live at once
constexpr std::size_t head_rows = 256;       // rows whose logits live at once

} // namespace

// Loss of rows [first, first + count) of the gathered loss rows; their gradients into head_dx.
double Backprop::Impl::head_block(std::size_t first, std::size_t count) {
    const std::size_t vocabulary = config.vocab_size;
    const auto& matrix_ =
        config.tied_embeddings ? model.weights.embedding : model.weights.head.weight;
    const float* from = head_h.data() + first * hidden;
    kernels::multiply({.m = count,
                       .n = vocabulary,
                       .k = hidden,
                       .a = {from, signed_(hidden), 1},
                       .b = {matrix_.data(), 1, signed_(hidden)},
                       .c = logits.data(),
                       .c_row = signed_(vocabulary)},
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
    kernels::multiply({.m = count,
                       .n = hidden,
                       .k = vocabulary,
                       .a = d,
                       .b = {matrix_.data(), signed_(hidden), 1},
                       .c = head_dh.data() + first * hidden,
                       .c_row = signed_(hidden)},
                      &pool, table);
    if (weight_gradients != nullptr) {
        auto& gradient =
            config.tied_embeddings ? weight_gradients->embedding : weight_gradients->head.weight;
        kernels::multiply({.m = vocabulary,
                           .n = hidden,
                           .k = count,
                           .a = d.transposed(),
                           .b = {from, signed_(hidden), 1},
                           .c = gradient.data(),
                           .c_row = signed_(hidden),
                           .accumulate = true},
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
            table.rms_norm(head_x.data() + i * hidden, model.weights.final_norm.weight.data(),
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
    norm_backward(model.weights.final_norm.weight, head_dh.data(), head_x.data(), head_norm.data(),
                  head_dx.data(), count,
                  weight_gradients != nullptr ? &weight_gradients->final_norm.weight : nullptr);
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
    Weights out = model.weights;
    visit_vectors(
        out, [](std::vector<float>& values) { std::fill(values.begin(), values.end(), 0.0F); });
    return out;
}

LoraAdapter zero_gradients(const LoraAdapter& adapter) {
    LoraAdapter out = adapter;
    out.packed.reset();
    for (auto& layer : out.layers) {
        for (auto& pair : layer) {
            std::fill(pair.a.begin(), pair.a.end(), 0.0F);
            std::fill(pair.b.begin(), pair.b.end(), 0.0F);
            std::fill(pair.magnitude.begin(), pair.magnitude.end(), 0.0F);
        }
    }
    return out;
}

} // namespace ol::model
