// Against a real anvil: transactions, nonces, reverts, restarts.
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "crypto/hash.hpp"
#include "ledger/anvil.hpp"
#include "ledger/contracts.hpp"
#include "ledger/revert.hpp"
#include "ledger/rpc.hpp"
#include "ledger/signatures.hpp"

namespace ol::ledger {
namespace {

using codec::Json;

Path artifacts() { return Path(OL_SOURCE_DIR) / "contracts" / "out"; }

bool compiled() { return std::filesystem::exists(artifacts() / "AttributionSettlement.sol"); }

void give(Chain& chain, const Address& account, std::string_view open) {
    const auto done = chain.raw(
        "anvil_setBalance", Json::array({Json(account), Json(parse_open(open)->to_quantity())}));
    ASSERT_TRUE(done) << done.error().to_string();
}

// init code that stores `runtime` as the contract.
Bytes creation_of(std::string_view runtime_hex) {
    const Bytes runtime = *from_hex(runtime_hex);
    Bytes code =
        *from_hex(fmt::format("60{:02x}600c60003960{:02x}6000f3", runtime.size(), runtime.size()));
    append(code, runtime);
    return code;
}

class OnAnvil : public testing::Test {
protected:
    void SetUp() override {
        if (!find_anvil()) GTEST_SKIP() << find_anvil().error().context;
        auto started = Anvil::start({});
        ASSERT_TRUE(started) << started.error().to_string();
        anvil = std::move(*started);
        chain = std::make_unique<Chain>(anvil->url());
        give(*chain, key.address(), "1000");
    }

    std::unique_ptr<Anvil> anvil;
    std::unique_ptr<Chain> chain;
    crypto::PrivateKey key = crypto::PrivateKey::generate();
};

TEST_F(OnAnvil, MovesMoneyWithoutGas) {
    EXPECT_EQ(*chain->chain_id(), 7777U);
    Address friend_account;
    friend_account[3] = 9;
    chain->label("gift");
    const auto receipt = chain->send(key, {friend_account, {}, *parse_open("12.5")});
    ASSERT_TRUE(receipt) << receipt.error().to_string();
    EXPECT_TRUE(receipt->succeeded);
    EXPECT_EQ(receipt->gas_used, 21000U);
    EXPECT_EQ(format_open(*chain->balance(friend_account)), "12.5 OPEN");
    EXPECT_EQ(format_open(*chain->balance(key.address())), "987.5 OPEN");
    ASSERT_EQ(chain->sent().size(), 1U);
    EXPECT_EQ(chain->sent()[0].what, "gift");
    EXPECT_EQ(chain->sent()[0].hash, receipt->hash);
    EXPECT_EQ(chain->sent()[0].gas_used, 21000U);
    EXPECT_EQ(chain->sent()[0].from, key.address());
}

TEST_F(OnAnvil, ReportsRevertsBeforeSending) {
    // Reverts with Error("no"): mstore selector, offset, length, text by code copy.
    Bytes reason = *codec::abi_call("Error(string)", {codec::AbiValue("no")});
    const std::string runtime =
        fmt::format("60{:02x}600c60003960{:02x}6000fd", reason.size(), reason.size()) +
        to_hex(reason);
    const auto refuser = chain->deploy(key, creation_of(runtime));
    ASSERT_TRUE(refuser) << refuser.error().to_string();
    ASSERT_TRUE(refuser->created);
    const auto sent_before = chain->sent().size();
    chain->label("ask the refuser");
    const auto refused = chain->send(key, {*refuser->created, {}, {}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_EQ(refused.error().context, "ask the refuser: reverted: no");
    EXPECT_EQ(chain->sent().size(), sent_before);
    const auto called = chain->call({*refuser->created, {}, {}});
    ASSERT_FALSE(called);
    EXPECT_EQ(called.error().context, "reverted: no");

    // A custom error, unknown and then known by name.
    const Bytes custom = *codec::abi_call("TooSoon(uint256)", {codec::AbiValue(std::uint64_t{7})});
    const std::string custom_runtime =
        fmt::format("60{:02x}600c60003960{:02x}6000fd", custom.size(), custom.size()) +
        to_hex(custom);
    const auto second = chain->deploy(key, creation_of(custom_runtime));
    ASSERT_TRUE(second);
    EXPECT_NE(chain->call({*second->created, {}, {}}).error().context.find("unknown error 0x"),
              std::string::npos);
    ASSERT_TRUE(chain->register_errors({"TooSoon(uint256)"}));
    EXPECT_EQ(chain->call({*second->created, {}, {}}).error().context, "reverted: TooSoon(7)");

    // Nothing to pay with.
    const auto poor = crypto::PrivateKey::generate();
    EXPECT_FALSE(chain->send(poor, {key.address(), {}, *parse_open("1")}));
}

TEST_F(OnAnvil, NumbersConcurrentTransactions) {
    Address to;
    to[0] = 1;
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 10; ++i) {
                const auto receipt = chain->send(key, {to, {}, U256(1)});
                EXPECT_TRUE(receipt) << receipt.error().to_string();
                if (receipt) ++good;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 40);
    EXPECT_EQ(*chain->balance(to), U256(40));
    // Another process with the same key, then this one again.
    Chain other(anvil->url());
    ASSERT_TRUE(other.send(key, {to, {}, U256(1)}));
    ASSERT_TRUE(chain->send(key, {to, {}, U256(1)}));
    EXPECT_EQ(*chain->balance(to), U256(42));
    EXPECT_EQ(chain->sent().size(), 41U);
}

TEST_F(OnAnvil, FindsLogsByTopic) {
    // LOG1 of 32 zero bytes with topic 0x...2a.
    const auto emitter = chain->deploy(key, creation_of("602a60206000a100"));
    ASSERT_TRUE(emitter) << emitter.error().to_string();
    ASSERT_TRUE(chain->send(key, {*emitter->created, {}, {}}));
    const auto receipt = chain->send(key, {*emitter->created, {}, {}});
    ASSERT_TRUE(receipt);
    ASSERT_EQ(receipt->logs.size(), 1U);
    const Hash32 topic = U256(0x2a).to_be();
    const auto logs = chain->logs(*emitter->created, topic, 0, *chain->block_number());
    ASSERT_TRUE(logs) << logs.error().to_string();
    ASSERT_EQ(logs->size(), 2U);
    EXPECT_EQ((*logs)[1].transaction, receipt->hash);
    EXPECT_EQ((*logs)[1].topics, std::vector<Hash32>{topic});
    EXPECT_EQ((*logs)[1].data, Bytes(32, 0));
    EXPECT_TRUE(chain->logs(*emitter->created, Hash32{}, 0, *chain->block_number())->empty());
    EXPECT_TRUE(chain->logs(key.address(), {}, 0, *chain->block_number())->empty());
    EXPECT_EQ(chain->wait(Hash32{}, 30).error().code, ErrorCode::unavailable);
}

TEST(AnvilState, SurvivesARestartWithItsTime) {
    if (!find_anvil()) GTEST_SKIP() << find_anvil().error().context;
    const Path folder =
        std::filesystem::temp_directory_path() / fmt::format("ol-anvil-{}", ::getpid());
    std::filesystem::remove_all(folder);
    const Path state = folder / "deep" / "state.json";
    const auto key = crypto::PrivateKey::generate();
    Address contract;
    std::uint64_t time = 0;
    {
        auto anvil = Anvil::start({.state_file = state});
        ASSERT_TRUE(anvil) << anvil.error().to_string();
        Chain chain((*anvil)->url());
        give(chain, key.address(), "5");
        const auto deployed = chain.deploy(key, creation_of("602a60206000a100"));
        ASSERT_TRUE(deployed);
        contract = *deployed->created;
        ASSERT_TRUE(chain.raw("evm_increaseTime", Json::array({Json(90'000)})));
        ASSERT_TRUE(chain.send(key, {contract, {}, {}}));
        time = *chain.block_timestamp();
    }
    {
        auto anvil = Anvil::start({.state_file = state});
        ASSERT_TRUE(anvil) << anvil.error().to_string();
        Chain chain((*anvil)->url());
        EXPECT_EQ(to_hex(*chain.code(contract)), "602a60206000a100");
        EXPECT_EQ(chain.logs(contract, {}, 0, *chain.block_number())->size(), 1U);
        ASSERT_TRUE(chain.send(key, {contract, {}, {}}));
        EXPECT_EQ(chain.logs(contract, {}, 0, *chain.block_number())->size(), 2U);
        EXPECT_GE(*chain.block_timestamp(), time);
        EXPECT_TRUE(std::filesystem::exists(state.string() + ".previous"));
    }
    ASSERT_TRUE(write_file_atomic(state, std::string_view("{\"torn")));
    const auto damaged = Anvil::start({.state_file = state});
    ASSERT_FALSE(damaged);
    EXPECT_EQ(damaged.error().code, ErrorCode::unavailable);
    EXPECT_NE(damaged.error().context.find("state.json.previous"), std::string::npos)
        << damaged.error().context;
    std::filesystem::remove_all(folder);
}

// The chain ends with its owner, also when nobody could call a destructor; and not with the thread
// that happened to start it.
TEST(AnvilProcess, EndsWithItsOwner) {
    if (!find_anvil()) GTEST_SKIP() << find_anvil().error().context;
    int channel[2];
    ASSERT_EQ(::pipe(channel), 0);
    const pid_t owner = ::fork();
    if (owner == 0) {
        std::unique_ptr<Anvil> anvil;
        std::thread([&] {
            auto started = Anvil::start({});
            if (started) anvil = std::move(*started);
        }).join();
        char url[64] = {};
        if (anvil) std::copy_n(anvil->url().c_str(), anvil->url().size(), url);
        [[maybe_unused]] const auto written = ::write(channel[1], url, sizeof url);
        ::pause();
        ::_exit(0);
    }
    char url[64] = {};
    ASSERT_EQ(::read(channel[0], url, sizeof url), static_cast<ssize_t>(sizeof url));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_TRUE(Chain(url).chain_id()) << url;
    ::kill(owner, SIGKILL);
    ::waitpid(owner, nullptr, 0);
    bool gone = false;
    for (int i = 0; i < 100 && !gone; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        gone = !Chain(url).chain_id();
    }
    EXPECT_TRUE(gone);
    ::close(channel[0]);
    ::close(channel[1]);
}

// A new chain on the state of one whose owner was killed a moment ago has all of its blocks.
TEST(AnvilProcess, ContinuesAfterItsOwnerWasKilled) {
    if (!find_anvil()) GTEST_SKIP() << find_anvil().error().context;
    const Path folder =
        std::filesystem::temp_directory_path() / fmt::format("ol-anvil-killed-{}", ::getpid());
    std::filesystem::remove_all(folder);
    Address account;
    account[7] = 7;
    for (std::uint64_t round = 0; round < 3; ++round) {
        int channel[2];
        ASSERT_EQ(::pipe(channel), 0);
        const pid_t owner = ::fork();
        if (owner == 0) {
            AnvilOptions options;
            options.state_file = folder / "state.json";
            auto started = Anvil::start(options);
            std::uint64_t found = ~0ULL;
            if (started) {
                Chain chain((*started)->url());
                if (const auto balance = chain.balance(account)) found = balance->low_u64();
                (void)chain.raw("anvil_setBalance",
                                Json::array({Json(account), Json(U256(found + 1).to_quantity())}));
                (void)chain.raw("evm_mine", Json::array());
            }
            [[maybe_unused]] const auto written = ::write(channel[1], &found, sizeof found);
            ::pause();
            ::_exit(0);
        }
        std::uint64_t found = 0;
        ASSERT_EQ(::read(channel[0], &found, sizeof found), static_cast<ssize_t>(sizeof found));
        EXPECT_EQ(found, round);
        ::kill(owner, SIGKILL);
        ::waitpid(owner, nullptr, 0);
        ::close(channel[0]);
        ::close(channel[1]);
    }
    // The last one writes its file and goes.
    AnvilOptions options;
    options.state_file = folder / "state.json";
    auto last = Anvil::start(options);
    ASSERT_TRUE(last) << last.error().to_string();
    EXPECT_EQ(Chain((*last)->url()).balance(account)->low_u64(), 3U);
    last->reset();
    std::filesystem::remove_all(folder);
}

TEST(AnvilProcess, SaysThatThePortIsTaken) {
    if (!find_anvil()) GTEST_SKIP() << find_anvil().error().context;
    auto first = Anvil::start({});
    ASSERT_TRUE(first) << first.error().to_string();
    const std::string url = (*first)->url();
    const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    const auto second = Anvil::start({.port = port});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::unavailable);
    EXPECT_NE(second.error().context.find("choose another"), std::string::npos);
}

// Every signature that the bindings use stands in the compiled contracts' ABIs, with its outputs.
TEST(Signatures, StandInTheCompiledAbis) {
    if (!compiled())
        GTEST_SKIP() << "contracts/out is missing: npm ci && npm run build in contracts/";
    std::map<std::string, Json> abis;
    const auto abi = [&](std::string_view contract) -> const Json& {
        Json& slot = abis[std::string(contract)];
        if (slot.is_null()) {
            const std::string name(contract);
            const auto text =
                read_text_file(artifacts() / (name + ".sol") / (name + ".json"), 16 << 20);
            EXPECT_TRUE(text) << name;
            slot = (*Json::parse(*text))["abi"];
        }
        return slot;
    };
    const auto find = [&](std::string_view contract, std::string_view kind,
                          std::string_view signature) -> const Json* {
        for (const auto& entry : abi(contract).items()) {
            if (entry["type"] == Json(kind) && *abi_signature(entry) == signature) return &entry;
        }
        return nullptr;
    };
    for (const auto& method : signatures::methods) {
        const Json* entry = find(method.contract, "function", method.signature);
        ASSERT_NE(entry, nullptr) << method.contract << "." << method.signature;
        EXPECT_EQ(*abi_outputs(*entry), method.returns) << method.signature;
    }
    for (const auto& event : signatures::events) {
        const Json* entry = find(event.contract, "event", event.signature);
        ASSERT_NE(entry, nullptr) << event.contract << "." << event.signature;
        Json data = Json::object();
        for (const auto& input : (*entry)["inputs"].items()) {
            if (input["indexed"] == Json(false)) {
                Json outputs = data["outputs"];
                outputs.push(input);
                data.set("outputs", outputs);
            }
        }
        EXPECT_EQ(*abi_outputs(data), event.data) << event.signature;
    }
    // And every error of the ABIs is known by name.
    for (const std::string_view contract :
         {signatures::parameters, signatures::vault, signatures::datanets, signatures::models,
          signatures::escrow, signatures::settlement, std::string_view("ReceiptVerifier")}) {
        for (const auto& entry : abi(contract).items()) {
            if (entry["type"] != Json("error")) continue;
            const std::string signature = *abi_signature(entry);
            const auto& known = signatures::errors();
            EXPECT_NE(std::find(known.begin(), known.end(), signature), known.end())
                << contract << ": \"" << signature << "\"";
        }
    }
}

TEST(DeployContracts, SaysHowToCompileThem) {
    if (!find_anvil()) GTEST_SKIP() << find_anvil().error().context;
    auto anvil = Anvil::start({});
    ASSERT_TRUE(anvil);
    Chain chain((*anvil)->url());
    const auto key = crypto::PrivateKey::generate();
    const auto deployed = deploy_contracts(chain, key, key.address(), "/nowhere");
    ASSERT_FALSE(deployed);
    EXPECT_EQ(deployed.error().code, ErrorCode::not_found);
    EXPECT_NE(deployed.error().context.find("npm run build"), std::string::npos);
}

} // namespace
} // namespace ol::ledger
