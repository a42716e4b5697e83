// tokenizer.json: Hugging Face's form of a tokenizer.
#include <algorithm>
#include <limits>
#include <unordered_map>

#include "codec/json.hpp"
#include "model/tokenizer/byte_alphabet.hpp"
#include "model/tokenizer/impl.hpp"
#include "model/tokenizer/tokens.hpp"

namespace ol::model {

namespace {

using codec::Json;

Status expect_null_or(const Json& json, std::string_view key, const Json& allowed) {
    const auto& value = json[key];
    if (value.is_null() || value == allowed) return {};
    return fail(ErrorCode::unsupported, "model.{} is {}, which is not supported", key,
                value.dump().substr(0, 80));
}

Result<bool> flag(const Json& json, std::string_view key, std::string_view place) {
    if (json[key].is_null()) return false;
    return OL_TRY_IN(json[key].as_bool(), "{}.{}", place, key);
}

Result<std::vector<AddedToken>> parse_added_tokens(const Json& json) {
    std::vector<AddedToken> out;
    std::size_t bytes = 0;
    for (const auto& item : json["added_tokens"].items()) {
        AddedToken token;
        token.content = OL_TRY_IN(item["content"].as_string(), "added_tokens");
        const auto place = fmt::format("added token '{}'", token.content.substr(0, 80));
        const auto id = OL_TRY_IN(item["id"].as_uint(), "{}", place);
        token.single_word = OL_TRY(flag(item, "single_word", place));
        token.lstrip = OL_TRY(flag(item, "lstrip", place));
        token.rstrip = OL_TRY(flag(item, "rstrip", place));
        token.special = OL_TRY(flag(item, "special", place));
        token.normalized =
            item["normalized"].is_null() ? !token.special : OL_TRY(flag(item, "normalized", place));
        bytes += token.content.size();
        if (id >= max_vocabulary || token.content.empty() ||
            token.content.size() > max_added_bytes || bytes > max_token_bytes) {
            return fail(ErrorCode::invalid_argument,
                        "{}: its id {} or its text of {} bytes is too large or empty", place, id,
                        token.content.size());
        }
        token.id = static_cast<TokenId>(id);
        out.push_back(std::move(token));
    }
    return out;
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
    return fail(ErrorCode::invalid_argument, "merge {} is not a pair of tokens", rank);
}

using Ids = std::unordered_map<std::string_view, TokenId>; // of the model, as written

Status read_merges(const Json& model, const Ids& ids, Bpe& bpe) {
    const auto& merges = model["merges"];
    if (!merges.is_array()) return fail(ErrorCode::invalid_argument, "model.merges is missing");
    bpe.merges.reserve(merges.items().size());
    for (std::size_t rank = 0; rank < merges.items().size(); ++rank) {
        const auto [left, right] = OL_TRY(parse_merge(merges.items()[rank], rank));
        const auto merged = left + right;
        const auto l = ids.find(left), r = ids.find(right), m = ids.find(merged);
        if (l == ids.end() || r == ids.end() || m == ids.end()) {
            return fail(ErrorCode::invalid_argument,
                        "merge {} ('{}' '{}') names a token that is not in the vocabulary", rank,
                        left, right);
        }
        if (bpe.merges_pair(l->second, r->second)) {
            return fail(ErrorCode::invalid_argument, "merge {} ('{}' '{}') is there twice", rank,
                        left, right);
        }
        bpe.add_merge(l->second, r->second, m->second);
    }
    return {};
}

Result<Bpe> read_bpe(const Json& model, const Ids& ids, bool byte_level) {
    OL_TRY(expect_null_or(model, "dropout", Json(0.0)));
    OL_TRY(expect_null_or(model, "continuing_subword_prefix", Json("")));
    OL_TRY(expect_null_or(model, "end_of_word_suffix", Json("")));
    Bpe bpe;
    bpe.fuse_unk = OL_TRY(flag(model, "fuse_unk", "model"));
    bpe.byte_fallback = OL_TRY(flag(model, "byte_fallback", "model"));
    bpe.ignore_merges = OL_TRY(flag(model, "ignore_merges", "model"));
    if (!model["unk_token"].is_null()) {
        const auto name = OL_TRY_IN(model["unk_token"].as_string(), "model.unk_token");
        const auto found = ids.find(name);
        // Byte-level files name one out of habit ("<|endoftext|>" among the added tokens).
        if (found != ids.end()) {
            bpe.unk = found->second;
        } else if (!byte_level) {
            return fail(ErrorCode::invalid_argument,
                        "model.unk_token '{}' is not in the vocabulary", name);
        }
    }
    if (byte_level) {
        bool missing = false;
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const auto found =
                ids.find(characters_from_bytes(std::string(1, static_cast<char>(byte))));
            bpe.byte_ids[byte] = found == ids.end() ? no_token : found->second;
            missing = missing || found == ids.end();
        }
        if (missing && bpe.byte_fallback) {
            return fail(ErrorCode::unsupported,
                        "model.byte_fallback with a ByteLevel pre-tokenizer and a vocabulary "
                        "without some bytes is not supported");
        }
    }
    OL_TRY(read_merges(model, ids, bpe));
    return bpe;
}

// Names and scores of a Unigram model, by id.
struct UnigramEntries {
    std::vector<std::string> names;
    std::vector<double> scores;
};

Result<UnigramEntries> read_unigram_entries(const Json& vocab) {
    UnigramEntries out;
    for (std::size_t id = 0; id < vocab.items().size(); ++id) {
        const auto& entry = vocab.items()[id].items();
        if (entry.size() != 2) {
            return fail(ErrorCode::invalid_argument, "model.vocab: entry {} is not [token, score]",
                        id);
        }
        out.names.push_back(OL_TRY_IN(entry[0].as_string(), "model.vocab: entry {}", id));
        out.scores.push_back(OL_TRY_IN(entry[1].as_double(), "model.vocab: entry {}", id));
    }
    return out;
}

Result<Unigram> make_unigram(const Json& model, UnigramEntries entries, const TokenList& tokens) {
    Unigram out;
    out.byte_fallback = OL_TRY(flag(model, "byte_fallback", "model"));
    const auto unk = OL_TRY_IN(model["unk_id"].as_uint(), "model.unk_id");
    if (unk >= entries.names.size()) {
        return fail(ErrorCode::invalid_argument, "model.unk_id {} is not in the vocabulary of {}",
                    unk, entries.names.size());
    }
    out.unk = static_cast<TokenId>(unk);
    double lowest = std::numeric_limits<double>::infinity();
    for (const auto score : entries.scores) lowest = std::min(lowest, score);
    out.unk_score = lowest - 10; // unigram_model's penalty of an unknown character
    out.scores = std::move(entries.scores);
    std::size_t bytes = 0;
    for (TokenId id = 0; id < entries.names.size(); ++id) {
        bytes += entries.names[id].size();
        if (bytes > max_token_bytes) {
            return fail(ErrorCode::too_large, "model.vocab: over {} bytes of tokens",
                        max_token_bytes);
        }
        // Plain text never becomes a special token.
        if ((tokens.flags(id) & Vocabulary::special) == 0) out.trie.insert(entries.names[id], id);
    }
    return out;
}

std::string model_type(const Json& model) {
    if (model["type"].is_string()) return *model["type"].as_string();
    // Old files leave the type out.
    return model["vocab"].is_array() ? "Unigram" : "BPE";
}

Status place_added(TokenList& tokens, std::vector<AddedToken>& added, const Normalizer& normalizer,
                   AddedTokens& out) {
    std::sort(added.begin(), added.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    for (std::size_t i = 0; i < added.size(); ++i) {
        auto& token = added[i];
        if (i > 0 && added[i - 1].id == token.id) {
            return fail(ErrorCode::invalid_argument, "added token '{}': its id {} is taken by '{}'",
                        token.content, token.id, added[i - 1].content);
        }
        if (!tokens.has(token.id)) {
            OL_TRY(tokens.place(token.id, token.content, token.content, Vocabulary::raw));
            tokens.mark(token.id, TokenList::outside);
        }
        tokens.mark(token.id, static_cast<std::uint8_t>(Vocabulary::added |
                                                        (token.special ? Vocabulary::special : 0)));
        token.pattern = token.content;
        if (token.normalized) normalizer.apply(token.pattern);
        if (token.pattern.empty()) {
            return fail(ErrorCode::invalid_argument,
                        "added token '{}' is empty once it is normalised", token.content);
        }
        out.add(token);
    }
    return {};
}

// The model's tokens: names to ids, and their places.
Status place_vocabulary(const Json& model, bool unigram, const std::vector<AddedToken>& added,
                        bool byte_level, const UnigramEntries& entries, TokenList& tokens,
                        Ids& ids) {
    std::unordered_map<std::string_view, const AddedToken*> by_content;
    std::unordered_map<TokenId, const AddedToken*> by_id;
    for (const auto& token : added) {
        by_id.emplace(token.id, &token);
        if (!by_content.emplace(token.content, &token).second) {
            return fail(ErrorCode::invalid_argument, "added token '{}' is there twice",
                        token.content);
        }
    }
    const auto put = [&](const std::string& name, std::uint64_t id) -> Status {
        const auto same = by_content.find(name);
        const AddedToken* token = same == by_content.end() ? nullptr : same->second;
        const auto other = id < max_vocabulary ? by_id.find(static_cast<TokenId>(id)) : by_id.end();
        if ((token != nullptr && token->id != id) ||
            (other != by_id.end() && other->second->content != name)) {
            return fail(ErrorCode::invalid_argument,
                        "id {} is '{}' in the vocabulary and '{}' has id {} in added_tokens", id,
                        name, token != nullptr ? token->content : other->second->content,
                        token != nullptr ? token->id : other->second->id);
        }
        const bool special = token != nullptr && token->special;
        std::string text = name;
        bool raw = special;
        if (byte_level && !special) {
            auto bytes = bytes_from_characters(name);
            raw = !bytes || bytes->empty();
            if (!raw) text = std::move(*bytes);
        }
        OL_TRY(tokens.place(id, std::move(text), name, raw ? Vocabulary::raw : std::uint8_t{0}));
        ids.insert_or_assign(name, static_cast<TokenId>(id));
        return {};
    };
    if (unigram) {
        for (std::size_t id = 0; id < entries.names.size(); ++id)
            OL_TRY(put(entries.names[id], id));
        return {};
    }
    if (!model["vocab"].is_object()) {
        return fail(ErrorCode::invalid_argument, "model.vocab is missing");
    }
    for (const auto& [name, value] : model["vocab"].members())
        OL_TRY(put(name, OL_TRY_IN(value.as_uint(), "id of '{}'", name)));
    return {};
}

} // namespace

Result<Tokenizer> Tokenizer::from_json(std::string_view text) {
    const auto read = [&]() -> Result<std::unique_ptr<Impl>> {
        const Json json = OL_TRY(Json::parse(text));
        const auto& model = json["model"];
        const auto type = model_type(model);
        if (type != "BPE" && type != "Unigram") {
            return fail(ErrorCode::unsupported, "model '{}' is not supported", type);
        }
        const bool unigram = type == "Unigram";
        auto impl = std::make_unique<Impl>();
        impl->normalizer = OL_TRY(Normalizer::from_json(json["normalizer"]));
        impl->pre_tokenizer = OL_TRY(PreTokenizer::from_json(json["pre_tokenizer"]));
        impl->decoder = OL_TRY(Decoder::from_json(json["decoder"]));
        const bool byte_level = impl->pre_tokenizer.is_byte_level();
        if (byte_level && unigram) {
            return fail(ErrorCode::unsupported,
                        "pre_tokenizer 'ByteLevel' with a Unigram model is not supported");
        }

        auto added = OL_TRY(parse_added_tokens(json));
        UnigramEntries entries;
        if (unigram) entries = OL_TRY(read_unigram_entries(model["vocab"]));
        TokenList tokens((unigram ? entries.names.size() : model["vocab"].members().size()) +
                         added.size());
        Ids ids;
        OL_TRY(place_vocabulary(model, unigram, added, byte_level, entries, tokens, ids));
        OL_TRY(place_added(tokens, added, impl->normalizer, impl->added));
        OL_TRY(tokens.check_holes());
        if (unigram) {
            impl->model = OL_TRY(make_unigram(model, std::move(entries), tokens));
        } else {
            impl->model = OL_TRY(read_bpe(model, ids, byte_level));
        }
        tokens.move_to(impl->vocabulary, byte_level);
        impl->post_processor =
            OL_TRY(PostProcessor::from_json(json["post_processor"], impl->vocabulary.texts.size()));
        for (const std::string_view key :
             {"normalizer", "pre_tokenizer", "post_processor", "decoder"})
            impl->sections.set(key, json[key]);
        impl->finish();
        return impl;
    };
    return Tokenizer(OL_TRY_IN(read(), "tokenizer.json"));
}

} // namespace ol::model
