// Backprop: loss and gradients of token sequences, hand-written for the transformer of
// transformer.hpp. Of all weights, or of an adapter over frozen weights.
//
// Documents are stacked to one matrix, a few thousand tokens at a time; attention works per
// document. A weight's gradient is one chain over the tokens in the order of the batch. An
// adapter's gradient is, for every document, a chain over its tokens from 0; the batch's is their
// sum in the order of the documents. So neither threads, nor the stacking, nor packing several
// documents into an example, nor a split of the batch over calls changes a bit. DoRA's lengths
// |W'| count as constants, as in PEFT.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "model/kernels/kernels.hpp"
#include "model/trainer.hpp"

namespace ol::model {

struct BackpropOptions {
    std::uint32_t stack_tokens = 2048; // whose activations live at once; one document at least
    // Keep only the rows between the layers and compute each layer's inside again for backward:
    // less memory, about a third more time, equal bits.
    bool checkpointing = false;
    const kernels::Table* table = nullptr; // null: the best of this processor
};

// Noise that training wants: a function of (seed, step, document, position, channel) alone.
struct TrainNoise {
    std::uint64_t seed = 0, step = 0;
    std::uint64_t first_document = 0; // of the batch, where it is a part of a larger one
    // NEFTune (arXiv 2310.05914): uniform noise of +- alpha / sqrt(tokens * hidden_size) on the
    // embeddings; 0: none.
    float neftune_alpha = 0.0F;
    // Of the rows that an adapter sees: projections that share rows share it, the tables' adapters
    // have none. With DoRA all that the adapter changes in W's product sees them, as in PEFT:
    // y = W x + (m / |W'| - 1) W x' + m / |W'| scale B A x'.
    float dropout = 0.0F;
};

struct GradientRun {
    float factor = 1.0F; // of the loss
    Weights* weights = nullptr;
    LoraAdapter* adapter = nullptr;
    // Each document's own part of `adapter`: [documents of the batch, parameters] in the order of
    // AdapterLayout (train/adapter_layout.hpp), overwritten. Their sum, row after row from 0, is
    // the batch's gradient to the bit. Costs the memory traffic of the rows and no arithmetic but
    // the sum.
    float* per_document = nullptr;
    const TrainNoise* noise = nullptr;
};

class Backprop {
public:
    // adapter null: the base alone. All outlive this object; weights may change between calls.
    Backprop(const Model& model, const LoraAdapter* adapter, ThreadPool& pool,
             const BackpropOptions& options = {});
    ~Backprop();

    // invalid_argument for a bad id, a document beyond the context, or masks that do not fit.
    Status check(std::span<const Example> batch) const;
    static std::uint64_t loss_tokens(std::span<const Example> batch);
    static std::uint64_t documents(std::span<const Example> batch);

    // Sum of the loss over the batch's loss tokens, in nats. The batch was checked.
    double loss(std::span<const Example> batch);
    // The same, and adds factor * its gradient to run.weights (shaped as zero_gradients makes
    // them) and run.adapter. With tied embeddings, the head's part of the table's gradient goes to
    // weights->head.weight, so that each part stays one chain; fold_tied adds it.
    double gradients(std::span<const Example> batch, const GradientRun& run);
    // Folded already.
    double gradients(const std::vector<Example>& batch, float factor, Weights* weights,
                     LoraAdapter* adapter);

    // Of this object's buffers, as they have grown.
    std::uint64_t buffer_bytes() const;

    struct Impl;

private:
    std::unique_ptr<Impl> impl_;
};

// Shaped as the model's (quantized matrices excepted), and with a head where it is tied.
Weights zero_gradients(const Model& model);
LoraAdapter zero_gradients(const LoraAdapter& adapter);
// embedding += head, head = 0 where the model ties them.
void fold_tied(const ModelConfig& config, Weights& gradients);

} // namespace ol::model
