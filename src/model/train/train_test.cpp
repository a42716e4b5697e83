// What must not change a bit of training: threads, tables, stacks, packing, checkpointing,
// micro-batches, interruptions; and the variants of adapters against finite differences.
#include <cstring>

#include "model/dora.hpp"
#include "model/kernels/quant.hpp"
#include "model/train/adapter_layout.hpp"
#include "model/train/test_support.hpp"
#include "model/transformer.hpp"

namespace ol::model {
namespace {

ModelConfig small_config() {
    ModelConfig c;
    c.vocab_size = 50;
    c.hidden_size = 32;
    c.intermediate_size = 64;
    c.layer_count = 2;
    c.head_count = 4;
    c.kv_head_count = 2;
    c.head_size = 8;
    c.context_length = 128;
    return c;
}

Model small_model() {
    Model model = Model::random(small_config(), 7);
    kernels::Normal normal(8);
    visit_vectors(model.weights, [&](std::vector<float>& values) {
        for (auto& value : values) value += static_cast<float>(0.2 * normal.next());
    });
    return model;
}

LoraAdapter small_adapter(const Model& model, const LoraConfig& config) {
    auto adapter = LoraAdapter::init(model.config, config, 2);
    if (config.dora) adapter.init_magnitudes(model.weights);
    kernels::Normal normal(3);
    visit_adapter(adapter, [&](std::vector<float>& values, bool) {
        for (auto& value : values) value += static_cast<float>(0.1 * normal.next());
    });
    return adapter;
}

LoraConfig small_lora() {
    LoraConfig config;
    config.rank = 5;
    config.alpha = 7;
    config.rank_pattern = {{"layers.1.self_attn.q_proj", 3}};
    config.alpha_pattern = {{"up_proj", 2.0F}};
    return config;
}

std::vector<float> flat(const LoraAdapter& adapter) {
    std::vector<float> out;
    visit_adapter(adapter, [&](const std::vector<float>& values, bool) {
        out.insert(out.end(), values.begin(), values.end());
    });
    return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(Training, PatternsGiveEverySiteItsRankAndScale) {
    auto config = small_lora();
    config.rslora = true;
    const auto adapter = LoraAdapter::init(small_config(), config, 1);
    EXPECT_EQ(adapter.layers[0][0].rank, 5U);
    EXPECT_EQ(adapter.layers[1][0].rank, 3U);
    EXPECT_FLOAT_EQ(adapter.layers[1][0].scale, 7.0F / std::sqrt(3.0F));
    EXPECT_FLOAT_EQ(adapter.layers[0][static_cast<std::size_t>(Site::up)].scale,
                    2.0F / std::sqrt(5.0F));
    EXPECT_EQ(adapter.parameter_count(), flat(adapter).size());
}

TEST(Training, EveryKindOfAdapterMatchesFiniteDifferences) {
    const Model model = small_model();
    ThreadPool pool(1);
    auto dora = small_lora(), tables = small_lora();
    dora.dora = true;
    dora.rslora = true;
    tables.embedding = tables.head = dora.embedding = dora.head = true;
    for (const auto& config : {dora, tables}) {
        auto adapter = small_adapter(model, config);
        Backprop backprop(model, &adapter, pool);
        const auto batch = some_batch(6);
        auto g = zero_gradients(adapter);
        backprop.gradients(batch, 1.0F, nullptr, &g);
        if (config.dora) {
            // The lengths are held in A's and B's gradients, as PEFT does: only magnitudes can be
            // compared.
            check_gradient("magnitude", adapter.layers[1][0].magnitude, g.layers[1][0].magnitude,
                           [&] { return backprop.loss(batch); });
            check_gradient("magnitude of down", adapter.layers[0][7].magnitude,
                           g.layers[0][7].magnitude, [&] { return backprop.loss(batch); });
            check_gradient("magnitude of the table", adapter.embedding.magnitude,
                           g.embedding.magnitude, [&] { return backprop.loss(batch); });
            check_gradient("magnitude of the head", adapter.head.magnitude, g.head.magnitude,
                           [&] { return backprop.loss(batch); });
            continue;
        }
        for (auto [value, gradient] :
             {std::pair(&adapter.embedding.a, &g.embedding.a),
              std::pair(&adapter.embedding.b, &g.embedding.b),
              std::pair(&adapter.head.a, &g.head.a), std::pair(&adapter.head.b, &g.head.b),
              std::pair(&adapter.layers[1][0].a, &g.layers[1][0].a),
              std::pair(&adapter.layers[0][5].b, &g.layers[0][5].b)}) {
            check_gradient("adapter", *value, *gradient, [&] { return backprop.loss(batch); });
        }
    }
}

TEST(Training, DoraLeavesARowOfZerosAsItIs) {
    Model model = small_model();
    const std::size_t hidden = model.config.hidden_size;
    const bool tied = model.config.tied_embeddings;
    auto& rows = tied ? model.weights.embedding : model.weights.head.weight;
    std::fill_n(rows.begin() + static_cast<std::ptrdiff_t>(7 * hidden), hidden, 0.0F);
    LoraConfig config;
    config.dora = config.head = true;
    auto adapter = LoraAdapter::init(model.config, config, 2);
    adapter.init_magnitudes(model.weights);
    ThreadPool pool(1);
    const auto factors =
        dora_factors(rows.data(), model.config.vocab_size, hidden, adapter.head, pool);
    EXPECT_EQ(factors[7], 0.0F); // as it is served
    EXPECT_NEAR(factors[8], 1.0F, 1e-6F);
    const auto batch = some_batch(6);
    const double base = Backprop(model, nullptr, pool).loss(batch);
    EXPECT_NEAR(Backprop(model, &adapter, pool).loss(batch), base, 1e-5 * base);
}

TEST(Training, PerDocumentGradientsAddUpToTheBatchsToTheBit) {
    const Model model = small_model();
    auto config = small_lora();
    config.embedding = config.head = true;
    auto dora = config;
    dora.dora = true;
    for (const auto& each : {config, dora}) {
        const auto adapter = small_adapter(model, each);
        const AdapterLayout layout(adapter);
        auto batch = some_batch(9, 7);
        batch[2].tokens.resize(1); // too short for any loss
        batch[2].mask.resize(1);
        for (const unsigned threads : {1U, 3U}) {
            ThreadPool pool(threads);
            Backprop backprop(model, &adapter, pool, {.stack_tokens = 128});
            std::vector<float> rows(batch.size() * layout.parameters, 99.0F);
            auto g = zero_gradients(adapter);
            backprop.gradients(batch,
                               {.factor = 0.01F, .adapter = &g, .per_document = rows.data()});
            std::vector<float> sum(layout.parameters);
            for (std::size_t i = 0; i < batch.size(); ++i) {
                const float* row = rows.data() + i * layout.parameters;
                for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += row[j];
                if (batch[i].tokens.size() < 2) continue;
                auto alone = zero_gradients(adapter);
                backprop.gradients({batch[i]}, 0.01F, nullptr, &alone);
                EXPECT_TRUE(same_bits(flat(alone), std::vector<float>(row, row + sum.size())));
            }
            EXPECT_EQ(sum, flat(g));
        }
    }
}

class Splits : public testing::TestWithParam<bool> {};

TEST_P(Splits, StacksPackingCheckpointingAndTablesChangeNoBit) {
    const Model model = small_model();
    auto config = small_lora();
    config.embedding = true;
    config.dropout = 0.2F;
    config.dora = config.head = GetParam();
    const auto adapter = small_adapter(model, config);
    const auto batch = some_batch(4, 9);
    const auto packed = pack_examples(batch, 120);
    ASSERT_LT(packed.size(), batch.size());
    EXPECT_EQ(Backprop::loss_tokens(packed), Backprop::loss_tokens(batch));
    const TrainNoise noise{.seed = 5, .step = 3, .neftune_alpha = 5, .dropout = 0.2F};
    std::vector<float> expected, expected_weights;
    double expected_loss = 0;
    for (const auto* table : kernels::available()) {
        for (const unsigned threads : {1U, 2U, 3U}) {
            for (const bool checkpointing : {false, true}) {
                for (const std::uint32_t stack : {64U, 2048U}) {
                    ThreadPool pool(threads);
                    const BackpropOptions options{stack, checkpointing, table};
                    const auto& rows = stack == 64 ? packed : batch;
                    Backprop lora(model, &adapter, pool, options);
                    auto g = zero_gradients(adapter);
                    const double loss =
                        lora.gradients(rows, {.factor = 0.01F, .adapter = &g, .noise = &noise});
                    Backprop full(model, nullptr, pool, options);
                    auto w = zero_gradients(model);
                    full.gradients(rows, {.factor = 0.01F, .weights = &w});
                    std::vector<float> weights;
                    visit_vectors(w, [&](const std::vector<float>& values) {
                        weights.insert(weights.end(), values.begin(), values.end());
                    });
                    if (expected.empty()) {
                        expected = flat(g);
                        expected_weights = weights;
                        expected_loss = loss;
                    }
                    EXPECT_NEAR(loss, expected_loss, 1e-9 * expected_loss);
                    EXPECT_TRUE(same_bits(flat(g), expected)) << table->name << threads << stack;
                    EXPECT_TRUE(same_bits(weights, expected_weights))
                        << table->name << threads << stack;
                }
            }
        }
    }
    // Noise is there, and of the step.
    ThreadPool pool(1);
    Backprop lora(model, &adapter, pool);
    auto other = noise;
    other.step = 4;
    auto g = zero_gradients(adapter), plain = zero_gradients(adapter);
    lora.gradients(batch, {.factor = 0.01F, .adapter = &g, .noise = &other});
    lora.gradients(batch, {.factor = 0.01F, .adapter = &plain});
    EXPECT_NE(flat(g), expected);
    EXPECT_NE(flat(plain), expected);
}

OptimizerConfig noisy_optimizer() {
    OptimizerConfig out;
    out.learning_rate = 1e-2F;
    out.weight_decay = 0.1F;
    out.warmup_steps = 2;
    out.total_steps = 8;
    out.schedule = Schedule::linear;
    out.lora_plus_ratio = 4;
    return out;
}

TEST_P(Splits, InterruptedAtAnyStepGoesOnToTheSameBytes) {
    const Model model = small_model();
    auto config = small_lora();
    config.dropout = 0.1F;
    config.dora = config.embedding = GetParam();
    const TrainOptions options{.seed = 11, .neftune_alpha = 5};
    std::vector<Bytes> states;
    for (const unsigned threads : {1U, 2U, 3U}) {
        for (const auto* table : kernels::available()) {
            ThreadPool pool(threads);
            auto used = options;
            used.kernels = table;
            auto adapter = small_adapter(model, config);
            auto trainer = *Trainer::make(model, adapter, noisy_optimizer(), used, pool);
            for (std::uint64_t i = 0; i < 6; ++i) {
                const auto state = trainer->save_state();
                if (states.size() <= i) states.push_back(state);
                EXPECT_EQ(state, states[i]) << "step " << i << " " << table->name << threads;
                ASSERT_TRUE(trainer->step(some_batch(i)));
            }
        }
    }
    for (std::uint64_t from = 0; from < 5; ++from) {
        ThreadPool pool(2);
        auto adapter = LoraAdapter::init(model.config, config, 77);
        if (config.dora) adapter.init_magnitudes(model.weights);
        auto trainer = *Trainer::make(model, adapter, noisy_optimizer(), options, pool);
        ASSERT_TRUE(trainer->load_state(states[from]));
        for (std::uint64_t i = from; i < 5; ++i) ASSERT_TRUE(trainer->step(some_batch(i)));
        EXPECT_EQ(trainer->save_state(), states[5]) << from;
    }
}

INSTANTIATE_TEST_SUITE_P(Training, Splits, testing::Bool(),
                         [](const auto& case_info) { return case_info.param ? "Dora" : "Lora"; });

TEST(Training, MicroBatchesGiveTheBytesOfOneBatch) {
    ThreadPool pool(2);
    const auto batch = some_batch(3, 8);
    std::vector<std::vector<Example>> parts;
    for (std::size_t i = 0; i < batch.size(); i += 3) {
        parts.emplace_back(batch.begin() + static_cast<std::ptrdiff_t>(i),
                           batch.begin() +
                               static_cast<std::ptrdiff_t>(std::min(i + 3, batch.size())));
    }
    const TrainOptions options{.seed = 1, .neftune_alpha = 5};
    std::vector<Bytes> states;
    for (const bool split : {false, true}) {
        Model model = small_model(); // tied: two parts of one gradient
        auto trainer = *Trainer::make(model, noisy_optimizer(), options, pool);
        const Model base = small_model();
        auto config = small_lora();
        config.dropout = 0.1F;
        auto adapter = small_adapter(base, config);
        auto lora = *Trainer::make(base, adapter, noisy_optimizer(), options, pool);
        for (int i = 0; i < 2; ++i) {
            if (split) {
                ASSERT_TRUE(trainer->step_over(parts));
                ASSERT_TRUE(lora->step_over(parts));
            } else {
                ASSERT_TRUE(trainer->step(batch));
                ASSERT_TRUE(lora->step(batch));
            }
        }
        states.push_back(trainer->save_state());
        states.push_back(lora->save_state());
    }
    EXPECT_EQ(states[0], states[2]);
    EXPECT_EQ(states[1], states[3]);
}

TEST(Training, AQuantizedBaseTrainsAsItsDequantizedTwin) {
    ThreadPool pool(2);
    Model quantized = small_model(), twin = quantized;
    for (std::size_t i = 0; i < twin.weights.layers.size(); ++i) {
        for (std::size_t s = 0; s < site_count; ++s) {
            const auto site = static_cast<Site>(s);
            if (!has_site(twin.config, site)) continue;
            auto& linear = quantized.weights.layers[i].at(site);
            const std::size_t out = site_out(twin.config, site), in = site_in(twin.config, site);
            auto made = kernels::QuantMatrix::quantize(s % 2 == 0 ? kernels::QuantType::q8_0
                                                                  : kernels::QuantType::q4_0,
                                                       linear.weight.data(), out, in);
            ASSERT_TRUE(made.has_value());
            made->dequantize_rows(0, out, twin.weights.layers[i].at(site).weight.data());
            linear.weight.clear();
            linear.quantized = std::make_shared<const kernels::QuantMatrix>(std::move(*made));
        }
    }
    std::vector<Bytes> states;
    for (const Model* model : {&quantized, &twin, &quantized, &twin}) {
        auto config = small_lora();
        config.dora = true;
        config.dropout = states.size() < 2 ? 0.0F : 0.1F;
        auto adapter = LoraAdapter::init(model->config, config, 2);
        adapter.init_magnitudes(model->weights);
        auto trainer = *Trainer::make(*model, adapter, noisy_optimizer(), {}, pool);
        for (std::uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(trainer->step(some_batch(i)));
        states.push_back(trainer->save_state());
    }
    EXPECT_EQ(states[0], states[1]);
    EXPECT_EQ(states[2], states[3]);
    EXPECT_NE(states[1], states[2]);
    EXPECT_EQ(Trainer::make(quantized, {}, {}, pool).error().code, ErrorCode::unsupported);
}

TEST(Training, MemoryIsPredictedWithinATenth) {
    auto shape = small_config();
    shape.hidden_size = 64;
    shape.intermediate_size = 160;
    shape.head_size = 16;
    shape.vocab_size = 500;
    auto traits = shape;
    traits.qk_norm = traits.out_norms = true;
    ThreadPool pool(1);
    for (const auto& config : {shape, traits}) {
        Model model = Model::random(config, 1);
        auto batch = some_batch(3, 12, 120);
        std::uint64_t tokens = 0, longest = 0;
        for (const auto& e : batch) {
            tokens += e.tokens.size();
            longest = std::max<std::uint64_t>(longest, e.tokens.size());
        }
        for (const bool checkpointing : {false, true}) {
            for (const std::uint32_t stack : {256U, 4096U}) {
                const TrainOptions options{.checkpointing = checkpointing, .stack_tokens = stack};
                const auto near = [&](const MemoryPlan& plan, const Trainer& trainer) {
                    const auto measured = static_cast<double>(trainer.buffer_bytes());
                    EXPECT_NEAR(static_cast<double>(plan.trainer()), measured, 0.1 * measured)
                        << checkpointing << stack;
                };
                auto full = *Trainer::make(model, {}, options, pool);
                ASSERT_TRUE(full->step(batch));
                near(predict_memory(config, nullptr, options, tokens, longest), *full);
                for (const bool dora : {false, true}) {
                    auto lora = small_lora();
                    lora.head = true;
                    lora.dora = lora.embedding = dora;
                    lora.dropout = dora ? 0.1F : 0.0F;
                    auto adapter = LoraAdapter::init(config, lora, 1);
                    if (dora) adapter.init_magnitudes(model.weights);
                    auto trainer = *Trainer::make(model, adapter, {}, options, pool);
                    ASSERT_TRUE(trainer->step(batch));
                    near(predict_memory(config, &lora, options, tokens, longest), *trainer);
                }
            }
        }
    }
}

TEST(Training, RefusesWhatItCannotTrainByName) {
    const Model model = small_model();
    ThreadPool pool(1);
    OptimizerConfig optimizer;
    optimizer.minimum_ratio = 2;
    auto plain = LoraAdapter::init(model.config, small_lora(), 1);
    const auto bad = Trainer::make(model, plain, optimizer, {}, pool);
    EXPECT_EQ(bad.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(bad.error().context.find("minimum_ratio"), std::string::npos);
    EXPECT_FALSE(schedule_from("exponential"));
    EXPECT_EQ(*schedule_from("linear"), Schedule::linear);
    Example row = some_batch(1)[0];
    row.documents = {3};
    auto trainer = *Trainer::make(model, plain, {}, {}, pool);
    EXPECT_EQ(trainer->step({row}).error().code, ErrorCode::invalid_argument);
}

} // namespace
} // namespace ol::model
