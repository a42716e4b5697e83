// Transformer: a decoder of the families of config.hpp in fp32 (weights may be quantized), with
// hand-written backward.
//
// Determinism: every sum has a fixed order (8 lanes, FMA, documented tree in model/kernels), so a
// result is equal to the bit for every thread count, batch neighbour, sequence split and x86-64
// machine. That is what makes training and answers re-executable evidence.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "model/config.hpp"
#include "model/kernels/quant.hpp"
#include "model/lora.hpp"
#include "model/tokenizer.hpp"
#include "model/weights.hpp"

namespace ol::model {

struct LoadOptions {
    // Projections and lm_head are quantized while they are read, one after the other; the table of
    // the embedding stays. Also those whose inputs are no multiple of kernels::quant_block stay.
    std::optional<kernels::QuantType> quantize;
};

struct Model {
    ModelConfig config;
    Weights weights; // row-major, fp32 in memory unless quantized

    // Normal(0, 0.02) by Box-Muller on Prng(seed) (residual projections scaled by 1/sqrt(2
    // layers)), norms' factors 1, biases 0. The same seed gives the same bytes.
    static Model random(const ModelConfig& config, std::uint64_t seed);
    // A Hugging Face folder as docs/formats/model-folder.md says. Every problem names the file
    // and tensor.
    static Result<Model> load(const Path& folder, const LoadOptions& options = {});
    // unsupported for a quantized model.
    Status save(const Path& folder, bool as_bf16) const;
    // As LoadOptions does, of a model in memory.
    Status quantize(kernels::QuantType type);
};

// Keys and values of one sequence; grows by forward calls, up to config.context_length.
class KvCache {
public:
    explicit KvCache(const ModelConfig& config);
    std::uint32_t length() const { return length_; }
    void truncate(std::uint32_t length);

private:
    friend class Engine;
    // Per layer, as kernels::HeadCache reads them: keys [position / 16][kv head][head_size][16],
    // values [position][kv head][head_size up to a multiple of 16].
    std::vector<std::vector<float>> keys_, values_;
    std::uint32_t length_ = 0;
};

// One sequence's new tokens in a step; several sequences with several adapters run in one call.
struct StepInput {
    std::span<const TokenId> tokens; // appended after cache->length()
    KvCache* cache = nullptr;
    const LoraAdapter* adapter = nullptr; // null: the base alone
    bool all_logits = false;              // else those of the last token only
};

class Engine {
public:
    // Both outlive the engine. The weights are arranged for the kernels here, once: a model that
    // has been trained on needs a new engine (an adapter does not). Thread-safe for concurrent
    // calls? No: one caller at a time.
    Engine(const Model& model, ThreadPool& pool);
    // The same with the kernels of one of kernels::available(): equal results.
    Engine(const Model& model, ThreadPool& pool, const kernels::Table& table);
    ~Engine();

    // Logits per input: [rows, vocab] with rows 1 or tokens.size(). An input's result does not
    // depend on the others. invalid_argument for an id outside the vocabulary, too_large past the
    // context.
    Result<std::vector<std::vector<float>>> forward(std::span<const StepInput> inputs);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace ol::model
