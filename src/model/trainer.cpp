#include "model/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.hpp"
#include "model/backprop.hpp"
#include "model/kernels/exact_math.hpp"
#include "model/kernels/kernels.hpp"

namespace ol::model {

namespace {

// One trained tensor: its values, its gradient, and its place in the moments.
struct Parameter {
    std::vector<float>* value;
    std::vector<float>* gradient;
    bool decay;
    std::size_t offset = 0;
};

constexpr std::size_t norm_chunk = 4096; // elements per partial sum of the gradient norm
constexpr char state_magic[8] = {'O', 'L', 'T', 'R', 'A', 'I', 'N', '1'};

void append_floats(Bytes& to, const std::vector<float>& values) {
    static_assert(std::endian::native == std::endian::little);
    append(to,
           {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(float)});
}

// The common part of both trainers: batch, clipping, AdamW, schedule and state.
class AdamTrainer : public Trainer {
public:
    AdamTrainer(const Model& model, const LoraAdapter* adapter, const OptimizerConfig& config,
                ThreadPool& pool)
        : config_(config)
        , pool_(pool)
        , backprop_(model, adapter, pool) {}

    Result<StepReport> step(const std::vector<Example>& batch) override {
        OL_TRY(backprop_.check(batch));
        for (auto& p : parameters_) std::fill(p.gradient->begin(), p.gradient->end(), 0.0F);
        StepReport report;
        report.tokens = Backprop::loss_tokens(batch);
        const float factor = 1.0F / static_cast<float>(report.tokens);
        report.loss = add_gradients(batch, factor) / static_cast<double>(report.tokens);
        report.gradient_norm = gradient_norm();
        ++step_;
        report.learning_rate = learning_rate(step_);
        apply(report);
        return report;
    }

    Result<double> evaluate(const std::vector<Example>& batch) override {
        OL_TRY(backprop_.check(batch));
        return backprop_.loss(batch) / static_cast<double>(Backprop::loss_tokens(batch));
    }

    std::uint64_t step_count() const override { return step_; }

    Bytes save_state() const override {
        Bytes out;
        out.reserve(32 + 3 * first_.size() * sizeof(float));
        append(out, {reinterpret_cast<const std::uint8_t*>(state_magic), sizeof state_magic});
        std::uint8_t number[8];
        put_be64(number, step_);
        append(out, number);
        put_be64(number, first_.size());
        append(out, number);
        for (const auto& p : parameters_) append_floats(out, *p.value);
        append_floats(out, first_);
        append_floats(out, second_);
        return out;
    }

    Status load_state(ByteView state) override {
        constexpr std::size_t header = 24;
        if (state.size() < header ||
            std::memcmp(state.data(), state_magic, sizeof state_magic) != 0) {
            return fail(ErrorCode::corrupted, "training state: not a state of this trainer");
        }
        const std::uint64_t count = get_be64(state.data() + 16);
        if (count != first_.size()) {
            return fail(ErrorCode::conflict,
                        "training state: has {} parameters, this run {}; start from the state of "
                        "the same model and targets",
                        count, first_.size());
        }
        if (state.size() != header + 3 * count * sizeof(float)) {
            return fail(ErrorCode::corrupted, "training state: {} bytes where {} belong",
                        state.size(), header + 3 * count * sizeof(float));
        }
        const std::uint8_t* at = state.data() + header;
        const auto take = [&](std::vector<float>& to) {
            std::memcpy(to.data(), at, to.size() * sizeof(float));
            at += to.size() * sizeof(float);
        };
        for (auto& p : parameters_) take(*p.value);
        take(first_);
        take(second_);
        step_ = get_be64(state.data() + 8);
        return {};
    }

protected:
    virtual double add_gradients(const std::vector<Example>& batch, float factor) = 0;

    void add_parameter(std::vector<float>& value, std::vector<float>& gradient, bool decay) {
        if (value.empty()) return;
        parameters_.push_back({&value, &gradient, decay, first_.size()});
        first_.resize(first_.size() + value.size());
        second_.resize(first_.size());
    }

    Backprop& backprop() { return backprop_; }

private:
    float learning_rate(std::uint64_t step) const {
        const double peak = config_.learning_rate;
        if (config_.warmup_steps > 0 && step <= config_.warmup_steps) {
            return static_cast<float>(peak * static_cast<double>(step) /
                                      static_cast<double>(config_.warmup_steps));
        }
        if (config_.total_steps == 0) return config_.learning_rate;
        const auto warm = static_cast<double>(config_.warmup_steps);
        const double span = std::max(1.0, static_cast<double>(config_.total_steps) - warm);
        const double done = std::min(1.0, (static_cast<double>(step) - warm) / span);
        const double cosine = 0.5 * (1.0 + kernels::exact_cos(3.14159265358979323846 * done));
        return static_cast<float>(peak * (0.1 + 0.9 * cosine));
    }

    // Partial sums of fixed chunks, added in double in the order of the parameters.
    double gradient_norm() {
        double total = 0;
        std::vector<float> partial;
        for (const auto& p : parameters_) {
            const auto& g = *p.gradient;
            partial.resize((g.size() + norm_chunk - 1) / norm_chunk);
            pool_.parallel_for(partial.size(), 16, [&](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; ++i) {
                    const float* at = g.data() + i * norm_chunk;
                    partial[i] =
                        table_.dot(at, at, std::min(norm_chunk, g.size() - i * norm_chunk));
                }
            });
            for (auto value : partial) total += static_cast<double>(value);
        }
        return std::sqrt(total);
    }

    void apply(const StepReport& report) {
        kernels::AdamStep s{};
        s.learning_rate = report.learning_rate;
        s.beta1 = config_.beta1;
        s.beta2 = config_.beta2;
        s.epsilon = config_.epsilon;
        s.correction1 = static_cast<float>(
            1.0 / (1.0 - kernels::exact_power(static_cast<double>(config_.beta1), step_)));
        s.correction2 = static_cast<float>(
            1.0 / (1.0 - kernels::exact_power(static_cast<double>(config_.beta2), step_)));
        s.gradient_scale = 1.0F;
        if (config_.clip_norm > 0 &&
            report.gradient_norm > static_cast<double>(config_.clip_norm)) {
            s.gradient_scale =
                static_cast<float>(static_cast<double>(config_.clip_norm) / report.gradient_norm);
        }
        for (auto& p : parameters_) {
            s.decay = p.decay ? config_.weight_decay : 0.0F;
            pool_.parallel_for(p.value->size(), 1 << 14, [&](std::size_t begin, std::size_t end) {
                table_.adam(p.value->data() + begin, p.gradient->data() + begin,
                            first_.data() + p.offset + begin, second_.data() + p.offset + begin,
                            end - begin, s);
            });
        }
    }

    OptimizerConfig config_;
    ThreadPool& pool_;
    const kernels::Table& table_ = kernels::best();
    Backprop backprop_;
    std::vector<Parameter> parameters_;
    std::vector<float> first_, second_;
    std::uint64_t step_ = 0;
};

class ModelTrainer final : public AdamTrainer {
public:
    ModelTrainer(Model& model, const OptimizerConfig& config, ThreadPool& pool)
        : AdamTrainer(model, nullptr, config, pool)
        , gradients_(zero_gradients(model)) {
        auto& w = model.weights;
        add_parameter(w.embedding, gradients_.embedding, false);
        for (std::size_t i = 0; i < w.layers.size(); ++i) {
            auto& layer = w.layers[i];
            auto& g = gradients_.layers[i];
            add_parameter(layer.attention_norm.weight, g.attention_norm.weight, false);
            add_parameter(layer.mlp_norm.weight, g.mlp_norm.weight, false);
            for (std::size_t s = 0; s < site_count; ++s) {
                add_parameter(layer.linears[s].weight, g.linears[s].weight, true);
            }
        }
        add_parameter(w.final_norm.weight, gradients_.final_norm.weight, false);
        add_parameter(w.head.weight, gradients_.head.weight, true);
    }

private:
    double add_gradients(const std::vector<Example>& batch, float factor) override {
        return backprop().gradients(batch, factor, &gradients_, nullptr);
    }
    Weights gradients_;
};

class AdapterTrainer final : public AdamTrainer {
public:
    AdapterTrainer(const Model& model, LoraAdapter& adapter, const OptimizerConfig& config,
                   ThreadPool& pool)
        : AdamTrainer(model, &adapter, config, pool)
        , gradients_(zero_gradients(adapter)) {
        adapter.packed.reset(); // its values will change
        for (std::size_t i = 0; i < adapter.layers.size(); ++i) {
            for (std::size_t site = 0; site < site_count; ++site) {
                auto& pair = adapter.layers[i][site];
                add_parameter(pair.a, gradients_.layers[i][site].a, true);
                add_parameter(pair.b, gradients_.layers[i][site].b, true);
            }
        }
    }

private:
    double add_gradients(const std::vector<Example>& batch, float factor) override {
        return backprop().gradients(batch, factor, nullptr, &gradients_);
    }
    LoraAdapter gradients_;
};

} // namespace

std::unique_ptr<Trainer> Trainer::for_adapter(const Model& model, LoraAdapter& adapter,
                                              const OptimizerConfig& config, ThreadPool& pool) {
    OL_CHECK(adapter.layers.size() == model.config.layer_count);
    return std::make_unique<AdapterTrainer>(model, adapter, config, pool);
}

std::unique_ptr<Trainer> Trainer::for_model(Model& model, const OptimizerConfig& config,
                                            ThreadPool& pool) {
    return std::make_unique<ModelTrainer>(model, config, pool);
}

} // namespace ol::model
