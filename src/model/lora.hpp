// LoRA adapters in PEFT's form: y = W x + (alpha / r) B (A x) on chosen projections.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/result.hpp"
#include "model/weights.hpp"

namespace ol::model {

struct LoraConfig {
    std::uint32_t rank = 16;
    float alpha = 32.0F;
    std::vector<Site> targets = {Site::q,    Site::k,  Site::v,   Site::o,
                                 Site::gate, Site::up, Site::down};
    bool embedding = false, head = false; // targets embed_tokens and lm_head too
    bool rslora = false;                  // scale alpha / sqrt(rank) in place of alpha / rank
    bool dora = false;                    // weight-decomposed: a learned length of every output
    float dropout = 0.0F;                 // of the adapter's input, in training
    // PEFT's: the first key that is a module's name or a pattern of its end counts (peft_rules.hpp,
    // which says what is no pattern; init and ranks are given patterns that are).
    std::vector<std::pair<std::string, std::uint32_t>> rank_pattern;
    std::vector<std::pair<std::string, float>> alpha_pattern;

    // Targets by PEFT's names of modules ("q_proj", "embed_tokens", GPT-2's "c_attn") or
    // "all-linear"; unsupported for another.
    Status set_target_modules(const std::vector<std::string>& names);

    float scale() const { return scale(rank, alpha); }
    float scale(std::uint32_t of_rank, float of_alpha) const;
};

// y = W x + scale B (A x); with a magnitude m (DoRA): y = m / |W + scale B A| (W x + scale B A x),
// lengths of rows, then the bias.
struct LoraPair {
    std::vector<float> a;         // [rank, in]; empty when the site is not a target
    std::vector<float> b;         // [out, rank]
    std::vector<float> magnitude; // [out]; empty: no DoRA
    std::uint32_t rank = 0;
    float scale = 0.0F;
};

// The bytes of an adapter's two files.
struct AdapterFiles {
    std::string config; // adapter_config.json
    Bytes weights;      // adapter_model.safetensors

    static Result<AdapterFiles> read(const Path& folder);
    Hash32 hash() const; // as adapter_hash
};

struct PackedLora; // packed_lora.hpp

struct LoraAdapter {
    Family family = Family::llama; // of the base: whose names of modules the files have
    LoraConfig config;
    std::vector<std::array<LoraPair, site_count>> layers;
    // embed_tokens: row t of the table becomes E[t] + scale B a[:, t], a [rank, vocab], b [hidden,
    // rank], a magnitude [hidden] that of the table's columns; lm_head: as any projection, also
    // where the base ties it to the table.
    LoraPair embedding, head;
    // The same values in the layout of the kernels, for serving; null: the engine arranges them
    // anew in each step. Equal results. Copies share it, so whoever changes `layers` resets it.
    std::shared_ptr<const PackedLora> packed;

    // Fills `packed`. What load and parse return is packed.
    void pack();

    // A: Kaiming-uniform as PEFT (bound sqrt(3 / in) * sqrt(2/6)... = 1/sqrt(in)), B: zero. The
    // table's adapter the other way round, as PEFT's: A zero, B normal. DoRA's magnitudes are the
    // lengths of the base's rows: see init_magnitudes.
    static LoraAdapter init(const ModelConfig& model, const LoraConfig& config, std::uint64_t seed);
    // With DoRA: magnitudes as they start, of the base's weights (dequantized where they are).
    void init_magnitudes(const Weights& base);
    // By targets and rank_pattern; 0: no adapter.
    struct Ranks {
        std::vector<std::array<std::uint32_t, site_count>> layers;
        std::uint32_t embedding = 0, head = 0;
    };
    static Ranks ranks(const ModelConfig& model, const LoraConfig& config);
    std::uint64_t parameter_count() const;

    // adapter_config.json and adapter_model.safetensors (fp32) as PEFT writes and reads them
    // ("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight").
    Status save(const Path& folder, std::string_view base_name) const;
    // Unknown tensors, members that change what an adapter computes and wrong shapes are refused by
    // name.
    static Result<LoraAdapter> load(const Path& folder, const ModelConfig& model);

    // The same through memory: what was hashed is what is parsed, whatever happens to the files.
    AdapterFiles to_files(std::string_view base_name) const;
    static Result<LoraAdapter> parse(const AdapterFiles& files, const ModelConfig& model);
};

// What is registered on the ledger: keccak(keccak(adapter_config.json) |
// keccak(adapter_model.safetensors)).
Result<Hash32> adapter_hash(const Path& folder);
// The same idea over config.json, tokenizer.json (tokenizer.model where there is none), the index
// and files of the weights, and generation_config.json where there is one. progress: bytes.
Result<Hash32> base_hash(const Path& folder, const ProgressSink& progress = no_progress);

} // namespace ol::model
