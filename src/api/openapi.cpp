#include <map>

#include "api/router.hpp"
#include "api/schema.hpp"

namespace ol::api {

namespace {

struct PathParameter {
    std::string_view description;
    Json schema;
};

PathParameter describe(std::string_view name) {
    if (name == "address") return {"an account", schema::address()};
    if (name == "record") return {"the record's id", schema::hash()};
    if (name == "hash") return {"the receipt's hash", schema::hash()};
    const auto number = [] { return schema::with_bounds(schema::integer(), 0, INT64_MAX); };
    if (name == "n") return {"the epoch's number", number()};
    if (name == "version") return {"the version's number; 0: the newest", number()};
    return {"an id, or a name where the resource has one", schema::text()};
}

Json parameter(std::string_view name, std::string_view place, std::string_view description,
               Json schema) {
    return Json::object({{"name", name},
                         {"in", place},
                         {"required", place == "path"},
                         {"description", description},
                         {"schema", std::move(schema)}});
}

Json content(std::string_view type, Json schema) {
    Json media = Json::object({{"schema", std::move(schema)}});
    return Json::object().set(type, std::move(media));
}

Json response(std::string_view description, Json body) {
    return Json::object({{"description", description}, {"content", std::move(body)}});
}

Json operation_of(const Route& route) {
    Json out = Json::object({{"operationId", route.operation},
                             {"summary", route.summary},
                             {"tags", Json::array({Json(route.tag)})}});
    Json parameters = Json::array();
    for (std::size_t at = 0; (at = route.pattern.find('{', at)) != std::string::npos; ++at) {
        const std::string name = route.pattern.substr(at + 1, route.pattern.find('}', at) - at - 1);
        auto known = describe(name);
        parameters.push(parameter(name, "path", known.description, std::move(known.schema)));
    }
    for (const auto& each : route.parameters) {
        parameters.push(parameter(each.name, each.place, each.description, each.schema));
    }
    if (!parameters.items().empty()) out.set("parameters", std::move(parameters));
    if (!route.request.is_null()) {
        const bool required = !route.request["required"].items().empty() || route.request_is_free;
        out.set("requestBody",
                Json::object({{"required", required},
                              {"content", content("application/json", route.request)}}));
    }
    Json responses = Json::object();
    responses.set("200", response("done", content(route.response_type, route.response.is_null()
                                                                           ? schema::any()
                                                                           : route.response)));
    if (route.payment) {
        responses.set("402", response("a voucher is missing or too small: sign one for the quote",
                                      content("application/json", schema::ref("PaymentRequired"))));
    }
    responses.set("default", response("an error; its code says the class, its message the remedy",
                                      content("application/json", schema::ref("Error"))));
    return out.set("responses", std::move(responses));
}

std::string lower_case(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

} // namespace

Json openapi_document(const Router& router, std::string_view version) {
    Json paths = Json::object();
    for (const auto& route : router.routes()) {
        Json item = paths[route.pattern];
        item.set(lower_case(route.method), operation_of(route));
        paths.set(route.pattern, std::move(item));
    }
    return Json::object(
        {{"openapi", "3.1.0"},
         {"info", Json::object({{"title", "OpenLedger"},
                                {"version", version},
                                {"summary", "Datanets, training runs, attributed completions, "
                                            "receipts and their settlement"}})},
         {"servers", Json::array({Json::object({{"url", "/"}})})},
         {"paths", std::move(paths)},
         {"components", Json::object({{"schemas", schema::components()}})}});
}

} // namespace ol::api
