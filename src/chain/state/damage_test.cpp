// Files of the database that are damaged, cut short or gone: opening, the checksums or `verify` say
// which file it is and what to do; nothing crashes, and no wrong value comes out.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/rounds_for_tests.hpp"
#include "chain/state/database_for_tests.hpp"
#include "chain/state/random_changes_for_tests.hpp"

namespace ol::chain {
namespace {

namespace fs = std::filesystem;

StateOptions small_options() {
    StateOptions out;
    out.history_blocks = 8;
    out.cache_bytes = 1U << 20;
    return out;
}

enum class Damage { bit, cut, gone, emptied };

std::string name_of(Damage damage) {
    switch (damage) {
    case Damage::bit:
        return "a bit of ";
    case Damage::cut:
        return "the end of ";
    case Damage::gone:
        return "all of ";
    case Damage::emptied:
        return "the content of ";
    }
    return {};
}

std::vector<Path> files_of(const Path& folder, const std::string& part) {
    std::vector<Path> out;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (name.find(part) != std::string::npos && entry.file_size() > 0) {
            out.push_back(entry.path());
        }
    }
    std::sort(out.begin(), out.end());
    return out;
}

void do_damage(const Path& file, Damage damage, Prng& prng) {
    const std::uint64_t size = fs::file_size(file);
    switch (damage) {
    case Damage::bit: {
        const std::uint64_t at = prng.below(size);
        std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekg(static_cast<std::streamoff>(at));
        const int byte = stream.get();
        stream.seekp(static_cast<std::streamoff>(at));
        stream.put(static_cast<char>(static_cast<unsigned>(byte) ^ 1U << prng.below(8)));
        break;
    }
    case Damage::cut:
        fs::resize_file(file, size - 1 - prng.below(size / 2));
        break;
    case Damage::gone:
        fs::remove(file);
        break;
    case Damage::emptied:
        fs::resize_file(file, 0);
        break;
    }
}

// A database whose first blocks are in tables and whose last ones are in the log. Made once, copied
// for each damage.
class DamageTest : public testing::Test {
protected:
    static constexpr std::uint64_t blocks = 12;

    void SetUp() override {
        OpenState state(whole_.path(), small_options());
        for (std::uint64_t i = 0; i < blocks; ++i) {
            number_ = state.commit({twin_.next(), twin_.next()});
            worlds_.push_back(twin_.accounts());
            roots_.push_back(state.database->root());
            if (i == blocks / 2) {
                ASSERT_TRUE(state.store->compact());
            }
        }
    }

    struct Found {
        std::string said;   // empty: nobody noticed
        bool older = false; // ... because it is a whole state of an older block
    };

    // What opening, the checksums and `verify` say, in turn, as `chain run` and `chain verify` do.
    Found look(const Path& folder) {
        auto store = store::KeyValue::open(folder, state_family_names());
        if (!store) return named(store.error());
        if (const auto sound = (*store)->check_integrity(); !sound) return named(sound.error());
        ThreadPool pool(1);
        auto database = StateDatabase::open(**store, small_options(), pool);
        if (!database) return named(database.error());
        if (const auto right = (*database)->verify(no_progress); !right) {
            return named(right.error());
        }
        const auto head = (*database)->head_number();
        if (!head) return {};
        EXPECT_EQ((*database)->root(), roots_[*head]);
        twin_.set_accounts(worlds_[*head]);
        twin_.compare(**(*database)->at(*head), 3);
        return {{}, *head < number_};
    }

    static Found named(const Error& error) {
        EXPECT_EQ(error.code, ErrorCode::corrupted) << error.to_string();
        return {error.to_string()};
    }

    // Damages one file of each copy, and hands over what was said about it.
    void each(const std::string& part, Damage damage, int turns,
              const std::function<void(const Path& file, const Found&)>& check) {
        for (int turn = 0; turn < turns; ++turn) {
            const TemporaryFolder copy;
            fs::copy(whole_.path(), copy.path(), fs::copy_options::recursive);
            const auto files = files_of(copy.path(), part);
            ASSERT_FALSE(files.empty()) << part;
            const Path file = files[prng_.below(files.size())];
            do_damage(file, damage, prng_);
            check(file, look(copy.path()));
            if (HasFailure()) FAIL() << name_of(damage) << file << ", turn " << turn;
        }
    }

    static void expect_named(const Path& file, const Found& found) {
        ASSERT_NE(found.said, "") << "nobody noticed";
        EXPECT_NE(found.said.find(file.filename().string()), std::string::npos) << found.said;
        EXPECT_NE(found.said.find("restore"), std::string::npos) << found.said;
    }

    const TemporaryFolder whole_;
    WorldTwin twin_{77, 60, 40};
    std::vector<std::map<Address, WorldTwin::Held>> worlds_;
    std::vector<Hash32> roots_;
    std::uint64_t number_ = 0;
    Prng prng_{8};
};

TEST_F(DamageTest, OfTablesIsNamed) {
    for (const auto damage : {Damage::bit, Damage::cut, Damage::gone, Damage::emptied}) {
        each(".sst", damage, test_rounds(damage == Damage::bit ? 6 : 2, 60), expect_named);
    }
}

// Without CURRENT the store looks as if it were empty: it must not be begun anew over the blocks.
TEST_F(DamageTest, OfTheNameOfTheManifestIsNamed) {
    for (const auto damage : {Damage::cut, Damage::gone, Damage::emptied}) {
        each("CURRENT", damage, test_rounds(1, 10), expect_named);
    }
    // Another name, as a rule of a file that is not there.
    each("CURRENT", Damage::bit, test_rounds(4, 60), [](const Path&, const Found& found) {
        ASSERT_NE(found.said, "") << "nobody noticed";
        EXPECT_NE(found.said.find("restore"), std::string::npos) << found.said;
    });
}

TEST_F(DamageTest, OfTheManifestIsNamed) {
    for (const auto damage : {Damage::gone, Damage::emptied, Damage::bit, Damage::cut}) {
        each("MANIFEST", damage, test_rounds(damage == Damage::bit ? 6 : 3, 100), expect_named);
    }
}

// A log that ends in the middle of a record is what a crash leaves: the blocks before it are a
// whole state. Anything else is damage.
TEST_F(DamageTest, OfTheLogIsNamedOrLeavesWholeBlocks) {
    int said = 0, turns = 0;
    each(".log", Damage::bit, test_rounds(8, 200), [&](const Path& file, const Found& found) {
        ++turns;
        if (found.said.empty() && found.older) return;
        ++said;
        expect_named(file, found);
    });
    each(".log", Damage::cut, test_rounds(3, 50), [](const Path& file, const Found& found) {
        if (found.said.empty() && found.older) return;
        expect_named(file, found);
    });
    EXPECT_GE(said * 2, turns) << "most bits are inside of a record that is not the last";
    RecordProperty("noticed", said);
}

} // namespace
} // namespace ol::chain
