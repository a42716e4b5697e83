// NodeConfig: everything that a node is told from outside. Read by the command line, checked once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"

namespace ol::node {

// The development ledger of a node without an rpc_url.
enum class LedgerKind { embedded, anvil };

struct NodeConfig {
    Path data_dir;
    std::string rpc_url; // empty: a development chain of its own
    LedgerKind ledger = LedgerKind::embedded;
    Path chain_folder;              // of the embedded chain; empty: data_dir/chain
    std::uint16_t chain_port = 0;   // of its JSON-RPC; 0: any free one
    std::uint64_t block_time_s = 0; // 0: a block as soon as a transaction waits
    bool archive = false;           // every state of the past can be read
    std::string host = "127.0.0.1";
    std::uint16_t port = 8420;
    std::vector<std::string> allowed_hosts; // names besides loopback under which it may be called
    Path base_model;                        // Hugging Face folder; empty: the shipped one
    Path artifacts;                         // contracts/out; empty: the one beside the program
    Path web_root;                          // web/dist; empty: the one beside the program
    Path password_file;                     // empty: $OPENLEDGER_PASSWORD, else data_dir/password
    unsigned threads = 0;                   // 0: all cores
};

// Where anvil keeps its ledger.
inline Path anvil_state_file(const NodeConfig& config) {
    return config.data_dir / "chain-state.json";
}

// $OPENLEDGER_DATA_DIR, else $XDG_DATA_HOME/openledger, else ~/.local/share/openledger.
Path default_data_dir();

// `relative` looked for beside the program and in each folder above it: how a build tree and an
// installed tree both find models/, contracts/out and web/dist. not_found names what was looked
// for.
Result<Path> find_resource(const Path& relative);

// The keystore password: password file, environment, or a random one made at first use and kept in
// data_dir/password (mode 0600).
Result<std::string> wallet_password(const NodeConfig& config);

// One process per data folder: holds an advisory lock and tells others where the node listens.
class DataDirLock {
public:
    // conflict when another process holds it.
    static Result<DataDirLock> acquire(const Path& data_dir);
    DataDirLock(DataDirLock&& other) noexcept;
    DataDirLock& operator=(DataDirLock&&) = delete;
    DataDirLock(const DataDirLock&) = delete;
    ~DataDirLock();
    // Writes data_dir/node.url, removed again at the end.
    Status announce(const std::string& url);

private:
    DataDirLock(Path data_dir, int fd)
        : data_dir_(std::move(data_dir))
        , fd_(fd) {}
    Path data_dir_;
    int fd_ = -1;
};

// The address of the node that runs on this data folder; not_found when none does.
Result<std::string> running_node(const Path& data_dir);

} // namespace ol::node
