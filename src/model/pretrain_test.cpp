#include "model/pretrain.hpp"

#include <unistd.h>

#include <gtest/gtest.h>

#include "codec/json.hpp"
#include "model/pretrain_text.hpp"
#include "model/transformer.hpp"

namespace ol::model {
namespace {

class Pretrain : public ::testing::Test {
protected:
    void SetUp() override {
        root_ = std::filesystem::temp_directory_path() / fmt::format("ol_pretrain_{}", getpid());
        std::filesystem::remove_all(root_);
        std::string markdown, plain;
        for (int i = 0; i < 60; ++i) {
            markdown += fmt::format(
                "# thing {}\n\nThing number {} is made of {} smaller parts, and each of "
                "them has a name of its own.\n\n",
                i, i, i * 7 % 13);
            plain += fmt::format(
                "Paragraph {} speaks of rivers, boats and the number {}. It is long enough "
                "to be a row.\n\n",
                i, i * i);
        }
        ASSERT_TRUE(write_file_atomic(root_ / "text/a.md", markdown));
        ASSERT_TRUE(write_file_atomic(root_ / "text/b.txt", plain));
        ASSERT_TRUE(
            write_file_atomic(root_ / "text/changelog.txt", std::string("never read this zebra")));
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    PretrainConfig config(const std::string& output) const {
        PretrainConfig c;
        c.sources = {root_ / "text"};
        c.output = root_ / output;
        c.shape.vocab_size = 300;
        c.shape.hidden_size = 16;
        c.shape.intermediate_size = 24;
        c.shape.layer_count = 1;
        c.shape.head_count = 2;
        c.shape.kv_head_count = 1;
        c.shape.head_size = 8;
        c.shape.context_length = 64;
        c.sequence_tokens = 32;
        c.batch_sequences = 2;
        c.steps = 8;
        c.held_out_fraction = 0.2;
        c.checkpoint_every = 3;
        c.optimizer.learning_rate = 1e-2F;
        c.licences[(root_ / "text").string()] = "CC0-1.0";
        return c;
    }

    Bytes bytes_of(const std::string& name) const {
        return read_file(root_ / name, 1 << 26).value();
    }

    Path root_;
    ThreadPool pool_{2};
};

TEST_F(Pretrain, StoppedAndResumedEqualsUninterruptedToTheByte) {
    const auto whole = pretrain(config("whole"), pool_, no_progress);
    ASSERT_TRUE(whole) << whole.error().to_string();
    EXPECT_EQ(whole->steps, 8U);
    EXPECT_EQ(whole->tokens, 8U * 2 * 32);
    EXPECT_GT(whole->held_out_loss, 1.0);
    EXPECT_LT(whole->held_out_loss, 6.0);
    EXPECT_GT(whole->held_out_bits_per_byte, 0.5);

    const auto stop_after = [&](std::uint64_t step) {
        return pretrain(config("parts"), pool_,
                        [&](std::string_view what, std::uint64_t done, std::uint64_t) {
                            return !(what.starts_with("pretraining") && done == step);
                        });
    };
    EXPECT_EQ(stop_after(2).error().code, ErrorCode::cancelled);
    EXPECT_EQ(stop_after(5).error().code, ErrorCode::cancelled);
    ThreadPool one(1);
    const auto rest = pretrain(config("parts"), one, no_progress);
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->last_loss, whole->last_loss);
    EXPECT_EQ(rest->held_out_loss, whole->held_out_loss);
    for (const char* file : {"/model.safetensors", "/tokenizer.json", "/config.json"}) {
        EXPECT_EQ(bytes_of(std::string("whole") + file), bytes_of(std::string("parts") + file))
            << file;
    }
}

TEST_F(Pretrain, WritesAFolderThatLoadsAndARecordOfHowItWasMade) {
    const auto report = pretrain(config("out"), pool_, no_progress);
    ASSERT_TRUE(report);
    const auto model = Model::load(root_ / "out");
    ASSERT_TRUE(model) << model.error().to_string();
    EXPECT_EQ(model->config.eos_token, 0);
    const auto tokenizer = Tokenizer::from_json(as_text(bytes_of("out/tokenizer.json")));
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ(tokenizer->special("<|end|>").value(), 0U);
    EXPECT_EQ(tokenizer->special("<|system|>").value(), 3U);

    const auto record = codec::Json::parse(as_text(bytes_of("out/training_record.json")));
    ASSERT_TRUE(record);
    EXPECT_EQ((*record)["result"]["model_keccak256"].as_hash32().value(),
              base_hash(root_ / "out").value());
    EXPECT_EQ((*record)["run"]["seed"].as_uint().value(), 1U);
    const auto& source = (*record)["text"]["sources"].items().at(0);
    EXPECT_EQ(source["files"].as_uint().value(), 2U); // not the change log
    EXPECT_EQ(source["licence"].as_string().value(), "CC0-1.0");
    EXPECT_EQ((*record)["result"]["losses"].items().size(), 8U);
}

TEST_F(Pretrain, MayEndAtAnotherStepAndTheRecordSaysSo) {
    auto longer = config("out");
    longer.steps = 40;
    EXPECT_EQ(pretrain(longer, pool_,
                       [](std::string_view what, std::uint64_t done, std::uint64_t) {
                           return !(what.starts_with("pretraining") && done == 4);
                       })
                  .error()
                  .code,
              ErrorCode::cancelled);
    const auto report = pretrain(config("out"), pool_, no_progress);
    ASSERT_TRUE(report) << report.error().to_string();
    EXPECT_EQ(report->steps, 8U);
    const auto record = codec::Json::parse(as_text(bytes_of("out/training_record.json")));
    ASSERT_TRUE(record);
    const auto& plans = (*record)["plans"].items();
    ASSERT_EQ(plans.size(), 2U);
    EXPECT_EQ(plans[0]["schedule_steps"].as_uint().value(), 40U);
    EXPECT_EQ(plans[1]["first_step"].as_uint().value(), 4U);
    EXPECT_EQ(plans[1]["schedule_steps"].as_uint().value(), 8U);
    EXPECT_EQ((*record)["result"]["steps"].as_uint().value(), 8U);
}

TEST_F(Pretrain, TextIsSplitByHashAndHalfOfTheTitlesAreQuestions) {
    const auto c = config("out");
    const auto text = prepare_text(c, pool_, no_progress);
    ASSERT_TRUE(text);
    const auto tokenizer = Tokenizer::from_json(as_text(bytes_of("out/tokenizer.json"))).value();
    const auto all = tokenizer.decode(text->train, true) + tokenizer.decode(text->held_out, true);
    int questions = 0, titled = 0;
    for (int i = 0; i < 60; ++i) {
        const auto body = fmt::format("Thing number {} is made of", i);
        const bool asked = all.find(fmt::format("<|user|>What is thing {}?<|end|><|assistant|>{}",
                                                i, body)) != std::string::npos;
        const bool plain =
            all.find(fmt::format("<|end|>thing {}\n{}", i, body)) != std::string::npos ||
            all.starts_with(fmt::format("thing {}\n", i));
        questions += asked;
        titled += asked || plain;
    }
    EXPECT_GE(titled, 59);
    EXPECT_GT(questions, 15);
    EXPECT_LT(questions, 45);
    EXPECT_EQ(all.find("zebra"), std::string::npos);
    EXPECT_GT(text->held_out.size(), 0U);
    EXPECT_GT(text->train.size(), text->held_out.size());
    EXPECT_EQ(text->train.back(), 0U);

    // The second time comes from tokens.bin; a damaged file is made again.
    const auto file = bytes_of("out/tokens.bin");
    for (std::size_t damage : {std::size_t{0}, std::size_t{20}, file.size() / 2, file.size()}) {
        auto bytes = file;
        if (damage < bytes.size()) bytes[damage] ^= 1;
        ASSERT_TRUE(write_file_atomic(root_ / "out/tokens.bin", ByteView(bytes)));
        const auto again = prepare_text(c, pool_, no_progress);
        ASSERT_TRUE(again);
        EXPECT_EQ(again->train, text->train);
        EXPECT_EQ(again->train_bytes, text->train_bytes);
        EXPECT_EQ(bytes_of("out/tokens.bin"), file);
    }
}

TEST_F(Pretrain, RefusesAForeignOrDamagedCheckpointAndBadSettings) {
    ASSERT_TRUE(pretrain(config("out"), pool_, no_progress));
    auto other = config("out");
    other.optimizer.learning_rate = 2e-2F;
    EXPECT_EQ(pretrain(other, pool_, no_progress).error().code, ErrorCode::conflict);
    const auto file = bytes_of("out/checkpoint.bin");
    for (std::size_t damage : {std::size_t{0}, std::size_t{9}, std::size_t{80}, file.size() - 1}) {
        auto bytes = file;
        bytes[damage] ^= 1;
        ASSERT_TRUE(write_file_atomic(root_ / "out/checkpoint.bin", ByteView(bytes)));
        EXPECT_EQ(pretrain(config("out"), pool_, no_progress).error().code, ErrorCode::corrupted);
    }
    auto bytes = file;
    bytes.resize(60);
    ASSERT_TRUE(write_file_atomic(root_ / "out/checkpoint.bin", ByteView(bytes)));
    EXPECT_EQ(pretrain(config("out"), pool_, no_progress).error().code, ErrorCode::corrupted);

    auto bad = config("new");
    bad.sequence_tokens = 65;
    EXPECT_EQ(pretrain(bad, pool_, no_progress).error().code, ErrorCode::invalid_argument);
    bad = config("new");
    bad.shape.vocab_size = 100000;
    EXPECT_EQ(pretrain(bad, pool_, no_progress).error().code, ErrorCode::invalid_argument);
    bad = config("new");
    bad.sources = {root_ / "nowhere"};
    EXPECT_EQ(pretrain(bad, pool_, no_progress).error().code, ErrorCode::not_found);
    bad = config("new");
    bad.sources.clear();
    EXPECT_EQ(pretrain(bad, pool_, no_progress).error().code, ErrorCode::invalid_argument);
}

TEST(PretrainText, LeavesOutWhatIsNotProse) {
    EXPECT_TRUE(is_left_out("/d/changelog.Debian.gz", "/d"));
    EXPECT_TRUE(is_left_out("/d/sub/Copyright", "/d"));
    EXPECT_TRUE(is_left_out("/d/genindex-all.html", "/d"));
    EXPECT_TRUE(is_left_out("/d/_modules/a/b.html", "/d"));
    EXPECT_FALSE(is_left_out("/d/library/os.html", "/d"));
    EXPECT_FALSE(is_left_out("/_static/d/a.html", "/_static/d")); // only below the root
}

} // namespace
} // namespace ol::model
