// Processes that are killed while they commit: what was confirmed is there afterwards, and roots
// are those of the values.
#include <csignal>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rounds_for_tests.hpp"
#include "chain/state/database_for_tests.hpp"
#include "chain/state/random_changes_for_tests.hpp"

namespace ol::chain {
namespace {

constexpr std::uint64_t seed = 77, addresses = 60, slots = 40;

StateOptions small_options() {
    StateOptions out;
    out.history_blocks = 8;
    out.cache_bytes = 1U << 20;
    return out;
}

// The chain that every process of the test makes: block n is the n-th batch of changes of one
// seed, so that a process can go on where another was killed.
class Replay {
public:
    // The changes of the next block.
    StateChanges next() { return twin_.next(); }
    void skip(std::uint64_t blocks) {
        while (blocks-- > 0) (void)twin_.next();
    }
    const WorldTwin& twin() const { return twin_; }

private:
    WorldTwin twin_{seed, addresses, slots};
};

// Commits blocks from the head on until it is killed, and confirms each over a pipe. Now and then
// a roll-back and the same blocks again, which ends where it began.
[[noreturn]] void commit_until_killed(const Path& folder, int pipe_end) {
    OpenState state(folder, small_options());
    Replay replay;
    const auto head = state.database->head_number();
    replay.skip(head ? *head + 1 : 0);
    std::vector<StateChanges> last;
    for (std::uint64_t i = 0;; ++i) {
        last.push_back(replay.next());
        const std::uint64_t number = state.commit({last.back()}, true);
        if (write(pipe_end, &number, sizeof number) != sizeof number) _exit(1);
        if (last.size() < 3) continue;
        if (i % 4 == 3) {
            // Only blocks that this process made: it knows their changes.
            store::WriteBatch batch;
            if (!state.database->stage_rollback(number - 2, batch)) _exit(2);
            if (!state.store->write(batch, true)) _exit(3);
            state.database->adopt_rollback();
            state.commit({last[last.size() - 2]}, true);
            state.commit({last[last.size() - 1]}, true);
        }
        last.erase(last.begin());
    }
}

// Roots of the first blocks, as a state in memory has them.
class Roots {
public:
    const Hash32& of(std::uint64_t number) {
        while (roots_.size() <= number) roots_.push_back(*memory_->apply(replay_.next()));
        return roots_[number];
    }

private:
    Replay replay_;
    std::unique_ptr<StateBackend> memory_ = make_memory_state();
    std::vector<Hash32> roots_;
};

TEST(CrashTest, KilledAtAnyMomentNoConfirmedBlockIsLost) {
    const TemporaryFolder folder;
    Prng prng(3);
    Roots roots;
    std::uint64_t confirmed = 0;
    bool any = false;
    for (int kills = test_rounds(16, 200); kills > 0; --kills) {
        int ends[2];
        ASSERT_EQ(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            commit_until_killed(folder.path(), ends[1]);
        }
        close(ends[1]);
        std::uint64_t number = 0;
        for (std::uint64_t left = prng.below(8); left-- > 0;) {
            if (read(ends[0], &number, sizeof number) != sizeof number) break;
            confirmed = any ? std::max(confirmed, number) : number;
            any = true;
        }
        usleep(static_cast<unsigned>(prng.below(4000)));
        kill(child, SIGKILL);
        while (read(ends[0], &number, sizeof number) == sizeof number) {
            confirmed = any ? std::max(confirmed, number) : number;
            any = true;
        }
        close(ends[0]);
        int status = 0;
        waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status)) << "ended by itself with " << WEXITSTATUS(status);

        OpenState state(folder.path(), small_options());
        ASSERT_FALSE(HasFatalFailure());
        const auto head = state.database->head_number();
        if (!head) {
            ASSERT_FALSE(any);
            continue;
        }
        // A roll-back of two blocks may just have happened; otherwise nothing confirmed is gone.
        ASSERT_GE(*head + 2, confirmed);
        ASSERT_LE(*head, confirmed + 1);
        ASSERT_EQ(state.database->root(), roots.of(*head)) << "block " << *head;
        const Status verified = state.database->verify(no_progress);
        ASSERT_TRUE(verified) << verified.error().to_string();
        const std::uint64_t oldest = state.database->oldest_number();
        const auto reader = state.database->at(oldest);
        ASSERT_TRUE(reader);
        Replay past;
        past.skip(oldest + 1);
        past.twin().compare(**reader, 15);
        confirmed = *head;
        any = true;
    }
}

} // namespace
} // namespace ol::chain
