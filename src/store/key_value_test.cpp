#include "store/key_value.hpp"

#include <csignal>
#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/prng.hpp"
#include "crypto/hash.hpp"

namespace ol::store {
namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
public:
    TemporaryFolder()
        : path_(fs::temp_directory_path() / ("ol_kv_" + to_hex(crypto::random_bytes(8)))) {}
    ~TemporaryFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const Path& path() const { return path_; }

private:
    Path path_;
};

const std::vector<std::string> families = {"alpha", "beta"};
constexpr unsigned alpha = 0, beta = 1;

std::unique_ptr<KeyValue> open(const Path& folder, KeyValueOptions options = {}) {
    auto out = KeyValue::open(folder, families, options);
    EXPECT_TRUE(out) << out.error().to_string();
    return out ? std::move(*out) : nullptr;
}

Bytes pick_key(Prng& prng) {
    Bytes out(prng.below(3));
    for (auto& byte : out) byte = static_cast<std::uint8_t>(prng.below(4) * 0x55);
    return out;
}

using Map = std::map<Bytes, Bytes>;

Map all_of(const KeyValue& store, unsigned family, const KeyValue::SnapshotPtr& at = {}) {
    Map out;
    const auto cursor = store.cursor(family, at);
    for (bool more = cursor->seek({}); more; more = cursor->next()) {
        out[{cursor->key().begin(), cursor->key().end()}] = {cursor->value().begin(),
                                                             cursor->value().end()};
    }
    EXPECT_TRUE(cursor->status());
    return out;
}

// One random batch, on the store and on maps.
void change(KeyValue& store, std::array<Map, 2>& twin, Prng& prng) {
    WriteBatch batch;
    for (std::uint64_t i = prng.below(6); i-- > 0;) {
        const auto family = static_cast<unsigned>(prng.below(2));
        const Bytes key = pick_key(prng), other = pick_key(prng);
        switch (prng.below(4)) {
        case 0:
            batch.erase(family, key);
            twin[family].erase(key);
            break;
        case 1:
            if (key < other) {
                batch.erase_range(family, key, other);
                twin[family].erase(twin[family].lower_bound(key), twin[family].lower_bound(other));
            }
            break;
        default:
            twin[family][key] = Bytes(prng.below(40), static_cast<std::uint8_t>(prng.next()));
            batch.put(family, key, twin[family][key]);
            break;
        }
    }
    ASSERT_TRUE(store.write(batch, prng.below(20) == 0));
}

TEST(KeyValueTest, EqualsMapsOnRandomBatchesSnapshotsAndReopenings) {
    const TemporaryFolder folder;
    Prng prng(5);
    std::array<Map, 2> twin;
    auto store = open(folder.path());
    bool is_due = false; // to be opened anew, once its snapshots are gone
    for (int round = 0; round < 400; ++round) {
        if (is_due) {
            store.reset();
            store = open(folder.path());
            is_due = false;
        }
        const auto before = store->snapshot();
        const auto held = twin;
        change(*store, twin, prng);
        if (HasFatalFailure()) return;
        for (unsigned family = 0; family < 2; ++family) {
            ASSERT_EQ(all_of(*store, family), twin[family]) << "round " << round;
            ASSERT_EQ(all_of(*store, family, before), held[family]) << "round " << round;
        }
        if (round % 97 == 96) {
            is_due = true;
        }
        if (round % 150 == 149) {
            ASSERT_TRUE(store->compact());
        }
    }
    ASSERT_TRUE(store->check_integrity());
    EXPECT_GT(store->disk_bytes(), 0U);
}

TEST(KeyValueTest, ReadsAndScans) {
    const TemporaryFolder folder;
    const auto store = open(folder.path());
    WriteBatch batch;
    for (std::uint8_t i = 0; i < 10; i += 2) batch.put(beta, Bytes{i}, Bytes(3, i));
    batch.put(beta, Bytes{4}, Bytes{9}); // the later one wins
    EXPECT_FALSE(batch.is_empty());
    ASSERT_TRUE(store->write(batch, true));
    EXPECT_EQ(*store->get(beta, Bytes{4}), Bytes{9});
    EXPECT_EQ(*store->get(beta, Bytes{5}), std::nullopt);
    EXPECT_EQ(*store->get(alpha, Bytes{4}), std::nullopt) << "families are apart";
    const Bytes one{2}, two{3}, three{8};
    const ByteView keys[] = {one, two, three};
    std::optional<Bytes> values[3];
    ASSERT_TRUE(store->get_many(beta, keys, values));
    EXPECT_EQ(values[0], Bytes(3, 2));
    EXPECT_EQ(values[1], std::nullopt);
    EXPECT_EQ(values[2], Bytes(3, 8));
    std::vector<int> seen;
    const auto note = [&](ByteView key, ByteView) {
        seen.push_back(key[0]);
        return seen.size() < 3;
    };
    ASSERT_TRUE(store->scan(beta, Bytes{3}, note));
    EXPECT_EQ(seen, (std::vector<int>{4, 6, 8}));
    seen.clear();
    ASSERT_TRUE(store->scan_back(beta, Bytes{5}, note));
    EXPECT_EQ(seen, (std::vector<int>{4, 2, 0}));
}

TEST(KeyValueTest, ASnapshotStaysAsItWas) {
    const TemporaryFolder folder;
    const auto store = open(folder.path());
    ASSERT_TRUE(store->put(alpha, Bytes{1}, Bytes{10}, false));
    {
        const auto before = store->snapshot();
        ASSERT_TRUE(store->put(alpha, Bytes{1}, Bytes{11}, false));
        ASSERT_TRUE(store->put(alpha, Bytes{2}, Bytes{12}, false));
        EXPECT_EQ(*store->get(alpha, Bytes{1}, before), Bytes{10});
        EXPECT_EQ(*store->get(alpha, Bytes{1}), Bytes{11});
        EXPECT_EQ(all_of(*store, alpha, before), (Map{{Bytes{1}, Bytes{10}}}));
    }
    EXPECT_EQ(all_of(*store, alpha).size(), 2U);
}

TEST(KeyValueTest, OneOwnerAtATimeAndKnownFamilies) {
    const TemporaryFolder folder;
    auto store = open(folder.path());
    const auto second = KeyValue::open(folder.path(), families);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::unavailable) << second.error().to_string();
    store.reset();
    const std::vector<std::string> fewer = {"alpha"};
    const auto other = KeyValue::open(folder.path(), fewer);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::unsupported) << other.error().to_string();
    KeyValueOptions read_only;
    read_only.read_only = true;
    const auto missing = KeyValue::open(folder.path() / "none", families, read_only);
    ASSERT_FALSE(missing);
    store = open(folder.path(), read_only);
    ASSERT_TRUE(store);
    EXPECT_FALSE(store->put(alpha, Bytes{1}, Bytes{1}, false));
}

TEST(KeyValueTest, ACheckpointIsAStoreOfItsOwn) {
    const TemporaryFolder folder;
    const auto store = open(folder.path() / "first");
    ASSERT_TRUE(store->put(alpha, Bytes{1}, Bytes{10}, true));
    ASSERT_TRUE(store->checkpoint(folder.path() / "second"));
    ASSERT_TRUE(store->put(alpha, Bytes{1}, Bytes{11}, true));
    const auto copy = open(folder.path() / "second");
    EXPECT_EQ(*copy->get(alpha, Bytes{1}), Bytes{10});
}

// A child writes numbered batches until it is killed; `durable` ones it confirms over a pipe.
TEST(KeyValueTest, KeepsWhatWasConfirmedWhenItsProcessIsKilled) {
    const TemporaryFolder folder;
    Prng prng(11);
    std::uint64_t confirmed = 0;
    for (int kill_number = 0; kill_number < 12; ++kill_number) {
        int ends[2];
        ASSERT_EQ(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            KeyValueOptions small;
            small.write_buffer_bytes = 64U << 10;
            auto store = KeyValue::open(folder.path(), families, small);
            for (std::uint64_t i = confirmed + 1; store; ++i) {
                WriteBatch batch;
                Bytes number(8);
                put_be64(number.data(), i);
                batch.put(alpha, Bytes{0}, number);
                batch.put(beta, number, Bytes(500, static_cast<std::uint8_t>(i)));
                if (!(*store)->write(batch, true)) break;
                if (write(ends[1], number.data(), 8) != 8) break;
            }
            _exit(1);
        }
        close(ends[1]);
        std::uint8_t number[8];
        for (std::uint64_t left = 1 + prng.below(60); left-- > 0;) {
            if (read(ends[0], number, 8) != 8) break;
            confirmed = get_be64(number);
        }
        usleep(static_cast<unsigned>(prng.below(1500)));
        kill(child, SIGKILL);
        while (read(ends[0], number, 8) == 8) confirmed = get_be64(number);
        close(ends[0]);
        int status = 0;
        waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status));
        const auto store = open(folder.path());
        ASSERT_TRUE(store);
        const auto last = store->get(alpha, Bytes{0});
        ASSERT_TRUE(last && *last);
        const std::uint64_t found = get_be64((*last)->data());
        ASSERT_GE(found, confirmed);
        ASSERT_LE(found, confirmed + 1);
        for (std::uint64_t i = 1; i <= found; ++i) {
            put_be64(number, i);
            ASSERT_EQ(*store->get(beta, number), Bytes(500, static_cast<std::uint8_t>(i)));
        }
        confirmed = found;
    }
}

void fill(const Path& folder, bool compacted) {
    const auto store = open(folder);
    for (std::uint64_t i = 0; i < 3000; ++i) {
        Bytes number(8);
        put_be64(number.data(), i);
        ASSERT_TRUE(store->put(alpha, number, Bytes(40, static_cast<std::uint8_t>(i)), false));
    }
    if (compacted) {
        ASSERT_TRUE(store->compact());
    }
}

void flip(const Path& file, std::uint64_t at, unsigned bit) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(at));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(static_cast<char>(static_cast<unsigned>(byte) ^ 1U << bit));
}

// Whether opening, checking or reading names the damage; never a wrong value.
bool is_noticed(const Path& folder) {
    auto store = KeyValue::open(folder, families);
    if (!store) {
        EXPECT_EQ(store.error().code, ErrorCode::corrupted) << store.error().to_string();
        EXPECT_NE(store.error().context.find(folder.string()), std::string::npos);
        return true;
    }
    const Status checked = (*store)->check_integrity();
    if (!checked) {
        EXPECT_EQ(checked.error().code, ErrorCode::corrupted) << checked.error().to_string();
    }
    std::uint64_t found = 0;
    const Status scanned = (*store)->scan(alpha, {}, [&](ByteView key, ByteView value) {
        EXPECT_EQ(value[0], key[7]);
        ++found;
        return true;
    });
    return !checked || !scanned || found != 3000;
}

TEST(KeyValueTest, DamagedFilesAreNamed) {
    Prng prng(2);
    for (const std::string kind : {".sst", ".log", "MANIFEST", "CURRENT"}) {
        for (int turn = 0; turn < 6; ++turn) {
            const TemporaryFolder folder;
            fill(folder.path(), kind != ".log");
            for (const auto& entry : fs::directory_iterator(folder.path())) {
                const std::string name = entry.path().filename().string();
                const bool is_it = name.ends_with(kind) || name.starts_with(kind);
                if (!is_it || entry.file_size() < 4) continue;
                // Not in the last bytes: what a crash can tear off is no damage.
                const std::uint64_t size = entry.file_size();
                if (turn == 5 && kind != ".log") {
                    fs::resize_file(entry.path(), size / 2);
                } else {
                    flip(entry.path(), prng.below(size - size / 4),
                         static_cast<unsigned>(prng.below(8)));
                }
            }
            EXPECT_TRUE(is_noticed(folder.path())) << kind << ", turn " << turn;
        }
    }
}

} // namespace
} // namespace ol::store
