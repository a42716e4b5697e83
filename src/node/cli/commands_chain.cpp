#include "node/cli/commands_chain.hpp"

#include <algorithm>
#include <csignal>

#include <sys/resource.h>

#include "base/log.hpp"
#include "chain/genesis.hpp"
#include "chain/genesis_file.hpp"
#include "chain/node.hpp"
#include "crypto/mnemonic.hpp"

namespace ol::node::cli {

using codec::Json;

namespace {

constexpr std::uint64_t genesis_bytes = 64ULL << 20;

Path folder_of(Session& session, const ChainCommand& command) {
    return command.folder.empty() ? session.options().node.data_dir / "chain"
                                  : Path(command.folder);
}

Result<chain::Genesis> make_genesis(Session& session, const ChainCommand& command) {
    if (!command.genesis.empty()) {
        const auto text = OL_TRY(read_text_file(command.genesis, genesis_bytes));
        const Json json = OL_TRY_IN(Json::parse(text), "{}", command.genesis);
        return OL_TRY_IN(chain::genesis_from_json(json), "{}", command.genesis);
    }
    const auto fork = chain::op_fork_by_name(command.fork);
    if (!fork || *fork < chain::OpFork::isthmus) {
        return fail(ErrorCode::invalid_argument, "--fork is isthmus or jovian, not '{}'",
                    command.fork);
    }
    chain::DevelopmentOptions options;
    options.chain_id = command.chain_id;
    options.fork = *fork;
    options.gas_limit = command.gas_limit;
    options.accounts = command.accounts;
    options.free_gas = command.free_gas;
    const auto& node = session.options().node;
    const Path artifacts =
        node.artifacts.empty() ? OL_TRY(find_resource("contracts/out")) : node.artifacts;
    return chain::development_genesis(options, artifacts);
}

// Many connections need many descriptors: as many as the system lets this process have.
void raise_descriptor_limit(std::uint64_t connections) {
    constexpr std::uint64_t others = 512; // the database's files
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    const rlim_t wanted = std::min<rlim_t>(limit.rlim_max, connections + others);
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur < connections + others) {
        log::warning("chain", "the system allows {} open files: fewer than {} connections will do",
                     static_cast<std::uint64_t>(limit.rlim_cur), connections);
    }
}

Result<chain::NodeOptions> node_options(Session& session, const ChainCommand& command) {
    chain::NodeOptions out;
    const Path folder = folder_of(session, command);
    out.genesis =
        OL_TRY(chain::read_or_make_genesis(folder, [&] { return make_genesis(session, command); }));
    out.chain.folder = folder;
    out.chain.durable = !command.not_durable;
    out.chain.state.archive = command.archive;
    out.chain.threads = session.options().node.threads;
    out.host = command.host;
    out.port = command.port;
    out.websocket = !command.no_websocket;
    out.connections = command.connections;
    out.access = {.hosts = command.allowed_hosts, .origins = command.allowed_origins};
    out.sequencer.instant = command.block_time_s == 0;
    if (command.block_time_s != 0) out.sequencer.block_time_s = command.block_time_s;
    out.sequencer.development = !command.no_development;
    const bool free_gas = out.genesis.header.base_fee && out.genesis.header.base_fee->is_zero();
    if (free_gas) out.minimum_priority_fee = U256();
    if (command.engine_port != 0) {
        chain::EngineOptions engine;
        engine.host = command.engine_host;
        engine.port = static_cast<std::uint16_t>(command.engine_port);
        engine.jwt_secret =
            command.jwt_secret.empty() ? folder / "jwt.hex" : Path(command.jwt_secret);
        out.engine = std::move(engine);
    }
    return out;
}

// The accounts of the known mnemonic that the genesis funds.
Result<std::vector<crypto::PrivateKey>> known_keys(const chain::Genesis& genesis) {
    constexpr std::uint32_t most = 1024;
    std::vector<crypto::PrivateKey> out;
    const auto keys = OL_TRY(crypto::keys_of_mnemonic(
        chain::development_mnemonic,
        std::min(most, static_cast<std::uint32_t>(genesis.accounts.size()))));
    for (const auto& key : keys) {
        const auto found = std::ranges::lower_bound(genesis.accounts, key.address(), {},
                                                    &chain::GenesisAccount::address);
        if (found == genesis.accounts.end() || found->address != key.address()) break;
        out.push_back(key);
    }
    return out;
}

Json run_json(chain::Node& node, const chain::NodeOptions& options) {
    Json accounts = Json::array();
    for (const auto& key : options.unlocked) {
        accounts.push(Json::object({{"address", crypto::checksum_address(key.address())},
                                    {"key", to_hex0x(key.secret().view())}}));
    }
    Json out = Json::object({{"url", node.url()},
                             {"websocket", node.websocket_url()},
                             {"chain_id", node.chain().config().chain_id},
                             {"block", node.chain().head().number},
                             {"folder", options.chain.folder.string()},
                             {"accounts", std::move(accounts)}});
    if (options.engine) {
        out.set("engine", node.engine_url());
        out.set("jwt_secret", options.engine->jwt_secret.string());
    }
    return out;
}

void print_run(Session& session, chain::Node& node, const chain::NodeOptions& options) {
    const auto& out = session.console();
    out.line(out.paint(Paint::bold, "The chain runs"));
    out.line(fmt::format("  JSON-RPC  {}{}", node.url(),
                         node.websocket_url().empty() ? "" : "  and  " + node.websocket_url()));
    if (options.engine) {
        out.line(fmt::format("  engine    {} (secret in {})", node.engine_url(),
                             options.engine->jwt_secret.string()));
    }
    out.line(fmt::format("  chain id  {}", node.chain().config().chain_id));
    out.line(fmt::format("  head      block {}", node.chain().head().number));
    out.line(fmt::format("  data      {}", options.chain.folder.string()));
    if (!options.unlocked.empty()) {
        out.line("Accounts of the mnemonic that everybody knows (for development alone):");
        for (const auto& key : options.unlocked) {
            out.line(fmt::format("  {}  {}", crypto::checksum_address(key.address()),
                                 to_hex0x(key.secret().view())));
        }
    }
    out.line("Stop with Ctrl-C.");
}

} // namespace

Status chain_run(Session& session, const ChainCommand& command) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    raise_descriptor_limit(command.connections);
    auto options = OL_TRY(node_options(session, command));
    if (options.sequencer.development && !options.engine) {
        options.unlocked = OL_TRY(known_keys(options.genesis));
    }
    const auto node = OL_TRY(chain::Node::start(options));
    if (session.json()) {
        session.print(run_json(*node, options));
    } else {
        print_run(session, *node, options);
    }
    int received = 0;
    sigwait(&signals, &received);
    if (!session.json()) session.console().line("\nstopping...");
    node->stop();
    return {};
}

} // namespace ol::node::cli
