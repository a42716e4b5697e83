// Adapters: what they add to the base's projections, each input with its own.
#include <algorithm>

#include "model/dora.hpp"
#include "model/engine/engine.hpp"

namespace ol::model {

namespace {

using kernels::signed_width;

bool has_dora(const LoraAdapter& adapter) {
    if (!adapter.embedding.magnitude.empty() || !adapter.head.magnitude.empty()) return true;
    for (const auto& layer : adapter.layers) {
        for (const auto& pair : layer) {
            if (!pair.magnitude.empty()) return true;
        }
    }
    return false;
}

float* room(std::size_t count) {
    thread_local std::vector<float> low_rows;
    if (low_rows.size() < count) low_rows.resize(count);
    return low_rows.data();
}

} // namespace

std::vector<float> Engine::Impl::dora_of(const Linear& linear, const Projection& projection,
                                         std::size_t column, std::size_t outputs, std::size_t in,
                                         const LoraPair& pair) const {
    if (linear.quantized != nullptr || !linear.weight.empty()) {
        return dora_factors(linear, outputs, in, pair, pool, table);
    }
    return dora_factors(projection.rows(column, outputs).data(), outputs, in, pair, pool, table);
}

// Computed once for a packed adapter, whose values do not change; anew for others.
std::shared_ptr<const AdapterFactors> Engine::Impl::factors_of(const LoraAdapter& adapter) {
    const PackedLora* key = adapter.packed.get();
    if (key != nullptr) {
        const auto found = known_factors.find(key);
        if (found != known_factors.end() && !found->second.of.expired()) {
            return found->second.factors;
        }
        std::erase_if(known_factors, [](const auto& known) { return known.second.of.expired(); });
    }
    std::shared_ptr<AdapterFactors> made;
    if (has_dora(adapter)) {
        made = std::make_shared<AdapterFactors>();
        made->layers.resize(config.layer_count);
        for (std::size_t i = 0; i < config.layer_count; ++i) {
            const std::array<const Projection*, lora_group_count> projections = {
                &layers[i].qkv, &layers[i].o, &layers[i].up, &layers[i].down};
            for (std::size_t group = 0; group < lora_group_count; ++group) {
                std::size_t column = 0;
                for (int s = lora_groups[group][0]; s < lora_groups[group][1]; ++s) {
                    const auto site = static_cast<Site>(s);
                    if (!has_site(config, site)) continue;
                    const auto at = static_cast<std::size_t>(s);
                    const auto& pair = adapter.layers[i][at];
                    const std::size_t outputs = site_out(config, site);
                    if (!pair.magnitude.empty()) {
                        made->layers[i][at] =
                            dora_of(model.weights.layers[i].at(site), *projections[group], column,
                                    outputs, site_in(config, site), pair);
                    }
                    column += outputs;
                }
            }
        }
        const auto& weights = model.weights;
        const std::size_t vocab = config.vocab_size, hidden = config.hidden_size;
        const bool of_embedding = !adapter.embedding.magnitude.empty();
        const bool of_head = !adapter.head.magnitude.empty();
        std::vector<float> released; // the table, where the head alone has it
        if (weights.embedding.empty() && (of_embedding || of_head)) released = head.rows(0, vocab);
        const auto& rows = weights.embedding.empty() ? released : weights.embedding;
        if (of_embedding) {
            made->embedding =
                dora_embedding_factors(rows, vocab, hidden, adapter.embedding, pool, table);
        }
        if (of_head) {
            made->head = config.tied_embeddings && weights.head.quantized == nullptr
                             ? dora_factors(rows.data(), vocab, hidden, adapter.head, pool, table)
                             : dora_of(weights.head, head, 0, vocab, hidden, adapter.head);
        }
    }
    if (key != nullptr) known_factors[key] = {adapter.packed, made};
    return made;
}

// The chain over the rank goes on from the base's value. Sites of one call read the same x; `a`
// holds their A matrices, one under the other, when the adapter is packed.
void Engine::Impl::adapt(std::span<const AdaptedSite> sites, const kernels::PackedMatrix* a,
                         Rows at, std::size_t rows) const {
    std::size_t width = 0;
    for (const auto& site : sites) width += site.pair->rank;
    if (width == 0) return;
    float* low = room(rows * width);
    if (a != nullptr) {
        a->apply(at.x, signed_width(at.x_row), rows, low, signed_width(width), nullptr, false,
                 table);
    }
    std::size_t column = 0;
    for (const auto& site : sites) {
        const auto& pair = *site.pair;
        const std::size_t rank = pair.rank, in = pair.a.size() / rank,
                          out_width = pair.b.size() / rank;
        float* y = at.y + site.column;
        if (a != nullptr) {
            for (std::size_t r = 0; r < rows; ++r) {
                table.scale(low + r * width + column, pair.scale, rank);
            }
            site.b->apply(low + column, signed_width(width), rows, y, signed_width(at.y_row),
                          nullptr, true, table);
            column += rank;
        } else {
            kernels::multiply({.m = rows,
                               .n = rank,
                               .k = in,
                               .a = {at.x, signed_width(at.x_row), 1},
                               .b = {pair.a.data(), 1, signed_width(in)},
                               .c = low,
                               .c_row = signed_width(rank)},
                              nullptr, table);
            table.scale(low, pair.scale, rows * rank);
            kernels::multiply({.m = rows,
                               .n = out_width,
                               .k = rank,
                               .a = {low, signed_width(rank), 1},
                               .b = {pair.b.data(), 1, signed_width(rank)},
                               .c = y,
                               .c_row = signed_width(at.y_row),
                               .accumulate = true},
                              nullptr, table);
        }
        if (site.factor == nullptr) continue;
        for (std::size_t r = 0; r < rows; ++r) {
            table.multiply(y + r * at.y_row, site.factor->data(), out_width);
        }
    }
}

void Engine::Impl::adapt_group(const std::vector<Slot>& slots, std::size_t layer, std::size_t group,
                               Rows at) {
    std::size_t adapted_rows = 0;
    for (const auto& slot : slots) adapted_rows += slot.input->adapter != nullptr ? slot.rows : 0;
    if (adapted_rows == 0) return;
    const auto adapt_slot = [&](const Slot& slot) {
        const LoraAdapter& adapter = *slot.input->adapter;
        const PackedLora* packed = adapter.packed.get();
        std::array<AdaptedSite, site_count> sites;
        std::size_t count = 0, column = 0;
        for (int i = lora_groups[group][0]; i < lora_groups[group][1]; ++i) {
            const auto s = static_cast<std::size_t>(i);
            const auto site = static_cast<Site>(i);
            if (!has_site(config, site)) continue;
            const auto& pair = adapter.layers[layer][s];
            if (!pair.a.empty()) {
                const auto* factor =
                    pair.magnitude.empty() ? nullptr : &slot.factors->layers[layer][s];
                sites[count++] = {&pair, packed != nullptr ? &packed->layers[layer].b[s] : nullptr,
                                  factor, column};
            }
            column += site_out(config, site);
        }
        adapt(std::span(sites).first(count),
              packed != nullptr ? &packed->layers[layer].a[group] : nullptr,
              {at.x + slot.first_row * at.x_row, at.x_row, at.y + slot.first_row * at.y_row,
               at.y_row},
              slot.rows);
    };
    const auto body = [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            if (slots[i].input->adapter != nullptr) adapt_slot(slots[i]);
        }
    };
    // A few rows are done before another thread wakes.
    if (adapted_rows < 32) {
        body(0, slots.size());
    } else {
        pool.parallel_for(slots.size(), 1, body);
    }
}

// Token t's row of A^T is a column of A [rank, vocab].
void Engine::Impl::adapt_embedding(const Slot& slot) {
    if (slot.input->adapter == nullptr) return;
    const LoraAdapter& adapter = *slot.input->adapter;
    const auto& pair = adapter.embedding;
    if (pair.a.empty()) return;
    const std::size_t rank = pair.rank, hidden = config.hidden_size, vocab = config.vocab_size;
    float* low = room(slot.rows * rank);
    for (std::size_t r = 0; r < slot.rows; ++r) {
        for (std::size_t i = 0; i < rank; ++i) {
            low[r * rank + i] = pair.a[i * vocab + slot.input->tokens[r]];
        }
    }
    table.scale(low, pair.scale, slot.rows * rank);
    float* y = x.data() + slot.first_row * hidden;
    if (adapter.packed != nullptr) {
        adapter.packed->embedding_b.apply(low, signed_width(rank), slot.rows, y,
                                          signed_width(hidden), nullptr, true, table);
    } else {
        kernels::multiply({.m = slot.rows,
                           .n = hidden,
                           .k = rank,
                           .a = {low, signed_width(rank), 1},
                           .b = {pair.b.data(), 1, signed_width(rank)},
                           .c = y,
                           .c_row = signed_width(hidden),
                           .accumulate = true},
                          nullptr, table);
    }
    if (pair.magnitude.empty()) return;
    for (std::size_t r = 0; r < slot.rows; ++r) {
        table.multiply(y + r * hidden, slot.factors->embedding.data(), hidden);
    }
}

void Engine::Impl::adapt_head(const Slot& slot, const float* from, float* to, std::size_t rows) {
    if (slot.input->adapter == nullptr || slot.input->adapter->head.a.empty()) return;
    const LoraAdapter& adapter = *slot.input->adapter;
    const PackedLora* packed = adapter.packed.get();
    const AdaptedSite site = {&adapter.head, packed != nullptr ? &packed->head_b : nullptr,
                              adapter.head.magnitude.empty() ? nullptr : &slot.factors->head, 0};
    adapt({&site, 1}, packed != nullptr ? &packed->head_a : nullptr,
          {from, config.hidden_size, to, config.vocab_size}, rows);
}

} // namespace ol::model
