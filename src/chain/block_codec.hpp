// The values of the block store (docs/formats/block-store.md): bodies, outcomes, state changes.
// Decoders refuse anything that their encoders do not write.
#pragma once

#include "chain/blockchain.hpp"

namespace ol::chain {

struct BlockBody {
    std::vector<Transaction> transactions;
    std::vector<Hash32> transaction_hashes;
    std::vector<Address> senders;
    std::vector<Header> ommers;
    std::optional<std::vector<Withdrawal>> withdrawals;
    std::uint64_t block_bytes = 0; // size of the block's RLP
};

Bytes encode_body(const StoredBlock& block);
Result<BlockBody> decode_body(ByteView bytes);
// The hashes of the transactions at `indices` (ascending) alone; invalid_argument for one beyond.
Result<std::vector<Hash32>> hashes_in_body(ByteView bytes, std::span<const std::uint32_t> indices);

Bytes encode_outcomes(std::span<const TransactionOutcome> outcomes);
Result<std::vector<TransactionOutcome>> decode_outcomes(ByteView bytes);
// Each log in order, without making outcomes. `topics` and `data` point into `bytes`.
struct LogView {
    std::uint32_t transaction_index = 0;
    Address address;
    ByteView topics; // 32 bytes each
    ByteView data;
};
Status for_each_log(ByteView bytes, const std::function<void(const LogView&)>& each);

Bytes encode_changes(const StateChanges& changes);
Result<StateChanges> decode_changes(ByteView bytes);

} // namespace ol::chain
