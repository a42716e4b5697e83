// A tiny random model with adapters on disk, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "model/folder_for_tests.hpp"
#include "model/transformer.hpp"
#include "openlora/adapter_store.hpp"

namespace ol::openlora::testing {

using model::test::Folder;

inline model::Tokenizer make_tokenizer() {
    const std::string text =
        "the quick brown fox jumps over the lazy dog and the cat sat on the mat "
        "while another fox thought about dogs, cats and mats.";
    auto tokenizer = model::Tokenizer::train({text}, 300, {"<|end|>", "<|user|>", "<|assistant|>"});
    EXPECT_TRUE(tokenizer.has_value());
    return std::move(*tokenizer);
}

inline model::ModelConfig make_config(std::uint32_t context_length = 256) {
    model::ModelConfig config;
    config.vocab_size = 300;
    config.hidden_size = 32;
    config.intermediate_size = 48;
    config.layer_count = 2;
    config.head_count = 4;
    config.kv_head_count = 2;
    config.head_size = 8;
    config.context_length = context_length;
    return config;
}

// Weights large enough for the answers to differ between adapters.
inline model::Model make_model(std::uint32_t context_length = 256) {
    auto model = model::Model::random(make_config(context_length), 7);
    for (auto& value : model.weights.embedding) value *= 20.0F;
    for (auto& layer : model.weights.layers) {
        for (auto* matrix :
             {&layer.at(model::Site::q).weight, &layer.at(model::Site::k).weight,
              &layer.at(model::Site::v).weight, &layer.at(model::Site::o).weight,
              &layer.at(model::Site::up).weight, &layer.at(model::Site::down).weight}) {
            for (auto& value : *matrix) value *= 8.0F;
        }
    }
    return model;
}

inline model::LoraAdapter make_adapter(std::uint64_t seed, std::uint32_t rank) {
    model::LoraConfig config;
    config.rank = rank;
    auto adapter = model::LoraAdapter::init(make_config(), config, seed);
    Prng prng(seed);
    for (auto& layer : adapter.layers) {
        for (auto& pair : layer) {
            for (auto& value : pair.b) value = prng.uniform() - 0.5F;
        }
    }
    return adapter;
}

// Saves under parent/id and makes it known to the store.
inline Path add_adapter(AdapterStore& store, const Path& parent, const std::string& id,
                        std::uint64_t seed, std::uint32_t rank) {
    const auto folder = parent / id;
    EXPECT_TRUE(make_adapter(seed, rank).save(folder, "base").has_value());
    EXPECT_TRUE(store.add(id, folder, *model::adapter_hash(folder)).has_value());
    return folder;
}

} // namespace ol::openlora::testing
