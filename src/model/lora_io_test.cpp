#include <gtest/gtest.h>

#include <unistd.h>

#include <limits>

#include "codec/json.hpp"
#include "crypto/hash.hpp"
#include "model/lora.hpp"
#include "model/safetensors.hpp"

namespace ol::model {
namespace {

using codec::Json;

ModelConfig small_model() {
    ModelConfig config;
    config.vocab_size = 11;
    config.hidden_size = 8;
    config.intermediate_size = 12;
    config.layer_count = 2;
    config.head_count = 2;
    config.kv_head_count = 1;
    config.head_size = 4;
    config.context_length = 32;
    return config;
}

LoraAdapter small_adapter(std::vector<Site> targets = {Site::q, Site::v, Site::down}) {
    LoraConfig config;
    config.rank = 3;
    config.alpha = 7.5F;
    config.targets = std::move(targets);
    auto adapter = LoraAdapter::init(small_model(), config, 9);
    for (auto& layer : adapter.layers) {
        for (auto& pair : layer) {
            for (std::size_t i = 0; i < pair.b.size(); ++i)
                pair.b[i] = 0.01F * static_cast<float>(i);
        }
    }
    return adapter;
}

void expect_equal(const LoraAdapter& a, const LoraAdapter& b) {
    EXPECT_EQ(a.config.rank, b.config.rank);
    EXPECT_EQ(a.config.alpha, b.config.alpha);
    EXPECT_EQ(a.config.targets, b.config.targets);
    ASSERT_EQ(a.layers.size(), b.layers.size());
    for (std::size_t i = 0; i < a.layers.size(); ++i) {
        for (std::size_t s = 0; s < site_count; ++s) {
            EXPECT_EQ(a.layers[i][s].a, b.layers[i][s].a);
            EXPECT_EQ(a.layers[i][s].b, b.layers[i][s].b);
        }
    }
}

void expect_refused(const AdapterFiles& files, ErrorCode code, std::string_view what) {
    const auto result = LoraAdapter::parse(files, small_model());
    ASSERT_FALSE(result.has_value()) << what;
    EXPECT_EQ(result.error().code, code) << result.error().context;
    EXPECT_NE(result.error().context.find(what), std::string::npos) << result.error().context;
}

TEST(LoraIo, SavesAndLoads) {
    const auto folder =
        std::filesystem::temp_directory_path() / fmt::format("ol_lora_io_{}", getpid());
    const auto adapter = small_adapter();
    ASSERT_TRUE(adapter.save(folder, "base").has_value());
    const auto back = LoraAdapter::load(folder, small_model());
    ASSERT_TRUE(back.has_value()) << back.error().to_string();
    expect_equal(adapter, *back);

    Bytes hashes;
    for (const auto* name : {"adapter_config.json", "adapter_model.safetensors"}) {
        append(hashes, crypto::keccak256(*read_file(folder / name, 1U << 20)).view());
    }
    EXPECT_EQ(*adapter_hash(folder), crypto::keccak256(hashes));
    EXPECT_EQ(adapter.to_files("base").hash(), *adapter_hash(folder));
    std::filesystem::remove_all(folder);
    EXPECT_EQ(adapter_hash(folder).error().code, ErrorCode::not_found);
}

// The names are those of PEFT's LoraModel state dictionary over LlamaForCausalLM.
TEST(LoraIo, WritesTheNamesAndShapesOfPeft) {
    const auto files = small_adapter().to_files("base");
    const auto file = Safetensors::parse(files.weights);
    ASSERT_TRUE(file.has_value());
    using Shape = std::vector<std::uint64_t>;
    EXPECT_EQ(file->tensors().size(), 12U);
    auto shape = [&](const std::string& name) { return file->tensors().at(name).shape; };
    const std::string layer = "base_model.model.model.layers.1.";
    EXPECT_EQ(shape(layer + "self_attn.q_proj.lora_A.weight"), (Shape{3, 8}));
    EXPECT_EQ(shape(layer + "self_attn.q_proj.lora_B.weight"), (Shape{8, 3}));
    EXPECT_EQ(shape(layer + "self_attn.v_proj.lora_B.weight"), (Shape{4, 3}));
    EXPECT_EQ(shape(layer + "mlp.down_proj.lora_A.weight"), (Shape{3, 12}));
    const auto config = *Json::parse(files.config);
    EXPECT_EQ(config["peft_type"], Json("LORA"));
    EXPECT_EQ(config["task_type"], Json("CAUSAL_LM"));
    EXPECT_EQ(config["lora_alpha"], Json(7.5));
    EXPECT_EQ(config["base_model_name_or_path"], Json("base"));
}

TEST(LoraIo, RefusesByName) {
    const auto good = small_adapter().to_files("base");
    auto with = [&](std::string_view key, Json value) {
        auto json = *Json::parse(good.config);
        json.set(key, std::move(value));
        return AdapterFiles{json.dump(), good.weights};
    };
    expect_refused(with("use_dora", true), ErrorCode::not_found, "lora_magnitude_vector");
    expect_refused(with("bias", "all"), ErrorCode::unsupported, "bias");
    expect_refused(with("rank_pattern", Json::object({{"q_proj", 4}})), ErrorCode::invalid_argument,
                   "layers.0.self_attn.q_proj.lora_A");
    expect_refused(with("rank_pattern", Json::object({{"q_proj", 0}})), ErrorCode::invalid_argument,
                   "rank_pattern: q_proj");
    expect_refused(with("rank_pattern", Json::object({{"(q", 3}})), ErrorCode::invalid_argument,
                   "rank_pattern");
    expect_refused(with("modules_to_save", Json::array({Json("lm_head")})), ErrorCode::unsupported,
                   "modules_to_save");
    expect_refused(with("init_lora_weights", "pissa"), ErrorCode::unsupported, "pissa");
    expect_refused(with("use_something_new", true), ErrorCode::unsupported, "use_something_new");
    expect_refused(with("lora_dropout", 1.5), ErrorCode::invalid_argument, "lora_dropout");
    expect_refused(with("peft_type", "IA3"), ErrorCode::unsupported, "IA3");
    expect_refused(with("peft_type", nullptr), ErrorCode::unsupported, "peft_type");
    expect_refused(with("target_modules", "all-linear"), ErrorCode::not_found, "k_proj");
    expect_refused(with("target_modules", "(q"), ErrorCode::invalid_argument, "target_modules");
    expect_refused(with("target_modules", Json::array({Json("c_attn")})), ErrorCode::unsupported,
                   "c_attn");
    expect_refused(with("target_modules", Json::array({Json("lm_head")})), ErrorCode::not_found,
                   "lm_head.lora_A");
    expect_refused(with("target_modules", Json::array()), ErrorCode::invalid_argument, "empty");
    expect_refused(with("target_modules", Json::array({Json("q_proj"), Json("q_proj")})),
                   ErrorCode::invalid_argument, "twice");
    expect_refused(with("r", 0), ErrorCode::invalid_argument, "r is 0");
    expect_refused(with("r", 4), ErrorCode::invalid_argument, "layers.0.self_attn.q_proj.lora_A");
    // A target without tensors, and tensors without a target.
    expect_refused(with("target_modules", Json::array({Json("q_proj"), Json("v_proj"),
                                                       Json("down_proj"), Json("k_proj")})),
                   ErrorCode::not_found, "k_proj");
    expect_refused(with("target_modules", Json::array({Json("q_proj"), Json("v_proj")})),
                   ErrorCode::unsupported, "down_proj");

    auto bad = small_adapter();
    bad.layers[1][0].b[2] = std::numeric_limits<float>::quiet_NaN();
    expect_refused(bad.to_files("base"), ErrorCode::corrupted, "layers.1.self_attn.q_proj.lora_B");
    for (std::size_t size = 0; size < good.weights.size(); size += 13) {
        EXPECT_FALSE(LoraAdapter::parse({good.config, Bytes(good.weights.begin(),
                                                            good.weights.begin() +
                                                                static_cast<std::ptrdiff_t>(size))},
                                        small_model())
                         .has_value());
    }
}

ModelConfig base_config(const std::string& name) {
    ModelConfig config = small_model();
    config.vocab_size = 16;
    if (name == "base_gpt2") {
        config.family = Family::gpt2;
        config.fused_qkv = true;
        config.gated_mlp = false;
        config.kv_head_count = 2;
    }
    return config;
}

void expect_same_pair(const LoraPair& a, const LoraPair& b) {
    EXPECT_EQ(a.rank, b.rank);
    EXPECT_EQ(a.scale, b.scale);
    EXPECT_EQ(a.a, b.a);
    EXPECT_EQ(a.b, b.b);
    EXPECT_EQ(a.magnitude, b.magnitude);
}

void expect_same_pairs(const LoraAdapter& a, const LoraAdapter& b) {
    EXPECT_EQ(a.family, b.family);
    ASSERT_EQ(a.layers.size(), b.layers.size());
    for (std::size_t i = 0; i < a.layers.size(); ++i) {
        for (std::size_t s = 0; s < site_count; ++s) {
            expect_same_pair(a.layers[i][s], b.layers[i][s]);
        }
    }
    expect_same_pair(a.embedding, b.embedding);
    expect_same_pair(a.head, b.head);
}

// Adapters as PEFT wrote them (tools/parity/adapters.py), with the rank and scale that PEFT gives
// each module.
TEST(LoraIo, ReadsWhatPeftWrites) {
    const Path root = Path(OL_SOURCE_DIR) / "src/model/testdata/peft";
    const auto vectors = *Json::parse(*read_text_file(root / "vectors.json", 1U << 20));
    for (const auto& [name, vector] : vectors["adapters"].members()) {
        const auto model = base_config(*vector["base"].as_string());
        const auto files = *AdapterFiles::read(root / name);
        const auto adapter = LoraAdapter::parse(files, model);
        ASSERT_TRUE(adapter.has_value()) << name << ": " << adapter.error().to_string();
        std::size_t found = 0;
        auto check = [&](const std::string& module, const LoraPair& pair) {
            const auto& expected = vector["modules"][module];
            EXPECT_EQ(expected.is_null(), pair.a.empty()) << name << " " << module;
            if (expected.is_null()) return;
            ++found;
            EXPECT_EQ(*expected["rank"].as_uint(), pair.rank) << name << " " << module;
            EXPECT_FLOAT_EQ(static_cast<float>(*expected["scale"].as_double()), pair.scale)
                << name << " " << module;
        };
        const bool is_gpt2 = model.family == Family::gpt2;
        for (std::size_t i = 0; i < model.layer_count; ++i) {
            for (int s = 0; s < site_count; ++s) {
                const auto site = static_cast<Site>(s);
                if (!has_site(model, site)) continue;
                check(module_name(model, i, site), adapter->layers[i][static_cast<std::size_t>(s)]);
            }
        }
        check(is_gpt2 ? "transformer.wte" : "model.embed_tokens", adapter->embedding);
        check("lm_head", adapter->head);
        EXPECT_EQ(found, vector["modules"].members().size()) << name;

        // What is saved reads back as the same, and saving again changes no byte.
        const auto saved = adapter->to_files("base");
        const auto again = LoraAdapter::parse(saved, model);
        ASSERT_TRUE(again.has_value()) << name << ": " << again.error().to_string();
        expect_same_pairs(*adapter, *again);
        EXPECT_EQ(again->config.targets, adapter->config.targets);
        EXPECT_EQ(again->to_files("base").hash(), saved.hash()) << name;
    }
}

// Ranks and scales that no pattern of the config gives are written as patterns.
TEST(LoraIo, WritesPatternsThatAreNeeded) {
    auto adapter = small_adapter();
    auto& pair = adapter.layers[1][static_cast<std::size_t>(Site::v)];
    pair.rank = 1;
    pair.scale = 3.0F;
    pair.a.resize(8);
    pair.b.resize(4);
    adapter.layers[0][static_cast<std::size_t>(Site::q)] = {};
    const auto again = LoraAdapter::parse(adapter.to_files("base"), small_model());
    ASSERT_TRUE(again.has_value()) << again.error().to_string();
    expect_same_pairs(adapter, *again);
}

// Some tools leave PEFT's prefix out.
TEST(LoraIo, ReadsNamesWithoutThePrefix) {
    const auto adapter = small_adapter();
    auto files = adapter.to_files("base");
    const auto file = *Safetensors::parse(files.weights);
    std::vector<std::vector<float>> values;
    std::vector<TensorOut> tensors;
    for (const auto& [name, info] : file.tensors()) {
        values.push_back(*file.read_f32(name, info.shape));
        tensors.push_back(
            {name.substr(std::string_view("base_model.model.").size()), info.shape, nullptr});
    }
    for (std::size_t i = 0; i < values.size(); ++i) tensors[i].data = values[i].data();
    const auto again = LoraAdapter::parse(
        {files.config, write_safetensors(tensors, Dtype::f32, {})}, small_model());
    ASSERT_TRUE(again.has_value()) << again.error().to_string();
    expect_same_pairs(adapter, *again);
}

} // namespace
} // namespace ol::model
