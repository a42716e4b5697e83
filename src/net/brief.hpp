// A server whose brief requests are answered where they are read: on its io thread, without the two
// changes of threads that a worker costs. No domain words here.
#pragma once

#include "net/http.hpp"

namespace ol::net {

// Whether a request's handler takes well under a millisecond as a rule. One that takes longer loses
// the io thread's place to another thread after two milliseconds, so that it holds up the others
// for that long and no longer; so many at once as there are worker threads. Called on the io
// thread, for every request; must not throw.
using IsBrief = std::function<bool(const Request&)>;

// Server::start, with brief requests outside of the workers and of their queue's limit.
Result<std::unique_ptr<Server>> start_server(ServerOptions options, Handler handler,
                                             IsBrief is_brief);

} // namespace ol::net
