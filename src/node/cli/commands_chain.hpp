// `openledger chain`: the embedded chain by itself. cli/chain_commands.cpp parses, these speak.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "node/cli/session.hpp"

namespace ol::node::cli {

struct ChainCommand {
    std::string folder; // empty: DATA_DIR/chain
    bool archive = false;

    // run: what a new folder is begun with
    std::string genesis; // geth's genesis.json; empty: a development chain
    std::uint64_t chain_id = 7777, gas_limit = 60'000'000;
    std::uint32_t accounts = 10;
    std::string fork = "isthmus";
    bool free_gas = false;

    // run
    std::string host = "127.0.0.1";
    std::uint16_t port = 8545;
    std::vector<std::string> allowed_hosts, allowed_origins;
    std::uint64_t block_time_s = 0, connections = 1024;
    bool no_websocket = false, no_development = false, not_durable = false;
    std::uint32_t engine_port = 0; // 0: none
    std::string engine_host = "127.0.0.1", jwt_secret;

    // export, import, rewind
    std::string file;
    std::uint64_t first = 0, last = 0, number = 0;
    bool state = false, force = false;
};

Status chain_run(Session& session, const ChainCommand& command);
Status chain_info(Session& session, const ChainCommand& command);
Status chain_export(Session& session, const ChainCommand& command);
Status chain_import(Session& session, const ChainCommand& command);
Status chain_verify(Session& session, const ChainCommand& command);
Status chain_rewind(Session& session, const ChainCommand& command);

} // namespace ol::node::cli
