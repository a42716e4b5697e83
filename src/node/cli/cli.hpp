// The command line: `openledger COMMAND`.
#pragma once

namespace ol::node::cli {

// Exit code: 0 done, 1 failed (the error on stderr), 2 wrong usage.
int run(int argc, char** argv);

} // namespace ol::node::cli
