// The tensors of an adapter in one fixed order: that of the optimiser's state and of per-example
// gradients.
#pragma once

#include <array>
#include <cstddef>

#include "model/lora.hpp"

namespace ol::model {

// Calls visit(vector, is_b) for A, B and magnitude of every site, layer after layer, then of the
// table's and the head's adapter; absent ones are empty.
template <class AdapterRef, class Visit>
void visit_adapter(AdapterRef& adapter, const Visit& visit) {
    const auto pair = [&](auto& p) {
        visit(p.a, false);
        visit(p.b, true);
        visit(p.magnitude, false);
    };
    for (auto& layer : adapter.layers) {
        for (auto& p : layer) pair(p);
    }
    pair(adapter.embedding);
    pair(adapter.head);
}

// Where a pair's tensors begin in a row of all parameters.
struct PairPlace {
    std::size_t a = 0, b = 0, magnitude = 0;
};

struct AdapterLayout {
    std::vector<std::array<PairPlace, site_count>> layers;
    PairPlace embedding, head;
    std::size_t parameters = 0;

    explicit AdapterLayout(const LoraAdapter& adapter) {
        const auto place = [this](const LoraPair& pair) {
            PairPlace out;
            out.a = parameters;
            out.b = out.a + pair.a.size();
            out.magnitude = out.b + pair.b.size();
            parameters = out.magnitude + pair.magnitude.size();
            return out;
        };
        for (const auto& layer : adapter.layers) {
            auto& to = layers.emplace_back();
            for (std::size_t i = 0; i < site_count; ++i) to[i] = place(layer[i]);
        }
        embedding = place(adapter.embedding);
        head = place(adapter.head);
    }
};

} // namespace ol::model
