#include "store/database.hpp"

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <sched.h>

namespace ol::store {
namespace {

namespace fs = std::filesystem;

class DatabaseTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "ol-db-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        file_ = folder_ / "node.db";
    }
    void TearDown() override { fs::remove_all(folder_); }
    Path folder_, file_;
};

std::string error_of(const Status& status) { return status ? "" : status.error().to_string(); }
#define EXPECT_OK(...) EXPECT_EQ(error_of(__VA_ARGS__), "")

std::int64_t number(Database& db, std::string_view sql) {
    std::int64_t out = -1;
    EXPECT_OK(db.query(sql, [&](const Row& row) {
        out = row.integer(0);
        return false;
    }));
    return out;
}

std::string text(Database& db, std::string_view sql) {
    std::string out;
    EXPECT_OK(db.query(sql, [&](const Row& row) {
        out = row.text(0);
        return false;
    }));
    return out;
}

TEST_F(DatabaseTest, EveryTypeRoundTrips) {
    auto db = Database::open(file_);
    ASSERT_TRUE(db) << db.error().to_string();
    EXPECT_OK(db->run("CREATE TABLE t(i, d, s, b, e, h, a, u, n)"));
    Hash32 hash;
    hash[0] = 1;
    hash[31] = 0xff;
    Address address;
    address[19] = 7;
    const U256 big = *U256::from_decimal("340282366920938463463374607431768211456123");
    const std::string with_nul("a\0b\xc3\xa9", 5);
    const Bytes bytes{0, 1, 0, 255};
    EXPECT_OK(db->run("INSERT INTO t VALUES(?,?,?,?,?,?,?,?,?)", INT64_MIN, 0.1, with_nul,
                      ByteView(bytes), ByteView(), hash, address, big, std::monostate{}));
    EXPECT_EQ(db->changes(), 1);
    EXPECT_EQ(db->last_insert_id(), 1);
    int rows = 0;
    EXPECT_OK(db->query(
        "SELECT * FROM t WHERE s=? AND d<?",
        [&](const Row& row) {
            ++rows;
            EXPECT_EQ(row.integer(0), INT64_MIN);
            EXPECT_EQ(row.real(1), 0.1);
            EXPECT_EQ(row.text(2), with_nul);
            EXPECT_EQ(row.bytes(3), bytes);
            EXPECT_FALSE(row.is_null(4));
            EXPECT_TRUE(row.bytes(4).empty());
            EXPECT_EQ(row.hash32(5), hash);
            EXPECT_EQ(row.address(6), address);
            EXPECT_EQ(row.u256(7), big);
            EXPECT_TRUE(row.is_null(8));
            EXPECT_EQ(row.hash32(3).data[3], 255); // shorter: padded with zeros
            return true;
        },
        with_nul, 1));
    EXPECT_EQ(rows, 1);
}

TEST_F(DatabaseTest, AmountsOrderAsNumbers) {
    auto db = Database::open_memory();
    EXPECT_OK(db->run("CREATE TABLE t(u BLOB)"));
    for (const char* wei : {"256", "3", "1000000000000000000000000", "0", "255"}) {
        EXPECT_OK(db->run("INSERT INTO t VALUES(?)", *U256::from_decimal(wei)));
    }
    std::string order;
    EXPECT_OK(db->query("SELECT u FROM t ORDER BY u", [&](const Row& row) {
        order += row.u256(0).to_decimal() + " ";
        return true;
    }));
    EXPECT_EQ(order, "0 3 255 256 1000000000000000000000000 ");
}

TEST_F(DatabaseTest, Settings) {
    auto db = Database::open(file_);
    EXPECT_EQ(text(*db, "PRAGMA journal_mode"), "wal");
    EXPECT_EQ(number(*db, "PRAGMA synchronous"), 2); // FULL
    EXPECT_EQ(number(*db, "PRAGMA foreign_keys"), 1);
}

TEST_F(DatabaseTest, ErrorsSayTheirClassAndPlace) {
    auto db = Database::open(file_);
    EXPECT_OK(db->run("CREATE TABLE p(id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL)"));
    EXPECT_OK(db->run("CREATE TABLE c(p INTEGER REFERENCES p(id))"));
    EXPECT_OK(db->run("INSERT INTO p VALUES(1,'a')"));
    EXPECT_EQ(db->run("INSERT INTO p VALUES(1,'b')").error().code, ErrorCode::already_exists);
    EXPECT_EQ(db->run("INSERT INTO p VALUES(2,'a')").error().code, ErrorCode::already_exists);
    EXPECT_EQ(db->run("INSERT INTO p VALUES(2,NULL)").error().code, ErrorCode::conflict);
    EXPECT_EQ(db->run("INSERT INTO c VALUES(9)").error().code, ErrorCode::conflict);
    const auto wrong = db->run("SELEKT 1");
    EXPECT_EQ(wrong.error().code, ErrorCode::internal);
    EXPECT_NE(wrong.error().context.find("SELEKT 1"), std::string::npos);
    EXPECT_NE(wrong.error().context.find(file_.string()), std::string::npos);
    EXPECT_EQ(db->run("INSERT INTO p VALUES(?,?)", 5).error().code, ErrorCode::internal);
    EXPECT_EQ(db->run("SELECT 1; SELECT 2").error().code, ErrorCode::internal);
    EXPECT_EQ(db->run("").error().code, ErrorCode::internal);
    EXPECT_EQ(number(*db, "SELECT count(*) FROM p"), 1);
}

TEST_F(DatabaseTest, QueryStopsEarlyAndNests) {
    auto db = Database::open(file_);
    EXPECT_OK(db->run("CREATE TABLE t(i)"));
    for (int i = 0; i < 10; ++i) EXPECT_OK(db->run("INSERT INTO t VALUES(?)", i));
    int seen = 0, inner = 0;
    EXPECT_OK(db->query("SELECT i FROM t ORDER BY i", [&](const Row& row) {
        // The same text while the outer statement runs, and a write besides.
        EXPECT_OK(db->query("SELECT i FROM t ORDER BY i", [&](const Row&) { return ++inner < 5; }));
        EXPECT_OK(db->run("UPDATE t SET i=i WHERE i=?", row.integer(0)));
        return ++seen < 3;
    }));
    EXPECT_EQ(seen, 3);
    EXPECT_EQ(number(*db, "SELECT count(*) FROM t"), 10);
    // More different statements than the cache holds.
    for (int i = 0; i < 600; ++i) {
        EXPECT_EQ(number(*db, fmt::format("SELECT {}", i)), i);
    }
}

TEST_F(DatabaseTest, TransactionsCommitOrRollBack) {
    auto db = Database::open(file_);
    EXPECT_OK(db->run("CREATE TABLE t(i INTEGER PRIMARY KEY)"));
    {
        Transaction tx(*db);
        EXPECT_OK(db->run("INSERT INTO t VALUES(1)"));
    }
    EXPECT_EQ(number(*db, "SELECT count(*) FROM t"), 0);
    {
        Transaction tx(*db);
        EXPECT_OK(db->run("INSERT INTO t VALUES(1)"));
        EXPECT_FALSE(db->run("INSERT INTO t VALUES(1)")); // the statement fails, not the whole
        EXPECT_OK(db->run("INSERT INTO t VALUES(2)"));
        EXPECT_OK(tx.commit());
    }
    EXPECT_EQ(number(*db, "SELECT count(*) FROM t"), 2);
    {
        Transaction tx(*db);
        {
            Transaction nested(*db);
            EXPECT_FALSE(db->run("INSERT INTO t VALUES(3)"));
            EXPECT_FALSE(nested.commit());
        }
        EXPECT_OK(db->run("INSERT INTO t VALUES(4)"));
        EXPECT_OK(tx.commit());
    }
    EXPECT_EQ(number(*db, "SELECT group_concat(i,',')='1,2,4' FROM t"), 1);
}

TEST_F(DatabaseTest, NothingIsWrittenOutsideATransactionThatCouldNotBegin) {
    auto holder = Database::open(file_);
    EXPECT_OK(holder->run("CREATE TABLE t(i)"));
    auto other = Database::open(file_);
    EXPECT_OK(other->run("PRAGMA busy_timeout=10"));
    {
        Transaction held(*holder);
        EXPECT_OK(holder->run("INSERT INTO t VALUES(1)"));
        Transaction refused(*other);
        EXPECT_EQ(other->run("INSERT INTO t VALUES(2)").error().code, ErrorCode::unavailable);
        EXPECT_OK(held.commit());
        EXPECT_FALSE(other->run("INSERT INTO t VALUES(3)")); // though it could be done by now
        EXPECT_EQ(refused.commit().error().code, ErrorCode::unavailable);
    }
    EXPECT_OK(other->run("INSERT INTO t VALUES(4)"));
    EXPECT_EQ(number(*holder, "SELECT group_concat(i,',')='1,4' FROM t"), 1);
}

TEST_F(DatabaseTest, ThreadsShareOneDatabase) {
    auto db = Database::open(file_);
    EXPECT_OK(db->run("CREATE TABLE t(thread, i)"));
    EXPECT_OK(db->run("CREATE TABLE sum(total)"));
    EXPECT_OK(db->run("INSERT INTO sum VALUES(0)"));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 25; ++i) {
                Transaction tx(*db);
                const auto total = number(*db, "SELECT total FROM sum");
                EXPECT_OK(db->run("INSERT INTO t VALUES(?,?)", t, i));
                EXPECT_OK(db->run("UPDATE sum SET total=?", total + 1));
                if (i % 5 == 4) continue; // rolled back
                EXPECT_OK(tx.commit());
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(number(*db, "SELECT total FROM sum"), 80);
    EXPECT_EQ(number(*db, "SELECT count(*) FROM t"), 80);
}

TEST_F(DatabaseTest, MigrationsRunOnceInOrder) {
    {
        auto db = Database::open(file_);
        EXPECT_OK(db->migrate({"CREATE TABLE a(x); CREATE TABLE b(y)"}));
        EXPECT_OK(db->run("INSERT INTO a VALUES(5)"));
    }
    auto db = Database::open(file_);
    EXPECT_OK(db->migrate({"CREATE TABLE a(x); CREATE TABLE b(y)", "ALTER TABLE a ADD COLUMN z",
                           "UPDATE a SET z=x+1"}));
    EXPECT_EQ(number(*db, "SELECT z FROM a"), 6);
    EXPECT_EQ(number(*db, "PRAGMA user_version"), 3);
    // A step that fails half-way leaves nothing of itself.
    EXPECT_FALSE(db->migrate({"", "", "", "CREATE TABLE c(x); CREATE TABLE a(x)"}));
    EXPECT_EQ(number(*db, "PRAGMA user_version"), 3);
    EXPECT_EQ(number(*db, "SELECT count(*) FROM sqlite_schema WHERE name='c'"), 0);
    EXPECT_EQ(db->migrate({"one step"}).error().code, ErrorCode::unsupported);
}

TEST_F(DatabaseTest, AreasOfOneFileMigrateApart) {
    auto db = Database::open(file_);
    EXPECT_OK(db->migrate("runs", {"CREATE TABLE runs(x)"}));
    EXPECT_OK(db->migrate("records", {"CREATE TABLE records(x)", "INSERT INTO records VALUES(1)"}));
    EXPECT_OK(db->migrate("runs", {"CREATE TABLE runs(x)", "INSERT INTO runs VALUES(2)"}));
    EXPECT_OK(db->migrate("records", {"CREATE TABLE records(x)", "INSERT INTO records VALUES(1)"}));
    EXPECT_EQ(number(*db, "SELECT count(*) FROM records"), 1);
    EXPECT_EQ(number(*db, "SELECT count(*) FROM runs"), 1);
    EXPECT_FALSE(db->migrate("runs", {"", "", "INSERT INTO runs VALUES(3); nonsense"}));
    EXPECT_EQ(number(*db, "SELECT count(*) FROM runs"), 1);
    EXPECT_EQ(db->migrate("records", {""}).error().code, ErrorCode::unsupported);
}

// A child commits batches of ten rows and says so through a pipe after each; it is killed in the
// middle. Whatever it said is there, and no batch is there in part.
TEST_F(DatabaseTest, KilledWriterLosesNothingCommittedAndLeavesNothingHalf) {
    {
        auto db = Database::open(file_);
        EXPECT_OK(db->migrate({"CREATE TABLE t(batch INTEGER, i INTEGER, filler BLOB)"}));
    }
    std::int64_t batch = 0;
    for (int round = 0; round < 6; ++round) {
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            ::close(ends[0]);
            auto db = Database::open(file_);
            if (!db) ::_exit(1);
            const Bytes filler(2000, 0x5a);
            for (std::int64_t at = batch;; ++at) {
                Transaction tx(*db);
                for (int i = 0; i < 10; ++i) {
                    if (!db->run("INSERT INTO t VALUES(?,?,?)", at, i, ByteView(filler))) {
                        ::_exit(2);
                    }
                }
                if (!tx.commit()) ::_exit(3);
                if (::write(ends[1], &at, sizeof at) != sizeof at) ::_exit(4);
            }
        }
        ::close(ends[1]);
        std::int64_t last = -1;
        for (int acknowledged = 0; acknowledged < 5 + 7 * round; ++acknowledged) {
            ASSERT_EQ(::read(ends[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
        }
        ::usleep(static_cast<useconds_t>(700 * round)); // into the next transaction, somewhere
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status));
        while (::read(ends[0], &batch, sizeof batch) == sizeof batch) last = batch;
        ::close(ends[0]);

        auto db = Database::open(file_);
        ASSERT_TRUE(db) << db.error().to_string();
        EXPECT_EQ(number(*db, "SELECT count(*) FROM (SELECT batch FROM t GROUP BY batch "
                              "HAVING count(*)<>10 OR count(DISTINCT i)<>10)"),
                  0);
        const auto newest = number(*db, "SELECT max(batch) FROM t");
        EXPECT_GE(newest, last);
        EXPECT_LE(newest, last + 1); // the one committed but not yet said
        EXPECT_EQ(number(*db, "SELECT count(DISTINCT batch) FROM t"), newest + 1);
        EXPECT_OK(db->check_integrity());
        batch = newest + 1;
    }
}

void fill(const Path& file, int rows) {
    auto db = *Database::open(file);
    EXPECT_OK(db.run("CREATE TABLE t(i INTEGER PRIMARY KEY, b BLOB)"));
    EXPECT_OK(db.run("CREATE INDEX t_b ON t(b)"));
    Transaction tx(db);
    for (int i = 0; i < rows; ++i) {
        const Bytes bytes(1500, static_cast<std::uint8_t>(i));
        EXPECT_OK(db.run("INSERT INTO t VALUES(?,?)", i, ByteView(bytes)));
    }
    EXPECT_OK(tx.commit());
}

TEST_F(DatabaseTest, GarbageTruncatedAndScribbledFilesAreCorruptedAndNamed) {
    const auto expect_corrupted = [&](const char* what) {
        auto db = Database::open(file_);
        ASSERT_FALSE(db) << what;
        EXPECT_EQ(db.error().code, ErrorCode::corrupted) << db.error().to_string();
        EXPECT_NE(db.error().context.find(file_.string()), std::string::npos);
        EXPECT_NE(db.error().context.find("backup"), std::string::npos);
    };
    std::ofstream(file_, std::ios::binary) << std::string(5000, 'G');
    expect_corrupted("garbage");
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << "short";
    expect_corrupted("short garbage");
    fs::remove(file_);

    fill(file_, 300);
    std::string whole = [&] { return *read_text_file(file_, 64 << 20); }();
    ASSERT_GT(whole.size(), 400'000U);
    for (const std::size_t size : {whole.size() / 2, whole.size() - 4096, whole.size() - 1}) {
        std::ofstream(file_, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
        expect_corrupted("truncated");
    }
    std::string scribbled = whole;
    for (std::size_t i = 100'000; i < 140'000; ++i) scribbled[i] = static_cast<char>(i * 7);
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << scribbled;
    expect_corrupted("scribbled");

    std::ofstream(file_, std::ios::binary | std::ios::trunc) << whole;
    auto restored = Database::open(file_);
    ASSERT_TRUE(restored) << restored.error().to_string();
    EXPECT_EQ(number(*restored, "SELECT count(*) FROM t"), 300);
}

TEST_F(DatabaseTest, LargeFileCutWhileClosedIsFoundWithoutAFullCheck) {
    fill(file_, 4000);
    const auto size = fs::file_size(file_);
    ASSERT_GT(size, 8U << 20);
    fs::resize_file(file_, size / 2);
    auto db = Database::open(file_);
    ASSERT_FALSE(db);
    EXPECT_EQ(db.error().code, ErrorCode::corrupted);
}

TEST_F(DatabaseTest, FolderInThePlaceOfTheFileIsRefusedAndParentsAreMade) {
    fs::create_directories(file_);
    EXPECT_EQ(Database::open(file_).error().code, ErrorCode::invalid_argument);
    EXPECT_TRUE(Database::open(folder_ / "a" / "b" / "c.db"));
}

// As in blob_store_test.cpp: a tiny file system, else a limit on the size of files.
TEST_F(DatabaseTest, FullDiskIsAnIoErrorAndWhatWasCommittedStays) {
    const Path mount_point = folder_ / "tiny";
    fs::create_directories(mount_point);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const bool mounted = ::unshare(CLONE_NEWNS) == 0 &&
                             ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                             ::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=512k") == 0;
        if (!mounted) {
            ::signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{512 << 10, 512 << 10};
            if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(10);
        }
        auto db = Database::open(mount_point / "node.db");
        if (!db) ::_exit(11);
        if (!db->run("CREATE TABLE t(batch, b)")) ::_exit(12);
        std::int64_t committed = 0;
        std::optional<Error> refused;
        const Bytes filler(20'000, 1);
        while (!refused && committed < 1000) {
            Transaction tx(*db);
            for (int i = 0; i < 2 && !refused; ++i) {
                if (auto done = db->run("INSERT INTO t VALUES(?,?)", committed, ByteView(filler));
                    !done) {
                    refused = done.error();
                }
            }
            if (auto done = tx.commit(); !done && !refused) refused = done.error();
            if (!refused) ++committed;
        }
        if (!refused || committed == 0) ::_exit(13);
        if (refused->code != ErrorCode::io) ::_exit(14);
        std::int64_t rows = -1;
        const auto counted = db->query("SELECT count(*) FROM t", [&](const Row& row) {
            rows = row.integer(0);
            return true;
        });
        if (!counted) ::_exit(15);
        ::_exit(rows == 2 * committed ? 0 : 16);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

} // namespace
} // namespace ol::store
