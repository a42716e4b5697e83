// TransactionTests: encoded transactions that are valid, or not, whatever the state.
#include "chain/block/execution.hpp"
#include "suite.hpp"

namespace ol::conformance {
namespace {

using namespace ol::chain;

constexpr std::size_t init_code_bytes = 49'152;

// What a transaction must hold by itself under these rules; its sender.
Result<Address> check(const Transaction& tx, const Rules& rules) {
    const bool supported =
        tx.type == TransactionType::legacy ||
        (tx.type == TransactionType::access_list && rules.fork >= Fork::berlin) ||
        (tx.type == TransactionType::dynamic_fee && rules.fork >= Fork::london) ||
        (tx.type == TransactionType::blob && rules.fork >= Fork::cancun) ||
        (tx.type == TransactionType::set_code && rules.fork >= Fork::prague);
    if (!supported) return fail(ErrorCode::unverified, "type");
    if (tx.chain_id && rules.fork < Fork::spurious_dragon) {
        return fail(ErrorCode::unverified, "chain id before EIP-155");
    }
    if (tx.chain_id && *tx.chain_id != 1) return fail(ErrorCode::unverified, "chain id");
    if (tx.nonce + 1 == 0) return fail(ErrorCode::unverified, "nonce");
    if (tx.max_priority_fee > tx.max_fee) return fail(ErrorCode::unverified, "priority fee");
    if (!checked_mul(U256(tx.gas_limit), tx.max_fee)) {
        return fail(ErrorCode::unverified, "gas limit times price");
    }
    if (!tx.to && rules.fork >= Fork::shanghai && tx.data.size() > init_code_bytes) {
        return fail(ErrorCode::unverified, "init code");
    }
    if (tx.gas_limit < intrinsic_gas(tx, rules).gas) {
        return fail(ErrorCode::unverified, "intrinsic gas");
    }
    return sender_of(tx, rules.fork == Fork::frontier);
}

Status run_test(ByteView encoded, const Json& expected, const Rules& rules) {
    const auto tx = decode_transaction(encoded);
    const auto sender = tx ? check(*tx, rules) : std::unexpected(tx.error());
    const bool must_fail = expected.contains("exception");
    if (sender.has_value() == must_fail) {
        return fail(ErrorCode::internal, "{}",
                    sender ? "accepted, but must be refused: " +
                                 expected["exception"].as_string().value_or("")
                           : "refused: " + sender.error().context);
    }
    if (must_fail) return {};
    if (hash(*tx) != OL_TRY(expected["hash"].as_hash32())) {
        return fail(ErrorCode::internal, "hash");
    }
    if (*sender != OL_TRY(expected["sender"].as_address())) {
        return fail(ErrorCode::internal, "sender");
    }
    if (intrinsic_gas(*tx, rules).gas != OL_TRY(number64(expected["intrinsicGas"]))) {
        return fail(ErrorCode::internal, "intrinsic gas");
    }
    return {};
}

void run_file(const Json& file, Results& results) {
    for (const auto& [name, test] : file.members()) {
        if (!results.wants(name)) continue;
        const auto encoded = bytes(test["txbytes"]);
        if (!encoded) {
            results.fail(name, encoded.error().context);
            continue;
        }
        for (const auto& [network, expected] : test["result"].members()) {
            const auto config = config_of(network);
            if (!config) {
                results.leave_out("network " + network);
                continue;
            }
            const auto done = run_test(*encoded, expected, config->rules_at(0, 0));
            if (done) {
                results.pass();
            } else {
                results.fail(name + "/" + network, done.error().context);
            }
        }
    }
}

} // namespace
} // namespace ol::conformance

int main(int count, char** arguments) {
    using namespace ol::conformance;
    return run_suite("transaction", parse_options(count, arguments),
                     {"TransactionTests", "transaction_tests"}, run_file);
}
