#include "model/transformer.hpp"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "crypto/hash.hpp"
#include "model/kernels/exact_math.hpp"

namespace ol::model {
namespace {

ModelConfig tiny_config() {
    ModelConfig c;
    c.vocab_size = 61;
    c.hidden_size = 36;
    c.intermediate_size = 50;
    c.layer_count = 3;
    c.head_count = 6;
    c.kv_head_count = 2;
    c.head_size = 10;
    c.context_length = 64;
    return c;
}

// Larger weights than at the start of training, so that every part of the network matters.
Model tiny_model(const ModelConfig& config = tiny_config()) {
    Model model = Model::random(config, 7);
    kernels::Normal normal(8);
    const auto shake = [&](std::vector<float>& values, double size) {
        for (auto& value : values) value += static_cast<float>(size * normal.next());
    };
    shake(model.weights.embedding, 0.5);
    shake(model.weights.head.weight, 0.5);
    for (auto& layer : model.weights.layers) {
        for (auto* w :
             {&layer.at(Site::q).weight, &layer.at(Site::k).weight, &layer.at(Site::v).weight,
              &layer.at(Site::o).weight, &layer.at(Site::gate).weight, &layer.at(Site::up).weight,
              &layer.at(Site::down).weight}) {
            shake(*w, 0.15);
        }
        shake(layer.attention_norm.weight, 0.2);
        shake(layer.mlp_norm.weight, 0.2);
    }
    return model;
}

std::vector<TokenId> some_tokens(std::size_t count, std::uint64_t seed) {
    Prng prng(seed);
    std::vector<TokenId> out(count);
    for (auto& token : out) token = static_cast<TokenId>(prng.below(61));
    return out;
}

LoraAdapter some_adapter(const ModelConfig& config, std::uint64_t seed, std::uint32_t rank = 3) {
    LoraConfig lora;
    lora.rank = rank;
    lora.alpha = 5;
    auto out = LoraAdapter::init(config, lora, seed);
    kernels::Normal normal(seed + 1);
    for (auto& layer : out.layers) {
        for (auto& pair : layer) {
            for (auto& value : pair.b) value = static_cast<float>(0.2 * normal.next());
        }
    }
    return out;
}

using Logits = std::vector<float>;

Logits run(Engine& engine, const Model& model, std::span<const TokenId> tokens,
           const LoraAdapter* adapter = nullptr) {
    KvCache cache(model.config);
    const StepInput input{tokens, &cache, adapter, true};
    auto out = engine.forward({&input, 1});
    EXPECT_TRUE(out) << out.error().to_string();
    return (*out)[0];
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// Llama's forward pass as Hugging Face's modeling_llama.py writes it, in double and without tricks.
using Row = std::vector<double>;
Row times(const std::vector<float>& w, const Row& x) {
    Row out(w.size() / x.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
        for (std::size_t j = 0; j < x.size(); ++j) {
            out[i] += static_cast<double>(w[i * x.size() + j]) * x[j];
        }
    }
    return out;
}
Row normed(const Row& x, const std::vector<float>& w, double epsilon) {
    double mean = 0;
    for (auto value : x) mean += value * value / static_cast<double>(x.size());
    Row out = x;
    for (std::size_t i = 0; i < x.size(); ++i) {
        out[i] *= static_cast<double>(w[i]) / std::sqrt(mean + epsilon);
    }
    return out;
}
void turn(Row& x, std::size_t size, std::size_t position, double theta) {
    const std::size_t half = size / 2;
    for (std::size_t at = 0; at < x.size(); at += size) {
        for (std::size_t i = 0; i < half; ++i) {
            const double angle =
                static_cast<double>(position) /
                std::pow(theta, static_cast<double>(i) / static_cast<double>(half));
            const double a = x[at + i], b = x[at + half + i];
            x[at + i] = a * std::cos(angle) - b * std::sin(angle);
            x[at + half + i] = b * std::cos(angle) + a * std::sin(angle);
        }
    }
}
std::vector<Row> reference(const Model& model, const std::vector<TokenId>& tokens) {
    const auto& c = model.config;
    const std::size_t size = c.head_size, group = c.head_count / c.kv_head_count;
    std::vector<Row> x;
    for (auto token : tokens) {
        const auto from = model.weights.embedding.begin() + token * c.hidden_size;
        x.emplace_back(from, from + c.hidden_size);
    }
    for (const auto& w : model.weights.layers) {
        std::vector<Row> keys, values;
        for (std::size_t t = 0; t < x.size(); ++t) {
            const Row h =
                normed(x[t], w.attention_norm.weight, static_cast<double>(c.norm_epsilon));
            Row q = times(w.at(Site::q).weight, h), k = times(w.at(Site::k).weight, h);
            turn(q, size, t, static_cast<double>(c.rope_theta));
            turn(k, size, t, static_cast<double>(c.rope_theta));
            keys.push_back(k);
            values.push_back(times(w.at(Site::v).weight, h));
            Row mixed(q.size());
            for (std::size_t head = 0; head < c.head_count; ++head) {
                const std::size_t kv = head / group * size;
                Row p(t + 1);
                double total = 0;
                for (std::size_t j = 0; j <= t; ++j) {
                    double s = 0;
                    for (std::size_t d = 0; d < size; ++d)
                        s += q[head * size + d] * keys[j][kv + d];
                    total += p[j] = std::exp(s / std::sqrt(static_cast<double>(size)));
                }
                for (std::size_t j = 0; j <= t; ++j) {
                    for (std::size_t d = 0; d < size; ++d) {
                        mixed[head * size + d] += p[j] / total * values[j][kv + d];
                    }
                }
            }
            const Row o = times(w.at(Site::o).weight, mixed);
            for (std::size_t i = 0; i < o.size(); ++i) x[t][i] += o[i];
            const Row h2 = normed(x[t], w.mlp_norm.weight, static_cast<double>(c.norm_epsilon));
            Row gate = times(w.at(Site::gate).weight, h2);
            const Row up = times(w.at(Site::up).weight, h2);
            for (std::size_t i = 0; i < gate.size(); ++i) {
                gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
            }
            const Row down = times(w.at(Site::down).weight, gate);
            for (std::size_t i = 0; i < down.size(); ++i) x[t][i] += down[i];
        }
    }
    for (auto& row : x) {
        row = times(
            c.tied_embeddings ? model.weights.embedding : model.weights.head.weight,
            normed(row, model.weights.final_norm.weight, static_cast<double>(c.norm_epsilon)));
    }
    return x;
}

TEST(Transformer, AgreesWithThePlainForwardPass) {
    auto untied = tiny_config();
    untied.tied_embeddings = false;
    untied.head_size = 16;
    untied.rope_theta = 500000;
    ThreadPool pool(2);
    for (const auto& config : {tiny_config(), untied}) {
        const Model model = tiny_model(config);
        Engine engine(model, pool);
        const auto tokens = some_tokens(40, 3);
        const auto logits = run(engine, model, tokens);
        const auto expected = reference(model, tokens);
        double largest = 0;
        for (std::size_t t = 0; t < tokens.size(); ++t) {
            for (std::size_t i = 0; i < config.vocab_size; ++i) {
                EXPECT_NEAR(logits[t * config.vocab_size + i], expected[t][i], 1e-4);
                largest = std::max(largest, std::abs(expected[t][i]));
            }
        }
        EXPECT_GT(largest, 1.0); // the comparison means something
    }
}

TEST(Transformer, InitialWeightsAreTheSameBytesEverywhere) {
    const Model model = Model::random(tiny_config(), 1);
    Bytes all;
    const auto add = [&](const std::vector<float>& values) {
        append(all, {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * 4});
    };
    add(model.weights.embedding);
    for (const auto& layer : model.weights.layers) {
        for (auto* w :
             {&layer.at(Site::q).weight, &layer.at(Site::k).weight, &layer.at(Site::v).weight,
              &layer.at(Site::o).weight, &layer.at(Site::gate).weight, &layer.at(Site::up).weight,
              &layer.at(Site::down).weight}) {
            add(*w);
        }
    }
    // Our own value, pinned: a machine or compiler that computes other bytes fails here.
    EXPECT_EQ(to_hex(crypto::sha256(all).view()),
              "d98edfc6ce476dc8f03f1cf59a37f46c2771ff6179e2697c8295ebbd86df5c00");
}

TEST(Transformer, LogitsAreTheSameBitsEverywhere) {
    const Model model = tiny_model();
    ThreadPool pool(1);
    Engine engine(model, pool);
    const auto logits = run(engine, model, some_tokens(40, 3));
    const ByteView bytes{reinterpret_cast<const std::uint8_t*>(logits.data()), logits.size() * 4};
    EXPECT_EQ(to_hex(crypto::sha256(bytes).view()),
              "1f86361b59cf56109f6e3da82e23d3dfa2b967f7c5748a52f82250c2c78f31c8");
}

TEST(Transformer, DecodingEqualsPrefillToTheBitHoweverItIsSplit) {
    const Model model = tiny_model();
    ThreadPool pool(2);
    Engine engine(model, pool);
    const auto adapter = some_adapter(model.config, 5);
    const auto tokens = some_tokens(50, 4);
    for (const LoraAdapter* lora : {static_cast<const LoraAdapter*>(nullptr), &adapter}) {
        const auto whole = run(engine, model, tokens, lora);
        for (const std::vector<std::size_t>& steps :
             {std::vector<std::size_t>(50, 1), {17, 1, 1, 15, 16}, {49, 1}, {2, 48}}) {
            KvCache cache(model.config);
            Logits parts;
            std::size_t at = 0;
            for (auto count : steps) {
                const StepInput input{std::span(tokens).subspan(at, count), &cache, lora, true};
                const auto out = engine.forward({&input, 1});
                ASSERT_TRUE(out);
                parts.insert(parts.end(), (*out)[0].begin(), (*out)[0].end());
                at += count;
            }
            EXPECT_EQ(cache.length(), 50U);
            EXPECT_TRUE(same_bits(parts, whole));
        }
    }
}

TEST(Transformer, NeighboursAndThreadsDoNotChangeABit) {
    const Model model = tiny_model();
    const auto a = some_adapter(model.config, 5), b = some_adapter(model.config, 6, 7);
    ThreadPool one(1);
    Engine alone(model, one);
    struct Request {
        std::vector<TokenId> tokens;
        const LoraAdapter* adapter;
    };
    const std::vector<Request> requests = {{some_tokens(9, 1), &a},
                                           {some_tokens(1, 2), nullptr},
                                           {some_tokens(33, 3), &b},
                                           {some_tokens(1, 4), &a},
                                           {some_tokens(6, 5), nullptr}};
    std::vector<Logits> expected;
    for (const auto& request : requests) {
        expected.push_back(run(alone, model, request.tokens, request.adapter));
    }
    EXPECT_FALSE(same_bits(expected[0], run(alone, model, requests[0].tokens)));
    for (unsigned threads : {1U, 2U, 3U}) {
        ThreadPool pool(threads);
        Engine engine(model, pool);
        std::vector<KvCache> caches(requests.size(), KvCache(model.config));
        std::vector<StepInput> inputs;
        for (std::size_t i = 0; i < requests.size(); ++i) {
            inputs.push_back({requests[i].tokens, &caches[i], requests[i].adapter, i != 2});
        }
        const auto out = engine.forward(inputs);
        ASSERT_TRUE(out);
        for (std::size_t i = 0; i < requests.size(); ++i) {
            std::span<const float> want = expected[i];
            if (i == 2)
                want = want.last(model.config.vocab_size); // only the last row was asked for
            EXPECT_TRUE(same_bits((*out)[i], want)) << i;
        }
    }
}

TEST(Transformer, AnAdapterActsAsTheMergedWeights) {
    Model model = tiny_model();
    const auto adapter = some_adapter(model.config, 5);
    ThreadPool pool(1);
    const auto tokens = some_tokens(20, 9);
    Engine engine(model, pool);
    const auto adapted = run(engine, model, tokens, &adapter);
    Model merged = model;
    for (std::size_t i = 0; i < merged.weights.layers.size(); ++i) {
        auto& w = merged.weights.layers[i];
        for (std::size_t s = 0; s < site_count; ++s) {
            const auto& pair = adapter.layers[i][s];
            if (pair.a.empty()) continue;
            const std::size_t rank = pair.rank, in = pair.a.size() / rank;
            for (std::size_t o = 0; o < pair.b.size() / rank; ++o) {
                for (std::size_t j = 0; j < in; ++j) {
                    float sum = 0;
                    for (std::size_t r = 0; r < rank; ++r)
                        sum += pair.b[o * rank + r] * pair.a[r * in + j];
                    w.linears[s].weight[o * in + j] += pair.scale * sum;
                }
            }
        }
    }
    Engine merged_engine(merged, pool);
    const auto expected = run(merged_engine, merged, tokens);
    for (std::size_t i = 0; i < adapted.size(); ++i) EXPECT_NEAR(adapted[i], expected[i], 2e-4);
    // Packed for serving: the same bits, alone and among others, for some targets only, too.
    auto packed = adapter;
    packed.pack();
    EXPECT_TRUE(same_bits(run(engine, model, tokens, &packed), adapted));
    EXPECT_TRUE(same_bits(run(engine, model, std::span(tokens).first(1), &packed),
                          std::span(adapted).first(model.config.vocab_size)));
    LoraConfig some;
    some.rank = 20;
    some.targets = {Site::k, Site::v, Site::up};
    auto partial = LoraAdapter::init(model.config, some, 4);
    for (auto& layer : partial.layers) {
        for (auto& pair : layer) std::fill(pair.b.begin(), pair.b.end(), 0.1F);
    }
    const auto expected_partial = run(engine, model, tokens, &partial);
    EXPECT_FALSE(same_bits(expected_partial, run(engine, model, tokens)));
    partial.pack();
    EXPECT_TRUE(same_bits(run(engine, model, tokens, &partial), expected_partial));
    // A fresh adapter (B = 0) changes no bit.
    const auto fresh = LoraAdapter::init(model.config, adapter.config, 1);
    EXPECT_TRUE(same_bits(run(engine, model, tokens, &fresh), run(engine, model, tokens)));
}

TEST(Transformer, TruncatedCachesGoOnAsIfTheRestHadNeverBeen) {
    const Model model = tiny_model();
    ThreadPool pool(1);
    Engine engine(model, pool);
    const auto first = some_tokens(30, 1), second = some_tokens(20, 2);
    KvCache cache(model.config);
    StepInput input{first, &cache, nullptr, false};
    ASSERT_TRUE(engine.forward({&input, 1}));
    EXPECT_TRUE(cache.truncate(11));
    EXPECT_EQ(cache.length(), 11U);
    input = {second, &cache, nullptr, true};
    const auto out = engine.forward({&input, 1});
    ASSERT_TRUE(out);
    std::vector<TokenId> joined(first.begin(), first.begin() + 11);
    joined.insert(joined.end(), second.begin(), second.end());
    const auto whole = run(engine, model, joined);
    EXPECT_TRUE(same_bits((*out)[0], std::span(whole).subspan(11 * model.config.vocab_size)));
}

// A whole sequence in one step has every key before it; in pieces, windowed layers have dropped
// what was no longer seen. Both give the same bits, and the pieces' caches stay as large as the
// window.
TEST(Transformer, WindowedLayersDropWhatNoTokenSees) {
    const std::size_t count = 500;
    const auto tokens = some_tokens(count, 4), others = some_tokens(count, 6);
    for (const std::uint32_t window : {1U, 16U, 37U, 130U}) {
        auto config = tiny_config();
        config.context_length = 512;
        config.sliding_window = window;
        config.windowed = {1, 1, 1};
        const std::uint64_t position_bytes = 3 * 4 * 2 * (10 + 16); // layers, heads, key and value
        const std::uint64_t most =
            2 * position_bytes * (kernels::padded(window) + KvCache::cache_page + 16);
        const Model model = tiny_model(config);
        const auto adapter = some_adapter(config, 5);
        for (const auto* table : kernels::available()) {
            ThreadPool pool(2);
            Engine engine(model, pool, *table);
            const auto whole = run(engine, model, tokens, &adapter),
                       other = run(engine, model, others);
            for (const std::vector<std::size_t>& steps : {std::vector<std::size_t>(count, 1),
                                                          {128, 128, 128, 100, 1, 1, 14},
                                                          {499, 1},
                                                          {3, 90, 1, 1, 1, 64, 200, 140}}) {
                // Token by token is slow with the portable kernels.
                if (steps.size() == count && table != &kernels::best()) continue;
                KvCache cache(config), neighbour(config);
                Logits parts, other_parts;
                std::size_t at = 0;
                for (const auto step : steps) {
                    const StepInput inputs[] = {
                        {std::span(tokens).subspan(at, step), &cache, &adapter, true},
                        {std::span(others).subspan(at, step), &neighbour, nullptr, true}};
                    const auto out = engine.forward(inputs);
                    ASSERT_TRUE(out);
                    parts.insert(parts.end(), (*out)[0].begin(), (*out)[0].end());
                    other_parts.insert(other_parts.end(), (*out)[1].begin(), (*out)[1].end());
                    at += step;
                    EXPECT_LE(cache.size_bytes(), most) << window << " at " << at;
                }
                EXPECT_TRUE(same_bits(parts, whole)) << window << " " << table->name;
                EXPECT_TRUE(same_bits(other_parts, other)) << window << " " << table->name;
            }
        }
    }
}

// Layers without a window keep their keys, and a cache does not go back to where they are missing.
TEST(Transformer, TruncatingWindowedCachesSaysWhatIsGone) {
    auto config = tiny_config();
    config.context_length = 512;
    config.sliding_window = 20;
    config.windowed = {1, 0, 1};
    const Model model = tiny_model(config);
    ThreadPool pool(1);
    Engine engine(model, pool);
    const auto tokens = some_tokens(300, 1);
    const auto whole = run(engine, model, tokens);
    KvCache cache(config);
    StepInput input{tokens, &cache, nullptr, false};
    ASSERT_TRUE(engine.forward({&input, 1}));
    EXPECT_GE(cache.size_bytes(), std::uint64_t{300} * 4 * 2 * (10 + 16));
    EXPECT_FALSE(cache.truncate(100));
    EXPECT_FALSE(cache.truncate(285)); // is kept, but sees 266, and the first kept is 272
    EXPECT_EQ(cache.length(), 300U);
    ASSERT_TRUE(cache.truncate(299));
    input = {std::span(tokens).subspan(299), &cache, nullptr, true};
    const auto out = engine.forward({&input, 1});
    ASSERT_TRUE(out);
    EXPECT_TRUE(same_bits((*out)[0], std::span(whole).last(config.vocab_size)));
    EXPECT_FALSE(cache.truncate(0));
}

TEST(Transformer, RefusesBadInputsAndLeavesTheCaches) {
    const Model model = tiny_model();
    ThreadPool pool(1);
    Engine engine(model, pool);
    KvCache good(model.config), other(model.config);
    const auto tokens = some_tokens(10, 1), long_tokens = some_tokens(65, 1);
    const std::vector<TokenId> bad = {3, 61};
    const auto code = [&](std::vector<StepInput> inputs) {
        const auto out = engine.forward(inputs);
        return out ? ErrorCode::internal : out.error().code;
    };
    EXPECT_EQ(code({{tokens, &good}, {bad, &other}}), ErrorCode::invalid_argument);
    EXPECT_EQ(code({{tokens, &good}, {long_tokens, &other}}), ErrorCode::too_large);
    EXPECT_EQ(code({{tokens, &good}, {tokens, &good}}), ErrorCode::invalid_argument);
    EXPECT_EQ(code({{tokens, nullptr}}), ErrorCode::invalid_argument);
    EXPECT_EQ(code({{{}, &good}}), ErrorCode::invalid_argument);
    auto shallow = tiny_config();
    shallow.layer_count = 2;
    const auto foreign = some_adapter(shallow, 1);
    EXPECT_EQ(code({{tokens, &good, &foreign}}), ErrorCode::invalid_argument);
    auto narrow = tiny_config();
    narrow.hidden_size = 32;
    const auto thin = some_adapter(narrow, 1);
    EXPECT_EQ(code({{tokens, &good, &thin}}), ErrorCode::invalid_argument);
    EXPECT_EQ(good.length(), 0U);
    const StepInput input{tokens, &good, nullptr, true};
    const auto out = engine.forward({&input, 1});
    ASSERT_TRUE(out);
    EXPECT_TRUE(same_bits((*out)[0], run(engine, model, tokens)));
}

TEST(Lora, InitIsKaimingUniformAndSitesHaveTheirShapes) {
    const auto config = tiny_config();
    LoraConfig lora;
    lora.rank = 4;
    lora.targets = {Site::q, Site::down};
    const auto adapter = LoraAdapter::init(config, lora, 3);
    ASSERT_EQ(adapter.layers.size(), 3U);
    EXPECT_EQ(adapter.parameter_count(), 3U * 4 * ((36 + 60) + (50 + 36)));
    const auto& pair = adapter.layers[1][static_cast<std::size_t>(Site::down)];
    float largest = 0;
    for (auto value : pair.a) largest = std::max(largest, std::abs(value));
    EXPECT_LE(largest, 1.0F / std::sqrt(50.0F));
    EXPECT_GT(largest, 0.9F / std::sqrt(50.0F));
    for (auto value : pair.b) EXPECT_EQ(value, 0.0F);
    EXPECT_TRUE(adapter.layers[1][static_cast<std::size_t>(Site::k)].a.empty());
    for (int i = 0; i < site_count; ++i) {
        EXPECT_EQ(site_from(to_string(static_cast<Site>(i))).value(), static_cast<Site>(i));
    }
    EXPECT_EQ(site_from("lm_head").error().code, ErrorCode::unsupported);
}

} // namespace
} // namespace ol::model
