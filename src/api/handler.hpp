// The node's HTTP handler: the API's routes and the console's files behind one door.
#pragma once

#include <string>
#include <vector>

#include "api/router.hpp"

namespace ol::api {

struct HandlerOptions {
    // Names under which the node may be spoken to besides loopback ones ("node.example:8420" or
    // without the port); "*" allows any. Without this check a web page could reach a local node by
    // pointing its own name at 127.0.0.1 (DNS rebinding).
    std::vector<std::string> allowed_hosts = {};
    std::string version = "0.1.0";
    const Clock* clock = nullptr; // of "created" alone; null: the system's
};

// `services` outlives the handler. `web_root` may be absent: then there is no console.
net::Handler make_handler(Services& services, Path web_root, HandlerOptions options = {});

// Every route of docs/API.md.
Router make_router();

// A file of `root` for GET / and the like; not_found for whatever lies outside, is hidden or
// absent.
Result<net::Response> static_file(const Path& root, const net::Request& request);

} // namespace ol::api
