#include "node/cli/chain_commands.hpp"

#include <CLI/CLI.hpp>

#include "node/cli/commands_chain.hpp"

namespace ol::node::cli {

namespace {

using Action = std::function<Status(Session&)>;

class ChainCommands {
public:
    ChainCommands(CLI::App& root, Action& action)
        : group_(root.add_subcommand("chain", "The embedded OP Stack chain by itself: run it, look "
                                              "into it, export, import, verify, rewind"))
        , action_(action) {
        group_->require_subcommand(1);
        group_->fallthrough();
        group_->footer("Example:\n  openledger chain run --port 8545\n"
                       "  openledger chain info --json");
    }

    void add_run();
    void add_files();
    void add_checks();

private:
    CLI::App* command(const std::string& name, const std::string& what, const std::string& examples,
                      Status (*work)(Session&, const ChainCommand&)) {
        auto* app = group_->add_subcommand(name, what);
        app->footer("Example:\n  openledger chain " + examples);
        app->fallthrough();
        app->add_option("--chain-folder", chain_.folder,
                        "Where the chain is kept (default: DATA_DIR/chain)");
        app->callback(
            [this, work] { action_ = [this, work](Session& s) { return work(s, chain_); }; });
        return app;
    }

    CLI::App* group_;
    Action& action_;
    ChainCommand chain_;
};

void ChainCommands::add_run() {
    auto* run = command("run", "Run the chain: blocks, JSON-RPC over HTTP and WebSocket",
                        "run --port 8545 --block-time 2\n"
                        "  openledger chain run --genesis genesis.json --engine-port 8551 "
                        "--jwt-secret jwt.hex",
                        chain_run);
    run->add_option("--host", chain_.host, "Address to listen on")->capture_default_str();
    run->add_option("--port", chain_.port, "Port of HTTP and WebSocket; 0: any free one")
        ->capture_default_str();
    run->add_option("--allow-host", chain_.allowed_hosts,
                    "A name besides loopback under which it may be called; * for any");
    run->add_option("--allow-origin", chain_.allowed_origins,
                    "A page's origin that may call it, besides pages of this machine; * for any");
    run->add_option("--connections", chain_.connections, "Connections at once; then 503")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    run->add_flag("--no-websocket", chain_.no_websocket, "HTTP alone");
    run->add_option("--block-time", chain_.block_time_s,
                    "Seconds between blocks; 0: a block as soon as a transaction waits")
        ->capture_default_str();
    run->add_flag("--archive", chain_.archive, "Keep every state of the past readable");
    run->add_flag("--no-development", chain_.no_development,
                  "Without time travel, unlocked accounts and changes by hand (evm_, anvil_)");
    run->add_flag("--not-durable", chain_.not_durable,
                  "Do not sync each block to the disk: faster, and a power cut may lose the last");

    const std::string fresh = "New chain";
    run->add_option("--genesis", chain_.genesis,
                    "geth's genesis.json in place of a development one")
        ->group(fresh);
    run->add_option("--chain-id", chain_.chain_id)->capture_default_str()->group(fresh);
    run->add_option("--gas-limit", chain_.gas_limit, "Of a block")
        ->capture_default_str()
        ->group(fresh);
    run->add_option("--accounts", chain_.accounts,
                    "Funded accounts of the mnemonic that everybody knows")
        ->capture_default_str()
        ->group(fresh);
    run->add_option("--fork", chain_.fork, "isthmus or jovian")
        ->capture_default_str()
        ->group(fresh);
    run->add_flag("--free-gas", chain_.free_gas, "Gas costs nothing")->group(fresh);

    const std::string engine = "Engine API (an op-node drives the chain; no sequencer)";
    run->add_option("--engine-port", chain_.engine_port, "Its port, 8551 by custom")
        ->check(CLI::Range(1, 65535))
        ->group(engine);
    run->add_option("--engine-host", chain_.engine_host)->capture_default_str()->group(engine);
    run->add_option("--jwt-secret", chain_.jwt_secret,
                    "File of 64 hex digits; made when it is not there "
                    "(default: the chain's folder/jwt.hex)")
        ->group(engine);
}

void ChainCommands::add_files() {
    auto* out = command("export", "Write the blocks (RLP, as geth does), or the state, to a file",
                        "export blocks.rlp --first 1 --last 100\n"
                        "  openledger chain export --state state.snapshot",
                        chain_export);
    out->add_option("FILE", chain_.file)->required();
    out->add_option("--first", chain_.first, "Block; 0: from genesis on")->capture_default_str();
    out->add_option("--last", chain_.last, "Block; 0: to the head")->capture_default_str();
    out->add_flag("--state", chain_.state, "The head's whole state in place of the blocks");
    auto* in = command("import", "Execute and keep the blocks of a file that export wrote",
                       "import blocks.rlp", chain_import);
    in->add_option("FILE", chain_.file)->required();
}

void ChainCommands::add_checks() {
    command("info", "Head, configuration, size", "info --json", chain_info);
    command("verify", "Recompute the state's roots and check every block against its parent",
            "verify", chain_verify);
    auto* back = command("rewind", "Forget every block after a number", "rewind 120", chain_rewind);
    back->add_option("NUMBER", chain_.number, "The block that becomes the head")->required();
}

} // namespace

void add_chain_commands(CLI::App& root, Action& action) {
    // Lives as long as the program: CLI11 keeps references to what it parses into.
    static std::unique_ptr<ChainCommands> commands;
    commands = std::make_unique<ChainCommands>(root, action);
    commands->add_run();
    commands->add_files();
    commands->add_checks();
}

} // namespace ol::node::cli
