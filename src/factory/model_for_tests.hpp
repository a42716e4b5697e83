// A tiny model's folder for tests: a base that trains in moments.
#pragma once

#include <gtest/gtest.h>

#include "factory/format.hpp"
#include "model/tokenizer.hpp"
#include "model/transformer.hpp"

namespace ol::factory::test {

inline model::Model make_base(std::uint32_t context_length) {
    model::ModelConfig shape;
    shape.vocab_size = 300;
    shape.hidden_size = 16;
    shape.intermediate_size = 24;
    shape.layer_count = 2;
    shape.head_count = 2;
    shape.kv_head_count = 1;
    shape.head_size = 8;
    shape.context_length = context_length;
    auto base = model::Model::random(shape, 3);
    // A frozen table near zero would leave the adapter nothing to say: its rows are the logits.
    for (auto& value : base.weights.embedding) value *= 20.0F;
    return base;
}

// Written into `path`; `special`: with the tokens of a chat.
inline void make_model(const Path& path, bool special = true) {
    const std::string text = "What is a thing? A thing is the one that comes after another thing. ";
    const auto tokenizer = model::Tokenizer::train(
        {text, text}, 280, special ? special_tokens : std::vector<std::string>{"<|end|>"});
    ASSERT_TRUE(tokenizer) << tokenizer.error().to_string();
    auto made = make_base(96);
    made.config.eos_token = 0; // <|end|>
    ASSERT_TRUE(made.save(path, false));
    ASSERT_TRUE(write_file_atomic(path / "tokenizer.json", tokenizer->to_json()));
}

} // namespace ol::factory::test
