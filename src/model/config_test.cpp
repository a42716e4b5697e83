#include "model/config.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "codec/json.hpp"
#include "model/weights.hpp"

namespace ol::model {
namespace {

using codec::Json;

ModelConfig read(std::string_view text) {
    auto config = ModelConfig::from_json(text);
    EXPECT_TRUE(config.has_value()) << config.error().to_string();
    if (!config) return {};
    // What is written says the same.
    const auto again = ModelConfig::from_json(config->to_json());
    EXPECT_TRUE(again.has_value()) << again.error().to_string();
    if (again) {
        EXPECT_EQ(*again, *config) << config->to_json();
    }
    return *config;
}

void expect_refused(std::string_view text, ErrorCode code, std::string_view what) {
    const auto config = ModelConfig::from_json(text);
    ASSERT_FALSE(config.has_value()) << what;
    EXPECT_EQ(config.error().code, code) << config.error().context;
    EXPECT_NE(config.error().context.find(what), std::string::npos) << config.error().context;
}

// The members of published config.json files (huggingface.co), with their parameter counts.
TEST(Families, Llama31) {
    const auto c = read(R"({"architectures":["LlamaForCausalLM"],"attention_bias":false,
        "bos_token_id":128000,"eos_token_id":[128001,128008,128009],"hidden_act":"silu",
        "hidden_size":4096,"intermediate_size":14336,"max_position_embeddings":131072,
        "mlp_bias":false,"model_type":"llama","num_attention_heads":32,"num_hidden_layers":32,
        "num_key_value_heads":8,"pretraining_tp":1,"rms_norm_eps":1e-05,"rope_scaling":
        {"factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,
        "original_max_position_embeddings":8192,"rope_type":"llama3"},"rope_theta":500000.0,
        "tie_word_embeddings":false,"vocab_size":128256})");
    EXPECT_EQ(c.parameter_count(), 8030261248U);
    EXPECT_EQ(c.rope_scaling, (RopeScaling{RopeScaling::Kind::llama3, 8.0F, 1.0F, 4.0F, 8192}));
    EXPECT_EQ(c.eos_token, 128001);
    EXPECT_EQ(c.eos_tokens, (std::vector<std::int32_t>{128001, 128008, 128009}));
    EXPECT_EQ(c.window(0), 0U);
}

TEST(Families, RopeInItsOlderAndNewerPlaces) {
    const auto with = [](std::string_view rope) {
        return fmt::format(
            R"({{"model_type":"llama","hidden_size":8,"intermediate_size":12,"vocab_size":11,
            "num_hidden_layers":2,"num_attention_heads":2,"max_position_embeddings":32,{}}})",
            rope);
    };
    const RopeScaling linear{RopeScaling::Kind::linear, 2.5F};
    EXPECT_EQ(read(with(R"("rope_scaling":{"type":"linear","factor":2.5})")).rope_scaling, linear);
    const auto newer =
        read(with(R"("rope_parameters":{"rope_type":"linear","factor":2.5,"rope_theta":5000.0})"));
    EXPECT_EQ(newer.rope_scaling, linear);
    EXPECT_EQ(newer.rope_theta, 5000.0F);
    EXPECT_EQ(read(with(R"("rope_scaling":{"rope_type":"default"})")).rope_scaling, RopeScaling{});
    EXPECT_EQ(read(with(R"("rope_theta":7.5,"rope_scaling":null)")).rope_theta, 7.5F);
    for (const auto* kind : {"yarn", "dynamic", "longrope", "su", "mrope"}) {
        const auto text = fmt::format(R"("rope_scaling":{{"type":"{}","factor":2.0}})", kind);
        expect_refused(with(text), ErrorCode::unsupported, kind);
    }
    const auto bad = ErrorCode::invalid_argument;
    expect_refused(with(R"("rope_scaling":{"type":"linear"})"), bad, "factor");
    expect_refused(with(R"("rope_scaling":{"factor":2.0})"), bad, "rope_type");
    expect_refused(with(R"("rope_scaling":[2.0])"), bad, "object");
    expect_refused(with(R"("rope_scaling":{"type":"linear","factor":-2.0})"), bad, "factor");
    expect_refused(with(R"("rope_scaling":{"type":"linear","factor":1e39})"), bad, "factor");
    expect_refused(with(R"("rope_scaling":{"type":"linear","factor":2.0},
                           "rope_parameters":{"rope_type":"linear","factor":3.0})"),
                   bad, "disagree");
    expect_refused(with(R"("rope_scaling":{"type":"llama3","factor":2.0,"low_freq_factor":4.0,
                           "high_freq_factor":4.0,"original_max_position_embeddings":8})"),
                   bad, "high_freq_factor");
    expect_refused(with(R"("rope_scaling":{"type":"llama3","factor":2.0,"low_freq_factor":1.0,
                           "high_freq_factor":4.0})"),
                   bad, "original_max_position_embeddings");
    expect_refused(with(R"("eos_token_id":[1,11])"), bad, "eos_token_id");
    expect_refused(with(R"("bos_token_id":11)"), bad, "bos_token_id");
    expect_refused(with(R"("hidden_act":"gelu")"), ErrorCode::unsupported, "'gelu'");
    expect_refused(with(R"("quantization_config":{"bits":4})"), ErrorCode::unsupported,
                   "quantization_config");
    expect_refused(with(R"("attention_bias":1)"), bad, "attention_bias");
}

TEST(Families, Mistral) {
    const std::string text = R"({"architectures":["MistralForCausalLM"],"bos_token_id":1,
        "eos_token_id":2,"hidden_act":"silu","hidden_size":4096,"intermediate_size":14336,
        "max_position_embeddings":32768,"model_type":"mistral","num_attention_heads":32,
        "num_hidden_layers":32,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_theta":10000.0,
        "sliding_window":4096,"tie_word_embeddings":false,"vocab_size":32000})";
    const auto c = read(text);
    EXPECT_EQ(c.parameter_count(), 7241732096U);
    EXPECT_EQ(c.window(0), 4096U);
    EXPECT_EQ(c.window(31), 4096U);
    auto json = *Json::parse(text);
    json.set("sliding_window", nullptr);
    EXPECT_EQ(read(json.dump()).window(0), 0U);
    json.set("sliding_window", 0);
    expect_refused(json.dump(), ErrorCode::invalid_argument, "sliding_window");
}

TEST(Families, Qwen2AndQwen3) {
    const std::string text = R"({"architectures":["Qwen2ForCausalLM"],"bos_token_id":151643,
        "eos_token_id":151645,"hidden_act":"silu","hidden_size":896,"intermediate_size":4864,
        "max_position_embeddings":32768,"max_window_layers":21,"model_type":"qwen2",
        "num_attention_heads":14,"num_hidden_layers":24,"num_key_value_heads":2,
        "rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,
        "tie_word_embeddings":true,"use_sliding_window":false,"vocab_size":151936})";
    const auto c = read(text);
    EXPECT_EQ(c.parameter_count(), 494032768U);
    EXPECT_TRUE(has_bias(c, Site::q) && has_bias(c, Site::v));
    EXPECT_FALSE(has_bias(c, Site::o) || has_bias(c, Site::down));
    EXPECT_EQ(c.window(23), 0U);
    auto json = *Json::parse(text);
    json.set("use_sliding_window", true);
    EXPECT_EQ(read(json.dump()).window(20), 0U);
    EXPECT_EQ(read(json.dump()).window(21), 32768U);
    auto types = Json::array();
    for (int i = 0; i < 24; ++i) types.push(i == 3 ? "sliding_attention" : "full_attention");
    json.set("layer_types", types);
    EXPECT_EQ(read(json.dump()).window(3), 32768U);
    EXPECT_EQ(read(json.dump()).window(21), 0U);
    json.set("use_sliding_window", false);
    expect_refused(json.dump(), ErrorCode::invalid_argument, "sliding_window");
    types.items()[5] = "chunked_attention";
    json.set("layer_types", types);
    expect_refused(json.dump(), ErrorCode::unsupported, "layer_types[5]");
    types.items().pop_back();
    json.set("layer_types", types);
    expect_refused(json.dump(), ErrorCode::invalid_argument, "23 entries for 24 layers");

    const auto three = read(R"({"architectures":["Qwen3ForCausalLM"],"attention_bias":false,
        "bos_token_id":151643,"eos_token_id":151645,"head_dim":128,"hidden_act":"silu",
        "hidden_size":1024,"intermediate_size":3072,"max_position_embeddings":40960,
        "max_window_layers":28,"model_type":"qwen3","num_attention_heads":16,
        "num_hidden_layers":28,"num_key_value_heads":8,"rms_norm_eps":1e-06,"rope_scaling":null,
        "rope_theta":1000000,"sliding_window":null,"tie_word_embeddings":true,
        "use_sliding_window":false,"vocab_size":151936})");
    EXPECT_EQ(three.parameter_count(), 596049920U);
    EXPECT_TRUE(three.qk_norm);
    EXPECT_FALSE(three.qkv_bias);
    EXPECT_EQ(three.head_size, 128U);
}

TEST(Families, Gemma2AndGemma3) {
    const auto two = read(R"({"architectures":["Gemma2ForCausalLM"],"attention_bias":false,
        "attn_logit_softcapping":50.0,"bos_token_id":2,"cache_implementation":"hybrid",
        "eos_token_id":1,"final_logit_softcapping":30.0,"head_dim":256,
        "hidden_act":"gelu_pytorch_tanh","hidden_activation":"gelu_pytorch_tanh",
        "hidden_size":2304,"intermediate_size":9216,"max_position_embeddings":8192,
        "model_type":"gemma2","num_attention_heads":8,"num_hidden_layers":26,
        "num_key_value_heads":4,"query_pre_attn_scalar":256,"rms_norm_eps":1e-06,
        "rope_theta":10000.0,"sliding_window":4096,"vocab_size":256000})");
    EXPECT_EQ(two.parameter_count(), 2614341888U);
    EXPECT_TRUE(two.tied_embeddings && two.out_norms && !two.qk_norm);
    EXPECT_EQ(two.attention_softcap, 50.0F);
    EXPECT_EQ(two.logit_softcap, 30.0F);
    EXPECT_EQ(two.attention_scale, 0.0625F);
    EXPECT_EQ(two.embedding_scale, 48.0F);
    EXPECT_EQ(two.window(0), 4096U);
    EXPECT_EQ(two.window(1), 0U);

    const auto three = read(R"({"architectures":["Gemma3ForCausalLM"],"attention_bias":false,
        "attn_logit_softcapping":null,"bos_token_id":2,"eos_token_id":[1,106],
        "final_logit_softcapping":null,"head_dim":256,"hidden_activation":"gelu_pytorch_tanh",
        "hidden_size":1152,"intermediate_size":6912,"max_position_embeddings":32768,
        "model_type":"gemma3_text","num_attention_heads":4,"num_hidden_layers":26,
        "num_key_value_heads":1,"query_pre_attn_scalar":256,"rms_norm_eps":1e-06,
        "rope_local_base_freq":10000,"rope_scaling":null,"rope_theta":1000000,
        "sliding_window":512,"sliding_window_pattern":6,"vocab_size":262144})");
    EXPECT_EQ(three.parameter_count(), 999885952U);
    EXPECT_EQ(three.local_rope_theta, 10000.0F);
    EXPECT_EQ(three.window(4), 512U);
    EXPECT_EQ(three.window(5), 0U);
    EXPECT_EQ(three.logit_softcap, 0.0F);

    // google/gemma-3-4b-it: with eyes, and with little more than what differs from the class.
    const auto eyes = read(R"({"architectures":["Gemma3ForConditionalGeneration"],
        "boi_token_index":255999,"eoi_token_index":256000,"eos_token_id":[1,106],
        "image_token_index":262144,"initializer_range":0.02,"mm_tokens_per_image":256,
        "model_type":"gemma3","text_config":{"hidden_size":2560,"intermediate_size":10240,
        "model_type":"gemma3_text","num_hidden_layers":34,"rope_scaling":{"factor":8.0,
        "rope_type":"linear"},"sliding_window":1024},"vision_config":{"hidden_size":1152}})");
    EXPECT_EQ(eyes.vocab_size, 262208U);
    EXPECT_EQ(eyes.head_size, 256U);
    EXPECT_EQ(eyes.kv_head_count, 4U);
    EXPECT_EQ(eyes.rope_theta, 1e6F);
    EXPECT_EQ(eyes.rope_scaling.factor, 8.0F);
    EXPECT_EQ(eyes.eos_tokens, (std::vector<std::int32_t>{1, 106}));
    // 3.88e9 of the model card's 4.3e9 are the text model's.
    EXPECT_EQ(eyes.parameter_count(), 3880263168U);

    const auto five = read(R"({"model_type":"gemma3_text","vocab_size":64,"num_hidden_layers":2,
        "rope_parameters":{"full_attention":{"rope_type":"linear","factor":8.0,"rope_theta":5e5},
        "sliding_attention":{"rope_type":"default","rope_theta":2e4}}})");
    EXPECT_EQ(five.rope_theta, 5e5F);
    EXPECT_EQ(five.rope_scaling.factor, 8.0F);
    EXPECT_EQ(five.local_rope_theta, 2e4F);
    expect_refused(R"({"model_type":"gemma3_text","use_bidirectional_attention":true})",
                   ErrorCode::unsupported, "use_bidirectional_attention");
    expect_refused(R"({"model_type":"gemma3_text","attn_logit_softcapping":50.0})",
                   ErrorCode::unsupported, "attn_logit_softcapping");
    expect_refused(R"({"model_type":"gemma"})", ErrorCode::unsupported, "'gemma'");
    // A scale that is no whole number's inverse root comes back as it was, too.
    auto odd = five;
    odd.attention_scale = 0.123F;
    EXPECT_EQ(ModelConfig::from_json(odd.to_json())->attention_scale, 0.123F);
    expect_refused(R"({"model_type":"gemma3_text","query_pre_attn_scalar":1e300})",
                   ErrorCode::invalid_argument, "query_pre_attn_scalar");
}

TEST(Families, Gpt2) {
    const std::string text = R"({"activation_function":"gelu_new","architectures":
        ["GPT2LMHeadModel"],"attn_pdrop":0.1,"bos_token_id":50256,"embd_pdrop":0.1,
        "eos_token_id":50256,"initializer_range":0.02,"layer_norm_epsilon":1e-05,
        "model_type":"gpt2","n_ctx":1024,"n_embd":768,"n_head":12,"n_layer":12,
        "n_positions":1024,"resid_pdrop":0.1,"summary_type":"cls_index","vocab_size":50257})";
    const auto c = read(text);
    EXPECT_EQ(c.parameter_count(), 124439808U);
    EXPECT_EQ(c.intermediate_size, 3072U);
    EXPECT_TRUE(c.tied_embeddings && c.layer_norm && c.fused_qkv && c.learned_positions);
    EXPECT_TRUE(has_bias(c, Site::qkv) && has_bias(c, Site::o) && has_bias(c, Site::down));
    EXPECT_FALSE(has_site(c, Site::q) || has_site(c, Site::gate));
    auto json = *Json::parse(text);
    json.set("scale_attn_weights", false);
    EXPECT_EQ(read(json.dump()).attention_scale, 1.0F);
    json.set("n_inner", 100);
    EXPECT_EQ(read(json.dump()).intermediate_size, 100U);
    json.set("activation_function", "relu");
    expect_refused(json.dump(), ErrorCode::unsupported, "relu");
    json = *Json::parse(text);
    json.set("scale_attn_by_inverse_layer_idx", true);
    expect_refused(json.dump(), ErrorCode::unsupported, "scale_attn_by_inverse_layer_idx");
}

TEST(Families, GenerationConfigsEndsCountInPlaceOfTheConfigurations) {
    auto c = read(R"({"model_type":"qwen2","hidden_size":8,"intermediate_size":12,
        "vocab_size":11,"num_hidden_layers":2,"num_attention_heads":2,"num_key_value_heads":1,
        "max_position_embeddings":32,"eos_token_id":3})");
    EXPECT_EQ(c.eos_tokens, (std::vector<std::int32_t>{3}));
    ASSERT_TRUE(c.read_generation_config(R"({"do_sample":true})"));
    EXPECT_EQ(c.eos_token, 3);
    ASSERT_TRUE(c.read_generation_config(R"({"eos_token_id":[5,3,5]})"));
    EXPECT_EQ(c.eos_token, 5);
    EXPECT_EQ(c.eos_tokens, (std::vector<std::int32_t>{5, 3}));
    EXPECT_EQ(c.read_generation_config(R"({"eos_token_id":[11]})").error().code,
              ErrorCode::invalid_argument);
    EXPECT_FALSE(c.read_generation_config("{").has_value());
}

} // namespace
} // namespace ol::model
