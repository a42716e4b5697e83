// The engine against transformers and peft: vectors that tools/parity/models.py recorded for a
// small random checkpoint of each family (src/model/testdata/families).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "model/kernels/kernels.hpp"
#include "model/safetensors.hpp"
#include "model/transformer.hpp"

namespace ol::model {
namespace {

using Logits = std::vector<float>;

const Path families = Path(OL_SOURCE_DIR) / "src/model/testdata/families";

std::vector<float> vector_of(const Path& folder, const std::string& name) {
    const auto file = Safetensors::open(folder / "vectors.safetensors");
    EXPECT_TRUE(file.has_value()) << file.error().to_string();
    const auto& info = file->tensors().at(name);
    return *file->read_f32(name, info.shape);
}

// Not packed, as in training; tests pack it where they want.
LoraAdapter read_adapter(const Path& folder, const ModelConfig& config) {
    auto adapter = LoraAdapter::load(folder, config);
    EXPECT_TRUE(adapter.has_value()) << adapter.error().to_string();
    if (!adapter) return {};
    adapter->packed = nullptr;
    return std::move(*adapter);
}

Logits run(Engine& engine, const Model& model, std::span<const TokenId> tokens,
           const LoraAdapter* adapter, const std::vector<std::size_t>& steps) {
    KvCache cache(model.config);
    Logits out;
    std::size_t at = 0;
    for (const auto count : steps) {
        const StepInput input{tokens.subspan(at, count), &cache, adapter, true};
        const auto part = engine.forward({&input, 1});
        EXPECT_TRUE(part.has_value()) << part.error().to_string();
        if (!part) return out;
        out.insert(out.end(), (*part)[0].begin(), (*part)[0].end());
        at += count;
    }
    return out;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// Within 1e-4 of the largest logit.
void expect_close(const Logits& got, const Logits& want, const std::string& what) {
    ASSERT_EQ(got.size(), want.size()) << what;
    float largest = 0, difference = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
        largest = std::max(largest, std::abs(want[i]));
        difference = std::max(difference, std::abs(want[i] - got[i]));
    }
    EXPECT_LE(difference, 1e-4F * largest) << what;
    EXPECT_GT(largest, 1.0F) << what;
    // Far closer in truth; a new rounding somewhere would show here first.
    EXPECT_LE(difference, 2e-5F * largest) << what;
}

float loss_of(const Logits& logits, std::span<const TokenId> tokens, std::size_t vocabulary) {
    double sum = 0;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        const float* row = logits.data() + i * vocabulary;
        const double top = *std::max_element(row, row + vocabulary);
        double total = 0;
        for (std::size_t j = 0; j < vocabulary; ++j) total += std::exp(row[j] - top);
        sum += top + std::log(total) - row[tokens[i + 1]];
    }
    return static_cast<float>(sum / static_cast<double>(tokens.size() - 1));
}

class FamilyParity : public testing::TestWithParam<std::string> {};

TEST_P(FamilyParity, LogitsAreThoseOfTransformersAndPeftAndTheSameBitsEverywhere) {
    const Path folder = families / GetParam();
    const auto model = Model::load(folder);
    ASSERT_TRUE(model.has_value()) << model.error().to_string();
    std::vector<TokenId> tokens;
    for (const float token : vector_of(folder, "tokens")) {
        tokens.push_back(static_cast<TokenId>(token));
    }
    const std::size_t count = tokens.size();

    struct Form {
        std::string name;
        LoraAdapter adapter;
        const LoraAdapter* used;
        Path vectors;
    };
    std::vector<Form> forms;
    forms.push_back({GetParam(), {}, nullptr, folder});
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (!entry.is_directory()) continue;
        forms.push_back({entry.path().filename().string(),
                         read_adapter(entry.path(), model->config), nullptr, entry.path()});
    }
    for (std::size_t i = 1; i < forms.size(); ++i) forms[i].used = &forms[i].adapter;

    ThreadPool one(1);
    Engine engine(*model, one);
    std::vector<Logits> whole;
    for (auto& form : forms) {
        const std::string what = GetParam() + " " + form.name;
        const auto logits = run(engine, *model, tokens, form.used, {count});
        expect_close(logits, vector_of(form.vectors, "logits"), what);
        EXPECT_NEAR(loss_of(logits, tokens, model->config.vocab_size),
                    vector_of(form.vectors, "loss")[0], 1e-4F)
            << what;
        for (const std::vector<std::size_t>& steps :
             {std::vector<std::size_t>(count, 1), {9, 1, 1, count - 11}, {count - 1, 1}}) {
            EXPECT_TRUE(same_bits(run(engine, *model, tokens, form.used, steps), logits)) << what;
        }
        if (form.used != nullptr) {
            auto packed = form.adapter;
            packed.pack();
            EXPECT_TRUE(same_bits(run(engine, *model, tokens, &packed, {count}), logits)) << what;
            EXPECT_TRUE(same_bits(run(engine, *model, tokens, &packed, {3, count - 3}), logits))
                << what;
        }
        whole.push_back(logits);
    }
    // An engine that holds the only rows, where DoRA needs them, too.
    Model served = *model;
    Engine holder(served, one);
    holder.release_rows(served);
    for (const auto& layer : served.weights.layers) {
        for (const auto& linear : layer.linears) EXPECT_EQ(linear.weight.capacity(), 0U);
    }
    EXPECT_EQ(served.weights.embedding.empty(), served.config.tied_embeddings);
    for (std::size_t i = 0; i < forms.size(); ++i) {
        EXPECT_TRUE(same_bits(run(holder, served, tokens, forms[i].used, {count}), whole[i]))
            << GetParam() << " " << forms[i].name;
    }
    for (const auto* table : kernels::available()) {
        for (const unsigned threads : {1U, 2U, 3U}) {
            ThreadPool pool(threads);
            Engine other(*model, pool, *table);
            // All forms in one step, and a neighbour of another length.
            std::vector<KvCache> caches(forms.size() + 1, KvCache(model->config));
            std::vector<StepInput> inputs;
            for (std::size_t i = 0; i < forms.size(); ++i) {
                inputs.push_back({tokens, &caches[i], forms[i].used, true});
            }
            inputs.push_back({std::span(tokens).first(5), &caches.back(), nullptr, false});
            const auto out = other.forward(inputs);
            ASSERT_TRUE(out.has_value());
            for (std::size_t i = 0; i < forms.size(); ++i) {
                EXPECT_TRUE(same_bits((*out)[i], whole[i]))
                    << GetParam() << " " << forms[i].name << " " << table->name << " " << threads;
            }
            const std::size_t vocabulary = model->config.vocab_size;
            EXPECT_TRUE(
                same_bits(out->back(), std::span(whole[0]).subspan(4 * vocabulary, vocabulary)));
        }
    }
}

// 8 bits of weights and rows stay near (0.7 % of each product; these sharp attentions make a few
// per cent of it in the end); and quantized weights, too, give the same bits however the step is
// made.
TEST(FamilyVectors, QuantizedModelsStayNearAndGiveTheSameBitsEverywhere) {
    for (const auto* name : {"llama", "llama_linear", "qwen3", "gpt2"}) {
        const auto model = *Model::load(families / name, {kernels::QuantType::q8_0});
        std::vector<TokenId> tokens;
        for (const float t : vector_of(families / name, "tokens")) tokens.push_back(TokenId(t));
        const auto want = vector_of(families / name, "logits");
        ThreadPool one(1), two(2);
        Engine engine(model, one), portable(model, two, kernels::portable());
        const auto got = run(engine, model, tokens, nullptr, {tokens.size()});
        double square = 0, error = 0;
        for (std::size_t i = 0; i < want.size(); ++i) {
            square += want[i] * want[i];
            error += (want[i] - got[i]) * (want[i] - got[i]);
        }
        EXPECT_LT(error, 1e-2 * square) << name;
        EXPECT_GT(error, 1e-8 * square) << name;
        const std::vector<std::size_t> ones(tokens.size(), 1);
        EXPECT_TRUE(same_bits(run(engine, model, tokens, nullptr, ones), got)) << name;
        EXPECT_TRUE(
            same_bits(run(portable, model, tokens, nullptr, {7, 2, tokens.size() - 9}), got))
            << name;
    }
    // DoRA measures the rows that the weights really have.
    const auto model = *Model::load(families / "qwen2", {kernels::QuantType::q8_0});
    const auto adapter = read_adapter(families / "qwen2/dora", model.config);
    std::vector<TokenId> tokens;
    for (const float t : vector_of(families / "qwen2", "tokens")) tokens.push_back(TokenId(t));
    ThreadPool pool(1);
    Engine engine(model, pool);
    const auto want = vector_of(families / "qwen2/dora", "logits");
    const auto got = run(engine, model, tokens, &adapter, {tokens.size()});
    double square = 0, error = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
        square += want[i] * want[i];
        error += (want[i] - got[i]) * (want[i] - got[i]);
    }
    EXPECT_LT(error, 1e-2 * square);
}

// The vectors would show each part that were left out.
TEST(FamilyVectors, EveryTraitMatters) {
    using Change = void (*)(ModelConfig&);
    const std::pair<const char*, Change> changes[] = {
        {"llama3", [](ModelConfig& c) { c.rope_scaling = {}; }},
        {"llama_linear", [](ModelConfig& c) { c.rope_scaling = {}; }},
        {"mistral", [](ModelConfig& c) { c.windowed.clear(); }},
        {"mistral", [](ModelConfig& c) { c.sliding_window += 1; }},
        {"qwen2_windows",
         [](ModelConfig& c) {
             c.windowed = {1, 0, 1};
         }},
        {"qwen3", [](ModelConfig& c) { c.qk_norm = false; }},
        {"gemma2", [](ModelConfig& c) { c.attention_softcap = 0; }},
        {"gemma2", [](ModelConfig& c) { c.logit_softcap = 0; }},
        {"gemma2", [](ModelConfig& c) { c.attention_scale = 0; }},
        {"gemma2", [](ModelConfig& c) { c.embedding_scale = 1; }},
        {"gemma2", [](ModelConfig& c) { c.norm_offset = 0; }},
        {"gemma2", [](ModelConfig& c) { c.out_norms = false; }},
        {"gemma2", [](ModelConfig& c) { c.activation = Activation::silu; }},
        {"gemma2",
         [](ModelConfig& c) {
             c.windowed = {0, 1, 0};
         }},
        {"gemma3", [](ModelConfig& c) { c.local_rope_theta = 0; }},
        {"gemma3", [](ModelConfig& c) { c.rope_scaling = {}; }},
        {"gemma3", [](ModelConfig& c) { c.windowed.clear(); }},
        {"gpt2", [](ModelConfig& c) { c.attention_scale = 1; }},
    };
    ThreadPool pool(1);
    for (const auto& [name, change] : changes) {
        auto model = *Model::load(families / name);
        std::vector<TokenId> tokens;
        for (const float t : vector_of(families / name, "tokens")) tokens.push_back(TokenId(t));
        const auto want = vector_of(families / name, "logits");
        change(model.config);
        Engine engine(model, pool);
        const auto got = run(engine, model, tokens, nullptr, {tokens.size()});
        float largest = 0, difference = 0;
        for (std::size_t i = 0; i < want.size(); ++i) {
            largest = std::max(largest, std::abs(want[i]));
            difference = std::max(difference, std::abs(want[i] - got[i]));
        }
        EXPECT_GT(difference, 0.01F * largest) << name;
    }
}

INSTANTIATE_TEST_SUITE_P(Parity, FamilyParity,
                         testing::Values("llama", "llama3", "llama_linear", "mistral", "qwen2",
                                         "qwen2_windows", "deepseek_qwen", "qwen3", "gemma2",
                                         "gemma3", "gpt2"),
                         [](const auto& case_info) { return case_info.param; });

} // namespace
} // namespace ol::model
