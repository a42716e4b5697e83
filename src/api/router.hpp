// Router: the one table of routes. It finds the handler of a request, checks the request's body
// against the route's schema, and is printed as /openapi.json.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/services.hpp"
#include "base/clock.hpp"
#include "net/http.hpp"

namespace ol::api {

// One request on its way through its route's handler.
struct Call {
    Services& services;
    const net::Request& request;
    const Clock& clock;
    const std::string& openapi;                            // the printed document
    std::vector<std::pair<std::string, std::string>> path; // {name} -> decoded segment
    Json body; // of a route with a request schema: checked; an empty body is an empty object

    const std::string& param(std::string_view name) const; // "" when absent
    Result<Hash32> hash_param(std::string_view name) const;
    Result<Address> address_param(std::string_view name) const;
    Result<std::uint64_t> number_param(std::string_view name) const;
    // A query parameter: `otherwise` when absent, invalid_argument when no number or above `most`.
    Result<std::uint64_t> number_query(std::string_view name, std::uint64_t otherwise,
                                       std::uint64_t most) const;
};

using RouteHandler = std::function<Result<net::Response>(const Call&)>;
using JsonHandler = std::function<Result<Json>(const Call&)>;

struct Parameter {
    std::string name;
    std::string place; // "query" or "header"
    std::string description;
    Json schema;
};

struct Route {
    std::string method;    // "GET", "POST"
    std::string pattern;   // "/api/datanets/{id}"
    std::string tag;       // the part of the API
    std::string operation; // operationId: "get_datanet"
    std::string summary;
    std::vector<Parameter> parameters = {}; // those of the path are made from the pattern
    Json request = {};                      // schema of the body; null: none is read
    bool request_is_free = false;           // the body is passed on as it is
    Json response = {};                     // schema of a 200
    std::string response_type = "application/json";
    bool payment = false; // may answer 402 with a quote
    RouteHandler handler = {};
};

class Router {
public:
    // Two routes with the same method and pattern are a programmer's error.
    void add(Route route, JsonHandler handler);
    void add_raw(Route route); // with its own Response

    struct Match {
        const Route* route = nullptr;
        std::vector<std::pair<std::string, std::string>> path;
    };
    // HEAD finds GET. Without a route: the methods that the path has (none: not found).
    Result<Match> find(std::string_view method, std::string_view path,
                       std::vector<std::string>* allowed) const;
    const std::vector<Route>& routes() const { return routes_; }

private:
    std::vector<Route> routes_;
};

net::Response json_response(const Json& body, int status = 200);
net::Response error_response(const Error& error);
int status_of(ErrorCode code);

// OpenAPI 3.1 of every route in the table.
Json openapi_document(const Router& router, std::string_view version);

// One per resource; they add their routes.
void add_status_routes(Router& router);
void add_datanet_routes(Router& router);
void add_run_routes(Router& router);
void add_model_routes(Router& router);
void add_completion_routes(Router& router);
void add_receipt_routes(Router& router);
void add_epoch_routes(Router& router);
void add_account_routes(Router& router);

} // namespace ol::api
