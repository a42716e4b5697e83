#include "model/trainer.hpp"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "model/backprop.hpp"
#include "model/kernels/exact_math.hpp"
#include "model/train/test_support.hpp"

namespace ol::model {
namespace {

ModelConfig tiny_config() {
    ModelConfig c;
    c.vocab_size = 50;
    c.hidden_size = 24;
    c.intermediate_size = 40;
    c.layer_count = 2;
    c.head_count = 4;
    c.kv_head_count = 2;
    c.head_size = 6;
    c.context_length = 64;
    return c;
}

Model tiny_model(bool tied = true) {
    auto config = tiny_config();
    config.tied_embeddings = tied;
    Model model = Model::random(config, 7);
    kernels::Normal normal(8);
    const auto shake = [&](std::vector<float>& values) {
        for (auto& value : values) value += static_cast<float>(0.2 * normal.next());
    };
    shake(model.weights.embedding);
    shake(model.weights.head.weight);
    for (auto& layer : model.weights.layers) {
        for (auto* w :
             {&layer.at(Site::q).weight, &layer.at(Site::k).weight, &layer.at(Site::v).weight,
              &layer.at(Site::o).weight, &layer.at(Site::gate).weight, &layer.at(Site::up).weight,
              &layer.at(Site::down).weight, &layer.attention_norm.weight, &layer.mlp_norm.weight}) {
            shake(*w);
        }
    }
    return model;
}

LoraAdapter some_adapter(const Model& model) {
    LoraConfig config;
    config.rank = 5;
    config.alpha = 7;
    auto adapter = LoraAdapter::init(model.config, config, 2);
    kernels::Normal normal(3);
    for (auto& layer : adapter.layers) {
        for (auto& pair : layer) {
            for (auto& value : pair.b) value = static_cast<float>(0.1 * normal.next());
        }
    }
    return adapter;
}

TEST(Backprop, WeightGradientsMatchFiniteDifferences) {
    for (const bool tied : {true, false}) {
        Model model = tiny_model(tied);
        ThreadPool pool(1);
        Backprop backprop(model, nullptr, pool);
        const auto batch = some_batch(5);
        auto g = zero_gradients(model);
        const double loss = backprop.gradients(batch, 1.0F, &g, nullptr);
        EXPECT_EQ(loss, backprop.loss(batch));
        const auto check = [&](const char* name, std::vector<float>& w,
                               const std::vector<float>& d) {
            check_gradient(name, w, d, [&] { return backprop.loss(batch); });
        };
        auto& w = model.weights;
        check("embedding", w.embedding, g.embedding);
        check("final_norm", w.final_norm.weight, g.final_norm.weight);
        if (!tied) check("head", w.head.weight, g.head.weight);
        for (std::size_t i = 0; i < w.layers.size(); ++i) {
            check("input_norm", w.layers[i].attention_norm.weight,
                  g.layers[i].attention_norm.weight);
            check("post_norm", w.layers[i].mlp_norm.weight, g.layers[i].mlp_norm.weight);
            check("q", w.layers[i].at(Site::q).weight, g.layers[i].at(Site::q).weight);
            check("k", w.layers[i].at(Site::k).weight, g.layers[i].at(Site::k).weight);
            check("v", w.layers[i].at(Site::v).weight, g.layers[i].at(Site::v).weight);
            check("o", w.layers[i].at(Site::o).weight, g.layers[i].at(Site::o).weight);
            check("gate", w.layers[i].at(Site::gate).weight, g.layers[i].at(Site::gate).weight);
            check("up", w.layers[i].at(Site::up).weight, g.layers[i].at(Site::up).weight);
            check("down", w.layers[i].at(Site::down).weight, g.layers[i].at(Site::down).weight);
        }
    }
}

TEST(Backprop, AdapterGradientsMatchFiniteDifferences) {
    const Model model = tiny_model();
    auto adapter = some_adapter(model);
    ThreadPool pool(1);
    Backprop backprop(model, &adapter, pool);
    const auto batch = some_batch(6);
    auto g = zero_gradients(adapter);
    backprop.gradients(batch, 1.0F, nullptr, &g);
    for (std::size_t i = 0; i < adapter.layers.size(); ++i) {
        for (std::size_t s = 0; s < site_count; ++s) {
            if (adapter.layers[i][s].a.empty()) continue;
            const auto loss = [&] { return backprop.loss(batch); };
            const auto name = std::string(to_string(static_cast<Site>(s)));
            check_gradient((name + " a").c_str(), adapter.layers[i][s].a, g.layers[i][s].a, loss);
            check_gradient((name + " b").c_str(), adapter.layers[i][s].b, g.layers[i][s].b, loss);
        }
    }
}

TEST(Backprop, LossIsThatOfTheEnginesLogits) {
    const Model model = tiny_model();
    const auto adapter = some_adapter(model);
    ThreadPool pool(2);
    Backprop backprop(model, &adapter, pool);
    Engine engine(model, pool);
    const auto batch = some_batch(7);
    double expected = 0;
    for (const auto& example : batch) {
        KvCache cache(model.config);
        const StepInput input{example.tokens, &cache, &adapter, true};
        const auto logits = engine.forward({&input, 1}).value()[0];
        for (std::size_t i = 1; i < example.tokens.size(); ++i) {
            if (example.mask[i] == 0) continue;
            const float* row = logits.data() + (i - 1) * 50;
            double sum = 0;
            for (int j = 0; j < 50; ++j) sum += std::exp(static_cast<double>(row[j]));
            expected += std::log(sum) - static_cast<double>(row[example.tokens[i]]);
        }
    }
    EXPECT_NEAR(backprop.loss(batch), expected, 1e-4);
}

// Many sequences, more than are stacked at once: their gradients are the same chain as one by one.
TEST(Backprop, StackingChangesNoBitOfAMatrixGradient) {
    const Model model = tiny_model(false);
    ThreadPool pool(2);
    Backprop backprop(model, nullptr, pool);
    const auto batch = some_batch(8, 60);
    auto together = zero_gradients(model), single = zero_gradients(model);
    backprop.gradients(batch, 0.01F, &together, nullptr);
    for (const auto& example : batch) backprop.gradients({example}, 0.01F, &single, nullptr);
    EXPECT_EQ(together.layers[0].at(Site::q).weight, single.layers[0].at(Site::q).weight);
    EXPECT_EQ(together.layers[1].at(Site::down).weight, single.layers[1].at(Site::down).weight);
    EXPECT_EQ(together.layers[0].attention_norm.weight, single.layers[0].attention_norm.weight);
    EXPECT_EQ(together.head.weight, single.head.weight);
    EXPECT_EQ(together.embedding, single.embedding);
}

OptimizerConfig some_optimizer() {
    OptimizerConfig out;
    out.learning_rate = 1e-2F;
    out.weight_decay = 0.1F;
    out.warmup_steps = 2;
    out.total_steps = 12;
    return out;
}

TEST(Trainer, ThreadCountsGiveTheSameBytes) {
    std::vector<Bytes> models, adapters;
    for (unsigned threads : {1U, 2U, 3U}) {
        ThreadPool pool(threads);
        Model model = tiny_model();
        auto trainer = Trainer::for_model(model, some_optimizer(), pool);
        for (std::uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(trainer->step(some_batch(i, 8)));
        models.push_back(trainer->save_state());
        auto adapter = some_adapter(model);
        auto lora = Trainer::for_adapter(model, adapter, some_optimizer(), pool);
        for (std::uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(lora->step(some_batch(i, 8)));
        adapters.push_back(lora->save_state());
    }
    EXPECT_EQ(models[0], models[1]);
    EXPECT_EQ(models[0], models[2]);
    EXPECT_EQ(adapters[0], adapters[1]);
    EXPECT_EQ(adapters[0], adapters[2]);
}

TEST(Trainer, ResumedEqualsUninterruptedToTheBit) {
    ThreadPool pool(2);
    Model whole = tiny_model();
    auto straight = Trainer::for_model(whole, some_optimizer(), pool);
    Bytes half;
    for (std::uint64_t i = 0; i < 6; ++i) {
        if (i == 3) half = straight->save_state();
        ASSERT_TRUE(straight->step(some_batch(i)));
    }
    Model again = Model::random(tiny_config(), 1);
    auto resumed = Trainer::for_model(again, some_optimizer(), pool);
    ASSERT_TRUE(resumed->load_state(half));
    EXPECT_EQ(resumed->step_count(), 3U);
    for (std::uint64_t i = 3; i < 6; ++i) ASSERT_TRUE(resumed->step(some_batch(i)));
    EXPECT_EQ(resumed->save_state(), straight->save_state());
    EXPECT_EQ(again.weights.embedding, whole.weights.embedding);

    auto adapter = some_adapter(whole), twin = adapter;
    auto first = Trainer::for_adapter(whole, adapter, some_optimizer(), pool);
    ASSERT_TRUE(first->step(some_batch(1)));
    auto second = Trainer::for_adapter(whole, twin, some_optimizer(), pool);
    ASSERT_TRUE(second->load_state(first->save_state()));
    ASSERT_TRUE(first->step(some_batch(2)));
    ASSERT_TRUE(second->step(some_batch(2)));
    EXPECT_EQ(first->save_state(), second->save_state());
}

TEST(Trainer, LearnsAndReportsWhatItDid) {
    ThreadPool pool(1);
    Model model = Model::random(tiny_config(), 3);
    OptimizerConfig config;
    config.learning_rate = 2e-2F;
    config.warmup_steps = 4;
    config.total_steps = 60;
    auto trainer = Trainer::for_model(model, config, pool);
    const auto batch = some_batch(1, 2, 40);
    const double before = trainer->evaluate(batch).value();
    EXPECT_NEAR(before, std::log(50.0), 0.2);
    StepReport report;
    for (int i = 1; i <= 60; ++i) {
        report = trainer->step(batch).value();
        EXPECT_EQ(report.tokens, Backprop::loss_tokens(batch));
        if (i == 2) {
            EXPECT_FLOAT_EQ(report.learning_rate, 1e-2F);
        }
        if (i == 4) {
            EXPECT_FLOAT_EQ(report.learning_rate, 2e-2F);
        }
    }
    EXPECT_NEAR(report.learning_rate, 2e-3F, 1e-6F); // the cosine's end: a tenth
    EXPECT_LT(trainer->evaluate(batch).value(), 0.2 * before);
    EXPECT_EQ(trainer->step_count(), 60U);

    const Model frozen = model;
    auto adapter = LoraAdapter::init(model.config, {}, 1);
    config.warmup_steps = config.total_steps = 0;
    auto lora = Trainer::for_adapter(model, adapter, config, pool);
    const auto other = some_batch(2, 2, 40);
    const double start = lora->evaluate(other).value();
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(lora->step(other));
    EXPECT_LT(lora->evaluate(other).value(), 0.5 * start);
    EXPECT_EQ(model.weights.embedding, frozen.weights.embedding);
    EXPECT_EQ(model.weights.layers[0].at(Site::q).weight,
              frozen.weights.layers[0].at(Site::q).weight);
}

TEST(Trainer, RefusesBadBatchesAndStates) {
    ThreadPool pool(1);
    Model model = tiny_model();
    auto trainer = Trainer::for_model(model, {}, pool);
    const auto untouched = trainer->save_state();
    const auto code = [&](Example example) {
        const auto out = trainer->step({std::move(example)});
        return out ? ErrorCode::internal : out.error().code;
    };
    EXPECT_EQ(code({{1, 50}, {1, 1}}), ErrorCode::invalid_argument);
    EXPECT_EQ(code({{1, 2}, {1}}), ErrorCode::invalid_argument);
    EXPECT_EQ(code({{1, 2, 3}, {1, 0, 0}}), ErrorCode::invalid_argument);
    EXPECT_EQ(code({std::vector<TokenId>(66, 1), std::vector<std::uint8_t>(66, 1)}),
              ErrorCode::invalid_argument);
    EXPECT_EQ(trainer->step({}).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(trainer->save_state(), untouched);

    auto state = untouched;
    state.pop_back();
    EXPECT_EQ(trainer->load_state(state).error().code, ErrorCode::corrupted);
    state.resize(untouched.size() + 1);
    EXPECT_EQ(trainer->load_state(state).error().code, ErrorCode::corrupted);
    EXPECT_EQ(trainer->load_state({}).error().code, ErrorCode::corrupted);
    state = untouched;
    state[0] ^= 1;
    EXPECT_EQ(trainer->load_state(state).error().code, ErrorCode::corrupted);
    auto adapter = some_adapter(model);
    auto other = Trainer::for_adapter(model, adapter, {}, pool);
    EXPECT_EQ(other->load_state(untouched).error().code, ErrorCode::conflict);
    EXPECT_EQ(trainer->save_state(), untouched);
}

} // namespace
} // namespace ol::model
