#include "factory/run.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "base/prng.hpp"
#include "crypto/hash.hpp"
#include "factory/format.hpp"
#include "factory/model_for_tests.hpp"
#include "factory/reproduce.hpp"
#include "model/folder_for_tests.hpp"

namespace ol::factory {
namespace {

using codec::Json;

using model::test::Folder;

// A tiny base and a dozen records, the same in every process.
struct Stage {
    Stage()
        : base(test::make_base(64))
        , tokenizer(make_tokenizer()) {
        for (int i = 0; i < 13; ++i) {
            TrainingData row;
            row.title = i % 4 == 3 ? "" : fmt::format("thing {}", i);
            row.text = fmt::format("Thing {} is the one that comes after thing {}.", i, i - 1);
            row.leaf_hash = crypto::keccak256(row.text);
            data.push_back(row);
        }
    }
    static model::Tokenizer make_tokenizer() {
        const std::string text = "What is thing 1? Thing 2 is the one that comes after thing 1. ";
        auto out = model::Tokenizer::train({text, text}, 280, special_tokens);
        EXPECT_TRUE(out.has_value());
        return std::move(*out);
    }
    model::Model base;
    model::Tokenizer tokenizer;
    std::vector<TrainingData> data;
};

RunConfig make_config() {
    RunConfig config;
    config.name = "things";
    config.version = 2;
    config.version_root = crypto::keccak256("version");
    config.base_hash = crypto::keccak256("base");
    config.lora.rank = 4;
    config.lora.alpha = 8;
    config.optimizer.learning_rate = 0.01F;
    config.epochs = 8; // of 4 steps
    config.batch_examples = 4;
    config.max_tokens = 48;
    config.seed = 5;
    config.checkpoint_every = 5;
    config.optimizer.schedule = model::Schedule::constant;
    return config;
}

store::Database open_db(const Folder& folder) {
    auto db = store::Database::open(folder.path() / "db.sqlite");
    EXPECT_TRUE(db.has_value()) << db.error().to_string();
    return std::move(*db);
}

void expect_events_are_whole(const RunStore& runs, const RunInfo& run) {
    const auto events = *runs.events(run.id, 0);
    std::uint64_t next_step = 1;
    for (std::size_t i = 0; i < events.size(); ++i) {
        EXPECT_EQ(events[i].offset, i);
        if (events[i].kind == "step") {
            EXPECT_EQ(*events[i].data["step"].as_uint(), next_step++);
        }
        if (events[i].kind == "checkpoint") {
            EXPECT_EQ(*events[i].data["step"].as_uint() + 1, next_step);
        }
    }
    EXPECT_EQ(next_step, run.steps + 1);
    EXPECT_EQ(events.back().kind, "done");
}

// The adapter's bytes and the record's of a run that nothing disturbed.
struct Reference {
    Hash32 adapter, record;
};
Reference reference() {
    static const Reference out = [] {
        Folder folder;
        auto db = open_db(folder);
        RunStore runs(db, folder.path() / "runs");
        Stage stage;
        ThreadPool pool(1);
        const auto run = *runs.create(make_config());
        const auto done = runs.execute(run.id, stage.base, stage.tokenizer, stage.data, pool);
        EXPECT_TRUE(done.has_value()) << done.error().to_string();
        return Reference{*done->adapter_hash, *done->record_hash};
    }();
    return out;
}

TEST(Run, TrainsToTheEnd) {
    Folder folder;
    auto db = open_db(folder);
    RunStore runs(db, folder.path() / "runs");
    Stage stage;
    ThreadPool pool(2);
    const auto created = runs.create(make_config());
    ASSERT_TRUE(created.has_value()) << created.error().to_string();
    EXPECT_EQ(created->state, RunState::queued);
    EXPECT_EQ(*runs.interrupted(), std::vector<std::string>{created->id});

    const auto done = runs.execute(created->id, stage.base, stage.tokenizer, stage.data, pool);
    ASSERT_TRUE(done.has_value()) << done.error().to_string();
    EXPECT_EQ(done->state, RunState::done);
    EXPECT_EQ(done->step, 32U);
    EXPECT_EQ(done->steps, 32U);
    EXPECT_LT(done->loss_last, 0.7 * done->loss_first) << "it learns";
    EXPECT_GT(done->tokens_per_second, 0);
    expect_events_are_whole(runs, *done);
    EXPECT_TRUE(runs.interrupted()->empty());

    // What is on disk is what was reported, loads as an adapter, and does not depend on threads.
    EXPECT_EQ(*model::adapter_hash(done->folder), *done->adapter_hash);
    EXPECT_TRUE(model::LoraAdapter::load(done->folder, stage.base.config).has_value());
    const auto record = *read_text_file(done->folder / "training_record.json", 1U << 20);
    EXPECT_EQ(crypto::keccak256(record), *done->record_hash);
    EXPECT_EQ(*done->adapter_hash, reference().adapter);
    EXPECT_EQ(*done->record_hash, reference().record);
    EXPECT_FALSE(std::filesystem::exists(done->folder / "checkpoint.bin"));

    EXPECT_EQ(runs.execute(done->id, stage.base, stage.tokenizer, stage.data, pool).error().code,
              ErrorCode::conflict);
    EXPECT_EQ(runs.request(done->id, RunState::paused).error().code, ErrorCode::conflict);
    EXPECT_EQ(runs.events(done->id, 30)->front().offset, 30U);
    EXPECT_EQ(runs.events("run-9999", 0).error().code, ErrorCode::not_found);
    EXPECT_EQ(runs.list()->size(), 1U);
}

TEST(Run, ReproducesFromItsRecord) {
    Folder folder;
    auto db = open_db(folder);
    RunStore runs(db, folder.path() / "runs");
    Stage stage;
    ThreadPool pool(2);
    auto config = make_config();
    config.epochs = 2;
    const auto run = *runs.create(config);
    const auto done = *runs.execute(run.id, stage.base, stage.tokenizer, stage.data, pool);
    const auto text = *read_text_file(done.folder / "training_record.json", 1U << 20);
    auto record = *Json::parse(text);
    EXPECT_EQ(*record["adapter_hash"].as_hash32(), *done.adapter_hash);
    EXPECT_EQ(record.dump(), text) << "canonical";

    ThreadPool one(1);
    const auto again = reproduce(record, stage.base, stage.tokenizer, stage.data, one);
    ASSERT_TRUE(again.has_value()) << again.error().to_string();
    EXPECT_EQ(*again, *done.adapter_hash);

    auto swapped = stage.data;
    std::swap(swapped[0], swapped[1]);
    EXPECT_EQ(reproduce(record, stage.base, stage.tokenizer, swapped, one).error().code,
              ErrorCode::unverified);
    auto other_seed = record;
    auto other_run = record["run"];
    other_run.set("seed", 6);
    other_seed.set("run", other_run);
    EXPECT_NE(*reproduce(other_seed, stage.base, stage.tokenizer, stage.data, one), *again);
    EXPECT_EQ(differences(other_seed, record), std::vector<std::string>{"run.seed is 6, not 5"});
    EXPECT_TRUE(differences(record, record).empty());
    EXPECT_TRUE(check_record(record));
    record.set("engine", "another");
    EXPECT_EQ(check_record(record).error().code, ErrorCode::unsupported);
    EXPECT_EQ(reproduce(record, stage.base, stage.tokenizer, stage.data, one).error().code,
              ErrorCode::unsupported);
}

TEST(Run, DifferencesOfRecordsNameEachMember) {
    const auto a = *Json::parse(R"({"run":{"seed":1,"lora":{"rank":4,"targets":["q"]}},"x":1})");
    const auto b = *Json::parse(R"({"x":1,"run":{"seed":1,"lora":{"targets":["q","v"],"rank":4}},)"
                                R"("steps":3})");
    const std::vector<std::string> wanted = {"run.lora.targets is [\"q\"], not [\"q\",\"v\"]",
                                             "steps is absent, not 3"};
    EXPECT_EQ(differences(a, b), wanted);
    EXPECT_EQ(differences(b, a).back(), "steps is 3, not absent");
    EXPECT_EQ(differences(Json(), Json(1)), std::vector<std::string>{" is absent, not 1"});
}

// Has the pause asked for when the run reaches a step, on the dot.
void pause_at(store::Database& db, std::uint64_t step) {
    ASSERT_TRUE(db.run("DROP TRIGGER IF EXISTS pause"));
    ASSERT_TRUE(db.run(fmt::format("CREATE TRIGGER pause AFTER UPDATE OF step ON runs WHEN "
                                   "NEW.step = {} AND OLD.step <> NEW.step BEGIN "
                                   "UPDATE runs SET wanted = 'paused' WHERE id = NEW.id; END",
                                   step)));
}

TEST(Run, PausesAndResumesToTheBit) {
    Folder folder;
    auto db = open_db(folder);
    RunStore runs(db, folder.path() / "runs");
    Stage stage;
    ThreadPool pool(1);
    const auto run = *runs.create(make_config());
    for (const std::uint64_t at : {1U, 3U, 5U, 12U}) {
        pause_at(db, at);
        const auto paused = runs.execute(run.id, stage.base, stage.tokenizer, stage.data, pool);
        ASSERT_TRUE(paused.has_value()) << paused.error().to_string();
        EXPECT_EQ(paused->state, RunState::paused);
        EXPECT_EQ(paused->step, at);
        EXPECT_TRUE(runs.interrupted()->empty()) << "a paused run waits for its owner";
    }
    const auto done = runs.execute(run.id, stage.base, stage.tokenizer, stage.data, pool);
    ASSERT_TRUE(done.has_value()) << done.error().to_string();
    EXPECT_EQ(done->state, RunState::done);
    EXPECT_EQ(*done->adapter_hash, reference().adapter);
    EXPECT_EQ(*done->record_hash, reference().record);
    expect_events_are_whole(runs, *done);
}

TEST(Run, IsExecutedOnceAtATime) {
    Folder folder;
    auto db = open_db(folder);
    RunStore runs(db, folder.path() / "runs");
    Stage stage;
    ThreadPool pool(1);
    auto config = make_config();
    config.epochs = 500;
    const auto run = *runs.create(config);
    std::thread worker([&] {
        const auto ended = runs.execute(run.id, stage.base, stage.tokenizer, stage.data, pool);
        EXPECT_TRUE(ended.has_value());
        EXPECT_EQ(ended->state, RunState::stopped);
    });
    for (auto now = *runs.get(run.id); now.step == 0; now = *runs.get(run.id)) {
        if (now.state == RunState::failed) break;
    }
    RunStore same(db, folder.path() / "runs");
    ThreadPool other(1);
    EXPECT_EQ(same.execute(run.id, stage.base, stage.tokenizer, stage.data, other).error().code,
              ErrorCode::conflict);
    EXPECT_TRUE(runs.interrupted()->empty()) << "it is alive";
    EXPECT_TRUE(same.request(run.id, RunState::stopped).has_value());
    worker.join();
    EXPECT_EQ(runs.execute(run.id, stage.base, stage.tokenizer, stage.data, pool).error().code,
              ErrorCode::conflict)
        << "stopped is for good";
}

TEST(Run, RequestsToARunThatNobodyExecutesTakeEffectAtOnce) {
    Folder folder;
    auto db = open_db(folder);
    RunStore runs(db, folder.path() / "runs");
    const auto id = runs.create(make_config())->id;
    EXPECT_TRUE(runs.request(id, RunState::paused).has_value());
    EXPECT_EQ(runs.get(id)->state, RunState::paused);
    EXPECT_TRUE(runs.request(id, RunState::queued).has_value());
    EXPECT_EQ(runs.get(id)->state, RunState::queued);
    EXPECT_EQ(runs.request(id, RunState::done).error().code, ErrorCode::invalid_argument);
    EXPECT_TRUE(runs.request(id, RunState::stopped).has_value());
    EXPECT_EQ(runs.request(id, RunState::queued).error().code, ErrorCode::conflict);
    EXPECT_EQ(runs.request("nobody", RunState::paused).error().code, ErrorCode::not_found);
}

TEST(Run, FailsWithTheReasonAndMayBeTriedAgain) {
    Folder folder;
    auto db = open_db(folder);
    RunStore runs(db, folder.path() / "runs");
    Stage stage;
    ThreadPool pool(1);
    auto config = make_config();
    config.max_tokens = 65;
    const auto too_long = runs.create(config)->id;
    const auto failed = runs.execute(too_long, stage.base, stage.tokenizer, stage.data, pool);
    EXPECT_EQ(failed.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(runs.get(too_long)->state, RunState::failed);
    EXPECT_NE(runs.get(too_long)->error.find("context"), std::string::npos);
    EXPECT_EQ(runs.events(too_long, 0)->back().kind, "error");

    const auto id = runs.create(make_config())->id;
    EXPECT_FALSE(runs.execute(id, stage.base, stage.tokenizer, {}, pool).has_value());
    const auto done = runs.execute(id, stage.base, stage.tokenizer, stage.data, pool);
    ASSERT_TRUE(done.has_value()) << done.error().to_string();
    EXPECT_EQ(*done->adapter_hash, reference().adapter);
    EXPECT_EQ(done->error, "");
}

TEST(Run, FailsWhereItCannotBegin) {
    Folder folder;
    auto db = open_db(folder);
    RunStore runs(db, folder.path() / "runs");
    Stage stage;
    ThreadPool pool(1);
    const auto id = runs.create(make_config())->id;
    const Error why{ErrorCode::unverified, "the base is another"};
    ASSERT_TRUE(runs.give_up(id, why));
    const RunStore again(db, folder.path() / "runs"); // as after a restart
    EXPECT_EQ(again.get(id)->state, RunState::failed);
    EXPECT_EQ(again.get(id)->error, why.to_string());
    EXPECT_TRUE(again.interrupted()->empty());
    const auto events = *again.events(id, 0);
    ASSERT_EQ(events.size(), 3U);
    EXPECT_EQ(events[1].data, Json::object({{"state", "failed"}}));
    EXPECT_EQ(events[2].kind, "error");
    EXPECT_EQ(events[2].data, Json::object({{"error", why.to_string()}}));

    auto db2 = open_db(folder); // another holder of the run's lock
    RunStore other(db2, folder.path() / "runs");
    pause_at(db, 2);
    ASSERT_TRUE(runs.execute(id, stage.base, stage.tokenizer, stage.data, pool));
    ASSERT_TRUE(other.give_up(id, why)) << "it was paused, and is tried again";
    ASSERT_TRUE(db.run("DROP TRIGGER pause"));
    const auto done = runs.execute(id, stage.base, stage.tokenizer, stage.data, pool);
    ASSERT_TRUE(done.has_value()) << done.error().to_string();
    EXPECT_EQ(*done->adapter_hash, reference().adapter);
    EXPECT_EQ(other.give_up(id, why).error().code, ErrorCode::conflict);
    EXPECT_EQ(runs.get(id)->state, RunState::done);
    EXPECT_EQ(runs.give_up("nobody", why).error().code, ErrorCode::not_found);
}

// Executes in a child that is killed without warning after so many looks in which it had moved on
// by a step or more. True when the kill left work to do.
bool execute_and_kill(const Folder& folder, const std::string& id, std::uint64_t moves,
                      std::uint64_t delay_us) {
    double seconds = 0; // grows with every step, also of those that are taken again
    {
        auto db = open_db(folder);
        seconds = RunStore(db, folder.path() / "runs").get(id)->seconds;
    }
    const pid_t child = fork();
    if (child == 0) {
        auto db = store::Database::open(folder.path() / "db.sqlite");
        if (!db) _exit(2);
        RunStore runs(*db, folder.path() / "runs");
        Stage stage;
        ThreadPool pool(1);
        const auto ended = runs.execute(id, stage.base, stage.tokenizer, stage.data, pool);
        if (!ended) fmt::print(stderr, "{}\n", ended.error().to_string());
        _exit(ended ? 0 : 3);
    }
    EXPECT_GT(child, 0);
    auto db = open_db(folder); // after the fork: a connection must not be carried into a child
    const RunStore runs(db, folder.path() / "runs");
    int status = 0;
    bool alive = true;
    while (moves > 0 && alive) {
        const auto now = runs.get(id)->seconds;
        if (now > seconds) --moves;
        seconds = now;
        alive = waitpid(child, &status, WNOHANG) == 0;
    }
    usleep(static_cast<useconds_t>(delay_us));
    if (alive) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    }
    // It may have finished before; it may not have failed.
    EXPECT_TRUE(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << status;
    return runs.get(id)->state != RunState::done;
}

TEST(Run, SurvivesBeingKilledAtAnyPoint) {
    const auto expected = reference();
    Prng prng(static_cast<std::uint64_t>(getpid()));
    Folder folder;
    std::string id;
    {
        auto db = open_db(folder);
        RunStore runs(db, folder.path() / "runs");
        id = runs.create(make_config())->id;
    }
    // Before the first step, between steps, inside a step or a checkpoint; several times backwards.
    int kills = 0;
    for (int i = 0; i < 9; ++i) {
        const auto moves = i == 0 ? 1 : prng.below(8);
        const auto delay_us = i == 0 ? 0 : prng.below(12'000);
        if (!execute_and_kill(folder, id, moves, delay_us)) break;
        ++kills;
    }
    EXPECT_GT(kills, 0);
    auto db = open_db(folder);
    RunStore runs(db, folder.path() / "runs");
    Stage stage;
    ThreadPool pool(2);
    const auto before = *runs.get(id);
    if (before.state != RunState::done) {
        EXPECT_EQ(*runs.interrupted(), std::vector<std::string>{id});
        const auto done = runs.execute(id, stage.base, stage.tokenizer, stage.data, pool);
        ASSERT_TRUE(done.has_value()) << done.error().to_string();
    }
    const auto done = *runs.get(id);
    EXPECT_EQ(done.state, RunState::done);
    EXPECT_EQ(*done.adapter_hash, expected.adapter);
    EXPECT_EQ(*done.record_hash, expected.record);
    EXPECT_EQ(*model::adapter_hash(done.folder), expected.adapter);
    expect_events_are_whole(runs, done);
}

TEST(Run, ADamagedCheckpointCostsTimeOnly) {
    Folder folder;
    Stage stage;
    ThreadPool pool(1);
    auto db = open_db(folder);
    RunStore runs(db, folder.path() / "runs");
    const auto id = runs.create(make_config())->id;
    pause_at(db, 12);
    const auto paused = runs.execute(id, stage.base, stage.tokenizer, stage.data, pool);
    ASSERT_TRUE(paused.has_value()) << paused.error().to_string();
    ASSERT_EQ(paused->state, RunState::paused);
    ASSERT_EQ(paused->step, 12U);
    ASSERT_TRUE(db.run("DROP TRIGGER pause"));
    const auto file = runs.get(id)->folder / "checkpoint.bin";
    auto bytes = *read_file(file, 1U << 26);

    // Other records than those it was made with are no way to resume it.
    auto other = stage.data;
    other[3].leaf_hash.data[0] ^= 1;
    EXPECT_EQ(runs.execute(id, stage.base, stage.tokenizer, other, pool).error().code,
              ErrorCode::conflict);
    bytes[bytes.size() / 2] ^= 1;
    ASSERT_TRUE(write_file_atomic(file, ByteView(bytes)).has_value());
    const auto done = runs.execute(id, stage.base, stage.tokenizer, stage.data, pool);
    ASSERT_TRUE(done.has_value()) << done.error().to_string();
    EXPECT_EQ(*done->adapter_hash, reference().adapter);
    expect_events_are_whole(runs, *done);
}

// Every way to train that a run can ask for: reproduced with other threads, resumed to the bit.
TEST(Runs, EveryMethodReproducesAndResumes) {
    const Stage stage;
    std::vector<RunConfig> configs(6, make_config());
    configs[0].accumulation = 2;
    configs[0].neftune_alpha = 5;
    configs[0].lora.dropout = 0.1F;
    configs[0].optimizer.schedule = model::Schedule::linear;
    configs[0].optimizer.total_steps = 12;
    configs[1].packing = true;
    configs[1].lora.rslora = true;
    configs[1].optimizer.lora_plus_ratio = 8;
    configs[2].lora.dora = true;
    configs[2].checkpointing = true;
    configs[3].lora.embedding = configs[3].lora.head = true;
    configs[4].lora.targets = {model::Site::q, model::Site::up};
    configs[4].lora.dropout = 0.5F;
    configs[5].lora.dora = configs[5].lora.embedding = configs[5].lora.head = true;
    configs[5].lora.dropout = 0.2F;
    configs[5].lora.rank_pattern = {{"layers.1.self_attn.q_proj", 2}, {"(up|down)_proj", 6}};
    configs[5].lora.alpha_pattern = {{"lm_head", 3.5F}};
    std::set<Hash32> hashes;
    for (auto& config : configs) {
        config.epochs = 2;
        config.checkpoint_every = 2;
        if (config.optimizer.total_steps == 0) config.optimizer.schedule = model::Schedule::cosine;
        const Folder folder;
        auto db = open_db(folder);
        RunStore runs(db, folder.path());
        ThreadPool two(2);
        const auto run = runs.create(config);
        ASSERT_TRUE(run.has_value()) << run.error().to_string();
        const auto done = runs.execute(run->id, stage.base, stage.tokenizer, stage.data, two);
        ASSERT_TRUE(done.has_value()) << done.error().to_string();
        hashes.insert(*done->adapter_hash);
        const auto record =
            *Json::parse(*read_text_file(done->folder / "training_record.json", 1 << 20));
        EXPECT_FALSE(record["run"].contains("checkpointing"));
        // Left open, the schedule ends where the run does, however its examples are packed.
        EXPECT_EQ(record["run"]["optimizer"]["total_steps"],
                  config.optimizer.total_steps == 0 ? record["steps"] : Json(12));
        for (const unsigned threads : {1U, 3U}) {
            ThreadPool pool(threads);
            for (const auto* kernels : model::kernels::available()) {
                const auto again =
                    reproduce(record, stage.base, stage.tokenizer, stage.data, pool, kernels);
                ASSERT_TRUE(again.has_value()) << again.error().to_string();
                EXPECT_EQ(*again, *done->adapter_hash) << kernels->name << threads;
            }
        }
        const auto events = *runs.events(run->id, 0);
        const auto& last = events.back().data;
        const double measured = *last["memory_bytes"].as_double();
        EXPECT_NEAR(*last["memory_predicted_bytes"].as_double(), measured, 0.1 * measured);
    }
    EXPECT_EQ(hashes.size(), configs.size());
}

TEST(RunConfig, ReadsWhatTheFirstRecordsDidNotHave) {
    auto config = make_config();
    config.lora.rslora = config.packing = true;
    config.lora.dropout = 0.1F;
    config.neftune_alpha = 5;
    config.accumulation = 3;
    config.optimizer.schedule = model::Schedule::linear;
    config.optimizer.minimum_ratio = 0.0F;
    config.quantization = "q8_0";
    const auto json = config.to_json();
    const auto back = RunConfig::from_json(json);
    ASSERT_TRUE(back.has_value()) << back.error().to_string();
    EXPECT_EQ(back->to_json().dump(), json.dump());
    auto refuse = [](RunConfig bad, std::string_view what) {
        const auto result = RunConfig::from_json(bad.to_json());
        ASSERT_FALSE(result.has_value()) << what;
        EXPECT_NE(result.error().context.find(what), std::string::npos) << result.error().context;
    };
    auto bad = config;
    bad.quantization = "q2";
    refuse(bad, "quantization");
    bad = config;
    bad.lora.rank_pattern = {{"q_proj", 0}};
    refuse(bad, "rank_pattern: q_proj");
    bad.lora.rank_pattern = {{"(q", 4}};
    refuse(bad, "rank_pattern");
    bad = config;
    bad.lora.alpha_pattern = {{"q_proj", -1.0F}};
    refuse(bad, "alpha_pattern: q_proj");
    bad = config;
    bad.optimizer.minimum_ratio = 2;
    refuse(bad, "minimum_ratio");
    bad = config;
    bad.accumulation = 0;
    refuse(bad, "accumulation");
    auto old = make_config().to_json();
    auto first = Json::object();
    for (const auto& [key, value] : old.members()) {
        if (key != "accumulation" && key != "packing" && key != "quantization" &&
            key != "neftune_alpha" && key != "checkpointing") {
            first.set(key, value);
        }
    }
    const auto read = RunConfig::from_json(first);
    ASSERT_TRUE(read.has_value()) << read.error().to_string();
    EXPECT_EQ(read->to_json().dump(), old.dump());
}

TEST(RunConfig, RoundTripsAndRefuses) {
    auto config = make_config();
    config.optimizer.epsilon = 1e-8F;
    config.seed = ~0ULL;
    config.lora.targets = {model::Site::q, model::Site::v};
    // Records of runs without patterns say nothing of them.
    EXPECT_FALSE(config.to_json()["lora"].contains("rank_pattern"));
    config.lora.rank_pattern = {{"v_proj", 2}, {"q_proj", 9}};
    config.lora.alpha_pattern = {{"layers.0", 0.1F}};
    const auto json = config.to_json();
    EXPECT_EQ(json["lora"]["rank_pattern"].dump(), R"({"v_proj":2,"q_proj":9})"); // in order
    EXPECT_EQ(json["lora"]["alpha_pattern"].dump(), R"({"layers.0":0.1})");
    const auto back = RunConfig::from_json(*Json::parse(json.dump()));
    ASSERT_TRUE(back.has_value()) << back.error().to_string();
    EXPECT_EQ(back->to_json().dump(), json.dump());
    EXPECT_EQ(back->optimizer.epsilon, 1e-8F);
    EXPECT_EQ(back->seed, ~0ULL);

    auto refuse = [&](std::string_view key, Json value, std::string_view what) {
        auto copy = json;
        copy.set(key, std::move(value));
        const auto result = RunConfig::from_json(copy);
        ASSERT_FALSE(result.has_value()) << key;
        EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
        EXPECT_NE(result.error().context.find(what), std::string::npos) << result.error().context;
    };
    refuse("name", "../x", "name");
    refuse("name", "", "name");
    refuse("epochs", 0, "epochs");
    refuse("batch_examples", 0, "batch_examples");
    refuse("checkpoint_every", 0, "checkpoint_every");
    refuse("max_tokens", 1, "max_tokens");
    refuse("seed", -1, "seed");
    refuse("version_root", "0x12", "version_root");
    refuse("lora", Json::object({{"rank", 4}, {"alpha", 1.0}}), "targets");
    EXPECT_FALSE(RunConfig::from_json(Json::object()).has_value());
    EXPECT_FALSE(RunConfig::from_json(Json()).has_value());
}

TEST(SampleRecords, SharesOutRoundRobin) {
    auto owner = [](std::uint8_t i) {
        Address out;
        out.data[0] = i;
        return out;
    };
    std::vector<Address> owners(100, owner(1));
    for (std::size_t i = 0; i < 10; ++i) owners[i * 7] = owner(2);
    for (std::size_t i = 0; i < 3; ++i) owners[i * 11 + 1] = owner(3);
    const auto sample = sample_records(owners, 30, 9);
    EXPECT_EQ(sample.size(), 30U);
    EXPECT_TRUE(std::is_sorted(sample.begin(), sample.end()));
    EXPECT_EQ(std::set<std::size_t>(sample.begin(), sample.end()).size(), 30U);
    std::map<std::uint8_t, int> of;
    for (const auto i : sample) ++of[owners[i].data[0]];
    EXPECT_EQ(of[3], 3);
    EXPECT_EQ(of[2], 10);
    EXPECT_EQ(of[1], 17);
    EXPECT_EQ(sample, sample_records(owners, 30, 9));
    EXPECT_NE(sample, sample_records(owners, 30, 10));
    EXPECT_EQ(sample_records(owners, 0, 9).size(), 100U);
    EXPECT_EQ(sample_records(owners, 1000, 9).size(), 100U);
    EXPECT_TRUE(sample_records({}, 5, 9).empty());
}

} // namespace
} // namespace ol::factory
