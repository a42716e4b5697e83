// A state database in a folder of its own, for tests.
#pragma once

#include <filesystem>

#include <gtest/gtest.h>

#include "chain/state/database.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {

class TemporaryFolder {
public:
    TemporaryFolder()
        : path_(std::filesystem::temp_directory_path() /
                ("ol_state_" + to_hex(crypto::random_bytes(8)))) {
        std::filesystem::create_directories(path_);
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const Path& path() const { return path_; }

private:
    Path path_;
};

// The store and the database over it, opened anew on demand.
struct OpenState {
    explicit OpenState(Path where, StateOptions how = {}, unsigned threads = 1)
        : folder(std::move(where))
        , options(how)
        , pool(threads) {
        open();
    }

    void open() {
        close();
        auto opened = store::KeyValue::open(folder, state_family_names(), key_value);
        ASSERT_TRUE(opened) << opened.error().to_string();
        store = std::move(*opened);
        auto state = StateDatabase::open(*store, options, pool);
        ASSERT_TRUE(state) << state.error().to_string();
        database = std::move(*state);
    }
    void close() {
        database.reset();
        store.reset();
    }

    // One block of these changes on the head; its number.
    std::uint64_t commit(const std::vector<StateChanges>& parts, bool durable = false) {
        auto pending = database->begin();
        for (const StateChanges& changes : parts) {
            const auto root = pending->apply(changes);
            EXPECT_TRUE(root) << root.error().to_string();
        }
        return commit(std::move(pending), durable);
    }
    std::uint64_t commit(std::unique_ptr<StateDatabase::Pending> pending, bool durable = false) {
        const auto head = database->head_number();
        const std::uint64_t number = head ? *head + 1 : 0;
        store::WriteBatch batch;
        const Status staged = database->stage(*pending, number, batch);
        EXPECT_TRUE(staged) << staged.error().to_string();
        EXPECT_TRUE(store->write(batch, durable));
        database->adopt(std::move(pending));
        return number;
    }

    Path folder;
    StateOptions options;
    store::KeyValueOptions key_value;
    ThreadPool pool;
    std::unique_ptr<store::KeyValue> store;
    std::unique_ptr<StateDatabase> database;
};

} // namespace ol::chain
