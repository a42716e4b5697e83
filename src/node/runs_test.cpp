// Training runs of a whole node, on its embedded ledger.
#include <algorithm>
#include <thread>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "factory/model_for_tests.hpp"
#include "model/folder_for_tests.hpp"
#include "node/node.hpp"

namespace ol::node {
namespace {

using codec::Json;

class NodeRunsTest : public testing::Test {
protected:
    void SetUp() override {
        factory::test::make_model(base());
        ASSERT_TRUE(open());
        auto& context = node_->context();
        ASSERT_TRUE(context.keys->create("alice"));
        ASSERT_TRUE(context.fund(context.keys->key("alice")->address(), parse_open("100").value()));
        ASSERT_TRUE(node_->create_datanet(Json::object({{"name", "things"}, {"wallet", "alice"}})));
        const auto taken = node_->contribute("things", "alice", "", {{"rows.jsonl", rows()}});
        ASSERT_TRUE(taken) << taken.error().to_string();
        ASSERT_TRUE(node_->publish("things"));
    }

    Path base() const { return folder_.path() / "base"; }

    // Rows of words that no two of them share.
    static std::string rows() {
        Prng prng(1);
        std::string out;
        for (int i = 0; i < 6; ++i) {
            std::string text;
            for (int word = 0; word < 12; ++word)
                text += fmt::format("{:07x} ", prng.below(1U << 28));
            const auto row = Json::object({{"title", fmt::format("thing {}", i)}, {"text", text}});
            out += row.dump() + "\n";
        }
        return out;
    }

    // As at a start of the program.
    bool open() {
        node_.reset();
        NodeConfig config;
        config.data_dir = folder_.path() / "node";
        config.base_model = base();
        config.threads = 2;
        auto opened = Node::open(config);
        EXPECT_TRUE(opened) << opened.error().to_string();
        if (opened) node_ = std::move(*opened);
        return opened.has_value();
    }

    std::string start(const std::string& name, std::uint64_t seed = 1) {
        const auto run = node_->create_run(Json::object({{"name", name},
                                                         {"datanet", "things"},
                                                         {"epochs", 1},
                                                         {"rank", 2},
                                                         {"seed", seed},
                                                         {"wallet", "alice"}}));
        EXPECT_TRUE(run) << run.error().to_string();
        return run ? run->operator[]("id").as_string().value_or("") : "";
    }

    // The run when it moves no more; a test that hangs is killed by its time limit.
    Json ended(const std::string& id) {
        for (;;) {
            const auto run = node_->run(id);
            EXPECT_TRUE(run) << run.error().to_string();
            if (!run || (*run)["state"] == "done" || (*run)["state"] == "failed") {
                return run.value_or(Json());
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }

    model::test::Folder folder_;
    std::unique_ptr<Node> node_;
};

TEST_F(NodeRunsTest, ARunWhoseBaseHasChangedFailsAndTheNextOneStarts) {
    const auto config_text = read_text_file(base() / "config.json", 1 << 20).value();
    ASSERT_TRUE(write_file_atomic(base() / "config.json", config_text + " "));
    const auto first = start("first"), second = start("second");
    for (const auto& id : {first, second}) {
        const auto run = ended(id);
        EXPECT_EQ(run["state"], "failed");
        const auto error = run["error"].as_string().value_or("");
        EXPECT_NE(error.find("the base's files are not those"), std::string::npos) << error;
        const auto page = node_->run_events(id, 0).value();
        EXPECT_EQ(page["state"], "failed");
        EXPECT_EQ(page["events"].items().back()["kind"], "error");
        EXPECT_EQ(page["events"].items().back()["data"]["error"], error);
    }
    ASSERT_TRUE(write_file_atomic(base() / "config.json", config_text));
    EXPECT_EQ(ended(start("third"))["state"], "done");

    ASSERT_TRUE(open());
    const auto runs = node_->runs().value();
    ASSERT_EQ(runs["runs"].items().size(), 3U);
    EXPECT_EQ(runs["runs"].items()[0]["state"], "done");
    EXPECT_EQ(runs["runs"].items()[1]["state"], "failed");
    EXPECT_EQ(runs["runs"].items()[2]["state"], "failed") << "and nobody tries it again";
    // But its owner may.
    ASSERT_TRUE(node_->control_run(first, "resume"));
    for (auto now = ended(first); now["state"] == "failed"; now = ended(first)) {
    }
    EXPECT_EQ(ended(first)["error"], "");
}

TEST_F(NodeRunsTest, ARunIsNotTrainedOnAnotherBaseAfterARestart) {
    auto& models = node_->model_service();
    const auto thing = node_->datanet_service().find("things")->id;
    auto config = run_config_from(Json::object({{"name", "late"}, {"epochs", 1}}), thing);
    ASSERT_TRUE(config);
    const auto id = models.create_run(*config)->id; // and nobody starts it
    const auto config_text = read_text_file(base() / "config.json", 1 << 20).value();
    ASSERT_TRUE(write_file_atomic(base() / "config.json", config_text + " "));
    ASSERT_TRUE(open());
    const auto run = ended(id);
    EXPECT_EQ(run["state"], "failed");
    const auto error = run["error"].as_string().value_or("");
    EXPECT_NE(error.find("is not here, only base"), std::string::npos) << error;

    ASSERT_TRUE(write_file_atomic(base() / "config.json", config_text));
    ASSERT_TRUE(open());
    EXPECT_EQ(ended(id)["state"], "failed");
    ASSERT_TRUE(node_->control_run(id, "resume"));
    for (auto now = ended(id); now["state"] == "failed"; now = ended(id)) {
    }
    EXPECT_EQ(ended(id)["state"], "done");
}

TEST_F(NodeRunsTest, AnAlteredRecordIsFoundBeforeItIsTrained) {
    const auto first = start("first"), loose = start("loose", 2);
    ASSERT_EQ(ended(first)["state"], "done");
    ASSERT_EQ(ended(loose)["state"], "done");
    ASSERT_TRUE(node_->register_run(first, Json::object({{"wallet", "alice"}})));
    const auto folder_of = [&](const std::string& id) {
        return node_->model_service().runs().get(id)->folder;
    };
    const auto record_of = [&](const std::string& id) {
        return *Json::parse(
            read_text_file(folder_of(id) / "training_record.json", 1 << 20).value());
    };
    const auto registered = record_of(first), unknown = record_of(loose);
    EXPECT_EQ(node_->reproduce(registered, false).value()["registered"], "first");
    const auto again = node_->reproduce(unknown, false);
    ASSERT_TRUE(again) << again.error().to_string();
    EXPECT_TRUE((*again)["registered"].is_null());

    auto altered = registered;
    auto run = registered["run"];
    altered.set("run", run.set("seed", 9));
    auto renamed = unknown; // has the name of another one's adapter
    run = unknown["run"];
    renamed.set("run", run.set("name", "first"));
    auto unknown_engine = unknown;
    unknown_engine.set("engine", "another/9");
    Json::Object members = registered.members();
    std::reverse(members.begin(), members.end());
    const auto reversed = Json::object_of(members);

    // With another base on disk nothing can be trained: what is found now is found before.
    const auto config_text = read_text_file(base() / "config.json", 1 << 20).value();
    ASSERT_TRUE(write_file_atomic(base() / "config.json", config_text + " "));
    const auto says = [&](const Json& record, bool anyway, std::string_view what) {
        const auto refused = node_->reproduce(record, anyway);
        ASSERT_FALSE(refused) << what;
        EXPECT_NE(refused.error().context.find(what), std::string::npos) << refused.error().context;
    };
    says(altered, false, "the ledger has of 'first': run.seed is 9, not 1; to train");
    EXPECT_EQ(node_->reproduce(altered, false).error().code, ErrorCode::unverified);
    says(renamed, false, "the ledger has of 'first': ");
    says(unknown_engine, false, "engine is \"another/9\"");
    const std::string_view begins = "the base's files are not those";
    says(altered, true, begins);
    says(unknown, false, begins);
    says(reversed, false, begins);
    ASSERT_TRUE(write_file_atomic(base() / "config.json", config_text));
    says(altered, true, "training again gives 0x");

    // The file of the registered model itself.
    ASSERT_TRUE(write_file_atomic(folder_of(first) / "training_record.json", altered.dump()));
    const auto verdict = node_->verify_model("first", true);
    ASSERT_FALSE(verdict);
    EXPECT_NE(verdict.error().context.find("run.seed is 9, not 1"), std::string::npos)
        << verdict.error().context;
}

} // namespace
} // namespace ol::node
