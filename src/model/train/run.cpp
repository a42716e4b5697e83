// The batch: documents to stacks of rows, and Backprop itself.
#include "model/rope.hpp"
#include "model/train/backprop_impl.hpp"

namespace ol::model {

using train::grow;

namespace {

// Calls each(document's first token, its length) for the documents of an example.
template <class Each>
void for_documents(const Example& example, const Each& each) {
    if (example.documents.empty()) {
        each(std::size_t{0}, example.tokens.size());
        return;
    }
    std::size_t first = 0;
    for (const auto length : example.documents) {
        each(first, std::size_t{length});
        first += length;
    }
}

} // namespace

Backprop::Impl::Impl(const Model& m, const LoraAdapter* a, ThreadPool& p, const BackpropOptions& o)
    : model(m)
    , config(m.config)
    , adapter(a)
    , pool(p)
    , options(o)
    , table(o.table != nullptr ? *o.table : kernels::best())
    , train_kernels(kernels::train_table(table))
    , rope(rope_frequencies(config, false))
    , local_rope(rope_frequencies(config, true))
    , hidden(config.hidden_size)
    , inner(config.intermediate_size)
    , q_width(std::size_t{config.head_count} * config.head_size)
    , kv_width(std::size_t{config.kv_head_count} * config.head_size)
    , qkv_width(q_width + 2 * kv_width)
    , heads(config.head_count)
    , kv_heads(config.kv_head_count)
    , size(config.head_size)
    , score_scale(config.attention_scale > 0 ? config.attention_scale
                                             : kernels::attention_scale(config.head_size))
    , x(config.layer_count + 1)
    , tape(o.checkpointing ? 1 : config.layer_count) {
    if (adapter == nullptr) return;
    layout.emplace(*adapter);
    for (const auto& layer : adapter->layers) {
        for (const auto& pair : layer) dora = dora || !pair.magnitude.empty();
    }
}

// All buffers for `capacity` rows; what backward needs only then.
void Backprop::Impl::reserve() {
    for (auto& stream : x) grow(stream, capacity * hidden);
    const auto norm_tape = [&](train::NormTape& to) {
        grow(to.r, capacity);
        if (config.layer_norm) grow(to.mean, capacity);
    };
    for (auto& t : tape) {
        grow(t.qkv, capacity * qkv_width);
        if (config.qk_norm) {
            grow(t.raw, capacity * (q_width + kv_width));
            grow(t.qk_norm.r, capacity * (heads + kv_heads));
        }
        grow(t.mixed, capacity * q_width);
        grow(t.x_mid, capacity * hidden);
        if (config.gated_mlp) grow(t.gate, capacity * inner);
        grow(t.up, capacity * inner);
        grow(t.top, capacity * heads);
        grow(t.inverse, capacity * heads);
        norm_tape(t.attention_norm);
        norm_tape(t.mlp_norm);
        if (config.out_norms) {
            grow(t.attention_out, capacity * hidden);
            grow(t.mlp_out, capacity * hidden);
            norm_tape(t.attention_out_norm);
            norm_tape(t.mlp_out_norm);
        }
    }
    std::array<std::size_t, lora_group_count> widest{};
    if (adapter != nullptr) {
        for (std::size_t i = 0; i < adapter->layers.size(); ++i) {
            auto& t = tape[options.checkpointing ? 0 : i];
            for (std::size_t g = 0; g < lora_group_count; ++g) {
                std::size_t width = 0;
                for (int s = lora_groups[g][0]; s < lora_groups[g][1]; ++s) {
                    width += adapter->layers[i][static_cast<std::size_t>(s)].rank;
                }
                grow(t.low[g], capacity * width);
                widest[g] = std::max(widest[g], width);
            }
        }
    }
    if (!backward) return;
    for (auto* buffer : {&h, &dx, &dx_mid, &dh}) grow(*buffer, capacity * hidden);
    grow(act, capacity * inner);
    grow(dmixed, capacity * q_width);
    grow(dqkv, capacity * qkv_width);
    if (config.qk_norm) grow(draw, capacity * (q_width + kv_width));
    if (config.out_norms) {
        grow(d_attention_out, capacity * hidden);
        grow(d_mlp_out, capacity * hidden);
    }
    for (std::size_t g = 0; g < lora_group_count; ++g) grow(dlow[g], capacity * widest[g]);
}

void Backprop::Impl::prepare_norms() {
    norms.resize(config.layer_count);
    const auto set = [&](const Norm& norm, train::NormFactors& to) {
        to.norm = &norm;
        to.shifted.clear();
        if (config.norm_offset == 0) return;
        to.shifted = norm.weight;
        for (auto& value : to.shifted) value += config.norm_offset;
    };
    for (std::size_t i = 0; i < norms.size(); ++i) {
        const auto& layer = model.weights.layers[i];
        set(layer.attention_norm, norms[i].attention);
        set(layer.mlp_norm, norms[i].mlp);
        set(layer.attention_out_norm, norms[i].attention_out);
        set(layer.mlp_out_norm, norms[i].mlp_out);
        set(layer.q_norm, norms[i].q);
        set(layer.k_norm, norms[i].k);
    }
    set(model.weights.final_norm, final_norm);
}

double Backprop::Impl::run_stack() {
    if (documents.empty()) return 0;
    reserve();
    std::size_t longest = 0;
    for (const auto& document : documents) longest = std::max(longest, document.rows);
    if (!config.learned_positions) {
        rope.reserve(longest);
        local_rope.reserve(longest);
    }
    embed();
    const auto tape_of = [&](std::size_t i) -> train::LayerTape& {
        return tape[options.checkpointing ? 0 : i];
    };
    for (std::size_t i = 0; i < config.layer_count; ++i) {
        fill_factors(i, true, false);
        forward_layer(i, tape_of(i));
    }
    const double total = head();
    if (!backward) return total;
    for (std::size_t i = config.layer_count; i-- > 0;) {
        fill_factors(i, dora || options.checkpointing, true);
        // The last layer's tape is still there.
        if (options.checkpointing && i + 1 < config.layer_count) forward_layer(i, tape_of(i));
        backward_layer(i, tape_of(i));
    }
    embedding_gradients();
    return total;
}

double Backprop::Impl::run(std::span<const Example> batch, const GradientRun& gradient_run,
                           bool backward_) {
    job = gradient_run;
    backward = backward_;
    dropping = job.noise != nullptr && job.noise->dropout > 0 && adapter != nullptr;
    prepare_norms();
    prepare_embedding();
    fill_head();
    double total = 0;
    documents.clear();
    rows = 0;
    std::size_t all = 0, longest = 0;
    for (const auto& example : batch) {
        for_documents(example, [&](std::size_t, std::size_t length) {
            if (length < 2) return;
            all += length - 1;
            longest = std::max(longest, length - 1);
        });
    }
    capacity = std::min(all, std::max<std::size_t>(options.stack_tokens, longest));
    std::uint64_t ordinal = 0;
    for (const auto& example : batch) {
        for_documents(example, [&](std::size_t first, std::size_t length) {
            const std::uint64_t mine = ordinal++;
            if (length < 2) {
                if (job.per_document != nullptr) {
                    std::fill_n(job.per_document + mine * layout->parameters, layout->parameters,
                                0.0F);
                }
                return;
            }
            if (!documents.empty() && rows + length - 1 > options.stack_tokens) {
                total += run_stack();
                documents.clear();
                rows = 0;
            }
            documents.push_back({rows, length - 1, &example, first, mine});
            rows += length - 1;
        });
    }
    return total + run_stack();
}

std::uint64_t Backprop::Impl::buffer_bytes() const {
    std::uint64_t out = 0;
    const auto add = [&](const train::Buffer& buffer) { out += buffer.capacity() * sizeof(float); };
    for (const auto& stream : x) add(stream);
    for (const auto& t : tape) {
        for (const auto* buffer :
             {&t.qkv, &t.raw, &t.mixed, &t.x_mid, &t.gate, &t.up, &t.attention_out, &t.mlp_out,
              &t.top, &t.inverse, &t.qk_norm.r}) {
            add(*buffer);
        }
        for (const auto* norm :
             {&t.attention_norm, &t.mlp_norm, &t.attention_out_norm, &t.mlp_out_norm}) {
            add(norm->r);
            add(norm->mean);
        }
        for (const auto& low : t.low) add(low);
    }
    for (const auto* buffer : {&h,          &act,       &dx,      &dx_mid,          &dh,
                               &dmixed,     &dqkv,      &draw,    &d_attention_out, &d_mlp_out,
                               &head_x,     &head_h,    &head_dh, &head_dx,         &logits,
                               &head_low,   &head_dlow, &head_a,  &head_b,          &table_rows,
                               &table_dlow, &head_m}) {
        add(*buffer);
    }
    for (const auto& low : dlow) add(low);
    return out + factors.bytes() + head_factors.bytes() + head_a_panels.bytes() + table_b.bytes() +
           table_low.bytes() + table_gain.capacity() * sizeof(float);
}

Backprop::Backprop(const Model& model, const LoraAdapter* adapter, ThreadPool& pool,
                   const BackpropOptions& options)
    : impl_(std::make_unique<Impl>(model, adapter, pool, options)) {}
Backprop::~Backprop() = default;

std::uint64_t Backprop::loss_tokens(std::span<const Example> batch) {
    std::uint64_t count = 0;
    for (const auto& example : batch) {
        for_documents(example, [&](std::size_t first, std::size_t length) {
            for (std::size_t i = 1; i < length; ++i) count += example.mask[first + i] != 0;
        });
    }
    return count;
}

std::uint64_t Backprop::documents(std::span<const Example> batch) {
    std::uint64_t count = 0;
    for (const auto& example : batch) {
        count += example.documents.empty() ? 1 : example.documents.size();
    }
    return count;
}

Status Backprop::check(std::span<const Example> batch) const {
    const auto& config = impl_->config;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto& example = batch[i];
        if (example.mask.size() != example.tokens.size()) {
            return fail(ErrorCode::invalid_argument, "example {}: {} tokens but {} mask entries", i,
                        example.tokens.size(), example.mask.size());
        }
        std::size_t longest = 0, sum = 0;
        for_documents(example, [&](std::size_t, std::size_t length) {
            longest = std::max(longest, length);
            sum += length;
        });
        if (sum != example.tokens.size()) {
            return fail(ErrorCode::invalid_argument,
                        "example {}: its documents have {} tokens, the row {}", i, sum,
                        example.tokens.size());
        }
        if (longest > std::size_t{config.context_length} + 1) {
            return fail(ErrorCode::invalid_argument,
                        "example {}: {} tokens pass the model's context of {}; truncate it", i,
                        longest, config.context_length);
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

double Backprop::loss(std::span<const Example> batch) { return impl_->run(batch, {}, false); }

double Backprop::gradients(std::span<const Example> batch, const GradientRun& run) {
    return impl_->run(batch, run, true);
}

double Backprop::gradients(const std::vector<Example>& batch, float factor, Weights* weights,
                           LoraAdapter* adapter) {
    const double total =
        gradients(batch, {.factor = factor, .weights = weights, .adapter = adapter});
    if (weights != nullptr) fold_tied(impl_->config, *weights);
    return total;
}

std::uint64_t Backprop::buffer_bytes() const { return impl_->buffer_bytes(); }

Weights zero_gradients(const Model& model) {
    Weights out = model.weights;
    for (auto& layer : out.layers) {
        for (auto& linear : layer.linears) linear.quantized.reset();
    }
    visit_vectors(
        out, [](std::vector<float>& values) { std::fill(values.begin(), values.end(), 0.0F); });
    if (model.config.tied_embeddings) out.head.weight.assign(out.embedding.size(), 0.0F);
    return out;
}

LoraAdapter zero_gradients(const LoraAdapter& adapter) {
    LoraAdapter out = adapter;
    out.packed.reset();
    visit_adapter(out, [](std::vector<float>& values, bool) {
        std::fill(values.begin(), values.end(), 0.0F);
    });
    return out;
}

void fold_tied(const ModelConfig& config, Weights& gradients) {
    if (!config.tied_embeddings) return;
    kernels::best().add(gradients.embedding.data(), gradients.head.weight.data(),
                        gradients.embedding.size());
    std::fill(gradients.head.weight.begin(), gradients.head.weight.end(), 0.0F);
}

} // namespace ol::model
