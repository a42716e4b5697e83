#include "model/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.hpp"
#include "model/backprop.hpp"
#include "model/kernels/exact_math.hpp"
#include "model/kernels/kernels.hpp"
#include "model/train/adapter_layout.hpp"

namespace ol::model {

namespace {

// One trained tensor: its values, its gradient, and its place in the moments.
struct Parameter {
    std::vector<float>* value;
    std::vector<float>* gradient;
    bool decay;
    float rate = 1.0F; // of the learning rate
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
                const TrainOptions& options, ThreadPool& pool)
        : config_(config)
        , options_(options)
        , dropout_(adapter != nullptr ? adapter->config.dropout : 0.0F)
        , pool_(pool)
        , table_(options.kernels != nullptr ? *options.kernels : kernels::best())
        , backprop_(model, adapter, pool,
                    {options.stack_tokens, options.checkpointing, options.kernels}) {}

    Result<StepReport> step(const std::vector<Example>& batch) override {
        return step_over(std::span(&batch, 1));
    }

    Result<StepReport> step_over(std::span<const std::vector<Example>> batches) override {
        StepReport report;
        for (const auto& batch : batches) {
            OL_TRY(backprop_.check(batch));
            report.tokens += Backprop::loss_tokens(batch);
        }
        if (report.tokens == 0) return fail(ErrorCode::invalid_argument, "the batch is empty");
        for (auto& p : parameters_) std::fill(p.gradient->begin(), p.gradient->end(), 0.0F);
        const float factor = 1.0F / static_cast<float>(report.tokens);
        TrainNoise noise{options_.seed, step_, 0, options_.neftune_alpha, dropout_};
        for (const auto& batch : batches) {
            report.loss += add_gradients(batch, factor, noise);
            noise.first_document += Backprop::documents(batch);
        }
        finish_gradients();
        report.loss /= static_cast<double>(report.tokens);
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

    std::uint64_t buffer_bytes() const override {
        std::uint64_t out = backprop_.buffer_bytes() + gradient_bytes();
        return out + (first_.capacity() + second_.capacity()) * sizeof(float);
    }

protected:
    virtual double add_gradients(const std::vector<Example>& batch, float factor,
                                 const TrainNoise& noise) = 0;
    virtual void finish_gradients() {}
    virtual std::uint64_t gradient_bytes() const = 0;

    void add_parameter(std::vector<float>& value, std::vector<float>& gradient, bool decay,
                       float rate = 1.0F) {
        if (value.empty()) return;
        parameters_.push_back({&value, &gradient, decay, rate, parameter_count_});
        parameter_count_ += value.size();
    }

    // After the last add_parameter.
    void make_moments() {
        first_.assign(parameter_count_, 0.0F);
        second_.assign(parameter_count_, 0.0F);
    }

    Backprop& backprop() { return backprop_; }

private:
    float learning_rate(std::uint64_t step) const {
        const double peak = config_.learning_rate;
        if (config_.warmup_steps > 0 && step <= config_.warmup_steps) {
            return static_cast<float>(peak * static_cast<double>(step) /
                                      static_cast<double>(config_.warmup_steps));
        }
        if (config_.total_steps == 0 || config_.schedule == Schedule::constant) {
            return config_.learning_rate;
        }
        const auto warm = static_cast<double>(config_.warmup_steps);
        const double span = std::max(1.0, static_cast<double>(config_.total_steps) - warm);
        const double done = std::min(1.0, (static_cast<double>(step) - warm) / span);
        const double left = config_.schedule == Schedule::linear
                                ? 1.0 - done
                                : 0.5 * (1.0 + kernels::exact_cos(3.14159265358979323846 * done));
        // The float's shortest decimal is meant: 0.1, not 0.1000000015.
        const double least = std::round(static_cast<double>(config_.minimum_ratio) * 1e6) * 1e-6;
        return static_cast<float>(peak * (least + (1.0 - least) * left));
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
            s.learning_rate = report.learning_rate * p.rate;
            pool_.parallel_for(p.value->size(), 1 << 14, [&](std::size_t begin, std::size_t end) {
                table_.adam(p.value->data() + begin, p.gradient->data() + begin,
                            first_.data() + p.offset + begin, second_.data() + p.offset + begin,
                            end - begin, s);
            });
        }
    }

    OptimizerConfig config_;
    TrainOptions options_;
    float dropout_;
    ThreadPool& pool_;
    const kernels::Table& table_;
    Backprop backprop_;
    std::vector<Parameter> parameters_;
    std::size_t parameter_count_ = 0;
    std::vector<float> first_, second_;
    std::uint64_t step_ = 0;
};

std::uint64_t bytes_of(const std::vector<float>& values) {
    return values.capacity() * sizeof(float);
}

class ModelTrainer final : public AdamTrainer {
public:
    ModelTrainer(Model& model, const OptimizerConfig& config, const TrainOptions& options,
                 ThreadPool& pool)
        : AdamTrainer(model, nullptr, config, options, pool)
        , config_(model.config)
        , gradients_(zero_gradients(model)) {
        auto& w = model.weights;
        add_parameter(w.embedding, gradients_.embedding, false);
        add_parameter(w.positions, gradients_.positions, false);
        const auto norm = [this](Norm& value, Norm& gradient) {
            add_parameter(value.weight, gradient.weight, false);
            add_parameter(value.bias, gradient.bias, false);
        };
        const auto linear = [this](Linear& value, Linear& gradient) {
            add_parameter(value.weight, gradient.weight, true);
            add_parameter(value.bias, gradient.bias, false);
        };
        for (std::size_t i = 0; i < w.layers.size(); ++i) {
            auto& layer = w.layers[i];
            auto& g = gradients_.layers[i];
            norm(layer.attention_norm, g.attention_norm);
            norm(layer.mlp_norm, g.mlp_norm);
            norm(layer.attention_out_norm, g.attention_out_norm);
            norm(layer.mlp_out_norm, g.mlp_out_norm);
            norm(layer.q_norm, g.q_norm);
            norm(layer.k_norm, g.k_norm);
            for (std::size_t s = 0; s < site_count; ++s) linear(layer.linears[s], g.linears[s]);
        }
        norm(w.final_norm, gradients_.final_norm);
        linear(w.head, gradients_.head);
        make_moments();
    }

private:
    double add_gradients(const std::vector<Example>& batch, float factor,
                         const TrainNoise& noise) override {
        // A tied head's part of the table's gradient is a chain of its own until the step's end.
        if (config_.tied_embeddings && fresh_) {
            std::fill(gradients_.head.weight.begin(), gradients_.head.weight.end(), 0.0F);
        }
        fresh_ = false;
        return backprop().gradients(batch,
                                    {.factor = factor, .weights = &gradients_, .noise = &noise});
    }
    void finish_gradients() override {
        fold_tied(config_, gradients_);
        fresh_ = true;
    }
    std::uint64_t gradient_bytes() const override {
        std::uint64_t out = 0;
        visit_vectors(gradients_, [&](const std::vector<float>& v) { out += bytes_of(v); });
        return out;
    }

    const ModelConfig& config_;
    Weights gradients_;
    bool fresh_ = true;
};

class AdapterTrainer final : public AdamTrainer {
public:
    AdapterTrainer(const Model& model, LoraAdapter& adapter, const OptimizerConfig& config,
                   const TrainOptions& options, ThreadPool& pool)
        : AdamTrainer(model, &adapter, config, options, pool)
        , gradients_(zero_gradients(adapter)) {
        adapter.packed.reset(); // its values will change
        std::vector<std::vector<float>*> gradients;
        visit_adapter(gradients_, [&](std::vector<float>& v, bool) { gradients.push_back(&v); });
        std::size_t i = 0;
        visit_adapter(adapter, [&](std::vector<float>& value, bool is_b) {
            // A, B, magnitude, one pair after the other: magnitudes are lengths, not to decay.
            const bool is_magnitude = i % 3 == 2;
            add_parameter(value, *gradients[i++], !is_magnitude,
                          is_b ? config.lora_plus_ratio : 1.0F);
        });
        make_moments();
    }

private:
    double add_gradients(const std::vector<Example>& batch, float factor,
                         const TrainNoise& noise) override {
        return backprop().gradients(batch,
                                    {.factor = factor, .adapter = &gradients_, .noise = &noise});
    }
    std::uint64_t gradient_bytes() const override {
        std::uint64_t out = 0;
        visit_adapter(gradients_, [&](const std::vector<float>& v, bool) { out += bytes_of(v); });
        return out;
    }
    LoraAdapter gradients_;
};

} // namespace

Result<std::unique_ptr<Trainer>> Trainer::make(const Model& model, LoraAdapter& adapter,
                                               const OptimizerConfig& config,
                                               const TrainOptions& options, ThreadPool& pool) {
    OL_TRY(config.check());
    OL_TRY(options.check());
    OL_CHECK(adapter.layers.size() == model.config.layer_count);
    return std::make_unique<AdapterTrainer>(model, adapter, config, options, pool);
}

Result<std::unique_ptr<Trainer>> Trainer::make(Model& model, const OptimizerConfig& config,
                                               const TrainOptions& options, ThreadPool& pool) {
    OL_TRY(config.check());
    OL_TRY(options.check());
    for (std::size_t i = 0; i < model.weights.layers.size(); ++i) {
        for (std::size_t s = 0; s < site_count; ++s) {
            if (model.weights.layers[i].linears[s].quantized == nullptr) continue;
            return fail(ErrorCode::unsupported,
                        "{} is quantized, so its weights cannot be trained; train an adapter, or "
                        "load the base without quantization",
                        module_name(model.config, i, static_cast<Site>(s)));
        }
    }
    return std::make_unique<ModelTrainer>(model, config, options, pool);
}

std::unique_ptr<Trainer> Trainer::for_adapter(const Model& model, LoraAdapter& adapter,
                                              const OptimizerConfig& config, ThreadPool& pool) {
    auto out = make(model, adapter, config, {}, pool);
    OL_CHECK(out.has_value());
    return std::move(*out);
}

std::unique_ptr<Trainer> Trainer::for_model(Model& model, const OptimizerConfig& config,
                                            ThreadPool& pool) {
    auto out = make(model, config, {}, pool);
    OL_CHECK(out.has_value());
    return std::move(*out);
}

} // namespace ol::model
