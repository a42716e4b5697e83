// What the tests of the methods share: a small chain with its sequencer, asked in JSON.
#pragma once

#include "chain/genesis.hpp"
#include "chain/rpc/api.hpp"
#include "chain/world_for_tests.hpp"

namespace ol::chain::rpc {

using codec::Json;

class ApiTest : public ::testing::Test {
protected:
    static constexpr std::int64_t start_ms = 2'000'000;

    explicit ApiTest(const WorldOptions& options = {})
        : world(options) {
        for (std::size_t i = 0; i < options.keys; ++i) keys.push_back(test_key(i));
        open();
    }

    void open(bool with_sequencer = true) {
        api.reset();
        sequencer.reset();
        SequencerOptions sequencing;
        sequencing.clock = &clock;
        sequencing.own_thread = false;
        if (with_sequencer) {
            auto started = Sequencer::start(*world.chain, *world.pool, sequencing);
            ASSERT_TRUE(started) << started.error().to_string();
            sequencer = std::move(*started);
        }
        ApiOptions asked;
        asked.development = with_sequencer;
        asked.unlocked = {keys.begin(), keys.begin() + 3};
        api = std::make_unique<Api>(*world.chain, *world.pool, sequencer.get(), asked, clock);
    }

    // The whole answer to a call; parameters as JSON text.
    Json answer(std::string_view method, std::string_view params = "[]", bool engine = false) {
        const std::string request =
            fmt::format(R"({{"id":1,"method":"{}","params":{}}})", method, params);
        const auto& methods = engine ? api->engine_methods() : api->public_methods();
        const std::string text = methods.handle(request).text;
        auto json = Json::parse(text);
        EXPECT_TRUE(json) << method << " " << params << ": " << text.substr(0, 200);
        return json ? std::move(*json) : Json();
    }
    Json ask(std::string_view method, std::string_view params = "[]", bool engine = false) {
        Json json = answer(method, params, engine);
        EXPECT_TRUE(json.contains("result")) << method << " " << params << ": " << json.dump();
        return json["result"];
    }
    std::string text(std::string_view method, std::string_view params = "[]") {
        return std::string(ask(method, params).text());
    }
    Json fault(std::string_view method, std::string_view params = "[]", bool engine = false) {
        Json json = answer(method, params, engine);
        EXPECT_TRUE(json.contains("error")) << method << " " << params << ": " << json.dump();
        return json["error"];
    }

    // Adds a transaction and makes its block.
    Hash32 mine(const Transaction& transaction) {
        const Hash32 out = world.add(transaction);
        make_block();
        return out;
    }
    void make_block() {
        clock.advance_ms(2000);
        const auto made = sequencer->mine();
        EXPECT_TRUE(made) << made.error().to_string();
    }

    static std::string hex(const auto& bytes) { return to_hex0x(bytes.view()); }
    static std::string quoted(const auto& bytes) { return "\"" + hex(bytes) + "\""; }
    static Address who(std::size_t key) { return test_key(key).address(); }

    World world;
    std::vector<crypto::PrivateKey> keys;
    ManualClock clock{start_ms};
    std::unique_ptr<Sequencer> sequencer;
    std::unique_ptr<Api> api;
};

} // namespace ol::chain::rpc
