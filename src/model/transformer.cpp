#include "model/transformer.hpp"

#include <algorithm>

#include "model/engine/engine.hpp"

namespace ol::model {

KvCache::KvCache(const ModelConfig& config)
    : keys_(config.layer_count)
    , values_(config.layer_count) {}

void KvCache::truncate(std::uint32_t length) { length_ = std::min(length_, length); }

Engine::Engine(const Model& model, ThreadPool& pool)
    : Engine(model, pool, kernels::best()) {}
Engine::Engine(const Model& model, ThreadPool& pool, const kernels::Table& table)
    : impl_(std::make_unique<Impl>(model, pool, table)) {}
Engine::~Engine() = default;

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
