// Who may call a server through a browser: the Host header against the names that the server
// answers to (DNS rebinding), the Origin header against the pages that may use it (CORS).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/http.hpp"

namespace ol::net {

// "127.0.0.1:8420" -> "127.0.0.1"; "[::1]:8420" -> "[::1]".
std::string_view without_port(std::string_view host);
// Lower-case names of this machine: localhost and below it, 127.0.0.0/8, [::1].
bool is_loopback_name(std::string_view name);

struct AccessPolicy {
    std::vector<std::string> hosts = {}; // names besides loopback's; "*": any
    std::vector<std::string> origins =
        {}; // "https://example.org", besides loopback pages; "*": any
};

// permission_denied with the remedy.
Status check_host(const Request& request, const AccessPolicy& policy);
// Also for requests without an Origin header, and for the pages of browser extensions (wallets).
Status check_origin(const Request& request, const AccessPolicy& policy);

// The answer to a preflight request that check_origin let through.
Response preflight_reply(const Request& request);
// What lets the page at the request's origin read the reply; nothing without an origin.
void add_cors_headers(const Request& request, Response& response);

} // namespace ol::net
