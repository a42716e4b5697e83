// GeneralStateTests: one transaction on a given state; the state root and the hash of the logs
// after it, or the fault that stands against it.
#include <span>

#include "chain/block/transaction_run.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"
#include "suite.hpp"

namespace ol::conformance {
namespace {

using namespace ol::chain;

// One test of a file, as all its posts share it.
struct Case {
    std::string name;
    const Json& json;
    StateChanges pre;
};

Result<Header> header_of(const Json& env, const Rules& rules) {
    Header out;
    out.coinbase = OL_TRY(env["currentCoinbase"].as_address());
    out.gas_limit = OL_TRY(number64(env["currentGasLimit"]));
    out.number = OL_TRY(number64(env["currentNumber"]));
    out.timestamp = OL_TRY(number64(env["currentTimestamp"]));
    if (rules.fork < Fork::paris) {
        out.difficulty = OL_TRY(number(env["currentDifficulty"]));
    } else if (env.contains("currentRandom")) {
        out.prev_randao = OL_TRY(number(env["currentRandom"])).to_be();
    }
    if (rules.fork >= Fork::london) {
        out.base_fee =
            env.contains("currentBaseFee") ? OL_TRY(number(env["currentBaseFee"])) : U256(10);
    }
    if (rules.fork >= Fork::cancun) {
        out.excess_blob_gas = env.contains("currentExcessBlobGas")
                                  ? OL_TRY(number64(env["currentExcessBlobGas"]))
                                  : 0;
        out.blob_gas_used = 0;
    }
    return out;
}

Result<std::vector<AccessListEntry>> access_list_of(const Json& json) {
    std::vector<AccessListEntry> out;
    for (const auto& entry : json.items()) {
        AccessListEntry& made = out.emplace_back();
        made.address = OL_TRY(entry["address"].as_address());
        for (const auto& slot : entry["storageKeys"].items()) {
            made.slots.push_back(OL_TRY(number(slot)));
        }
    }
    return out;
}

Result<std::vector<Authorization>> authorizations_of(const Json& json) {
    std::vector<Authorization> out;
    for (const auto& entry : json.items()) {
        Authorization& made = out.emplace_back();
        made.chain_id = OL_TRY(number(entry["chainId"]));
        made.address = OL_TRY(entry["address"].as_address());
        made.nonce = OL_TRY(number64(entry["nonce"]));
        const Json& parity = entry.contains("yParity") ? entry["yParity"] : entry["v"];
        const std::uint64_t v = OL_TRY(number64(parity));
        made.y_parity = static_cast<std::uint8_t>(std::min<std::uint64_t>(v, 255));
        made.r = OL_TRY(number(entry["r"]));
        made.s = OL_TRY(number(entry["s"]));
    }
    return out;
}

Status read_fees(const Json& json, Transaction& out) {
    out.type = TransactionType::legacy;
    if (json.contains("gasPrice")) {
        out.max_fee = out.max_priority_fee = OL_TRY(number(json["gasPrice"]));
    } else {
        out.type = TransactionType::dynamic_fee;
        out.max_fee = OL_TRY(number(json["maxFeePerGas"]));
        out.max_priority_fee = OL_TRY(number(json["maxPriorityFeePerGas"]));
    }
    return {};
}

Status read_lists(const Json& json, std::size_t data_index, Transaction& out) {
    const auto& lists = json["accessLists"].items();
    if (!lists.empty() && data_index < lists.size() && !lists[data_index].is_null()) {
        out.access_list = OL_TRY(access_list_of(lists[data_index]));
        if (out.type == TransactionType::legacy) out.type = TransactionType::access_list;
    }
    if (json.contains("maxFeePerBlobGas") || json.contains("blobVersionedHashes")) {
        out.type = TransactionType::blob;
        out.max_fee_per_blob_gas = OL_TRY(number(json["maxFeePerBlobGas"]));
        for (const auto& hash : json["blobVersionedHashes"].items()) {
            out.blob_hashes.push_back(OL_TRY(hash.as_hash32()));
        }
    }
    if (json.contains("authorizationList")) {
        out.type = TransactionType::set_code;
        out.authorizations = OL_TRY(authorizations_of(json["authorizationList"]));
    }
    return {};
}

Result<Transaction> transaction_of(const Json& json, const Json& indexes) {
    const auto chosen = [&](const char* member, const char* index) -> Result<const Json*> {
        const std::uint64_t at = OL_TRY(number64(indexes[index]));
        const auto& list = json[member].items();
        if (at < list.size()) return &list[at];
        return fail(ErrorCode::invalid_argument, "index {} of {}", at, member);
    };
    Transaction out;
    OL_TRY(read_fees(json, out));
    OL_TRY(read_lists(json, OL_TRY(number64(indexes["data"])), out));
    out.nonce = OL_TRY(number64(json["nonce"]));
    out.gas_limit = OL_TRY(number64(*OL_TRY(chosen("gasLimit", "gas"))));
    out.value = OL_TRY(number(*OL_TRY(chosen("value", "value"))));
    out.data = OL_TRY(bytes(*OL_TRY(chosen("data", "data"))));
    const std::string to = OL_TRY(json["to"].as_string());
    if (!to.empty()) out.to = OL_TRY(address_from_hex(to));
    if (out.type != TransactionType::legacy) out.chain_id = 1;
    return out;
}

Result<Address> sender_in(const Json& json) {
    if (json.contains("sender")) return json["sender"].as_address();
    const Bytes secret = OL_TRY(bytes(json["secretKey"]));
    return OL_TRY(crypto::PrivateKey::from_bytes(secret)).address();
}

Hash32 hash_of_logs(std::span<const Log> logs) {
    codec::RlpWriter out;
    out.list([&] {
        for (const auto& log : logs) {
            out.list([&] {
                out.bytes(log.address);
                out.list([&] {
                    for (const auto& topic : log.topics) out.bytes(topic);
                });
                out.bytes(log.data);
            });
        }
    });
    return crypto::keccak256(out.take());
}

// The suites' names of what stands against a transaction, as far as one of ours answers to it.
struct FaultName {
    std::string_view name;
    TransactionFault fault;
};
constexpr FaultName fault_names[] = {
    {"INTRINSIC_GAS_TOO_LOW", TransactionFault::intrinsic_gas},
    {"INTRINSIC_GAS_TOO_LOW", TransactionFault::floor_data_gas},
    {"INTRINSIC_GAS_BELOW_FLOOR_GAS_COST", TransactionFault::floor_data_gas},
    {"INSUFFICIENT_ACCOUNT_FUNDS", TransactionFault::insufficient_funds},
    {"GASLIMIT_PRICE_PRODUCT_OVERFLOW", TransactionFault::insufficient_funds},
    {"SENDER_NOT_EOA", TransactionFault::sender_has_code},
    {"INITCODE_SIZE_EXCEEDED", TransactionFault::init_code_too_large},
    {"TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH", TransactionFault::blob_version},
    {"TYPE_3_TX_ZERO_BLOBS", TransactionFault::blob_count},
    {"TYPE_3_TX_BLOB_COUNT_EXCEEDED", TransactionFault::blob_count},
    {"TYPE_3_TX_MAX_BLOB_GAS_ALLOWANCE_EXCEEDED", TransactionFault::blob_count},
    {"TYPE_3_TX_CONTRACT_CREATION", TransactionFault::blob_creation},
    {"TYPE_3_TX_PRE_FORK", TransactionFault::type_not_supported},
    {"TYPE_4_TX_PRE_FORK", TransactionFault::type_not_supported},
    {"TYPE_NOT_SUPPORTED", TransactionFault::type_not_supported},
    {"TypeNotSupported", TransactionFault::type_not_supported},
    {"TYPE_4_EMPTY_AUTHORIZATION_LIST", TransactionFault::authorization_list_empty},
    {"TYPE_4_TX_CONTRACT_CREATION", TransactionFault::set_code_creation},
    {"INSUFFICIENT_MAX_FEE_PER_GAS", TransactionFault::max_fee_below_base_fee},
    {"FeeCapLessThanBlocks", TransactionFault::max_fee_below_base_fee},
    {"INSUFFICIENT_MAX_FEE_PER_BLOB_GAS", TransactionFault::blob_fee_too_low},
    {"PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS", TransactionFault::priority_above_max_fee},
    {"TipGtFeeCap", TransactionFault::priority_above_max_fee},
    {"NONCE_IS_MAX", TransactionFault::nonce_maximum},
    {"NonceHasMaxValue", TransactionFault::nonce_maximum},
    {"NONCE_MISMATCH_TOO_LOW", TransactionFault::nonce_too_low},
    {"NONCE_MISMATCH_TOO_HIGH", TransactionFault::nonce_too_high},
    {"GAS_ALLOWANCE_EXCEEDED", TransactionFault::gas_limit_above_block},
    {"GasLimitReached", TransactionFault::gas_limit_above_block},
    {"GAS_LIMIT_EXCEEDS_MAXIMUM", TransactionFault::gas_limit_above_cap},
    {"IntrinsicGas", TransactionFault::intrinsic_gas},
    {"NoFunds", TransactionFault::insufficient_funds},
    {"NoFundsOrGas", TransactionFault::intrinsic_gas},
    {"SenderNotEOA", TransactionFault::sender_has_code},
    {"InitCodeLimitExceeded", TransactionFault::init_code_too_large},
};

// Whether the fault is what the suite expects; true as well for a name that is not listed.
bool answers(TransactionFault fault, std::string_view expected) {
    bool known = false;
    for (const auto& entry : fault_names) {
        if (expected.find(entry.name) == std::string_view::npos) continue;
        known = true;
        if (entry.fault == fault) return true;
    }
    return !known;
}

// The transaction as it is sent must decode to what the test describes, and name its sender.
Status check_encoded(const Json& post, const Transaction& tx, const Address& sender) {
    if (!post.contains("txbytes")) return {};
    const Bytes encoded = OL_TRY(bytes(post["txbytes"]));
    const auto decoded = decode_transaction(encoded);
    if (!decoded) return std::unexpected(decoded.error().within("txbytes"));
    if (encode(*decoded) != encoded) return fail(ErrorCode::internal, "txbytes: encodes to others");
    if (OL_TRY(sender_of(*decoded)) != sender) return fail(ErrorCode::internal, "txbytes: sender");
    Transaction plain = *decoded;
    plain.r = plain.s = U256();
    plain.y_parity = 0;
    plain.chain_id = tx.chain_id;
    if (plain != tx) return fail(ErrorCode::internal, "txbytes: another transaction");
    return {};
}

// Runs one post; an error says what differs.
Status run_post(const Case& test, const ChainConfig& config, const Json& post) {
    const Rules rules = config.rules_at(0, 0);
    const Json& json = test.json["transaction"];
    const bool expects_fault = post.contains("expectException");
    const auto tx = transaction_of(json, post["indexes"]);
    if (!tx) {
        if (expects_fault) return {}; // a number that no transaction can hold
        return std::unexpected(tx.error());
    }
    const Header header = OL_TRY(header_of(test.json["env"], rules));
    const Address sender = OL_TRY(sender_in(json));
    if (!expects_fault) OL_TRY(check_encoded(post, *tx, sender));

    const auto state = make_memory_state();
    OL_TRY(state->apply(test.pre));
    Journal journal(*state);
    const auto block_hash = [](std::uint64_t block) {
        return crypto::keccak256(std::to_string(block));
    };
    evm::Evm evm(journal, rules, block_context(config, header, block_hash));
    TransactionRunner runner(config, rules, header, journal, evm);
    const auto outcome = runner.run(*tx, sender);
    // What is left of the block's reward of nothing: the miner's account is touched, also where the
    // transaction itself removed it. The old suites do so after a refused transaction too.
    const bool is_new = test.json["_info"].contains("fixture-format");
    if (outcome || !is_new) {
        journal.begin_transaction();
        journal.add_balance(header.coinbase, U256());
        journal.end_transaction(rules);
    }
    const Hash32 root = OL_TRY(state->apply(journal.take_changes()));

    if (outcome.has_value() == expects_fault) {
        return fail(ErrorCode::internal, "{}",
                    outcome ? "accepted, but must be refused: " +
                                  post["expectException"].as_string().value_or("")
                            : "refused: " + std::string(to_string(outcome.error())));
    }
    if (expects_fault) {
        const std::string expected = OL_TRY(post["expectException"].as_string());
        if (!answers(outcome.error(), expected)) {
            return fail(ErrorCode::internal, "refused as '{}', expected {}",
                        to_string(outcome.error()), expected);
        }
    }
    if (root != OL_TRY(post["hash"].as_hash32())) {
        return fail(ErrorCode::internal, "state root {}, status {}, gas used {}",
                    to_hex0x(root.view()), outcome ? to_string(outcome->status) : "refused",
                    outcome ? outcome->gas_used : 0);
    }
    const Hash32 logs = hash_of_logs(outcome ? outcome->receipt.logs : std::vector<Log>());
    if (logs != OL_TRY(post["logs"].as_hash32())) return fail(ErrorCode::internal, "logs differ");
    return {};
}

void run_case(const std::string& name, const Json& json, Results& results) {
    auto pre = accounts(json["pre"]);
    if (!pre) return results.fail(name, pre.error().to_string());
    const Case test{name, json, std::move(*pre)};
    for (const auto& [network, posts] : json["post"].members()) {
        const auto config = config_of(network);
        if (!config) {
            results.leave_out("network " + network);
            continue;
        }
        std::size_t index = 0;
        for (const auto& post : posts.items()) {
            const auto done = run_post(test, *config, post);
            if (done) {
                results.pass();
            } else {
                results.fail(name + "/" + network + "/" + std::to_string(index),
                             done.error().context);
            }
            ++index;
        }
    }
}

void run_file(const Json& file, Results& results) {
    for (const auto& [name, test] : file.members()) {
        if (results.wants(name) && test.contains("post")) run_case(name, test, results);
    }
}

} // namespace
} // namespace ol::conformance

int main(int count, char** arguments) {
    using namespace ol::conformance;
    return run_suite("state", parse_options(count, arguments),
                     {"GeneralStateTests", "state_tests",
                      "LegacyTests/Constantinople/GeneralStateTests",
                      "LegacyTests/Cancun/GeneralStateTests"},
                     run_file);
}
