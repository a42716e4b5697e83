// Tokenizers in files and folders, as the ecosystem lays them.
#include <algorithm>

#include "base/limits.hpp"
#include "codec/json.hpp"
#include "model/tokenizer/impl.hpp"
#include "model/tokenizer/tokens.hpp"

namespace ol::model {

namespace {

using codec::Json;

Result<Json> read_if_there(const Path& path) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) return Json();
    const auto text = OL_TRY(read_text_file(path, limits::json_bytes));
    return OL_TRY_IN(Json::parse(text), "{}", path.string());
}

// "bos_token": "<s>" or {"content": "<s>", ...}; null: none.
std::optional<std::string> token_of(const Json& config, std::string_view key) {
    const auto& value = config[key].is_object() ? config[key]["content"] : config[key];
    if (!value.is_string()) return std::nullopt;
    return *value.as_string();
}

// Tokens that a folder adds to a tokenizer.model (added_tokens_decoder of tokenizer_config.json).
Status add_configured(const Json& config, Vocabulary& vocabulary, AddedTokens& out) {
    std::vector<AddedToken> tokens;
    for (const auto& [key, value] : config["added_tokens_decoder"].members()) {
        AddedToken token;
        const auto id = OL_TRY_IN(Json::parse(key), "added_tokens_decoder '{}'", key);
        const auto number = OL_TRY_IN(id.as_uint(), "added_tokens_decoder '{}'", key);
        if (number < vocabulary.texts.size()) continue;
        token.content = OL_TRY_IN(value["content"].as_string(), "added_tokens_decoder {}", key);
        if (number >= max_vocabulary || token.content.empty() ||
            token.content.size() > max_added_bytes) {
            return fail(ErrorCode::invalid_argument,
                        "added_tokens_decoder {}: id or content is too large or empty", key);
        }
        token.id = static_cast<TokenId>(number);
        token.pattern = token.content;
        token.single_word = value["single_word"] == Json(true);
        token.lstrip = value["lstrip"] == Json(true);
        token.rstrip = value["rstrip"] == Json(true);
        token.special = value["special"] == Json(true);
        tokens.push_back(std::move(token));
    }
    std::sort(tokens.begin(), tokens.end(),
              [](const auto& a, const auto& b) { return a.id < b.id; });
    for (auto& token : tokens) {
        if (token.id != vocabulary.texts.size()) {
            return fail(ErrorCode::invalid_argument, "added_tokens_decoder: no token has the id {}",
                        vocabulary.texts.size());
        }
        vocabulary.texts.push_back(token.content);
        vocabulary.flags.push_back(static_cast<std::uint8_t>(
            Vocabulary::raw | Vocabulary::added | (token.special ? Vocabulary::special : 0)));
        vocabulary.raw_ids.emplace(token.content, token.id);
        out.add(std::move(token));
    }
    return {};
}

} // namespace

Result<Tokenizer> Tokenizer::from_file(const Path& path) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
        if (path.extension() == ".json") {
            return OL_TRY_IN(from_json(OL_TRY(read_text_file(path, limits::json_bytes))), "{}",
                             path.string());
        }
        const auto bytes = OL_TRY(read_file(path, limits::tokenizer_model_bytes));
        return OL_TRY_IN(from_sentencepiece(as_text(bytes)), "{}", path.string());
    }
    const bool has_json = std::filesystem::exists(path / "tokenizer.json", error);
    if (!has_json && !std::filesystem::exists(path / "tokenizer.model", error)) {
        return fail(ErrorCode::not_found, "{}: no tokenizer.json and no tokenizer.model in it",
                    path.string());
    }
    auto out = OL_TRY(from_file(path / (has_json ? "tokenizer.json" : "tokenizer.model")));
    const auto config = OL_TRY(read_if_there(path / "tokenizer_config.json"));
    const auto map = OL_TRY(read_if_there(path / "special_tokens_map.json"));
    auto& impl = *out.impl_;
    if (!has_json) {
        OL_TRY_IN(add_configured(config, impl.vocabulary, impl.added), "{}",
                  (path / "tokenizer_config.json").string());
        impl.decoder.grow(impl.vocabulary.texts.size());
        impl.finish();
    }
    const auto find = [&](std::string_view key, std::optional<TokenId>& to) {
        auto text = token_of(config, key);
        if (!text) text = token_of(map, key);
        if (!text) return;
        if (const auto id = out.token_id(*text)) to = id;
    };
    find("bos_token", impl.bos);
    find("eos_token", impl.eos);
    if (!has_json) {
        // What transformers' slow Llama tokenizer adds; a tokenizer.model itself adds nothing.
        std::vector<TokenId> before, after;
        if (config["add_bos_token"] == Json(true) && impl.bos) before.push_back(*impl.bos);
        if (config["add_eos_token"] == Json(true) && impl.eos) after.push_back(*impl.eos);
        impl.post_processor.wrap(std::move(before), std::move(after));
    }
    return out;
}

} // namespace ol::model
