#include "api/schema.hpp"

#include <algorithm>

namespace ol::api::schema {

namespace {

Json typed(std::string_view type, std::string_view description) {
    Json out = Json::object({{"type", type}});
    if (!description.empty()) out.set("description", description);
    return out;
}

std::string_view kind_of(const Json& value) {
    if (value.is_null()) return "null";
    if (value.is_bool()) return "a boolean";
    if (value.is_number()) return "a number";
    if (value.is_string()) return "a string";
    return value.is_array() ? "an array" : "an object";
}

bool is_of(std::string_view type, const Json& value) {
    if (type == "string") return value.is_string();
    if (type == "integer") return value.is_number() && (value.as_int() || value.as_uint());
    if (type == "number") return value.is_number();
    if (type == "boolean") return value.is_bool();
    if (type == "array") return value.is_array();
    return value.is_object();
}

std::string_view with_article(std::string_view type) {
    if (type == "string") return "a string";
    if (type == "integer") return "an integer";
    if (type == "number") return "a number";
    if (type == "boolean") return "a boolean";
    return type == "array" ? "an array" : "an object";
}

// The bound's names by type: minimum/maximum, minLength/maxLength, minItems/maxItems.
Status check_bounds(const Json& schema, std::string_view type, const Json& value,
                    std::string_view place) {
    double size = 0;
    std::string_view least = "minimum", most = "maximum", what = "";
    if (type == "string") {
        size = static_cast<double>(value.as_string().value_or("").size());
        least = "minLength", most = "maxLength", what = "its length ";
    } else if (type == "array") {
        size = static_cast<double>(value.items().size());
        least = "minItems", most = "maxItems", what = "its length ";
    } else if (type == "integer" || type == "number") {
        size = value.as_double().value_or(0);
    } else {
        return {};
    }
    if (const auto bound = schema[least].as_double(); bound && size < *bound) {
        return fail(ErrorCode::invalid_argument, "{}: {}must be at least {}, is {}", place, what,
                    *bound, size);
    }
    if (const auto bound = schema[most].as_double(); bound && size > *bound) {
        return fail(ErrorCode::invalid_argument, "{}: {}must be at most {}, is {}", place, what,
                    *bound, size);
    }
    return {};
}

Json make_components() {
    const auto match = object({{"record", hash()},
                               {"owner", address()},
                               {"title", text()},
                               {"offset", integer("symbols into the record")},
                               {"credit", integer("1/256 bit")}});
    const auto span = object({{"text", text()},
                              {"start_byte", integer()},
                              {"end_byte", integer()},
                              {"symbols", integer("its length in words and signs")},
                              {"bits", number("how surprising the span is")},
                              {"credit", integer("1/256 bit")},
                              {"matches", array(match)}});
    const auto share = object({{"record", hash()},
                               {"title", text()},
                               {"owner", address()},
                               {"share", number("0 to 1")},
                               {"share_fixed", integer("the same, exactly: of 2^32")}});
    const auto error = object({{"code!", text("as in src/base/result.hpp: invalid_argument, ...")},
                               {"message!", text("the place and the remedy")}});
    const auto quote = object({{"host", address()},
                               {"escrow", address()},
                               {"chain_id", integer()},
                               {"price_wei", wei("of this request at most")},
                               {"owed_wei", wei("what vouchers must already cover")},
                               {"cumulative_wei", wei("the amount to sign")},
                               {"deposited_wei", wei()}});
    const auto receipt =
        object({{"hash", hash()},
                {"prompt", text()},
                {"answer", text()},
                {"datanet", hash()},
                {"version", integer("of the datanet")},
                {"adapter", hash("its id on the ledger")},
                {"nonce", integer("per host, from 0 without gaps")},
                {"tokens_in", integer()},
                {"tokens_out", integer()},
                {"fee_wei", wei()},
                {"cumulative_wei", wei("what the payer owes the host in all")},
                {"explained", number("part of the answer that spans cover")},
                {"spans", array(ref("Span"))},
                {"shares", array(ref("Share"))},
                {"payouts", array(object({{"account", address()}, {"wei", wei()}}))},
                {"host", address()},
                {"payer", address()},
                {"signature", text("65 bytes r, s, v as hex")},
                {"raw", any("the receipt as it is hashed")}},
               "who is paid for an answer, and why; null without attribution");
    return Json::object({
        {"Error", object({{"error!", error}})},
        {"PaymentRequired", object({{"error!", error}, {"quote", ref("Quote")}})},
        {"Quote", quote},
        {"Match", match},
        {"Span", span},
        {"Share", share},
        {"Receipt", receipt},
        {"ReceiptRow", object({{"hash", hash()},
                               {"nonce", integer()},
                               {"payer", address()},
                               {"prompt", text()},
                               {"fee_wei", wei()},
                               {"records", integer("that are paid")},
                               {"epoch", or_null(integer("null: not settled yet"))}})},
        {"Usage", object({{"prompt_tokens!", integer()},
                          {"completion_tokens!", integer()},
                          {"total_tokens!", integer()}})},
        {"Datanet", object({{"id", hash()},
                            {"name", text()},
                            {"summary", text()},
                            {"licence", text()},
                            {"owner", address()},
                            {"records", integer()},
                            {"contributors", integer()},
                            {"versions", integer()}})},
        {"Record", object({{"id", hash()},
                           {"title", text()},
                           {"owner", address()},
                           {"words", integer()},
                           {"source", text()},
                           {"licence", text()},
                           {"revoked", boolean("struck out by a challenge")}})},
        {"RecordWithProof",
         object({{"id", hash()},
                 {"title", text()},
                 {"text", text()},
                 {"owner", address()},
                 {"words", integer()},
                 {"source", text()},
                 {"licence", text()},
                 {"revoked", boolean("struck out by a challenge")},
                 {"leaf_hash", hash()},
                 {"sequence", integer("place in its batch, from 0")},
                 {"batch", or_null(integer("on the ledger; null before it is anchored"))},
                 {"batch_root", hash()},
                 {"proof", array(hash(), "siblings from the leaf upwards")}})},
        {"Epoch",
         object({{"epoch", integer()},
                 {"state", text("prepared, proposed, finalised")},
                 {"receipts_root", hash()},
                 {"receipts_total_wei", wei()},
                 {"rewards_root", hash()},
                 {"rewards_total_wei", wei()},
                 {"receipts",
                  array(object({{"hash", hash()}, {"fee_wei", wei()}, {"prompt", text()}}))},
                 {"rewards", array(object({{"account", address()}, {"cumulative_wei", wei()}}))}})},
        {"Account", object({{"address", address()},
                            {"wallet", or_null(text("its name on this node, if it has one"))},
                            {"balance_wei", wei()},
                            {"earned_wei", wei("in final epochs, in all")},
                            {"claimed_wei", wei()},
                            {"deposited_wei", wei("in escrow for this host")},
                            {"redeemed_wei", wei("of the deposit, by this host")},
                            {"records", integer()}})},
        {"Version",
         object(
             {{"version", integer()}, {"root", hash()}, {"records", integer()}, {"index", any()}})},
        {"Run",
         object({{"id", text()},
                 {"name", text("becomes the adapter's id")},
                 {"state", text("queued, preparing, running, paused, stopped, failed, done")},
                 {"error", text("why it failed")},
                 {"step", integer()},
                 {"steps", integer("0 until they are counted")},
                 {"loss_first", number()},
                 {"loss_last", number()},
                 {"seconds", number()},
                 {"tokens_per_second", number()},
                 {"adapter_hash", or_null(hash("null until it is done"))},
                 {"record_hash", or_null(hash("of the training record"))},
                 {"config", any()}})},
    });
}

} // namespace

Json text(std::string_view description) { return typed("string", description); }
Json integer(std::string_view description) { return typed("integer", description); }
Json number(std::string_view description) { return typed("number", description); }
Json boolean(std::string_view description) { return typed("boolean", description); }

Json hash(std::string_view description) {
    return text(description).set("pattern", "^0x[0-9a-fA-F]{64}$");
}
Json address(std::string_view description) {
    return text(description).set("pattern", "^0x[0-9a-fA-F]{40}$");
}
Json wei(std::string_view description) { return text(description).set("pattern", "^[0-9]+$"); }

Json array(Json items, std::string_view description) {
    return typed("array", description).set("items", std::move(items));
}

Json any(std::string_view description) {
    Json out = Json::object();
    if (!description.empty()) out.set("description", description);
    return out;
}

Json one_of(std::initializer_list<Json> schemas, std::string_view description) {
    Json out = any(description);
    return out.set("anyOf", Json::array(schemas));
}

Json values(std::initializer_list<std::string_view> allowed) {
    Json list = Json::array();
    for (const auto each : allowed) list.push(each);
    return text().set("enum", std::move(list));
}

Json or_null(Json schema) {
    if (!schema.contains("type")) return one_of({std::move(schema), typed("null", "")});
    Json type = schema["type"];
    return schema.set("type", Json::array({std::move(type), "null"}));
}

Json ref(std::string_view component) {
    return Json::object({{"$ref", fmt::format("#/components/schemas/{}", component)}});
}

Json object(std::initializer_list<Json::Member> members, std::string_view description) {
    Json out = typed("object", description);
    Json properties = Json::object(), required = Json::array();
    for (const auto& [marked, schema] : members) {
        std::string_view name = marked;
        if (name.ends_with('!')) {
            name.remove_suffix(1);
            required.push(name);
        }
        properties.set(name, schema);
    }
    out.set("properties", std::move(properties));
    if (!required.items().empty()) out.set("required", std::move(required));
    return out;
}

Json with_bounds(Json schema, std::int64_t least, std::int64_t most) {
    const auto type = schema["type"].as_string().value_or("");
    const std::string_view suffix = type == "string"  ? "Length"
                                    : type == "array" ? "Items"
                                                      : "imum";
    schema.set(fmt::format("min{}", suffix), least);
    schema.set(fmt::format("max{}", suffix), most);
    return schema;
}

const Json& components() {
    static const Json all = make_components();
    return all;
}

Status check(const Json& schema, const Json& value, std::string_view place) {
    if (const auto target = schema["$ref"].as_string()) {
        return check(components()[target->substr(target->rfind('/') + 1)], value, place);
    }
    if (const auto& choices = schema["anyOf"].items(); !choices.empty()) {
        std::string why;
        for (const auto& choice : choices) {
            const auto fits = check(choice, value, place);
            if (fits) return {};
            why += (why.empty() ? "" : ", or ") + fits.error().context;
        }
        return fail(ErrorCode::invalid_argument, "{}", why);
    }
    const auto type = schema["type"].as_string().value_or("");
    if (type.empty()) return {};
    if (!is_of(type, value)) {
        return fail(ErrorCode::invalid_argument, "{} must be {}, not {}", place, with_article(type),
                    kind_of(value));
    }
    OL_TRY(check_bounds(schema, type, value, place));
    if (const auto& allowed = schema["enum"].items();
        !allowed.empty() && std::ranges::find(allowed, value) == allowed.end()) {
        return fail(ErrorCode::invalid_argument, "{} must be one of {}", place,
                    schema["enum"].dump());
    }
    for (const auto& name : schema["required"].items()) {
        const auto key = name.as_string().value_or("");
        if (!value.contains(key)) {
            return fail(ErrorCode::invalid_argument, "{}: member '{}' is missing", place, key);
        }
    }
    for (const auto& [name, member] : schema["properties"].members()) {
        // An optional member may be null, as some clients send what they leave unset.
        if (value[name].is_null()) {
            const auto& required = schema["required"].items();
            if (std::ranges::find(required, Json(name)) == required.end()) continue;
        }
        OL_TRY(check(member, value[name], fmt::format("{}.{}", place, name)));
    }
    if (schema.contains("items")) {
        for (std::size_t i = 0; i < value.items().size(); ++i) {
            OL_TRY(check(schema["items"], value.items()[i], fmt::format("{}[{}]", place, i)));
        }
    }
    return {};
}

} // namespace ol::api::schema
