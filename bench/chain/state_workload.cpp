// What the state costs: N accounts on disk, then blocks of transfers between random ones of them,
// through the journal as execution does it, each block committed with its root.
//
//   state_workload --work DIR [--accounts N] [--blocks N] [--transfers N] [--cache-mb N]
//                  [--archive] [--no-sync] [--threads N] [--keep] [--json FILE]
//
// DIR is laid down anew unless --keep finds it there. Times by phase are those of the committing
// thread; "all threads" has RocksDB's too. Figures are of the blocks after the first tenth.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <optional>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

#include "base/prng.hpp"
#include "chain/state/database.hpp"
#include "chain/state/journal.hpp"
#include "codec/json.hpp"
#include "crypto/hash.hpp"

namespace {

using namespace ol;
using namespace ol::chain;

struct Options {
    Path work;
    std::optional<Path> json;
    std::uint64_t accounts = 1'000'000, blocks = 200, transfers = 1400, cache_mb = 64, threads = 1;
    bool archive = false, sync = true, keep = false;
};

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "state_workload: %s\n", what.c_str());
    std::exit(1);
}

template <class T>
T must(Result<T> result) {
    if (!result) die(result.error().to_string());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double seconds(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

std::uint64_t resident_kib() {
    std::uint64_t pages = 0, resident = 0;
    if (FILE* file = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(file, "%lu %lu", &pages, &resident) != 2) resident = 0;
        std::fclose(file);
    }
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

Options parse(int count, char** arguments) {
    Options out;
    const auto number = [&](int& i) {
        return i + 1 < count ? std::strtoull(arguments[++i], nullptr, 10) : 0;
    };
    for (int i = 1; i < count; ++i) {
        const std::string name = arguments[i];
        if (name == "--work" && i + 1 < count) {
            out.work = arguments[++i];
        } else if (name == "--json" && i + 1 < count) {
            out.json = arguments[++i];
        } else if (name == "--accounts") {
            out.accounts = number(i);
        } else if (name == "--blocks") {
            out.blocks = number(i);
        } else if (name == "--transfers") {
            out.transfers = number(i);
        } else if (name == "--cache-mb") {
            out.cache_mb = number(i);
        } else if (name == "--threads") {
            out.threads = number(i);
        } else if (name == "--archive") {
            out.archive = true;
        } else if (name == "--no-sync") {
            out.sync = false;
        } else if (name == "--keep") {
            out.keep = true;
        } else {
            die("unknown argument " + name);
        }
    }
    if (out.work.empty() || out.accounts < 2 || out.blocks < 10) die("--work DIR is missing");
    return out;
}

Address address_of(std::uint64_t number) {
    Address out;
    out.data[0] = 0xac;
    put_be64(out.data.data() + 12, number);
    return out;
}

class Workload {
public:
    explicit Workload(const Options& options)
        : options_(options)
        , pool_(static_cast<unsigned>(options.threads)) {
        store::KeyValueOptions how;
        how.cache_bytes = options.cache_mb << 20;
        store_ = must(store::KeyValue::open(options.work, state_family_names(), how));
        StateOptions state;
        state.archive = options.archive;
        state.cache_bytes = options.cache_mb << 20;
        database_ = must(StateDatabase::open(*store_, state, pool_));
    }

    void fill() {
        constexpr std::uint64_t part = 50'000;
        if (database_->head_number()) return;
        for (std::uint64_t first = 0; first < options_.accounts; first += part) {
            StateChanges changes;
            for (std::uint64_t i = first; i < std::min(first + part, options_.accounts); ++i) {
                AccountChange& change = changes.emplace_back();
                change.address = address_of(i);
                change.account.emplace();
                change.account->balance = U256(1'000'000'000'000'000'000 + i * 977);
            }
            auto pending = database_->begin();
            must(pending->apply(changes));
            commit(std::move(pending), false);
            std::fprintf(stderr, "\rfill: %lu of %lu accounts", first, options_.accounts);
        }
        must(store_->compact());
        std::fprintf(stderr, "\n");
    }

    codec::Json run() {
        const std::uint64_t warm = options_.blocks / 10;
        for (std::uint64_t i = 0; i < warm; ++i) block();
        phases_.clear();
        changed_ = 0;
        const std::uint64_t disk = store_->disk_bytes();
        const double wall = seconds(CLOCK_MONOTONIC), thread = seconds(CLOCK_THREAD_CPUTIME_ID),
                     process = seconds(CLOCK_PROCESS_CPUTIME_ID);
        for (std::uint64_t i = warm; i < options_.blocks; ++i) block();
        const auto blocks = static_cast<double>(options_.blocks - warm);
        const auto changed = static_cast<double>(changed_);
        codec::Json out = codec::Json::object();
        out.set("accounts", options_.accounts).set("transfers_per_block", options_.transfers);
        const double wall_s = seconds(CLOCK_MONOTONIC) - wall;
        const double thread_s = seconds(CLOCK_THREAD_CPUTIME_ID) - thread;
        const double process_s = seconds(CLOCK_PROCESS_CPUTIME_ID) - process;
        const auto transfers = static_cast<double>(options_.transfers);
        out.set("blocks_per_s", blocks / wall_s);
        out.set("transfers_per_s", blocks * transfers / wall_s);
        out.set("transfers_per_thread_cpu_s", blocks * transfers / thread_s);
        out.set("transfers_per_all_threads_cpu_s", blocks * transfers / process_s);
        out.set("us_per_account_wall", wall_s * 1e6 / changed);
        out.set("us_per_account_thread_cpu", thread_s * 1e6 / changed);
        out.set("us_per_account_all_threads_cpu", process_s * 1e6 / changed);
        codec::Json phases = codec::Json::object();
        for (const auto& [name, time] : phases_) phases.set(name, time * 1e6 / changed);
        out.set("us_per_account_by_phase", std::move(phases));
        const std::uint64_t grown = store_->disk_bytes();
        out.set("growth_bytes_per_block",
                (static_cast<double>(grown) - static_cast<double>(disk)) / blocks);
        out.set("rss_mib", static_cast<double>(resident_kib()) / 1024);
        must(store_->compact());
        out.set("disk_bytes_per_account",
                static_cast<double>(store_->disk_bytes()) / static_cast<double>(options_.accounts));
        return out;
    }

private:
    void block() {
        double at = seconds(CLOCK_THREAD_CPUTIME_ID);
        const auto phase = [&](const char* name) {
            const double now = seconds(CLOCK_THREAD_CPUTIME_ID);
            phases_[name] += now - at;
            at = now;
        };
        auto pending = database_->begin();
        Journal journal(*pending);
        const Address coinbase = address_of(options_.accounts);
        for (std::uint64_t i = 0; i < options_.transfers; ++i) {
            const Address from = address_of(prng_.below(options_.accounts));
            const Address to = address_of(prng_.below(options_.accounts));
            journal.begin_transaction();
            journal.access_account(from);
            journal.access_account(to);
            journal.access_account(coinbase);
            journal.set_nonce(from, journal.nonce(from) + 1);
            journal.subtract_balance(from, 21'000'000'000'000);
            if (journal.subtract_balance(from, 1000)) journal.add_balance(to, 1000);
            journal.add_balance(coinbase, 21'000'000'000);
            journal.end_transaction({});
        }
        const StateChanges changes = journal.take_changes();
        if (journal.error()) die(journal.error()->to_string());
        changed_ += changes.size();
        phase("1 journal and reads");
        must(pending->apply(changes));
        phase("2 tries and root");
        store::WriteBatch batch;
        const std::uint64_t number = *database_->head_number() + 1;
        must(database_->stage(*pending, number, batch));
        phase("3 stage");
        must(store_->write(batch, options_.sync));
        phase("4 write");
        database_->adopt(std::move(pending));
        phase("5 adopt");
    }

    void commit(std::unique_ptr<StateDatabase::Pending> pending, bool durable) {
        const auto head = database_->head_number();
        store::WriteBatch batch;
        must(database_->stage(*pending, head ? *head + 1 : 0, batch));
        must(store_->write(batch, durable));
        database_->adopt(std::move(pending));
    }

    const Options options_;
    ThreadPool pool_;
    std::unique_ptr<store::KeyValue> store_;
    std::unique_ptr<StateDatabase> database_;
    Prng prng_{1};
    std::map<std::string, double> phases_;
    std::uint64_t changed_ = 0;
};

} // namespace

int main(int count, char** arguments) {
    const Options options = parse(count, arguments);
    if (!options.keep) std::filesystem::remove_all(options.work);
    Workload workload(options);
    workload.fill();
    const codec::Json report = workload.run();
    std::printf("%s\n", report.dump(2).c_str());
    if (options.json) must(write_file_atomic(*options.json, report.dump(2)));
    return 0;
}
