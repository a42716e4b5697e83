// Weights: the tensors of a decoder of any family, and the names of its parts.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/config.hpp"

namespace ol::model {

namespace kernels {
class QuantMatrix; // kernels/quant.hpp
}

// The projections of a layer, in this order everywhere. A model has either q, k, v or qkv (GPT-2's
// fused c_attn: rows of q, then k, then v), and gate only when its MLP is gated.
enum class Site { q, k, v, qkv, o, gate, up, down };
inline constexpr int site_count = 8;
std::string_view to_string(Site site); // "q_proj", ..., "qkv_proj", ..., "down_proj"
Result<Site> site_from(std::string_view name);
bool has_site(const ModelConfig& config, Site site);
bool has_bias(const ModelConfig& config, Site site);
std::uint32_t site_in(const ModelConfig& config, Site site);
std::uint32_t site_out(const ModelConfig& config, Site site);
// The module as Hugging Face names it: "model.layers.3.self_attn.q_proj",
// "transformer.h.3.attn.c_attn".
std::string module_name(const ModelConfig& config, std::size_t layer, Site site);

// y = W x + bias.
struct Linear {
    std::vector<float> weight;                             // [out, in]; empty when quantized
    std::vector<float> bias;                               // [out]; empty: none
    std::shared_ptr<const kernels::QuantMatrix> quantized; // in place of `weight`
};

// As the file has them: where config.norm_offset is 1, the factor is 1 + weight.
struct Norm {
    std::vector<float> weight; // empty: this model has no such norm
    std::vector<float> bias;   // of a LayerNorm
};

struct LayerWeights {
    Norm attention_norm, mlp_norm;         // before attention, before the MLP
    Norm attention_out_norm, mlp_out_norm; // Gemma: of their outputs, before the residual sum
    Norm q_norm, k_norm;                   // [head_size], before the rotation (Qwen 3, Gemma 3)
    std::array<Linear, site_count> linears;

    Linear& at(Site site) { return linears[static_cast<std::size_t>(site)]; }
    const Linear& at(Site site) const { return linears[static_cast<std::size_t>(site)]; }
};

struct Weights {
    std::vector<float> embedding; // [vocab, hidden]
    std::vector<float> positions; // [context, hidden]; learned positions only
    std::vector<LayerWeights> layers;
    Norm final_norm;
    Linear head; // [vocab, hidden]; empty when tied, unless it is quantized
};

// Calls visit(vector) for every tensor that this model may have, in a fixed order; absent ones are
// empty.
template <class WeightsRef, class Visit>
void visit_vectors(WeightsRef& weights, const Visit& visit) {
    const auto norm = [&](auto& n) {
        visit(n.weight);
        visit(n.bias);
    };
    const auto linear = [&](auto& l) {
        visit(l.weight);
        visit(l.bias);
    };
    visit(weights.embedding);
    visit(weights.positions);
    for (auto& layer : weights.layers) {
        norm(layer.attention_norm);
        norm(layer.mlp_norm);
        norm(layer.attention_out_norm);
        norm(layer.mlp_out_norm);
        norm(layer.q_norm);
        norm(layer.k_norm);
        for (auto& l : layer.linears) linear(l);
    }
    norm(weights.final_norm);
    linear(weights.head);
}

} // namespace ol::model
