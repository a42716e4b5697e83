#include "model/gguf.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "codec/json.hpp"
#include "model/folder_for_tests.hpp"
#include "model/half.hpp"
#include "model/kernels/quant.hpp"
#include "model/rope.hpp"

namespace ol::model {
namespace {

using test::Folder;

// A reader of what the writer wrote, for these tests alone.
struct Read {
    struct Tensor {
        std::vector<std::uint64_t> shape; // the fastest dimension first
        std::uint32_t type = 0;
        const std::uint8_t* data = nullptr;
    };
    Bytes bytes;
    std::size_t at = 0;
    std::map<std::string, std::string> texts;
    std::map<std::string, double> numbers;
    std::map<std::string, std::vector<std::string>> lists;
    std::map<std::string, Tensor> tensors;

    template <class T>
    T number() {
        T out;
        std::memcpy(&out, bytes.data() + at, sizeof out);
        at += sizeof out;
        return out;
    }
    std::string text() {
        const auto size = number<std::uint64_t>();
        std::string out(as_text(ByteView(bytes).subspan(at, size)));
        at += size;
        return out;
    }
    double scalar(std::uint32_t type) {
        if (type == 4) return number<std::uint32_t>();
        if (type == 5) return number<std::int32_t>();
        if (type == 6) return number<float>();
        EXPECT_EQ(type, 7U);
        return number<std::uint8_t>();
    }
    explicit Read(const Path& path)
        : bytes(*read_file(path, 1U << 26)) {
        EXPECT_EQ(as_text(ByteView(bytes).subspan(0, 4)), "GGUF");
        at = 4;
        EXPECT_EQ(number<std::uint32_t>(), 3U);
        const auto tensor_count = number<std::uint64_t>(), count = number<std::uint64_t>();
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto key = text();
            auto type = number<std::uint32_t>();
            if (type == 8) {
                texts[key] = text();
            } else if (type == 9) {
                type = number<std::uint32_t>();
                const auto size = number<std::uint64_t>();
                for (std::uint64_t j = 0; j < size; ++j) {
                    lists[key].push_back(type == 8 ? text() : fmt::format("{}", scalar(type)));
                }
            } else {
                numbers[key] = scalar(type);
            }
        }
        std::map<std::string, std::uint64_t> offsets;
        for (std::uint64_t i = 0; i < tensor_count; ++i) {
            const auto name = text();
            auto& tensor = tensors[name];
            tensor.shape.resize(number<std::uint32_t>());
            for (auto& size : tensor.shape) size = number<std::uint64_t>();
            tensor.type = number<std::uint32_t>();
            offsets[name] = number<std::uint64_t>();
        }
        at = (at + 31) / 32 * 32;
        for (const auto& [name, offset] : offsets) {
            EXPECT_EQ(offset % 32, 0U);
            tensors[name].data = bytes.data() + at + offset;
        }
    }
    std::vector<float> floats(const std::string& name) {
        const auto& tensor = tensors.at(name);
        EXPECT_EQ(tensor.type, 0U) << name;
        std::size_t count = 1;
        for (const auto size : tensor.shape) count *= size;
        std::vector<float> out(count);
        std::memcpy(out.data(), tensor.data, 4 * count);
        return out;
    }
};

ModelConfig small() {
    ModelConfig config;
    config.vocab_size = 300;
    config.hidden_size = 32;
    config.intermediate_size = 40;
    config.layer_count = 2;
    config.head_count = 4;
    config.kv_head_count = 2;
    config.head_size = 8;
    config.context_length = 64;
    config.tied_embeddings = false;
    return config;
}

void save_tokenizer(const Path& folder) {
    const auto tokenizer = Tokenizer::train(
        {"the cat sat on the mat and the rat ate the hat, then the cat sat on the hat"}, 264,
        {"<|end|>", "<|user|>"});
    ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().context;
    ASSERT_TRUE(write_file_atomic(folder / "tokenizer.json", tokenizer->to_json()).has_value());
    ASSERT_TRUE(write_file_atomic(folder / "tokenizer_config.json",
                                  R"({"eos_token": "<|end|>", "chat_template": "x"})")
                    .has_value());
}

TEST(Gguf, WritesLlama) {
    const Folder folder;
    save_tokenizer(folder.path());
    auto config = small();
    config.rope_scaling = {RopeScaling::Kind::llama3, 8.0F, 1.0F, 4.0F, 32};
    const auto model = Model::random(config, 3);
    const auto path = folder.path() / "m.gguf";
    ASSERT_TRUE(write_gguf(model, folder.path(), path, GgufType::f32).has_value());
    Read read(path);
    EXPECT_EQ(read.texts["general.architecture"], "llama");
    EXPECT_EQ(read.texts["tokenizer.ggml.model"], "gpt2");
    EXPECT_EQ(read.texts["tokenizer.ggml.pre"], "gpt-2");
    EXPECT_EQ(read.texts["tokenizer.chat_template"], "x");
    EXPECT_EQ(read.numbers["llama.attention.head_count_kv"], 2);
    EXPECT_EQ(read.numbers["llama.context_length"], 64);
    EXPECT_EQ(read.numbers["tokenizer.ggml.eos_token_id"], 0);
    const auto& tokens = read.lists["tokenizer.ggml.tokens"];
    ASSERT_EQ(tokens.size(), 300U);
    EXPECT_EQ(tokens[0], "<|end|>");
    EXPECT_EQ(tokens[299], "[PAD299]");
    EXPECT_EQ(read.lists["tokenizer.ggml.token_type"][0], "3");
    EXPECT_EQ(read.lists["tokenizer.ggml.token_type"][299], "5");

    EXPECT_EQ(read.floats("token_embd.weight"), model.weights.embedding);
    EXPECT_EQ(read.floats("output.weight"), model.weights.head.weight);
    EXPECT_EQ(read.tensors["blk.1.ffn_down.weight"].shape, (std::vector<std::uint64_t>{40, 32}));
    const auto& layer = model.weights.layers[1];
    EXPECT_EQ(read.floats("blk.1.attn_v.weight"), layer.at(Site::v).weight);
    const auto& rows = layer.at(Site::q).weight;
    const auto paired = read.floats("blk.1.attn_q.weight");
    for (std::size_t head = 0; head < 4; ++head) {
        for (std::size_t i = 0; i < 4; ++i) {
            const auto* to = paired.data() + (head * 8 + 2 * i) * 32;
            const auto* from = rows.data() + (head * 8 + i) * 32;
            EXPECT_TRUE(std::equal(from, from + 32, to));
            EXPECT_TRUE(std::equal(from + 4 * 32, from + 5 * 32, to + 32));
        }
    }
    auto plain = config;
    plain.rope_scaling = {};
    const auto factors = read.floats("rope_freqs.weight");
    const auto from = rope_frequencies(plain, false), to = rope_frequencies(config, false);
    ASSERT_EQ(factors.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(from[i] / factors[i], to[i]);
}

TEST(Gguf, WritesBlocksAndHalves) {
    const Folder folder;
    save_tokenizer(folder.path());
    const auto model = Model::random(small(), 3);
    const auto path = folder.path() / "m.gguf";
    for (const auto type : {GgufType::q8_0, GgufType::q4_0}) {
        ASSERT_TRUE(write_gguf(model, folder.path(), path, type).has_value());
        Read read(path);
        const auto kind =
            type == GgufType::q8_0 ? kernels::QuantType::q8_0 : kernels::QuantType::q4_0;
        const auto expected = kernels::QuantMatrix::quantize(
                                  kind, model.weights.layers[0].at(Site::up).weight.data(), 40, 32)
                                  ->gguf_rows();
        const auto& up = read.tensors.at("blk.0.ffn_up.weight");
        EXPECT_EQ(up.type, type == GgufType::q8_0 ? 8U : 2U);
        EXPECT_EQ(std::memcmp(up.data, expected.data(), expected.size()), 0);
        EXPECT_EQ(read.tensors.at("blk.0.attn_norm.weight").type, 0U);
        // Rows of 40 are no whole blocks.
        const auto& down = read.tensors.at("blk.0.ffn_down.weight");
        EXPECT_EQ(down.type, 1U);
        std::uint16_t half = 0;
        std::memcpy(&half, down.data, 2);
        EXPECT_EQ(half, f32_to_f16(model.weights.layers[0].at(Site::down).weight[0]));
    }
}

TEST(Gguf, WritesWhatFamiliesDifferIn) {
    const Folder folder;
    save_tokenizer(folder.path());
    auto config = small();
    config.family = Family::gemma2;
    config.norm_offset = 1.0F;
    config.out_norms = true;
    config.tied_embeddings = true;
    config.sliding_window = 16;
    config.windowed = {1, 0};
    config.logit_softcap = 30.0F;
    const auto model = Model::random(config, 3);
    const auto path = folder.path() / "m.gguf";
    const auto done = write_gguf(model, folder.path(), path, GgufType::f32);
    ASSERT_TRUE(done.has_value()) << done.error().context;
    Read read(path);
    EXPECT_EQ(read.numbers["gemma2.final_logit_softcapping"], 30);
    EXPECT_EQ(read.numbers["gemma2.attention.sliding_window"], 16);
    EXPECT_FALSE(read.tensors.contains("output.weight"));
    EXPECT_EQ(read.floats("blk.0.attn_q.weight"), model.weights.layers[0].at(Site::q).weight);
    auto norm = model.weights.layers[1].attention_out_norm.weight;
    for (auto& value : norm) value += 1.0F;
    EXPECT_EQ(read.floats("blk.1.post_attention_norm.weight"), norm);

    auto refused = [&](const ModelConfig& changed, std::string_view what) {
        auto other = model;
        other.config = changed;
        const auto status = write_gguf(other, folder.path(), path, GgufType::f32);
        ASSERT_FALSE(status.has_value()) << what;
        EXPECT_EQ(status.error().code, ErrorCode::unsupported);
        EXPECT_NE(status.error().context.find(what), std::string::npos) << status.error().context;
    };
    auto changed = config;
    changed.windowed = {0, 1};
    refused(changed, "order of windows");
    changed = config;
    changed.attention_scale = 0.9F;
    refused(changed, "scale of attention");

    // A Mistral with a window: the context ends where the window would count.
    config = small();
    config.family = Family::mistral;
    config.sliding_window = 16;
    config.windowed = {1, 1};
    ASSERT_TRUE(write_gguf(Model::random(config, 1), folder.path(), path, GgufType::f16));
    EXPECT_EQ(Read(path).numbers["llama.context_length"], 16);
}

TEST(Gguf, RefusesTokenizersThatLlamaCppHasNot) {
    const Folder folder;
    const auto model = Model::random(small(), 3);
    const auto path = folder.path() / "m.gguf";
    EXPECT_EQ(write_gguf(model, folder.path(), path, GgufType::f32).error().code,
              ErrorCode::not_found);
    save_tokenizer(folder.path());
    auto json = *codec::Json::parse(*read_text_file(folder.path() / "tokenizer.json", 1U << 20));
    json.set("pre_tokenizer", codec::Json::object({{"type", "Whitespace"}}));
    ASSERT_TRUE(write_file_atomic(folder.path() / "tokenizer.json", json.dump()).has_value());
    const auto status = write_gguf(model, folder.path(), path, GgufType::f32);
    EXPECT_EQ(status.error().code, ErrorCode::unsupported);
    EXPECT_FALSE(std::filesystem::exists(path));
    std::size_t calls = 0;
    save_tokenizer(folder.path());
    const auto stopped = write_gguf(model, folder.path(), path, GgufType::f32,
                                    [&](auto, auto, auto) { return ++calls < 3; });
    EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
    EXPECT_FALSE(std::filesystem::exists(path));
}

} // namespace
} // namespace ol::model
