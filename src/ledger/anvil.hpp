// The development chain: anvil as a child process on loopback, stopped with its owner (also when
// the owner is killed). State is kept in a file, so that a restarted node finds its ledger again.
#pragma once

#include <memory>
#include <string>

#include "base/file.hpp"
#include "base/result.hpp"
#include "crypto/secp256k1.hpp"

namespace ol::ledger {

struct AnvilOptions {
    Path executable = {};   // found by find_anvil() when empty
    Path state_file = {};   // empty: nothing is kept
    std::uint16_t port = 0; // 0: any free port
    std::uint64_t chain_id = 7777;
};

class Anvil {
public:
    // Ready to answer when it returns. not_found with the remedy when anvil is not installed,
    // unavailable with the end of its output when it does not start.
    static Result<std::unique_ptr<Anvil>> start(const AnvilOptions& options);
    ~Anvil(); // saves the state and stops it
    std::string url() const;

private:
    Anvil() = default;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// contracts/node_modules' platform package, or PATH.
Result<Path> find_anvil();

} // namespace ol::ledger
