#include "chain/types/transaction.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"

namespace ol::chain {
namespace {

using codec::RlpReader;
using codec::RlpWriter;

// EIP-7702's magic byte in front of what an authorization's signer signs.
constexpr std::uint8_t authorization_magic = 0x05;

// The group order of secp256k1.
const U256& group_order() {
    static const U256 order =
        U256::parse("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").value();
    return order;
}

void write_to(RlpWriter& out, const std::optional<Address>& to) {
    if (to) {
        out.bytes(*to);
    } else {
        out.bytes(ByteView());
    }
}

void write_access_list(RlpWriter& out, const std::vector<AccessListEntry>& entries) {
    out.list([&] {
        for (const auto& entry : entries) {
            out.list([&] {
                out.bytes(entry.address);
                out.list([&] {
                    for (const auto& slot : entry.slots) out.bytes(slot.to_be());
                });
            });
        }
    });
}

void write_authorizations(RlpWriter& out, const std::vector<Authorization>& authorizations) {
    out.list([&] {
        for (const auto& one : authorizations) {
            out.list([&] {
                out.number(one.chain_id).bytes(one.address).number(one.nonce);
                out.number(one.y_parity).number(one.r).number(one.s);
            });
        }
    });
}

void write_legacy(RlpWriter& out, const Transaction& tx, bool for_signing) {
    out.list([&] {
        out.number(tx.nonce).number(tx.max_fee).number(tx.gas_limit);
        write_to(out, tx.to);
        out.number(tx.value).bytes(tx.data);
        if (!for_signing) {
            // EIP-155: v tells the chain too. The sum passes 64 bits for the largest chain ids.
            const U256 v =
                tx.chain_id ? U256(*tx.chain_id) + U256(*tx.chain_id) + U256(35) : U256(27);
            out.number(v + U256(tx.y_parity)).number(tx.r).number(tx.s);
        } else if (tx.chain_id) {
            out.number(*tx.chain_id).number(0).number(0);
        }
    });
}

void write_typed(RlpWriter& out, const Transaction& tx, bool for_signing) {
    out.list([&] {
        out.number(tx.chain_id.value_or(0)).number(tx.nonce);
        if (tx.type != TransactionType::access_list) out.number(tx.max_priority_fee);
        out.number(tx.max_fee).number(tx.gas_limit);
        write_to(out, tx.to);
        out.number(tx.value).bytes(tx.data);
        write_access_list(out, tx.access_list);
        if (tx.type == TransactionType::blob) {
            out.number(tx.max_fee_per_blob_gas);
            out.list([&] {
                for (const auto& hash : tx.blob_hashes) out.bytes(hash);
            });
        }
        if (tx.type == TransactionType::set_code) write_authorizations(out, tx.authorizations);
        if (!for_signing) out.number(tx.y_parity).number(tx.r).number(tx.s);
    });
}

void write_deposit(RlpWriter& out, const Transaction& tx) {
    out.list([&] {
        out.bytes(tx.source_hash).bytes(tx.from);
        write_to(out, tx.to);
        out.number(tx.mint).number(tx.value).number(tx.gas_limit);
        out.number(tx.is_system ? 1 : 0).bytes(tx.data);
    });
}

Bytes write(const Transaction& tx, bool for_signing) {
    RlpWriter out(160 + tx.data.size());
    if (tx.type == TransactionType::legacy) {
        write_legacy(out, tx, for_signing);
        return out.take();
    }
    const auto type = static_cast<std::uint8_t>(tx.type);
    out.raw({&type, 1});
    if (tx.is_deposit()) {
        write_deposit(out, tx);
    } else {
        write_typed(out, tx, for_signing);
    }
    return out.take();
}

Bytes copy(ByteView view) { return {view.begin(), view.end()}; }

Result<std::optional<Address>> read_to(RlpReader& in) {
    const ByteView view = OL_TRY(in.bytes("to"));
    if (view.empty()) return std::nullopt;
    return OL_TRY_IN(Address::from(view), "transaction: to");
}

Result<std::vector<AccessListEntry>> read_access_list(RlpReader& in) {
    std::vector<AccessListEntry> out;
    RlpReader entries = OL_TRY(in.list("access list"));
    while (!entries.at_end()) {
        RlpReader entry = OL_TRY(entries.list("access list entry"));
        AccessListEntry& made = out.emplace_back();
        made.address = OL_TRY(entry.fixed<20>("address"));
        RlpReader slots = OL_TRY(entry.list("storage keys"));
        while (!slots.at_end()) {
            made.slots.push_back(U256::from_be(OL_TRY(slots.fixed<32>("storage key")).view()));
        }
        OL_TRY(entry.end());
    }
    return out;
}

Result<std::vector<Authorization>> read_authorizations(RlpReader& in) {
    std::vector<Authorization> out;
    RlpReader list = OL_TRY(in.list("authorization list"));
    while (!list.at_end()) {
        RlpReader one = OL_TRY(list.list("authorization"));
        Authorization& made = out.emplace_back();
        made.chain_id = OL_TRY(one.u256("chain id"));
        made.address = OL_TRY(one.fixed<20>("address"));
        made.nonce = OL_TRY(one.u64("nonce"));
        const std::uint64_t parity = OL_TRY(one.u64("y parity"));
        if (parity > 255) {
            return fail(ErrorCode::invalid_argument, "authorization: y parity: {} is above 255",
                        parity);
        }
        made.y_parity = static_cast<std::uint8_t>(parity);
        made.r = OL_TRY(one.u256("r"));
        made.s = OL_TRY(one.u256("s"));
        OL_TRY(one.end());
    }
    return out;
}

// v of a legacy transaction: 27 and 28, or 35 + 2 * chain id + parity (EIP-155).
Status read_v(RlpReader& in, Transaction& tx) {
    const U256 v = OL_TRY(in.u256("v"));
    if (v == U256(27) || v == U256(28)) {
        tx.y_parity = static_cast<std::uint8_t>(v.low_u64() - 27);
        return {};
    }
    const U256 id = (v - U256(35)) >> 1;
    if (v < U256(35) || !id.fits_u64()) {
        return fail(ErrorCode::invalid_argument,
                    "transaction: v: {} is neither 27, 28 nor 35 + 2 * chain id + parity",
                    v.to_decimal());
    }
    tx.chain_id = id.low_u64();
    tx.y_parity = static_cast<std::uint8_t>((v - U256(35)).low_u64() & 1);
    return {};
}

Result<Transaction> read_legacy(RlpReader in) {
    Transaction tx;
    tx.nonce = OL_TRY(in.u64("nonce"));
    tx.max_fee = tx.max_priority_fee = OL_TRY(in.u256("gas price"));
    tx.gas_limit = OL_TRY(in.u64("gas limit"));
    tx.to = OL_TRY(read_to(in));
    tx.value = OL_TRY(in.u256("value"));
    tx.data = copy(OL_TRY(in.bytes("data")));
    OL_TRY(read_v(in, tx));
    tx.r = OL_TRY(in.u256("r"));
    tx.s = OL_TRY(in.u256("s"));
    OL_TRY(in.end());
    return tx;
}

Result<Transaction> read_typed(RlpReader in, TransactionType type) {
    Transaction tx;
    tx.type = type;
    tx.chain_id = OL_TRY(in.u64("chain id"));
    tx.nonce = OL_TRY(in.u64("nonce"));
    if (type == TransactionType::access_list) {
        tx.max_fee = tx.max_priority_fee = OL_TRY(in.u256("gas price"));
    } else {
        tx.max_priority_fee = OL_TRY(in.u256("max priority fee"));
        tx.max_fee = OL_TRY(in.u256("max fee"));
    }
    tx.gas_limit = OL_TRY(in.u64("gas limit"));
    tx.to = OL_TRY(read_to(in));
    if (!tx.to && (type == TransactionType::blob || type == TransactionType::set_code)) {
        return fail(ErrorCode::invalid_argument,
                    "transaction: to: a transaction of type {} cannot create a contract",
                    static_cast<int>(type));
    }
    tx.value = OL_TRY(in.u256("value"));
    tx.data = copy(OL_TRY(in.bytes("data")));
    tx.access_list = OL_TRY(read_access_list(in));
    if (type == TransactionType::blob) {
        tx.max_fee_per_blob_gas = OL_TRY(in.u256("max fee per blob gas"));
        RlpReader hashes = OL_TRY(in.list("blob hashes"));
        while (!hashes.at_end()) {
            tx.blob_hashes.push_back(OL_TRY(hashes.fixed<32>("blob hash")));
        }
    }
    if (type == TransactionType::set_code) tx.authorizations = OL_TRY(read_authorizations(in));
    tx.y_parity = OL_TRY(in.boolean("y parity")) ? 1 : 0;
    tx.r = OL_TRY(in.u256("r"));
    tx.s = OL_TRY(in.u256("s"));
    OL_TRY(in.end());
    return tx;
}

Result<Transaction> read_deposit(RlpReader in) {
    Transaction tx;
    tx.type = TransactionType::deposit;
    tx.source_hash = OL_TRY(in.fixed<32>("source hash"));
    tx.from = OL_TRY(in.fixed<20>("from"));
    tx.to = OL_TRY(read_to(in));
    tx.mint = OL_TRY(in.u256("mint"));
    tx.value = OL_TRY(in.u256("value"));
    tx.gas_limit = OL_TRY(in.u64("gas limit"));
    tx.is_system = OL_TRY(in.boolean("is system transaction"));
    tx.data = copy(OL_TRY(in.bytes("data")));
    OL_TRY(in.end());
    return tx;
}

Result<Address> recover(const Hash32& digest, U256 s, const U256& r, std::uint8_t parity,
                        bool allow_high_s) {
    // (r, n - s) with the other parity is the same signature by the same key.
    const U256& order = group_order();
    if (allow_high_s && s > (order >> 1) && s < order) {
        s = order - s;
        parity ^= 1;
    }
    return crypto::recover(digest, {r.to_be(), s.to_be(), parity});
}

} // namespace

Bytes encode(const Transaction& transaction) { return write(transaction, false); }

Result<Transaction> decode_transaction(ByteView bytes) {
    if (bytes.empty()) return fail(ErrorCode::invalid_argument, "transaction: no bytes");
    if (bytes[0] >= 0xc0) return read_legacy(OL_TRY(RlpReader::of_list(bytes, "transaction")));
    const auto type = static_cast<TransactionType>(bytes[0]);
    const ByteView payload = bytes.subspan(1);
    switch (type) {
    case TransactionType::access_list:
    case TransactionType::dynamic_fee:
    case TransactionType::blob:
    case TransactionType::set_code:
        break;
    case TransactionType::deposit:
        return read_deposit(OL_TRY(RlpReader::of_list(payload, "transaction")));
    default:
        return fail(ErrorCode::invalid_argument, "transaction: type {:#04x} is not known",
                    bytes[0]);
    }
    RlpReader in = OL_TRY(RlpReader::of_list(payload, "transaction"));
    if (type == TransactionType::blob && in.next_is_list()) {
        return fail(ErrorCode::unsupported,
                    "transaction: blobs beside a blob transaction are not taken here: send the "
                    "transaction alone, as it stands in a block");
    }
    return read_typed(in, type);
}

Hash32 hash(const Transaction& transaction) { return crypto::keccak256(encode(transaction)); }

Hash32 signing_hash(const Transaction& transaction) {
    OL_CHECK(!transaction.is_deposit());
    return crypto::keccak256(write(transaction, true));
}

std::vector<TransactionHashes> hashes_of(std::span<const Transaction> transactions) {
    std::vector<Bytes> encoded;
    encoded.reserve(2 * transactions.size()); // views into it stay
    std::vector<ByteView> inputs;
    for (const auto& transaction : transactions) {
        inputs.emplace_back(encoded.emplace_back(encode(transaction)));
        if (transaction.is_deposit()) continue;
        inputs.emplace_back(encoded.emplace_back(write(transaction, true)));
    }
    std::vector<Hash32> hashes(inputs.size());
    crypto::keccak256_many(inputs, hashes);
    std::vector<TransactionHashes> out;
    out.reserve(transactions.size());
    auto next = hashes.begin();
    for (const auto& transaction : transactions) {
        TransactionHashes& both = out.emplace_back();
        both.hash = *next++;
        if (!transaction.is_deposit()) both.signing = *next++;
    }
    return out;
}

Result<Address> sender_of(const Transaction& transaction, bool allow_high_s) {
    if (transaction.is_deposit()) return transaction.from;
    return sender_of(transaction, signing_hash(transaction), allow_high_s);
}

Result<Address> sender_of(const Transaction& transaction, const Hash32& signing,
                          bool allow_high_s) {
    if (transaction.is_deposit()) return transaction.from;
    return recover(signing, transaction.s, transaction.r, transaction.y_parity, allow_high_s);
}

Result<Address> authority_of(const Authorization& authorization) {
    RlpWriter out(64);
    out.raw({&authorization_magic, 1});
    out.list([&] {
        out.number(authorization.chain_id).bytes(authorization.address);
        out.number(authorization.nonce);
    });
    return recover(crypto::keccak256(out.take()), authorization.s, authorization.r,
                   authorization.y_parity, false);
}

U256 effective_gas_price(const Transaction& transaction, const U256& base_fee) {
    const U256 room = transaction.max_fee - base_fee;
    return base_fee + std::min(room, transaction.max_priority_fee);
}

} // namespace ol::chain
