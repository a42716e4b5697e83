// Evidence: what a challenge of a duplicate shows the ledger (contracts/src/interfaces/Types.sol,
// IDatanetRegistry.challengeDuplicate).
#pragma once

#include <cstdint>
#include <string_view>

#include "codec/abi.hpp"
#include "datanet/record.hpp"

namespace ol::datanet {

// Solidity's struct OpenedRecord.
inline constexpr std::string_view opened_record_type =
    "(uint256,(bytes32,address,bytes32,bytes32,bytes32,bytes32,uint32,uint32,uint32,bytes32,uint64)"
    ","
    "bytes32[],bytes32,bytes32,uint64[112])";

// The record at `sequence` of a batch anchored under batch_id, opened: leaf, Merkle proof, salt,
// content hash and signature. sequence < batch.records.size(). It hashes the whole batch.
codec::AbiValue opened_record(const Batch& batch, std::uint64_t batch_id, std::uint64_t sequence);

} // namespace ol::datanet
