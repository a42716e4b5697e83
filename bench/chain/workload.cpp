// What bench/chain.mjs measures of our own chain: chain_workload PART [options of the part].
#include <cstdio>
#include <cstring>

#include "chain/parts.hpp"

int main(int argc, char** argv) {
    const std::string part = argc > 1 ? argv[1] : "";
    if (part == "evm") return bench::run_evm(argc - 2, argv + 2);
    std::fprintf(stderr, "usage: chain_workload evm [options]\n");
    return 2;
}
