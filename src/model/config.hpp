// ModelConfig: the shape of a decoder, as Hugging Face's config.json says it, for the families that
// the engine computes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"

namespace ol::model {

// model_type of config.json (gemma3 also for gemma3_text). DeepSeek's distillations are llama and
// qwen2.
enum class Family { llama, mistral, qwen2, qwen3, gemma2, gemma3, gpt2 };
std::string_view to_string(Family family);

enum class Activation { silu, gelu_tanh };

// How a layer's frequencies are stretched beyond the context that a model was trained on.
struct RopeScaling {
    enum class Kind { none, linear, llama3 };
    Kind kind = Kind::none;
    float factor = 1.0F;
    float low_frequency_factor = 1.0F, high_frequency_factor = 4.0F; // llama3
    std::uint32_t original_context = 0;                              // llama3
    bool operator==(const RopeScaling&) const = default;
};

struct ModelConfig {
    Family family = Family::llama;
    std::uint32_t vocab_size = 0;
    std::uint32_t hidden_size = 0;
    std::uint32_t intermediate_size = 0;
    std::uint32_t layer_count = 0;    // num_hidden_layers
    std::uint32_t head_count = 0;     // num_attention_heads
    std::uint32_t kv_head_count = 0;  // num_key_value_heads
    std::uint32_t head_size = 0;      // head_dim; hidden_size / head_count when absent
    std::uint32_t context_length = 0; // max_position_embeddings
    float rope_theta = 10000.0F;
    float norm_epsilon = 1e-5F;  // rms_norm_eps
    bool tied_embeddings = true; // tie_word_embeddings
    std::int32_t bos_token = -1, eos_token = -1;
    std::vector<std::int32_t> eos_tokens; // all that end an answer, eos_token first; may be empty

    // What the families differ in; from_json fills it from model_type and the file's members.
    Activation activation = Activation::silu;
    bool layer_norm = false;        // LayerNorm with bias in place of RMSNorm (GPT-2)
    float norm_offset = 0.0F;       // RMSNorm's factor is offset + weight (Gemma: 1)
    bool out_norms = false;         // norms of attention's and the MLP's outputs too (Gemma)
    bool qk_norm = false;           // RMSNorm of each head of q and k (Qwen 3, Gemma 3)
    bool gated_mlp = true;          // down(act(gate x) * up x), else down(act(up x)) (GPT-2)
    bool fused_qkv = false;         // one projection for q, k and v (GPT-2)
    bool learned_positions = false; // a table in place of the rotation (GPT-2)
    bool qkv_bias = false, o_bias = false, mlp_bias = false;
    float embedding_scale = 1.0F;   // Gemma: sqrt(hidden_size)
    float attention_scale = 0.0F;   // of q k; 0: 1 / sqrt(head_size)
    float attention_softcap = 0.0F; // scores become cap * tanh(score / cap); 0: none
    float logit_softcap = 0.0F;     // the same of the logits
    RopeScaling rope_scaling;       // of global layers
    float local_rope_theta = 0.0F;  // of windowed layers, unscaled (Gemma 3); 0: as the others
    std::uint32_t sliding_window =
        0; // of windowed layers: a token sees itself and window - 1 before
    std::vector<std::uint8_t> windowed; // per layer: 1 when it has the window; empty: none has

    bool operator==(const ModelConfig&) const = default;

    // 0: layer `i` sees its whole past.
    std::uint32_t window(std::size_t i) const {
        return i < windowed.size() && windowed[i] != 0 ? sliding_window : 0;
    }
    std::uint64_t parameter_count() const;
    std::string to_json() const; // config.json as Hugging Face writes it
    // The families' members, and what transformers' configuration classes assume of those that a
    // file leaves out (docs/formats/model-folder.md).
    // unsupported (by name) for other model types, activations, rope scalings and whatever would
    // change what the model computes; invalid_argument for shapes that do not divide or pass sane
    // limits.
    static Result<ModelConfig> from_json(std::string_view text);
    // The tokens that end an answer, where the text of generation_config.json names them: they
    // count in place of config.json's.
    Status read_generation_config(std::string_view text);
};

} // namespace ol::model
