// Blocks, transactions, receipts, logs and proofs as geth and op-geth print them.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "chain/blockchain.hpp"
#include "chain/rpc/writer.hpp"

namespace ol::chain::rpc {

// Where a transaction stands; none of it for one that waits.
struct PlacedIn {
    Hash32 block_hash;
    std::uint64_t number = 0, timestamp = 0;
    std::uint32_t index = 0;
    U256 base_fee;
};

void print_transaction(Writer& out, const Transaction& transaction, const Hash32& hash,
                       const Address& sender, const PlacedIn* place, const Receipt* receipt);

// A block with everything that is kept of it, and the numbers of its logs.
class WholeBlock {
public:
    explicit WholeBlock(StoredBlockPtr stored);

    const Hash32& hash() const { return stored_->hash; }
    const Header& header() const { return stored_->block.header; }
    const Block& block() const { return stored_->block; }
    std::size_t count() const { return stored_->transaction_hashes.size(); }
    const Transaction& transaction(std::size_t i) const { return stored_->block.transactions[i]; }
    const Hash32& transaction_hash(std::size_t i) const { return stored_->transaction_hashes[i]; }
    const Address& sender(std::size_t i) const { return stored_->senders[i]; }
    const TransactionOutcome& outcome(std::size_t i) const { return stored_->outcomes[i]; }
    const StoredBlock& stored() const { return *stored_; }

    PlacedIn place(std::size_t index) const;
    FoundLog log(std::size_t transaction, std::size_t index) const;
    // Calls each(transaction, log) for every log, in order.
    template <class Each>
    void for_each_log(Each each) const {
        for (std::size_t i = 0; i < count(); ++i) {
            for (std::size_t k = 0; k < outcome(i).receipt.logs.size(); ++k) each(i, k);
        }
    }

private:
    StoredBlockPtr stored_;
    std::vector<std::uint32_t> first_logs_; // logs before each transaction's
};
using WholeBlockPtr = std::shared_ptr<const WholeBlock>;

// `full`: transactions as objects, otherwise their hashes.
void print_block(Writer& out, const WholeBlock& whole, bool full);
// eth_subscribe's newHeads.
void print_header(Writer& out, const Hash32& header_hash, const Header& header);
void print_transaction(Writer& out, const WholeBlock& whole, std::size_t index);

void print_log(Writer& out, const FoundLog& found);

// What receipts of OP blocks say of the L1: read from the block's first transaction.
struct L1ReceiptFields {
    L1FeeParameters parameters;
    bool is_ecotone = false, is_isthmus = false, is_jovian = false;
};
std::optional<L1ReceiptFields> l1_receipt_fields(const Block& block);

class ReceiptPrinter {
public:
    ReceiptPrinter(const ChainConfig& config, const WholeBlock& whole);
    void print(Writer& out, std::size_t index) const;

private:
    void print_l1(Writer& out, const Transaction& transaction,
                  const TransactionOutcome& outcome) const;

    const ChainConfig& config_;
    const WholeBlock& whole_;
    Rules rules_;
    std::optional<L1ReceiptFields> l1_;
};

void print_proof(Writer& out, const Address& address, const AccountProof& proof,
                 std::span<const std::string> slot_names);

} // namespace ol::chain::rpc
