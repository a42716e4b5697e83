// What a chain is configured with: when each fork begins and the parameters of its fee markets.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/file.hpp"
#include "chain/types/block.hpp"
#include "chain/types/fork.hpp"
#include "codec/json.hpp"

namespace ol::chain {

inline constexpr std::uint64_t initial_base_fee = 1'000'000'000; // EIP-1559
inline constexpr std::uint64_t minimum_gas_limit = 5000;         // Yellow Paper, 4.3.4

// EIP-7840: blobs a block, by fork.
struct BlobSchedule {
    std::uint64_t target = 0, maximum = 0, base_fee_update_fraction = 0;
};

struct ChainConfig {
    std::uint64_t chain_id = 7777;

    // By block number up to London, by timestamp from Shanghai on; none: never. Index: Fork.
    // Paris: by block number, unless post_merge_from_genesis.
    std::array<std::optional<std::uint64_t>, 15> activation{};
    bool post_merge_from_genesis = true; // Paris at block 0
    // By timestamp. Index: OpFork; all none for an Ethereum chain.
    std::array<std::optional<std::uint64_t>, 11> op_activation{};

    // Proof of work: delays of the difficulty bomb between forks, and the DAO's move of funds.
    std::optional<std::uint64_t> muir_glacier, arrow_glacier, gray_glacier, dao_fork;

    // EIP-1559; on OP chains before Holocene, and where extraData says zero.
    std::uint64_t elasticity = 6;
    std::uint64_t base_fee_denominator = 250;              // 8 and 2 on Ethereum
    std::uint64_t base_fee_denominator_before_canyon = 50; // OP chains
    std::map<Fork, BlobSchedule> blobs;                    // Cancun, Prague, Osaka
    Address deposit_contract;                              // whose logs are requests (EIP-6110)

    bool is_op() const { return op_activation[1].has_value(); }
    Rules rules_at(std::uint64_t number, std::uint64_t timestamp) const;

    // Every fork up to `fork` active from genesis, Ethereum's parameters: what the suites use.
    static ChainConfig ethereum(Fork fork, std::uint64_t chain_id = 1);
    // OP Stack rules active from genesis up to `fork`.
    static ChainConfig optimism(OpFork fork, std::uint64_t chain_id);
    // geth's "config" object of a genesis file, OP members included. On an OP chain the OP Stack's
    // forks say which of Ethereum's hold.
    static Result<ChainConfig> from_json(const codec::Json& config);
    codec::Json to_json() const;
};

struct GenesisAccount {
    Address address;
    U256 balance;
    std::uint64_t nonce = 0;
    Bytes code;
    std::vector<std::pair<U256, U256>> storage;
};

struct Genesis {
    ChainConfig config;
    Header header; // state_root and the roots are computed when it is laid down
    std::vector<GenesisAccount> accounts; // ascending by address
};

// geth's genesis.json.
Result<Genesis> genesis_from_json(const codec::Json& json);

} // namespace ol::chain
