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
    expect_refused(with("use_dora", true), ErrorCode::unsupported, "use_dora");
    expect_refused(with("use_rslora", true), ErrorCode::unsupported, "use_rslora");
    expect_refused(with("bias", "all"), ErrorCode::unsupported, "bias");
    expect_refused(with("rank_pattern", Json::object({{"q_proj", 4}})), ErrorCode::unsupported,
                   "rank_pattern");
    expect_refused(with("modules_to_save", Json::array({Json("lm_head")})), ErrorCode::unsupported,
                   "modules_to_save");
    expect_refused(with("peft_type", "IA3"), ErrorCode::unsupported, "IA3");
    expect_refused(with("peft_type", nullptr), ErrorCode::unsupported, "peft_type");
    expect_refused(with("target_modules", "all-linear"), ErrorCode::unsupported, "target_modules");
    expect_refused(with("target_modules", Json::array({Json("lm_head")})), ErrorCode::unsupported,
                   "lm_head");
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

} // namespace
} // namespace ol::model
