// Tokenizers as llama.cpp has them: "gpt2" (byte-level BPE with one of its pre-tokenizers) and
// "llama" (SentencePiece's BPE).
#include <algorithm>
#include <map>
#include <optional>

#include "base/limits.hpp"
#include "codec/json.hpp"
#include "model/chat_template.hpp"
#include "model/gguf_meta.hpp"
#include "model/tokenizer.hpp"
#include "model/tokenizer/protobuf.hpp"
#include "model/tokenizer/words.hpp"

namespace ol::model {

namespace {

using codec::Json;

// enum llama_token_type of llama.h; those of SentencePiece are the same numbers.
enum TokenType : std::int32_t {
    normal = 1,
    unknown = 2,
    control = 3,
    user_defined = 4,
    unused = 5,
    byte = 6
};

struct Tokens {
    std::vector<std::string> texts;
    std::vector<float> scores;
    std::vector<std::int32_t> types;

    explicit Tokens(std::size_t count)
        : texts(count)
        , scores(count, -1000.0F)
        , types(count, unused) {
        for (std::size_t i = 0; i < count; ++i) texts[i] = fmt::format("[PAD{}]", i);
    }
    Status put(std::uint64_t id, std::string text, std::int32_t type) {
        if (id >= texts.size()) {
            return fail(ErrorCode::invalid_argument,
                        "tokenizer: token {} is beyond the model's vocabulary of {}", id,
                        texts.size());
        }
        texts[id] = std::move(text);
        types[id] = type;
        return {};
    }
};

std::unexpected<Error> no_tokenizer(std::string_view what) {
    return fail(ErrorCode::unsupported,
                "GGUF: {}, which llama.cpp has no tokenizer for; export as safetensors", what);
}

// Calls visit for a section and, in a Sequence, for its parts.
template <class Visit>
void each_part(const Json& section, std::string_view list, const Visit& visit) {
    if (section["type"] == Json("Sequence")) {
        for (const auto& part : section[list].items()) visit(part);
    } else if (!section.is_null()) {
        visit(section);
    }
}

// What llama.cpp calls the pre-tokenizer of a byte-level model; nothing when there is no such.
std::optional<std::string_view> pre_tokenizer_name(const Json& section) {
    std::optional<std::string_view> out;
    bool byte_level = false, other = false;
    each_part(section, "pretokenizers", [&](const Json& part) {
        if (part["type"] == Json("ByteLevel")) {
            byte_level = true;
            if (part["add_prefix_space"] == Json(true)) other = true;
            if (part["use_regex"] != Json(false)) out = "gpt-2";
        } else if (part["type"] == Json("Split") && part["pattern"]["Regex"].is_string()) {
            const auto known = known_pattern(*part["pattern"]["Regex"].as_string());
            if (known == WordPattern::gpt2) out = "gpt-2";
            if (known == WordPattern::llama3) out = "llama-bpe";
            if (known == WordPattern::qwen2) out = "qwen2";
            other = other || !known;
        } else {
            other = true;
        }
    });
    if (!byte_level || other) return {};
    return out;
}

Status add_tokens_of_json(const Json& json, Tokens& tokens) {
    for (const auto& [text, id] : json["model"]["vocab"].members()) {
        OL_TRY(tokens.put(OL_TRY_IN(id.as_uint(), "tokenizer.json: vocab"), text, normal));
    }
    for (const auto& added : json["added_tokens"].items()) {
        const auto id = OL_TRY_IN(added["id"].as_uint(), "tokenizer.json: added_tokens");
        auto text = OL_TRY_IN(added["content"].as_string(), "tokenizer.json: added_tokens");
        OL_TRY(tokens.put(id, std::move(text),
                          added["special"] == Json(true) ? control : user_defined));
    }
    return {};
}

Result<std::vector<std::string>> merges_of(const Json& json) {
    std::vector<std::string> out;
    for (const auto& merge : json["model"]["merges"].items()) {
        if (merge.is_string()) {
            out.push_back(*merge.as_string());
            continue;
        }
        if (merge.items().size() != 2) {
            return fail(ErrorCode::invalid_argument, "tokenizer.json: a merge is no pair");
        }
        out.push_back(OL_TRY(merge.items()[0].as_string()) + " " +
                      OL_TRY(merge.items()[1].as_string()));
    }
    return out;
}

// Pieces of a tokenizer.model, with their scores.
Status add_pieces(const Path& path, Tokens& tokens) {
    const auto bytes = OL_TRY(read_text_file(path, limits::tokenizer_model_bytes));
    std::uint64_t id = 0;
    Status done;
    OL_TRY_IN(each_field(bytes,
                         [&](const ProtoField& field) {
                             if (field.number != 1 || !done) return;
                             std::string text;
                             float score = 0;
                             auto type = static_cast<std::int32_t>(normal);
                             const auto read = each_field(field.bytes, [&](const ProtoField& part) {
                                 if (part.number == 1) text = part.bytes;
                                 if (part.number == 2) score = part.as_float();
                                 if (part.number == 3) type = static_cast<std::int32_t>(part.value);
                             });
                             done = read ? tokens.put(id, std::move(text), type) : read;
                             if (done) tokens.scores[id] = score;
                             ++id;
                         }),
              "{}", path.string());
    return done;
}

// Without scores of a tokenizer.model: the earlier a token is merged, the better.
Status score_by_merges(const Json& json, Tokens& tokens) {
    std::map<std::string, std::size_t, std::less<>> ids;
    for (std::size_t i = 0; i < tokens.texts.size(); ++i) {
        if (tokens.types[i] == normal) ids.emplace(tokens.texts[i], i);
    }
    const auto merges = OL_TRY(merges_of(json));
    for (std::size_t i = merges.size(); i-- > 0;) {
        const auto space = merges[i].find(' ');
        if (space == std::string::npos) continue;
        const auto found = ids.find(merges[i].substr(0, space) + merges[i].substr(space + 1));
        if (found != ids.end()) tokens.scores[found->second] = -static_cast<float>(i);
    }
    return {};
}

void mark_bytes_and_unknown(const Json& json, Tokens& tokens) {
    const auto unk = json["model"]["unk_token"].as_string().value_or("<unk>");
    for (std::size_t i = 0; i < tokens.texts.size(); ++i) {
        const auto& text = tokens.texts[i];
        if (tokens.types[i] == control && text == unk) tokens.types[i] = unknown;
        if (text.size() == 6 && text.starts_with("<0x") && text.ends_with('>')) {
            tokens.types[i] = byte;
        }
    }
}

// Whether SentencePiece's blank is put before a text; nothing for another pipeline.
std::optional<bool> adds_blank(const Json& json) {
    std::optional<bool> out;
    bool other = false;
    each_part(json["normalizer"], "normalizers", [&](const Json& part) {
        if (part["type"] == Json("Prepend")) {
            out = true;
        } else if (part["type"] == Json("Replace")) {
            out = out.value_or(false);
        } else {
            other = true;
        }
    });
    each_part(json["pre_tokenizer"], "pretokenizers", [&](const Json& part) {
        if (part["type"] == Json("Metaspace")) {
            out = part["prepend_scheme"].is_null() ? part["add_prefix_space"] != Json(false)
                                                   : part["prepend_scheme"] != Json("never");
        } else if (part["type"] != Json("Split")) {
            other = true;
        }
    });
    if (other) return {};
    return out;
}

Status add_byte_level(GgufMeta& meta, const Json& json, Tokens& tokens) {
    const auto pre = pre_tokenizer_name(json["pre_tokenizer"]);
    if (!pre) return no_tokenizer("the pre_tokenizer of tokenizer.json is none that it knows");
    OL_TRY(add_tokens_of_json(json, tokens));
    meta.put("tokenizer.ggml.model", "gpt2");
    meta.put("tokenizer.ggml.pre", *pre);
    meta.put("tokenizer.ggml.tokens", tokens.texts);
    meta.put("tokenizer.ggml.token_type", tokens.types);
    meta.put("tokenizer.ggml.merges", OL_TRY(merges_of(json)));
    return {};
}

Status add_sentence_pieces(GgufMeta& meta, const Json& json, const Path& model, Tokens& tokens) {
    const bool has_model = std::filesystem::exists(model);
    bool blank = true;
    if (has_model) {
        OL_TRY(add_pieces(model, tokens));
        // add_dummy_prefix of normalizer_spec; on when it is not there.
        const auto bytes = OL_TRY(read_text_file(model, limits::tokenizer_model_bytes));
        OL_TRY(each_field(bytes, [&](const ProtoField& field) {
            if (field.number != 3) return;
            (void)each_field(field.bytes, [&](const ProtoField& part) {
                if (part.number == 3) blank = part.value != 0;
            });
        }));
    }
    if (!json.is_null()) {
        const auto from_json = adds_blank(json);
        if (!from_json)
            return no_tokenizer("the pipeline of tokenizer.json is not SentencePiece's");
        blank = *from_json;
        Tokens scored = tokens;
        OL_TRY(add_tokens_of_json(json, tokens));
        if (!has_model) OL_TRY(score_by_merges(json, tokens));
        // What tokenizer.model says of a piece stays.
        for (std::size_t i = 0; i < tokens.types.size(); ++i) {
            if (tokens.types[i] == normal && scored.types[i] != unused) {
                tokens.types[i] = scored.types[i];
            }
        }
        mark_bytes_and_unknown(json, tokens);
    }
    meta.put("tokenizer.ggml.model", "llama");
    meta.put("tokenizer.ggml.pre", "default");
    meta.put("tokenizer.ggml.tokens", tokens.texts);
    meta.put("tokenizer.ggml.scores", tokens.scores);
    meta.put("tokenizer.ggml.token_type", tokens.types);
    meta.put_flag("tokenizer.ggml.add_space_prefix", blank);
    return {};
}

// Whether a text gets a token before it and one after it.
std::pair<bool, bool> wraps(const Tokenizer& tokenizer) {
    const auto plain = tokenizer.encode("a", EncodeOptions{false, false});
    const auto whole = tokenizer.encode("a", EncodeOptions{false, true});
    if (plain.empty() || whole.size() <= plain.size()) return {false, false};
    return {whole.front() != plain.front(), whole.back() != plain.back()};
}

} // namespace

Status add_gguf_tokenizer(GgufMeta& meta, const ModelConfig& config, const Path& folder) {
    Json json;
    const auto json_path = folder / "tokenizer.json";
    const auto model_path = folder / "tokenizer.model";
    if (std::filesystem::exists(json_path)) {
        const auto text = OL_TRY(read_text_file(json_path, limits::json_bytes));
        json = OL_TRY_IN(Json::parse(text), "{}", json_path.string());
    } else if (!std::filesystem::exists(model_path)) {
        return fail(ErrorCode::not_found, "{}: neither tokenizer.json nor tokenizer.model",
                    folder.string());
    }
    Tokens tokens(config.vocab_size);
    const auto& kind = json["model"]["type"];
    if (!json.is_null() && !kind.is_null() && kind != Json("BPE")) {
        return no_tokenizer(fmt::format("the tokenizer is {}", kind.dump()));
    }
    if (!json.is_null() && json["model"]["byte_fallback"] != Json(true)) {
        OL_TRY(add_byte_level(meta, json, tokens));
    } else {
        OL_TRY(add_sentence_pieces(meta, json, model_path, tokens));
    }
    const auto tokenizer = OL_TRY(Tokenizer::from_file(folder));
    auto put_id = [&](std::string_view key, std::optional<TokenId> first, std::int32_t second) {
        if (first) {
            meta.put(key, *first);
        } else if (second >= 0) {
            meta.put(key, static_cast<std::uint32_t>(second));
        }
    };
    put_id("tokenizer.ggml.bos_token_id", tokenizer.bos(), config.bos_token);
    put_id("tokenizer.ggml.eos_token_id", tokenizer.eos(), config.eos_token);
    const auto [before, after] = wraps(tokenizer);
    meta.put_flag("tokenizer.ggml.add_bos_token", before);
    meta.put_flag("tokenizer.ggml.add_eos_token", after);
    auto chat = ChatTemplate::from_folder(folder);
    if (chat) {
        meta.put("tokenizer.chat_template", chat->source());
    } else if (chat.error().code != ErrorCode::not_found &&
               chat.error().code != ErrorCode::unsupported) {
        return std::unexpected(std::move(chat.error()));
    }
    return {};
}

} // namespace ol::model
