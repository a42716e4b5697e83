#include "node/cli/cli.hpp"

#include <functional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/log.hpp"
#include "factory/run.hpp"
#include "node/cli/chain_commands.hpp"
#include "node/cli/commands.hpp"
#include "node/cli/commands_model_files.hpp"
#include "node/cli/index_commands.hpp"

namespace ol::node::cli {

namespace {

using Action = std::function<Status(Session&)>;

struct Parsed {
    GlobalOptions global;
    std::string data_dir, password_file, base_model, ledger;
    bool verbose = false;
    Action action;
};

CLI::App* command(CLI::App& parent, const std::string& name, const std::string& what,
                  const std::string& example) {
    auto* app = parent.add_subcommand(name, what);
    app->footer("Example:\n  openledger " + example);
    app->fallthrough();
    return app;
}

CLI::App* group(CLI::App& parent, const std::string& name, const std::string& what) {
    auto* app = parent.add_subcommand(name, what);
    app->require_subcommand(1);
    app->fallthrough();
    return app;
}

void add_node_commands(CLI::App& root, Parsed& parsed) {
    auto* up = command(root, "up", "Run a whole network in this process: ledger, API, console",
                       "up --port 8420");
    up->add_option("--host", parsed.global.node.host, "Address to listen on")
        ->capture_default_str();
    up->add_option("--port", parsed.global.node.port, "Port to listen on")->capture_default_str();
    up->add_option("--allow-host", parsed.global.node.allowed_hosts,
                   "A name besides loopback under which the node may be called; * for any");
    auto& node = parsed.global.node;
    up->add_option("--chain-port", node.chain_port,
                   "Port of the ledger's JSON-RPC and WebSocket (for wallets); 0: any free one")
        ->capture_default_str();
    up->add_option("--block-time", node.block_time_s,
                   "Seconds between blocks; 0: a block as soon as a transaction waits")
        ->capture_default_str();
    up->add_flag("--archive", node.archive, "Keep every state of the past readable");
    up->callback([&] { parsed.action = [](Session& s) { return run_up(s); }; });

    static DemoCommand demo;
    auto* demo_app =
        command(root, "demo", "The whole road on real text, from a file to a claim on the ledger",
                "demo --json demo.json");
    demo_app->add_option("--json", demo.json_file, "Write everything that happened to this file");
    demo_app->add_flag("--keep", demo.keep,
                       "Keep the data folder (default when --data-dir is given)");
    demo_app->add_option("--training-records", demo.training_records, "Records to train on");
    demo_app->add_option("--epochs", demo.epochs, "Passes over them");
    demo_app->callback([&] {
        parsed.action = [&](Session& s) {
            demo.data_dir_given = !parsed.data_dir.empty();
            return run_demo_command(s, demo);
        };
    });

    auto* wallet = group(root, "wallet", "Keys in Web3 keystore files");
    static std::string name;
    auto* make = command(*wallet, "new", "Make a key", "wallet new alice");
    make->add_option("NAME", name, "Name: a-z 0-9 - _")->required();
    make->callback([&] { parsed.action = [](Session& s) { return wallet_new(s, name); }; });
    command(*wallet, "list", "List the wallets here", "wallet list --json")->callback([&] {
        parsed.action = [](Session& s) { return wallet_list(s); };
    });
    auto* fund = command(*wallet, "fund", "Give an account OPEN (development chain only)",
                         "wallet fund alice");
    fund->add_option("WALLET", name, "Wallet name or address")->required();
    fund->callback([&] { parsed.action = [](Session& s) { return wallet_fund(s, name); }; });
    auto* balance = command(*wallet, "balance", "Balance, earnings and deposits of an account",
                            "wallet balance alice");
    balance->add_option("WALLET", name, "Wallet name or address")->required();
    balance->callback([&] { parsed.action = [](Session& s) { return wallet_balance(s, name); }; });
}

void add_data_commands(CLI::App& root, Parsed& parsed) {
    static std::string name, summary, licence, wallet, record, text, file;
    static std::vector<std::string> paths;
    static std::uint64_t version = 0, offset = 0, limit = 20;

    auto* datanet = group(root, "datanet", "Community datasets");
    auto* create = command(*datanet, "create", "Create a datanet on the ledger",
                           "datanet create legal --wallet alice --licence CC-BY-4.0");
    create->add_option("NAME", name)->required();
    create->add_option("--wallet", wallet, "Owner")->required();
    create->add_option("--summary", summary, "One line about it");
    create->add_option("--licence", licence, "SPDX identifier")->default_val("CC-BY-4.0");
    create->callback([&] {
        parsed.action = [](Session& s) {
            return datanet_create(s, name, summary, licence, wallet);
        };
    });

    auto* contribute =
        command(*datanet, "contribute", "Curate files and anchor the accepted records with a bond",
                "datanet contribute legal ~/cases --wallet alice");
    contribute->add_option("DATANET", name)->required();
    contribute->add_option("PATH", paths, "Files or folders (.txt .md .html .jsonl .gz, dictd)")
        ->required();
    contribute->add_option("--wallet", wallet, "Contributor")->required();
    contribute->add_option("--licence", licence, "SPDX identifier; the datanet's when absent");
    contribute->callback([&] {
        parsed.action = [](Session& s) {
            return datanet_contribute(s, name, wallet, licence, paths);
        };
    });

    command(*datanet, "list", "List the datanets", "datanet list --json")->callback([&] {
        parsed.action = [](Session& s) { return datanet_list(s); };
    });
    auto* show = command(*datanet, "show", "One datanet and its versions", "datanet show legal");
    show->add_option("DATANET", name)->required();
    show->callback([&] { parsed.action = [](Session& s) { return datanet_show(s, name); }; });

    auto* records = command(*datanet, "records", "List records, or show one with its Merkle proof",
                            "datanet records legal --limit 10");
    records->add_option("DATANET", name)->required();
    records->add_option("--offset", offset);
    records->add_option("--limit", limit)->capture_default_str();
    records->add_option("--record", record, "A record's id");
    records->callback([&] {
        parsed.action = [](Session& s) { return datanet_records(s, name, offset, limit, record); };
    });

    auto* publish = command(*datanet, "publish",
                            "Publish the anchored records as a version with its suffix index",
                            "datanet publish legal");
    publish->add_option("DATANET", name)->required();
    publish->callback([&] { parsed.action = [](Session& s) { return datanet_publish(s, name); }; });

    auto* verify = command(*datanet, "verify",
                           "Rebuild a version from public data and compare it with the ledger",
                           "datanet verify legal --version 1");
    verify->add_option("DATANET", name)->required();
    verify->add_option("--version", version, "0: the latest")->capture_default_str();
    verify->callback(
        [&] { parsed.action = [](Session& s) { return datanet_verify(s, name, version); }; });

    auto* trace = command(root, "trace", "The spans of a text that occur in a datanet version",
                          "trace legal \"the party of the first part\"");
    trace->add_option("DATANET", name)->required();
    trace->add_option("TEXT", text, "The text; or use --file");
    trace->add_option("--file", file, "Read the text from a file; - for standard input");
    trace->add_option("--version", version, "0: the latest")->capture_default_str();
    trace->callback([&] {
        parsed.action = [](Session& s) { return trace_text(s, name, version, text, file); };
    });
}

void add_pretrain(CLI::App& root, Parsed& parsed) {
    static PretrainCommand p;
    auto* app = command(root, "pretrain", "Make a base model from text files",
                        "pretrain /usr/share/dictd/wn.index --output my-base --steps 500");
    app->add_option("SOURCE", p.sources, "Files or folders")->required();
    app->add_option("--output", p.output, "Folder to write (Hugging Face form); resumes there")
        ->required();
    app->add_option("--vocab", p.vocab)->capture_default_str();
    app->add_option("--hidden", p.hidden)->capture_default_str();
    app->add_option("--intermediate", p.intermediate)->capture_default_str();
    app->add_option("--layers", p.layers)->capture_default_str();
    app->add_option("--heads", p.heads)->capture_default_str();
    app->add_option("--kv-heads", p.kv_heads)->capture_default_str();
    app->add_option("--context", p.context)->capture_default_str();
    app->add_option("--steps", p.steps)->capture_default_str();
    app->add_option("--batch", p.batch, "Sequences a step")->capture_default_str();
    app->add_option("--sequence", p.sequence, "Tokens a sequence")->capture_default_str();
    app->add_option("--learning-rate", p.learning_rate)->capture_default_str();
    app->add_option("--warmup", p.warmup, "Steps")->capture_default_str();
    app->add_option("--licence", p.licences, "SOURCE=LICENCE, for the training record");
    app->add_option("--seed", p.seed)->capture_default_str();
    app->add_option("--checkpoint-every", p.checkpoint_every, "Steps")->capture_default_str();
    app->add_option("--max-bytes", p.max_bytes, "Use at most so much text; 0: all");
    app->callback([&] { parsed.action = [](Session& s) { return run_pretrain(s, p); }; });
}

void add_model_commands(CLI::App& root, Parsed& parsed) {
    static TrainCommand t;
    static std::string name;
    static bool anyway = false;
    auto* train = command(root, "train",
                          "Fine-tune an adapter on a datanet version and register it on the ledger",
                          "train --name legal-v1 --datanet legal --wallet alice");
    train->add_option("--name", t.name, "The adapter's name");
    train->add_option("--datanet", t.datanet);
    train->add_option("--wallet", t.wallet, "Owner of the adapter");
    train->add_option("--version", t.version, "0: the latest");
    const auto defaults = factory::default_run_config();
    train->add_option("--epochs", t.epochs,
                      fmt::format("Passes over the records (default {})", defaults.epochs));
    train->add_option("--rank", t.rank, fmt::format("LoRA rank (default {})", defaults.lora.rank));
    train->add_option("--learning-rate", t.learning_rate,
                      fmt::format("Default {}", defaults.optimizer.learning_rate));
    train->add_option("--records", t.record_limit, "A sample of so many records; 0: all");
    train->add_option("--seed", t.seed)->capture_default_str();
    train->add_flag("--no-register", t.no_register, "Leave the adapter off the ledger");
    train->add_option("--schedule", t.schedule, "constant, linear or cosine");
    train->add_option("--minimum-ratio", t.minimum_ratio, "Of the rate, at the schedule's end");
    train->add_option("--accumulation", t.accumulation, "Batches a step");
    train->add_flag("--packing", t.packing, "Several examples share a row");
    train->add_flag("--rslora", t.rslora, "Scale alpha / sqrt(rank)");
    train->add_flag("--dora", t.dora, "Learned lengths of the outputs");
    train->add_option("--dropout", t.dropout, "Of what the adapter sees");
    train->add_option("--target", t.targets, "Modules to adapt: q_proj, lm_head, all-linear, ...")
        ->allow_extra_args(false);
    train
        ->add_option("--rank-pattern", t.rank_pattern,
                     "MODULE=RANK, a module's name or a pattern of it")
        ->allow_extra_args(false);
    train->add_option("--alpha-pattern", t.alpha_pattern, "MODULE=ALPHA, likewise")
        ->allow_extra_args(false);
    train->add_option("--neftune", t.neftune_alpha, "Noise on the embeddings");
    train->add_option("--lora-plus", t.lora_plus_ratio, "B learns so much faster than A");
    train->add_option("--quantization", t.quantization, "Of the base while training: q8_0 or q4_0");
    train->add_flag("--checkpointing", t.checkpointing, "Less memory, more time");
    auto* reproduce =
        command(*train, "reproduce", "Train again from an adapter's record and compare the bytes",
                "train reproduce legal-v1\n"
                "  openledger train reproduce training_record.json --anyway");
    reproduce
        ->add_option("RECORD", name, "A training_record.json, registered or not, or a model's name")
        ->required();
    reproduce->add_flag("--anyway", anyway,
                        "Also as a file says that is not the record of its adapter on the ledger");
    reproduce->callback(
        [&] { parsed.action = [](Session& s) { return train_reproduce(s, name, anyway); }; });
    train->callback([&parsed, reproduce] {
        if (reproduce->parsed()) return;
        parsed.action = [](Session& s) { return run_train(s, t); };
    });

    auto* model = group(root, "model", "Base and adapters");
    command(*model, "list", "List what is served", "model list")->callback([&] {
        parsed.action = [](Session& s) { return model_list(s); };
    });
    auto* show = command(*model, "show", "One model", "model show legal-v1 --json");
    show->add_option("MODEL", name)->required();
    show->callback([&] { parsed.action = [](Session& s) { return model_show(s, name); }; });
    auto* verify = command(*model, "verify", "Compare an adapter's files with the ledger",
                           "model verify legal-v1");
    verify->add_option("MODEL", name)->required();
    verify->callback([&] { parsed.action = [](Session& s) { return model_verify(s, name); }; });

    add_model_file_commands(*model, parsed.action);

    static AskCommand a;
    auto* ask = command(root, "ask", "Ask an adapter; pays by voucher and shows whom it owes",
                        "ask legal-v1 \"What is a tort?\" --wallet consumer");
    ask->add_option("MODEL", a.model)->required();
    ask->add_option("PROMPT", a.prompt)->required();
    ask->add_option("--wallet", a.wallet, "Who pays")->capture_default_str();
    ask->add_option("--deposit", a.deposit, "OPEN to deposit first, e.g. 10");
    ask->add_option("--max-tokens", a.max_tokens)->capture_default_str();
    ask->add_option("--temperature", a.temperature)->capture_default_str();
    ask->add_option("--seed", a.seed)->capture_default_str();
    ask->callback([&] { parsed.action = [](Session& s) { return run_ask(s, a); }; });
}

void add_money_commands(CLI::App& root, Parsed& parsed) {
    static std::string hash, account;
    static std::uint64_t number = 0;
    auto* receipt = group(root, "receipt", "Signed receipts of paid answers");
    command(*receipt, "list", "List receipts, newest first", "receipt list")->callback([&] {
        parsed.action = [](Session& s) { return receipt_list(s); };
    });
    auto* show = command(*receipt, "show", "Spans, records, owners and payouts of an answer",
                         "receipt show 0x12ab...");
    show->add_option("HASH", hash)->required();
    show->callback([&] { parsed.action = [](Session& s) { return receipt_show(s, hash); }; });
    auto* verify = command(*receipt, "verify", "Recompute a receipt from public data",
                           "receipt verify 0x12ab...");
    verify->add_option("HASH", hash)->required();
    verify->callback([&] { parsed.action = [](Session& s) { return receipt_verify(s, hash); }; });

    auto* epoch = group(root, "epoch", "Settlement on the ledger");
    command(*epoch, "settle", "Redeem vouchers and post an epoch with a bond", "epoch settle")
        ->callback([&] { parsed.action = [](Session& s) { return epoch_settle(s); }; });
    command(*epoch, "finalise", "Finalise the pending epoch after its challenge window",
            "epoch finalise")
        ->callback([&] { parsed.action = [](Session& s) { return epoch_finalise(s); }; });
    auto* show_epoch = command(*epoch, "show", "One epoch, or all", "epoch show 1");
    show_epoch->add_option("NUMBER", number, "0: a list");
    show_epoch->callback([&] { parsed.action = [](Session& s) { return epoch_show(s, number); }; });

    auto* claim = command(root, "claim", "Pay an account what it has earned", "claim alice");
    claim->add_option("WALLET", account, "Wallet name or address")->required();
    claim->callback([&] { parsed.action = [](Session& s) { return claim_rewards(s, account); }; });
}

} // namespace

int run(int argc, char** argv) {
    CLI::App app{
        "OpenLedger: a network in which data has owners and every paid AI answer pays them"};
    app.set_version_flag("--version", "openledger 0.1.0");
    app.require_subcommand(1);
    app.footer("Start with:\n  openledger demo\n  openledger up");
    Parsed parsed;
    app.add_option("--data-dir", parsed.data_dir,
                   "Where everything is kept (default: $OPENLEDGER_DATA_DIR or "
                   "~/.local/share/openledger)");
    app.add_option("--rpc-url", parsed.global.node.rpc_url,
                   "A chain to use instead of a development chain of its own");
    app.add_option("--ledger", parsed.ledger,
                   "The development ledger without --rpc-url: embedded, or anvil (a child process)")
        ->default_val("embedded")
        ->check(CLI::IsMember({"embedded", "anvil"}));
    app.add_option("--node", parsed.global.node_url, "A running node's URL");
    app.add_option("--password-file", parsed.password_file,
                   "Keystore password (default: $OPENLEDGER_PASSWORD, else DATA_DIR/password)");
    app.add_option("--base", parsed.base_model, "Base model folder (default: the shipped one)");
    app.add_option("--threads", parsed.global.node.threads, "Threads; 0: all cores");
    app.add_flag("--json", parsed.global.json, "Print JSON");
    app.add_flag("-v,--verbose", parsed.verbose, "Log what happens to stderr");
    add_node_commands(app, parsed);
    add_data_commands(app, parsed);
    add_pretrain(app, parsed);
    add_model_commands(app, parsed);
    add_money_commands(app, parsed);
    add_index_commands(app, parsed.action);
    add_chain_commands(app, parsed.action);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : 2;
    }
    parsed.global.node.data_dir =
        parsed.data_dir.empty() ? default_data_dir() : Path(parsed.data_dir);
    parsed.global.node.ledger = parsed.ledger == "anvil" ? LedgerKind::anvil : LedgerKind::embedded;
    parsed.global.node.password_file = parsed.password_file;
    parsed.global.node.base_model = parsed.base_model;
    if (parsed.verbose) log::set_level(log::Level::info);
    Session session(parsed.global);
    const auto done = parsed.action(session);
    if (done) return 0;
    if (parsed.global.json) {
        session.print(codec::Json::object(
            {{"error", codec::Json::object({{"code", to_string(done.error().code)},
                                            {"message", done.error().context}})}}));
    }
    fmt::print(stderr, "error: {}\n", done.error().to_string());
    return 1;
}

} // namespace ol::node::cli
