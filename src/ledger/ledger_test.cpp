#include <sys/stat.h>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "ledger/anvil.hpp"
#include "ledger/contracts.hpp"
#include "ledger/revert.hpp"
#include "ledger/rpc.hpp"
#include "ledger/transaction.hpp"
#include "ledger/wallet.hpp"
#include "net/http.hpp"

namespace ol::ledger {
namespace {

using codec::Json;

// The key of the tests of web3.js and its account.
crypto::PrivateKey known_key() {
    const auto bytes = from_hex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318");
    return *crypto::PrivateKey::from_bytes(*bytes);
}

Path fresh_folder(std::string_view name) {
    static std::atomic<int> count = 0;
    const Path path = std::filesystem::temp_directory_path() /
                      fmt::format("ol-ledger-{}-{}-{}", name, ::getpid(), count++);
    std::filesystem::remove_all(path);
    return path;
}

// Expected bytes: made with ethers 6.17, Wallet.signTransaction.
TEST(Transaction, MatchesEthers) {
    Transaction t;
    t.chain_id = 7777;
    t.nonce = 3;
    t.max_priority_fee = U256(1'000'000'000);
    t.max_fee = U256(3'000'000'000);
    t.gas = 21000;
    t.to = *address_from_hex("f0109fc8df283027b6285cc889f5aa624eac1f55");
    t.value = *parse_open("1");
    EXPECT_EQ(to_hex0x(signing_hash(t).view()),
              "0xfefda887c25dd0bbc080041bfbe7f2f46e80f5ce0ab05cddf43f0d69e0e08520");
    const Bytes raw = sign_transaction(t, known_key());
    EXPECT_EQ(to_hex0x(raw),
              "0x02f874821e6103843b9aca0084b2d05e0082520894f0109fc8df283027b6285cc889f5aa624eac1f55"
              "880de0b6b3a764000080c080a01118a694f35751c7f2c043b98f37d29d081ef21c37219617eab5db5ff0"
              "a4f50aa05ad54bb92f20640fbcf4e4c2fbd5f103a36e298f8234be6d7cacad7c5ca2ee74");
    EXPECT_EQ(to_hex0x(crypto::keccak256(raw).view()),
              "0xd5e3e4d146d4e4c3e7b138fc35685dc15f124b617bf670e9010bae5d599fd757");
}

TEST(Transaction, CreationAndZeroFieldsMatchEthers) {
    Transaction t;
    t.chain_id = 1;
    t.max_fee = U256(7);
    t.gas = 300000;
    t.data = *from_hex("6001600101");
    EXPECT_EQ(to_hex0x(sign_transaction(t, known_key())),
              "0x02f85401808007830493e08080856001600101c001a0d0e641082f2e62371b2893991357f90f662bdc"
              "11733a683caa6302189697c9fba025c41e0331849a7ecd7f89782aa22f44ebc6fce928b058f3290f1d6b"
              "61649dfa");
}

// EIP-712, "Ether Mail": domain and message of the specification's example.
TEST(TypedDigest, MatchesTheExampleOfEip712) {
    TypedDomain domain{"Ether Mail", "1", 1,
                       *address_from_hex("CcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC")};
    const Hash32 mail =
        *hash32_from_hex("c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e");
    EXPECT_EQ(to_hex(typed_digest(domain, mail).view()),
              "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
}

TEST(Revert, NamesWhatIsKnown) {
    RevertReasons reasons;
    ASSERT_TRUE(reasons.add("BondTooSmall(uint256,uint256)"));
    ASSERT_TRUE(reasons.add("Odd(address,bytes32,bool,string,int64,uint8[],(uint8,bytes4))"));
    const auto encoded = [](std::string_view signature, const codec::AbiValue::List& values) {
        return *codec::abi_call(signature, values);
    };
    EXPECT_EQ(reasons.describe(encoded("Error(string)", {codec::AbiValue("too late")})),
              "too late");
    EXPECT_EQ(reasons.describe(encoded("Panic(uint256)", {codec::AbiValue(std::uint64_t{0x11})})),
              "arithmetic overflow or underflow (panic 0x11)");
    EXPECT_EQ(reasons.describe(
                  encoded("BondTooSmall(uint256,uint256)",
                          {codec::AbiValue(std::uint64_t{3}), codec::AbiValue(std::uint64_t{10})})),
              "BondTooSmall(3, 10)");
    Address who;
    who[19] = 0xab;
    Hash32 word;
    word[31] = 1;
    Hash32 four;
    four[0] = 0xde;
    four[3] = 0xad;
    using List = codec::AbiValue::List;
    EXPECT_EQ(
        reasons.describe(encoded("Odd(address,bytes32,bool,string,int64,uint8[],(uint8,bytes4))",
                                 {who, word, codec::AbiValue(std::uint64_t{1}),
                                  codec::AbiValue("x"), codec::AbiValue(U256() - U256(5)),
                                  codec::AbiValue(List{codec::AbiValue(std::uint64_t{1}),
                                                       codec::AbiValue(std::uint64_t{2})}),
                                  codec::AbiValue(List{codec::AbiValue(std::uint64_t{9}), four})})),
        "Odd(0x00000000000000000000000000000000000000ab, "
        "0x0000000000000000000000000000000000000000000000000000000000000001, true, \"x\", -5, "
        "[1, 2], (9, 0xde0000ad))");
}

TEST(Revert, SurvivesWhatIsNotKnown) {
    RevertReasons reasons;
    ASSERT_TRUE(reasons.add("BondTooSmall(uint256,uint256)"));
    EXPECT_EQ(reasons.describe({}), "no reason given");
    EXPECT_EQ(reasons.describe(*from_hex("0102")), "0x0102");
    EXPECT_EQ(reasons.describe(*from_hex("01020304")), "unknown error 0x01020304");
    // Right selector, arguments cut off: the name alone.
    const auto selector = codec::abi_selector("BondTooSmall(uint256,uint256)");
    EXPECT_EQ(reasons.describe(selector.view()), "BondTooSmall");
    Bytes broken = *from_hex("08c379a0"); // Error(string) with a wild offset
    broken.insert(broken.end(), 32, 0xff);
    EXPECT_TRUE(reasons.describe(broken).starts_with("unknown error 0x08c379a0"));
    EXPECT_FALSE(reasons.add("no parameters"));
    EXPECT_FALSE(reasons.add("Bad(uint7)"));
    // Any bytes give some text.
    Prng prng(7);
    for (int i = 0; i < 2000; ++i) {
        Bytes data(prng.below(200));
        for (auto& byte : data) byte = static_cast<std::uint8_t>(prng.next());
        if (data.size() >= 4) std::copy_n(selector.begin(), 4, data.begin());
        EXPECT_FALSE(reasons.describe(data).empty());
    }
}

TEST(AbiSignature, FollowsTuplesAndArrays) {
    const auto entry = Json::parse(
        R"({"name":"f","inputs":[{"type":"tuple[2][]","components":[{"type":"uint8"},
        {"type":"tuple","components":[{"type":"bytes"}]}]},{"type":"address"}],"outputs":[]})");
    ASSERT_TRUE(entry);
    EXPECT_EQ(*abi_signature(*entry), "f((uint8,(bytes))[2][],address)");
    EXPECT_EQ(*abi_outputs(*entry), "()");
    EXPECT_FALSE(abi_signature(*Json::parse(R"({"name":"f","inputs":[{"kind":"uint8"}]})")));
}

TEST(Wallet, CreatesListsAndOpens) {
    const Path folder = fresh_folder("wallet");
    Wallet wallet(folder);
    EXPECT_TRUE(wallet.list()->empty());
    const auto bob = wallet.create("bob", "secret", 1024);
    ASSERT_TRUE(bob) << bob.error().to_string();
    ASSERT_TRUE(wallet.import("alice", known_key(), "other", 1024));
    const auto entries = *wallet.list();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].name, "alice");
    EXPECT_EQ(entries[0].address, known_key().address());
    EXPECT_EQ(entries[1].address, bob->address());

    struct stat status{};
    ASSERT_EQ(::stat(entries[0].file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);

    EXPECT_EQ(wallet.open("alice", "other")->secret(), known_key().secret());
    EXPECT_EQ(wallet.open("alice", "wrong").error().code, ErrorCode::permission_denied);
    EXPECT_EQ(wallet.open("carol", "other").error().code, ErrorCode::not_found);
    EXPECT_EQ(wallet.create("alice", "x", 1024).error().code, ErrorCode::already_exists);
    for (const std::string bad :
         {"", "../x", "A", "a b", "a.json", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
        EXPECT_EQ(wallet.create(bad, "x", 1024).error().code, ErrorCode::invalid_argument) << bad;
        EXPECT_EQ(wallet.open(bad, "x").error().code, ErrorCode::invalid_argument) << bad;
    }
    std::filesystem::remove_all(folder);
}

// Made with ethers 6.17, encryptKeystoreJson (scrypt n = 1024): another implementation's file
// opens.
TEST(Wallet, OpensAFileOfEthers) {
    const Path folder = fresh_folder("ethers");
    ASSERT_TRUE(write_secret_file(
        folder / "ethers.json",
        R"({"address":"2c7536e3605d9c16a7a3d7b1898e529396a65c23",)"
        R"("id":"0a5eb662-e0a5-4a0b-9bb4-4d5b472281d3","version":3,)"
        R"("Crypto":{"cipher":"aes-128-ctr",)"
        R"("cipherparams":{"iv":"360aa56106189798ab4b6212d3d91f40"},)"
        R"("ciphertext":"b58cdb45ce05e6c4ec375534fa3f3a6c27b110a87ed60e9b7825bc5d48ffed19",)"
        R"("kdf":"scrypt","kdfparams":{)"
        R"("salt":"2ad6edea1c3323201594543b57d8fdcc3be2f37fabdf702c3709f02606025826",)"
        R"("n":1024,"dklen":32,"p":1,"r":8},)"
        R"("mac":"262a4e455d77d81aeba7f47163f2c4da274b307ec7815406280e92d4068ef91b"}})"));
    const auto key = Wallet(folder).open("ethers", "correct horse");
    ASSERT_TRUE(key) << key.error().to_string();
    EXPECT_EQ(key->secret(), known_key().secret());
    std::filesystem::remove_all(folder);
}

TEST(Wallet, SaysWhichFileIsDamaged) {
    const Path folder = fresh_folder("damaged");
    Wallet wallet(folder);
    ASSERT_TRUE(wallet.import("a", known_key(), "p", 1024));
    const Path file = folder / "a.json";
    const std::string good = *read_text_file(file, 1 << 16);
    const auto opened = [&](const std::string& text) {
        EXPECT_TRUE(write_secret_file(file, text));
        return wallet.open("a", "p");
    };
    const auto replaced = [&](std::string_view what, std::string_view by) {
        std::string text = good;
        const auto at = text.find(what);
        EXPECT_NE(at, std::string::npos) << what;
        return text.replace(at, what.size(), by);
    };
    for (std::size_t cut = 0; cut < good.size() - 2; cut += 7) {
        const auto result = opened(good.substr(0, cut));
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, ErrorCode::corrupted);
        EXPECT_NE(result.error().context.find("a.json"), std::string::npos);
    }
    EXPECT_EQ(opened(replaced("\"version\": 3", "\"version\": 1")).error().code,
              ErrorCode::unsupported);
    EXPECT_EQ(opened(replaced("scrypt", "pbkdf2")).error().code, ErrorCode::unsupported);
    EXPECT_EQ(opened(replaced("\"r\": 8", "\"r\": 99999")).error().code, ErrorCode::too_large);
    EXPECT_EQ(opened(replaced("\"n\": 1024", "\"n\": \"many\"")).error().code,
              ErrorCode::corrupted);
    // Another account's name on the file.
    const auto other = opened(replaced("2c7536e3", "3c7536e3"));
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::corrupted);
    EXPECT_TRUE(opened(good));
    std::filesystem::remove_all(folder);
}

TEST(Deployment, RoundTripsAsJson) {
    Deployment deployment;
    deployment.chain_id = 7777;
    deployment.block_number = 3;
    std::uint8_t tag = 1;
    for (Address* address :
         {&deployment.parameters, &deployment.vault, &deployment.datanets, &deployment.models,
          &deployment.escrow, &deployment.settlement, &deployment.treasury}) {
        (*address)[0] = tag++;
    }
    const Json json = deployment.to_json();
    const auto back = Deployment::from_json(*Json::parse(json.dump(2)));
    ASSERT_TRUE(back) << back.error().to_string();
    EXPECT_EQ(back->to_json(), json);
    EXPECT_EQ(back->settlement, deployment.settlement);
    for (const auto& [name, value] : json.members()) {
        Json broken = json;
        broken.set(name, Json());
        EXPECT_FALSE(Deployment::from_json(broken)) << name;
    }
}

TEST(Chain, SaysHowToGetOneWhenNothingAnswers) {
    Chain chain("http://127.0.0.1:1");
    const auto id = chain.chain_id();
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error().code, ErrorCode::unavailable);
    EXPECT_NE(id.error().context.find("http://127.0.0.1:1"), std::string::npos);
    EXPECT_NE(id.error().context.find("anvil"), std::string::npos);
}

// A node that answers with whatever it likes never crashes its client.
TEST(Chain, RefusesNonsense) {
    std::vector<std::string> results{"null",
                                     "5",
                                     "\"zz\"",
                                     "\"0x\"",
                                     "[]",
                                     "{}",
                                     "true",
                                     "\"0x1ffffffffffffffffffffffff\"",
                                     R"({"timestamp":"yesterday"})",
                                     R"([{"address":5}])"};
    std::atomic<std::size_t> at = 0;
    auto server = net::Server::start({}, [&](const net::Request& request) {
        const auto asked = Json::parse(request.body);
        net::Response response;
        response.body = fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{}}})",
                                    (*asked)["id"].dump(), results[at]);
        return response;
    });
    ASSERT_TRUE(server) << server.error().to_string();
    for (at = 0; at < results.size(); ++at) {
        Chain chain(fmt::format("http://127.0.0.1:{}", (*server)->port()));
        if (results[at] != "5" && results[at] != "\"0x\"") {
            EXPECT_FALSE(chain.chain_id()) << results[at];
            EXPECT_FALSE(chain.block_number()) << results[at];
            EXPECT_FALSE(chain.send(known_key(), {})) << results[at];
        }
        EXPECT_FALSE(chain.block_timestamp()) << results[at];
        if (results[at] != "[]") {
            EXPECT_FALSE(chain.wait(Hash32{}, 1)) << results[at];
        }
        (void)chain.logs({}, {}, 0, 5);
        (void)chain.call({});
        (void)chain.code({});
    }
}

TEST(Anvil, SaysHowToInstallIt) {
    const auto started = Anvil::start({.executable = "/nowhere/anvil"});
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, ErrorCode::not_found);
    const auto wrong = Anvil::start({.executable = "/bin/false"});
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, ErrorCode::unavailable);
}

} // namespace
} // namespace ol::ledger
