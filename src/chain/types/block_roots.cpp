// The roots of what a block lists.
#include "chain/trie/ordered_root.hpp"
#include "chain/types/block.hpp"

namespace ol::chain {
namespace {

template <class T>
Hash32 root_of(std::span<const T> items) {
    std::vector<Bytes> encoded;
    encoded.reserve(items.size());
    for (const auto& item : items) encoded.push_back(encode(item));
    return ordered_trie_root(encoded);
}

} // namespace

Hash32 transactions_root(std::span<const Transaction> transactions) {
    return root_of(transactions);
}

Hash32 withdrawals_root(std::span<const Withdrawal> withdrawals) { return root_of(withdrawals); }

Hash32 receipts_root(std::span<const Receipt> receipts, bool without_deposit_nonce) {
    if (!without_deposit_nonce) return root_of(receipts);
    std::vector<Bytes> encoded;
    encoded.reserve(receipts.size());
    for (const auto& receipt : receipts) {
        if (!receipt.deposit_nonce) {
            encoded.push_back(encode(receipt));
            continue;
        }
        Receipt without = receipt;
        without.deposit_nonce.reset();
        without.deposit_receipt_version.reset();
        encoded.push_back(encode(without));
    }
    return ordered_trie_root(encoded);
}

} // namespace ol::chain
