// Trainer: forward and backward over batches, AdamW, schedules; of an adapter (frozen base) or of
// the whole model. The same inputs give the same bytes for every thread count.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "model/kernels/kernels.hpp"
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

// How the learning rate goes on after the linear warm-up.
enum class Schedule { constant, linear, cosine };
std::string_view to_string(Schedule schedule);
Result<Schedule> schedule_from(std::string_view name);

struct OptimizerConfig {
    float learning_rate = 1e-3F;
    float beta1 = 0.9F, beta2 = 0.95F, epsilon = 1e-8F;
    float weight_decay = 0.0F;      // decoupled; not on norms, biases, embeddings and magnitudes
    float clip_norm = 1.0F;         // of the global gradient norm; 0: none
    std::uint64_t warmup_steps = 0; // linear
    std::uint64_t total_steps = 0;  // at which linear and cosine end; 0: constant
    Schedule schedule = Schedule::cosine;
    float minimum_ratio = 0.1F; // of the learning rate: where linear and cosine end
    float lora_plus_ratio = 1;  // LoRA+ (arXiv 2402.12354): B learns this much faster

    // invalid_argument names the number that is out of its range.
    Status check() const;
};

struct TrainOptions {
    std::uint64_t seed = 0;                  // of NEFTune's noise and of dropout
    float neftune_alpha = 0.0F;              // backprop.hpp; 0: none
    bool checkpointing = false;              // less memory for about a third more time, equal bits
    std::uint32_t stack_tokens = 2048;       // whose activations live at once
    const kernels::Table* kernels = nullptr; // null: the best of this processor; equal bits

    Status check() const;
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
    static Result<std::unique_ptr<Trainer>> make(const Model& model, LoraAdapter& adapter,
                                                 const OptimizerConfig& config,
                                                 const TrainOptions& options, ThreadPool& pool);
    // Trains all weights in place; unsupported where some are quantized.
    static Result<std::unique_ptr<Trainer>> make(Model& model, const OptimizerConfig& config,
                                                 const TrainOptions& options, ThreadPool& pool);
    // The same for configurations that are known to be right.
    static std::unique_ptr<Trainer> for_adapter(const Model& model, LoraAdapter& adapter,
                                                const OptimizerConfig& config, ThreadPool& pool);
    static std::unique_ptr<Trainer> for_model(Model& model, const OptimizerConfig& config,
                                              ThreadPool& pool);
    virtual ~Trainer() = default;

    // One optimiser step over the batch: gradients are averaged over all loss tokens of the batch.
    // invalid_argument for a bad id or a sequence beyond the context.
    virtual Result<StepReport> step(const std::vector<Example>& batch) = 0;
    // Gradient accumulation: one step over several micro-batches, with the bytes of one batch of
    // all.
    virtual Result<StepReport> step_over(std::span<const std::vector<Example>> batches) = 0;
    // Mean loss without training, noise and dropout.
    virtual Result<double> evaluate(const std::vector<Example>& batch) = 0;
    virtual std::uint64_t step_count() const = 0;
    // Weights or adapter, optimiser moments and step count: resume is equal to the bit. Noise is a
    // function of the seed and the step, so there is no other state.
    virtual Bytes save_state() const = 0;
    virtual Status load_state(ByteView state) = 0;
    // Of gradients, moments and activations, as they have grown.
    virtual std::uint64_t buffer_bytes() const = 0;
};

// Examples that share rows of at most `max_tokens`, in order: each row takes documents as long as
// they fit. Training on them gives the bytes of training on the documents alone.
std::vector<Example> pack_examples(const std::vector<Example>& examples, std::uint32_t max_tokens);

struct MemoryPlan {
    std::uint64_t base = 0;        // the model's weights
    std::uint64_t adapter = 0;     // its values
    std::uint64_t gradients = 0;   // of what is trained
    std::uint64_t moments = 0;     // AdamW's
    std::uint64_t activations = 0; // of a stack, and a layer's packed matrices
    // What a trainer allocates beside the model and the adapter.
    std::uint64_t trainer() const { return gradients + moments + activations; }
    std::uint64_t total() const { return base + adapter + trainer(); }
};
// lora null: all weights. `longest` tokens in a document and `batch_tokens` in a batch. Within 10 %
// of what Trainer::buffer_bytes says after a step.
MemoryPlan predict_memory(const ModelConfig& model, const LoraConfig* lora,
                          const TrainOptions& options, std::uint64_t batch_tokens,
                          std::uint64_t longest);

} // namespace ol::model
