// Import of full blocks over a large state: builds a chain of transfers or ERC-20 transfers, then
// imports it into a fresh folder, and says what a core does of it and how the folder grows.
//
//   import_workload --work DIR [--base DIR] [--blocks N] [--senders K] [--state M] [--gas-limit G]
//                   [--mix transfers|erc20|half] [--threads T] [--cache-mb N] [--no-sync]
//                   [--artifacts DIR]
//                   [--json F]
//
// Senders sign in turn; recipients are drawn from the K senders and M further accounts, which are
// in the state before. That state is made once and kept in the base folder (WORK/base), which is of
// one K and M. Import means everything that a block is: signatures, execution, roots, receipts,
// indices, one durable batch. Processor time is of all threads together, of the imports alone.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>

#include "base/clock.hpp"
#include "base/prng.hpp"
#include "base/thread_pool.hpp"
#include "chain/block_store.hpp"
#include "chain/blockchain.hpp"
#include "chain/genesis.hpp"
#include "chain/l1_attributes.hpp"
#include "codec/json.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"

namespace {

using namespace ol;
using namespace ol::chain;

constexpr std::uint64_t chain_id = 7777;
constexpr std::uint64_t gwei = 1'000'000'000;
constexpr std::uint64_t transfer_gas = 21'000, token_gas = 60'000;

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "import_workload: %s\n", what.c_str());
    std::exit(1);
}

template <class T>
T must(Result<T> result) {
    if (!result) die(result.error().to_string());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double cpu_seconds() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

struct Options {
    Path work, base, artifacts = "contracts/out", json;
    std::uint64_t blocks = 100, senders = 2000, state = 100'000, gas_limit = 30'000'000;
    std::uint64_t cache_mb = 256; // of the state; the default
    unsigned threads = 1;
    bool sync = true;
    std::string mix = "transfers";
};

Options read_options(int argc, char** argv) {
    Options out;
    std::map<std::string, std::string> given;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--no-sync") {
            out.sync = false;
        } else if (i + 1 < argc) {
            given[name] = argv[++i];
        } else {
            die(name + " wants a value");
        }
    }
    for (const auto& [name, value] : given) {
        if (name == "--work")
            out.work = value;
        else if (name == "--base")
            out.base = value;
        else if (name == "--artifacts")
            out.artifacts = value;
        else if (name == "--json")
            out.json = value;
        else if (name == "--mix")
            out.mix = value;
        else if (name == "--blocks")
            out.blocks = std::stoull(value);
        else if (name == "--senders")
            out.senders = std::stoull(value);
        else if (name == "--state")
            out.state = std::stoull(value);
        else if (name == "--gas-limit")
            out.gas_limit = std::stoull(value);
        else if (name == "--cache-mb")
            out.cache_mb = std::stoull(value);
        else if (name == "--threads")
            out.threads = static_cast<unsigned>(std::stoul(value));
        else
            die("unknown option " + name);
    }
    if (out.work.empty()) die("--work DIR is needed");
    if (out.base.empty()) out.base = out.work / "base";
    if (out.mix != "transfers" && out.mix != "erc20" && out.mix != "half") die("unknown mix");
    return out;
}

crypto::PrivateKey key_of(std::uint64_t number) {
    Hash32 secret;
    put_be64(secret.begin() + 24, number + 1);
    return must(crypto::PrivateKey::from_bytes(secret.view()));
}

Address stranger(std::uint64_t number) {
    std::uint8_t bytes[8];
    put_be64(bytes, number);
    Address out;
    std::copy_n(crypto::keccak256(bytes).begin() + 12, 20, out.begin());
    return out;
}

Address token_address() {
    Address out;
    out.data[0] = 0x70;
    return out;
}

// balanceOf[account]: the mapping of slot 0 in WrappedOpen.sol.
U256 balance_slot(const Address& account) {
    std::uint8_t bytes[64] = {};
    std::copy_n(account.begin(), 20, bytes + 12);
    return U256::from_be(crypto::keccak256(bytes).view());
}

Bytes token_code(const Path& artifacts) {
    const auto text =
        must(read_text_file(artifacts / "WrappedOpen.sol" / "WrappedOpen.json", 16 << 20));
    return must(must(codec::Json::parse(text))["deployedBytecode"]["object"].as_hex_bytes());
}

// What every block is made of and every state begins with: the genesis' header (its accounts are
// put into the state by hand) and the senders.
struct Workload {
    std::vector<crypto::PrivateKey> keys;
    Genesis genesis;
};

Workload make_workload(const Options& options) {
    Workload out;
    out.genesis.config = ChainConfig::optimism(OpFork::isthmus, chain_id);
    Header& header = out.genesis.header;
    header.ommers_hash = empty_ommers_hash;
    header.transactions_root = header.receipts_root = empty_root_hash;
    header.gas_limit = options.gas_limit;
    header.timestamp = 1000;
    header.base_fee = U256(gwei);
    header.withdrawals_root = empty_root_hash;
    header.blob_gas_used = header.excess_blob_gas = 0;
    header.parent_beacon_block_root = Hash32{};
    header.requests_hash = empty_requests_hash;
    header.extra_data = must(from_hex("00000000fa00000006"));
    for (std::uint64_t i = 0; i < options.senders; ++i) out.keys.push_back(key_of(i));
    return out;
}

// The chain's folder with all accounts and an empty block over them, made once: the accounts are
// committed in the order of their hashes, so that each commit touches a part of the trie alone.
class Base {
public:
    Base(const Options& options, const Workload& workload)
        : options_(options)
        , workload_(workload)
        , pool_(options.threads) {}

    // The whole folder is there when its name is.
    void make() {
        if (std::filesystem::exists(options_.base)) return;
        const Path part = options_.base.string() + ".part";
        std::filesystem::remove_all(part);
        {
            const auto store = open_store(part);
            fill(*store);
            must(store->compact());
        }
        std::filesystem::rename(part, options_.base);
    }

    // Another folder with the same content; files that do not change are shared.
    void copy_to(const Path& folder) const {
        std::filesystem::remove_all(folder);
        must(open_store(options_.base)->checkpoint(folder));
    }

private:
    std::unique_ptr<store::KeyValue> open_store(const Path& folder) const {
        store::KeyValueOptions how;
        how.write_buffer_bytes = 256ULL << 20;
        how.compressed = {family_code, family_blocks};
        return must(store::KeyValue::open(folder, chain_family_names(), how));
    }

    void fill(store::KeyValue& store) {
        constexpr std::uint64_t part = 100'000;
        StateOptions how;
        how.history_blocks = 1;
        how.cache_bytes = 256ULL << 20;
        const auto state = must(StateDatabase::open(store, how, pool_));
        std::vector<std::pair<Hash32, std::uint64_t>> order;
        const std::uint64_t accounts = options_.senders + options_.state;
        for (std::uint64_t i = 0; i < accounts; ++i) {
            order.emplace_back(crypto::keccak256(address(i).view()), i);
        }
        std::ranges::sort(order);
        std::uint64_t number = 0;
        commit(store, *state, {token()}, number);
        for (std::uint64_t first = 0; first < accounts; first += part) {
            StateChanges changes;
            for (std::uint64_t i = first; i < std::min(first + part, accounts); ++i) {
                AccountChange& change = changes.emplace_back();
                const std::uint64_t which = order[i].second;
                change.address = address(which);
                change.account.emplace();
                change.account->balance = which < options_.senders
                                              ? U256(1'000'000) * U256(gwei) * U256(gwei)
                                              : U256(which + 1);
            }
            commit(store, *state, changes, ++number);
            std::fprintf(stderr, "\r%lu of %lu accounts", first, accounts);
        }
        std::fprintf(stderr, "\n");
        lay_down_block(store, *state, number);
    }

    Address address(std::uint64_t number) const {
        return number < options_.senders ? workload_.keys[number].address()
                                         : stranger(number - options_.senders);
    }

    AccountChange token() const {
        AccountChange out;
        out.address = token_address();
        out.account.emplace();
        out.account->nonce = 1;
        out.code = std::make_shared<const Code>(token_code(options_.artifacts));
        out.account->code_hash = out.code->hash();
        for (std::uint64_t i = 0; i < 2 * options_.senders; ++i) {
            out.storage.emplace_back(balance_slot(address(i)), U256(gwei) * U256(gwei));
        }
        std::ranges::sort(out.storage);
        return out;
    }

    static void commit(store::KeyValue& store, StateDatabase& state, const StateChanges& changes,
                       std::uint64_t number) {
        auto pending = state.begin();
        must(pending->apply(changes));
        store::WriteBatch batch;
        must(state.stage(*pending, number, batch));
        must(store.write(batch, false));
        state.adopt(std::move(pending));
    }

    // The head of a chain whose earlier blocks nobody asks for.
    void lay_down_block(store::KeyValue& store, const StateDatabase& state, std::uint64_t number) {
        StoredBlock block;
        block.block.header = workload_.genesis.header;
        block.block.header.number = number;
        block.block.header.state_root = state.root();
        block.block.withdrawals.emplace();
        block.hash = hash(block.block.header);
        block.size_bytes = encode(block.block).size();
        const BlockStore blocks(store);
        store::WriteBatch batch;
        blocks.put_block(block, batch);
        blocks.put_canonical(block, batch);
        blocks.put_heads({block.hash, block.hash, block.hash, block.hash, {}}, batch);
        blocks.put_genesis_digest(digest_of(workload_.genesis), batch);
        must(store.write(batch, true));
    }

    const Options& options_;
    const Workload& workload_;
    ThreadPool pool_;
};

void sign(Transaction& transaction, const crypto::PrivateKey& key) {
    const auto signature = key.sign(signing_hash(transaction));
    transaction.y_parity = signature.parity;
    transaction.r = U256::from_be(signature.r.view());
    transaction.s = U256::from_be(signature.s.view());
}

class Maker {
public:
    Maker(const Options& options, const Workload& workload)
        : options_(options)
        , workload_(workload)
        , nonces_(workload.keys.size()) {}

    PayloadAttributes next(const Header& parent) {
        PayloadAttributes out;
        out.timestamp = parent.timestamp + 2;
        out.parent_beacon_block_root = Hash32{};
        out.fee_recipient.data[0] = 0xfe;
        out.gas_limit = parent.gas_limit;
        out.eip1559_parameters.emplace();
        L1Attributes l1;
        l1.number = parent.number + 1;
        l1.timestamp = out.timestamp;
        put_be64(l1.hash.begin(), l1.number);
        const Rules rules = workload_.genesis.config.rules_at(l1.number, out.timestamp);
        out.forced.push_back(l1_attributes_deposit(l1, rules));
        // The deposit needs its million at the block's beginning alone; it uses a part of it.
        std::uint64_t room = options_.gas_limit - 200'000;
        while (true) {
            const bool token =
                options_.mix == "erc20" || (options_.mix == "half" && out.forced.size() % 2 == 0);
            const std::uint64_t gas = token ? token_gas : transfer_gas;
            if (room < gas) return out;
            room -= gas;
            out.forced.push_back(make(token, gas, *parent.base_fee));
        }
    }

private:
    Transaction make(bool token, std::uint64_t gas, const U256& base_fee) {
        const std::size_t from = turn_++ % workload_.keys.size();
        Transaction out;
        out.type = TransactionType::dynamic_fee;
        out.chain_id = chain_id;
        out.nonce = nonces_[from]++;
        out.max_fee = base_fee * U256(2) + U256(gwei);
        out.max_priority_fee = U256(1 + random_.below(100));
        out.gas_limit = gas;
        const Address to = recipient();
        if (token) {
            out.to = token_address();
            out.data = must(from_hex("a9059cbb000000000000000000000000")); // transfer(to, 1)
            append(out.data, to.view());
            append(out.data, U256(1).to_be().view());
        } else {
            out.to = to;
            out.value = U256(1 + random_.below(1000));
        }
        sign(out, workload_.keys[from]);
        return out;
    }

    Address recipient() {
        const std::uint64_t number = random_.below(options_.senders + options_.state);
        return number < options_.senders ? workload_.keys[number].address()
                                         : stranger(number - options_.senders);
    }

    const Options& options_;
    const Workload& workload_;
    std::vector<std::uint64_t> nonces_;
    std::uint64_t turn_ = 0;
    Prng random_{1};
};

std::unique_ptr<Blockchain> open(const Options& options, const Genesis& genesis, const Path& folder,
                                 bool sync) {
    BlockchainOptions how;
    how.folder = folder;
    how.durable = sync;
    how.state.cache_bytes = options.cache_mb << 20;
    how.threads = options.threads;
    return must(Blockchain::open(how, genesis));
}

std::uint64_t folder_bytes(const Path& folder) {
    std::uint64_t out = 0;
    for (const auto& file : must(list_files(folder))) out += std::filesystem::file_size(file);
    return out;
}

// Made once in a work folder: what a run leaves there, the next one of the same options imports.
std::vector<Block> make_blocks(const Options& options, const Workload& workload, const Base& base) {
    constexpr std::uint64_t most_bytes = 8ULL << 30;
    const Path file =
        options.work / ("blocks-" + options.mix + "-" + std::to_string(options.blocks) + ".rlp");
    std::vector<Block> out;
    if (std::filesystem::exists(file)) {
        const Bytes bytes = must(read_file(file, most_bytes));
        for (codec::RlpReader in(bytes, file.c_str()); !in.at_end();) {
            out.push_back(must(decode_block(must(in.raw("block")))));
        }
        return out;
    }
    const Path built = options.work / "built";
    base.copy_to(built);
    Bytes bytes;
    {
        Maker maker(options, workload);
        const auto chain = open(options, workload.genesis, built, false);
        for (std::uint64_t i = 0; i < options.blocks; ++i) {
            out.push_back(must(chain->produce(maker.next(chain->head()), nullptr)).block);
            append(bytes, encode(out.back()));
        }
    }
    std::filesystem::remove_all(built);
    must(write_file_atomic(file, bytes));
    return out;
}

} // namespace

int main(int argc, char** argv) {
    const Options options = read_options(argc, argv);
    const Workload workload = make_workload(options);
    must(make_directories(options.work));
    Base base(options, workload);
    base.make();
    const Path imported = options.work / "imported";
    const std::vector<Block> blocks = make_blocks(options, workload, base);
    std::uint64_t gas = 0, transactions = 0;
    for (const auto& block : blocks) {
        gas += block.header.gas_used;
        transactions += block.transactions.size();
    }

    base.copy_to(imported);
    auto chain = open(options, workload.genesis, imported, options.sync);
    const std::uint64_t before = folder_bytes(imported);
    const double cpu_before = cpu_seconds();
    const Stopwatch wall;
    std::vector<double> block_ms;
    for (const auto& block : blocks) {
        const Stopwatch one;
        must(chain->import(block, true));
        block_ms.push_back(one.seconds() * 1e3);
    }
    const double cpu = cpu_seconds() - cpu_before, seconds = wall.seconds();
    chain.reset();
    const std::uint64_t after = folder_bytes(imported);
    std::filesystem::remove_all(imported);
    std::ranges::sort(block_ms);

    const double mgas = static_cast<double>(gas) / 1e6;
    codec::Json out = codec::Json::object();
    out.set("mix", options.mix);
    out.set("blocks", options.blocks);
    out.set("transactions", transactions);
    out.set("gas", gas);
    out.set("accounts", options.senders + options.state);
    out.set("threads", static_cast<std::uint64_t>(options.threads));
    out.set("durable", options.sync);
    out.set("cpu_seconds", cpu);
    out.set("wall_seconds", seconds);
    out.set("mgas_per_cpu_second", mgas / cpu);
    out.set("mgas_per_second", mgas / seconds);
    out.set("transactions_per_cpu_second", static_cast<double>(transactions) / cpu);
    out.set("block_ms_median", block_ms[block_ms.size() / 2]);
    out.set("block_ms_p99", block_ms[block_ms.size() * 99 / 100]);
    out.set("growth_bytes", after - std::min(before, after));
    out.set("growth_bytes_per_transaction", static_cast<double>(after - std::min(before, after)) /
                                                static_cast<double>(transactions));
    out.set("growth_bytes_per_block", static_cast<double>(after - std::min(before, after)) /
                                          static_cast<double>(options.blocks));
    std::printf("%s\n", out.dump(2).c_str());
    if (!options.json.empty()) must(write_file_atomic(options.json, out.dump(2) + "\n"));
    return 0;
}
