// What a training run is given: its numbers checked, its rows packed, its memory predicted.
#include <cmath>

#include "model/packed_lora.hpp"
#include "model/train/backprop_impl.hpp"

namespace ol::model {

namespace {

Status in_range(std::string_view name, double value, double low, double high) {
    if (value >= low && value <= high) return {};
    return fail(ErrorCode::invalid_argument, "{} is {}, must be {} to {}", name, value, low, high);
}

} // namespace

std::string_view to_string(Schedule schedule) {
    switch (schedule) {
    case Schedule::constant:
        return "constant";
    case Schedule::linear:
        return "linear";
    default:
        return "cosine";
    }
}

Result<Schedule> schedule_from(std::string_view name) {
    for (const auto schedule : {Schedule::constant, Schedule::linear, Schedule::cosine}) {
        if (to_string(schedule) == name) return schedule;
    }
    return fail(ErrorCode::invalid_argument,
                "\"{}\" is no schedule; use constant, linear or cosine", name);
}

Status OptimizerConfig::check() const {
    OL_TRY(in_range("learning_rate", learning_rate, 1e-9, 10));
    OL_TRY(in_range("beta1", beta1, 0, 0.9999999));
    OL_TRY(in_range("beta2", beta2, 0, 0.9999999));
    OL_TRY(in_range("epsilon", epsilon, 1e-20, 1));
    OL_TRY(in_range("weight_decay", weight_decay, 0, 10));
    OL_TRY(in_range("clip_norm", clip_norm, 0, 1e6));
    OL_TRY(in_range("minimum_ratio", minimum_ratio, 0, 1));
    OL_TRY(in_range("lora_plus_ratio", lora_plus_ratio, 1e-3, 1e3));
    if (schedule != Schedule::constant && total_steps > 0 && warmup_steps > total_steps) {
        return fail(ErrorCode::invalid_argument, "warmup_steps is {}, more than total_steps, {}",
                    warmup_steps, total_steps);
    }
    return {};
}

Status TrainOptions::check() const {
    OL_TRY(in_range("neftune_alpha", neftune_alpha, 0, 1000));
    return in_range("stack_tokens", stack_tokens, 16, 1 << 20);
}

std::vector<Example> pack_examples(const std::vector<Example>& examples, std::uint32_t max_tokens) {
    std::vector<Example> out;
    for (const auto& example : examples) {
        const std::size_t length = example.tokens.size();
        if (out.empty() || out.back().tokens.size() + length > max_tokens) out.emplace_back();
        auto& row = out.back();
        row.tokens.insert(row.tokens.end(), example.tokens.begin(), example.tokens.end());
        row.mask.insert(row.mask.end(), example.mask.begin(), example.mask.end());
        row.documents.push_back(static_cast<std::uint32_t>(length));
    }
    return out;
}

MemoryPlan predict_memory(const ModelConfig& c, const LoraConfig* lora, const TrainOptions& options,
                          std::uint64_t batch_tokens, std::uint64_t longest) {
    MemoryPlan plan;
    const std::uint64_t hidden = c.hidden_size, inner = c.intermediate_size, layers = c.layer_count;
    const std::uint64_t q = std::uint64_t{c.head_count} * c.head_size;
    const std::uint64_t kv = std::uint64_t{c.kv_head_count} * c.head_size;
    const std::uint64_t qkv = q + 2 * kv, vocabulary = c.vocab_size;
    const std::uint64_t rows =
        std::min(batch_tokens, std::max<std::uint64_t>(options.stack_tokens, longest));
    const std::uint64_t parameters = c.parameter_count();

    // Widths of what adapters keep per row, and their parameters.
    std::array<std::uint64_t, lora_group_count> low{};
    std::uint64_t low_all = 0, adapter = 0, packed_adapter = 0;
    LoraAdapter::Ranks ranks;
    if (lora != nullptr) {
        const bool apart = lora->dropout > 0;
        ranks = LoraAdapter::ranks(c, *lora);
        for (const auto& layer : ranks.layers) {
            std::uint64_t here = 0;
            for (std::size_t g = 0; g < lora_group_count; ++g) {
                std::uint64_t width = 0, in = 0;
                for (int s = lora_groups[g][0]; s < lora_groups[g][1]; ++s) {
                    const std::uint64_t rank = layer[static_cast<std::size_t>(s)];
                    const auto site = static_cast<Site>(s);
                    if (rank == 0) continue;
                    width += rank;
                    adapter += rank * (site_in(c, site) + site_out(c, site));
                    if (lora->dora) adapter += site_out(c, site);
                    here += train::padded(rank) * site_out(c, site);
                    if (apart && lora->dora) {
                        here += 2 * site_in(c, site) * site_out(c, site); // what it changes
                    } else if (apart) {
                        here += rank * train::padded(site_out(c, site));
                    }
                    in = site_in(c, site);
                }
                here += train::padded(width) * in;
                if (apart && !lora->dora) here += width * train::padded(in);
                low[g] = std::max(low[g], width);
                low_all += width;
            }
            packed_adapter = std::max(packed_adapter, here);
        }
        adapter += (ranks.embedding + ranks.head) * (vocabulary + hidden);
        if (lora->dora && lora->embedding) adapter += hidden;
        if (lora->dora && lora->head) adapter += vocabulary;
    }
    const std::uint64_t trained =
        lora != nullptr ? adapter : parameters + (c.tied_embeddings ? vocabulary * hidden : 0);

    std::uint64_t tape = qkv + q + hidden + inner * (c.gated_mlp ? 2 : 1) + 2 * c.head_count + 2;
    if (c.qk_norm) tape += q + kv + c.head_count + c.kv_head_count;
    if (c.out_norms) tape += 2 * hidden + 2;
    if (c.layer_norm) tape += 2;
    const std::uint64_t tapes = options.checkpointing ? 1 : layers;
    std::uint64_t per_row =
        hidden * (layers + 1) + tape * tapes + (options.checkpointing ? low_all / layers : low_all);
    per_row += 4 * hidden + inner + q + qkv; // backward's
    if (c.qk_norm) per_row += q + kv;
    if (c.out_norms) per_row += 2 * hidden;
    for (const auto width : low) per_row += width;
    per_row += 4 * hidden + 2; // the head's
    per_row += 2 * ranks.embedding;
    std::uint64_t matrices = q * hidden + qkv * hidden + (c.gated_mlp ? 3 : 2) * hidden * inner;
    matrices = 2 * (matrices + vocabulary * hidden); // both layouts of a layer and of the head
    const std::uint64_t logits = std::min<std::uint64_t>(rows, 192) * vocabulary;

    plan.base = 4 * parameters;
    plan.adapter = 4 * adapter;
    plan.gradients = 4 * trained;
    plan.moments = 4 * 2 * (lora != nullptr ? adapter : parameters);
    plan.activations = 4 * (rows * per_row + matrices + packed_adapter + logits);
    if (ranks.head > 0) {
        const std::uint64_t rank = ranks.head;
        plan.activations += 4 * (vocabulary + hidden) * (rank + train::padded(rank));
        plan.activations += 4 * rank * 2 * 192;
        if (lora->dora) plan.activations += 4 * 3 * vocabulary;
    }
    return plan;
}

} // namespace ol::model
