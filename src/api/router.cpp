#include "api/router.hpp"

#include <charconv>

#include "base/check.hpp"

namespace ol::api {

namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
    std::vector<std::string_view> out;
    while (!path.empty()) {
        path.remove_prefix(1); // the '/'
        const std::size_t end = std::min(path.find('/'), path.size());
        out.push_back(path.substr(0, end));
        path.remove_prefix(end);
    }
    return out;
}

bool is_param(std::string_view segment) { return segment.starts_with('{'); }

Result<std::uint64_t> parse_number(std::string_view name, std::string_view text) {
    std::uint64_t out = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || at != text.data() + text.size()) {
        return fail(ErrorCode::invalid_argument, "{} must be a number of 0 or more, not '{}'", name,
                    text);
    }
    return out;
}

} // namespace

const std::string& Call::param(std::string_view name) const {
    static const std::string absent;
    for (const auto& [each, value] : path) {
        if (each == name) return value;
    }
    return absent;
}

Result<Hash32> Call::hash_param(std::string_view name) const {
    return OL_TRY_IN(hash32_from_hex(param(name)), "{}", name);
}

Result<Address> Call::address_param(std::string_view name) const {
    return OL_TRY_IN(address_from_hex(param(name)), "{}", name);
}

Result<std::uint64_t> Call::number_param(std::string_view name) const {
    return parse_number(name, param(name));
}

Result<std::uint64_t> Call::number_query(std::string_view name, std::uint64_t otherwise,
                                         std::uint64_t most) const {
    const std::string text = request.query_value(name);
    if (text.empty()) return otherwise;
    const auto number = OL_TRY(parse_number(name, text));
    if (number > most) {
        return fail(ErrorCode::invalid_argument, "{} must be at most {}, is {}", name, most,
                    number);
    }
    return number;
}

void Router::add_raw(Route route) {
    OL_CHECK(route.handler && route.pattern.starts_with('/'));
    for (const auto& each : routes_) {
        OL_CHECK(each.method != route.method || each.pattern != route.pattern);
        OL_CHECK(each.operation != route.operation);
    }
    routes_.push_back(std::move(route));
}

void Router::add(Route route, JsonHandler handler) {
    route.handler = [handler = std::move(handler)](const Call& call) -> Result<net::Response> {
        return json_response(OL_TRY(handler(call)));
    };
    add_raw(std::move(route));
}

Result<Router::Match> Router::find(std::string_view method, std::string_view path,
                                   std::vector<std::string>* allowed) const {
    const std::string_view wanted = method == "HEAD" ? "GET" : method;
    const auto given = segments_of(path);
    Match best;
    std::size_t best_literals = 0;
    for (const auto& route : routes_) {
        const auto pattern = segments_of(route.pattern);
        if (pattern.size() != given.size()) continue;
        Match match{.route = &route, .path = {}};
        std::size_t literals = 0;
        bool fits = true;
        for (std::size_t i = 0; fits && i < pattern.size(); ++i) {
            if (is_param(pattern[i])) {
                fits = !given[i].empty();
                match.path.emplace_back(pattern[i].substr(1, pattern[i].size() - 2), given[i]);
            } else {
                fits = pattern[i] == given[i];
                ++literals;
            }
        }
        if (!fits) continue;
        if (route.method != wanted) {
            if (allowed != nullptr) allowed->push_back(route.method);
            continue;
        }
        if (best.route == nullptr || literals > best_literals) {
            best = std::move(match);
            best_literals = literals;
        }
    }
    if (best.route == nullptr) {
        return fail(ErrorCode::not_found, "no route {} {} (GET /openapi.json lists them)", method,
                    path);
    }
    return best;
}

net::Response json_response(const Json& body, int status) {
    net::Response out;
    out.status = status;
    out.body = body.dump();
    return out;
}

int status_of(ErrorCode code) {
    switch (code) {
    case ErrorCode::invalid_argument:
        return 400;
    case ErrorCode::payment:
        return 402;
    case ErrorCode::permission_denied:
        return 403;
    case ErrorCode::not_found:
        return 404;
    case ErrorCode::conflict:
    case ErrorCode::already_exists:
        return 409;
    case ErrorCode::too_large:
        return 413;
    case ErrorCode::unverified:
        return 422;
    case ErrorCode::unsupported:
        return 501;
    case ErrorCode::unavailable:
        return 503;
    case ErrorCode::corrupted:
    case ErrorCode::io:
    case ErrorCode::cancelled:
    case ErrorCode::internal:
        return 500;
    }
    return 500;
}

net::Response error_response(const Error& error) {
    return net::error_reply(status_of(error.code), to_string(error.code), error.context);
}

} // namespace ol::api
