#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "codec/json.hpp"
#include "crypto/hash.hpp"
#include "model/folder_for_tests.hpp"
#include "model/lora.hpp"
#include "model/safetensors.hpp"
#include "model/transformer.hpp"

namespace ol::model {
namespace {

using codec::Json;
using test::Folder;

ModelConfig small_config() {
    ModelConfig config;
    config.vocab_size = 11;
    config.hidden_size = 8;
    config.intermediate_size = 12;
    config.layer_count = 2;
    config.head_count = 2;
    config.kv_head_count = 1;
    config.head_size = 4;
    config.context_length = 32;
    config.eos_token = 0;
    config.eos_tokens = {0};
    return config;
}

// Values that bf16 holds exactly, so that both forms come back equal.
std::vector<float> values(std::size_t count, Prng& prng) {
    std::vector<float> out(count);
    for (auto& value : out) value = bf16_to_f32(f32_to_bf16(prng.uniform() - 0.5F));
    return out;
}

Model small_model(bool tied) {
    Model model;
    model.config = small_config();
    model.config.tied_embeddings = tied;
    Prng prng(5);
    model.weights.embedding = values(11 * 8, prng);
    model.weights.final_norm.weight = values(8, prng);
    if (!tied) model.weights.head.weight = values(11 * 8, prng);
    for (int i = 0; i < 2; ++i) {
        LayerWeights layer;
        layer.attention_norm.weight = values(8, prng);
        layer.mlp_norm.weight = values(8, prng);
        layer.at(Site::q).weight = values(8 * 8, prng);
        layer.at(Site::k).weight = values(4 * 8, prng);
        layer.at(Site::v).weight = values(4 * 8, prng);
        layer.at(Site::o).weight = values(8 * 8, prng);
        layer.at(Site::gate).weight = values(12 * 8, prng);
        layer.at(Site::up).weight = values(12 * 8, prng);
        layer.at(Site::down).weight = values(8 * 12, prng);
        model.weights.layers.push_back(std::move(layer));
    }
    return model;
}

void expect_equal(const Model& a, const Model& b) {
    EXPECT_EQ(a.config, b.config);
    EXPECT_EQ(a.weights.embedding, b.weights.embedding);
    EXPECT_EQ(a.weights.final_norm.weight, b.weights.final_norm.weight);
    EXPECT_EQ(a.weights.head.weight, b.weights.head.weight);
    ASSERT_EQ(a.weights.layers.size(), b.weights.layers.size());
    for (std::size_t i = 0; i < a.weights.layers.size(); ++i) {
        EXPECT_EQ(a.weights.layers[i].at(Site::q).weight, b.weights.layers[i].at(Site::q).weight);
        EXPECT_EQ(a.weights.layers[i].at(Site::down).weight,
                  b.weights.layers[i].at(Site::down).weight);
        EXPECT_EQ(a.weights.layers[i].mlp_norm.weight, b.weights.layers[i].mlp_norm.weight);
    }
}

void expect_load_fails(const Path& folder, ErrorCode code, std::string_view what) {
    const auto result = Model::load(folder);
    ASSERT_FALSE(result.has_value()) << what;
    EXPECT_EQ(result.error().code, code) << result.error().context;
    EXPECT_NE(result.error().context.find(what), std::string::npos) << result.error().context;
}

TEST(ModelConfig, RoundTripsAndCounts) {
    auto config = small_config();
    config.norm_epsilon = 1e-5F;
    config.rope_theta = 500000.0F;
    const auto text = config.to_json();
    EXPECT_NE(text.find("\"rms_norm_eps\": 1e-05"), std::string::npos) << text;
    const auto back = ModelConfig::from_json(text);
    ASSERT_TRUE(back.has_value()) << back.error().to_string();
    EXPECT_EQ(*back, config);
    // 88 table + 2 * (16 norms + 64 q + 32 k + 32 v + 64 o + 288 mlp) + 8
    EXPECT_EQ(config.parameter_count(), 1088U);
}

// TinyLlama/TinyLlama-1.1B-Chat-v1.0's config.json: 1,100,048,384 parameters by its model card's
// files.
TEST(ModelConfig, ReadsAPublishedShape) {
    const auto config = ModelConfig::from_json(R"({"architectures":["LlamaForCausalLM"],
        "attention_bias":false,"bos_token_id":1,"eos_token_id":2,"hidden_act":"silu",
        "hidden_size":2048,"initializer_range":0.02,"intermediate_size":5632,
        "max_position_embeddings":2048,"model_type":"llama","num_attention_heads":32,
        "num_hidden_layers":22,"num_key_value_heads":4,"pretraining_tp":1,"rms_norm_eps":1e-05,
        "rope_scaling":null,"rope_theta":10000.0,"tie_word_embeddings":false,
        "torch_dtype":"bfloat16","use_cache":true,"vocab_size":32000})");
    ASSERT_TRUE(config.has_value()) << config.error().to_string();
    EXPECT_EQ(config->parameter_count(), 1100048384U);
    EXPECT_EQ(config->head_size, 64U);
    EXPECT_FALSE(config->tied_embeddings);
}

TEST(ModelConfig, RefusesByName) {
    const auto base = *Json::parse(small_config().to_json());
    auto expect = [&](std::string_view key, Json value, ErrorCode code, std::string_view what) {
        Json copy = base;
        copy.set(key, std::move(value));
        const auto result = ModelConfig::from_json(copy.dump());
        ASSERT_FALSE(result.has_value()) << key;
        EXPECT_EQ(result.error().code, code) << result.error().context;
        EXPECT_NE(result.error().context.find(what), std::string::npos) << result.error().context;
    };
    expect("model_type", "mamba", ErrorCode::unsupported, "mamba");
    expect("hidden_act", "gelu", ErrorCode::unsupported, "gelu");
    expect("rope_scaling", Json::object({{"type", "linear"}}), ErrorCode::invalid_argument,
           "rope_scaling");
    expect("rope_scaling", Json::object({{"rope_type", "yarn"}, {"factor", 4.0}}),
           ErrorCode::unsupported, "yarn");
    expect("partial_rotary_factor", 0.5, ErrorCode::unsupported, "partial_rotary_factor");
    expect("sliding_window", 8, ErrorCode::unsupported, "sliding_window");
    expect("quantization_config", Json::object(), ErrorCode::unsupported, "quantization_config");
    expect("num_key_value_heads", 3, ErrorCode::invalid_argument, "num_key_value_heads");
    expect("head_dim", 5, ErrorCode::invalid_argument, "head_dim");
    expect("hidden_size", 0, ErrorCode::invalid_argument, "hidden_size");
    expect("vocab_size", 1U << 30, ErrorCode::invalid_argument, "vocab_size");
    expect("vocab_size", nullptr, ErrorCode::invalid_argument, "vocab_size");
    expect("eos_token_id", 11, ErrorCode::invalid_argument, "eos_token_id");
    expect("rms_norm_eps", 0, ErrorCode::invalid_argument, "rms_norm_eps");
    EXPECT_FALSE(ModelConfig::from_json("[]").has_value());
    EXPECT_FALSE(ModelConfig::from_json("{").has_value());
}

TEST(ModelIo, SavesAndLoadsBothTypes) {
    for (const bool tied : {true, false}) {
        for (const bool as_bf16 : {true, false}) {
            Folder folder;
            const auto model = small_model(tied);
            ASSERT_TRUE(model.save(folder.path(), as_bf16).has_value());
            const auto back = Model::load(folder.path());
            ASSERT_TRUE(back.has_value()) << back.error().to_string();
            expect_equal(model, *back);
        }
    }
}

// Counts up to the whole, and stops where it is told to, with nothing half written.
TEST(ModelIo, ReadingAndWritingShowProgress) {
    Folder folder;
    const auto model = small_model(false);
    std::vector<std::uint64_t> seen;
    std::uint64_t whole = 0, stop_at = UINT64_MAX;
    const ProgressSink sink = [&](std::string_view, std::uint64_t done, std::uint64_t total) {
        EXPECT_LE(done, total);
        EXPECT_TRUE(seen.empty() || seen.back() <= done);
        seen.push_back(done);
        whole = total;
        return done < stop_at;
    };
    ASSERT_TRUE(model.save(folder.path(), true, sink));
    EXPECT_EQ(whole, 2 * model.config.parameter_count());
    EXPECT_EQ(seen.back(), whole);
    EXPECT_GT(seen.size(), 10U);
    seen.clear();
    ASSERT_TRUE(Model::load(folder.path(), {}, sink));
    EXPECT_EQ(whole, model.config.parameter_count());
    EXPECT_EQ(seen.back(), whole);
    EXPECT_GT(seen.size(), 10U);

    seen.clear();
    stop_at = 1;
    EXPECT_EQ(Model::load(folder.path(), {}, sink).error().code, ErrorCode::cancelled);
    seen.clear();
    const auto before = *read_file(folder.path() / "model.safetensors", 1U << 20);
    EXPECT_EQ(small_model(false).save(folder.path(), false, sink).error().code,
              ErrorCode::cancelled);
    EXPECT_EQ(*read_file(folder.path() / "model.safetensors", 1U << 20), before);
}

TEST(ModelIo, LoadsShards) {
    Folder folder;
    const auto model = small_model(false);
    ASSERT_TRUE(model.save(folder.path(), false).has_value());
    auto file = Safetensors::open(folder.path() / "model.safetensors");
    ASSERT_TRUE(file.has_value());
    std::vector<std::vector<float>> kept;
    std::vector<TensorOut> parts[2];
    auto map = Json::object();
    for (const auto& [name, info] : file->tensors()) {
        const std::size_t part = kept.size() % 2;
        kept.push_back(*file->read_f32(name, info.shape));
        parts[part].push_back({name, info.shape, kept.back().data()});
        map.set(name, fmt::format("model-0000{}-of-00002.safetensors", part + 1));
    }
    std::filesystem::remove(folder.path() / "model.safetensors");
    for (int part = 0; part < 2; ++part) {
        ASSERT_TRUE(write_file_atomic(
                        folder.path() / fmt::format("model-0000{}-of-00002.safetensors", part + 1),
                        write_safetensors(parts[part], Dtype::f32))
                        .has_value());
    }
    const auto index = folder.path() / "model.safetensors.index.json";
    ASSERT_TRUE(write_file_atomic(index, Json::object({{"weight_map", map}}).dump()).has_value());
    const auto back = Model::load(folder.path());
    ASSERT_TRUE(back.has_value()) << back.error().to_string();
    expect_equal(model, *back);

    map.set("model.norm.weight", "../outside.safetensors");
    ASSERT_TRUE(write_file_atomic(index, Json::object({{"weight_map", map}}).dump()).has_value());
    expect_load_fails(folder.path(), ErrorCode::corrupted, "../outside.safetensors");
}

TEST(ModelIo, EveryProblemNamesTheTensor) {
    Folder folder;
    auto model = small_model(true);
    expect_load_fails(folder.path(), ErrorCode::not_found, "config.json");
    model.weights.layers[1].at(Site::up).weight[3] = std::numeric_limits<float>::infinity();
    ASSERT_TRUE(model.save(folder.path(), false).has_value());
    expect_load_fails(folder.path(), ErrorCode::corrupted, "model.layers.1.mlp.up_proj.weight");

    auto write = [&](const std::vector<TensorOut>& tensors) {
        ASSERT_TRUE(write_file_atomic(folder.path() / "model.safetensors",
                                      write_safetensors(tensors, Dtype::f32))
                        .has_value());
    };
    write({});
    expect_load_fails(folder.path(), ErrorCode::corrupted, "model.embed_tokens.weight");
    write({{"model.embed_tokens.weight", {8, 11}, model.weights.embedding.data()}});
    expect_load_fails(folder.path(), ErrorCode::invalid_argument, "model.embed_tokens.weight");

    model = small_model(false);
    ASSERT_TRUE(model.save(folder.path(), false).has_value());
    model.config.layer_count = 1; // the file holds a layer that the configuration does not know
    ASSERT_TRUE(
        write_file_atomic(folder.path() / "config.json", model.config.to_json()).has_value());
    expect_load_fails(folder.path(), ErrorCode::unsupported, "model.layers.1.");
    model.weights.layers.pop_back();
    model.weights.layers[0].at(Site::q).weight.pop_back();
    EXPECT_EQ(model.save(folder.path(), false).error().code, ErrorCode::internal);
}

TEST(ModelIo, BaseHashIsTheHashOfItsFiles) {
    Folder folder;
    ASSERT_TRUE(small_model(true).save(folder.path(), true).has_value());
    EXPECT_EQ(base_hash(folder.path()).error().code, ErrorCode::not_found);
    ASSERT_TRUE(
        write_file_atomic(folder.path() / "tokenizer.json", std::string_view("{}")).has_value());
    Bytes hashes;
    for (const auto* name : {"config.json", "tokenizer.json", "model.safetensors"}) {
        append(hashes, crypto::keccak256(*read_file(folder.path() / name, 1U << 20)).view());
    }
    EXPECT_EQ(*base_hash(folder.path()), crypto::keccak256(hashes));
    std::uint64_t last = 0, whole = 0;
    ASSERT_TRUE(base_hash(folder.path(), [&](auto, std::uint64_t done, std::uint64_t total) {
        last = done;
        whole = total;
        return true;
    }));
    EXPECT_EQ(last, whole);
    EXPECT_GT(whole, std::filesystem::file_size(folder.path() / "model.safetensors"));
    EXPECT_EQ(base_hash(folder.path(), [](auto, auto, auto) { return false; }).error().code,
              ErrorCode::cancelled);
}

} // namespace
} // namespace ol::model
