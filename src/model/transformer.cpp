#include "model/transformer.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/check.hpp"
#include "model/kernels/attention.hpp"
#include "model/kernels/exact_math.hpp"
#include "model/packed_lora.hpp"

namespace ol::model {

using kernels::PackedMatrix;

namespace {

constexpr std::size_t panel = kernels::panel;

std::size_t padded(std::size_t n) { return (n + panel - 1) / panel * panel; }

std::vector<float> normal_values(kernels::Normal& normal, std::size_t count, double deviation) {
    std::vector<float> out(count);
    for (auto& value : out) value = static_cast<float>(normal.next() * deviation);
    return out;
}

} // namespace

Model Model::random(const ModelConfig& config, std::uint64_t seed) {
    Model out;
    out.config = config;
    kernels::Normal normal(seed);
    const double deviation = 0.02;
    const double residual = deviation / std::sqrt(2.0 * config.layer_count);
    const std::size_t hidden = config.hidden_size;
    const std::size_t table = std::size_t{config.vocab_size} * hidden;
    const auto norm = [&](std::size_t size) {
        Norm made;
        made.weight.assign(size, 1.0F - config.norm_offset);
        if (config.layer_norm) made.bias.assign(size, 0.0F);
        return made;
    };
    out.weights.embedding = normal_values(normal, table, deviation);
    if (config.learned_positions) {
        out.weights.positions =
            normal_values(normal, std::size_t{config.context_length} * hidden, deviation);
    }
    for (std::uint32_t i = 0; i < config.layer_count; ++i) {
        LayerWeights layer;
        layer.attention_norm = norm(hidden);
        layer.mlp_norm = norm(hidden);
        if (config.out_norms) layer.attention_out_norm = layer.mlp_out_norm = norm(hidden);
        if (config.qk_norm) layer.q_norm = layer.k_norm = norm(config.head_size);
        for (int s = 0; s < site_count; ++s) {
            const auto site = static_cast<Site>(s);
            if (!has_site(config, site)) continue;
            const std::size_t rows = site_out(config, site);
            const bool writes_residual = site == Site::o || site == Site::down;
            layer.at(site).weight = normal_values(normal, rows * site_in(config, site),
                                                  writes_residual ? residual : deviation);
            if (has_bias(config, site)) layer.at(site).bias.assign(rows, 0.0F);
        }
        out.weights.layers.push_back(std::move(layer));
    }
    out.weights.final_norm = norm(hidden);
    if (!config.tied_embeddings) out.weights.head.weight = normal_values(normal, table, deviation);
    return out;
}

KvCache::KvCache(const ModelConfig& config)
    : keys_(config.layer_count)
    , values_(config.layer_count) {}

void KvCache::truncate(std::uint32_t length) { length_ = std::min(length_, length); }

struct Engine::Impl {
    struct Layer {
        PackedMatrix qkv, o, gate_up, down;
    };
    // One input's place in the step: its rows of the common matrices and its positions.
    struct Slot {
        const StepInput* input;
        std::size_t first_row, rows, first_position;
    };

    Impl(const Model& m, ThreadPool& p);
    bool fits(const LoraAdapter& adapter) const;
    Status check(std::span<const StepInput> inputs) const;
    void reserve(std::size_t rows);
    void adapt(const Slot& slot, std::size_t layer, std::size_t group, const float* from,
               std::size_t x_row, float* to, std::size_t y_row, const std::size_t* at) const;
    void adapt_all(const std::vector<Slot>& slots, std::size_t layer, std::size_t group,
                   const float* from, std::size_t x_row, float* to, std::size_t y_row,
                   std::initializer_list<std::size_t> at);
    void normalise(const float* x, const std::vector<float>& weight, float* y, std::size_t rows);
    void store_keys(const Slot& slot, std::size_t layer);
    void attention(const std::vector<Slot>& slots, std::size_t layer);
    void run_layer(const std::vector<Slot>& slots, std::size_t layer, std::size_t rows);

    const Model& model;
    const ModelConfig& config;
    ThreadPool& pool;
    const kernels::Table& table = kernels::best();
    kernels::RopeTable rope;
    std::vector<Layer> layers;
    PackedMatrix head;
    std::size_t q_width, kv_width, qkv_width, value_head;
    // Rows of the step: residual stream, normed rows, projections.
    std::vector<float> x, h, qkv, mixed, gate_up, act, out;
};

Engine::Impl::Impl(const Model& m, ThreadPool& p)
    : model(m)
    , config(m.config)
    , pool(p)
    , rope(config.head_size, config.rope_theta)
    , q_width(std::size_t{config.head_count} * config.head_size)
    , kv_width(std::size_t{config.kv_head_count} * config.head_size)
    , qkv_width(q_width + 2 * kv_width)
    , value_head(padded(config.head_size)) {
    const std::size_t hidden = config.hidden_size, inner = config.intermediate_size;
    layers.resize(config.layer_count);
    pool.parallel_for(layers.size(), 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const auto& from = model.weights.layers[i];
            auto& to = layers[i];
            to.qkv = PackedMatrix(qkv_width, hidden);
            to.qkv.set_rows(0, from.at(Site::q).weight.data(), q_width);
            to.qkv.set_rows(q_width, from.at(Site::k).weight.data(), kv_width);
            to.qkv.set_rows(q_width + kv_width, from.at(Site::v).weight.data(), kv_width);
            to.o = PackedMatrix(hidden, q_width);
            to.o.set_rows(0, from.at(Site::o).weight.data(), hidden);
            to.gate_up = PackedMatrix(2 * inner, hidden);
            to.gate_up.set_rows(0, from.at(Site::gate).weight.data(), inner);
            to.gate_up.set_rows(inner, from.at(Site::up).weight.data(), inner);
            to.down = PackedMatrix(hidden, inner);
            to.down.set_rows(0, from.at(Site::down).weight.data(), hidden);
        }
    });
    const auto& vocabulary =
        config.tied_embeddings ? model.weights.embedding : model.weights.head.weight;
    head = PackedMatrix(config.vocab_size, hidden);
    head.set_rows(0, vocabulary.data(), config.vocab_size);
}

bool Engine::Impl::fits(const LoraAdapter& adapter) const {
    if (adapter.layers.size() != config.layer_count) return false;
    if (adapter.packed != nullptr && adapter.packed->layers.size() != config.layer_count)
        return false;
    for (const auto& layer : adapter.layers) {
        for (std::size_t i = 0; i < site_count; ++i) {
            const auto site = static_cast<Site>(i);
            if (layer[i].a.empty() && layer[i].b.empty()) continue;
            const std::size_t rank = layer[i].rank;
            if (rank == 0 || !has_site(config, site) ||
                layer[i].a.size() != rank * site_in(config, site) ||
                layer[i].b.size() != rank * site_out(config, site)) {
                return false;
            }
        }
    }
    return true;
}

Status Engine::Impl::check(std::span<const StepInput> inputs) const {
    std::unordered_set<const KvCache*> seen;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const auto& input = inputs[i];
        if (input.cache == nullptr || input.cache->keys_.size() != config.layer_count) {
            return fail(ErrorCode::invalid_argument, "input {}: its cache is not of this model", i);
        }
        if (!seen.insert(input.cache).second) {
            return fail(ErrorCode::invalid_argument,
                        "input {}: another input of the step uses the same cache", i);
        }
        if (input.tokens.empty()) {
            return fail(ErrorCode::invalid_argument, "input {}: no tokens", i);
        }
        if (input.tokens.size() + input.cache->length_ > config.context_length) {
            return fail(ErrorCode::too_large,
                        "input {}: {} tokens after {} pass the model's context of {}; shorten the "
                        "prompt or the answer",
                        i, input.tokens.size(), input.cache->length_, config.context_length);
        }
        for (auto token : input.tokens) {
            if (token >= config.vocab_size) {
                return fail(ErrorCode::invalid_argument,
                            "input {}: token {} is outside the vocabulary of {}", i, token,
                            config.vocab_size);
            }
        }
        if (input.adapter != nullptr && !fits(*input.adapter)) {
            return fail(ErrorCode::invalid_argument,
                        "input {}: the adapter is not of this model's shape", i);
        }
    }
    return {};
}

void Engine::Impl::reserve(std::size_t rows) {
    const auto grow = [&](std::vector<float>& buffer, std::size_t width) {
        if (buffer.size() < rows * width) buffer.resize(rows * width);
    };
    grow(x, config.hidden_size);
    grow(h, config.hidden_size);
    grow(qkv, qkv_width);
    grow(mixed, q_width);
    grow(gate_up, 2 * std::size_t{config.intermediate_size});
    grow(act, config.intermediate_size);
    grow(out, config.hidden_size);
}

// y += scale * (x A^T) B^T on the slot's rows, for the sites of a group, which read the same x and
// write to columns `at[i]` of y. The chain over the rank goes on from the base's value.
void Engine::Impl::adapt(const Slot& slot, std::size_t layer, std::size_t group, const float* from,
                         std::size_t x_row, float* to, std::size_t y_row,
                         const std::size_t* at) const {
    const LoraAdapter& adapter = *slot.input->adapter;
    const auto signed_width = [](std::size_t n) { return static_cast<std::ptrdiff_t>(n); };
    const auto& pairs = adapter.layers[layer];
    const PackedLora* packed = adapter.packed.get();
    const int first = lora_groups[group][0], last = lora_groups[group][1];
    std::size_t width = 0; // of the low rows: the group's targets side by side
    for (int i = first; i < last; ++i) width += pairs[static_cast<std::size_t>(i)].rank;
    if (width == 0) return;
    thread_local std::vector<float> low_rows;
    if (low_rows.size() < slot.rows * width) low_rows.resize(slot.rows * width);
    float* low = low_rows.data();
    const float* x_rows = from + slot.first_row * x_row;
    if (packed != nullptr) {
        packed->layers[layer].a[group].apply(x_rows, signed_width(x_row), slot.rows, low,
                                             signed_width(width), nullptr);
    }
    std::size_t column = 0;
    for (int i = first; i < last; ++i) {
        const auto& pair = pairs[static_cast<std::size_t>(i)];
        if (pair.a.empty()) continue;
        const std::size_t rank = pair.rank;
        float* y = to + slot.first_row * y_row + at[i - first];
        if (packed != nullptr) {
            for (std::size_t r = 0; r < slot.rows; ++r) {
                table.scale(low + r * width + column, pair.scale, rank);
            }
            packed->layers[layer].b[static_cast<std::size_t>(i)].apply(
                low + column, signed_width(width), slot.rows, y, signed_width(y_row), nullptr,
                true);
            column += rank;
            continue;
        }
        const std::size_t in = pair.a.size() / rank, out_width = pair.b.size() / rank;
        kernels::multiply({.m = slot.rows,
                           .n = rank,
                           .k = in,
                           .a = {x_rows, signed_width(x_row), 1},
                           .b = {pair.a.data(), 1, signed_width(in)},
                           .c = low,
                           .c_row = signed_width(rank)},
                          nullptr);
        table.scale(low, pair.scale, slot.rows * rank);
        kernels::multiply({.m = slot.rows,
                           .n = out_width,
                           .k = rank,
                           .a = {low, signed_width(rank), 1},
                           .b = {pair.b.data(), 1, signed_width(rank)},
                           .c = y,
                           .c_row = signed_width(y_row),
                           .accumulate = true},
                          nullptr);
    }
}

void Engine::Impl::adapt_all(const std::vector<Slot>& slots, std::size_t layer, std::size_t group,
                             const float* from, std::size_t x_row, float* to, std::size_t y_row,
                             std::initializer_list<std::size_t> at) {
    std::size_t adapted_rows = 0;
    for (const auto& slot : slots) adapted_rows += slot.input->adapter != nullptr ? slot.rows : 0;
    if (adapted_rows == 0) return;
    const auto body = [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            if (slots[i].input->adapter == nullptr) continue;
            adapt(slots[i], layer, group, from, x_row, to, y_row, at.begin());
        }
    };
    // A few rows are done before another thread wakes.
    if (adapted_rows < 32) {
        body(0, slots.size());
    } else {
        pool.parallel_for(slots.size(), 1, body);
    }
}

void Engine::Impl::normalise(const float* from, const std::vector<float>& weight, float* to,
                             std::size_t rows) {
    const std::size_t hidden = config.hidden_size;
    for (std::size_t r = 0; r < rows; ++r) {
        table.rms_norm(from + r * hidden, weight.data(), to + r * hidden, hidden,
                       config.norm_epsilon);
    }
}

// Turns q and k by their positions and appends k and v to the cache, in the layout of
// kernels::HeadCache: keys [position / 16][kv head][head_size][16], values [position][kv
// head][padded].
void Engine::Impl::store_keys(const Slot& slot, std::size_t layer) {
    const std::size_t size = config.head_size, kv_heads = config.kv_head_count;
    auto& keys = slot.input->cache->keys_[layer];
    auto& values = slot.input->cache->values_[layer];
    const std::size_t end = slot.first_position + slot.rows;
    const std::size_t key_panel = kv_heads * size * panel, value_row = kv_heads * value_head;
    if (keys.size() < padded(end) / panel * key_panel) keys.resize(padded(end) / panel * key_panel);
    if (values.size() < end * value_row) values.resize(padded(end) * value_row);
    for (std::size_t r = 0; r < slot.rows; ++r) {
        const std::size_t position = slot.first_position + r;
        float* row = qkv.data() + (slot.first_row + r) * qkv_width;
        for (std::size_t head_index = 0; head_index < config.head_count + kv_heads; ++head_index) {
            table.rope(row + head_index * size, rope.cosine(position), rope.sine(position),
                       rope.half(), 1.0F);
        }
        float* key = keys.data() + position / panel * key_panel + position % panel;
        for (std::size_t i = 0; i < kv_width; ++i) key[i * panel] = row[q_width + i];
        float* value = values.data() + position * value_row;
        for (std::size_t g = 0; g < kv_heads; ++g) {
            const float* from = row + q_width + kv_width + g * size;
            std::copy(from, from + size, value + g * value_head);
        }
    }
}

void Engine::Impl::attention(const std::vector<Slot>& slots, std::size_t layer) {
    const std::size_t size = config.head_size, kv_heads = config.kv_head_count;
    const std::size_t group = config.head_count / kv_heads;
    const auto body = [&](std::size_t begin, std::size_t end) {
        for (std::size_t task = begin; task < end; ++task) {
            const Slot& slot = slots[task / kv_heads];
            const std::size_t g = task % kv_heads;
            kernels::AttentionRows rows;
            rows.head_size = size;
            rows.first = slot.first_position;
            rows.cache.keys = slot.input->cache->keys_[layer].data() + g * size * panel;
            rows.cache.key_panel = static_cast<std::ptrdiff_t>(kv_heads * size * panel);
            rows.cache.values = slot.input->cache->values_[layer].data() + g * value_head;
            rows.cache.value_row = static_cast<std::ptrdiff_t>(kv_heads * value_head);
            const float* q = qkv.data() + slot.first_row * qkv_width + g * group * size;
            float* to = mixed.data() + slot.first_row * q_width + g * group * size;
            if (slot.rows == 1) {
                // One token: the heads of the group share keys and values as the rows of a tile.
                rows.rows = group;
                rows.same_position = true;
                rows.q = q;
                rows.q_row = static_cast<std::ptrdiff_t>(size);
                rows.out = to;
                rows.out_row = static_cast<std::ptrdiff_t>(size);
                kernels::attend(rows, table);
                continue;
            }
            rows.rows = slot.rows;
            rows.q_row = static_cast<std::ptrdiff_t>(qkv_width);
            rows.out_row = static_cast<std::ptrdiff_t>(q_width);
            for (std::size_t i = 0; i < group; ++i) {
                rows.q = q + i * size;
                rows.out = to + i * size;
                kernels::attend(rows, table);
            }
        }
    };
    std::size_t work = 0;
    for (const auto& slot : slots) work += slot.rows * (slot.first_position + slot.rows) * q_width;
    if (work < (1 << 16)) {
        body(0, slots.size() * kv_heads);
    } else {
        pool.parallel_for(slots.size() * kv_heads, 1, body);
    }
}

void Engine::Impl::run_layer(const std::vector<Slot>& slots, std::size_t i, std::size_t rows) {
    const auto& weights = model.weights.layers[i];
    const auto& packed = layers[i];
    const std::size_t hidden = config.hidden_size, inner = config.intermediate_size;
    const auto width = [](std::size_t n) { return static_cast<std::ptrdiff_t>(n); };

    normalise(x.data(), weights.attention_norm.weight, h.data(), rows);
    packed.qkv.apply(h.data(), width(hidden), rows, qkv.data(), width(qkv_width), &pool);
    adapt_all(slots, i, 0, h.data(), hidden, qkv.data(), qkv_width,
              {0, q_width, q_width + kv_width, 0});
    for (const auto& slot : slots) store_keys(slot, i);
    attention(slots, i);
    packed.o.apply(mixed.data(), width(q_width), rows, out.data(), width(hidden), &pool);
    adapt_all(slots, i, 1, mixed.data(), q_width, out.data(), hidden, {0});
    table.add(x.data(), out.data(), rows * hidden);

    normalise(x.data(), weights.mlp_norm.weight, h.data(), rows);
    packed.gate_up.apply(h.data(), width(hidden), rows, gate_up.data(), width(2 * inner), &pool);
    adapt_all(slots, i, 2, h.data(), hidden, gate_up.data(), 2 * inner, {0, inner});
    for (std::size_t r = 0; r < rows; ++r) {
        const float* row = gate_up.data() + r * 2 * inner;
        table.swiglu(row, row + inner, act.data() + r * inner, inner);
    }
    packed.down.apply(act.data(), width(inner), rows, out.data(), width(hidden), &pool);
    adapt_all(slots, i, 3, act.data(), inner, out.data(), hidden, {0});
    table.add(x.data(), out.data(), rows * hidden);
}

Engine::Engine(const Model& model, ThreadPool& pool)
    : impl_(std::make_unique<Impl>(model, pool)) {}
Engine::~Engine() = default;

Result<std::vector<std::vector<float>>> Engine::forward(std::span<const StepInput> inputs) {
    OL_TRY(impl_->check(inputs));
    auto& e = *impl_;
    const std::size_t hidden = e.config.hidden_size, vocabulary = e.config.vocab_size;
    std::vector<Impl::Slot> slots;
    std::size_t rows = 0, positions = 0;
    for (const auto& input : inputs) {
        slots.push_back({&input, rows, input.tokens.size(), input.cache->length_});
        rows += input.tokens.size();
        positions = std::max(positions, input.cache->length_ + input.tokens.size());
    }
    e.rope.reserve(positions);
    e.reserve(rows);
    for (const auto& slot : slots) {
        for (std::size_t r = 0; r < slot.rows; ++r) {
            const float* from = e.model.weights.embedding.data() + slot.input->tokens[r] * hidden;
            std::copy(from, from + hidden, e.x.data() + (slot.first_row + r) * hidden);
        }
    }
    for (std::size_t i = 0; i < e.layers.size(); ++i) e.run_layer(slots, i, rows);

    // Only the rows whose logits are asked for meet the vocabulary, gathered into one product.
    std::size_t wanted = 0;
    for (const auto& slot : slots) {
        const std::size_t first = slot.input->all_logits ? 0 : slot.rows - 1;
        for (std::size_t r = first; r < slot.rows; ++r) {
            e.table.rms_norm(e.x.data() + (slot.first_row + r) * hidden,
                             e.model.weights.final_norm.weight.data(),
                             e.h.data() + wanted++ * hidden, hidden, e.config.norm_epsilon);
        }
    }
    std::vector<float> logits(wanted * vocabulary);
    e.head.apply(e.h.data(), static_cast<std::ptrdiff_t>(hidden), wanted, logits.data(),
                 static_cast<std::ptrdiff_t>(vocabulary), &e.pool);
    std::vector<std::vector<float>> out;
    std::size_t taken = 0;
    for (const auto& slot : slots) {
        const std::size_t count = (slot.input->all_logits ? slot.rows : 1) * vocabulary;
        const auto from = logits.begin() + static_cast<std::ptrdiff_t>(taken);
        out.emplace_back(from, from + static_cast<std::ptrdiff_t>(count));
        taken += count;
        slot.input->cache->length_ += static_cast<std::uint32_t>(slot.rows);
    }
    return out;
}

} // namespace ol::model
