// Transactions and blocks carried out: validity, fees, the OP Stack's rules, system calls, roots.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "chain/evm/evm.hpp"
#include "chain/state/state.hpp"
#include "chain/types/block.hpp"
#include "chain/types/chain_config.hpp"

namespace ol::chain {

using BlockHashes = std::function<Hash32(std::uint64_t number)>;

// Why a transaction cannot stand in a block; one message each (to_string), in geth's words where
// clients look for them ("nonce too low", "insufficient funds for gas * price + value").
enum class TransactionFault : std::uint8_t {
    none,
    type_not_supported,
    wrong_chain_id,
    bad_signature,
    nonce_too_low,
    nonce_too_high,
    nonce_maximum,
    sender_has_code, // EIP-3607
    gas_limit_above_block,
    gas_limit_above_cap, // EIP-7825
    intrinsic_gas,
    floor_data_gas, // EIP-7623
    max_fee_below_base_fee,
    priority_above_max_fee,
    insufficient_funds,
    init_code_too_large,
    blob_count,
    blob_version,
    blob_fee_too_low,
    blob_creation,
    authorization_list_empty,
    set_code_creation,
    gas_overflow,
    deposit_not_allowed,
    state_unavailable, // the backend failed: see the error
};
std::string_view to_string(TransactionFault fault);

// What one transaction did.
struct TransactionOutcome {
    Receipt receipt; // cumulative_gas_used set by the block
    evm::Status status = evm::Status::success;
    std::uint64_t gas_used = 0;
    Bytes output; // return or revert data
    std::optional<Address> created;
    U256 effective_gas_price;
    // OP chains: what was charged besides the gas.
    U256 l1_fee, operator_fee;
};

struct IntrinsicGas {
    std::uint64_t gas = 0;   // 21000, data, access list, creation, authorizations
    std::uint64_t floor = 0; // EIP-7623; 0 before Prague
};
IntrinsicGas intrinsic_gas(const Transaction& transaction, const Rules& rules);

// The OP Stack's L1 fee and operator fee, read from the L1Block predeploy (Bedrock, Ecotone, Fjord,
// Isthmus, Jovian). `encoded` is the whole transaction as it is sent.
struct L1FeeParameters {
    U256 l1_base_fee, blob_base_fee;
    std::uint32_t base_fee_scalar = 0, blob_base_fee_scalar = 0;
    U256 bedrock_overhead, bedrock_scalar;
    std::uint32_t operator_fee_scalar = 0;
    std::uint64_t operator_fee_constant = 0;
    std::uint16_t da_footprint_gas_scalar = 0; // Jovian
};
Result<L1FeeParameters> read_l1_fee_parameters(StateReader& state, const Rules& rules);
U256 l1_fee(const L1FeeParameters& parameters, const Rules& rules, ByteView encoded);
U256 operator_fee(const L1FeeParameters& parameters, const Rules& rules, std::uint64_t gas);
// Length of the FastLZ compression of `bytes` (Fjord), without making it.
std::uint32_t fastlz_length(ByteView bytes);

// Carries out a block step by step: what both validation and building use. The header's number,
// timestamp, gas limit, coinbase, base fee, randao, beacon root and excess blob gas are set.
class BlockExecutor {
public:
    BlockExecutor(const ChainConfig& config, StateBackend& state, const Header& header,
                  BlockHashes block_hashes);
    ~BlockExecutor();
    BlockExecutor(const BlockExecutor&) = delete;
    BlockExecutor& operator=(const BlockExecutor&) = delete;

    void set_tracer(evm::Tracer* tracer);
    const Rules& rules() const;

    // System calls at the start (EIP-4788, EIP-2935, OP's forced upgrades).
    Status begin();
    // Error: the fault; nothing was changed then. `sender` spares the recovery where it is known.
    std::expected<TransactionOutcome, TransactionFault>
    run(const Transaction& transaction, const std::optional<Address>& sender = {});
    const std::optional<Error>& state_error() const; // behind state_unavailable
    std::uint64_t gas_used() const;
    std::uint64_t blob_gas_used() const; // Jovian: data-availability footprint
    std::uint64_t gas_left() const;
    const std::vector<Receipt>& receipts() const;
    const std::vector<TransactionOutcome>& outcomes() const;

    struct Totals {
        Hash32 state_root, receipts_root;
        Bloom logs_bloom;
        std::uint64_t gas_used = 0, blob_gas_used = 0;
        std::optional<Hash32> requests_hash;    // Prague
        std::optional<Hash32> withdrawals_root; // as the header has it (Isthmus: message passer)
        std::vector<Bytes> requests;            // EIP-7685, type byte first
    };
    // Rewards, withdrawals, requests; applies everything to the state.
    Result<Totals> finish(const std::vector<Withdrawal>* withdrawals,
                          std::span<const Header> ommers = {});

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Header rules against the parent: number, time, gas limit, base fee, extraData (Holocene, Jovian),
// blob gas, optional members by fork. unverified with the member's name.
Status validate_header(const ChainConfig& config, const Header& parent, const Header& header);
// The base fee of the block after `parent` (EIP-1559; Holocene's parameters from its extraData;
// Jovian's minimum base fee).
U256 next_base_fee(const ChainConfig& config, const Header& parent, std::uint64_t timestamp);
std::uint64_t next_excess_blob_gas(const ChainConfig& config, const Header& parent,
                                   std::uint64_t timestamp);
U256 blob_base_fee(const ChainConfig& config, const Header& header);
// Ethash's difficulty of the block after `parent` (Frontier, Homestead, Byzantium and the bomb's
// delays); before Paris.
U256 next_difficulty(const ChainConfig& config, const Header& parent, std::uint64_t timestamp);

// A whole block on its parent's state: every rule checked, every root compared. unverified with the
// rule and the values when it does not hold; the state is then undefined (drop it). `senders`: of
// each transaction where they are known; none: they are recovered. Of the ommers that
// proof-of-work blocks have, number and age alone are checked.
Result<std::vector<TransactionOutcome>> execute_block(const ChainConfig& config,
                                                      const Header& parent, const Block& block,
                                                      StateBackend& state, BlockHashes block_hashes,
                                                      std::span<const Address> senders = {});

// eth_call, eth_estimateGas and traces: a message as a transaction would be, without signature and
// nonce. Whoever names a gas price must be able to pay (error: payment) and sees the base fee; no
// fees of the OP Stack are taken. invalid_argument when the gas does not cover what comes before
// the first instruction. Nothing is kept.
struct CallRequest {
    Address from;
    std::optional<Address> to;
    U256 value;
    Bytes data;
    std::uint64_t gas = 0;
    U256 gas_price; // zero: base fee is not checked
    std::vector<AccessListEntry> access_list;
    std::vector<Authorization> authorizations;
};
struct CallOutcome {
    evm::Status status = evm::Status::success;
    std::uint64_t gas_used = 0; // after refunds
    std::uint64_t gas_peak = 0; // before refunds: what had to be there
    Bytes output;
    std::vector<Log> logs;
    std::optional<Address> created;
};
Result<CallOutcome> simulate(const ChainConfig& config, StateReader& state, const Header& header,
                             const CallRequest& request, const BlockHashes& block_hashes,
                             evm::Tracer* tracer = nullptr);

} // namespace ol::chain
