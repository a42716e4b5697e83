// The openledger program: everything is in src/node/cli.
#include "node/cli/cli.hpp"

int main(int argc, char** argv) { return ol::node::cli::run(argc, argv); }
