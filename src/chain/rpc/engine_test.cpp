#include "chain/rpc/api_for_tests.hpp"

namespace ol::chain::rpc {
namespace {

// Two nodes: blocks are built by one and given to the other, as an op-node does it.
class EngineTest : public ApiTest {
protected:
    EngineTest()
        : follower_api_(*follower_.chain, *follower_.pool, nullptr, {}, clock) {
        open(false);
    }

    Json follow(std::string_view method, const std::string& params) {
        const std::string request =
            fmt::format(R"({{"id":1,"method":"{}","params":{}}})", method, params);
        auto json = Json::parse(follower_api_.engine_methods().handle(request).text);
        EXPECT_TRUE(json) << method;
        return json ? std::move(*json) : Json();
    }

    std::string attributes(std::uint64_t seconds, bool no_pool = false) {
        const auto wanted = attributes_after(world.chain->config(), world.chain->head(), seconds);
        std::string forced;
        for (const auto& each : wanted.forced) {
            forced += (forced.empty() ? "\"" : ",\"") + to_hex0x(encode(each)) + "\"";
        }
        return fmt::format(
            R"({{"timestamp":"{:#x}","prevRandao":"{}","suggestedFeeRecipient":"{}",)"
            R"("withdrawals":[],"parentBeaconBlockRoot":"{}","transactions":[{}],"noTxPool":{},)"
            R"("gasLimit":"{:#x}","eip1559Params":"0x000000fa00000006"}})",
            wanted.timestamp, hex(wanted.prev_randao), hex(wanted.fee_recipient), hex(Hash32()),
            forced, no_pool, world.chain->head().gas_limit);
    }
    static std::string state_of(const Hash32& head) {
        return fmt::format(
            R"({{"headBlockHash":"{0}","safeBlockHash":"{0}","finalizedBlockHash":"{1}"}})",
            hex(head), hex(Hash32()));
    }

    // Builds on the head of the first node; the answer of getPayloadV4.
    Json build(bool no_pool = false) {
        const Json started = ask(
            "engine_forkchoiceUpdatedV3",
            "[" + state_of(world.chain->head_hash()) + "," + attributes(2, no_pool) + "]", true);
        EXPECT_EQ(started["payloadStatus"]["status"].text(), "VALID") << started.dump();
        const std::string id(started["payloadId"].text());
        EXPECT_EQ(id.size(), 18U);
        return ask("engine_getPayloadV4", "[\"" + id + "\"]", true);
    }
    static std::string new_payload(const Json& payload) {
        return "[" + payload.dump() + ",[],\"" + hex(Hash32()) + "\",[]]";
    }

    World follower_;
    Api follower_api_;
};

TEST_F(EngineTest, ABuiltBlockIsTheFollowersToo) {
    world.add(count_call(0, 0, 7));
    world.add(transfer(1, 0, who(2), U256(9)));
    const Json answer = build();
    const Json& payload = answer["executionPayload"];
    EXPECT_EQ(payload["transactions"].items().size(), 3U);
    EXPECT_EQ(answer["blobsBundle"]["blobs"].items().size(), 0U);
    EXPECT_TRUE(answer["executionRequests"].is_array());
    EXPECT_TRUE(payload.contains("withdrawalsRoot"));
    EXPECT_EQ(follower_.chain->head().number, 0U);
    const Json status = follow("engine_newPayloadV4", new_payload(payload))["result"];
    EXPECT_EQ(status["status"].text(), "VALID") << status.dump();
    EXPECT_EQ(status["latestValidHash"].text(), payload["blockHash"].text());
    EXPECT_EQ(follower_.chain->head().number, 0U); // not the head before forkchoiceUpdated
    const Hash32 hash = *payload["blockHash"].as_hash32();
    const Json moved = follow("engine_forkchoiceUpdatedV3", "[" + state_of(hash) + ",null]");
    EXPECT_EQ(moved["result"]["payloadStatus"]["status"].text(), "VALID") << moved.dump();
    EXPECT_TRUE(moved["result"]["payloadId"].is_null());
    EXPECT_EQ(follower_.chain->head_hash(), hash);
    EXPECT_EQ(follower_.chain->safe_hash(), hash);
    EXPECT_EQ(follower_.counted(), U256(1));
    // The builder has not moved either: it is told like everybody else.
    EXPECT_EQ(world.chain->head().number, 0U);
    EXPECT_EQ(ask("engine_newPayloadV4", new_payload(payload), true)["status"].text(), "VALID");
    ask("engine_forkchoiceUpdatedV3", "[" + state_of(hash) + ",null]", true);
    EXPECT_EQ(world.chain->head_hash(), hash);
    EXPECT_EQ(world.pool->counts().pending, 0U);
    const Json body = ask("engine_getPayloadBodiesByRangeV1", R"(["0x1","0x2"])", true);
    ASSERT_EQ(body.items().size(), 1U);
    EXPECT_EQ(body.items()[0]["transactions"], payload["transactions"]);
    const Json by_hash = ask("engine_getPayloadBodiesByHashV1",
                             "[[" + quoted(hash) + "," + quoted(Hash32()) + "]]", true);
    EXPECT_EQ(by_hash.items()[0], body.items()[0]);
    EXPECT_TRUE(by_hash.items()[1].is_null());
}

TEST_F(EngineTest, WithoutThePoolOnlyWhatIsForced) {
    world.add(transfer(0, 0, who(1)));
    EXPECT_EQ(build(true)["executionPayload"]["transactions"].items().size(), 1U);
    // The same question again is the same payload.
    const std::string asked =
        "[" + state_of(world.chain->head_hash()) + "," + attributes(2, true) + "]";
    EXPECT_EQ(ask("engine_forkchoiceUpdatedV3", asked, true)["payloadId"],
              ask("engine_forkchoiceUpdatedV3", asked, true)["payloadId"]);
}

TEST_F(EngineTest, EveryChangedMemberMakesAPayloadInvalid) {
    world.add(count_call(0, 0, 7));
    const Json payload = build()["executionPayload"];
    for (const auto& [name, value] : payload.members()) {
        if (!value.is_string()) continue;
        Json changed = payload;
        std::string text(value.text());
        char& last = text.back();
        last = last == '1' ? '2' : '1';
        changed.set(name, text);
        const Json answer = follow("engine_newPayloadV4", new_payload(changed));
        if (name == "timestamp" && answer.contains("error")) continue; // another fork's
        EXPECT_EQ(answer["result"]["status"].text(), "INVALID") << name << answer.dump();
        EXPECT_FALSE(answer["result"]["validationError"].text().empty()) << name;
    }
    Json cut = payload;
    Json::Array transactions = payload["transactions"].items();
    transactions[0] = Json(std::string(transactions[0].text().substr(0, 50)));
    cut.set("transactions", Json::array(transactions));
    EXPECT_TRUE(follow("engine_newPayloadV4", new_payload(cut))["result"]["validationError"]
                    .text()
                    .starts_with("invalid transaction 0"));
    EXPECT_EQ(follower_.chain->head().number, 0U);
}

// A block that hashes right and is wrong: the execution finds it.
TEST_F(EngineTest, AFalseStateRootIsFoundByExecution) {
    world.add(count_call(0, 0, 7));
    const auto built = world.chain->build(
        world.chain->head_hash(), attributes_after(world.chain->config(), world.chain->head()),
        world.pool.get(), 1000);
    ASSERT_TRUE(built) << built.error().to_string();
    Block block = built->block;
    block.header.state_root.data[0] ^= 1;
    Json payload = build()["executionPayload"];
    payload.set("stateRoot", hex(block.header.state_root));
    payload.set("blockHash", hex(hash(block.header)));
    const Json answer = follow("engine_newPayloadV4", new_payload(payload));
    EXPECT_EQ(answer["result"]["status"].text(), "INVALID") << answer.dump();
}

TEST_F(EngineTest, UnknownParentsAndHeadsAreSyncing) {
    Json payload = build()["executionPayload"];
    const auto parent = attributes_after(world.chain->config(), world.chain->head());
    auto made = world.chain->produce(parent, world.pool.get());
    ASSERT_TRUE(made);
    payload = build()["executionPayload"];
    EXPECT_EQ(follow("engine_newPayloadV4", new_payload(payload))["result"]["status"].text(),
              "SYNCING");
    Hash32 unknown;
    unknown.data[0] = 1;
    const Json answer = follow("engine_forkchoiceUpdatedV3", "[" + state_of(unknown) + "]");
    EXPECT_EQ(answer["result"]["payloadStatus"]["status"].text(), "SYNCING");
}

TEST_F(EngineTest, WrongVersionsAttributesAndIds) {
    const Json payload = build()["executionPayload"];
    EXPECT_EQ(*follow("engine_newPayloadV3",
                      "[" + payload.dump() + ",[],\"" + hex(Hash32()) + "\"]")["error"]["code"]
                   .as_int(),
              -38005);
    EXPECT_EQ(*follow("engine_newPayloadV1", "[" + payload.dump() + "]")["error"]["code"].as_int(),
              -38005);
    EXPECT_EQ(*fault("engine_getPayloadV4", R"(["0x0000000000000001"])", true)["code"].as_int(),
              -38001);
    EXPECT_EQ(*fault("engine_getPayloadV4", R"(["0x01"])", true)["code"].as_int(), -32602);
    const std::string head = state_of(world.chain->head_hash());
    EXPECT_EQ(
        *fault("engine_forkchoiceUpdatedV3", "[" + head + "," + attributes(0) + "]", true)["code"]
             .as_int(),
        -38003);
    std::string unknown_safe = head;
    const auto at = unknown_safe.find("safeBlockHash") + 16 + 10;
    unknown_safe[at] = unknown_safe[at] == '1' ? '2' : '1';
    EXPECT_EQ(*fault("engine_forkchoiceUpdatedV3", "[" + unknown_safe + "]", true)["code"].as_int(),
              -38002);
    EXPECT_EQ(*fault("engine_forkchoiceUpdatedV3", "[{}]", true)["code"].as_int(), -32602);
    const Json capabilities =
        ask("engine_exchangeCapabilities", R"([["engine_newPayloadV4"]])", true);
    EXPECT_GE(capabilities.items().size(), 13U);
    for (const auto& each : capabilities.items()) { // on the engine's port alone
        const Json there = answer(each.text(), "[]", true);
        EXPECT_NE(there["error"]["code"].as_int().value_or(0), -32601) << each.dump();
        EXPECT_EQ(*fault(each.text())["code"].as_int(), -32601) << each.dump();
    }
}

} // namespace
} // namespace ol::chain::rpc
