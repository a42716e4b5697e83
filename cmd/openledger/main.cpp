// The openledger program: everything is in src/node/cli.
#include "node/cli/cli.hpp"

// Of jemalloc: what is free goes back to the system soon, and few arenas hold some back.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:4,dirty_decay_ms:500,muzzy_decay_ms:0,background_thread:true,"
                          "max_background_threads:1";
}

int main(int argc, char** argv) { return ol::node::cli::run(argc, argv); }
