// Parts of the node that need no chain.
#include <cstdlib>

#include <gtest/gtest.h>
#include <unistd.h>

#include "api/router.hpp"
#include "api/schema.hpp"
#include "node/chat_form.hpp"
#include "node/cli/console.hpp"
#include "node/config.hpp"
#include "node/node.hpp"

namespace ol::node {
namespace {

class NodeConfigTest : public testing::Test {
protected:
    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() / fmt::format("ol-node-{}", ::getpid());
        ASSERT_TRUE(make_directories(folder_));
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    Path folder_;
};

TEST_F(NodeConfigTest, OneProcessPerDataFolder) {
    {
        auto first = DataDirLock::acquire(folder_);
        ASSERT_TRUE(first);
        const auto second = DataDirLock::acquire(folder_);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, ErrorCode::conflict);
        // Locked but not announced: a command is at work.
        EXPECT_EQ(running_node(folder_).error().code, ErrorCode::conflict);
        ASSERT_TRUE(first->announce("http://127.0.0.1:8420"));
        EXPECT_EQ(running_node(folder_).value(), "http://127.0.0.1:8420");
    }
    EXPECT_EQ(running_node(folder_).error().code, ErrorCode::not_found);
    EXPECT_TRUE(DataDirLock::acquire(folder_));
}

TEST_F(NodeConfigTest, PasswordIsMadeOnceAndPrivate) {
    ::unsetenv("OPENLEDGER_PASSWORD");
    NodeConfig config;
    config.data_dir = folder_;
    const auto first = wallet_password(config);
    ASSERT_TRUE(first);
    EXPECT_GE(first->size(), 32U);
    EXPECT_EQ(wallet_password(config).value(), *first);
    const auto mode = std::filesystem::status(folder_ / "password").permissions();
    EXPECT_EQ(mode & std::filesystem::perms::mask,
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    ASSERT_TRUE(write_file_atomic(folder_ / "mine", "secret\n"));
    config.password_file = folder_ / "mine";
    EXPECT_EQ(wallet_password(config).value(), "secret");
}

TEST(RunConfigFrom, DefaultsAndRefusals) {
    using codec::Json;
    const auto config = run_config_from(Json::object({{"name", "a"}, {"epochs", 3}}), Hash32{});
    ASSERT_TRUE(config);
    EXPECT_EQ(config->epochs, 3U);
    EXPECT_EQ(config->lora.rank, 32U);
    EXPECT_FALSE(run_config_from(Json::object({{"epochs", 3}}), Hash32{}));
    const auto wrong = run_config_from(Json::object({{"name", "a"}, {"rank", "big"}}), Hash32{});
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().context.find("rank"), std::string::npos);
}

// What /openapi.json promises of a run that is not told is what such a run does.
TEST(RunConfigFrom, DoesWhatIsDocumentedAsDefault) {
    using codec::Json;
    api::Router router;
    api::add_run_routes(router);
    const auto document = api::openapi_document(router, "");
    const auto& properties = document["paths"]["/api/runs"]["post"]["requestBody"]["content"]
                                     ["application/json"]["schema"]["properties"];
    const auto bare = Json::object({{"name", "a"}});
    auto spelled_out = bare;
    for (const auto& [key, schema] : properties.members()) {
        if (!schema.contains("default")) continue;
        EXPECT_TRUE(api::schema::check(schema, schema["default"], key));
        spelled_out.set(key, schema["default"]);
    }
    EXPECT_GE(spelled_out.members().size(), 18U);
    const auto config = run_config_from(bare, Hash32{});
    ASSERT_TRUE(config);
    EXPECT_EQ(run_config_from(spelled_out, Hash32{})->to_json().dump(), config->to_json().dump());
    EXPECT_TRUE(config->check());
}

TEST(RunConfigFrom, ModulesAndPatternsAsPeftHasThem) {
    using codec::Json;
    const auto read = [](std::string_view more) {
        return run_config_from(*Json::parse(fmt::format(R"({{"name":"a",{}}})", more)), Hash32{});
    };
    const auto config = read(R"("target_modules":["v_proj","lm_head","q_proj"],)"
                             R"("rank_pattern":{"q_proj":4},"alpha_pattern":{"layers.0":1.5})");
    ASSERT_TRUE(config) << config.error().to_string();
    const std::vector<model::Site> targets = {model::Site::q, model::Site::v};
    EXPECT_EQ(config->lora.targets, targets);
    EXPECT_TRUE(config->lora.head);
    EXPECT_FALSE(config->lora.embedding);
    ASSERT_EQ(config->lora.rank_pattern.size(), 1U);
    EXPECT_EQ(config->lora.rank_pattern[0], std::pair(std::string("q_proj"), 4U));
    EXPECT_EQ(config->lora.alpha_pattern[0], std::pair(std::string("layers.0"), 1.5F));
    EXPECT_EQ(run_config_from(*Json::parse(R"({"name":"a"})"), Hash32{})->lora.targets,
              model::LoraConfig{}.targets);
    for (const auto& [more, what] : {std::pair(R"("rank_pattern":{"q_proj":0})", "q_proj"),
                                     {R"("rank_pattern":[1])", "rank_pattern"},
                                     {R"("alpha_pattern":{"q_proj":"a"})", "alpha_pattern"},
                                     {R"("target_modules":["x_proj"])", "x_proj"}}) {
        const auto bad = read(more);
        ASSERT_FALSE(bad) << more;
        EXPECT_NE(bad.error().context.find(what), std::string::npos) << bad.error().context;
    }
}

// A base whose template is outside the subset answers prompts all the same: only chats are refused.
TEST_F(NodeConfigTest, ChatFormRefusesWithPlaceAndRemedy) {
    const auto shipped = model::Tokenizer::from_file(Path(OL_SOURCE_DIR) / "models/base-8m");
    const auto other = model::Tokenizer::from_file(Path(OL_SOURCE_DIR) /
                                                   "src/model/testdata/tokenizers/gpt2.json");
    ASSERT_TRUE(shipped);
    ASSERT_TRUE(other) << other.error().to_string();
    const std::vector<factory::ChatMessage> hello = {{"user", "Hello <|end|>"}};

    const ChatForm own(folder_, *shipped);
    EXPECT_FALSE(own.refusal());
    EXPECT_EQ(own.prompt(hello, 0).value(), "<|user|>Hello < |end|><|end|><|assistant|>");
    const ChatForm none(folder_, *other);
    ASSERT_TRUE(none.refusal());
    EXPECT_EQ(none.prompt(hello, 0).error().code, ErrorCode::unsupported);

    const auto file = folder_ / "chat_template.jinja";
    for (const std::string_view source : {"\n{% include 'x' %}", "{{ x"}) {
        ASSERT_TRUE(write_file_atomic(file, source));
        const ChatForm refused(folder_, *shipped);
        ASSERT_TRUE(refused.refusal()) << source;
        const auto prompt = refused.prompt(hello, 0);
        ASSERT_FALSE(prompt);
        EXPECT_EQ(prompt.error().code, ErrorCode::unsupported);
        for (const std::string& part :
             {file.string() + ": chat template: line ",
              "write one within docs/formats/chat-template.md as " + file.string(),
              std::string("/v1/completions")}) {
            EXPECT_NE(prompt.error().context.find(part), std::string::npos)
                << prompt.error().context;
        }
    }
    ASSERT_TRUE(write_file_atomic(file, "{{ messages[0].content }}!"));
    EXPECT_EQ(ChatForm(folder_, *shipped).prompt(hello, 0).value(), "Hello < |end|>!");
}

TEST(Console, HumanNumbers) {
    EXPECT_EQ(cli::human_count(0), "0");
    EXPECT_EQ(cli::human_count(999), "999");
    EXPECT_EQ(cli::human_count(1234567), "1,234,567");
    EXPECT_EQ(cli::human_bytes(12), "12 B");
    EXPECT_EQ(cli::short_hex("0x1234567890abcdef"), "0x123456..cdef");
}

} // namespace
} // namespace ol::node
