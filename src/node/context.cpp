#include "node/context.hpp"

#include "base/log.hpp"
#include "node/embedded_chain.hpp"
#include "node/schema.hpp"

namespace ol::node {

using codec::Json;

KeyRing::KeyRing(Path folder, std::string password, std::uint64_t scrypt_n)
    : wallet_(std::move(folder))
    , password_(std::move(password))
    , scrypt_n_(scrypt_n) {}

Result<crypto::PrivateKey> KeyRing::key(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    if (const auto found = open_.find(name); found != open_.end()) return found->second;
    auto key = OL_TRY(wallet_.open(name, password_));
    open_.emplace(name, key);
    return key;
}

Result<crypto::PrivateKey> KeyRing::create(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    auto key = OL_TRY(wallet_.create(name, password_, scrypt_n_));
    open_.emplace(name, key);
    return key;
}

Result<crypto::PrivateKey> KeyRing::key_or_create(const std::string& name) {
    auto found = key(name);
    if (found || found.error().code != ErrorCode::not_found) return found;
    return create(name);
}

Result<std::string> KeyRing::name_of(const Address& address) const {
    for (const auto& entry : OL_TRY(wallet_.list())) {
        if (entry.address == address) return entry.name;
    }
    return fail(ErrorCode::not_found, "no wallet here has the address {}",
                crypto::checksum_address(address));
}

namespace {

// Wallets of a development chain guard play money: geth's "light" cost keeps starts quick.
constexpr std::uint64_t scrypt_light = 4096;
constexpr std::uint64_t scrypt_standard = 262144;

Result<ledger::Deployment> stored_deployment(store::Database& db) {
    std::string text;
    OL_TRY(db.query("SELECT json FROM deployment", [&](const store::Row& row) {
        text = row.text(0);
        return false;
    }));
    if (text.empty()) return fail(ErrorCode::not_found, "no contracts are deployed yet");
    return ledger::Deployment::from_json(OL_TRY(Json::parse(text)));
}

// Starts the development ledger where the node is given none.
Result<std::string> ledger_url(Context& context) {
    const NodeConfig& config = context.config;
    if (!config.rpc_url.empty()) return config.rpc_url;
    if (config.ledger == LedgerKind::embedded) {
        context.embedded = OL_TRY(start_embedded_chain(config));
        return context.embedded->url();
    }
    ledger::AnvilOptions options;
    options.state_file = anvil_state_file(config);
    context.anvil = OL_TRY(ledger::Anvil::start(options));
    return context.anvil->url();
}

Result<ledger::Deployment> deploy(Context& context) {
    const Path artifacts = context.config.artifacts.empty() ? OL_TRY(find_resource("contracts/out"))
                                                            : context.config.artifacts;
    const auto deployer = OL_TRY(context.keys->key_or_create(deployer_wallet));
    const auto treasury = OL_TRY(context.keys->key_or_create(treasury_wallet));
    OL_TRY(context.fund(deployer.address(), OL_TRY(parse_open("1000"))));
    auto deployment =
        OL_TRY(ledger::deploy_contracts(*context.chain, deployer, treasury.address(), artifacts));
    OL_TRY(context.db->run("INSERT OR REPLACE INTO deployment VALUES(1, ?)",
                           deployment.to_json().dump()));
    return deployment;
}

} // namespace

Result<std::unique_ptr<Context>> Context::open(NodeConfig config) {
    auto context = std::make_unique<Context>();
    context->config = std::move(config);
    auto& c = *context;
    OL_TRY(make_directories(c.config.data_dir));
    c.lock = std::make_unique<DataDirLock>(OL_TRY(DataDirLock::acquire(c.config.data_dir)));
    c.db = std::make_unique<store::Database>(
        OL_TRY(store::Database::open(c.config.data_dir / "node.db")));
    OL_TRY(c.db->migrate(schema));
    c.blobs = std::make_unique<store::BlobStore>(
        OL_TRY(store::BlobStore::open(c.config.data_dir / "blobs")));
    const bool own_chain = c.config.rpc_url.empty();
    c.keys =
        std::make_unique<KeyRing>(c.config.data_dir / "wallets", OL_TRY(wallet_password(c.config)),
                                  own_chain ? scrypt_light : scrypt_standard);
    c.pool = std::make_unique<ThreadPool>(c.config.threads);

    c.chain = std::make_unique<ledger::Chain>(OL_TRY(ledger_url(c)));
    const auto chain_id = OL_TRY(c.chain->chain_id());

    auto deployment = stored_deployment(*c.db);
    if (!deployment && deployment.error().code != ErrorCode::not_found) {
        return std::unexpected(deployment.error());
    }
    if (deployment) {
        const bool same_chain = deployment->chain_id == chain_id;
        if (!same_chain || OL_TRY(c.chain->code(deployment->settlement)).empty()) {
            return fail(
                ErrorCode::conflict,
                "{} belongs to a ledger with chain id {} and contracts at {}, which {} does "
                "not have; give the right --rpc-url or another --data-dir",
                c.config.data_dir.string(), deployment->chain_id,
                crypto::checksum_address(deployment->settlement), c.chain->url());
        }
    } else {
        deployment = OL_TRY(deploy(c));
    }
    c.contracts = std::make_unique<ledger::Contracts>(*c.chain, *deployment);
    log::info("node", "ledger ready url={} chain_id={}", c.chain->url(), chain_id);
    return context;
}

Status Context::fund(const Address& account, const U256& wei) {
    if (!development()) {
        if (OL_TRY(chain->balance(account)).is_zero()) {
            return fail(ErrorCode::payment, "{} has no OPEN on {}; send it some and run this again",
                        crypto::checksum_address(account), chain->url());
        }
        return {};
    }
    if (embedded) return embedded->mint(account, wei);
    const auto balance = OL_TRY(chain->balance(account));
    OL_TRY(chain->raw("anvil_setBalance",
                      Json::array({Json(account), Json((balance + wei).to_quantity())})));
    return {};
}

Status Context::advance_time(std::uint64_t seconds) {
    if (!development()) {
        return fail(ErrorCode::unsupported, "time can be moved on a development chain only");
    }
    OL_TRY(chain->raw("evm_increaseTime", Json::array({Json(seconds)})));
    OL_TRY(chain->raw("evm_mine", Json::array()));
    return {};
}

Result<market::MoneyRules> Context::money_rules(std::uint64_t version) {
    {
        const std::scoped_lock guard(rules_mutex_);
        if (const auto found = rules_.find(version); found != rules_.end()) return found->second;
    }
    const auto number = [&](std::string_view key) -> Result<std::uint64_t> {
        return OL_TRY(contracts->parameter_at(key, version)).low_u64();
    };
    market::MoneyRules rules;
    rules.version = version;
    rules.threshold = OL_TRY(number("ATTRIBUTION_THRESHOLD"));
    rules.split_platform = OL_TRY(number("SPLIT_PLATFORM"));
    rules.split_host = OL_TRY(number("SPLIT_HOST"));
    rules.split_model = OL_TRY(number("SPLIT_MODEL"));
    rules.split_stakers = OL_TRY(number("SPLIT_STAKERS"));
    rules.split_contributors = OL_TRY(number("SPLIT_CONTRIBUTORS"));
    rules.unexplained_base = OL_TRY(number("UNEXPLAINED_BASE"));
    rules.platform_fee = OL_TRY(contracts->parameter_at("PLATFORM_FEE", version));
    rules.trace.span_min_symbols = static_cast<std::uint32_t>(OL_TRY(number("SPAN_MIN_SYMBOLS")));
    rules.trace.span_min_bits = static_cast<std::uint32_t>(OL_TRY(number("SPAN_MIN_BITS")));
    rules.trace.span_max_clusters = static_cast<std::uint32_t>(OL_TRY(number("SPAN_MAX_CLUSTERS")));
    rules.trace.span_common = static_cast<std::uint32_t>(OL_TRY(number("SPAN_COMMON")));
    const std::scoped_lock guard(rules_mutex_);
    rules_.emplace(version, rules);
    return rules;
}

Result<market::MoneyRules> Context::current_money_rules() {
    return money_rules(OL_TRY(contracts->parameters_version()));
}

} // namespace ol::node
