// A server whose brief requests are answered where they are read: on an io thread, without the two
// changes of threads that a worker costs. No domain words here.
#pragma once

#include "net/http.hpp"

namespace ol::net {

// Whether a request's handler takes well under a millisecond as a rule. Such requests are handled
// by as many threads as there are processors (at most four), each with its own connections; one
// that takes longer than two to six milliseconds loses its thread's place to another, and holds up
// the connections of that thread for that long; so many at once as there are worker threads. Called
// on an io thread, for every request; must not throw.
using IsBrief = std::function<bool(const Request&)>;

// Server::start, with brief requests outside of the workers and of their queue's limit.
Result<std::unique_ptr<Server>> start_server(ServerOptions options, Handler handler,
                                             IsBrief is_brief);

} // namespace ol::net
