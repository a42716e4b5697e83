#include "ledger/transaction.hpp"

#include "codec/rlp.hpp"
#include "crypto/hash.hpp"

namespace ol::ledger {

namespace {

constexpr std::uint8_t dynamic_fee_type = 0x02;

codec::Rlp::List fields(const Transaction& transaction) {
    using codec::Rlp;
    return {
        Rlp::number(transaction.chain_id),
        Rlp::number(transaction.nonce),
        Rlp::number(transaction.max_priority_fee),
        Rlp::number(transaction.max_fee),
        Rlp::number(transaction.gas),
        transaction.to ? Rlp(*transaction.to) : Rlp(Bytes{}),
        Rlp::number(transaction.value),
        Rlp(transaction.data),
        Rlp(Rlp::List{}), // no access list
    };
}

Bytes typed(codec::Rlp::List list) {
    Bytes out{dynamic_fee_type};
    append(out, codec::rlp_encode(codec::Rlp(std::move(list))));
    return out;
}

} // namespace

Hash32 signing_hash(const Transaction& transaction) {
    return crypto::keccak256(typed(fields(transaction)));
}

Bytes sign_transaction(const Transaction& transaction, const crypto::PrivateKey& key) {
    const crypto::Signature signature = key.sign(signing_hash(transaction));
    codec::Rlp::List list = fields(transaction);
    list.push_back(codec::Rlp::number(signature.parity));
    list.push_back(codec::Rlp::number(U256::from_be(signature.r.view())));
    list.push_back(codec::Rlp::number(U256::from_be(signature.s.view())));
    return typed(std::move(list));
}

} // namespace ol::ledger
