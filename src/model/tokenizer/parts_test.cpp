// Parts of the tokenizer by themselves, and files that are broken or hostile.
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>

#include "base/file.hpp"
#include "base/prng.hpp"
#include "codec/json.hpp"
#include "model/tokenizer.hpp"
#include "model/tokenizer/normalizer.hpp"
#include "model/tokenizer/pre_tokenizer.hpp"
#include "model/tokenizer/regex.hpp"
#include "model/tokenizer/words.hpp"

namespace ol::model {
namespace {

using codec::Json;

Path testdata(std::string_view name) {
    return Path(OL_SOURCE_DIR) / "src/model/testdata/tokenizers" / name;
}

std::string file(std::string_view name) {
    auto text = read_text_file(testdata(name), 1U << 20);
    EXPECT_TRUE(text.has_value()) << name;
    return text.value_or("");
}

std::string random_text(Prng& prng) {
    static const std::vector<std::string> parts = {
        "a",  "Zé",   "the",    " ",       "  ",  "\n",     "\r",    "\r\n",   "\t",
        "1",  "22",   "345",    "'s",      "'LL", "'ſ",     "'",     "'re",    "'vE",
        ".",  "...",  "日本",   "、",      "ж",   "Ω",      "क्",     "ि",      "٣",
        "½",  "Ⅳ",    "🎉",      "\u00a0",  "_",   "\u2028", "\x85",  "\u0085", "👩‍👧",
        "'m", "\v\f", "\u200d", "e\u0301", "'d",  "'T",     "\u3000"};
    std::string out;
    for (auto i = prng.below(24) + 1; i > 0; --i) out += parts[prng.below(parts.size())];
    return replace_invalid_utf8(out);
}

TEST(TokenizerParts, ScannersEqualTheirRegularExpressions) {
    const std::string_view patterns[] = {
        R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
        R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})"
        R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
    Prng prng(5);
    for (const auto pattern : patterns) {
        const auto scanner = known_pattern(pattern);
        ASSERT_TRUE(scanner.has_value()) << pattern;
        const auto regex = Regex::compile(pattern);
        ASSERT_TRUE(regex.has_value()) << regex.error().to_string();
        for (int round = 0; round < 4000; ++round) {
            const auto text = random_text(prng);
            for (std::size_t at = 0; at < text.size();) {
                const auto match = regex->find(text, at);
                ASSERT_TRUE(match.has_value()) << Json(text).dump();
                ASSERT_EQ(match->begin, at) << Json(text).dump();
                ASSERT_EQ(next_word(std::string_view(text).substr(at), *scanner),
                          match->end - match->begin)
                    << Json(text).dump() << " at " << at;
                at = match->end;
            }
        }
    }
    EXPECT_FALSE(known_pattern("\\s+").has_value());
}

TEST(TokenizerParts, RegularExpressionsAreTranslatedOrRefusedByName) {
    EXPECT_EQ(*translate_regex(R"([^\s\w]\S\u00e9\p{Han}\p{^L}\P{Lu}[[:alpha:]])"),
              R"([^\p{White_Space}\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]\P{White_Space}\x{00e9})"
              R"(\p{sc:Han}\P{L}\P{Lu}[[:alpha:]])");
    for (const std::string_view pattern : {R"(\bword\b)", "[a&&b]", "[a[b]]", "x{1,3}+", "(?m:a.b)",
                                           R"(\h)", "(*ACCEPT)", R"([\W])"}) {
        const auto result = Regex::compile(pattern);
        ASSERT_FALSE(result.has_value()) << pattern;
        EXPECT_EQ(result.error().code, ErrorCode::unsupported) << pattern;
    }
    for (const std::string_view pattern : {"(", "a\\", "[a", R"(\p{Foo})", "(?<n>a"}) {
        const auto result = Regex::compile(pattern);
        ASSERT_FALSE(result.has_value()) << pattern;
        EXPECT_EQ(result.error().code, ErrorCode::invalid_argument) << pattern;
    }
    // A match that explodes ends at its limit.
    const auto hard = Regex::compile("(a+a+)+b");
    ASSERT_TRUE(hard.has_value());
    EXPECT_FALSE(hard->find(std::string(200, 'a'), 0).has_value());
}

TEST(TokenizerParts, InvalidBytesBecomeReplacementCharacters) {
    EXPECT_EQ(replace_invalid_utf8("a\xff\xfe"), "a\ufffd\ufffd");
    EXPECT_EQ(replace_invalid_utf8("\xe6\x97"), "\ufffd");
    EXPECT_EQ(replace_invalid_utf8("\xe6\x97x\xf0\x9f\x8e"), "\ufffdx\ufffd");
    EXPECT_EQ(replace_invalid_utf8("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");
    EXPECT_EQ(replace_invalid_utf8("\xc0\xaf\xf4\x90\x80\x80"),
              std::string("\ufffd\ufffd") + "\ufffd\ufffd\ufffd\ufffd");
    EXPECT_EQ(replace_invalid_utf8("日本"), "日本");
}

TEST(TokenizerParts, BytesThatAreNotUtf8ComeBackWhereThePipelineKeepsThem) {
    Prng prng(9);
    for (const std::string_view name : {"gpt2.json", "llama3.json"}) {
        const auto tokenizer = Tokenizer::from_file(testdata(name));
        ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().to_string();
        for (int round = 0; round < 300; ++round) {
            std::string text;
            for (auto i = prng.below(60); i > 0; --i)
                text.push_back(static_cast<char>(prng.next()));
            EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
        }
    }
    const auto other = Tokenizer::from_file(testdata("deepseek3.json"));
    ASSERT_TRUE(other.has_value());
    EXPECT_EQ(other->decode(other->encode("a\xff b")), "a\ufffd b");
}

// No blow-up with the length of a word; the heap's twin is in
// TrainingEqualsTheNaiveTwin.
TEST(TokenizerParts, VeryLongWords) {
    const std::string words[] = {std::string(1U << 18, 'e'), std::string(1U << 18, ' '), [] {
                                     std::string out;
                                     while (out.size() < 1U << 18) out += "日本語テキスト";
                                     return out;
                                 }()};
    for (const std::string_view name :
         {"gpt2.json", "llama3.json", "qwen2.json", "deepseek3.json", "llama2.json", "t5.json",
          "unigram_bytes.json", "sp_llama.model", "sp_unigram_bytes.model"}) {
        const auto tokenizer = Tokenizer::from_file(testdata(name));
        ASSERT_TRUE(tokenizer.has_value()) << name;
        for (const auto& word : words) {
            const auto ids = tokenizer->encode(word);
            if (name == "t5.json") continue; // its unknown characters do not come back
            EXPECT_EQ(tokenizer->decode(ids).size(), word.size()) << name;
        }
    }
}

TEST(TokenizerParts, SpecialTokensAreTextUnlessAllowed) {
    for (const std::string_view name :
         {"llama3.json", "llama2.json", "t5.json", "sp_llama.model"}) {
        const auto tokenizer = Tokenizer::from_file(testdata(name));
        ASSERT_TRUE(tokenizer.has_value()) << name;
        const auto bos = *tokenizer->special("<s>");
        EXPECT_EQ(tokenizer->token_id("<s>"), bos);
        EXPECT_EQ(tokenizer->token_text(bos), "<s>");
        const auto allowed = tokenizer->encode("a<s>b", true);
        EXPECT_EQ(std::count(allowed.begin(), allowed.end(), bos), 1) << name;
        const auto plain = tokenizer->encode("a<s>b");
        EXPECT_EQ(std::count(plain.begin(), plain.end(), bos), 0) << name;
        bool listed = false;
        for (const auto& [text, id] : tokenizer->special_tokens()) listed |= id == bos;
        EXPECT_TRUE(listed) << name;
        EXPECT_FALSE(tokenizer->token_text(1U << 30).has_value());
        EXPECT_FALSE(tokenizer->token_id("no such token").has_value());
    }
}

TEST(TokenizerParts, FoldersNameBeginAndEnd) {
    const Path root = Path(testing::TempDir()) / fmt::format("tokenizer_folder_{}", ::getpid());
    const auto write = [&](std::string_view name, std::string_view text) {
        ASSERT_TRUE(write_file_atomic(root / name, text).has_value());
    };
    EXPECT_EQ(Tokenizer::from_file(root).error().code, ErrorCode::not_found);
    write("tokenizer.model", file("sp_llama.model"));
    auto model = Tokenizer::from_file(root);
    ASSERT_TRUE(model.has_value()) << model.error().to_string();
    EXPECT_EQ(model->bos(), model->token_id("<s>"));
    const auto plain = model->encode("The text", {.add_special_tokens = true});
    EXPECT_EQ(plain, model->encode("The text"));

    const auto size = model->vocab_size();
    write("tokenizer_config.json",
          fmt::format(R"({{"bos_token":"<s>","eos_token":{{"content":"<|im_end|>"}},)"
                      R"("add_bos_token":true,"added_tokens_decoder":{{"0":{{"content":"<unk>"}},)"
                      R"("{}":{{"content":"<|im_end|>","special":true}}}}}})",
                      size));
    model = Tokenizer::from_file(root);
    ASSERT_TRUE(model.has_value()) << model.error().to_string();
    EXPECT_EQ(model->vocab_size(), size + 1);
    EXPECT_EQ(model->eos(), size);
    EXPECT_EQ(model->encode("The text", {.add_special_tokens = true}).front(), *model->bos());
    const auto ids = model->encode("The text<|im_end|>", true);
    EXPECT_EQ(ids.back(), size);
    EXPECT_EQ(model->decode(ids), "The text");
    EXPECT_EQ(model->decode(ids, true), "The text<|im_end|>");

    write("tokenizer.json", file("llama3.json"));
    write("tokenizer_config.json", R"({"bos_token":null,"eos_token":"<|end|>"})");
    write("special_tokens_map.json", R"({"bos_token":{"content":"<s>"}})");
    const auto json = Tokenizer::from_file(root);
    ASSERT_TRUE(json.has_value()) << json.error().to_string();
    EXPECT_EQ(json->bos(), json->token_id("<s>"));
    EXPECT_EQ(json->eos(), json->token_id("<|end|>"));
    std::filesystem::remove_all(root);
}

TEST(TokenizerParts, StreamsGiveWholeCharacters) {
    const auto tokenizer = Tokenizer::from_file(testdata("llama2.json"));
    ASSERT_TRUE(tokenizer.has_value());
    const std::string text = "The \U0001F600 \U0001F468\u200D\U0001F469 日本 text";
    TokenStream stream(*tokenizer);
    std::string all;
    for (const auto id : tokenizer->encode(text)) {
        const auto part = stream.push(id);
        EXPECT_EQ(replace_invalid_utf8(part), part);
        EXPECT_EQ(part.find("\ufffd"), std::string::npos);
        all += part;
    }
    EXPECT_EQ(all + stream.finish(), text);
    // Bytes that never become a character are given out in the end, and not held for ever.
    const auto byte = *tokenizer->token_id("<0xFF>");
    TokenStream broken(*tokenizer);
    std::size_t given = 0;
    for (int i = 0; i < 1000; ++i) given += broken.push(byte).size();
    EXPECT_GT(given, 2000U);
}

// Every prefix and every change of a byte is refused or loads; nothing crashes.
TEST(TokenizerParts, BrokenModelsAreRefusedOrLoad) {
    Prng prng(21);
    for (const std::string_view name :
         {"sp_gemma.model", "sp_charsmap.model", "gpt2.json", "t5.json"}) {
        const auto good = file(name);
        const bool json = name.ends_with(".json");
        const auto load = [&](const std::string& bytes) {
            return json ? Tokenizer::from_json(bytes) : Tokenizer::from_sentencepiece(bytes);
        };
        for (std::size_t size = 0; size < good.size(); size += 97) (void)load(good.substr(0, size));
        for (int round = 0; round < 300; ++round) {
            auto bytes = good;
            for (auto i = prng.below(3) + 1; i > 0; --i)
                bytes[prng.below(bytes.size())] = static_cast<char>(prng.next());
            const auto tokenizer = load(bytes);
            if (!tokenizer) continue;
            const auto ids = tokenizer->encode("The text e\u0301 \U0001F600 <sep> 12", true);
            (void)tokenizer->decode(ids, true);
        }
    }
}

std::string varint(std::uint64_t value) {
    std::string out;
    for (; value >= 128; value >>= 7) out.push_back(static_cast<char>(value | 128));
    out.push_back(static_cast<char>(value));
    return out;
}
std::string bytes_field(int number, std::string_view bytes) {
    return varint(static_cast<std::uint64_t>(number) << 3 | 2) + varint(bytes.size()) +
           std::string(bytes);
}
std::string piece(std::string_view text, float score, int type) {
    std::string bits(4, '\0');
    const auto value = std::bit_cast<std::uint32_t>(score);
    for (std::size_t i = 0; i < 4; ++i) bits[i] = static_cast<char>(value >> (8 * i));
    return bytes_field(1, bytes_field(1, text) + varint(2 << 3 | 5) + bits + varint(3 << 3) +
                              varint(static_cast<std::uint64_t>(type)));
}

TEST(TokenizerParts, SentencePieceModelsAreRefusedByName) {
    const auto unk = piece("<unk>", 0, 2);
    const auto expect = [](const std::string& bytes, ErrorCode code, std::string_view what) {
        const auto result = Tokenizer::from_sentencepiece(bytes);
        ASSERT_FALSE(result.has_value()) << what;
        EXPECT_EQ(result.error().code, code) << result.error().to_string();
        EXPECT_NE(result.error().context.find(what), std::string::npos) << result.error().context;
    };
    EXPECT_TRUE(Tokenizer::from_sentencepiece(unk + piece("a", -1, 1)).has_value());
    expect("", ErrorCode::invalid_argument, "no pieces");
    expect(piece("a", -1, 1), ErrorCode::invalid_argument, "no unknown piece");
    expect(unk + piece("a", std::numeric_limits<float>::quiet_NaN(), 1),
           ErrorCode::invalid_argument, "piece 1: its score");
    expect(unk + piece("a", -1, 5), ErrorCode::unsupported, "piece 1: type 5");
    expect(unk + piece("a", -1, 1) + piece("a", -2, 1), ErrorCode::invalid_argument, "twice");
    expect(unk + piece(std::string(600, 'x'), -1, 1), ErrorCode::invalid_argument, "piece 1");
    expect(unk + piece("\xff", -1, 1), ErrorCode::invalid_argument, "UTF-8");
    expect(unk + unk.substr(0, 4), ErrorCode::corrupted, "cut off");
    expect(unk + bytes_field(2, varint(3 << 3) + varint(4)), ErrorCode::unsupported,
           "model_type 4");
    expect(unk + bytes_field(2, varint(24 << 3) + varint(1)), ErrorCode::unsupported,
           "treat_whitespace_as_suffix");
    expect(unk + bytes_field(2, varint(35 << 3) + varint(1)), ErrorCode::invalid_argument,
           "byte 0x00");
    expect(unk + bytes_field(3, bytes_field(2, "xyz")), ErrorCode::corrupted, "charsmap");
    expect(unk + varint(1 << 3 | 2) + varint(~0ULL), ErrorCode::corrupted, "cut off");
}

TEST(TokenizerParts, HostileJsonIsRefusedWithItsPlace) {
    const auto base = *Json::parse(file("t5.json"));
    const auto expect = [&](std::string_view key, Json value, std::string_view what) {
        Json copy = base;
        copy.set(key, std::move(value));
        const auto result = Tokenizer::from_json(copy.dump());
        ASSERT_FALSE(result.has_value()) << what;
        EXPECT_NE(result.error().context.find(what), std::string::npos) << result.error().context;
    };
    const auto model = [&](std::string_view key, Json value) {
        Json out = base["model"];
        out.set(key, std::move(value));
        return out;
    };
    expect("model", model("unk_id", nullptr), "model.unk_id");
    expect("model", model("unk_id", 1U << 30), "model.unk_id");
    expect("model", model("vocab", Json::array({Json::array({Json("a")})})), "entry 0");
    expect("model", model("vocab", Json::array({Json::array({Json("a"), Json("b")})})), "entry 0");
    const auto token = [](std::uint64_t id, std::string_view content) {
        return Json::array({Json::object({{"id", id}, {"content", content}, {"special", true}})});
    };
    expect("added_tokens", token(1U << 30, "x"), "added token 'x'");
    expect("added_tokens", token(1U << 19, "new"), "leaves holes");
    expect("added_tokens", token(3, "x"), "id 3");
    expect("added_tokens", token(3, ""), "added token ''");
    expect("post_processor",
           Json::object({{"type", "TemplateProcessing"},
                         {"single", Json::array({Json::object(
                                        {{"SpecialToken", Json::object({{"id", "zzz"}})}})})}}),
           "'zzz'");
    expect("normalizer", Json::object({{"type", "Precompiled"}, {"precompiled_charsmap", "AAAA"}}),
           "charsmap");
    const auto longer = Json::object(
        {{"type", "Replace"}, {"pattern", Json::object({{"String", "a"}})}, {"content", "aaaa"}});
    expect("normalizer",
           Json::object({{"type", "Sequence"}, {"normalizers", Json(Json::Array(8, longer))}}),
           "times longer");
    expect("decoder",
           Json::object({{"type", "Sequence"}, {"decoders", Json(Json::Array(8, longer))}}),
           "times longer");
    Json deep = Json::object({{"type", "NFC"}});
    for (int i = 0; i < 20; ++i)
        deep = Json::object({{"type", "Sequence"}, {"normalizers", Json::array({deep})}});
    expect("normalizer", deep, "nested");
    expect("pre_tokenizer",
           Json::object({{"type", "Split"},
                         {"pattern", Json::object({{"Regex", "("}})},
                         {"behavior", "Isolated"},
                         {"invert", false}}),
           "pre_tokenizer Split");
    expect("pre_tokenizer", Json::object({{"type", "Metaspace"}, {"replacement", "ab"}}),
           "one character");
}

} // namespace
} // namespace ol::model
