#include "api/router.hpp"
#include "api/schema.hpp"

namespace ol::api {

namespace {

Json model_schema() {
    using namespace schema;
    return object({{"id", text()},
                   {"object", text("\"model\"")},
                   {"created", integer()},
                   {"owned_by", text()},
                   {"parent", or_null(text("the base model of an adapter"))},
                   {"owner", or_null(address())},
                   {"price_in", or_null(wei("per 1,000 prompt tokens"))},
                   {"price_out", or_null(wei("per 1,000 answer tokens"))},
                   {"datanet", or_null(hash())},
                   {"version", or_null(integer())}});
}

Result<Json> find_model(const Call& call) {
    const Json list = OL_TRY(call.services.models());
    for (const auto& model : list["data"].items()) {
        if (model["id"] == Json(call.param("id"))) return model;
    }
    return fail(ErrorCode::not_found, "no model '{}' (GET /v1/models lists them)",
                call.param("id"));
}

} // namespace

void add_model_routes(Router& router) {
    using namespace schema;
    router.add(
        {.method = "GET",
         .pattern = "/v1/models",
         .tag = "models",
         .operation = "list_models",
         .summary = "The base model and the registered adapters, with prices",
         .response = object({{"object", text("\"list\"")}, {"data", array(model_schema())}})},
        [](const Call& call) { return call.services.models(); });
    router.add({.method = "GET",
                .pattern = "/v1/models/{id}",
                .tag = "models",
                .operation = "get_model",
                .summary = "One model of the list",
                .response = model_schema()},
               find_model);
    router.add(
        {.method = "POST",
         .pattern = "/api/models/{model}/verify",
         .tag = "models",
         .operation = "verify_model",
         .summary = "Compare an adapter's files with the ledger; or train it again and compare",
         .request = object({{"retrain", boolean("train again from the record")}})},
        [](const Call& call) {
            return call.services.verify_model(call.param("model"),
                                              call.body["retrain"].as_bool().value_or(false));
        });
    router.add({.method = "POST",
                .pattern = "/v1/load_lora_adapter",
                .tag = "models",
                .operation = "load_adapter",
                .summary = "Load an adapter into memory ahead of its first request",
                .request = object({{"lora_name!", with_bounds(text(), 1, 200)}})},
               [](const Call& call) {
                   return call.services.load_adapter(
                       call.body["lora_name"].as_string().value_or(""));
               });
    router.add({.method = "POST",
                .pattern = "/v1/unload_lora_adapter",
                .tag = "models",
                .operation = "unload_adapter",
                .summary = "Let an adapter's memory go; its next request loads it again",
                .request = object({{"lora_name!", with_bounds(text(), 1, 200)}})},
               [](const Call& call) {
                   return call.services.unload_adapter(
                       call.body["lora_name"].as_string().value_or(""));
               });
}

} // namespace ol::api
