#include "model/transformer.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "model/engine/engine.hpp"

namespace ol::model {

namespace {

// `most`: what a vector that grows step by step will not pass.
void grow(std::vector<float>& to, std::size_t count, std::size_t most) {
    if (count <= to.size()) return;
    if (count > to.capacity()) to.reserve(std::max(count, std::min(2 * to.capacity(), most)));
    to.resize(count);
}

// Also gives the room back that one long step took.
void cut_front(std::vector<float>& from, std::size_t count) {
    const auto kept = from.begin() + static_cast<std::ptrdiff_t>(count);
    if (from.capacity() > 2 * (from.size() - count)) {
        from = std::vector<float>(kept, from.end());
    } else {
        from.erase(from.begin(), kept);
    }
}

} // namespace

KvCache::KvCache(const ModelConfig& config)
    : layers_(config.layer_count) {
    for (std::size_t i = 0; i < layers_.size(); ++i) layers_[i].window = config.window(i);
}

bool KvCache::truncate(std::uint32_t length) {
    if (length >= length_) return true;
    const bool there = std::ranges::all_of(
        layers_, [&](const Layer& layer) { return layer.first <= layer.seen_from(length); });
    if (there) length_ = length;
    return there;
}

std::uint64_t KvCache::size_bytes() const {
    std::uint64_t floats = 0;
    for (const auto& layer : layers_) floats += layer.keys.capacity() + layer.values.capacity();
    return floats * sizeof(float);
}

void KvCache::Layer::reserve(std::uint32_t end, std::size_t key_floats, std::size_t value_floats) {
    const std::size_t count = end - first;
    const std::size_t most =
        window == 0 ? UINT32_MAX : kernels::padded(window + cache_page + kernels::panel);
    grow(keys, count * key_floats, most * key_floats);
    grow(values, count * value_floats, most * value_floats);
}

void KvCache::Layer::drop_unseen(std::uint32_t next, std::size_t key_floats,
                                 std::size_t value_floats) {
    const std::uint32_t count = (seen_from(next) - first) / kernels::panel * kernels::panel;
    if (count < cache_page) return;
    cut_front(keys, count * key_floats);
    cut_front(values, count * value_floats);
    first += count;
}

Engine::Engine(const Model& model, ThreadPool& pool)
    : Engine(model, pool, kernels::best()) {}
Engine::Engine(const Model& model, ThreadPool& pool, const kernels::Table& table)
    : impl_(std::make_unique<Impl>(model, pool, table)) {}
Engine::~Engine() = default;

void Engine::release_rows(Model& model) {
    OL_CHECK(&model == &impl_->model);
    const auto release = [](Linear& linear) { std::vector<float>().swap(linear.weight); };
    for (auto& layer : model.weights.layers) {
        for (auto& linear : layer.linears) release(linear);
    }
    release(model.weights.head);
    // Whoever asks for a row of a tied table gets it from the head, whose products need all of it.
    if (model.config.tied_embeddings && !impl_->head.is_quantized()) {
        std::vector<float>().swap(model.weights.embedding);
    }
}

Result<std::vector<std::vector<float>>> Engine::forward(std::span<const StepInput> inputs) {
    auto& e = *impl_;
    OL_TRY(e.check(inputs));
    std::vector<Impl::Slot> slots;
    std::size_t rows = 0, positions = 0;
    for (const auto& input : inputs) {
        auto& slot = slots.emplace_back();
        slot.input = &input;
        slot.first_row = rows;
        slot.rows = input.tokens.size();
        slot.first_position = input.cache->length_;
        if (input.adapter != nullptr) slot.factors = e.factors_of(*input.adapter);
        rows += slot.rows;
        positions = std::max(positions, slot.first_position + slot.rows);
    }
    e.rope.reserve(positions);
    e.local_rope.reserve(positions);
    e.reserve(rows);
    e.embed(slots);
    for (std::size_t i = 0; i < e.layers.size(); ++i) e.run_layer(slots, i, rows);
    auto out = e.logits(slots);
    for (const auto& slot : slots) {
        slot.input->cache->length_ += static_cast<std::uint32_t>(slot.rows);
    }
    return out;
}

} // namespace ol::model
