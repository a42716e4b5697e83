// Training runs of a whole node, on its embedded ledger.
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

    std::string start(const std::string& name) {
        const auto run = node_->create_run(Json::object({{"name", name},
                                                         {"datanet", "things"},
                                                         {"epochs", 1},
                                                         {"rank", 2},
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

} // namespace
} // namespace ol::node
