// tokenizer.json: Hugging Face's form of a tokenizer.
#include <map>
#include <unordered_map>

#include "codec/json.hpp"
#include "model/pre_tokenize.hpp"
#include "model/tokenizer_impl.hpp"

namespace ol::model {

namespace {

using codec::Json;

Status expect_null_or(const Json& json, std::string_view key, const Json& allowed) {
    const auto& value = json[key];
    if (value.is_null() || value == allowed) return {};
    return fail(ErrorCode::unsupported, "tokenizer.json: {} is {}, which is not supported", key,
                value.dump().substr(0, 80));
}

// A part that must be absent or of type ByteLevel.
Status expect_byte_level(const Json& json, std::string_view key, bool required) {
    const auto& part = json[key];
    if (part.is_null() && !required) return {};
    const auto type = part["type"].as_string();
    if (!type || *type != "ByteLevel") {
        return fail(ErrorCode::unsupported,
                    "tokenizer.json: {} of type {} is not supported, only ByteLevel is", key,
                    type ? *type : std::string("none"));
    }
    return {};
}

Status refuse_variants(const Json& json) {
    for (const std::string_view key : {"normalizer", "truncation", "padding"}) {
        if (!json[key].is_null()) {
            return fail(ErrorCode::unsupported, "tokenizer.json: a {} ({}) is not supported", key,
                        json[key]["type"].dump());
        }
    }
    OL_TRY(expect_byte_level(json, "pre_tokenizer", true));
    OL_TRY(expect_byte_level(json, "decoder", true));
    OL_TRY(expect_byte_level(json, "post_processor", false));
    const auto& pre = json["pre_tokenizer"];
    if (pre["add_prefix_space"] != Json(false)) {
        return fail(ErrorCode::unsupported,
                    "tokenizer.json: pre_tokenizer.add_prefix_space must be false");
    }
    if (pre["use_regex"] == Json(false)) {
        return fail(ErrorCode::unsupported, "tokenizer.json: pre_tokenizer.use_regex must be true");
    }
    const auto& model = json["model"];
    // Old files leave the type out: those with merges are BPE.
    if (!model["type"].is_null() && model["type"] != Json("BPE")) {
        return fail(ErrorCode::unsupported,
                    "tokenizer.json: model type {} is not supported, only "
                    "\"BPE\" is",
                    model["type"].dump());
    }
    OL_TRY(expect_null_or(model, "dropout", Json(0.0)));
    OL_TRY(expect_null_or(model, "continuing_subword_prefix", Json("")));
    OL_TRY(expect_null_or(model, "end_of_word_suffix", Json("")));
    OL_TRY(expect_null_or(model, "fuse_unk", Json(false)));
    OL_TRY(expect_null_or(model, "byte_fallback", Json(false)));
    OL_TRY(expect_null_or(model, "ignore_merges", Json(false)));
    return {};
}

Result<std::pair<std::string, std::string>> parse_merge(const Json& item, std::size_t rank) {
    if (item.is_array() && item.items().size() == 2 && item.items()[0].is_string() &&
        item.items()[1].is_string()) {
        auto left = OL_TRY(item.items()[0].as_string());
        auto right = OL_TRY(item.items()[1].as_string());
        return std::pair(std::move(left), std::move(right));
    }
    if (item.is_string()) {
        const auto text = OL_TRY(item.as_string());
        const auto space = text.find(' ');
        if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
            return std::pair(text.substr(0, space), text.substr(space + 1));
        }
    }
    return fail(ErrorCode::invalid_argument, "tokenizer.json: merge {} is not a pair of tokens",
                rank);
}

Result<std::map<TokenId, std::string>> parse_added_tokens(const Json& json) {
    std::map<TokenId, std::string> out;
    for (const auto& token : json["added_tokens"].items()) {
        const auto content =
            OL_TRY_IN(token["content"].as_string(), "tokenizer.json: added_tokens");
        const auto id =
            OL_TRY_IN(token["id"].as_uint(), "tokenizer.json: added token '{}'", content);
        for (const std::string_view key : {"single_word", "lstrip", "rstrip"}) {
            if (token[key] == Json(true)) {
                return fail(ErrorCode::unsupported,
                            "tokenizer.json: added token '{}' with {} is not supported", content,
                            key);
            }
        }
        if (token["special"] != Json(true)) {
            return fail(ErrorCode::unsupported,
                        "tokenizer.json: added token '{}' is not special; only special ones are "
                        "supported",
                        content);
        }
        if (id >= max_vocabulary || content.empty() ||
            !out.emplace(static_cast<TokenId>(id), content).second) {
            return fail(ErrorCode::invalid_argument,
                        "tokenizer.json: added token '{}': its id {} is too large or taken",
                        content, id);
        }
    }
    return out;
}

} // namespace

Result<Tokenizer> Tokenizer::from_json(std::string_view text) {
    const Json json = OL_TRY_IN(Json::parse(text), "tokenizer.json");
    OL_TRY(refuse_variants(json));
    const auto added = OL_TRY(parse_added_tokens(json));
    const auto& vocab = json["model"]["vocab"];
    if (!vocab.is_object()) {
        return fail(ErrorCode::invalid_argument, "tokenizer.json: model.vocab is missing");
    }

    auto impl = std::make_unique<Impl>();
    std::vector<std::uint8_t> taken;
    auto place = [&](std::uint64_t id, std::string bytes, std::string_view name) -> Status {
        if (id >= max_vocabulary) {
            return fail(ErrorCode::too_large,
                        "tokenizer.json: id {} of '{}' passes the limit of {}", id, name,
                        max_vocabulary);
        }
        if (taken.size() <= id) {
            taken.resize(id + 1);
            impl->tokens.resize(id + 1);
        }
        if (taken[id] != 0) {
            return fail(ErrorCode::invalid_argument, "tokenizer.json: id {} is there twice ('{}')",
                        id, name);
        }
        taken[id] = 1;
        impl->tokens[id] = std::move(bytes);
        return {};
    };
    std::unordered_map<std::string_view, TokenId> ids; // as written in the file
    for (const auto& [name, value] : vocab.members()) {
        const auto id = OL_TRY_IN(value.as_uint(), "tokenizer.json: id of '{}'", name);
        const auto special =
            id < max_vocabulary ? added.find(static_cast<TokenId>(id)) : added.end();
        if (special != added.end()) {
            if (special->second != name) {
                return fail(
                    ErrorCode::invalid_argument,
                    "tokenizer.json: id {} is '{}' in the vocabulary and '{}' in added_tokens", id,
                    name, special->second);
            }
            OL_TRY(place(id, name, name));
            continue;
        }
        auto bytes = bytes_from_characters(name);
        if (!bytes || bytes->empty()) {
            return fail(
                ErrorCode::invalid_argument,
                "tokenizer.json: token '{}' (id {}) is not written in the byte-level alphabet",
                name, id);
        }
        OL_TRY(place(id, std::move(*bytes), name));
        ids.emplace(name, static_cast<TokenId>(id));
    }
    for (const auto& [id, content] : added) {
        if (id >= taken.size() || taken[id] == 0) OL_TRY(place(id, content, content));
        impl->specials.emplace_back(content, id);
    }
    for (std::size_t id = 0; id < taken.size(); ++id) {
        if (taken[id] == 0) {
            return fail(ErrorCode::invalid_argument, "tokenizer.json: no token has the id {}", id);
        }
    }
    for (int byte = 0; byte < 256; ++byte) {
        const auto character = characters_from_bytes(std::string(1, static_cast<char>(byte)));
        const auto found = ids.find(character);
        if (found == ids.end()) {
            return fail(ErrorCode::invalid_argument,
                        "tokenizer.json: the token of byte 0x{:02x} is missing", byte);
        }
        impl->byte_ids[static_cast<std::size_t>(byte)] = found->second;
    }

    const auto& merges = json["model"]["merges"];
    if (!merges.is_array()) {
        return fail(ErrorCode::invalid_argument, "tokenizer.json: model.merges is missing");
    }
    impl->merges.reserve(merges.items().size());
    for (std::size_t rank = 0; rank < merges.items().size(); ++rank) {
        const auto [left, right] = OL_TRY(parse_merge(merges.items()[rank], rank));
        const auto merged = left + right;
        const auto l = ids.find(left), r = ids.find(right), m = ids.find(merged);
        if (l == ids.end() || r == ids.end() || m == ids.end()) {
            return fail(ErrorCode::invalid_argument,
                        "tokenizer.json: merge {} ('{}' '{}') names a token that is not in the "
                        "vocabulary",
                        rank, left, right);
        }
        if (impl->ranks.find(pair_key(l->second, r->second)).rank != PairTable::none) {
            return fail(ErrorCode::invalid_argument,
                        "tokenizer.json: merge {} ('{}' '{}') is there twice", rank, left, right);
        }
        impl->index_merge(l->second, r->second, m->second);
    }
    impl->is_special.assign(impl->tokens.size(), 0);
    for (const auto& [content, id] : impl->specials) impl->is_special[id] = 1;
    return Tokenizer(std::move(impl));
}

std::string Tokenizer::to_json() const {
    Json::Array added;
    for (const auto& [text, id] : impl_->specials) {
        added.push_back(Json::object({{"id", id},
                                      {"content", text},
                                      {"single_word", false},
                                      {"lstrip", false},
                                      {"rstrip", false},
                                      {"normalized", false},
                                      {"special", true}}));
    }
    auto byte_level = [](bool prefix) {
        return Json::object({{"type", "ByteLevel"},
                             {"add_prefix_space", prefix},
                             {"trim_offsets", true},
                             {"use_regex", true}});
    };
    auto out = Json::object({{"version", "1.0"},
                             {"truncation", nullptr},
                             {"padding", nullptr},
                             {"added_tokens", Json(std::move(added))},
                             {"normalizer", nullptr},
                             {"pre_tokenizer", byte_level(false)},
                             {"post_processor", nullptr},
                             {"decoder", byte_level(true)}})
                   .dump(2);
    // The model is written member by member: Json::set compares each name with all before it.
    out.erase(out.rfind('\n'));
    out +=
        ",\n  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": "
        "null,\n"
        "    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n"
        "    \"fuse_unk\": false,\n    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n"
        "    \"vocab\": {";
    for (std::size_t id = 0; id < impl_->tokens.size(); ++id) {
        const auto& bytes = impl_->tokens[id];
        const auto name =
            Json(impl_->is_special[id] != 0 ? bytes : characters_from_bytes(bytes)).dump();
        out += fmt::format("{}\n      {}: {}", id == 0 ? "" : ",", name, id);
    }
    out += "\n    },\n    \"merges\": [";
    for (std::size_t rank = 0; rank < impl_->merges.size(); ++rank) {
        const auto& [left, right] = impl_->merges[rank];
        const auto pair = Json(characters_from_bytes(impl_->tokens[left]) + " " +
                               characters_from_bytes(impl_->tokens[right]))
                              .dump();
        out += fmt::format("{}\n      {}", rank == 0 ? "" : ",", pair);
    }
    out += impl_->merges.empty() ? "]" : "\n    ]";
    out += "\n  }\n}\n";
    return out;
}

} // namespace ol::model
