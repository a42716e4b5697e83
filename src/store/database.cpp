#include "store/database.hpp"

#include <mutex>
#include <unordered_map>
#include <utility>

#include <sqlite3.h>

#include "base/check.hpp"

namespace ol::store {

namespace {

constexpr int busy_timeout_ms = 5000;
constexpr std::size_t statement_limit = 256;
// A quick check reads every page: done when the last owner did not close the file, and otherwise
// only where it costs milliseconds.
constexpr std::uint64_t small_file_bytes = 8ULL << 20;

ErrorCode code_of(int extended) {
    if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY ||
        extended == SQLITE_CONSTRAINT_ROWID) {
        return ErrorCode::already_exists;
    }
    switch (extended & 0xff) {
    case SQLITE_CONSTRAINT:
        return ErrorCode::conflict;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ErrorCode::unavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ErrorCode::corrupted;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return ErrorCode::io;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        return ErrorCode::permission_denied;
    case SQLITE_TOOBIG:
        return ErrorCode::too_large;
    case SQLITE_INTERRUPT:
        return ErrorCode::cancelled;
    default:
        return ErrorCode::internal;
    }
}

std::string_view remedy_of(ErrorCode code) {
    switch (code) {
    case ErrorCode::corrupted:
        return " (restore it from a backup, or move the file and its -wal and -shm away)";
    case ErrorCode::unavailable:
        return " (another process is using it; stop that one first)";
    case ErrorCode::io:
        return " (is there free space, and does the folder exist?)";
    default:
        return "";
    }
}

class SqliteRow final : public Row {
public:
    explicit SqliteRow(sqlite3_stmt* statement)
        : statement_(statement) {}
    bool is_null(int column) const override {
        return sqlite3_column_type(statement_, column) == SQLITE_NULL;
    }
    std::int64_t integer(int column) const override {
        return sqlite3_column_int64(statement_, column);
    }
    double real(int column) const override { return sqlite3_column_double(statement_, column); }
    std::string text(int column) const override {
        const auto* data = sqlite3_column_text(statement_, column);
        if (data == nullptr) return {};
        return {reinterpret_cast<const char*>(data),
                static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
    }
    Bytes bytes(int column) const override {
        const auto* data =
            static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
        if (data == nullptr) return {};
        return {data, data + sqlite3_column_bytes(statement_, column)};
    }

private:
    sqlite3_stmt* statement_;
};

template <std::size_t N>
FixedBytes<N> fixed(const Bytes& bytes) {
    FixedBytes<N> out;
    std::memcpy(out.data.data(), bytes.data(), std::min(N, bytes.size()));
    return out;
}

} // namespace

Hash32 Row::hash32(int column) const { return fixed<32>(bytes(column)); }
Address Row::address(int column) const { return fixed<20>(bytes(column)); }
U256 Row::u256(int column) const { return U256::from_be(hash32(column).view()); }

struct Database::Impl {
    sqlite3* handle = nullptr;
    std::string name;
    std::recursive_mutex mutex;
    struct Cached {
        sqlite3_stmt* statement = nullptr;
        bool in_use = false;
    };
    std::unordered_map<std::string, Cached> statements;
    bool in_transaction = false;
    const Error* refused_by = nullptr; // of a Transaction in scope that could not begin

    Impl() = default;
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() {
        for (auto& [sql, cached] : statements) sqlite3_finalize(cached.statement);
        sqlite3_close(handle);
    }

    std::unexpected<Error> failure(std::string_view what) const {
        const int extended = sqlite3_extended_errcode(handle);
        const ErrorCode code = code_of(extended);
        return fail(code, "database {}: {}: {}{}", name, what, sqlite3_errmsg(handle),
                    remedy_of(code));
    }

    // For statements of ours, without parameters.
    Status execute(const char* sql, std::string_view what) {
        if (sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
            return failure(what);
        }
        return {};
    }

    // Whether a statement may run now: see Transaction in the header.
    Status usable() const {
        if (refused_by != nullptr) return std::unexpected(*refused_by);
        if (in_transaction && sqlite3_get_autocommit(handle) != 0) {
            return fail(ErrorCode::conflict,
                        "database {}: the transaction was rolled back after an earlier error",
                        name);
        }
        return {};
    }

    // A prepared statement, returned to the cache (or finalised) at the end of the scope.
    class Lease {
    public:
        Lease(sqlite3_stmt* statement, Cached* cached)
            : statement_(statement)
            , cached_(cached) {}
        Lease(Lease&& other) noexcept
            : statement_(std::exchange(other.statement_, nullptr))
            , cached_(other.cached_) {}
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        ~Lease() {
            if (statement_ == nullptr) return;
            if (cached_ == nullptr) {
                sqlite3_finalize(statement_);
                return;
            }
            sqlite3_reset(statement_);
            sqlite3_clear_bindings(statement_);
            cached_->in_use = false;
        }
        sqlite3_stmt* get() const { return statement_; }

    private:
        sqlite3_stmt* statement_;
        Cached* cached_; // elements of an unordered_map do not move
    };

    void drop_idle_statements() {
        for (auto it = statements.begin(); it != statements.end();) {
            if (it->second.in_use) {
                ++it;
                continue;
            }
            sqlite3_finalize(it->second.statement);
            it = statements.erase(it);
        }
    }

    Result<Lease> prepare(std::string_view sql) {
        std::string key(sql);
        if (const auto found = statements.find(key);
            found != statements.end() && !found->second.in_use) {
            found->second.in_use = true;
            return Lease(found->second.statement, &found->second);
        }
        sqlite3_stmt* statement = nullptr;
        const char* tail = nullptr;
        if (sqlite3_prepare_v3(handle, key.data(), static_cast<int>(key.size()),
                               SQLITE_PREPARE_PERSISTENT, &statement, &tail) != SQLITE_OK) {
            return failure(sql);
        }
        const std::string_view rest(tail, key.data() + key.size());
        if (statement == nullptr || rest.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
            sqlite3_finalize(statement);
            return fail(ErrorCode::internal, "database {}: exactly one statement expected in: {}",
                        name, sql);
        }
        if (statements.contains(key)) return Lease(statement, nullptr); // the cached one is in use
        if (statements.size() >= statement_limit) drop_idle_statements();
        auto& cached = statements[std::move(key)];
        cached = {.statement = statement, .in_use = true};
        return Lease(statement, &cached);
    }

    Status bind(sqlite3_stmt* statement, std::string_view sql, const std::vector<Value>& values) {
        if (static_cast<std::size_t>(sqlite3_bind_parameter_count(statement)) != values.size()) {
            return fail(ErrorCode::internal, "database {}: {} values for {} parameters in: {}",
                        name, values.size(), sqlite3_bind_parameter_count(statement), sql);
        }
        for (std::size_t i = 0; i < values.size(); ++i) {
            const int at = static_cast<int>(i) + 1;
            const Value& value = values[i];
            int rc = SQLITE_OK;
            if (const auto* number = std::get_if<std::int64_t>(&value)) {
                rc = sqlite3_bind_int64(statement, at, *number);
            } else if (const auto* real = std::get_if<double>(&value)) {
                rc = sqlite3_bind_double(statement, at, *real);
            } else if (const auto* text = std::get_if<std::string>(&value)) {
                rc = sqlite3_bind_text64(statement, at, text->data(), text->size(), SQLITE_STATIC,
                                         SQLITE_UTF8);
            } else if (const auto* bytes = std::get_if<Bytes>(&value)) {
                // A null pointer would bind NULL: an empty blob is not NULL.
                const void* data = bytes->empty() ? static_cast<const void*>("") : bytes->data();
                rc = sqlite3_bind_blob64(statement, at, data, bytes->size(), SQLITE_STATIC);
            } else {
                rc = sqlite3_bind_null(statement, at);
            }
            if (rc != SQLITE_OK) return failure(sql);
        }
        return {};
    }

    Status step_all(std::string_view sql, const std::vector<Value>& values,
                    const std::function<bool(const Row&)>* each) {
        const std::lock_guard lock(mutex);
        OL_TRY(usable());
        const Lease lease = OL_TRY(prepare(sql));
        OL_TRY(bind(lease.get(), sql, values));
        const SqliteRow row(lease.get());
        for (;;) {
            const int rc = sqlite3_step(lease.get());
            if (rc == SQLITE_DONE) return {};
            if (rc != SQLITE_ROW) return failure(sql);
            if (each != nullptr && !(*each)(row)) return {};
        }
    }

    Status check(const char* pragma) {
        std::string found;
        std::size_t count = 0;
        const std::function<bool(const Row&)> each = [&](const Row& row) {
            found += (count++ == 0 ? "" : "; ") + row.text(0);
            return true;
        };
        OL_TRY(step_all(pragma, {}, &each));
        if (found != "ok") {
            return fail(ErrorCode::corrupted, "database {}: {}{}", name, found,
                        remedy_of(ErrorCode::corrupted));
        }
        return {};
    }

    Status set_up(bool in_memory) {
        sqlite3_extended_result_codes(handle, 1);
        sqlite3_busy_timeout(handle, busy_timeout_ms);
        OL_TRY(execute("PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; "
                       "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY",
                       "setting up"));
        // The first statement that reads the file: a file that is no database is found here.
        OL_TRY(execute("SELECT count(*) FROM sqlite_schema", "opening"));
        if (!in_memory) {
            OL_TRY(execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", "setting up"));
        }
        return {};
    }
};

Database::Database(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::open(const Path& path) {
    if (path.has_parent_path()) OL_TRY(make_directories(path.parent_path()));
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
        return fail(ErrorCode::invalid_argument, "database {}: is a folder, not a file",
                    path.string());
    }
    Path wal = path;
    wal += "-wal";
    const auto size_of = [&](const Path& file) {
        const auto size = std::filesystem::file_size(file, ignored);
        return ignored ? std::uint64_t{0} : static_cast<std::uint64_t>(size);
    };
    const std::uint64_t size_bytes = size_of(path);
    const bool left_open = size_of(wal) > 0;

    auto impl = std::make_unique<Impl>();
    impl->name = path.string();
    if (sqlite3_open_v2(path.c_str(), &impl->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        nullptr) != SQLITE_OK) {
        return impl->failure("opening");
    }
    OL_TRY(impl->set_up(false));
    Database db(std::move(impl));
    // SQLite reads the missing end of a last page as zeros; only a checkpoint that was cut short
    // (and then there is a log to repeat it) may leave such a page.
    std::uint64_t page_bytes = 0;
    OL_TRY(db.query("PRAGMA page_size", [&](const Row& row) {
        page_bytes = static_cast<std::uint64_t>(row.integer(0));
        return true;
    }));
    if (!left_open && page_bytes != 0 && size_bytes % page_bytes != 0) {
        return fail(ErrorCode::corrupted, "database {}: {} bytes are not whole pages of {}{}",
                    path.string(), size_bytes, page_bytes, remedy_of(ErrorCode::corrupted));
    }
    if (left_open || (size_bytes > 0 && size_bytes <= small_file_bytes)) {
        OL_TRY(db.impl_->check("PRAGMA quick_check"));
    }
    return db;
}

Result<Database> Database::open_memory() {
    auto impl = std::make_unique<Impl>();
    impl->name = "(in memory)";
    if (sqlite3_open_v2(":memory:", &impl->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        nullptr) != SQLITE_OK) {
        return impl->failure("opening");
    }
    OL_TRY(impl->set_up(true));
    return Database(std::move(impl));
}

Status Database::migrate(std::span<const std::string_view> steps) {
    std::int64_t done = 0;
    OL_TRY(query("PRAGMA user_version", [&](const Row& row) {
        done = row.integer(0);
        return true;
    }));
    if (done > static_cast<std::int64_t>(steps.size())) {
        return fail(ErrorCode::unsupported,
                    "database {}: its schema has version {}, this program knows {} (use the newer "
                    "program that wrote it)",
                    impl_->name, done, steps.size());
    }
    for (auto at = static_cast<std::size_t>(done); at < steps.size(); ++at) {
        Transaction transaction(*this);
        OL_TRY(impl_->usable());
        OL_TRY(impl_->execute(std::string(steps[at]).c_str(),
                              fmt::format("migration step {}", at + 1)));
        OL_TRY(impl_->execute(fmt::format("PRAGMA user_version={}", at + 1).c_str(),
                              "raising the schema version"));
        OL_TRY(transaction.commit());
    }
    return {};
}

Status Database::migrate(std::string_view area, std::span<const std::string_view> steps) {
    OL_TRY(run("CREATE TABLE IF NOT EXISTS schema_versions("
               "area TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID"));
    std::int64_t done = 0;
    OL_TRY(query(
        "SELECT version FROM schema_versions WHERE area=?",
        [&](const Row& row) {
            done = row.integer(0);
            return true;
        },
        area));
    if (done > static_cast<std::int64_t>(steps.size())) {
        return fail(ErrorCode::unsupported,
                    "database {}: its {} schema has version {}, this program knows {} (use the "
                    "newer program that wrote it)",
                    impl_->name, area, done, steps.size());
    }
    for (auto at = static_cast<std::size_t>(done); at < steps.size(); ++at) {
        Transaction transaction(*this);
        OL_TRY(impl_->usable());
        OL_TRY(impl_->execute(std::string(steps[at]).c_str(),
                              fmt::format("migration step {} of {}", at + 1, area)));
        OL_TRY(run("INSERT INTO schema_versions VALUES(?,?) "
                   "ON CONFLICT(area) DO UPDATE SET version=excluded.version",
                   area, at + 1));
        OL_TRY(transaction.commit());
    }
    return {};
}

Status Database::run_values(std::string_view sql, const std::vector<Value>& values) {
    return impl_->step_all(sql, values, nullptr);
}

Status Database::query_values(std::string_view sql, const std::function<bool(const Row&)>& each,
                              const std::vector<Value>& values) {
    return impl_->step_all(sql, values, &each);
}

Status Database::check_integrity() { return impl_->check("PRAGMA integrity_check"); }

std::int64_t Database::last_insert_id() const {
    const std::lock_guard lock(impl_->mutex);
    return sqlite3_last_insert_rowid(impl_->handle);
}

std::int64_t Database::changes() const {
    const std::lock_guard lock(impl_->mutex);
    return sqlite3_changes64(impl_->handle);
}

Transaction::Transaction(Database& db)
    : db_(db) {
    auto& impl = *db_.impl_;
    impl.mutex.lock();
    if (impl.refused_by != nullptr) {
        begin_error_ = *impl.refused_by;
        return;
    }
    if (impl.in_transaction) {
        begin_error_ = Error{ErrorCode::internal,
                             fmt::format("database {}: transactions do not nest", impl.name)};
    } else if (auto begun = impl.execute("BEGIN IMMEDIATE", "beginning a transaction"); !begun) {
        begin_error_ = begun.error();
    }
    if (begin_error_) {
        impl.refused_by = &*begin_error_;
        return;
    }
    impl.in_transaction = true;
    open_ = true;
}

Transaction::~Transaction() {
    auto& impl = *db_.impl_;
    if (open_) {
        if (sqlite3_get_autocommit(impl.handle) == 0) {
            (void)impl.execute("ROLLBACK", "rolling back");
        }
        impl.in_transaction = false;
    }
    if (begin_error_ && impl.refused_by == &*begin_error_) impl.refused_by = nullptr;
    impl.mutex.unlock();
}

Status Transaction::commit() {
    if (begin_error_) return std::unexpected(*begin_error_);
    OL_CHECK(open_);
    auto& impl = *db_.impl_;
    OL_TRY(impl.usable());
    OL_TRY(impl.execute("COMMIT", "committing"));
    open_ = false;
    impl.in_transaction = false;
    return {};
}

} // namespace ol::store
