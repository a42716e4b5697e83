// Backprop: loss and gradients of token sequences, hand-written for the transformer of
// transformer.hpp. Of all weights, or of an adapter over frozen weights.
//
// Sequences are stacked to one matrix for the projections, a few thousand tokens at a time;
// attention works per sequence. A weight's gradient is a chain over the tokens in the order of the
// batch, so neither threads nor the stacking change a bit of it.
#pragma once

#include <memory>
#include <vector>

#include "base/result.hpp"
#include "base/thread_pool.hpp"
#include "model/trainer.hpp"

namespace ol::model {

class Backprop {
public:
    // adapter null: the base alone. All outlive this object; weights may change between calls.
    Backprop(const Model& model, const LoraAdapter* adapter, ThreadPool& pool);
    ~Backprop();

    // invalid_argument for a bad id, a sequence beyond the context, or masks that do not fit.
    Status check(const std::vector<Example>& batch) const;
    static std::uint64_t loss_tokens(const std::vector<Example>& batch);

    // Sum of the loss over the batch's loss tokens, in nats. The batch was checked.
    double loss(const std::vector<Example>& batch);
    // The same, and adds factor * its gradient to `weights` (shaped as the model's, see
    // zero_gradients) and `adapter` (shaped as the adapter); either may be null.
    double gradients(const std::vector<Example>& batch, float factor, Weights* weights,
                     LoraAdapter* adapter);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

Weights zero_gradients(const Model& model);
LoraAdapter zero_gradients(const LoraAdapter& adapter);

} // namespace ol::model
