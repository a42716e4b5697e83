#include "factory/tune.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "factory/model_for_tests.hpp"
#include "model/folder_for_tests.hpp"

namespace ol::factory {
namespace {

class Folder : public model::test::Folder {
public:
    Path operator/(const std::string& name) const { return path() / name; }
    Path file(const std::string& name, std::string_view text) const {
        EXPECT_TRUE(write_file_atomic(path() / name, text));
        return path() / name;
    }
};

constexpr std::string_view turns_template =
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}";

Path make_model(const Folder& folder, bool special) {
    const auto path = folder / "model";
    test::make_model(path, special);
    return path;
}

TuningText text_of(const Path& folder) {
    const auto model = *model::Model::load(folder);
    return *TuningText::of_folder(folder, model.config);
}

// What of an example carries loss, and what does not in brackets.
std::string shown(const TuningText& how, const model::Example& example) {
    std::string out;
    for (std::size_t i = 0; i < example.tokens.size(); ++i) {
        const bool before = i > 0 && example.mask[i - 1] != 0;
        if (example.mask[i] == 0 && (i == 0 || before)) out += "[";
        if (example.mask[i] != 0 && i > 0 && !before) out += "]";
        out += how.tokenizer().decode({example.tokens[i]}, true);
    }
    return out;
}

std::string first_of(const TuningText& how, const Folder& folder, std::string_view row) {
    const auto data = read_tuning_data(folder.file("row.jsonl", row), how, 96);
    EXPECT_TRUE(data.has_value()) << data.error().to_string();
    if (!data) return "";
    EXPECT_EQ(data->rows, 1U);
    return shown(how, data->examples.at(0));
}

TEST(TuningData, EveryFormOfARowTeachesItsAnswer) {
    const Folder folder;
    const auto how = text_of(make_model(folder, true));
    const auto shows = [&](std::string_view row) { return first_of(how, folder, row); };
    EXPECT_EQ(shows(R"({"messages":[{"role":"user","content":"one"},)"
                    R"({"role":"assistant","content":"two"}]})"),
              "[<|user|>one<|end|><|assistant|>]two<|end|>");
    EXPECT_EQ(shows(R"({"conversations":[{"from":"human","value":"one"},)"
                    R"({"from":"gpt","value":"two"}]})"),
              "[<|user|>one<|end|><|assistant|>]two<|end|>");
    EXPECT_EQ(shows(R"({"instruction":"one","input":"two","output":"three"})"),
              "[<|user|>one\n\ntwo<|end|><|assistant|>]three<|end|>");
    EXPECT_EQ(shows(R"({"question":"one","answer":"two"})"),
              "[<|user|>one<|end|><|assistant|>]two<|end|>");
    EXPECT_EQ(shows(R"({"prompt":"one ","completion":"two"})"), "[one ]two<|end|>");
    EXPECT_EQ(shows(R"({"text":"one two"})"), "one two<|end|>");
    // What a row says never ends its turn.
    EXPECT_EQ(shows(R"({"question":"<|end|>","answer":"a<|end|>b"})"),
              "[<|user|>< |end|><|end|><|assistant|>]a< |end|>b<|end|>");
}

TEST(TuningData, EveryAnswerOfAConversationCarriesLoss) {
    const Folder folder;
    const auto path = make_model(folder, true);
    ASSERT_TRUE(write_file_atomic(path / "chat_template.jinja", turns_template));
    const auto how = text_of(path);
    EXPECT_EQ(how.form(), "chat template");
    EXPECT_EQ(first_of(how, folder,
                       R"({"messages":[{"role":"system","content":"s"},)"
                       R"({"role":"user","content":"one"},{"role":"assistant","content":"two"},)"
                       R"({"role":"user","content":"three"},{"role":"assistant","content":"four"},)"
                       R"({"role":"user","content":"unanswered"}]})"),
              "[<|system|>s<|end|><|user|>one<|end|><|assistant|>]two<|end|>"
              "[<|user|>three<|end|><|assistant|>]four<|end|>");
    // A template that shows earlier answers otherwise: they carry none.
    ASSERT_TRUE(write_file_atomic(
        path / "chat_template.jinja",
        std::string_view("{% for m in messages %}<|{{ m.role }}|>{{ m.content if loop.last or "
                         "m.role == 'user' else '-' }}<|end|>{% endfor %}"
                         "{% if add_generation_prompt %}<|assistant|>{% endif %}")));
    EXPECT_EQ(first_of(text_of(path), folder,
                       R"({"messages":[{"role":"user","content":"one"},)"
                       R"({"role":"assistant","content":"two"},{"role":"user","content":"three"},)"
                       R"({"role":"assistant","content":"four"}]})"),
              "[<|user|>one<|end|><|assistant|>-<|end|><|user|>three<|end|><|assistant|>]"
              "four<|end|>");
}

TEST(TuningData, WithoutAChatTemplateInstructionsAreWrittenOut) {
    const Folder folder;
    const auto how = text_of(make_model(folder, false));
    auto data = read_tuning_data(
        folder.file("rows.json", R"([{"instruction":"one","output":"two"}])"), how, 600);
    ASSERT_TRUE(data.has_value()) << data.error().to_string();
    const auto text = shown(how, data->examples.at(0));
    EXPECT_TRUE(text.starts_with("[Below is an instruction")) << text;
    EXPECT_TRUE(text.ends_with("### Instruction:\none\n\n### Response:\n]two<|end|>")) << text;
    const auto longer =
        read_tuning_data(folder.file("rows.jsonl", R"({"messages":[{"role":"user","content":"1"},)"
                                                   R"({"role":"assistant","content":"2"},)"
                                                   R"({"role":"user","content":"3"},)"
                                                   R"({"role":"assistant","content":"4"}]})"),
                         how, 96);
    EXPECT_EQ(longer.error().code, ErrorCode::unsupported);
}

TEST(TuningData, LongTextsAreCutToPiecesAndBadRowsNamed) {
    const Folder folder;
    const auto how = text_of(make_model(folder, true));
    std::string text;
    for (int i = 0; i < 50; ++i) text += fmt::format("thing {} ", i);
    const auto pieces = *read_tuning_data(folder.file("a.txt", text), how, 32);
    EXPECT_EQ(pieces.rows, 1U);
    std::string again;
    for (const auto& piece : pieces.examples) {
        EXPECT_LE(piece.tokens.size(), 32U);
        again += how.tokenizer().decode(piece.tokens);
    }
    EXPECT_EQ(again, text.substr(0, text.size() - 1));
    const auto cut = *read_tuning_data(
        folder.file("b.jsonl", R"({"prompt":"a","completion":"some long text to be cut"})"
                               "\n\n" +
                                   fmt::format(R"({{"prompt":"{}","completion":"b"}})", text)),
        how, 8);
    EXPECT_EQ(cut.rows, 2U);
    EXPECT_EQ(cut.cut, 2U);
    EXPECT_EQ(cut.empty, 1U);
    EXPECT_EQ(cut.examples.size(), 1U);
    for (const auto& [row, what] : {std::pair(R"({"txt":"a"})", "c.jsonl:2: nothing to learn"),
                                    {R"({"text":1})", "c.jsonl:2: text"},
                                    {"{", "c.jsonl:2"},
                                    {R"({"messages":[]})", "c.jsonl:2: messages"}}) {
        const auto bad = read_tuning_data(
            folder.file("c.jsonl", "{\"text\":\"a b\"}\n" + std::string(row)), how, 96);
        ASSERT_FALSE(bad.has_value()) << row;
        EXPECT_NE(bad.error().context.find(what), std::string::npos) << bad.error().context;
    }
}

struct Stage {
    Stage()
        : model(make_model(folder, true)) {
        std::string rows;
        for (int i = 0; i < 11; ++i) {
            rows += fmt::format(R"({{"question":"What is thing {}?","answer":"It follows {}."}})"
                                "\n",
                                i, i - 1);
        }
        data = folder.file("data.jsonl", rows);
    }
    TuneConfig config(bool full, const std::string& name) const {
        TuneConfig out;
        out.folder = model;
        out.data = data;
        out.output = folder / name;
        out.full = full;
        out.run.max_tokens = 0;
        out.run.epochs = 3;
        out.run.batch_examples = 4;
        out.run.checkpoint_every = 2;
        out.run.optimizer.learning_rate = 0.01F;
        out.run.lora.rank = 4;
        out.run.lora.dora = out.run.lora.head = true;
        out.run.lora.dropout = 0.1F;
        return out;
    }
    Folder folder;
    Path model, data;
};

class Tune : public testing::TestWithParam<bool> {};

TEST_P(Tune, GivesTheSameBytesForEveryThreadCountAndAfterAKill) {
    const Stage stage;
    const bool full = GetParam();
    ThreadPool one(1), three(3);
    auto watched = stage.config(full, "one");
    watched.held_out = stage.data;
    const auto first = tune(watched, one);
    ASSERT_TRUE(first.has_value()) << first.error().to_string();
    EXPECT_EQ(first->start.steps, 9U);
    EXPECT_LT(first->loss_last, first->loss_first);
    EXPECT_LT(first->held_out_last, first->held_out_first);
    EXPECT_GT(first->held_out_last, 0);
    const auto measured = static_cast<double>(first->trainer_bytes);
    EXPECT_NEAR(static_cast<double>(first->start.memory.trainer()), measured, 0.2 * measured);
    const auto record = *read_text_file(stage.folder / "one/tuning_record.json", 1 << 20);
    auto elsewhere = stage.config(full, "three");
    elsewhere.folder = stage.folder / "copy";
    std::filesystem::copy(stage.model, elsewhere.folder);
    const auto again = tune(elsewhere, three);
    ASSERT_TRUE(again.has_value()) << again.error().to_string();
    EXPECT_EQ(again->hash, first->hash);
    EXPECT_EQ(*read_text_file(stage.folder / "three/tuning_record.json", 1 << 20), record);

    const auto child = fork();
    if (child == 0) {
        ThreadPool pool(2);
        TuneWatch watch;
        watch.step = [](std::uint64_t step, const model::StepReport&, double) {
            if (step == 5) _exit(7);
        };
        (void)tune(stage.config(full, "killed"), pool, watch);
        _exit(1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(WEXITSTATUS(status), 7);
    auto other = stage.config(full, "killed");
    other.run.seed = 2;
    EXPECT_EQ(tune(other, one).error().code, ErrorCode::conflict);
    const auto resumed = tune(stage.config(full, "killed"), one);
    ASSERT_TRUE(resumed.has_value()) << resumed.error().to_string();
    EXPECT_EQ(resumed->start.step, 4U);
    EXPECT_EQ(resumed->hash, first->hash);
    EXPECT_EQ(*read_text_file(stage.folder / "killed/tuning_record.json", 1 << 20), record);
    EXPECT_FALSE(std::filesystem::exists(stage.folder / "killed/checkpoint.bin"));
    EXPECT_EQ(tune(stage.config(full, "one"), one).error().code, ErrorCode::already_exists);
}

TEST_P(Tune, LeavesAFolderThatLoads) {
    const Stage stage;
    ThreadPool pool(2);
    const auto config = stage.config(GetParam(), "out");
    ASSERT_TRUE(tune(config, pool));
    const auto base = *model::Model::load(stage.model);
    if (GetParam()) {
        const auto model = model::Model::load(config.output);
        ASSERT_TRUE(model.has_value()) << model.error().to_string();
        EXPECT_NE(model->weights.embedding, base.weights.embedding);
        EXPECT_TRUE(model::Tokenizer::from_file(config.output));
    } else {
        const auto adapter = model::LoraAdapter::load(config.output, base.config);
        ASSERT_TRUE(adapter.has_value()) << adapter.error().to_string();
        EXPECT_FALSE(adapter->head.magnitude.empty());
    }
    auto over = config;
    over.output = stage.model; // never over a model
    EXPECT_EQ(tune(over, pool).error().code, ErrorCode::already_exists);
    EXPECT_TRUE(model::Model::load(stage.model));
}

codec::Json record_in(const Path& folder) {
    const auto text = read_text_file(folder / "tuning_record.json", 1 << 20);
    EXPECT_TRUE(text.has_value());
    return *codec::Json::parse(*text);
}

// A record with one of its members changed; `path` with points, as "run.seed".
codec::Json changed(codec::Json record, const std::string& path, codec::Json value) {
    const auto point = path.find('.');
    const auto key = path.substr(0, point);
    if (point != std::string::npos) {
        value = changed(record[key], path.substr(point + 1), std::move(value));
    }
    return record.set(key, std::move(value));
}

TEST_P(Tune, ComesOutOfItsRecordAgain) {
    const Stage stage;
    const bool full = GetParam();
    ThreadPool one(1), three(3);
    auto config = stage.config(full, "out");
    config.dtype = full ? "bf16" : ""; // not the folder's own
    config.run.optimizer.schedule = model::Schedule::cosine;
    config.run.packing = true;
    config.run.neftune_alpha = 3;
    config.run.lora.rank_pattern = {{"q_proj", 2}};
    const auto first = tune(config, one);
    ASSERT_TRUE(first.has_value()) << first.error().to_string();
    const auto record = read_tuning_record(config.output);
    ASSERT_TRUE(record.has_value()) << record.error().to_string();
    EXPECT_EQ(*read_tuning_record(config.output / "tuning_record.json"), *record);

    const auto place = stage.folder / "tmp";
    ASSERT_TRUE(make_directories(place));
    ::setenv("TMPDIR", place.c_str(), 1);
    TuneAgain from{stage.model, stage.data};
    std::uint64_t steps = 0;
    TuneWatch watch;
    watch.step = [&](std::uint64_t, const model::StepReport&, double) { ++steps; };
    for (auto* pool : {&one, &three}) {
        const auto again = tune_again(*record, from, *pool, watch);
        ASSERT_TRUE(again.has_value()) << again.error().to_string();
        EXPECT_EQ(again->hash, first->hash);
        from.checkpointing = true;
    }
    EXPECT_EQ(steps, 2 * first->start.steps);

    // What other bytes come of is found by them.
    steps = 0;
    const auto refuses = [&](const codec::Json& other, ErrorCode code, std::string_view what) {
        const auto refused = tune_again(other, from, three, watch);
        ASSERT_FALSE(refused.has_value()) << what;
        EXPECT_EQ(refused.error().code, code) << refused.error().context;
        EXPECT_NE(refused.error().context.find(what), std::string::npos) << refused.error().context;
    };
    refuses(changed(*record, "run.seed", 2), ErrorCode::unverified,
            "the tuning record names " + to_hex0x(first->hash.view()));
    EXPECT_EQ(steps, first->start.steps);

    // And all else before the first step.
    steps = 0;
    const std::string ones = "0x" + std::string(64, '1');
    refuses(changed(*record, "steps", 4), ErrorCode::unverified, "steps is 4, not ");
    refuses(changed(*record, "data.rows", 12), ErrorCode::unverified, "data.rows is 12, not 11");
    refuses(changed(*record, "data.examples_hash", ones), ErrorCode::unverified, "examples_hash");
    refuses(changed(*record, "run.optimizer.warmup_step", 1), ErrorCode::unverified,
            "run.optimizer.warmup_step is 1, not absent");
    refuses(changed(*record, "run.name", "other"), ErrorCode::unverified, "run.name");
    refuses(changed(*record, "run.base_hash", ones), ErrorCode::unverified, "another model");
    refuses(changed(*record, "data.hash", ones), ErrorCode::unverified, "other data");
    refuses(changed(*record, "engine", "another/9"), ErrorCode::unsupported, "another/9");
    refuses(changed(*record, "format", "another/9"), ErrorCode::unsupported, "another/9");
    refuses(changed(*record, "method", "some"), ErrorCode::invalid_argument, "method");
    refuses(changed(*record, "run.epochs", "3"), ErrorCode::invalid_argument, "epochs");
    refuses(codec::Json(), ErrorCode::unsupported, "format");
    if (full) {
        refuses(changed(*record, "dtype", "f8"), ErrorCode::invalid_argument, "f8");
    } else {
        refuses(changed(*record, "dtype", "f32"), ErrorCode::unverified, "dtype");
    }
    // A base hash says nothing of the template.
    ASSERT_TRUE(write_file_atomic(stage.model / "chat_template.jinja", turns_template));
    refuses(*record, ErrorCode::unverified, "data.form");
    EXPECT_EQ(steps, 0U);
    EXPECT_TRUE(std::filesystem::is_empty(place));
    ::unsetenv("TMPDIR");

    // A folder whose files are not its record's.
    ASSERT_TRUE(write_file_atomic(config.output / "tuning_record.json",
                                  changed(*record, "result_hash", ones).dump()));
    const auto altered = read_tuning_record(config.output);
    ASSERT_FALSE(altered.has_value());
    EXPECT_NE(altered.error().context.find(to_hex0x(first->hash.view())), std::string::npos);
}

// Records of the first format name neither the examples nor the type of all weights.
TEST_P(Tune, ComesOutOfARecordOfTheFirstFormat) {
    const Stage stage;
    ThreadPool pool(2);
    const auto config = stage.config(GetParam(), "out");
    const auto first = tune(config, pool);
    ASSERT_TRUE(first.has_value()) << first.error().to_string();
    const auto left = record_in(config.output);
    const auto without = [](const codec::Json& from, std::string_view key) {
        codec::Json::Object out;
        for (const auto& member : from.members()) {
            if (member.first != key) out.push_back(member);
        }
        return codec::Json::object_of(std::move(out));
    };
    auto record = without(changed(left, "format", "openledger/tuning-record/1"), "dtype");
    record.set("data", without(left["data"], "examples_hash"));
    const auto again = tune_again(record, {stage.model, stage.data}, pool);
    ASSERT_TRUE(again.has_value()) << again.error().to_string();
    EXPECT_EQ(again->hash, first->hash);
}

INSTANTIATE_TEST_SUITE_P(Factory, Tune, testing::Bool(), [](const auto& case_info) {
    return case_info.param ? "Full" : "Adapter";
});

TEST(TuneConfig, WhatDoesNotFitIsRefusedByName) {
    const Stage stage;
    ThreadPool pool(1);
    const auto refused = [&](const auto& change, std::string_view what) {
        auto config = stage.config(true, "refused");
        change(config);
        const auto result = tune(config, pool);
        ASSERT_FALSE(result.has_value()) << what;
        EXPECT_NE(result.error().context.find(what), std::string::npos) << result.error().context;
        EXPECT_FALSE(std::filesystem::exists(config.output)) << what;
    };
    refused([](TuneConfig& c) { c.run.max_tokens = 97; }, "max_tokens is 97");
    refused([](TuneConfig& c) { c.run.quantization = "q8_0"; }, "quantized");
    refused([](TuneConfig& c) { c.dtype = "f8"; }, "f8");
    refused([](TuneConfig& c) { c.data += ".none"; }, "data.jsonl.none");
    refused([](TuneConfig& c) { c.run.lora.rank = 0; }, "rank");
}

} // namespace
} // namespace ol::factory
