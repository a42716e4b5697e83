// A small world for this room's tests: accounts in memory and transactions of known keys.
#pragma once

#include <utility>

#include "chain/block/execution.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"

namespace ol::chain::testing {

inline constexpr std::uint64_t gwei = 1'000'000'000;
inline const U256 ether(1'000'000'000 * gwei);

inline Address address_of(std::uint8_t last) {
    Address out;
    out[0] = 0xab;
    out[19] = last;
    return out;
}

inline crypto::PrivateKey key_of(std::uint8_t seed) {
    return crypto::PrivateKey::from_bytes(Bytes(32, seed)).value();
}

struct World {
    ChainConfig config;
    std::unique_ptr<StateBackend> state = make_memory_state();
    Header header;

    explicit World(ChainConfig chain_config)
        : config(std::move(chain_config)) {
        header.number = 1;
        header.timestamp = 1000;
        header.gas_limit = 30'000'000;
        header.coinbase = address_of(0xcb);
        header.base_fee = U256(7);
        header.excess_blob_gas = 0;
        header.blob_gas_used = 0;
    }

    void put(const Address& address, const U256& balance, std::string_view code = "",
             std::uint64_t nonce = 0, std::vector<std::pair<U256, U256>> storage = {}) {
        AccountChange change;
        change.address = address;
        change.account = Account{nonce, balance, empty_code_hash, empty_root_hash};
        if (!code.empty()) {
            change.code = std::make_shared<const Code>(from_hex(code).value());
            change.account->code_hash = change.code->hash();
        }
        change.storage = std::move(storage);
        (void)state->apply({change}).value();
    }

    Account account(const Address& address) {
        return state->account(address).value().value_or(Account{});
    }
    U256 balance(const Address& address) { return account(address).balance; }

    Transaction transfer(const crypto::PrivateKey& key, const Address& to, const U256& value,
                         std::uint64_t nonce = 0) const {
        Transaction out;
        out.type = TransactionType::dynamic_fee;
        out.chain_id = config.chain_id;
        out.nonce = nonce;
        out.max_fee = U256(10);
        out.max_priority_fee = U256(2);
        out.gas_limit = 21'000;
        out.to = to;
        out.value = value;
        sign(out, key);
        return out;
    }

    // EIP-7702.
    static Authorization authorize(const crypto::PrivateKey& key, std::uint64_t chain_id,
                                   std::uint64_t nonce, const Address& to) {
        codec::RlpWriter message;
        const std::uint8_t magic = 0x05;
        message.raw({&magic, 1});
        message.list([&] { message.number(chain_id).bytes(to).number(nonce); });
        const auto signature = key.sign(crypto::keccak256(message.view()));
        return {U256(chain_id),
                to,
                nonce,
                signature.parity,
                U256::from_be(signature.r.view()),
                U256::from_be(signature.s.view())};
    }

    static void sign(Transaction& tx, const crypto::PrivateKey& key) {
        const auto signature = key.sign(signing_hash(tx));
        tx.y_parity = signature.parity;
        tx.r = U256::from_be(signature.r.view());
        tx.s = U256::from_be(signature.s.view());
    }
};

} // namespace ol::chain::testing
