// SIGKILL at random moments while a chain makes blocks, re-orgs and overrides: what was reported is
// there, every root checks, nothing needs repair.
#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/prng.hpp"
#include "base/rounds_for_tests.hpp"
#include "chain/world_for_tests.hpp"

namespace ol::chain {
namespace {

constexpr const char* folder_variable = "OL_KILL_TEST_FOLDER";
constexpr const char* seed_variable = "OL_KILL_TEST_SEED";
constexpr int quick_kills = 12, full_kills = 200;

std::unique_ptr<Blockchain> open_chain(const Path& folder) {
    BlockchainOptions options;
    options.folder = folder / "chain";
    options.threads = 1;
    auto opened = Blockchain::open(options, test_genesis());
    EXPECT_TRUE(opened.has_value()) << opened.error().to_string();
    return opened ? std::move(*opened) : nullptr;
}

void report(const Path& folder, const Hash32& head) {
    std::FILE* file = std::fopen((folder / "reported").c_str(), "ab");
    std::fwrite(head.begin(), 1, 32, file);
    std::fclose(file);
}

// A re-org of up to three blocks, to a branch as long as what it replaces and one more.
void reorganise(Blockchain& chain, Prng& random) {
    const std::uint64_t depth = 1 + random.below(3);
    if (chain.head().number < depth) return;
    Hash32 tip = *chain.canonical_hash(chain.head().number - depth).value();
    for (std::uint64_t i = 0; i <= depth; ++i) {
        const Header parent = *chain.header(tip).value();
        const auto attributes = attributes_after(chain.config(), parent, 1 + random.below(50));
        const auto built = chain.build(tip, attributes, nullptr, 0);
        if (!built || !chain.import(built->block, false)) std::abort();
        tip = hash(built->block.header);
    }
    if (!chain.set_heads(tip, {}, {})) std::abort();
}

void give(Blockchain& chain) {
    AccountChange change;
    change.address = test_key(6).address();
    change.account = *(*chain.state_at(chain.head().number))->account(change.address).value();
    change.account->balance += U256(1);
    if (!chain.override_state({change})) std::abort();
}

// Run by the test below in a process that it kills: makes blocks for ever.
TEST(kill, DISABLED_child) {
    const char* folder = std::getenv(folder_variable);
    if (folder == nullptr) return;
    Prng random(std::strtoull(std::getenv(seed_variable), nullptr, 10));
    const auto chain = open_chain(folder);
    if (chain == nullptr) std::abort();
    TransactionPool pool(*chain);
    while (true) {
        for (auto left = random.below(6); left > 0; --left) {
            const auto key = random.below(4);
            const auto nonce = pool.next_nonce(test_key(key).address());
            (void)pool.add(count_call(key, nonce, random.next()));
        }
        const auto choice = random.below(10);
        if (choice == 0) {
            reorganise(*chain, random);
        } else if (choice == 1) {
            give(*chain);
        } else if (!chain->produce(attributes_after(chain->config(), chain->head()), &pool)) {
            std::abort();
        }
        report(folder, chain->head_hash());
    }
}

pid_t spawn_child(const Path& folder, std::uint64_t seed) {
    const std::string place = std::string(folder_variable) + "=" + folder.string();
    const std::string seeded = std::string(seed_variable) + "=" + std::to_string(seed);
    std::string program = "chain_test", filter = "--gtest_filter=kill.DISABLED_child";
    std::string disabled = "--gtest_also_run_disabled_tests";
    char* arguments[] = {program.data(), filter.data(), disabled.data(), nullptr};
    char* environment[] = {const_cast<char*>(place.c_str()), const_cast<char*>(seeded.c_str()),
                           nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t child = -1;
    EXPECT_EQ(posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments, environment), 0);
    posix_spawn_file_actions_destroy(&actions);
    return child;
}

std::vector<Hash32> reported(const Path& folder) {
    std::vector<Hash32> out;
    const auto bytes = read_file(folder / "reported", 1 << 26);
    if (!bytes) return out;
    for (std::size_t at = 0; at + 32 <= bytes->size(); at += 32) {
        out.push_back(*Hash32::from(ByteView(*bytes).subspan(at, 32)));
    }
    return out;
}

// Blocks link, every transaction and log is found where it stands, the state is the head's.
void check(Blockchain& chain) {
    std::size_t logs = 0;
    Hash32 parent;
    for (std::uint64_t number = 0; number <= chain.head().number; ++number) {
        const auto hash = chain.canonical_hash(number).value();
        ASSERT_TRUE(hash) << number;
        const auto block = chain.stored(*hash).value();
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(block->block.header.parent_hash, parent);
        parent = *hash;
        for (std::size_t i = 0; i < block->transaction_hashes.size(); ++i) {
            const auto place = chain.find(block->transaction_hashes[i]).value();
            ASSERT_TRUE(place);
            EXPECT_EQ(place->block_hash, *hash);
            logs += block->outcomes[i].receipt.logs.size();
        }
    }
    LogFilter filter;
    filter.to = chain.head().number;
    filter.limit = ~0ULL;
    filter.addresses.push_back(counter_address());
    EXPECT_EQ(chain.logs(filter).value().size(), logs);
    EXPECT_EQ(chain.state().root(), chain.head().state_root);
    const auto verified = chain.state().verify({});
    EXPECT_TRUE(verified) << verified.error().to_string();
}

// One in three dies wherever it is, perhaps while it opens the folder; the others when they have
// reported something, so that on a slow machine too most die at work.
void let_it_work(const Path& folder, Prng& random, bool anywhere) {
    const auto bytes = [&] {
        std::error_code none;
        const auto size = std::filesystem::file_size(folder / "reported", none);
        return none ? 0 : size;
    };
    const auto before = bytes();
    for (int i = 0; !anywhere && i < 10'000 && bytes() == before; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random.below(150'000)));
}

TEST(kill, nothing_that_was_reported_is_lost) {
    TestFolder folder;
    Prng random(77);
    const int kills = test_rounds(quick_kills, full_kills);
    std::uint64_t highest = 0;
    for (int i = 0; i < kills; ++i) {
        const pid_t child = spawn_child(folder.path(), random.next());
        ASSERT_GT(child, 0);
        let_it_work(folder.path(), random, i % 3 == 2);
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the child gave up";
        const auto chain = open_chain(folder.path());
        ASSERT_NE(chain, nullptr);
        const auto heads = reported(folder.path());
        for (const auto& head : heads) {
            ASSERT_TRUE(chain->header(head).value()) << i << ": a block is lost";
        }
        if (!heads.empty()) {
            // The last one reported is the head, or an ancestor of it, or what a re-org that goes
            // on left behind: in any case the head is not far below it.
            const std::uint64_t last = chain->header(heads.back()).value()->number;
            EXPECT_GE(chain->head().number + 3, last);
        }
        highest = std::max(highest, chain->head().number);
        if (i % 5 == 4 || i == kills - 1) {
            ASSERT_NO_FATAL_FAILURE(check(*chain));
        }
    }
    EXPECT_GT(highest, 20U) << "the children were killed before they did anything";
}

} // namespace
} // namespace ol::chain
