// tokenizer.json, written: the sections as they were read, the model from its tables.
#include <algorithm>

#include "codec/json.hpp"
#include "model/tokenizer/impl.hpp"
#include "model/tokenizer/tokens.hpp"

namespace ol::model {

namespace {

using codec::Json;

bool in_model(const Vocabulary& vocabulary, TokenId id) {
    return (vocabulary.flags[id] & TokenList::outside) == 0;
}

std::string written_json(const Vocabulary& vocabulary, TokenId id) {
    return Json(vocabulary.written(id)).dump();
}

std::string write_bpe(const Bpe& bpe, const Vocabulary& vocabulary) {
    const auto truth = [](bool value) { return value ? "true" : "false"; };
    auto out = fmt::format(
        "    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": {},\n"
        "    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n"
        "    \"fuse_unk\": {},\n    \"byte_fallback\": {},\n    \"ignore_merges\": {},\n"
        "    \"vocab\": {{",
        bpe.unk == no_token ? "null" : written_json(vocabulary, bpe.unk), truth(bpe.fuse_unk),
        truth(bpe.byte_fallback), truth(bpe.ignore_merges));
    bool first = true;
    for (TokenId id = 0; id < vocabulary.texts.size(); ++id) {
        if (!in_model(vocabulary, id)) continue;
        out += fmt::format("{}\n      {}: {}", first ? "" : ",", written_json(vocabulary, id), id);
        first = false;
    }
    out += "\n    },\n    \"merges\": [";
    for (std::size_t rank = 0; rank < bpe.merges.size(); ++rank) {
        const auto& [left, right] = bpe.merges[rank];
        const auto l = vocabulary.written(left), r = vocabulary.written(right);
        // Halves with spaces, or empty ones, can only be told apart as a pair.
        const bool plain = !l.empty() && !r.empty() && l.find(' ') == std::string::npos &&
                           r.find(' ') == std::string::npos;
        const auto pair = plain ? Json(l + " " + r) : Json::array({Json(l), Json(r)});
        out += fmt::format("{}\n      {}", rank == 0 ? "" : ",", pair.dump());
    }
    return out + (bpe.merges.empty() ? "]" : "\n    ]");
}

std::string write_unigram(const Unigram& unigram, const Vocabulary& vocabulary) {
    auto out =
        fmt::format("    \"type\": \"Unigram\",\n    \"unk_id\": {},\n    \"byte_fallback\": {},\n"
                    "    \"vocab\": [",
                    unigram.unk, unigram.byte_fallback ? "true" : "false");
    for (TokenId id = 0; id < unigram.scores.size(); ++id) {
        out += fmt::format("{}\n      [{}, {}]", id == 0 ? "" : ",", written_json(vocabulary, id),
                           Json(unigram.scores[id]).dump());
    }
    return out + "\n    ]";
}

Json byte_level(bool prefix) {
    return Json::object({{"type", "ByteLevel"},
                         {"add_prefix_space", prefix},
                         {"trim_offsets", true},
                         {"use_regex", true}});
}

} // namespace

Json byte_level_sections() {
    return Json::object({{"normalizer", nullptr},
                         {"pre_tokenizer", byte_level(false)},
                         {"post_processor", nullptr},
                         {"decoder", byte_level(true)}});
}

std::string Tokenizer::to_json() const {
    const auto& sections = impl_->sections;
    if (sections.is_null()) return {};
    std::vector<AddedToken> tokens = impl_->added.all();
    std::sort(tokens.begin(), tokens.end(),
              [](const auto& a, const auto& b) { return a.id < b.id; });
    Json::Array added;
    for (const auto& token : tokens) {
        added.push_back(Json::object({{"id", token.id},
                                      {"content", token.content},
                                      {"single_word", token.single_word},
                                      {"lstrip", token.lstrip},
                                      {"rstrip", token.rstrip},
                                      {"normalized", token.normalized},
                                      {"special", token.special}}));
    }
    auto out = Json::object({{"version", "1.0"},
                             {"truncation", nullptr},
                             {"padding", nullptr},
                             {"added_tokens", Json(std::move(added))},
                             {"normalizer", sections["normalizer"]},
                             {"pre_tokenizer", sections["pre_tokenizer"]},
                             {"post_processor", sections["post_processor"]},
                             {"decoder", sections["decoder"]}})
                   .dump(2);
    // The model is written member by member: Json::set compares each name with all before it.
    out.erase(out.rfind('\n'));
    out += ",\n  \"model\": {\n";
    if (const auto* bpe = std::get_if<Bpe>(&impl_->model)) {
        out += write_bpe(*bpe, impl_->vocabulary);
    } else {
        out += write_unigram(std::get<Unigram>(impl_->model), impl_->vocabulary);
    }
    return out + "\n  }\n}\n";
}

} // namespace ol::model
