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

#include "base/progress.hpp"
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
    // and tensor. progress: parameters.
    static Result<Model> load(const Path& folder, const LoadOptions& options = {},
                              const ProgressSink& progress = no_progress);
    // unsupported for a quantized model. progress: bytes.
    Status save(const Path& folder, bool as_bf16, const ProgressSink& progress = no_progress) const;
    // As LoadOptions does, of a model in memory.
    Status quantize(kernels::QuantType type);
};

// Keys and values of one sequence; grows by forward calls, up to config.context_length. A layer
// with a window gives back what no later token can see: it holds its window, less than cache_page
// positions before it, and while a step runs the step's own.
class KvCache {
public:
    static constexpr std::uint32_t cache_page = 64; // positions that are given back at once

    explicit KvCache(const ModelConfig& config);
    std::uint32_t length() const { return length_; }
    // Forgets the tokens from `length` on. False, and nothing changes, where a windowed layer has
    // given back what the next token would see: forward must begin anew.
    [[nodiscard]] bool truncate(std::uint32_t length);
    std::uint64_t size_bytes() const; // held, with the room to grow

private:
    friend class Engine;
    // As kernels::HeadCache reads them, from position `first` on, a multiple of 16: keys
    // [position / 16][kv head][head_size][16], values [position][kv head][head_size up to a
    // multiple of 16].
    struct Layer {
        std::vector<float> keys, values;
        std::uint32_t first = 0, window = 0; // no window: 0

        // The first position that a token at `position` sees.
        std::uint32_t seen_from(std::uint32_t position) const {
            return window == 0 || position < window ? 0 : position + 1 - window;
        }
        // Makes room for positions up to `end`, both multiples of 16; so much for a position.
        void reserve(std::uint32_t end, std::size_t key_floats, std::size_t value_floats);
        // Gives back what tokens from `next` on do not see.
        void drop_unseen(std::uint32_t next, std::size_t key_floats, std::size_t value_floats);
    };
    std::vector<Layer> layers_;
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

    // Gives back the rows of the projections, of the head, and of a table that is tied to it where
    // it is not quantized, in `model`, which must be this engine's: half of the memory of an fp32
    // model, as the engine has them arranged. Nothing but this engine computes with the model then;
    // to train, merge or save, load it again.
    void release_rows(Model& model);

    // Logits per input: [rows, vocab] with rows 1 or tokens.size(). An input's result does not
    // depend on the others. invalid_argument for an id outside the vocabulary, too_large past the
    // context.
    Result<std::vector<std::vector<float>>> forward(std::span<const StepInput> inputs);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace ol::model
