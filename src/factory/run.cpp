#include "factory/run.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "crypto/hash.hpp"
#include "factory/checkpoint.hpp"
#include "factory/training.hpp"

namespace ol::factory {

namespace {

using codec::Json;

constexpr std::string_view checkpoint_name = "checkpoint.bin";

constexpr std::string_view select_run =
    "SELECT id, config, state, error, step, steps, loss_first, loss_last, seconds, tokens, "
    "adapter_hash, record_hash FROM runs ";

Result<RunState> parse_state(std::string_view text) {
    for (const auto state :
         {RunState::queued, RunState::preparing, RunState::running, RunState::paused,
          RunState::stopped, RunState::failed, RunState::done}) {
        if (to_string(state) == text) return state;
    }
    return fail(ErrorCode::corrupted, "the run table holds an unknown state '{}'", text);
}

// Held while a run is executed. The system gives it back when the process dies in any way, so a run
// that is locked is alive and one that is not may be resumed. Two openings of the file exclude each
// other within a process as well (flock(2)).
class RunLock {
public:
    // conflict when another thread or process holds it. A request or a look at the run holds it for
    // a moment only: a patient taker waits that out.
    static Result<RunLock> take(const Path& folder, bool patient) {
        OL_TRY(make_directories(folder));
        const auto file = folder / "run.lock";
        const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0) return fail(ErrorCode::io, "{}: {}", file.string(), std::strerror(errno));
        RunLock out(fd);
        for (int attempts = patient ? 50 : 1;;) {
            if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return out;
            if (errno != EWOULDBLOCK) {
                return fail(ErrorCode::io, "{}: {}", file.string(), std::strerror(errno));
            }
            if (--attempts == 0) {
                return fail(ErrorCode::conflict, "the run is being executed already");
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }
    RunLock(RunLock&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)) {}
    RunLock& operator=(RunLock&&) = delete;
    ~RunLock() {
        if (fd_ >= 0) ::close(fd_);
    }

private:
    explicit RunLock(int fd)
        : fd_(fd) {}
    int fd_;
};

Result<RunInfo> info_from(const store::Row& row, const Path& folder) {
    RunInfo out;
    out.id = row.text(0);
    const auto config = OL_TRY_IN(Json::parse(row.text(1)), "run {}", out.id);
    out.config = OL_TRY_IN(RunConfig::from_json(config), "run {}", out.id);
    out.state = OL_TRY(parse_state(row.text(2)));
    out.error = row.text(3);
    out.step = static_cast<std::uint64_t>(row.integer(4));
    out.steps = static_cast<std::uint64_t>(row.integer(5));
    out.loss_first = row.real(6);
    out.loss_last = row.real(7);
    out.seconds = row.real(8);
    if (out.seconds > 0) out.tokens_per_second = static_cast<double>(row.integer(9)) / out.seconds;
    if (!row.is_null(10)) out.adapter_hash = row.hash32(10);
    if (!row.is_null(11)) out.record_hash = row.hash32(11);
    out.folder = folder / out.id;
    return out;
}

Status still_to_do(const RunInfo& run) {
    if (run.state != RunState::done && run.state != RunState::stopped) return {};
    return fail(ErrorCode::conflict, "run {} is {}; create a new one", run.id,
                to_string(run.state));
}

} // namespace

RunStore::RunStore(store::Database& db, Path folder)
    : db_(db)
    , folder_(std::move(folder)) {
    ready_ = db_.migrate("runs", {R"(
        CREATE TABLE runs(
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT UNIQUE NOT NULL,
            config TEXT NOT NULL,
            state TEXT NOT NULL,
            wanted TEXT NOT NULL DEFAULT '',
            error TEXT NOT NULL DEFAULT '',
            step INTEGER NOT NULL DEFAULT 0,
            steps INTEGER NOT NULL DEFAULT 0,
            loss_first REAL NOT NULL DEFAULT 0,
            loss_last REAL NOT NULL DEFAULT 0,
            seconds REAL NOT NULL DEFAULT 0,
            tokens INTEGER NOT NULL DEFAULT 0,
            adapter_hash BLOB,
            record_hash BLOB);
        CREATE TABLE run_events(
            run TEXT NOT NULL REFERENCES runs(id),
            offset INTEGER NOT NULL,
            kind TEXT NOT NULL,
            step INTEGER NOT NULL,
            data TEXT NOT NULL,
            PRIMARY KEY(run, offset)) WITHOUT ROWID;
        CREATE UNIQUE INDEX run_events_once ON run_events(run, kind, step) WHERE step > 0)"});
}

Result<RunInfo> RunStore::create(const RunConfig& config) {
    OL_TRY(ready_);
    OL_TRY(config.check());
    store::Transaction transaction(db_);
    std::int64_t number = 1;
    OL_TRY(db_.query("SELECT COALESCE(MAX(number), 0) + 1 FROM runs", [&](const store::Row& row) {
        number = row.integer(0);
        return true;
    }));
    const auto id = fmt::format("run-{:04}", number);
    OL_TRY(db_.run("INSERT INTO runs(id, config, state) VALUES(?,?,?)", id, config.to_json().dump(),
                   to_string(RunState::queued)));
    OL_TRY(add_event(id, "state", 0, Json::object({{"state", "queued"}})));
    OL_TRY(transaction.commit());
    return get(id);
}

Result<RunInfo> RunStore::get(const std::string& id) const {
    OL_TRY(ready_);
    Result<RunInfo> out = fail(ErrorCode::not_found, "there is no run '{}'", id);
    auto each = [&](const store::Row& row) {
        out = info_from(row, folder_);
        return false;
    };
    OL_TRY(db_.query(std::string(select_run) + "WHERE id = ?", each, id));
    return out;
}

Result<std::vector<RunInfo>> RunStore::list() const {
    OL_TRY(ready_);
    std::vector<RunInfo> out;
    Status status;
    auto each = [&](const store::Row& row) {
        auto info = info_from(row, folder_);
        if (!info) {
            status = std::unexpected(info.error());
            return false;
        }
        out.push_back(std::move(*info));
        return true;
    };
    OL_TRY(db_.query(std::string(select_run) + "ORDER BY number DESC", each));
    OL_TRY(std::move(status));
    return out;
}

Result<std::vector<RunEvent>> RunStore::events(const std::string& id,
                                               std::uint64_t from_offset) const {
    OL_TRY(get(id));
    std::vector<RunEvent> out;
    Status status;
    auto each = [&](const store::Row& row) {
        auto data = Json::parse(row.text(2));
        if (!data) {
            status = std::unexpected(data.error().within(fmt::format("events of run {}", id)));
            return false;
        }
        out.push_back({static_cast<std::uint64_t>(row.integer(0)), row.text(1), std::move(*data)});
        return true;
    };
    OL_TRY(db_.query("SELECT offset, kind, data FROM run_events WHERE run = ? AND offset >= ? "
                     "ORDER BY offset",
                     each, id, from_offset));
    OL_TRY(std::move(status));
    return out;
}

Result<std::vector<std::string>> RunStore::interrupted() const {
    OL_TRY(ready_);
    std::vector<std::string> candidates, out;
    auto each = [&](const store::Row& row) {
        candidates.push_back(row.text(0));
        return true;
    };
    OL_TRY(db_.query("SELECT id FROM runs WHERE state IN ('queued', 'preparing', 'running') "
                     "ORDER BY number",
                     each));
    for (const auto& id : candidates) {
        const auto lock = RunLock::take(folder_ / id, false);
        if (lock) {
            out.push_back(id);
        } else if (lock.error().code != ErrorCode::conflict) {
            return std::unexpected(lock.error());
        }
    }
    return out;
}

Status RunStore::request(const std::string& id, RunState wanted) {
    const bool known =
        wanted == RunState::paused || wanted == RunState::stopped || wanted == RunState::queued;
    if (!known) {
        return fail(ErrorCode::invalid_argument, "a run cannot be asked to become {}",
                    to_string(wanted));
    }
    OL_TRY(get(id));
    const auto lock = RunLock::take(folder_ / id, false);
    if (!lock && lock.error().code != ErrorCode::conflict) return std::unexpected(lock.error());
    const auto run =
        OL_TRY(get(id)); // under the lock, if it is free: nobody ends the run meanwhile
    const bool ended = run.state == RunState::done || run.state == RunState::stopped;
    if (ended || (run.state == RunState::failed && wanted == RunState::paused)) {
        return fail(ErrorCode::conflict, "run {} is {}: it cannot become {}", id,
                    to_string(run.state), to_string(wanted));
    }
    if (!lock) return db_.run("UPDATE runs SET wanted = ? WHERE id = ?", to_string(wanted), id);
    if (run.state == wanted) return {};
    return set_state(id, wanted, "");
}

// State and its event at once; `note` is the error of a failed run. What was asked for stays asked
// until the run has come to rest.
Status RunStore::set_state(const std::string& id, RunState state, std::string_view note) {
    const bool under_way = state == RunState::preparing || state == RunState::running;
    store::Transaction transaction(db_);
    OL_TRY(
        db_.run("UPDATE runs SET state = ?, error = ? WHERE id = ?", to_string(state), note, id));
    if (!under_way) OL_TRY(db_.run("UPDATE runs SET wanted = '' WHERE id = ?", id));
    OL_TRY(add_event(id, "state", 0, Json::object({{"state", Json(to_string(state))}})));
    if (state == RunState::failed) {
        OL_TRY(add_event(id, "error", 0, Json::object({{"error", Json(note)}})));
    }
    return transaction.commit();
}

Status RunStore::add_event(const std::string& id, std::string_view kind, std::uint64_t step,
                           const Json& data) {
    return db_.run("INSERT INTO run_events(run, offset, kind, step, data) VALUES(?1, "
                   "(SELECT COUNT(*) FROM run_events WHERE run = ?1), ?2, ?3, ?4)",
                   id, kind, step, data.dump());
}

// One execution of a run, from its lock to its last state.
class RunStore::Execution {
public:
    Execution(RunStore& store, RunInfo run, const model::Model& base, ThreadPool& pool)
        : store_(store)
        , run_(std::move(run))
        , base_(base)
        , pool_(pool) {}

    // The state in which it ended.
    Result<RunState> go(const model::Tokenizer& tokenizer, const std::vector<TrainingData>& data);

private:
    Status resume();
    Status take_back_events(std::uint64_t step);
    Status one_step(Order& order);
    Status checkpoint();
    Status finish();
    Result<RunState> wanted() const;
    Path checkpoint_file() const { return run_.folder / checkpoint_name; }

    RunStore& store_;
    RunInfo run_;
    const model::Model& base_;
    ThreadPool& pool_;
    Prepared prepared_;
    Hash32 fingerprint_;
    std::unique_ptr<Training> training_;
    std::uint64_t steps_ = 0;
    std::uint64_t predicted_ = 0; // bytes of the trainer
};

Result<RunState> RunStore::Execution::go(const model::Tokenizer& tokenizer,
                                         const std::vector<TrainingData>& data) {
    OL_TRY(store_.set_state(run_.id, RunState::preparing, ""));
    prepared_ = OL_TRY(prepare(run_.config, base_, tokenizer, data));
    Order order(prepared_.examples.size(), run_.config);
    steps_ = order.steps();
    run_.config.end_schedule_at(steps_);
    fingerprint_ = crypto::keccak256(training_record(run_.config, prepared_, steps_, Hash32{}));
    training_ = OL_TRY(Training::make(run_.config, base_, pool_));
    predicted_ = training_->predict(prepared_).trainer();
    log::info("factory", "run {}: {} steps, about {} MB beside the base", run_.id, steps_,
              predicted_ / 1'000'000 + 1);
    OL_TRY(resume());

    OL_TRY(store_.set_state(run_.id, RunState::running, ""));
    while (run_.step < steps_) {
        const auto asked = OL_TRY(wanted());
        if (asked != RunState::running) {
            if (run_.step > 0 && asked != RunState::stopped) OL_TRY(checkpoint());
            return asked;
        }
        OL_TRY(one_step(order));
        if (run_.step % run_.config.checkpoint_every == 0 && run_.step < steps_) {
            OL_TRY(checkpoint());
        }
    }
    OL_TRY(finish());
    return RunState::done;
}

Status RunStore::Execution::resume() {
    const auto found = OL_TRY(find_checkpoint(checkpoint_file()));
    if (found && found->fingerprint != fingerprint_) {
        return fail(ErrorCode::conflict,
                    "run {}: its checkpoint was made with other records or another engine; give "
                    "the same records, or create a new run",
                    run_.id);
    }
    run_.step = 0;
    if (found) {
        OL_TRY_IN(training_->trainer().load_state(found->state), "run {}", run_.id);
        run_.step = found->step;
    }
    return take_back_events(run_.step);
}

// After a crash the events may be ahead of the checkpoint, or lack the checkpoint's own event.
Status RunStore::Execution::take_back_events(std::uint64_t step) {
    auto& db = store_.db_;
    store::Transaction transaction(db);
    OL_TRY(db.run("DELETE FROM run_events WHERE run = ?1 AND offset >= (SELECT MIN(offset) FROM "
                  "run_events WHERE run = ?1 AND step > ?2)",
                  run_.id, step));
    bool announced = step == 0;
    auto each = [&](const store::Row&) {
        announced = true;
        return false;
    };
    OL_TRY(db.query("SELECT 1 FROM run_events WHERE run = ? AND kind = 'checkpoint' AND step = ?",
                    each, run_.id, step));
    if (!announced) {
        OL_TRY(store_.add_event(run_.id, "checkpoint", step, Json::object({{"step", step}})));
    }
    OL_TRY(db.run("UPDATE runs SET step = ?, steps = ? WHERE id = ?", step, steps_, run_.id));
    return transaction.commit();
}

Status RunStore::Execution::one_step(Order& order) {
    const Stopwatch watch;
    const auto report = OL_TRY(training_->step(order, run_.step, prepared_));
    const double seconds = watch.seconds();
    ++run_.step;
    if (run_.step == 1) run_.loss_first = report.loss;
    run_.loss_last = report.loss;
    run_.seconds += seconds;
    const double speed = seconds > 0 ? static_cast<double>(report.tokens) / seconds : 0;

    store::Transaction transaction(store_.db_);
    OL_TRY(store_.add_event(run_.id, "step", run_.step,
                            Json::object({{"step", run_.step},
                                          {"steps", steps_},
                                          {"loss", report.loss},
                                          {"lr", static_cast<double>(report.learning_rate)},
                                          {"grad_norm", report.gradient_norm},
                                          {"tokens_per_second", speed}})));
    OL_TRY(store_.db_.run("UPDATE runs SET step = ?, loss_first = ?, loss_last = ?, seconds = ?, "
                          "tokens = tokens + ? WHERE id = ?",
                          run_.step, run_.loss_first, run_.loss_last, run_.seconds, report.tokens,
                          run_.id));
    return transaction.commit();
}

Status RunStore::Execution::checkpoint() {
    OL_TRY(write_checkpoint(checkpoint_file(),
                            {fingerprint_, run_.step, training_->trainer().save_state()}));
    return take_back_events(run_.step); // adds the event, unless it is there
}

Status RunStore::Execution::finish() {
    const auto files = adapter_files(training_->adapter(), run_.config);
    const auto adapter_hash = files.hash();
    const auto record = training_record(run_.config, prepared_, steps_, adapter_hash);
    const auto record_hash = crypto::keccak256(record);
    OL_TRY(training_->adapter().save(run_.folder, to_hex0x(run_.config.base_hash.view())));
    OL_TRY(write_file_atomic(run_.folder / "training_record.json", std::string_view(record)));

    store::Transaction transaction(store_.db_);
    OL_TRY(store_.db_.run("UPDATE runs SET state = ?, wanted = '', adapter_hash = ?, "
                          "record_hash = ? WHERE id = ?",
                          to_string(RunState::done), adapter_hash, record_hash, run_.id));
    OL_TRY(store_.add_event(run_.id, "state", 0, Json::object({{"state", "done"}})));
    OL_TRY(store_.add_event(run_.id, "done", 0,
                            Json::object({{"adapter_hash", adapter_hash},
                                          {"record_hash", record_hash},
                                          {"steps", steps_},
                                          {"loss_first", run_.loss_first},
                                          {"loss_last", run_.loss_last},
                                          {"seconds", run_.seconds},
                                          {"memory_predicted_bytes", predicted_},
                                          {"memory_bytes", training_->trainer().buffer_bytes()}})));
    OL_TRY(transaction.commit());
    std::error_code ignored;
    std::filesystem::remove(checkpoint_file(), ignored);
    return {};
}

Result<RunState> RunStore::Execution::wanted() const {
    std::string text;
    auto each = [&](const store::Row& row) {
        text = row.text(0);
        return false;
    };
    OL_TRY(store_.db_.query("SELECT wanted FROM runs WHERE id = ?", each, run_.id));
    if (text.empty()) return RunState::running;
    return parse_state(text);
}

Result<RunInfo> RunStore::execute(const std::string& id, const model::Model& base,
                                  const model::Tokenizer& tokenizer, std::vector<TrainingData> data,
                                  ThreadPool& pool) {
    OL_TRY(get(id));
    const auto lock = OL_TRY_IN(RunLock::take(folder_ / id, true), "run {}", id);
    auto run = OL_TRY(get(id));
    OL_TRY(still_to_do(run));
    Execution execution(*this, std::move(run), base, pool);
    const auto ended = execution.go(tokenizer, data);
    if (!ended) {
        OL_TRY(set_state(id, RunState::failed, ended.error().to_string()));
        return std::unexpected(ended.error().within("run " + id));
    }
    if (*ended != RunState::done) OL_TRY(set_state(id, *ended, ""));
    return get(id);
}

Status RunStore::give_up(const std::string& id, const Error& why) {
    OL_TRY(get(id));
    const auto lock = OL_TRY_IN(RunLock::take(folder_ / id, true), "run {}", id);
    OL_TRY(still_to_do(OL_TRY(get(id))));
    return set_state(id, RunState::failed, why.to_string());
}

} // namespace ol::factory
