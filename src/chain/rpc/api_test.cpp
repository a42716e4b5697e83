#include "chain/rpc/api_for_tests.hpp"
#include "chain/rpc/simulation.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::rpc {
namespace {

std::uint64_t number_in(const Json& json) {
    return json.as_u256().value_or(U256(~std::uint64_t{0})).low_u64();
}

TEST_F(ApiTest, WhatAClientAsksFirst) {
    EXPECT_EQ(text("eth_chainId"), "0x1e61");
    EXPECT_EQ(text("net_version"), "7777");
    EXPECT_EQ(text("eth_blockNumber"), "0x0");
    EXPECT_EQ(ask("eth_syncing").as_bool().value_or(true), false);
    EXPECT_EQ(ask("eth_accounts").items().size(), 3U);
    EXPECT_EQ(text("web3_sha3", R"(["0x"])"), hex(crypto::keccak256(ByteView())));
}

TEST_F(ApiTest, BlocksAndTransactionsAgreeWithTheChain) {
    const Transaction sent = transfer(0, 0, who(1), U256(5));
    const Hash32 hash = mine(sent);
    const Header head = world.chain->head();
    const Json block = ask("eth_getBlockByNumber", R"(["latest",true])");
    EXPECT_EQ(block["hash"].text(), hex(world.chain->head_hash()));
    EXPECT_EQ(block["stateRoot"].text(), hex(head.state_root));
    EXPECT_EQ(number_in(block["number"]), head.number);
    EXPECT_EQ(block["logsBloom"].text().size(), 2 + 512U);
    ASSERT_EQ(block["transactions"].items().size(), 2U);
    const Json& deposit = block["transactions"].items()[0];
    EXPECT_EQ(deposit["type"].text(), "0x7e");
    EXPECT_EQ(deposit["from"].text(), hex(depositor_account));
    EXPECT_TRUE(deposit.contains("sourceHash"));
    EXPECT_EQ(deposit["gasPrice"].text(), "0x0");
    const Json& own = block["transactions"].items()[1];
    EXPECT_EQ(own["hash"].text(), hex(hash));
    EXPECT_EQ(own["from"].text(), hex(who(0)));
    EXPECT_EQ(own["value"].text(), "0x5");
    EXPECT_EQ(own["v"].text(), own["yParity"].text());
    EXPECT_EQ(own, ask("eth_getTransactionByHash", "[" + quoted(hash) + "]"));
    EXPECT_EQ(own, ask("eth_getTransactionByBlockNumberAndIndex", R"(["0x1","0x1"])"));
    const std::string block_hash = quoted(world.chain->head_hash());
    EXPECT_EQ(own, ask("eth_getTransactionByBlockHashAndIndex", "[" + block_hash + R"(,"0x1"])"));
    EXPECT_EQ(block, ask("eth_getBlockByHash", "[" + block_hash + ",true]"));
    EXPECT_EQ(ask("eth_getBlockByNumber", R"(["0x1",false])")["transactions"].items()[1].text(),
              hex(hash));
    EXPECT_EQ(text("eth_getBlockTransactionCountByNumber", R"(["0x1"])"), "0x2");
    EXPECT_EQ(text("eth_getUncleCountByBlockNumber", R"(["0x1"])"), "0x0");
    EXPECT_EQ(text("debug_getRawTransaction", "[" + quoted(hash) + "]"), to_hex0x(encode(sent)));
    EXPECT_EQ(text("debug_getRawHeader", R"(["0x1"])"), to_hex0x(encode(head)));
    const Bytes raw = *from_hex(text("debug_getRawBlock", R"(["0x1"])"));
    EXPECT_EQ(number_in(block["size"]), raw.size());
    EXPECT_TRUE(decode_block(raw));
    for (const char* params : {R"(["0x99",false])", R"(["0x99",true])"}) {
        EXPECT_TRUE(ask("eth_getBlockByNumber", params).is_null());
    }
}

TEST_F(ApiTest, ReceiptsCountLogsAndNameTheLayerOneFee) {
    world.add(count_call(0, 0, 7));
    world.add(count_call(1, 0, 8));
    make_block();
    const Json receipts = ask("eth_getBlockReceipts", R"(["latest"])");
    ASSERT_EQ(receipts.items().size(), 3U);
    const Json& deposit = receipts.items()[0];
    EXPECT_EQ(deposit["depositReceiptVersion"].text(), "0x1");
    EXPECT_FALSE(deposit.contains("l1Fee"));
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < receipts.items().size(); ++i) {
        const Json& receipt = receipts.items()[i];
        cumulative += number_in(receipt["gasUsed"]);
        EXPECT_EQ(number_in(receipt["cumulativeGasUsed"]), cumulative);
        EXPECT_EQ(receipt["status"].text(), "0x1");
        EXPECT_EQ(number_in(receipt["transactionIndex"]), i);
        EXPECT_EQ(receipt, ask("eth_getTransactionReceipt",
                               "[\"" + std::string(receipt["transactionHash"].text()) + "\"]"));
        if (i == 0) continue;
        EXPECT_TRUE(receipt.contains("l1Fee"));
        EXPECT_TRUE(receipt.contains("l1BaseFeeScalar"));
        ASSERT_EQ(receipt["logs"].items().size(), 1U);
        EXPECT_EQ(number_in(receipt["logs"].items()[0]["logIndex"]), i - 1);
    }
    EXPECT_EQ(cumulative, world.chain->head().gas_used);
    EXPECT_TRUE(ask("eth_getTransactionReceipt", "[" + quoted(Hash32()) + "]").is_null());
}

TEST_F(ApiTest, ReceiptsNameTheContractThatWasMade) {
    Transaction creation = transfer(0, 0, who(1), U256());
    creation.to.reset();
    creation.gas_limit = 100'000;
    creation.data = *from_hex("6001600c60003960016000f300"); // returns one byte of code
    sign(creation, test_key(0));
    const Hash32 hash = mine(creation);
    const Json receipt = ask("eth_getTransactionReceipt", "[" + quoted(hash) + "]");
    const Address made = evm::create_address(who(0), 0);
    EXPECT_EQ(receipt["contractAddress"].text(), hex(made));
    EXPECT_TRUE(receipt["to"].is_null());
    EXPECT_EQ(text("eth_getCode", "[" + quoted(made) + R"(,"latest"])"), "0x00");
    EXPECT_EQ(text("eth_getCode", "[" + quoted(who(1)) + "]"), "0x");
}

TEST_F(ApiTest, StatesOfThePastAndProofs) {
    mine(count_call(0, 0, 1));
    mine(count_call(0, 1, 2));
    const std::string counter = quoted(counter_address());
    const auto slot_at = [&](std::string_view block) {
        return number_in(
            ask("eth_getStorageAt", fmt::format(R"([{},"0x0","{}"])", counter, block)));
    };
    EXPECT_EQ(slot_at("0x0"), 0U);
    EXPECT_EQ(slot_at("0x1"), 1U);
    EXPECT_EQ(slot_at("latest"), 2U);
    EXPECT_EQ(text("eth_getTransactionCount", "[" + quoted(who(0)) + R"(,"0x1"])"), "0x1");
    EXPECT_EQ(fault("eth_getBalance", "[" + quoted(who(0)) + R"(,"0x77"])")["message"].text(),
              "header not found");

    const Json proof = ask("eth_getProof", "[" + counter + R"(,["0x0","0x5"],"latest"])");
    AccountProof read;
    read.account.nonce = number_in(proof["nonce"]);
    read.account.balance = *proof["balance"].as_u256();
    read.account.code_hash = *proof["codeHash"].as_hash32();
    read.account.storage_root = *proof["storageHash"].as_hash32();
    for (const auto& node : proof["accountProof"].items()) {
        read.account_nodes.push_back(*node.as_hex_bytes());
    }
    for (const auto& each : proof["storageProof"].items()) {
        AccountProof::Slot slot;
        slot.slot = *each["key"].as_u256();
        slot.value = *each["value"].as_u256();
        for (const auto& node : each["proof"].items()) slot.nodes.push_back(*node.as_hex_bytes());
        read.slots.push_back(slot);
    }
    ASSERT_EQ(read.slots.size(), 2U);
    EXPECT_EQ(read.slots[0].value, U256(2));
    EXPECT_TRUE(read.slots[1].value.is_zero());
    const Hash32 root = world.chain->head().state_root;
    EXPECT_TRUE(verify_proof(root, counter_address(), read));
    read.slots[0].value = U256(3);
    EXPECT_FALSE(verify_proof(root, counter_address(), read));
}

// ---- calls

constexpr const char* returns_number = "0x4360005260206000f3";
// revert(Error(string) "no")
constexpr const char* reverts_with_text =
    "0x7f08c379a000000000000000000000000000000000000000000000000000000000600052602060045260026024"
    "527f6e6f00000000000000000000000000000000000000000000000000000000000060445260646000fd";

TEST_F(ApiTest, CallsRunOnAnyBlockWithOverrides) {
    mine(count_call(0, 0, 1));
    const std::string code = fmt::format(R"({{"data":"{}"}})", returns_number);
    EXPECT_EQ(number_in(ask("eth_call", "[" + code + R"(,"latest"])")), 1U);
    EXPECT_EQ(number_in(ask("eth_call", "[" + code + R"(,"0x0"])")), 0U);
    EXPECT_EQ(number_in(ask("eth_call", "[" + code + R"(,"latest",{},{"number":"0x55"}])")), 0x55U);
    // An account that is nothing becomes a contract with money and a slot for one call.
    const std::string somebody = "0x00000000000000000000000000000000000000aa";
    const std::string overrides = fmt::format(
        R"({{"{}":{{"balance":"0x9","code":"0x47600054016000526020 6000f3",)"
        R"("state":{{"0x0":"0x1"}}}}}})",
        somebody);
    std::string joined = overrides;
    std::erase(joined, ' ');
    EXPECT_EQ(
        number_in(ask("eth_call", fmt::format(R"([{{"to":"{}"}},"latest",{}])", somebody, joined))),
        10U);
    EXPECT_EQ(text("eth_getCode", "[\"" + somebody + "\"]"), "0x");
    // stateDiff keeps the other slots, state forgets them.
    const auto counter_with = [&](const char* kind) {
        return number_in(ask(
            "eth_call",
            fmt::format(
                R"([{{"to":"{0}"}},"latest",{{"{0}":{{"code":"0x60005460005260206000f3",)"
                R"("{1}":{{"0x5":"0x1"}}}}}}])",
                hex(counter_address()), kind)));
    };
    EXPECT_EQ(counter_with("stateDiff"), 1U);
    EXPECT_EQ(counter_with("state"), 0U);
}

TEST_F(ApiTest, FailuresOfCallsAreGeths) {
    const auto call = [&](const std::string& object) {
        return fault("eth_call", "[" + object + R"(,"latest"])");
    };
    const Json reverted = call(fmt::format(R"({{"data":"{}"}})", reverts_with_text));
    EXPECT_EQ(*reverted["code"].as_int(), 3);
    EXPECT_EQ(reverted["message"].text(), "execution reverted: no");
    EXPECT_TRUE(reverted["data"].text().starts_with("0x08c379a0"));
    const Json bare = call(R"({"data":"0x60006000fd"})");
    EXPECT_EQ(bare["message"].text(), "execution reverted");
    EXPECT_EQ(bare["data"].text(), "0x");
    EXPECT_EQ(*call(R"({"data":"0xfe"})")["code"].as_int(), -32000);
    const Json poor = call(fmt::format(R"({{"to":"{}","value":"0x1"}})", hex(who(0))));
    EXPECT_TRUE(poor["message"].text().starts_with("insufficient funds")) << poor.dump();
    EXPECT_EQ(call(R"({"to":"0x12"})")["message"].text(),
              "eth_call: params[0].to: expected 20 bytes, got 1");
}

TEST(RevertReason, TextsAndPanics) {
    const auto reason = [](std::string_view hex) { return revert_reason(*from_hex(hex)); };
    EXPECT_EQ(reason("4e487b71" + std::string(62, '0') + "11"), "arithmetic underflow or overflow");
    EXPECT_EQ(reason("4e487b71" + std::string(62, '0') + "99"), "unknown panic code: 0x99");
    EXPECT_EQ(reason(""), std::nullopt);
    EXPECT_EQ(reason("12345678" + std::string(64, '0')), std::nullopt);
    // A length that goes beyond the data.
    EXPECT_EQ(reason("08c379a0" + std::string(62, '0') + "20" + std::string(64, 'f')),
              std::nullopt);
}

TEST_F(ApiTest, EstimatesSufficeAndAreTight) {
    const std::string base = fmt::format(R"("from":"{}")", hex(who(0)));
    EXPECT_EQ(text("eth_estimateGas",
                   fmt::format(R"([{{{},"to":"{}","value":"0x1"}}])", base, hex(who(1)))),
              "0x5208");
    const std::uint64_t estimate = number_in(
        ask("eth_estimateGas", fmt::format(R"([{{{},"to":"{}"}}])", base, hex(counter_address()))));
    Transaction call = count_call(0, 0, 0);
    call.data.clear();
    call.gas_limit = estimate;
    sign(call, test_key(0));
    const Hash32 hash = mine(call);
    const Json receipt = ask("eth_getTransactionReceipt", "[" + quoted(hash) + "]");
    EXPECT_EQ(receipt["status"].text(), "0x1");
    EXPECT_LE(estimate, number_in(receipt["gasUsed"]) * 103 / 100);

    const Json reverted =
        fault("eth_estimateGas", fmt::format(R"([{{{},"data":"{}"}}])", base, reverts_with_text));
    EXPECT_EQ(*reverted["code"].as_int(), 3);
    EXPECT_EQ(fault("eth_estimateGas", fmt::format(R"([{{{},"to":"{}","gas":"0x5209"}}])", base,
                                                   hex(counter_address())))["message"]
                  .text(),
              "gas required exceeds allowance (21001)");
    // Bounded by what the sender can pay.
    const std::string stranger = "0x00000000000000000000000000000000000000aa";
    EXPECT_EQ(fault("eth_estimateGas",
                    fmt::format(R"([{{"from":"{}","to":"{}","gasPrice":"0x77359400"}}])", stranger,
                                hex(counter_address())))["message"]
                  .text(),
              "gas required exceeds allowance (0)");
}

TEST_F(ApiTest, AccessListsNameWhatIsTouched) {
    const Json list = ask("eth_createAccessList", fmt::format(R"([{{"from":"{}","to":"{}"}}])",
                                                              hex(who(0)), hex(counter_address())));
    ASSERT_EQ(list["accessList"].items().size(), 1U);
    EXPECT_EQ(list["accessList"].items()[0]["address"].text(), hex(counter_address()));
    EXPECT_EQ(list["accessList"].items()[0]["storageKeys"].items().size(), 1U);
    EXPECT_GT(number_in(list["gasUsed"]), 21000U);
}

// ---- logs, filters, prices

TEST_F(ApiTest, LogsByAddressTopicBlockAndRange) {
    mine(count_call(0, 0, 7));
    mine(count_call(0, 1, 8));
    const auto count = [&](const std::string& filter) {
        return ask("eth_getLogs", "[" + filter + "]").items().size();
    };
    const std::string seven = hex(U256(7).to_be());
    EXPECT_EQ(count(R"({"fromBlock":"0x0"})"), 2U);
    EXPECT_EQ(count(R"({"fromBlock":"0x0","toBlock":"0x1"})"), 1U);
    EXPECT_EQ(count(R"({"fromBlock":"earliest","topics":[")" + seven + R"("]})"), 1U);
    EXPECT_EQ(count("{}"), 1U); // the latest block
    EXPECT_EQ(count(R"({"blockHash":)" + quoted(world.chain->head_hash()) + "}"), 1U);
    EXPECT_EQ(count(R"({"fromBlock":"0x0","address":)" + quoted(who(0)) + "}"), 0U);
    EXPECT_EQ(count(R"({"fromBlock":"0x500"})"), 0U); // ahead of the chain
    EXPECT_EQ(*fault("eth_getLogs", R"([{"fromBlock":"0x2","toBlock":"0x1"}])")["code"].as_int(),
              -32602);
    EXPECT_EQ(fault("eth_getLogs", R"([{"blockHash":)" + quoted(Hash32()) + "}]")["message"].text(),
              "unknown block");
}

TEST_F(ApiTest, FiltersTellOnceAndExpire) {
    const std::string blocks = text("eth_newBlockFilter");
    const std::string logs =
        text("eth_newFilter", R"([{"address":)" + quoted(counter_address()) + "}]");
    const std::string pending = text("eth_newPendingTransactionFilter");
    const auto changes = [&](const std::string& id) {
        return ask("eth_getFilterChanges", "[\"" + id + "\"]").items().size();
    };
    EXPECT_EQ(changes(blocks), 0U);
    mine(count_call(0, 0, 7));
    make_block();
    EXPECT_EQ(changes(blocks), 2U);
    EXPECT_EQ(changes(logs), 1U);
    EXPECT_EQ(changes(pending), 1U);
    EXPECT_EQ(changes(blocks), 0U);
    EXPECT_EQ(ask("eth_getFilterLogs", "[\"" + logs + "\"]").items().size(), 0U); // of the latest
    EXPECT_EQ(fault("eth_getFilterLogs", "[\"" + blocks + "\"]")["message"].text(),
              "filter not found");
    EXPECT_TRUE(*ask("eth_uninstallFilter", "[\"" + pending + "\"]").as_bool());
    EXPECT_FALSE(*ask("eth_uninstallFilter", "[\"" + pending + "\"]").as_bool());
    clock.advance_ms(Filters::lifetime_ms / 2);
    EXPECT_EQ(changes(logs), 0U); // asked for: lives on
    clock.advance_ms(Filters::lifetime_ms * 3 / 4);
    EXPECT_EQ(changes(logs), 0U);
    EXPECT_EQ(fault("eth_getFilterChanges", "[\"" + blocks + "\"]")["message"].text(),
              "filter not found");
}

TEST_F(ApiTest, FiltersAreBounded) {
    for (std::uint64_t i = 0; i < limits::rpc_filters; ++i) ask("eth_newBlockFilter");
    EXPECT_EQ(*fault("eth_newBlockFilter")["code"].as_int(), limit_exceeded);
    clock.advance_ms(Filters::lifetime_ms + 1);
    ask("eth_newBlockFilter");
}

TEST_F(ApiTest, FeeHistoryAndPrices) {
    mine(transfer(0, 0, who(1), U256(1), 5));
    mine(transfer(0, 1, who(1), U256(1), 9));
    const Json history = ask("eth_feeHistory", R"(["0x2","latest",[0,100]])");
    EXPECT_EQ(number_in(history["oldestBlock"]), 1U);
    ASSERT_EQ(history["baseFeePerGas"].items().size(), 3U);
    EXPECT_EQ(*history["baseFeePerGas"].items()[1].as_u256(), *world.chain->head().base_fee);
    EXPECT_EQ(history["gasUsedRatio"].items().size(), 2U);
    ASSERT_EQ(history["reward"].items().size(), 2U);
    EXPECT_EQ(history["reward"].items()[0].items()[1].text(), "0x5");
    EXPECT_EQ(history["reward"].items()[1].items()[1].text(), "0x9");
    EXPECT_EQ(*history["baseFeePerGas"].items()[2].as_u256(),
              next_base_fee(world.chain->config(), world.chain->head(),
                            world.chain->head().timestamp + 1));
    EXPECT_EQ(ask("eth_feeHistory", R"(["0x400","latest"])")["gasUsedRatio"].items().size(), 3U);
    EXPECT_EQ(*fault("eth_feeHistory", R"(["0x1","latest",[50,10]])")["code"].as_int(), -32602);
    EXPECT_EQ(*fault("eth_feeHistory", R"(["0x1","latest",[101]])")["code"].as_int(), -32602);
    const U256 tip = *ask("eth_maxPriorityFeePerGas").as_u256();
    EXPECT_EQ(tip, U256(1'000'000));
    EXPECT_EQ(*ask("eth_gasPrice").as_u256(), tip + *world.chain->head().base_fee);
}

// ---- the pool and development

TEST_F(ApiTest, ThePoolShowsWhatWaits) {
    const Transaction next = transfer(0, 0, who(1));
    EXPECT_EQ(text("eth_sendRawTransaction", "[\"" + to_hex0x(encode(next)) + "\"]"),
              hex(hash(next)));
    world.add(transfer(0, 5, who(1)));
    const Json status = ask("txpool_status");
    EXPECT_EQ(status["pending"].text(), "0x1");
    EXPECT_EQ(status["queued"].text(), "0x1");
    const Json content = ask("txpool_content");
    EXPECT_EQ(content["pending"][hex(who(0))]["0"]["hash"].text(), hex(hash(next)));
    EXPECT_TRUE(content["queued"][hex(who(0))].contains("5"));
    EXPECT_EQ(text("eth_getTransactionCount", "[" + quoted(who(0)) + R"(,"pending"])"), "0x1");
    EXPECT_EQ(text("eth_getTransactionCount", "[" + quoted(who(0)) + R"(,"latest"])"), "0x0");
    EXPECT_EQ(
        fault("eth_sendRawTransaction", "[\"" + to_hex0x(encode(next)) + "\"]")["message"].text(),
        "already known");
    EXPECT_EQ(*fault("eth_sendRawTransaction", R"(["0x00"])")["code"].as_int(), -32000);
    EXPECT_EQ(*fault("eth_sendRawTransaction", R"(["zz"])")["code"].as_int(), -32602);
}

TEST_F(ApiTest, SnapshotsTakeBlocksAndChangesByHandBack) {
    mine(count_call(0, 0, 1));
    const std::string somebody = "0x00000000000000000000000000000000000000aa";
    const auto balance = [&] { return number_in(ask("eth_getBalance", "[\"" + somebody + "\"]")); };
    ask("anvil_setBalance", "[\"" + somebody + R"(","0x7"])");
    const std::string first = text("evm_snapshot");
    ask("hardhat_setBalance", "[\"" + somebody + R"(","0x9"])");
    mine(count_call(0, 1, 1));
    const std::string second = text("evm_snapshot");
    EXPECT_EQ(balance(), 9U);
    EXPECT_EQ(world.counted(), U256(2));
    EXPECT_TRUE(*ask("evm_revert", "[\"" + first + "\"]").as_bool());
    EXPECT_EQ(balance(), 7U);
    EXPECT_EQ(world.counted(), U256(1));
    EXPECT_EQ(text("txpool_status"), "");
    EXPECT_EQ(ask("txpool_status")["pending"].text(), "0x0");
    EXPECT_FALSE(*ask("evm_revert", "[\"" + second + "\"]").as_bool());
    EXPECT_FALSE(*ask("evm_revert", "[\"" + first + "\"]").as_bool());
}

TEST_F(ApiTest, TimeAndBlocksByHand) {
    const std::uint64_t before = world.chain->head().timestamp;
    ask("evm_increaseTime", "[86400]");
    ask("evm_mine");
    EXPECT_GE(world.chain->head().timestamp, before + 86400);
    const std::uint64_t at = world.chain->head().timestamp + 1000;
    ask("evm_setNextBlockTimestamp", fmt::format("[{}]", at));
    ask("anvil_mine", R"(["0x3","0xa"])");
    EXPECT_EQ(world.chain->head().timestamp, at + 20);
    EXPECT_EQ(*fault("evm_setNextBlockTimestamp", "[5]")["code"].as_int(), -32000);
    EXPECT_EQ(*fault("anvil_mine", R"(["0xffffffff"])")["code"].as_int(), -32602);
}

TEST_F(ApiTest, UnlockedAndImpersonatedAccountsSend) {
    const auto send = [&](const Address& from, const Address& to) {
        return fmt::format(R"([{{"from":"{}","to":"{}","value":"0x5"}}])", hex(from), hex(to));
    };
    const std::string signed_hash = text("eth_sendTransaction", send(who(0), who(1)));
    make_block();
    EXPECT_EQ(ask("eth_getTransactionReceipt", "[\"" + signed_hash + "\"]")["status"].text(),
              "0x1");
    EXPECT_EQ(fault("eth_sendTransaction", send(counter_address(), who(1)))["message"].text(),
              "unknown account");
    ask("anvil_setBalance", "[" + quoted(counter_address()) + R"(,"0x64"])");
    ask("anvil_impersonateAccount", "[" + quoted(counter_address()) + "]");
    const std::string forced = text("eth_sendTransaction", send(counter_address(), who(1)));
    make_block();
    const Json receipt = ask("eth_getTransactionReceipt", "[\"" + forced + "\"]");
    EXPECT_EQ(receipt["from"].text(), hex(counter_address()));
    EXPECT_EQ(receipt["status"].text(), "0x1");
    EXPECT_EQ(number_in(ask("eth_getBalance", "[" + quoted(counter_address()) + "]")), 95U);
    ask("anvil_stopImpersonatingAccount", "[" + quoted(counter_address()) + "]");
    EXPECT_EQ(fault("eth_sendTransaction", send(counter_address(), who(1)))["message"].text(),
              "unknown account");
}

TEST_F(ApiTest, WithoutDevelopmentItsMethodsAreNotThere) {
    open(false);
    for (const char* method : {"evm_mine", "anvil_setBalance", "eth_sendTransaction", "eth_sign"}) {
        EXPECT_EQ(*fault(method)["code"].as_int(), -32601) << method;
    }
    EXPECT_EQ(ask("eth_accounts").items().size(), 0U);
}

} // namespace
} // namespace ol::chain::rpc
