#include "openlora/adapter_store.hpp"

#include <thread>

#include "openlora/test_support.hpp"

namespace ol::openlora {
namespace {

using namespace testing;

void flip_byte(const Path& file, std::size_t from_end) {
    auto bytes = *read_file(file, 1U << 24);
    bytes[bytes.size() - from_end] ^= 1;
    ASSERT_TRUE(write_file_atomic(file, ByteView(bytes)).has_value());
}

TEST(AdapterStore, LoadsOnFirstUseAndShares) {
    Folder folder;
    AdapterStore store(make_config(), 4);
    add_adapter(store, folder.path(), "b", 2, 4);
    add_adapter(store, folder.path(), "a", 1, 8);
    auto list = store.list();
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0].id, "a");
    EXPECT_FALSE(list[0].resident);
    EXPECT_GT(list[0].size_bytes, 1000U);
    const auto first = store.acquire("a");
    ASSERT_TRUE(first.has_value()) << first.error().to_string();
    EXPECT_EQ((*first)->config.rank, 8U);
    EXPECT_EQ(store.acquire("a")->get(), first->get());
    EXPECT_EQ(store.load_count(), 1U);
    EXPECT_TRUE(store.list()[0].resident);
    EXPECT_EQ(store.acquire("c").error().code, ErrorCode::not_found);
}

TEST(AdapterStore, AFlippedByteIsRefusedWithBothHashes) {
    for (const auto* name : {"adapter_model.safetensors", "adapter_config.json"}) {
        Folder folder;
        AdapterStore store(make_config(), 4);
        const auto at = add_adapter(store, folder.path(), "a", 1, 4);
        const auto registered = store.list()[0].registered;
        flip_byte(at / name, 5);
        const auto refused = store.acquire("a");
        ASSERT_FALSE(refused.has_value());
        EXPECT_EQ(refused.error().code, ErrorCode::unverified);
        const auto& text = refused.error().context;
        EXPECT_NE(text.find(to_hex(registered.view())), std::string::npos) << text;
        EXPECT_NE(text.find(to_hex(model::adapter_hash(at)->view())), std::string::npos) << text;
        flip_byte(at / name, 5);
        EXPECT_TRUE(store.acquire("a").has_value()) << "restored files are taken again";
    }
}

TEST(AdapterStore, AChangedFileIsNoticedAtTheNextLoad) {
    Folder folder;
    AdapterStore store(make_config(), 1);
    const auto at = add_adapter(store, folder.path(), "a", 1, 4);
    add_adapter(store, folder.path(), "b", 2, 4);
    ASSERT_TRUE(store.acquire("a").has_value());
    flip_byte(at / "adapter_model.safetensors", 5);
    EXPECT_TRUE(store.acquire("a").has_value()) << "resident: what was verified is used";
    EXPECT_EQ(store.load_count(), 1U);
    ASSERT_TRUE(store.acquire("b").has_value()); // evicts a
    EXPECT_EQ(store.acquire("a").error().code, ErrorCode::unverified);
}

TEST(AdapterStore, EvictsTheLeastRecentlyUsed) {
    Folder folder;
    AdapterStore store(make_config(), 2);
    for (const auto* id : {"a", "b", "c"}) add_adapter(store, folder.path(), id, 3, 4);
    ASSERT_TRUE(store.acquire("a").has_value());
    ASSERT_TRUE(store.acquire("b").has_value());
    ASSERT_TRUE(store.acquire("a").has_value());
    ASSERT_TRUE(store.acquire("c").has_value());
    const auto list = store.list();
    EXPECT_TRUE(list[0].resident);
    EXPECT_FALSE(list[1].resident);
    EXPECT_TRUE(list[2].resident);

    // What a request holds is neither lost nor loaded twice.
    const auto held_a = *store.acquire("a");
    const auto held_b = *store.acquire("b");
    const auto held_c = *store.acquire("c");
    const auto loads = store.load_count();
    EXPECT_EQ(store.acquire("a")->get(), held_a.get());
    EXPECT_EQ(store.acquire("b")->get(), held_b.get());
    EXPECT_EQ(store.load_count(), loads);
    EXPECT_EQ(held_a->config.rank, 4U);
}

TEST(AdapterStore, IdsKeepTheirHash) {
    Folder folder;
    AdapterStore store(make_config(), 2);
    const auto at = add_adapter(store, folder.path(), "a", 1, 4);
    EXPECT_TRUE(store.add("a", at, *model::adapter_hash(at)).has_value());
    EXPECT_EQ(store.add("a", at, Hash32{}).error().code, ErrorCode::already_exists);
    EXPECT_TRUE(store.remove("a").has_value());
    EXPECT_EQ(store.remove("a").error().code, ErrorCode::not_found);
    EXPECT_TRUE(store.add("a", folder.path() / "nowhere", Hash32{}).has_value());
    EXPECT_EQ(store.acquire("a").error().code, ErrorCode::not_found);
}

TEST(AdapterStore, AnAdapterOfAnotherShapeIsRefused) {
    Folder folder;
    auto other = make_config();
    other.hidden_size = 16;
    AdapterStore store(other, 2);
    add_adapter(store, folder.path(), "a", 1, 4);
    const auto refused = store.acquire("a");
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(refused.error().context.find("adapter a"), std::string::npos);
}

TEST(AdapterStore, ManyThreadsLoadOnce) {
    Folder folder;
    AdapterStore store(make_config(), 2);
    add_adapter(store, folder.path(), "a", 1, 16);
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] { good += store.acquire("a").has_value() ? 1 : 0; });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 8);
    EXPECT_EQ(store.load_count(), 1U);
}

} // namespace
} // namespace ol::openlora
