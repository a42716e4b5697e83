// Database: SQLite in WAL mode with foreign keys, prepared statements, and transactions by scope.
//
//   auto db = OL_TRY(Database::open(path));
//   OL_TRY(db.migrate({"CREATE TABLE ...", "ALTER TABLE ..."}));  // each once, in order
//   Transaction tx(db);                       // rolls back unless committed
//   OL_TRY(db.run("INSERT INTO t VALUES(?,?)", id.view(), 5));
//   OL_TRY(tx.commit());
//   OL_TRY(db.query("SELECT a,b FROM t WHERE a=?", [&](const Row& row) { ... return true; }, 7));
//
// One Database may be used from several threads: calls are serialised by an internal mutex, which
// a Transaction holds until it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "base/result.hpp"
#include "base/u256.hpp"

namespace ol::store {

// A parameter or a column. U256 is stored as its 32 big-endian bytes (ordered as numbers).
using Value = std::variant<std::monostate, std::int64_t, double, std::string, Bytes>;
inline Value to_value(std::monostate) { return {}; }
template <class T>
    requires std::is_integral_v<T>
Value to_value(T number) {
    return static_cast<std::int64_t>(number);
}
inline Value to_value(double number) { return number; }
inline Value to_value(std::string_view text) { return std::string(text); }
inline Value to_value(ByteView bytes) { return Bytes(bytes.begin(), bytes.end()); }
inline Value to_value(const Hash32& hash) { return to_value(hash.view()); }
inline Value to_value(const Address& address) { return to_value(address.view()); }
inline Value to_value(const U256& number) { return to_value(number.to_be()); }

class Row {
public:
    virtual ~Row() = default;
    virtual bool is_null(int column) const = 0;
    virtual std::int64_t integer(int column) const = 0;
    virtual double real(int column) const = 0;
    virtual std::string text(int column) const = 0;
    virtual Bytes bytes(int column) const = 0;
    Hash32 hash32(int column) const; // zero-padded when shorter
    Address address(int column) const;
    U256 u256(int column) const;
};

class Database {
public:
    // Creates the file when absent. corrupted when it is no database or fails its quick check.
    static Result<Database> open(const Path& path);
    static Result<Database> open_memory();
    Database(Database&&) noexcept;
    Database& operator=(Database&&) noexcept;
    ~Database();

    // Applies steps[user_version..] each in its own transaction and raises user_version. A step may
    // hold several statements. unsupported when the file is from a newer version (more steps).
    Status migrate(std::span<const std::string_view> steps);
    Status migrate(std::initializer_list<std::string_view> steps) {
        return migrate(std::span(steps.begin(), steps.size()));
    }
    // The same for several parts that share one file: each area counts its own steps, in the table
    // `schema_versions`. Do not mix with the form above.
    Status migrate(std::string_view area, std::span<const std::string_view> steps);
    Status migrate(std::string_view area, std::initializer_list<std::string_view> steps) {
        return migrate(area, std::span(steps.begin(), steps.size()));
    }

    template <class... Args>
    Status run(std::string_view sql, const Args&... args) {
        return run_values(sql, std::vector<Value>{to_value(args)...});
    }
    // Errors of both: already_exists for a UNIQUE or PRIMARY KEY that is taken, conflict for
    // another constraint, io when the disk is full or refuses, corrupted, unavailable when another
    // process holds the file too long, internal for SQL that is wrong. each(row) returns false to
    // stop early; it may use the database.
    template <class... Args>
    Status query(std::string_view sql, const std::function<bool(const Row&)>& each,
                 const Args&... args) {
        return query_values(sql, each, std::vector<Value>{to_value(args)...});
    }
    Status run_values(std::string_view sql, const std::vector<Value>& values);
    Status query_values(std::string_view sql, const std::function<bool(const Row&)>& each,
                        const std::vector<Value>& values);
    // Every page and index, not only the quick check of open; slow on large files.
    Status check_integrity();
    std::int64_t last_insert_id() const;
    std::int64_t changes() const; // rows changed by the latest run()

private:
    friend class Transaction;
    struct Impl;
    explicit Database(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// BEGIN IMMEDIATE ... COMMIT; rolls back when destroyed uncommitted. Do not nest. When BEGIN fails,
// or SQLite rolls back by itself (disk full), every later call of the scope fails too, so that
// nothing is written outside the transaction.
class Transaction {
public:
    explicit Transaction(Database& db);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    Status commit();

private:
    Database& db_;
    bool open_ = false;
    std::optional<Error> begin_error_; // reported by commit()
};

} // namespace ol::store
