#include "node/cli/session.hpp"

#include "node/remote.hpp"

namespace ol::node::cli {

Result<api::Services*> Session::services() {
    if (local_) return local_.get();
    if (remote_) return remote_.get();
    std::string url = options_.node_url;
    if (url.empty()) {
        auto running = running_node(options_.node.data_dir);
        if (running) {
            url = *running;
        } else if (running.error().code != ErrorCode::not_found) {
            return std::unexpected(running.error());
        }
    }
    if (!url.empty()) {
        remote_ = std::make_unique<RemoteServices>(url);
        return remote_.get();
    }
    local_ = OL_TRY(Node::open(options_.node, console().progress()));
    return local_.get();
}

Result<KeyRing*> Session::keys() {
    if (local_) return local_->context().keys.get();
    if (!keys_) {
        constexpr std::uint64_t scrypt_standard = 262144;
        keys_ = std::make_unique<KeyRing>(options_.node.data_dir / "wallets",
                                          OL_TRY(wallet_password(options_.node)), scrypt_standard);
    }
    return keys_.get();
}

Result<ledger::Contracts*> Session::contracts() {
    OL_TRY(services());
    if (local_) return local_->context().contracts.get();
    if (!contracts_) {
        const auto status = OL_TRY(remote_->status());
        chain_ = std::make_unique<ledger::Chain>(OL_TRY(status["chain"]["url"].as_string()));
        contracts_ = std::make_unique<ledger::Contracts>(
            *chain_, OL_TRY(ledger::Deployment::from_json(status["contracts"])));
    }
    return contracts_.get();
}

} // namespace ol::node::cli
