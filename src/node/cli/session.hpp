// Session: what a command works with - the running node over HTTP when there is one, else a node
// opened in this process - and how it prints.
#pragma once

#include <memory>
#include <string>

#include "api/services.hpp"
#include "node/cli/console.hpp"
#include "node/node.hpp"

namespace ol::node::cli {

struct GlobalOptions {
    NodeConfig node;
    std::string node_url; // --node
    bool json = false;
};

class Session {
public:
    explicit Session(GlobalOptions options)
        : options_(std::move(options)) {}

    const GlobalOptions& options() const { return options_; }
    const Console& console() const { return console_; }
    bool json() const { return options_.json; }

    // Opened at first use.
    Result<api::Services*> services();
    // The node in this process, or null when services() speaks to a running one.
    Node* local() { return local_.get(); }
    Result<KeyRing*> keys();
    // Ledger and contracts as the node names them.
    Result<ledger::Contracts*> contracts();

    void print(const codec::Json& value) const { console_.line(value.dump(2)); }

private:
    GlobalOptions options_;
    Console console_;
    std::unique_ptr<Node> local_;
    std::unique_ptr<api::Services> remote_;
    std::unique_ptr<KeyRing> keys_;
    std::unique_ptr<ledger::Chain> chain_;
    std::unique_ptr<ledger::Contracts> contracts_;
};

} // namespace ol::node::cli
