#include "api/router.hpp"
#include "api/routes/paging.hpp"
#include "api/schema.hpp"
#include "base/limits.hpp"
#include "codec/base64.hpp"

namespace ol::api {

namespace {

Result<UploadedFile> parse_file(const Json& json, std::size_t index) {
    UploadedFile out{.name = json["name"].as_string().value_or(""), .content = {}};
    const auto wrong = [&](std::string_view why) {
        return fail(ErrorCode::invalid_argument, "files[{}]: the name '{}' {}", index, out.name,
                    why);
    };
    if (out.name.empty() || out.name == "." || out.name == "..") return wrong("names no file");
    for (const unsigned char c : out.name) {
        if (c == '/' || c == '\\') return wrong("must not hold a folder");
        if (c < 0x20 || c == 0x7f) return wrong("holds a control character");
    }
    const Json &text = json["content"], &coded = json["content_base64"];
    if (text.is_null() == coded.is_null()) {
        return fail(ErrorCode::invalid_argument,
                    "files[{}] ({}): give either content or content_base64", index, out.name);
    }
    if (coded.is_null()) {
        out.content = OL_TRY(text.as_string());
    } else {
        const Bytes bytes = OL_TRY_IN(codec::base64_decode(OL_TRY(coded.as_string())),
                                      "files[{}] ({})", index, out.name);
        out.content = as_text(bytes);
    }
    if (out.content.size() > limits::file_bytes) {
        return fail(ErrorCode::too_large, "files[{}] ({}) is larger than {} bytes", index, out.name,
                    limits::file_bytes);
    }
    return out;
}

Result<Json> contribute(const Call& call) {
    std::vector<UploadedFile> files;
    const auto& given = call.body["files"].items();
    for (std::size_t i = 0; i < given.size(); ++i) {
        files.push_back(OL_TRY(parse_file(given[i], i)));
    }
    return call.services.contribute(call.param("id"), call.body["wallet"].as_string().value_or(""),
                                    call.body["licence"].as_string().value_or(""), files);
}

Result<Json> trace(const Call& call) {
    return call.services.trace(call.body["datanet"].as_string().value_or(""),
                               call.body["version"].as_uint().value_or(0),
                               call.body["text"].as_string().value_or(""));
}

Json contribution_schema() {
    using namespace schema;
    const auto file =
        object({{"name!", with_bounds(text("keeps its extension; no folders"), 1, 255)},
                {"content", text("the file's text; or")},
                {"content_base64", text("its bytes")}});
    return object({{"wallet!", text("name of the wallet that owns and bonds")},
                   {"licence", text("SPDX identifier; default: the datanet's")},
                   {"files!", with_bounds(array(file), 1, limits::contribute_files)}});
}

void add_record_routes(Router& router) {
    using namespace schema;
    router.add(
        {.method = "POST",
         .pattern = "/api/datanets/{id}/contributions",
         .tag = "datanets",
         .operation = "contribute",
         .summary = "Curate files, store and anchor what is accepted with a bond",
         .request = contribution_schema(),
         .response = object(
             {{"batch", or_null(integer("null when nothing was accepted"))},
              {"accepted", integer()},
              {"rejected", array(object({{"file", text()},
                                         {"line", integer()},
                                         {"reason", text()},
                                         {"match", or_null(hash("the record it repeats"))}}))},
              {"root", or_null(hash())}})},
        contribute);
    router.add({.method = "GET",
                .pattern = "/api/datanets/{id}/records",
                .tag = "datanets",
                .operation = "list_records",
                .summary = "Records in the order they were anchored",
                .parameters = paging_parameters(),
                .response = object({{"records", array(ref("Record"))}, {"total", integer()}})},
               [](const Call& call) -> Result<Json> {
                   const Page page = OL_TRY(page_of(call));
                   return call.services.records(call.param("id"), page.offset, page.limit);
               });
    router.add({.method = "GET",
                .pattern = "/api/datanets/{id}/records/{record}",
                .tag = "datanets",
                .operation = "get_record",
                .summary = "One record with its text, batch, leaf and Merkle proof",
                .response = ref("RecordWithProof")},
               [](const Call& call) -> Result<Json> {
                   return call.services.record(call.param("id"), OL_TRY(call.hash_param("record")));
               });
}

void add_version_routes(Router& router) {
    using namespace schema;
    router.add({.method = "GET",
                .pattern = "/api/datanets/{id}/versions",
                .tag = "datanets",
                .operation = "list_versions",
                .summary = "The published versions",
                .response = object({{"versions", array(ref("Version"))}})},
               [](const Call& call) { return call.services.versions(call.param("id")); });
    router.add({.method = "POST",
                .pattern = "/api/datanets/{id}/versions",
                .tag = "datanets",
                .operation = "publish_version",
                .summary = "Publish what is anchored as a new version, with its index",
                .response = ref("Version")},
               [](const Call& call) { return call.services.publish(call.param("id")); });
    router.add(
        {.method = "POST",
         .pattern = "/api/datanets/{id}/versions/{version}/verify",
         .tag = "datanets",
         .operation = "verify_datanet",
         .summary = "Rebuild a version from public data and compare its roots with the ledger"},
        [](const Call& call) -> Result<Json> {
            return call.services.verify_datanet(call.param("id"),
                                                OL_TRY(call.number_param("version")));
        });
    router.add({.method = "POST",
                .pattern = "/api/trace",
                .tag = "datanets",
                .operation = "trace",
                .summary = "Which records a text repeats, and how the credit for it is shared",
                .request = object({{"datanet!", text("id or name")},
                                   {"version", with_bounds(integer("0: the newest"), 0, INT64_MAX)},
                                   {"text!", with_bounds(text(), 1, limits::record_bytes)}}),
                .response = object({{"symbols", integer()},
                                    {"covered", integer()},
                                    {"explained", number()},
                                    {"spans", array(ref("Span"))},
                                    {"shares", array(ref("Share"))}})},
               trace);
}

} // namespace

void add_datanet_routes(Router& router) {
    using namespace schema;
    router.add({.method = "GET",
                .pattern = "/api/datanets",
                .tag = "datanets",
                .operation = "list_datanets",
                .summary = "All datanets",
                .response = object({{"datanets", array(ref("Datanet"))}})},
               [](const Call& call) { return call.services.datanets(); });
    router.add({.method = "POST",
                .pattern = "/api/datanets",
                .tag = "datanets",
                .operation = "create_datanet",
                .summary = "Register a datanet on the ledger",
                .request = object({{"name!", with_bounds(text(), 1, 200)},
                                   {"summary", text()},
                                   {"licence", text("SPDX identifier")},
                                   {"wallet!", text("name of the wallet that owns it")}}),
                .response = ref("Datanet")},
               [](const Call& call) { return call.services.create_datanet(call.body); });
    router.add({.method = "GET",
                .pattern = "/api/datanets/{id}",
                .tag = "datanets",
                .operation = "get_datanet",
                .summary = "One datanet",
                .response = ref("Datanet")},
               [](const Call& call) { return call.services.datanet(call.param("id")); });
    add_record_routes(router);
    add_version_routes(router);
}

} // namespace ol::api
