#include "node/embedded_chain.hpp"

#include "chain/genesis.hpp"
#include "chain/genesis_file.hpp"
#include "ledger/anvil.hpp"

namespace ol::node {

namespace {

// A whole epoch is checked in one call (AttributionSettlement.challengeReward): blocks and
// transactions are larger than a public chain's.
constexpr std::uint64_t block_gas = 120'000'000;
constexpr std::uint64_t transaction_bytes = 2ULL << 20;

Result<chain::Genesis> make_genesis(const NodeConfig& config) {
    const Path artifacts =
        config.artifacts.empty() ? OL_TRY(find_resource("contracts/out")) : config.artifacts;
    chain::DevelopmentOptions options;
    options.gas_limit = block_gas;
    options.free_gas = true;
    options.accounts = 0;
    return chain::development_genesis(options, artifacts);
}

// A ledger is never left behind without a word.
Status refuse_anvil_folder(const NodeConfig& config, const Path& folder) {
    std::error_code error;
    const Path state = anvil_state_file(config);
    if (!std::filesystem::exists(state, error)) return {};
    if (std::filesystem::exists(chain::genesis_file(folder), error)) return {};
    return fail(ErrorCode::conflict,
                "{} holds a ledger that anvil kept ({}): go on with it by `--ledger anvil`, or "
                "begin anew with another --data-dir",
                config.data_dir.string(), state.filename().string());
}

} // namespace

Result<std::unique_ptr<chain::Node>> start_embedded_chain(const NodeConfig& config) {
    const Path folder =
        config.chain_folder.empty() ? config.data_dir / "chain" : config.chain_folder;
    OL_TRY(refuse_anvil_folder(config, folder));
    chain::NodeOptions options;
    options.genesis =
        OL_TRY(chain::read_or_make_genesis(folder, [&] { return make_genesis(config); }));
    options.chain.folder = folder;
    options.chain.state.archive = config.archive;
    options.pool.transaction_bytes = transaction_bytes;
    options.sequencer.instant = config.block_time_s == 0;
    if (config.block_time_s != 0) options.sequencer.block_time_s = config.block_time_s;
    options.port = config.chain_port;
    options.access.hosts = config.allowed_hosts;
    options.minimum_priority_fee = U256();
    return OL_TRY_IN(chain::Node::start(std::move(options)), "embedded chain");
}

} // namespace ol::node
