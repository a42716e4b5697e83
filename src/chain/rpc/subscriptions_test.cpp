#include <condition_variable>
#include <deque>

#include "chain/rpc/api_for_tests.hpp"

namespace ol::chain::rpc {
namespace {

// A connection that keeps what it is sent.
class FakeSocket final : public net::WebSocket {
public:
    bool send(std::string text) override {
        const std::lock_guard lock(mutex_);
        if (!alive_) return false;
        sent_.push_back(std::move(text));
        changed_.notify_all();
        return true;
    }
    bool alive() const override {
        const std::lock_guard lock(mutex_);
        return alive_;
    }
    void end() override {
        const std::lock_guard lock(mutex_);
        alive_ = false;
    }
    const std::string& remote() const override { return remote_; }

    Json next() {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, std::chrono::seconds(5), [&] { return !sent_.empty(); })) {
            return Json();
        }
        auto json = Json::parse(sent_.front());
        sent_.pop_front();
        return json ? *json : Json();
    }
    std::size_t waiting() const {
        const std::lock_guard lock(mutex_);
        return sent_.size();
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::string> sent_;
    bool alive_ = true;
    std::string remote_ = "test";
};

class SubscriptionTest : public ApiTest {
protected:
    Json over(const std::shared_ptr<FakeSocket>& socket, std::string_view method,
              std::string_view params, bool begin = true) {
        const std::string request =
            fmt::format(R"({{"id":1,"method":"{}","params":{}}})", method, params);
        auto answer = api->public_methods().handle(request, socket);
        if (begin) {
            for (const auto& each : answer.after) each();
        } else {
            after_ = std::move(answer.after);
        }
        return *Json::parse(answer.text);
    }
    // Until everything that happened has been told.
    void drain() { ask("eth_getFilterChanges", "[\"" + text("eth_newBlockFilter") + "\"]"); }

    std::shared_ptr<FakeSocket> socket_ = std::make_shared<FakeSocket>();
    std::vector<std::function<void()>> after_;
};

TEST_F(SubscriptionTest, HeadsLogsAndPendingTransactions) {
    const Json heads = over(socket_, "eth_subscribe", R"(["newHeads"])")["result"];
    const auto log_socket = std::make_shared<FakeSocket>();
    over(log_socket, "eth_subscribe", R"(["logs",{"address":)" + quoted(counter_address()) + "}]");
    const auto pending = std::make_shared<FakeSocket>();
    over(pending, "eth_subscribe", R"(["newPendingTransactions"])");
    const auto full = std::make_shared<FakeSocket>();
    over(full, "eth_subscribe", R"(["newPendingTransactions",true])");
    const Hash32 hash = mine(count_call(0, 0, 7));
    const Json head = socket_->next();
    EXPECT_EQ(head["method"].text(), "eth_subscription");
    EXPECT_EQ(head["params"]["subscription"].text(), heads.text());
    EXPECT_EQ(head["params"]["result"]["hash"].text(), hex(world.chain->head_hash()));
    EXPECT_FALSE(head["params"]["result"].contains("transactions"));
    EXPECT_EQ(log_socket->next()["params"]["result"]["transactionHash"].text(), hex(hash));
    EXPECT_EQ(pending->next()["params"]["result"].text(), hex(hash));
    EXPECT_EQ(full->next()["params"]["result"]["hash"].text(), hex(hash));
    drain();
    EXPECT_EQ(socket_->waiting() + log_socket->waiting() + pending->waiting() + full->waiting(),
              0U);
}

TEST_F(SubscriptionTest, AReorganisationTakesLogsBack) {
    mine(count_call(0, 0, 7));
    // Another block on genesis, later made the head by two more.
    const Hash32 genesis = *world.chain->canonical_hash(0).value();
    over(socket_, "eth_subscribe", R"(["logs",{}])");
    auto other = world.chain->build(
        genesis, attributes_after(world.chain->config(), *world.chain->header(genesis).value(), 9),
        nullptr, 100);
    ASSERT_TRUE(other) << other.error().to_string();
    ASSERT_TRUE(world.chain->import(other->block, false));
    ASSERT_TRUE(world.chain->set_heads(hash(other->block.header), {}, {}));
    const Json removed = socket_->next();
    EXPECT_TRUE(*removed["params"]["result"]["removed"].as_bool()) << removed.dump();
    EXPECT_EQ(removed["params"]["result"]["topics"].items()[0].text(), hex(U256(7).to_be()));
}

TEST_F(SubscriptionTest, NothingIsLostBeforeTheAnswerIsSent) {
    over(socket_, "eth_subscribe", R"(["newHeads"])", false);
    make_block();
    drain();
    EXPECT_EQ(socket_->waiting(), 0U); // the client does not know its number yet
    for (const auto& each : after_) each();
    EXPECT_EQ(socket_->next()["params"]["result"]["number"].text(), "0x1");
}

TEST_F(SubscriptionTest, EndsByItsNumberItsConnectionOrASlowClient) {
    const std::string id(over(socket_, "eth_subscribe", R"(["newHeads"])")["result"].text());
    const auto other = std::make_shared<FakeSocket>();
    EXPECT_EQ(over(other, "eth_unsubscribe", "[\"" + id + "\"]")["error"]["message"].text(),
              "subscription not found");
    EXPECT_TRUE(*over(socket_, "eth_unsubscribe", "[\"" + id + "\"]")["result"].as_bool());
    over(socket_, "eth_subscribe", R"(["newHeads"])");
    over(other, "eth_subscribe", R"(["newHeads"])");
    api->forget(socket_);
    other->end();
    make_block();
    drain();
    EXPECT_EQ(socket_->waiting(), 0U);
}

TEST_F(SubscriptionTest, Refusals) {
    EXPECT_EQ(*over(socket_, "eth_subscribe", R"(["nonsense"])")["error"]["code"].as_int(), -32601);
    EXPECT_EQ(*fault("eth_subscribe", R"(["newHeads"])")["code"].as_int(), -32601);
    EXPECT_EQ(
        *over(socket_, "eth_subscribe", R"(["logs",{"address":"0x1"}])")["error"]["code"].as_int(),
        -32602);
    for (int i = 0; i < 128; ++i) over(socket_, "eth_subscribe", R"(["syncing"])");
    EXPECT_EQ(*over(socket_, "eth_subscribe", R"(["syncing"])")["error"]["code"].as_int(),
              limit_exceeded);
}

} // namespace
} // namespace ol::chain::rpc
