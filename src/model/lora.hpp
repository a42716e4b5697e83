// LoRA adapters in PEFT's form: y = W x + (alpha / r) B (A x) on chosen projections.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"
#include "model/config.hpp"

namespace ol::model {

// The projections of a layer that may carry an adapter, in this order everywhere.
enum class Site { q, k, v, o, gate, up, down };
inline constexpr int site_count = 7;
std::string_view to_string(Site site); // "q_proj", ..., "down_proj"
Result<Site> site_from(std::string_view name);
std::uint32_t site_in(const ModelConfig& config, Site site);
std::uint32_t site_out(const ModelConfig& config, Site site);

struct LoraConfig {
    std::uint32_t rank = 16;
    float alpha = 32.0F;
    std::vector<Site> targets = {Site::q,    Site::k,  Site::v,   Site::o,
                                 Site::gate, Site::up, Site::down};
    float scale() const { return alpha / static_cast<float>(rank); }
};

struct LoraPair {
    std::vector<float> a; // [rank, in]; empty when the site is not a target
    std::vector<float> b; // [out, rank]
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
    LoraConfig config;
    std::vector<std::array<LoraPair, site_count>> layers;
    // The same values in the layout of the kernels, for serving; null: the engine arranges them
    // anew in each step. Equal results. Copies share it, so whoever changes `layers` resets it.
    std::shared_ptr<const PackedLora> packed;

    // Fills `packed`. What load and parse return is packed.
    void pack();

    // A: Kaiming-uniform as PEFT (bound sqrt(3 / in) * sqrt(2/6)... = 1/sqrt(in)), B: zero.
    static LoraAdapter init(const ModelConfig& model, const LoraConfig& config, std::uint64_t seed);
    std::uint64_t parameter_count() const;

    // adapter_config.json and adapter_model.safetensors (fp32) as PEFT writes and reads them
    // ("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight").
    Status save(const Path& folder, std::string_view base_name) const;
    // Unknown tensors, DoRA, rsLoRA, bias, rank patterns and wrong shapes are refused by name.
    static Result<LoraAdapter> load(const Path& folder, const ModelConfig& model);

    // The same through memory: what was hashed is what is parsed, whatever happens to the files.
    AdapterFiles to_files(std::string_view base_name) const;
    static Result<LoraAdapter> parse(const AdapterFiles& files, const ModelConfig& model);
};

// What is registered on the ledger: keccak(keccak(adapter_config.json) |
// keccak(adapter_model.safetensors)).
Result<Hash32> adapter_hash(const Path& folder);
// The same idea over config.json, tokenizer.json, model.safetensors.
Result<Hash32> base_hash(const Path& folder);

} // namespace ol::model
