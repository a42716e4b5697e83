#include "model/tokenizer/post_processor.hpp"

namespace ol::model {

namespace {

using codec::Json;

Result<TokenId> read_id(const Json& json, std::size_t limit, std::string_view place) {
    const auto id = OL_TRY_IN(json.as_uint(), "{}", place);
    if (id >= limit) {
        return fail(ErrorCode::invalid_argument, "{}: id {} is not in the vocabulary of {}", place,
                    id, limit);
    }
    return static_cast<TokenId>(id);
}

} // namespace

Result<PostProcessor> PostProcessor::from_json(const Json& json, std::size_t id_limit) {
    PostProcessor out;
    if (!json.is_null()) OL_TRY(out.add(json, id_limit, 0));
    return out;
}

void PostProcessor::wrap(std::vector<TokenId> before, std::vector<TokenId> after) {
    before_.insert(before_.begin(), before.begin(), before.end());
    after_.insert(after_.end(), after.begin(), after.end());
}

void PostProcessor::apply(std::vector<TokenId>& ids) const {
    ids.insert(ids.begin(), before_.begin(), before_.end());
    ids.insert(ids.end(), after_.begin(), after_.end());
}

Status PostProcessor::add(const Json& json, std::size_t id_limit, int depth) {
    const auto type = OL_TRY_IN(json["type"].as_string(), "post_processor.type");
    if (type == "ByteLevel") return {}; // offsets alone
    if (type == "TemplateProcessing") return add_template(json, id_limit);
    if (type == "Sequence") {
        if (depth == 8) return fail(ErrorCode::too_large, "post_processor: nested too deeply");
        for (const auto& item : json["processors"].items()) OL_TRY(add(item, id_limit, depth + 1));
        return {};
    }
    if (type == "BertProcessing" || type == "RobertaProcessing") {
        const auto& cls = json["cls"].items();
        const auto& sep = json["sep"].items();
        if (cls.size() != 2 || sep.size() != 2) {
            return fail(ErrorCode::invalid_argument,
                        "post_processor {}: cls and sep must be a token and its id", type);
        }
        wrap({OL_TRY(read_id(cls[1], id_limit, "post_processor.cls"))},
             {OL_TRY(read_id(sep[1], id_limit, "post_processor.sep"))});
        return {};
    }
    return fail(ErrorCode::unsupported, "post_processor '{}' is not supported", type);
}

Status PostProcessor::add_template(const Json& json, std::size_t id_limit) {
    std::vector<TokenId> before, after;
    bool seen = false;
    for (const auto& piece : json["single"].items()) {
        if (piece.contains("Sequence")) {
            if (seen || piece["Sequence"]["id"] != Json("A")) {
                return fail(ErrorCode::unsupported,
                            "post_processor TemplateProcessing: a single template must hold the "
                            "sequence A once");
            }
            seen = true;
            continue;
        }
        const auto name = OL_TRY_IN(piece["SpecialToken"]["id"].as_string(),
                                    "post_processor TemplateProcessing: single");
        const auto& ids = json["special_tokens"][name]["ids"];
        if (!ids.is_array()) {
            return fail(ErrorCode::invalid_argument,
                        "post_processor TemplateProcessing: special_tokens has no ids of '{}'",
                        name);
        }
        for (const auto& id : ids.items()) {
            (seen ? after : before)
                .push_back(OL_TRY(read_id(id, id_limit, "post_processor.special_tokens")));
        }
    }
    if (!seen) {
        return fail(ErrorCode::unsupported,
                    "post_processor TemplateProcessing: a single template must hold the sequence A "
                    "once");
    }
    wrap(std::move(before), std::move(after));
    return {};
}

} // namespace ol::model
