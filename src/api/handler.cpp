#include "api/handler.hpp"

#include <algorithm>

#include "api/schema.hpp"
#include "net/origin.hpp"

namespace ol::api {

namespace {

std::string lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

// Requests that change something: only from the node's own pages, or from no page at all.
Status check_origin(const net::Request& request) {
    const std::string_view origin = request.header("origin");
    if (!origin.empty() && lower_case(origin) != "http://" + lower_case(request.header("host"))) {
        return fail(ErrorCode::permission_denied,
                    "requests from the origin '{}' may not change anything here", origin);
    }
    const std::string_view site = request.header("sec-fetch-site");
    if (!site.empty() && site != "same-origin" && site != "none") {
        return fail(ErrorCode::permission_denied,
                    "requests from another site's page may not change anything here");
    }
    return {};
}

bool is_json(const net::Request& request) {
    const std::string type = lower_case(request.header("content-type"));
    const std::string_view kind = std::string_view(type).substr(0, type.find(';'));
    // Commands without a body need no type; against other sites' forms stands check_origin.
    if (request.body.empty() && kind.empty()) return true;
    return kind.substr(0, kind.find_last_not_of(" \t") + 1) == "application/json";
}

Result<Json> body_of(const Route& route, const net::Request& request) {
    if (route.request.is_null() || route.request_is_free) return Json();
    if (request.body.find_first_not_of(" \t\r\n") == std::string::npos) {
        Json none = Json::object();
        OL_TRY(schema::check(route.request, none));
        return none;
    }
    Json body = OL_TRY_IN(Json::parse(request.body), "body");
    OL_TRY(schema::check(route.request, body));
    return body;
}

bool is_api_path(std::string_view path) {
    return path == "/api" || path.starts_with("/api/") || path == "/v1" ||
           path.starts_with("/v1/") || path == "/rpc" || path == "/openapi.json";
}

class ApiHandler {
public:
    ApiHandler(Services& services, Path web_root, HandlerOptions options)
        : services_(services)
        , web_root_(std::move(web_root))
        , options_(std::move(options))
        , access_{.hosts = options_.allowed_hosts, .origins = {}}
        , router_(make_router())
        , openapi_(openapi_document(router_, options_.version).dump()) {}

    net::Response operator()(const net::Request& request) const {
        auto response = handle(request);
        net::Response out = response ? std::move(*response) : error_response(response.error());
        out.headers.emplace_back("x-content-type-options", "nosniff");
        const bool cached = std::ranges::any_of(
            out.headers, [](const auto& header) { return header.first == "cache-control"; });
        if (!cached) out.headers.emplace_back("cache-control", "no-store");
        return out;
    }

private:
    Result<net::Response> handle(const net::Request& request) const {
        OL_TRY(net::check_host(request, access_));
        const bool reads = request.method == "GET" || request.method == "HEAD";
        if (reads && !is_api_path(request.path)) return static_file(web_root_, request);

        std::vector<std::string> allowed;
        auto match = router_.find(request.method, request.path, &allowed);
        if (!match && !allowed.empty()) return wrong_method(request, allowed);
        if (!match) return std::unexpected(match.error());
        const Route& route = *match->route;
        if (!reads) {
            OL_TRY(check_origin(request));
            if (!is_json(request)) {
                return net::error_reply(415, to_string(ErrorCode::invalid_argument),
                                        "the content type must be application/json (add the header "
                                        "'content-type: application/json')");
            }
        }
        static const SystemClock system_clock;
        const Clock& clock = options_.clock != nullptr ? *options_.clock : system_clock;
        const Call call{.services = services_,
                        .request = request,
                        .clock = clock,
                        .openapi = openapi_,
                        .path = std::move(match->path),
                        .body = OL_TRY(body_of(route, request))};
        return route.handler(call);
    }

    static net::Response wrong_method(const net::Request& request,
                                      const std::vector<std::string>& allowed) {
        std::string list;
        for (const auto& each : allowed) {
            if (!list.contains(each)) list += (list.empty() ? "" : ", ") + each;
        }
        net::Response out = net::error_reply(
            405, to_string(ErrorCode::invalid_argument),
            fmt::format("{} does not take {}, only {}", request.path, request.method, list));
        out.headers.emplace_back("allow", list);
        return out;
    }

    Services& services_;
    const Path web_root_;
    const HandlerOptions options_;
    const net::AccessPolicy access_;
    const Router router_;
    const std::string openapi_;
};

} // namespace

Router make_router() {
    Router router;
    add_status_routes(router);
    add_datanet_routes(router);
    add_run_routes(router);
    add_model_routes(router);
    add_completion_routes(router);
    add_receipt_routes(router);
    add_epoch_routes(router);
    add_account_routes(router);
    return router;
}

net::Handler make_handler(Services& services, Path web_root, HandlerOptions options) {
    // The handler is copied by std::function: the table is built once.
    auto shared =
        std::make_shared<const ApiHandler>(services, std::move(web_root), std::move(options));
    return [shared](const net::Request& request) { return (*shared)(request); };
}

} // namespace ol::api
