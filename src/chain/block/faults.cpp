#include <array>

#include "chain/block/execution.hpp"

namespace ol::chain {
namespace {

// In the order of the enumeration; geth's words where clients look for them.
constexpr std::array<std::string_view, 25> messages = {
    "none",
    "transaction type not supported",
    "invalid chain id for signer",
    "invalid transaction v, r, s values",
    "nonce too low",
    "nonce too high",
    "nonce has max value",
    "sender not an eoa",
    "gas limit reached",
    "transaction gas limit too high",
    "intrinsic gas too low",
    "insufficient gas for floor data gas cost",
    "max fee per gas less than block base fee",
    "max priority fee per gas higher than max fee per gas",
    "insufficient funds for gas * price + value",
    "max initcode size exceeded",
    "blob transaction without blobs or with too many",
    "blob with an invalid hash version",
    "max fee per blob gas less than block blob gas fee",
    "blob transaction of type create",
    "set code transaction without authorizations",
    "set code transaction of type create",
    "gas uint64 overflow",
    "deposit transactions exist on OP Stack chains alone",
    "the state could not be read",
};

} // namespace

std::string_view to_string(TransactionFault fault) {
    return messages[static_cast<std::size_t>(fault)];
}

} // namespace ol::chain
