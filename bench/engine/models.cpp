// Training, decoding and tokenizing, for engine_workload. Models are random: only their shape
// counts.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "base/prng.hpp"
#include "base/thread_pool.hpp"
#include "codec/json.hpp"
#include "measure.hpp"
#include "model/backprop.hpp"
#include "model/half.hpp"
#include "model/kernels/quant.hpp"
#include "model/tokenizer.hpp"
#include "model/train/adapter_layout.hpp"
#include "model/trainer.hpp"
#include "parts.hpp"

namespace bench {
namespace {

using namespace ol;
using namespace ol::model;
using kernels::QuantMatrix, kernels::QuantType;

template <class T>
T must(Result<T> result) {
    if (!result) die(result.error().to_string());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

ModelConfig llama(std::uint32_t vocabulary, std::uint32_t hidden, std::uint32_t inner,
                  std::uint32_t layers, std::uint32_t heads, std::uint32_t kv_heads, bool tied) {
    ModelConfig config;
    config.vocab_size = vocabulary;
    config.hidden_size = hidden;
    config.intermediate_size = inner;
    config.layer_count = layers;
    config.head_count = heads;
    config.kv_head_count = kv_heads;
    config.head_size = hidden / heads;
    config.context_length = 2048;
    config.tied_embeddings = tied;
    return config;
}

// The same numbers as in torch_peer.py.
constexpr std::uint32_t batch_rows = 8, row_tokens = 256;

std::vector<Example> random_batch(std::uint32_t vocabulary) {
    Prng prng(7);
    std::vector<Example> out(batch_rows);
    for (auto& example : out) {
        for (std::uint32_t i = 0; i < row_tokens; ++i) {
            example.tokens.push_back(static_cast<TokenId>(prng.below(vocabulary)));
        }
        example.mask.assign(row_tokens, 1);
    }
    return out;
}

double tokens_per_second(Trainer& trainer, const std::vector<Example>& batch) {
    return batch_rows * row_tokens / seconds_of([&] { must(trainer.step(batch)); }, 4.0);
}

QuantMatrix random_q8(std::size_t out, std::size_t in, Prng& prng) {
    Bytes blocks(out * in / 32 * 34);
    const std::uint16_t scale = f32_to_f16(3e-4F);
    for (std::size_t i = 0; i < blocks.size(); i += 2) {
        const std::uint64_t bits = prng.next();
        std::memcpy(blocks.data() + i, i % 34 == 0 ? static_cast<const void*>(&scale) : &bits, 2);
    }
    return must(QuantMatrix::from_gguf(QuantType::q8_0, blocks, out, in));
}

// As a model that was loaded quantized.
Model random_quantized(const ModelConfig& config) {
    Prng prng(1);
    Model out;
    out.config = config;
    auto& w = out.weights;
    w.embedding.resize(std::size_t{config.vocab_size} * config.hidden_size);
    for (auto& value : w.embedding) value = (prng.uniform() - 0.5F) * 0.07F;
    const auto quantized = [&](std::size_t rows, std::size_t in) {
        return std::make_shared<const QuantMatrix>(random_q8(rows, in, prng));
    };
    w.layers.resize(config.layer_count);
    for (auto& layer : w.layers) {
        layer.attention_norm.weight.assign(config.hidden_size, 1.0F);
        layer.mlp_norm.weight.assign(config.hidden_size, 1.0F);
        for (int i = 0; i < site_count; ++i) {
            const auto site = static_cast<Site>(i);
            if (!has_site(config, site)) continue;
            layer.at(site).quantized = quantized(site_out(config, site), site_in(config, site));
        }
    }
    w.final_norm.weight.assign(config.hidden_size, 1.0F);
    w.head.quantized = quantized(config.vocab_size, config.hidden_size);
    return out;
}

std::vector<TokenId> some_tokens(std::size_t count, const ModelConfig& config) {
    Prng prng(3);
    std::vector<TokenId> out(count);
    for (auto& token : out) token = static_cast<TokenId>(prng.below(config.vocab_size));
    return out;
}

void decode_model(const char* name, const ModelConfig& config, std::size_t prefill_tokens) {
    const Model model = random_quantized(config);
    ThreadPool one(1);
    Engine engine(model, one);
    std::uint64_t bytes = model.weights.head.quantized->bytes();
    for (const auto& layer : model.weights.layers) {
        for (const auto& linear : layer.linears) {
            if (linear.quantized != nullptr) bytes += linear.quantized->bytes();
        }
    }
    const auto step = [&](KvCache& cache, std::span<const TokenId> tokens) {
        const StepInput input{.tokens = tokens, .cache = &cache};
        must(engine.forward(std::span(&input, 1)));
    };
    {
        KvCache cache(config);
        const auto tokens = some_tokens(decode_prompt + decode_tokens, config);
        step(cache, std::span(tokens).first(decode_prompt));
        const double start = cpu_seconds();
        for (std::size_t i = 0; i < decode_tokens; ++i) {
            step(cache, std::span(tokens).subspan(decode_prompt + i, 1));
        }
        const double each = (cpu_seconds() - start) / static_cast<double>(decode_tokens);
        row(std::string("decode ") + name + " Q8_0, one sequence", "tokens/CPU-s", 1 / each);
        row(std::string("decode ") + name + " Q8_0, bandwidth of weights", "GB/s",
            static_cast<double>(bytes) / each / 1e9);
    }
    if (prefill_tokens == 0) return;
    const auto tokens = some_tokens(prefill_tokens, config);
    const double seconds = seconds_of(
        [&] {
            KvCache cache(config);
            step(cache, tokens);
        },
        1.5);
    row(std::string("prefill ") + name + " Q8_0", "tokens/CPU-s",
        static_cast<double>(prefill_tokens) / seconds);
}

} // namespace

void training() {
    // 6.6 million parameters.
    const ModelConfig config = llama(4096, 256, 640, 6, 4, 4, false);
    const auto batch = random_batch(config.vocab_size);
    const OptimizerConfig optimizer{.learning_rate = 1e-4F};
    ThreadPool one(1);
    {
        Model model = Model::random(config, 1);
        const auto trainer = Trainer::for_model(model, optimizer, one);
        row("full training, 6.6M", "tokens/CPU-s", tokens_per_second(*trainer, batch));
    }
    const Model model = Model::random(config, 1);
    LoraAdapter adapter = LoraAdapter::init(config, LoraConfig{}, 2);
    const auto trainer = Trainer::for_adapter(model, adapter, optimizer, one);
    row("LoRA training, 6.6M, rank 16", "tokens/CPU-s", tokens_per_second(*trainer, batch));

    Backprop backprop(model, &adapter, one);
    LoraAdapter gradients = zero_gradients(adapter);
    std::vector<float> rows(AdapterLayout(adapter).parameters * batch_rows);
    std::vector<double> without, with;
    for (int round = 0; round < 5; ++round) {
        for (const bool each : {false, true}) {
            const GradientRun run{.adapter = &gradients,
                                  .per_document = each ? rows.data() : nullptr};
            (each ? with : without)
                .push_back(seconds_of([&] { backprop.gradients(batch, run); }, 1.0));
        }
    }
    std::sort(with.begin(), with.end());
    std::sort(without.begin(), without.end());
    row("gradients of each example", "times the pass without", with[2] / without[2]);
}

void decode() {
    decode_model("134M", llama(49152, 576, 1536, 30, 9, 3, true), 512);
    decode_model("1.1B", llama(32000, 2048, 5632, 22, 32, 4, false), 0);
}

void tokenize(const std::string& text, const std::string& tokenizer_file) {
    const auto tokenizer = must(Tokenizer::from_file(tokenizer_file));
    std::vector<std::string> texts;
    std::size_t bytes = 0;
    const auto lines = must(read_text_file(text, std::uint64_t{1} << 30));
    for (std::size_t at = 0; at < lines.size();) {
        const std::size_t end = std::min(lines.find('\n', at), lines.size());
        const auto json = must(codec::Json::parse(std::string_view(lines).substr(at, end - at)));
        texts.push_back(must(json["text"].as_string()));
        bytes += texts.back().size();
        at = end + 1;
    }
    std::size_t tokens = 0;
    const double seconds = seconds_of(
        [&] {
            tokens = 0;
            for (const auto& t : texts) tokens += tokenizer.encode(t).size();
        },
        1.0);
    row("tokenizer, encode", "MB/s/core", static_cast<double>(bytes) / seconds / 1e6);
    row("tokenizer, tokens of the text", "tokens", static_cast<double>(tokens));
}

} // namespace bench
