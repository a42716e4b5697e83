#include "chain/node.hpp"

#include <mutex>

#include "base/log.hpp"
#include "chain/rpc/api.hpp"
#include "chain/rpc/jwt.hpp"
#include "chain/rpc/server.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {

namespace {

const SystemClock system_clock;

rpc::ApiOptions api_options(const NodeOptions& options) {
    rpc::ApiOptions out;
    out.development = !options.engine && options.sequencer.development;
    if (out.development) out.unlocked = options.unlocked;
    out.call_gas = options.call_gas;
    out.minimum_priority_fee = options.minimum_priority_fee;
    return out;
}

class NodeImpl final : public Node {
public:
    ~NodeImpl() override { stop(); }

    Status open(NodeOptions options) {
        chain_ = OL_TRY(Blockchain::open(options.chain, options.genesis));
        pool_ = std::make_unique<TransactionPool>(*chain_, options.pool);
        if (!options.engine) {
            sequencer_ = OL_TRY(Sequencer::start(*chain_, *pool_, options.sequencer));
        }
        development_ = sequencer_ != nullptr && options.sequencer.development;
        api_ = std::make_unique<rpc::Api>(*chain_, *pool_, sequencer_.get(), api_options(options),
                                          system_clock);
        rpc::ServerOptions serving;
        serving.host = options.host;
        serving.port = options.port;
        serving.websocket = options.websocket;
        serving.threads = options.rpc_threads;
        serving.connections = options.connections;
        serving.access = options.access;
        serving.on_close = [this](const net::WebSocketPtr& socket) { api_->forget(socket); };
        server_ = OL_TRY(rpc::Server::start(api_->public_methods(), serving));
        url_ = fmt::format("http://{}:{}", options.host, server_->port());
        if (options.websocket) {
            websocket_url_ = fmt::format("ws://{}:{}", options.host, server_->port());
        }
        if (options.engine) OL_TRY(open_engine(*options.engine, serving));
        log::info("chain", "listening url={} chain_id={} head={}", url_, chain_->config().chain_id,
                  chain_->head().number);
        return {};
    }

    std::string url() const override { return url_; }
    std::string websocket_url() const override { return websocket_url_; }
    std::string engine_url() const override { return engine_url_; }
    Blockchain& chain() override { return *chain_; }
    TransactionPool& pool() override { return *pool_; }

    Status mint(const Address& account, const U256& wei) override {
        if (!development_) {
            return fail(ErrorCode::permission_denied, "only a development chain makes money");
        }
        constexpr std::uint64_t gas = 100'000;
        Transaction deposit;
        deposit.type = TransactionType::deposit;
        deposit.source_hash = crypto::keccak256(crypto::random_bytes(32));
        deposit.from = account;
        deposit.to.emplace(); // nobody: no code of the account's runs
        deposit.mint = wei;
        deposit.gas_limit = gas;
        OL_TRY(sequencer_->force(std::move(deposit)));
        OL_TRY(sequencer_->mine());
        return {};
    }

    void stop() override {
        std::call_once(stopped_, [this] {
            if (engine_server_) engine_server_->stop();
            if (server_) server_->stop();
            if (api_) api_->stop();
            engine_server_.reset();
            server_.reset();
            api_.reset();
            sequencer_.reset();
        });
    }

private:
    Status open_engine(const EngineOptions& engine, rpc::ServerOptions serving) {
        serving.host = engine.host;
        serving.port = engine.port;
        serving.jwt_secret = OL_TRY(rpc::read_or_create_jwt_secret(engine.jwt_secret));
        engine_server_ = OL_TRY(rpc::Server::start(api_->engine_methods(), serving));
        engine_url_ = fmt::format("http://{}:{}", engine.host, engine_server_->port());
        return {};
    }

    std::unique_ptr<Blockchain> chain_;
    std::unique_ptr<TransactionPool> pool_;
    std::unique_ptr<Sequencer> sequencer_;
    std::unique_ptr<rpc::Api> api_;
    std::unique_ptr<rpc::Server> server_, engine_server_;
    std::string url_, websocket_url_, engine_url_;
    bool development_ = false;
    std::once_flag stopped_;
};

} // namespace

Result<std::unique_ptr<Node>> Node::start(NodeOptions options) {
    auto node = std::make_unique<NodeImpl>();
    OL_TRY(node->open(std::move(options)));
    return std::unique_ptr<Node>(std::move(node));
}

} // namespace ol::chain
