// Ids and decoding of the Hugging Face and SentencePiece libraries, on tokenizers that
// tools/parity/tokenizers.py trained and asked.
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "codec/base64.hpp"
#include "codec/json.hpp"
#include "model/tokenizer.hpp"
#include "model/tokenizer/normalizer.hpp"

namespace ol::model {
namespace {

using codec::Json;

// Other vectors than the committed ones: OL_TOKENIZER_VECTORS=FOLDER (the script's --out).
Path folder() {
    if (const char* other = std::getenv("OL_TOKENIZER_VECTORS")) return other;
    return Path(OL_SOURCE_DIR) / "src/model/testdata/tokenizers";
}

std::string joined(const std::vector<TokenId>& ids) {
    std::string out;
    for (const auto id : ids) out += (out.empty() ? "" : " ") + std::to_string(id);
    return out;
}

std::string streamed(const Tokenizer& tokenizer, const std::vector<TokenId>& ids,
                     bool with_special) {
    TokenStream stream(tokenizer, with_special);
    std::string out;
    for (const auto id : ids) out += stream.push(id);
    return out + stream.finish();
}

// 24 bits of FNV-1a 64 in base64, as the script writes them.
std::string digest(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
    const std::uint8_t top[] = {static_cast<std::uint8_t>(hash >> 56),
                                static_cast<std::uint8_t>(hash >> 48),
                                static_cast<std::uint8_t>(hash >> 40)};
    return codec::base64_encode(top);
}

class Parity : public testing::Test {
protected:
    void SetUp() override {
        const auto text = read_text_file(folder() / "vectors.json", 256U << 20);
        ASSERT_TRUE(text.has_value());
        auto json = Json::parse(*text);
        ASSERT_TRUE(json.has_value()) << json.error().to_string();
        vectors_ = std::move(*json);
        for (const auto& item : vectors_["texts"].items()) texts_.push_back(*item.as_string());
    }

    // Tokenizers that share a model share a file: "patch" holds what differs.
    static Result<Tokenizer> load(const Json& entry) {
        const auto path = folder() / *entry["file"].as_string();
        if (entry["patch"].members().empty()) return Tokenizer::from_file(path);
        auto json = OL_TRY(Json::parse(OL_TRY(read_text_file(path, 64U << 20))));
        auto model = json["model"];
        for (const auto& [key, value] : entry["patch"]["model"].members()) model.set(key, value);
        for (const auto& [key, value] : entry["patch"].members()) json.set(key, value);
        json.set("model", std::move(model));
        return Tokenizer::from_json(json.dump());
    }

    Json vectors_;
    std::vector<std::string> texts_;
};

TEST_F(Parity, IdsAndTextAreThoseOfTheLibraries) {
    std::size_t count = 0;
    for (const auto& [name, entry] : vectors_["tokenizers"].members()) {
        const auto tokenizer = load(entry);
        ASSERT_TRUE(tokenizer.has_value()) << name << ": " << tokenizer.error().to_string();
        const bool sentencepiece = entry["file"].as_string()->ends_with(".model");
        const auto digests = *entry["digests"].as_string();
        ASSERT_EQ(digests.size(), texts_.size() * 4);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < texts_.size() && wrong < 5; ++i) {
            const auto& text = texts_[i];
            // SentencePiece never reads control symbols out of a text.
            const auto ids = tokenizer->encode(text, !sentencepiece);
            if (i < entry["ids"].items().size()) {
                EXPECT_EQ(joined(ids), *entry["ids"].items()[i].as_string()) << name << " " << i;
            }
            const auto plain = replace_invalid_utf8(tokenizer->decode(ids));
            const auto kept = replace_invalid_utf8(tokenizer->decode(ids, true));
            const auto got = digest(joined(ids) + "\x01" + plain + "\x01" + kept);
            EXPECT_EQ(got, digests.substr(i * 4, 4))
                << name << " " << i << ": " << Json(text).dump() << "\n"
                << joined(ids) << "\n"
                << plain;
            wrong += got != digests.substr(i * 4, 4) ? 1 : 0;
            EXPECT_EQ(streamed(*tokenizer, ids, false), plain) << name << " " << i;
            EXPECT_EQ(streamed(*tokenizer, ids, true), kept) << name << " " << i;
            ++count;
        }
        if (!entry.contains("wrapped")) continue;
        std::vector<TokenId> wrapped;
        for (const auto& id : entry["wrapped"].items())
            wrapped.push_back(static_cast<TokenId>(*id.as_uint()));
        EXPECT_EQ(
            tokenizer->encode("The text", {.allow_special = true, .add_special_tokens = true}),
            wrapped)
            << name;
    }
    RecordProperty("vectors", static_cast<int>(count));
    EXPECT_GT(count, 5000U);
}

TEST_F(Parity, WrittenJsonReadsBackAsTheSameTokenizer) {
    for (const auto& [name, entry] : vectors_["tokenizers"].members()) {
        const auto first = load(entry);
        ASSERT_TRUE(first.has_value()) << name;
        const auto printed = first->to_json();
        if (entry["file"].as_string()->ends_with(".model")) {
            EXPECT_EQ(printed, "");
            continue;
        }
        const auto second = Tokenizer::from_json(printed);
        ASSERT_TRUE(second.has_value()) << name << ": " << second.error().to_string();
        EXPECT_EQ(second->to_json(), printed) << name;
        for (const auto& text : texts_)
            EXPECT_EQ(second->encode(text, true), first->encode(text, true)) << name;
    }
}

} // namespace
} // namespace ol::model
