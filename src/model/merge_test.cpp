#include "model/merge.hpp"

#include <gtest/gtest.h>

#include "codec/json.hpp"
#include "model/safetensors.hpp"

namespace ol::model {
namespace {

using codec::Json;

const Path root = Path(OL_SOURCE_DIR) / "src/model/testdata/peft";

// Weights of a folder of tools/parity/adapters.py, by the names of their modules.
Model base_of(const std::string& name) {
    Model out;
    auto& c = out.config;
    c.vocab_size = 16;
    c.hidden_size = 8;
    c.intermediate_size = 12;
    c.layer_count = 2;
    c.head_count = 2;
    c.kv_head_count = 1;
    c.head_size = 4;
    c.context_length = 32;
    c.tied_embeddings = name != "base_llama";
    if (name == "base_gpt2") {
        c.family = Family::gpt2;
        c.fused_qkv = true;
        c.gated_mlp = false;
        c.kv_head_count = 2;
    }
    return out;
}

// GPT-2 keeps its projections the other way round.
std::vector<float> read_linear(const Safetensors& file, const ModelConfig& config,
                               const std::string& module, std::size_t out, std::size_t in) {
    if (config.family != Family::gpt2) return *file.read_f32(module + ".weight", {out, in});
    const auto turned = *file.read_f32(module + ".weight", {in, out});
    std::vector<float> rows(out * in);
    for (std::size_t o = 0; o < out; ++o) {
        for (std::size_t i = 0; i < in; ++i) rows[o * in + i] = turned[i * out + o];
    }
    return rows;
}

Weights read_weights(const Path& path, const ModelConfig& config, bool tied) {
    const auto file = *Safetensors::open(path);
    Weights out;
    const auto table = config.family == Family::gpt2 ? "transformer.wte" : "model.embed_tokens";
    const std::vector<std::uint64_t> shape = {config.vocab_size, config.hidden_size};
    out.embedding = *file.read_f32(std::string(table) + ".weight", shape);
    if (!tied) out.head.weight = *file.read_f32("lm_head.weight", shape);
    out.layers.resize(config.layer_count);
    for (std::size_t i = 0; i < out.layers.size(); ++i) {
        for (int s = 0; s < site_count; ++s) {
            const auto site = static_cast<Site>(s);
            if (!has_site(config, site)) continue;
            out.layers[i].at(site).weight =
                read_linear(file, config, module_name(config, i, site), site_out(config, site),
                            site_in(config, site));
        }
    }
    return out;
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b,
                 const std::string& what) {
    ASSERT_EQ(a.size(), b.size()) << what;
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 2e-6) << what << " " << i;
}

// Merged weights are those of PEFT's merge_and_unload.
TEST(Merge, AgreesWithPeft) {
    const auto vectors = *Json::parse(*read_text_file(root / "vectors.json", 1U << 20));
    for (const auto& [name, vector] : vectors["adapters"].members()) {
        const auto base_name = *vector["base"].as_string();
        auto base = base_of(base_name);
        base.weights = read_weights(root / base_name / "model.safetensors", base.config,
                                    base.config.tied_embeddings);
        const auto adapter = LoraAdapter::load(root / name, base.config);
        ASSERT_TRUE(adapter.has_value()) << adapter.error().to_string();
        const auto merged = merge(base, *adapter);
        ASSERT_TRUE(merged.has_value()) << merged.error().to_string();
        const bool tied = *vector["tied_head"].as_bool();
        const auto expected = read_weights(root / name / "merged.safetensors", base.config, tied);
        if (adapter->embedding.magnitude.empty()) {
            // PEFT's merge leaves an embedding's magnitude out, its forward pass does not.
            expect_near(merged->weights.embedding, expected.embedding, name + " embedding");
        }
        for (std::size_t i = 0; i < expected.layers.size(); ++i) {
            for (int s = 0; s < site_count; ++s) {
                const auto site = static_cast<Site>(s);
                expect_near(merged->weights.layers[i].at(site).weight,
                            expected.layers[i].at(site).weight,
                            name + " " + module_name(base.config, i, site));
            }
        }
        if (!base.config.tied_embeddings) {
            expect_near(merged->weights.head.weight, expected.head.weight, name + " head");
        } else if (!adapter->embedding.a.empty()) {
            // The head goes on as the base's, as it did beside the adapter.
            EXPECT_FALSE(merged->config.tied_embeddings);
            EXPECT_EQ(merged->weights.head.weight, base.weights.embedding);
        } else {
            EXPECT_TRUE(merged->config.tied_embeddings);
        }
    }
}

TEST(Merge, AnswersAsBaseAndAdapter) {
    auto config = base_of("base_llama").config;
    auto base = Model::random(config, 5);
    for (auto& layer : base.weights.layers) {
        for (auto& linear : layer.linears) {
            for (auto& value : linear.weight) value *= 10;
        }
    }
    LoraConfig lora;
    lora.rank = 3;
    lora.alpha = 6;
    auto adapter = LoraAdapter::init(config, lora, 7);
    float next = -0.4F;
    for (auto& layer : adapter.layers) {
        for (auto& pair : layer) {
            for (auto& value : pair.b) value = next = next > 0.4F ? -0.4F : next + 0.037F;
        }
    }
    const auto merged = merge(base, adapter);
    ASSERT_TRUE(merged.has_value());
    ThreadPool pool(1);
    const std::vector<TokenId> tokens = {1, 7, 3, 11, 2, 15};
    auto logits = [&](const Model& model, const LoraAdapter* with) {
        Engine engine(model, pool);
        KvCache cache(model.config);
        const StepInput input{tokens, &cache, with, true};
        return (*engine.forward({&input, 1}))[0];
    };
    const auto beside = logits(base, &adapter), inside = logits(*merged, nullptr);
    const auto alone = logits(base, nullptr);
    float change = 0;
    for (std::size_t i = 0; i < beside.size(); ++i) {
        EXPECT_NEAR(beside[i], inside[i], 1e-5);
        change = std::max(change, std::fabs(beside[i] - alone[i]));
    }
    EXPECT_GT(change, 1e-3);

    adapter.layers.pop_back();
    EXPECT_EQ(merge(base, adapter).error().code, ErrorCode::invalid_argument);
}

} // namespace
} // namespace ol::model
