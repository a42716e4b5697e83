// What verify.cpp and verify_fault.cpp share.
#pragma once

#include <utility>

#include "attribution/suffix/proof/proof.hpp"
#include "attribution/suffix/proof/proof_reader.hpp"
#include "base/limits.hpp"
#include "crypto/merkle.hpp"

namespace ol::attribution::suffix {

// The kind of the fault that the rest of the proof shows.
Result<FaultKind> verify_fault(const IndexCommitment& index, ProofReader& in);

// A record's entry, and where its symbols end (by the entry after it, where there is one).
Result<std::pair<TableEntry, std::uint64_t>>
record_extent(Section& table, const IndexCommitment& index, std::uint64_t record);
// The owner of a section that opens one.
Result<OwnerEntry> owner_alone(Section& owners);
// Holds when the section opens the neighbours between which the owner would stand.
Status owner_is_absent(Section& owners, std::uint64_t owner_count, const Address& owner);

} // namespace ol::attribution::suffix
