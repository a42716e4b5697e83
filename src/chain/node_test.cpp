#include <thread>

#include "chain/node.hpp"
#include "chain/rpc/jwt.hpp"
#include "chain/rpc/server.hpp"
#include "chain/world_for_tests.hpp"
#include "codec/json.hpp"
#include "net/http.hpp"

namespace ol::chain {
namespace {

using codec::Json;

class NodeTest : public ::testing::Test {
protected:
    NodeOptions options() const {
        NodeOptions out;
        out.chain.folder = folder_.path();
        out.chain.durable = false;
        out.chain.threads = 1;
        out.genesis = test_genesis();
        out.port = 0;
        out.unlocked = {test_key(0)};
        return out;
    }
    void start(NodeOptions given) {
        auto started = Node::start(std::move(given));
        ASSERT_TRUE(started) << started.error().to_string();
        node_ = std::move(*started);
    }
    net::ClientResponse post(const std::string& url, const std::string& body,
                             net::Headers headers = {}) {
        headers.emplace_back("content-type", "application/json");
        auto reply = client_.send({.method = "POST", .url = url, .headers = headers, .body = body});
        EXPECT_TRUE(reply) << reply.error().to_string();
        return reply ? std::move(*reply) : net::ClientResponse();
    }
    Json ask(const std::string& method, const std::string& params = "[]") {
        const auto reply = post(
            node_->url(), fmt::format(R"({{"id":1,"method":"{}","params":{}}})", method, params));
        auto json = Json::parse(reply.body);
        EXPECT_TRUE(json && json->contains("result")) << reply.body;
        return json ? (*json)["result"] : Json();
    }
    // Until the sequencer has put it into a block.
    Json receipt(const std::string& hash) {
        for (int i = 0; i < 500; ++i) {
            Json out = ask("eth_getTransactionReceipt", "[\"" + hash + "\"]");
            if (!out.is_null()) return out;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return Json();
    }

    TestFolder folder_;
    net::Client client_;
    std::unique_ptr<Node> node_;
};

TEST_F(NodeTest, MakesBlocksForTransactionsAndKeepsThem) {
    start(options());
    const std::string raw = to_hex0x(encode(transfer(0, 0, test_key(1).address())));
    const std::string hash(ask("eth_sendRawTransaction", "[\"" + raw + "\"]").text());
    EXPECT_EQ(receipt(hash)["status"].text(), "0x1");
    const std::string head(ask("eth_getBlockByNumber", R"(["latest",false])")["hash"].text());
    node_->stop();
    node_->stop(); // twice is no harm
    node_.reset();
    start(options());
    EXPECT_EQ(ask("eth_getBlockByNumber", R"(["latest",false])")["hash"].text(), head);
    EXPECT_EQ(receipt(hash)["status"].text(), "0x1");
}

TEST_F(NodeTest, MintedMoneyIsThereAtOnceAndInAnExecutableBlock) {
    start(options());
    Address somebody;
    somebody.data[0] = 0xaa;
    ASSERT_TRUE(node_->mint(somebody, U256(41)));
    ASSERT_TRUE(node_->mint(somebody, U256(1)));
    EXPECT_EQ(ask("eth_getBalance", "[\"" + to_hex0x(somebody.view()) + "\"]").text(), "0x2a");
    EXPECT_TRUE(node_->chain().overrides().empty());
    NodeOptions given = options();
    node_.reset();
    given.sequencer.development = false;
    start(std::move(given));
    EXPECT_EQ(node_->mint(somebody, U256(1)).error().code, ErrorCode::permission_denied);
}

TEST_F(NodeTest, TwoNodesOnOneFolderAreRefused) {
    start(options());
    const auto second = Node::start(options());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::unavailable) << second.error().to_string();
}

TEST_F(NodeTest, ATakenPortIsAnErrorWithARemedy) {
    start(options());
    NodeOptions other = options();
    const TestFolder elsewhere;
    other.chain.folder = elsewhere.path();
    const std::string url = node_->url();
    other.port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    const auto second = Node::start(std::move(other));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::unavailable);
}

TEST_F(NodeTest, StrangersHostsOriginsAndTypesAreRefused) {
    start(options());
    const std::string body = R"({"id":1,"method":"eth_chainId"})";
    EXPECT_EQ(post(node_->url(), body).status, 200);
    EXPECT_EQ(post(node_->url(), body, {{"host", "evil.example"}}).status, 403);
    EXPECT_EQ(post(node_->url(), body, {{"origin", "https://evil.example"}}).status, 403);
    const auto page = post(node_->url(), body, {{"origin", "http://localhost:5173"}});
    EXPECT_EQ(page.status, 200);
    EXPECT_TRUE(std::ranges::any_of(page.headers, [](const auto& header) {
        return header.first == "access-control-allow-origin" &&
               header.second == "http://localhost:5173";
    }));
    auto plain = client_.send({.method = "POST", .url = node_->url(), .body = body});
    EXPECT_EQ(plain->status, 415);
    EXPECT_EQ(client_.send({.url = node_->url()})->status, 200); // health checks
    EXPECT_EQ(client_.send({.method = "DELETE", .url = node_->url()})->status, 405);
}

TEST(BriefCalls, AreFoundByTheirMethodAlone) {
    const auto brief = [](std::string body, std::string method = "POST") {
        net::Request request;
        request.method = std::move(method);
        request.body = std::move(body);
        return rpc::is_brief(request);
    };
    EXPECT_TRUE(brief(R"({"id":1,"method":"eth_chainId"})"));
    EXPECT_TRUE(brief("{\"method\" :\t\"eth_sendRawTransaction\"}"));
    EXPECT_FALSE(brief(R"({"id":1,"method":"eth_chainId"})", "OPTIONS"));
    EXPECT_TRUE(brief(R"({"id":1,"method":"eth_call"})"));
    EXPECT_FALSE(brief(R"({"id":1,"method":"debug_traceCall"})"));
    EXPECT_FALSE(brief(R"({"id":1,"method":"eth_chainIdd"})"));
    // The last of two keys counts; escapes hide one.
    EXPECT_FALSE(brief(R"({"method":"eth_chainId","method":"debug_traceCall"})"));
    EXPECT_FALSE(brief(R"({"params":[{"method":"eth_chainId"}],"meth\u006fd":"debug_traceCall"})"));
    EXPECT_FALSE(brief(R"([{"method":"eth_chainId"}])"));
    EXPECT_FALSE(brief(R"({"method":"eth_chainId","x":")" + std::string(5000, ' ') + "\"}"));
    for (const auto* broken : {"", "{", R"({"method")", R"({"method":)", R"({"method":")",
                               R"({"method":"eth_chainId)", R"({"method":1})", R"({"method"1})"}) {
        EXPECT_FALSE(brief(broken)) << broken;
    }
}

TEST_F(NodeTest, TheEngineNeedsItsToken) {
    NodeOptions given = options();
    given.engine =
        EngineOptions{.host = "127.0.0.1", .port = 0, .jwt_secret = folder_.path() / "j"};
    start(std::move(given));
    const std::string body = R"({"id":1,"method":"engine_exchangeCapabilities","params":[[]]})";
    EXPECT_EQ(post(node_->engine_url(), body).status, 401);
    const Hash32 secret = *rpc::read_or_create_jwt_secret(folder_.path() / "j");
    const std::int64_t now = SystemClock().unix_ms() / 1000;
    const auto with = [&](std::int64_t at) {
        return post(node_->engine_url(), body,
                    {{"authorization", "Bearer " + rpc::make_jwt(secret, at)}});
    };
    EXPECT_EQ(with(now).status, 200);
    EXPECT_NE(with(now).body.find("engine_newPayloadV4"), std::string::npos);
    EXPECT_EQ(with(now - 600).status, 401);
    // Nobody makes blocks here, and nothing is changed by hand.
    const auto none = Json::parse(post(node_->url(), R"({"id":1,"method":"evm_mine"})").body);
    EXPECT_EQ(*(*none)["error"]["code"].as_int(), -32601);
    EXPECT_EQ(ask("eth_accounts").items().size(), 0U);
}

} // namespace
} // namespace ol::chain
