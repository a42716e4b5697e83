// up, demo, wallet.
#include <csignal>

#include <thread>

#include <unistd.h>

#include "base/log.hpp"
#include "node/cli/commands.hpp"
#include "node/cli/fields.hpp"
#include "node/demo.hpp"

namespace ol::node::cli {

using codec::Json;

namespace {

// How often the node looks at the ledger for batches and epochs of others.
constexpr int watch_interval_ms = 5000;

// Looks at what others put on the ledger and challenges what is false.
void watch(Node& node, std::stop_token stop) {
    std::uint64_t agreed_epoch = 0;
    while (!stop.stop_requested()) {
        for (int waited = 0; waited < watch_interval_ms && !stop.stop_requested(); waited += 100) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        if (stop.stop_requested()) return;
        if (const auto copies = node.datanet_service().scan_ledger(); !copies) {
            log::warning("watcher", "{}", copies.error().to_string());
        } else {
            for (const auto& copy : *copies) {
                const auto slashed = node.datanet_service().challenge(copy, host_wallet);
                log::warning("watcher", "batch {} record {} is a copy ({} of 112): {}",
                             copy.batch_id, copy.sequence, copy.equal,
                             slashed ? "bond slashed" : slashed.error().to_string());
            }
        }
        const auto pending = node.context().contracts->pending_epoch();
        if (!pending || !pending->exists || pending->epoch == agreed_epoch) continue;
        const auto report = node.watcher().check_pending(host_wallet);
        if (!report) {
            log::warning("watcher", "{}", report.error().to_string());
        } else if (report->agreed) {
            agreed_epoch = report->epoch;
            log::info("watcher", "epoch {}: {} receipts recomputed, all true", report->epoch,
                      report->receipts_checked);
        } else {
            log::warning("watcher", "epoch {}: {}", report->epoch, report->fault);
        }
    }
}

} // namespace

Status run_up(Session& session) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    const auto& out = session.console();
    const auto node = OL_TRY(Node::open(session.options().node, out.progress()));
    for (const auto& name : {std::string("consumer"), host_wallet}) {
        const auto key = OL_TRY(node->context().keys->key_or_create(name));
        if (node->context().development() &&
            OL_TRY(node->context().chain->balance(key.address())).is_zero()) {
            OL_TRY(node->context().fund(key.address(), OL_TRY(parse_open("1000"))));
        }
    }
    const auto server = OL_TRY(node->serve());
    const std::string url =
        fmt::format("http://{}:{}", session.options().node.host, server->port());
    if (session.json()) {
        session.print(Json::object({{"url", url}, {"status", OL_TRY(node->status())}}));
    } else {
        out.line(out.paint(Paint::bold, "OpenLedger is up"));
        out.line(fmt::format("  console   {}/", url));
        out.line(fmt::format("  API       {}/v1 (OpenAI-compatible), {}/openapi.json", url, url));
        out.line(fmt::format("  ledger    {} (chain id {})", node->context().chain->url(),
                             node->context().contracts->at().chain_id));
        out.line(fmt::format("  data      {}", session.options().node.data_dir.string()));
        out.line(
            "Next: openledger wallet new alice; openledger wallet fund alice; openledger --help");
        out.line("Stop with Ctrl-C.");
    }
    std::jthread watcher([&](std::stop_token stop) { watch(*node, stop); });
    int received = 0;
    sigwait(&signals, &received);
    if (!session.json()) out.line("\nstopping...");
    return {};
}

Status run_demo_command(Session& session, const DemoCommand& command) {
    DemoOptions options;
    options.node = session.options().node;
    if (command.training_records != 0) options.training_records = command.training_records;
    options.epochs = command.epochs;
    if (!command.data_dir_given) {
        options.node.data_dir =
            std::filesystem::temp_directory_path() / fmt::format("openledger-demo-{}", ::getpid());
    }
    std::error_code error;
    if (std::filesystem::exists(options.node.data_dir / "node.db", error)) {
        return fail(ErrorCode::already_exists,
                    "{} holds a node already; give the demo an empty --data-dir",
                    options.node.data_dir.string());
    }
    options.node.port = 0;
    const auto report = run_demo(options, session.console());
    if (!command.data_dir_given && !command.keep) {
        std::filesystem::remove_all(options.node.data_dir, error);
    }
    if (!report) return std::unexpected(report.error());
    if (!command.json_file.empty()) {
        OL_TRY(write_file_atomic(command.json_file, report->dump(2) + "\n"));
    }
    return {};
}

Result<Address> account_of(Session& session, const std::string& name_or_address) {
    if (name_or_address.starts_with("0x")) return address_from_hex(name_or_address);
    for (const auto& entry : OL_TRY(OL_TRY(session.keys())->list())) {
        if (entry.name == name_or_address) return entry.address;
    }
    return fail(ErrorCode::not_found,
                "there is no wallet '{}'; `openledger wallet list` shows those "
                "that are",
                name_or_address);
}

Status wallet_new(Session& session, const std::string& name) {
    const auto key = OL_TRY(OL_TRY(session.keys())->create(name));
    const auto address = crypto::checksum_address(key.address());
    if (session.json()) {
        session.print(Json::object({{"name", name}, {"address", address}}));
    } else {
        session.console().line(fmt::format("{} {}", name, address));
    }
    return {};
}

Status wallet_list(Session& session) {
    Json rows = Json::array();
    for (const auto& entry : OL_TRY(OL_TRY(session.keys())->list())) {
        rows.push(Json::object({{"name", entry.name},
                                {"address", crypto::checksum_address(entry.address)},
                                {"file", entry.file.string()}}));
    }
    if (session.json()) {
        session.print(Json::object({{"wallets", std::move(rows)}}));
        return {};
    }
    for (const auto& row : rows.items()) {
        session.console().line(fmt::format("{:16} {}", OL_TRY(row["name"].as_string()),
                                           OL_TRY(row["address"].as_string())));
    }
    if (rows.items().empty()) {
        session.console().line("no wallets yet; `openledger wallet new NAME` makes one");
    }
    return {};
}

Status wallet_fund(Session& session, const std::string& name_or_address) {
    const auto address = OL_TRY(account_of(session, name_or_address));
    const auto funded = OL_TRY(OL_TRY(session.services())->fund(address));
    if (session.json()) {
        session.print(funded);
    } else {
        session.console().line(fmt::format("{} now holds {}", crypto::checksum_address(address),
                                           open_at(funded, "balance_wei")));
    }
    return {};
}

Status wallet_balance(Session& session, const std::string& name_or_address) {
    const auto address = OL_TRY(account_of(session, name_or_address));
    const auto account = OL_TRY(OL_TRY(session.services())->account(address));
    if (session.json()) {
        session.print(account);
        return {};
    }
    const auto& out = session.console();
    for (const auto& [label, key] : {std::pair{"balance", "balance_wei"},
                                     {"earned", "earned_wei"},
                                     {"claimed", "claimed_wei"},
                                     {"deposited", "deposited_wei"}}) {
        out.line(fmt::format("{:10} {:>28}", label, open_at(account, key)));
    }
    return {};
}

} // namespace ol::node::cli
