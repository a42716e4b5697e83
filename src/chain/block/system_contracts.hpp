// Contracts that the protocol itself calls or listens to, and the requests to the consensus layer
// that come of it (EIP-4788, 2935, 6110, 7002, 7251, 7685).
#pragma once

#include <span>

#include "chain/block/execution.hpp"

namespace ol::chain {

// Before the first transaction: the parent's beacon root and hash into their contracts. A contract
// that is not there is passed over.
void call_system_contracts_at_start(evm::Evm& evm, Journal& journal, const Header& header);

// After the last transaction: every request, its type in front, in ascending order of types; empty
// ones left out. unverified when a contract is missing, fails, or a deposit's log has another form.
Result<std::vector<Bytes>> collect_requests(evm::Evm& evm, Journal& journal,
                                            const Address& deposit_contract,
                                            std::span<const Receipt> receipts);
Hash32 hash_of_requests(std::span<const Bytes> requests);

} // namespace ol::chain
