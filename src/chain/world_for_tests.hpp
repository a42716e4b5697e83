// A small chain for tests: an OP chain with funded keys and a contract that counts and logs, in a
// folder that goes away.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "chain/blockchain.hpp"
#include "chain/genesis.hpp"
#include "chain/l1_attributes.hpp"
#include "chain/txpool/pool.hpp"
#include "crypto/secp256k1.hpp"

namespace ol::chain {

inline constexpr std::uint64_t world_chain_id = 7777;
inline constexpr std::uint64_t gwei = 1'000'000'000;

class TestFolder {
public:
    TestFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "ol-chain-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~TestFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TestFolder(const TestFolder&) = delete;
    TestFolder& operator=(const TestFolder&) = delete;
    const Path& path() const { return path_; }

private:
    Path path_;
};

inline crypto::PrivateKey test_key(std::uint64_t number) {
    Hash32 secret;
    put_be64(secret.begin() + 24, number + 1);
    return *crypto::PrivateKey::from_bytes(secret.view());
}

// Counts its calls in slot 0 and logs the first word of its call data as a topic.
inline Address counter_address() {
    Address out;
    out.data[0] = 0xcc;
    return out;
}
inline Bytes counter_code() {
    return *from_hex("5f54600101"
                     "5f55"
                     "5f355f5fa100");
}

struct WorldOptions {
    std::size_t keys = 8;
    std::uint64_t gas_limit = 30'000'000;
    OpFork fork = OpFork::isthmus; // none: an Ethereum chain under Cancun's rules
    U256 balance = U256(1000) * U256(gwei) * U256(gwei);
    Bytes l1_block_code = {}; // none: the L1 attributes are a call to an empty account
};

inline Genesis test_genesis(const WorldOptions& options = {}) {
    Genesis out;
    const bool is_op = options.fork != OpFork::none;
    out.config = is_op ? ChainConfig::optimism(options.fork, world_chain_id)
                       : ChainConfig::ethereum(Fork::cancun, world_chain_id);
    Header& header = out.header;
    header.ommers_hash = empty_ommers_hash;
    header.transactions_root = header.receipts_root = empty_root_hash;
    header.gas_limit = options.gas_limit;
    header.timestamp = 1000;
    header.base_fee = U256(gwei);
    header.withdrawals_root = empty_root_hash;
    header.blob_gas_used = header.excess_blob_gas = 0;
    header.parent_beacon_block_root = Hash32{};
    if (is_op) header.requests_hash = empty_requests_hash;
    if (is_op) header.extra_data = *from_hex("00000000fa00000006");
    if (options.fork == OpFork::jovian) {
        header.extra_data = *from_hex("01000000fa000000060000000000000000");
    }
    for (std::size_t i = 0; i < options.keys; ++i) {
        GenesisAccount account;
        account.address = test_key(i).address();
        account.balance = options.balance;
        out.accounts.push_back(account);
    }
    GenesisAccount counter;
    counter.address = counter_address();
    counter.nonce = 1;
    counter.code = counter_code();
    out.accounts.push_back(counter);
    if (!options.l1_block_code.empty()) {
        GenesisAccount l1_block;
        l1_block.address = predeploy::l1_block;
        l1_block.code = options.l1_block_code;
        out.accounts.push_back(l1_block);
    }
    std::ranges::sort(out.accounts, {}, &GenesisAccount::address);
    return out;
}

inline void sign(Transaction& transaction, const crypto::PrivateKey& key) {
    const auto signature = key.sign(signing_hash(transaction));
    transaction.y_parity = signature.parity;
    transaction.r = U256::from_be(signature.r.view());
    transaction.s = U256::from_be(signature.s.view());
}

inline Transaction transfer(std::size_t from, std::uint64_t nonce, const Address& to,
                            const U256& value = U256(1), std::uint64_t tip = 1,
                            std::uint64_t max_fee = 100 * gwei) {
    Transaction out;
    out.type = TransactionType::dynamic_fee;
    out.chain_id = world_chain_id;
    out.nonce = nonce;
    out.max_fee = U256(max_fee);
    out.max_priority_fee = U256(tip);
    out.gas_limit = 21'000;
    out.to = to;
    out.value = value;
    sign(out, test_key(from));
    return out;
}

// Calls the counter, which logs `topic`.
inline Transaction count_call(std::size_t from, std::uint64_t nonce, std::uint64_t topic) {
    Transaction out = transfer(from, nonce, counter_address(), U256());
    out.gas_limit = 80'000;
    const Hash32 word = U256(topic).to_be();
    out.data.assign(word.begin(), word.end());
    sign(out, test_key(from));
    return out;
}

// What a sequencer would ask for after `parent`: the L1 attributes first on an OP chain.
inline PayloadAttributes attributes_after(const ChainConfig& config, const Header& parent,
                                          std::uint64_t seconds = 2) {
    PayloadAttributes out;
    out.timestamp = parent.timestamp + seconds;
    out.prev_randao.data[0] = static_cast<std::uint8_t>(out.timestamp);
    out.parent_beacon_block_root = Hash32{};
    out.fee_recipient.data[0] = 0xfe;
    if (!config.is_op()) return out;
    const Rules rules = config.rules_at(parent.number + 1, out.timestamp);
    out.gas_limit = parent.gas_limit;
    out.eip1559_parameters.emplace();
    if (rules.op >= OpFork::jovian) out.minimum_base_fee = 0;
    L1Attributes l1;
    l1.number = parent.number + 1;
    l1.timestamp = out.timestamp;
    put_be64(l1.hash.begin(), l1.number);
    out.forced.push_back(l1_attributes_deposit(l1, rules));
    return out;
}

class World {
public:
    explicit World(const WorldOptions& options = {})
        : genesis(test_genesis(options)) {
        open();
    }

    void open() {
        BlockchainOptions options;
        options.folder = folder.path();
        options.durable = false;
        options.threads = 2;
        auto opened = Blockchain::open(options, genesis);
        ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
        chain = std::move(*opened);
        pool = std::make_unique<TransactionPool>(*chain);
    }
    void reopen() {
        pool.reset();
        chain.reset();
        open();
    }

    Hash32 add(const Transaction& transaction) {
        auto added = pool->add(transaction);
        EXPECT_TRUE(added.has_value()) << added.error().to_string();
        return added.value_or(Hash32{});
    }

    // A block on the head with the pool's transactions.
    Block produce(std::uint64_t seconds = 2) {
        auto built =
            chain->produce(attributes_after(chain->config(), chain->head(), seconds), pool.get());
        EXPECT_TRUE(built.has_value()) << built.error().to_string();
        return built ? built->block : Block{};
    }

    std::uint64_t nonce(std::size_t key) const { return pool->next_nonce(test_key(key).address()); }
    U256 balance(const Address& address) const {
        auto reader = chain->state_at(chain->head().number);
        EXPECT_TRUE(reader.has_value()) << reader.error().to_string();
        auto account = (*reader)->account(address);
        EXPECT_TRUE(account.has_value());
        return *account ? (*account)->balance : U256();
    }
    U256 counted() const {
        auto reader = chain->state_at(chain->head().number);
        EXPECT_TRUE(reader.has_value()) << reader.error().to_string();
        return (*reader)->storage(counter_address(), U256()).value_or(U256());
    }

    TestFolder folder;
    Genesis genesis;
    std::unique_ptr<Blockchain> chain;
    std::unique_ptr<TransactionPool> pool;
};

} // namespace ol::chain
