#include "net/origin.hpp"

#include <algorithm>

namespace ol::net {

namespace {

std::string lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

bool is_local_page(std::string_view origin) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (origin.starts_with(scheme)) {
            return is_loopback_name(without_port(origin.substr(scheme.size())));
        }
    }
    return false;
}

bool is_extension(std::string_view origin) {
    static constexpr std::string_view schemes[] = {"chrome-extension://", "moz-extension://",
                                                   "safari-web-extension://"};
    return std::ranges::any_of(schemes, [&](auto scheme) { return origin.starts_with(scheme); });
}

} // namespace

std::string_view without_port(std::string_view host) {
    const std::size_t bracket = host.rfind(']');
    const std::size_t colon = host.rfind(':');
    if (colon == std::string_view::npos) return host;
    if (bracket != std::string_view::npos && colon < bracket) return host;
    return host.substr(0, colon);
}

bool is_loopback_name(std::string_view name) {
    if (name == "localhost" || name == "[::1]") return true;
    if (name.ends_with(".localhost")) {
        return std::ranges::all_of(name, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
        });
    }
    if (!name.starts_with("127.")) return false;
    // 127.0.0.0/8 as an address, not "127.example.org".
    return std::ranges::all_of(name, [](char c) { return (c >= '0' && c <= '9') || c == '.'; }) &&
           std::ranges::count(name, '.') == 3;
}

Status check_host(const Request& request, const AccessPolicy& policy) {
    const std::string host = lower_case(request.header("host"));
    const std::string_view name = without_port(host);
    if (is_loopback_name(name)) return {};
    for (const auto& each : policy.hosts) {
        const std::string allowed = lower_case(each);
        if (allowed == "*" || allowed == host || allowed == name) return {};
    }
    return fail(ErrorCode::permission_denied,
                "the host name '{}' is not allowed (use 127.0.0.1, or have the node allow it)",
                host);
}

Status check_origin(const Request& request, const AccessPolicy& policy) {
    const std::string origin = lower_case(request.header("origin"));
    if (origin.empty() || is_local_page(origin) || is_extension(origin)) return {};
    for (const auto& each : policy.origins) {
        if (each == "*" || lower_case(each) == origin) return {};
    }
    return fail(ErrorCode::permission_denied,
                "pages of the origin '{}' may not use this server (have the node allow it)",
                origin);
}

Response preflight_reply(const Request& request) {
    Response out;
    out.status = 204;
    add_cors_headers(request, out);
    out.headers.emplace_back("access-control-allow-methods", "POST, GET, OPTIONS");
    out.headers.emplace_back("access-control-allow-headers", "content-type, authorization");
    out.headers.emplace_back("access-control-max-age", "600");
    // A page of the Internet that calls a server on this machine asks for it by name.
    if (request.header("access-control-request-private-network") == "true") {
        out.headers.emplace_back("access-control-allow-private-network", "true");
    }
    return out;
}

void add_cors_headers(const Request& request, Response& response) {
    const std::string_view origin = request.header("origin");
    if (origin.empty()) return;
    response.headers.emplace_back("access-control-allow-origin", std::string(origin));
    response.headers.emplace_back("vary", "origin");
}

} // namespace ol::net
