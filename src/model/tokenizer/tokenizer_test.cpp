#include "model/tokenizer.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/file.hpp"
#include "base/prng.hpp"
#include "codec/json.hpp"
#include "model/tokenizer/byte_alphabet.hpp"
#include "model/tokenizer/words.hpp"

namespace ol::model {
namespace {

using codec::Json;

const std::vector<std::string> specials = {"<|end|>", "<|user|>", "<|assistant|>", "<|system|>"};

std::string testdata(std::string_view name) {
    auto text = read_text_file(Path(OL_SOURCE_DIR) / "src/model/testdata" / name, 1U << 20);
    EXPECT_TRUE(text.has_value());
    return text ? *text : std::string();
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const auto size = next_word(text);
        out.emplace_back(text.substr(0, size));
        text.remove_prefix(size);
    }
    return out;
}

std::string random_text(Prng& prng, std::size_t size) {
    static const std::vector<std::string> parts = {
        "a",  "b", "ab", "the",     " ",  "  ",   "\n",       "é", "日",     "1",   "22",
        "'s", "'", ".",  "<|end|>", "\t", "\xff", "\xe6\x97", "🎉", "\u00a0", "aaaa"};
    std::string out;
    while (out.size() < size) out += parts[prng.below(parts.size())];
    return out;
}

// The vectors' file says which library made them and how.
TEST(Tokenizer, GivesTheIdsOfHuggingFace) {
    const auto tokenizer = Tokenizer::from_json(testdata("bytelevel_tokenizer.json"));
    ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().to_string();
    EXPECT_EQ(tokenizer->vocab_size(), 512U);
    const auto vectors = Json::parse(testdata("bytelevel_vectors.json"));
    ASSERT_TRUE(vectors.has_value());
    ASSERT_GT((*vectors)["vectors"].items().size(), 40U);
    for (const auto& vector : (*vectors)["vectors"].items()) {
        const auto text = *vector["text"].as_string();
        std::vector<TokenId> expected, plain;
        for (const auto& id : vector["ids"].items())
            expected.push_back(static_cast<TokenId>(*id.as_uint()));
        for (const auto& id : vector["plain_ids"].items())
            plain.push_back(static_cast<TokenId>(*id.as_uint()));
        EXPECT_EQ(tokenizer->encode(text, true), expected) << text;
        EXPECT_EQ(tokenizer->encode(text, false), plain) << text;
        EXPECT_EQ(tokenizer->decode(expected, true), text);
        EXPECT_EQ(tokenizer->decode(plain), text);
    }
}

TEST(Tokenizer, WordsFollowTheRegularExpression) {
    using Words = std::vector<std::string>;
    EXPECT_EQ(words_of("I'll don'T  go\n\n to  "),
              (Words{"I", "'ll", " don", "'", "T", " ", " go", "\n\n", " to", "  "}));
    EXPECT_EQ(words_of("a\n\nb"), (Words{"a", "\n", "\n", "b"}));
    EXPECT_EQ(words_of("a 1b ..!c"), (Words{"a", " 1", "b", " ..!", "c"}));
    EXPECT_EQ(words_of("\u00a0\u00a0x"), (Words{"\u00a0", "\u00a0", "x"}));
    EXPECT_EQ(words_of("x\xff\xfe 9"), (Words{"x", "\xff\xfe", " 9"}));
    EXPECT_EQ(words_of(" 's"), (Words{" '", "s"}));
}

// Naive twin of the learner: counts every pair of every word anew for each merge.
std::vector<std::pair<std::string, std::string>> naive_merges(std::string_view text,
                                                              std::size_t ids, std::size_t wanted) {
    std::vector<std::vector<std::string>> words;
    for (const auto& word : words_of(text)) {
        words.emplace_back();
        for (const char c : word) words.back().emplace_back(1, c);
    }
    std::map<std::string, int> known;
    std::vector<std::pair<std::string, std::string>> merges;
    while (ids < wanted) {
        std::map<std::pair<std::string, std::string>, std::uint64_t> counts;
        for (const auto& word : words) {
            for (std::size_t i = 0; i + 1 < word.size(); ++i) ++counts[{word[i], word[i + 1]}];
        }
        std::pair<std::string, std::string> best;
        std::uint64_t most = 0;
        for (const auto& [pair, count] : counts) { // in ascending order of the pair's bytes
            if (count > most && pair.first + pair.second != "<|end|>") {
                best = pair;
                most = count;
            }
        }
        if (most == 0) break;
        for (auto& word : words) {
            std::vector<std::string> merged;
            for (std::size_t i = 0; i < word.size(); ++i) {
                if (i + 1 < word.size() && word[i] == best.first && word[i + 1] == best.second) {
                    merged.push_back(word[i] + word[i + 1]);
                    ++i;
                } else {
                    merged.push_back(word[i]);
                }
            }
            word = merged;
        }
        merges.push_back(best);
        if (known.emplace(best.first + best.second, 0).second) ++ids;
    }
    return merges;
}

// Naive twin of encode: apply merges in rank order, each everywhere from the left.
std::string naive_encode(std::string_view word,
                         const std::vector<std::pair<std::string, std::string>>& merges) {
    std::vector<std::string> symbols;
    for (const char c : word) symbols.emplace_back(1, c);
    for (;;) {
        std::size_t best_rank = merges.size(), best = 0;
        for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
            for (std::size_t rank = 0; rank < best_rank; ++rank) {
                if (merges[rank] == std::pair(symbols[i], symbols[i + 1])) {
                    best_rank = rank;
                    best = i;
                }
            }
        }
        if (best_rank == merges.size()) break;
        symbols[best] += symbols[best + 1];
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
    std::string out;
    for (const auto& symbol : symbols) out += symbol + "|";
    return out;
}

TEST(Tokenizer, TrainingEqualsTheNaiveTwin) {
    Prng prng(11);
    for (int round = 0; round < 6; ++round) {
        const auto text = random_text(prng, 1500);
        const auto expected = naive_merges(text, 256 + specials.size(), 330);
        const auto tokenizer = Tokenizer::train({text}, 330, specials);
        ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().to_string();
        const auto json = Json::parse(tokenizer->to_json());
        ASSERT_TRUE(json.has_value());
        std::vector<std::pair<std::string, std::string>> merges;
        for (const auto& merge : (*json)["model"]["merges"].items()) {
            const auto pair = *merge.as_string();
            const auto space = pair.find(' ');
            merges.emplace_back(*bytes_from_characters(pair.substr(0, space)),
                                *bytes_from_characters(pair.substr(space + 1)));
        }
        EXPECT_EQ(merges, expected);

        const auto other = random_text(prng, 400) + std::string(300, 'a');
        std::string naive, real;
        for (const auto& word : words_of(other)) naive += naive_encode(word, merges);
        for (const auto id : tokenizer->encode(other)) real += tokenizer->decode({id}) + "|";
        EXPECT_EQ(real, naive);
    }
}

TEST(Tokenizer, EveryByteStringComesBack) {
    Prng prng(3);
    const auto tokenizer = Tokenizer::from_json(testdata("bytelevel_tokenizer.json"));
    ASSERT_TRUE(tokenizer.has_value());
    for (int round = 0; round < 200; ++round) {
        std::string text;
        for (std::uint64_t i = prng.below(200); i > 0; --i)
            text.push_back(static_cast<char>(prng.next()));
        EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
    }
    const std::string run(100'000, 'e');
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(run)), run);
}

TEST(Tokenizer, JsonRoundTrip) {
    const std::string text =
        "the theory of the thing: then there they were. <|end|> \"quoted\" \\ é";
    const auto first = Tokenizer::train({text, text}, 290, specials);
    ASSERT_TRUE(first.has_value()) << first.error().to_string();
    const auto second = Tokenizer::from_json(first->to_json());
    ASSERT_TRUE(second.has_value()) << second.error().to_string();
    EXPECT_EQ(second->to_json(), first->to_json());
    EXPECT_EQ(second->encode(text, true), first->encode(text, true));
    EXPECT_EQ(*second->special("<|assistant|>"), 2U);
    EXPECT_EQ(second->special("<|nobody|>").error().code, ErrorCode::not_found);
}

TEST(Tokenizer, TheShippedBaseIsWrittenAsItWasRead) {
    const auto path = Path(OL_SOURCE_DIR) / "models/base-8m/tokenizer.json";
    const auto text = read_text_file(path, 1U << 24);
    ASSERT_TRUE(text.has_value());
    const auto tokenizer = Tokenizer::from_file(path);
    ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().to_string();
    EXPECT_TRUE(tokenizer->to_json() == *text);
}

TEST(Tokenizer, SpecialTokensAreTextUnlessAllowed) {
    const auto tokenizer = Tokenizer::from_json(testdata("bytelevel_tokenizer.json"));
    ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().to_string();
    for (const auto id : tokenizer->encode("<|end|>", false)) EXPECT_GE(id, 4U);
    EXPECT_EQ(tokenizer->encode("<|end|>", true), std::vector<TokenId>{0});
    EXPECT_EQ(tokenizer->decode({0, 1}, false), "");
    EXPECT_EQ(tokenizer->decode({0, 1}, true), "<|end|><|user|>");

    // A merge that would spell the special token out of plain text is never learnt.
    const auto trained = Tokenizer::train({"end end end"}, 260, {"end"});
    ASSERT_TRUE(trained.has_value()) << trained.error().to_string();
    EXPECT_EQ(trained->encode("end").size(), 2U);
    EXPECT_EQ(trained->encode(" end").size(), 1U);
    EXPECT_EQ(trained->encode("end", true), std::vector<TokenId>{0});
}

TEST(Tokenizer, TooLittleTextIsRefusedWithTheNumber) {
    const auto tokenizer = Tokenizer::train({"ab"}, 300, specials);
    ASSERT_FALSE(tokenizer.has_value());
    EXPECT_EQ(tokenizer.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(tokenizer.error().context.find("261"), std::string::npos)
        << tokenizer.error().context;
}

TEST(Tokenizer, RefusesWhatItDoesNotDoByName) {
    const auto good = testdata("bytelevel_tokenizer.json");
    const auto base = *Json::parse(good);
    auto expect = [&](const Json& json, ErrorCode code, std::string_view name) {
        const auto result = Tokenizer::from_json(json.dump());
        ASSERT_FALSE(result.has_value()) << name;
        EXPECT_EQ(result.error().code, code) << result.error().context;
        EXPECT_NE(result.error().context.find(name), std::string::npos) << result.error().context;
    };
    auto with = [&](std::string_view key, Json value) {
        Json copy = base;
        copy.set(key, std::move(value));
        return copy;
    };
    auto with_model = [&](std::string_view key, Json value) {
        Json model = base["model"];
        model.set(key, std::move(value));
        return with("model", std::move(model));
    };
    const auto typed = [](std::string_view type) { return Json::object({{"type", Json(type)}}); };
    expect(with("normalizer", typed("BertNormalizer")), ErrorCode::unsupported,
           "normalizer 'BertNormalizer'");
    expect(with("pre_tokenizer", typed("UnicodeScripts")), ErrorCode::unsupported,
           "pre_tokenizer 'UnicodeScripts'");
    expect(with("post_processor", typed("Foo")), ErrorCode::unsupported, "post_processor 'Foo'");
    expect(with("decoder", typed("CTC")), ErrorCode::unsupported, "decoder 'CTC'");
    expect(with_model("type", "WordPiece"), ErrorCode::unsupported, "model 'WordPiece'");
    expect(with_model("dropout", 0.1), ErrorCode::unsupported, "dropout");
    expect(with_model("end_of_word_suffix", "</w>"), ErrorCode::unsupported, "end_of_word_suffix");
    expect(with_model("ignore_merges", 1), ErrorCode::invalid_argument, "ignore_merges");
    Json merges = base["model"]["merges"];
    merges.push(Json("zzz q"));
    expect(with_model("merges", merges), ErrorCode::invalid_argument, "zzz");
    Json vocab = base["model"]["vocab"];
    vocab.set("日", 700);
    expect(with_model("vocab", vocab), ErrorCode::invalid_argument, "id 700 of '日' leaves holes");
    vocab = base["model"]["vocab"];
    vocab.set("!", 600);
    expect(with_model("vocab", vocab), ErrorCode::invalid_argument, "id 600 of '!' leaves holes");
    vocab.set("!", 5);
    expect(with_model("vocab", vocab), ErrorCode::invalid_argument, "twice");
    vocab.set("!", 1U << 30);
    expect(with_model("vocab", vocab), ErrorCode::too_large, "limit");
    for (std::size_t size = 0; size < good.size(); size += 97) {
        EXPECT_FALSE(Tokenizer::from_json(std::string_view(good).substr(0, size)).has_value());
    }
}

} // namespace
} // namespace ol::model
