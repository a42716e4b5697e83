// Trainer: forward and backward over batches, AdamW, schedules; of an adapter (frozen base) or of
// the whole model. The same inputs give the same bytes for every thread count.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "model/transformer.hpp"

namespace ol::model {

// One training sequence: loss is taken where mask[i] != 0, on predicting tokens[i] from its prefix
// (mask[0] is ignored).
struct Example {
    std::vector<TokenId> tokens;
    std::vector<std::uint8_t> mask;
    // Lengths of several documents in one row, adding up to the tokens; empty: it is one. Each has
    // its own positions, attention and loss, as if it were an example alone.
    std::vector<std::uint32_t> documents = {};
};

struct OptimizerConfig {
    float learning_rate = 1e-3F;
    float beta1 = 0.9F, beta2 = 0.95F, epsilon = 1e-8F;
    float weight_decay = 0.0F;      // decoupled; not on norms and embeddings
    float clip_norm = 1.0F;         // of the global gradient norm; 0: none
    std::uint64_t warmup_steps = 0; // linear
    std::uint64_t total_steps = 0;  // of the cosine that ends at 0.1 x learning_rate; 0: constant
};

struct StepReport {
    double loss = 0; // mean over the loss tokens, nats
    double gradient_norm = 0;
    float learning_rate = 0;
    std::uint64_t tokens = 0;
};

class Trainer {
public:
    // Trains the adapter in place; model is read only.
    static std::unique_ptr<Trainer> for_adapter(const Model& model, LoraAdapter& adapter,
                                                const OptimizerConfig& config, ThreadPool& pool);
    // Trains all weights in place.
    static std::unique_ptr<Trainer> for_model(Model& model, const OptimizerConfig& config,
                                              ThreadPool& pool);
    virtual ~Trainer() = default;

    // One optimiser step over the batch: gradients are averaged over all loss tokens of the batch.
    // invalid_argument for a bad id or a sequence beyond the context.
    virtual Result<StepReport> step(const std::vector<Example>& batch) = 0;
    // Mean loss without training.
    virtual Result<double> evaluate(const std::vector<Example>& batch) = 0;
    virtual std::uint64_t step_count() const = 0;
    // Weights or adapter, optimiser moments and step count: resume is equal to the bit.
    virtual Bytes save_state() const = 0;
    virtual Status load_state(ByteView state) = 0;
};

} // namespace ol::model
