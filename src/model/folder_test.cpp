// Folders of every family: what is written is read back, whatever its names, shards and types;
// every damage is refused with its place.
#include <gtest/gtest.h>

#include "codec/json.hpp"
#include "model/folder_for_tests.hpp"
#include "model/kernels/exact_math.hpp"
#include "model/safetensors.hpp"
#include "model/transformer.hpp"

namespace ol::model {
namespace {

using codec::Json;
using test::Folder;

ModelConfig config_of(std::string_view type, std::string_view more = "") {
    const auto text = fmt::format(
        R"({{"model_type":"{}","vocab_size":11,"hidden_size":8,"intermediate_size":12,
        "num_hidden_layers":3,"num_attention_heads":2,"num_key_value_heads":1,"head_dim":4,
        "max_position_embeddings":32,"sliding_window":8,"eos_token_id":[3,1]{}}})",
        type, more);
    auto json = *Json::parse(text);
    if (type == "llama") json.set("sliding_window", nullptr);
    const auto config = ModelConfig::from_json(json.dump());
    EXPECT_TRUE(config.has_value()) << config.error().to_string();
    return config.value_or(ModelConfig{});
}

std::vector<ModelConfig> every_family() {
    return {config_of("llama"),
            config_of("llama", R"(,"attention_bias":true,"mlp_bias":true,"rope_scaling":{
                               "type":"linear","factor":2.0})"),
            config_of("mistral"),
            config_of("qwen2", R"(,"use_sliding_window":true,"max_window_layers":1,
                               "tie_word_embeddings":true)"),
            config_of("qwen3"),
            config_of("gemma2"),
            config_of("gemma3_text"),
            config_of("gpt2")};
}

// No two values alike, so that no two tensors can change places unseen.
Model shaken(const ModelConfig& config) {
    auto model = Model::random(config, 3);
    kernels::Normal normal(4);
    visit_vectors(model.weights, [&](std::vector<float>& values) {
        for (auto& value : values) value = bf16_to_f32(f32_to_bf16(float(normal.next())));
    });
    return model;
}

void expect_equal(const Model& a, const Model& b) {
    EXPECT_EQ(a.config, b.config);
    std::vector<std::vector<float>> values;
    visit_vectors(a.weights, [&](const std::vector<float>& v) { values.push_back(v); });
    std::size_t at = 0;
    visit_vectors(b.weights, [&](const std::vector<float>& v) {
        ASSERT_LT(at, values.size());
        EXPECT_EQ(v, values[at]) << at;
        ++at;
    });
    EXPECT_EQ(at, values.size());
}

void expect_loads(const Path& folder, const Model& model) {
    const auto back = Model::load(folder);
    ASSERT_TRUE(back.has_value()) << back.error().to_string();
    expect_equal(model, *back);
}

void expect_load_fails(const Path& folder, ErrorCode code, std::string_view what) {
    const auto result = Model::load(folder);
    ASSERT_FALSE(result.has_value()) << what;
    EXPECT_EQ(result.error().code, code) << result.error().context;
    EXPECT_NE(result.error().context.find(what), std::string::npos) << result.error().context;
}

// The tensors of a written file, to be written again in other ways.
struct Tensors {
    explicit Tensors(const Path& folder) {
        auto file = Safetensors::open(folder / "model.safetensors");
        EXPECT_TRUE(file.has_value());
        for (const auto& [name, info] : file->tensors()) {
            entries[name] = {info.shape, *file->read_f32(name, info.shape)};
        }
    }
    void write(const Path& path, Dtype dtype = Dtype::f32) const {
        std::vector<TensorOut> out;
        for (const auto& [name, entry] : entries) {
            out.push_back({name, entry.first, entry.second.data()});
        }
        ASSERT_TRUE(write_file_atomic(path, write_safetensors(out, dtype)));
    }
    void rename(std::string_view from, std::string_view to) {
        decltype(entries) renamed;
        for (auto& [name, entry] : entries) {
            renamed[name.starts_with(from) ? std::string(to) + name.substr(from.size()) : name] =
                entry;
        }
        entries = renamed;
    }
    std::map<std::string, std::pair<std::vector<std::uint64_t>, std::vector<float>>> entries;
};

TEST(ModelFolder, EveryFamilyComesBackInEveryType) {
    for (const auto& config : every_family()) {
        const auto model = shaken(config);
        std::uint64_t count = 0;
        visit_vectors(model.weights, [&](const auto& values) { count += values.size(); });
        EXPECT_EQ(count, config.parameter_count()) << to_string(config.family);
        for (const bool as_bf16 : {true, false}) {
            Folder folder;
            ASSERT_TRUE(model.save(folder.path(), as_bf16));
            expect_loads(folder.path(), model);
            // The same seed, the same bytes.
            expect_equal(Model::random(config, 9), Model::random(config, 9));
        }
    }
}

TEST(ModelFolder, NormsOfARandomModelAreTheIdentity) {
    const auto gemma = Model::random(config_of("gemma3_text"), 1);
    EXPECT_EQ(gemma.weights.final_norm.weight, std::vector<float>(8, 0.0F));
    EXPECT_EQ(gemma.weights.layers[0].q_norm.weight, std::vector<float>(4, 0.0F));
    const auto gpt2 = Model::random(config_of("gpt2"), 1);
    EXPECT_EQ(gpt2.weights.final_norm.weight, std::vector<float>(8, 1.0F));
    EXPECT_EQ(gpt2.weights.final_norm.bias, std::vector<float>(8, 0.0F));
    EXPECT_EQ(gpt2.weights.positions.size(), 32U * 8U);
    EXPECT_EQ(gpt2.weights.layers[2].at(Site::qkv).bias.size(), 24U);
}

TEST(ModelFolder, Gpt2sWeightsAreTransposedOnDisk) {
    Folder folder;
    const auto model = shaken(config_of("gpt2"));
    ASSERT_TRUE(model.save(folder.path(), false));
    const Tensors tensors(folder.path());
    const auto& [shape, values] = tensors.entries.at("transformer.h.1.attn.c_attn.weight");
    EXPECT_EQ(shape, (std::vector<std::uint64_t>{8, 24}));
    const auto& ours = model.weights.layers[1].at(Site::qkv).weight;
    EXPECT_EQ(values[2 * 24 + 17], ours[17 * 8 + 2]);
}

TEST(ModelFolder, OtherNamesAndIgnoredTensors) {
    Folder folder;
    const auto path = folder.path() / "model.safetensors";
    const auto gpt2 = shaken(config_of("gpt2"));
    ASSERT_TRUE(gpt2.save(folder.path(), false));
    Tensors bare(folder.path());
    bare.rename("transformer.", "");
    bare.entries["h.0.attn.bias"] = {{1, 1, 2, 2}, {1, 0, 1, 1}};
    bare.entries["h.0.attn.masked_bias"] = {{}, {-1e4F}};
    bare.entries["lm_head.weight"] = bare.entries["wte.weight"];
    bare.write(path);
    expect_loads(folder.path(), gpt2);
    bare.entries["h.3.ln_1.weight"] = bare.entries["h.2.ln_1.weight"];
    bare.write(path);
    expect_load_fails(folder.path(), ErrorCode::unsupported, "'h.3.ln_1.weight'");

    const auto gemma = shaken(config_of("gemma3_text"));
    for (const std::string_view prefix : {"language_model.model.", "model.language_model."}) {
        ASSERT_TRUE(gemma.save(folder.path(), false));
        Tensors eyes(folder.path());
        eyes.rename("model.", prefix);
        eyes.entries["vision_tower.vision_model.head.weight"] = {{1}, {1}};
        eyes.entries["multi_modal_projector.mm_soft_emb_norm.weight"] = {{1}, {1}};
        eyes.write(path);
        expect_loads(folder.path(), gemma);
        eyes.entries["audio_tower.weight"] = {{1}, {1}};
        eyes.write(path);
        expect_load_fails(folder.path(), ErrorCode::unsupported, "audio_tower");
    }

    const auto llama = shaken(config_of("llama"));
    ASSERT_TRUE(llama.save(folder.path(), false));
    Tensors old(folder.path());
    old.entries["model.layers.0.self_attn.rotary_emb.inv_freq"] = {{2}, {1, 0.5F}};
    old.write(path, Dtype::f16);
    const auto back = Model::load(folder.path());
    ASSERT_TRUE(back.has_value()) << back.error().to_string(); // f16 does not hold every value
    old.entries.erase("lm_head.weight");
    old.write(path);
    expect_load_fails(folder.path(), ErrorCode::corrupted, "lm_head.weight");
}

TEST(ModelFolder, ShardsAreWhereTheIndexSays) {
    Folder folder;
    const auto model = shaken(config_of("qwen3"));
    ASSERT_TRUE(model.save(folder.path(), false));
    const Tensors all(folder.path());
    std::filesystem::remove(folder.path() / "model.safetensors");
    Tensors parts[2] = {all, all};
    auto map = Json::object();
    const auto file = [](int part) { return fmt::format("model-{}-of-2.safetensors", part); };
    int count = 0;
    for (const auto& [name, entry] : all.entries) {
        parts[1 - count % 2].entries.erase(name);
        map.set(name, file(count++ % 2));
    }
    const auto write = [&](const Json& weight_map) {
        for (int i = 0; i < 2; ++i) parts[i].write(folder.path() / file(i));
        ASSERT_TRUE(write_file_atomic(folder.path() / "model.safetensors.index.json",
                                      Json::object({{"weight_map", weight_map}}).dump()));
    };
    write(map);
    expect_loads(folder.path(), model);

    auto wrong = map;
    wrong.set("model.norm.weight", file(map["model.norm.weight"] == Json(file(0)) ? 1 : 0));
    write(wrong);
    expect_load_fails(folder.path(), ErrorCode::corrupted, "'model.norm.weight'");
    wrong = map;
    wrong.set("model.nothing", file(0));
    write(wrong);
    expect_load_fails(folder.path(), ErrorCode::corrupted, "'model.nothing'");
    wrong = map;
    wrong.set("model.norm.weight", 7);
    write(wrong);
    expect_load_fails(folder.path(), ErrorCode::invalid_argument, "model.norm.weight");
    wrong = map;
    wrong.set("model.norm.weight", "model-3-of-2.safetensors");
    write(wrong);
    expect_load_fails(folder.path(), ErrorCode::not_found, "model-3-of-2");
    write(Json::object());
    expect_load_fails(folder.path(), ErrorCode::corrupted, "weight_map");

    parts[1].entries["model.norm.weight"] = parts[0].entries["model.norm.weight"] =
        all.entries.at("model.norm.weight");
    write(map);
    expect_load_fails(folder.path(), ErrorCode::corrupted, "'model.norm.weight' is in");
}

TEST(ModelFolder, DamageIsRefusedWithItsPlace) {
    Folder folder;
    const auto model = shaken(config_of("gemma2"));
    ASSERT_TRUE(model.save(folder.path(), false));
    const auto path = folder.path() / "model.safetensors";
    const auto bytes = *read_file(path, 1U << 20);
    for (const std::size_t keep :
         {std::size_t{0}, std::size_t{7}, std::size_t{100}, bytes.size() / 2, bytes.size() - 1}) {
        ASSERT_TRUE(write_file_atomic(path, ByteView(bytes).first(keep)));
        expect_load_fails(folder.path(), ErrorCode::corrupted, "model.safetensors");
    }
    auto longer = bytes;
    longer.push_back(0);
    ASSERT_TRUE(write_file_atomic(path, ByteView(longer)));
    expect_load_fails(folder.path(), ErrorCode::corrupted, "after the last tensor");

    ASSERT_TRUE(write_file_atomic(path, ByteView(bytes)));
    Tensors tensors(folder.path());
    const auto name = "model.layers.1.post_feedforward_layernorm.weight";
    auto broken = tensors;
    broken.entries.erase(name);
    broken.write(path);
    expect_load_fails(folder.path(), ErrorCode::corrupted, name);
    broken = tensors;
    broken.entries[name] = {{2, 4}, std::vector<float>(8)};
    broken.write(path);
    expect_load_fails(folder.path(), ErrorCode::invalid_argument, name);
    broken = tensors;
    broken.entries[name].second[5] = std::nanf("");
    broken.write(path);
    expect_load_fails(folder.path(), ErrorCode::corrupted, name);

    std::filesystem::remove(path);
    expect_load_fails(folder.path(), ErrorCode::not_found, "model.safetensors");
    ASSERT_TRUE(write_file_atomic(folder.path() / "pytorch_model.bin", std::string_view("x")));
    expect_load_fails(folder.path(), ErrorCode::unsupported, "pytorch_model.bin");
}

TEST(ModelFolder, QuantizesWhileItLoads) {
    for (const bool tied : {true, false}) {
        auto json = *Json::parse(config_of("qwen3").to_json());
        json.set("hidden_size", 64);
        json.set("intermediate_size", 40); // down's rows are no whole blocks: it stays
        json.set("tie_word_embeddings", tied);
        const auto model = shaken(*ModelConfig::from_json(json.dump()));
        Folder folder;
        ASSERT_TRUE(model.save(folder.path(), false));
        for (const auto type : {kernels::QuantType::q8_0, kernels::QuantType::q4_0}) {
            const auto loaded = Model::load(folder.path(), {type});
            ASSERT_TRUE(loaded.has_value()) << loaded.error().to_string();
            auto changed = model;
            ASSERT_TRUE(changed.quantize(type));
            for (const Model* m : {&*loaded, static_cast<const Model*>(&changed)}) {
                const auto& layer = m->weights.layers[1];
                ASSERT_NE(layer.at(Site::k).quantized, nullptr);
                EXPECT_TRUE(layer.at(Site::k).weight.empty());
                EXPECT_EQ(layer.at(Site::k).quantized->gguf_rows(),
                          changed.weights.layers[1].at(Site::k).quantized->gguf_rows());
                EXPECT_EQ(layer.at(Site::down).quantized, nullptr);
                EXPECT_FALSE(layer.at(Site::down).weight.empty());
                EXPECT_FALSE(m->weights.embedding.empty());
                ASSERT_NE(m->weights.head.quantized, nullptr);
                EXPECT_EQ(m->weights.head.quantized->out(), 11U);
                EXPECT_EQ(m->save(folder.path() / "other", false).error().code,
                          ErrorCode::unsupported);
            }
        }
    }
}

TEST(ModelFolder, GenerationConfigNamesTheTokensThatEndAnAnswer) {
    Folder folder;
    ASSERT_TRUE(shaken(config_of("qwen2")).save(folder.path(), false));
    EXPECT_EQ(Model::load(folder.path())->config.eos_tokens, (std::vector<std::int32_t>{3, 1}));
    const auto path = folder.path() / "generation_config.json";
    ASSERT_TRUE(write_file_atomic(path, std::string_view(R"({"eos_token_id":[5,6]})")));
    EXPECT_EQ(Model::load(folder.path())->config.eos_tokens, (std::vector<std::int32_t>{5, 6}));
    ASSERT_TRUE(write_file_atomic(path, std::string_view(R"({"eos_token_id":11})")));
    expect_load_fails(folder.path(), ErrorCode::invalid_argument, "generation_config.json");
}

} // namespace
} // namespace ol::model
