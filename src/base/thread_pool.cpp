#include "base/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace ol {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int spins = 2000; // of about 15 ns: then sleep, so that idle threads cost nothing
constexpr std::size_t chunks_per_thread = 8;

// A thread that the system stops while it holds a chunk makes the caller wait for it, on a busy
// machine for milliseconds. What helpers gain and cost is therefore kept in a balance; when it is
// overdrawn, loops run in the caller alone for ten times the loss, so that help can never cost more
// than a tenth.
constexpr auto most_credit = std::chrono::milliseconds(2);
constexpr auto overdraft = std::chrono::milliseconds(1);
constexpr int alone_for = 10;

void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

} // namespace

struct ThreadPool::Shared {
    // A loop's number, whether workers may still join it, and how many are in it: one word, so that
    // a worker is either counted before the caller closes the loop or never sees it.
    static constexpr std::uint64_t open = std::uint64_t{1} << 16, one_loop = open << 1;
    static std::uint64_t inside(std::uint64_t state) { return state & (open - 1); }
    static std::uint64_t loop_of(std::uint64_t state) { return state / one_loop; }
    alignas(64) std::atomic<std::uint64_t> state{0};
    alignas(64) std::atomic<std::size_t> next{0};

    // Of the open loop; written while nobody is inside.
    alignas(64) const std::function<void(std::size_t, std::size_t)>* body = nullptr;
    std::size_t count = 0;
    std::size_t chunk = 0;

    std::mutex caller_mutex; // one loop at a time
    Clock::duration balance{0};
    Clock::time_point alone_until{};

    std::mutex mutex; // of the sleepers
    std::condition_variable wake, done;
    std::atomic<unsigned> sleepers{0};
    std::atomic<bool> caller_sleeps{false};
    std::atomic<bool> stop{false};

    std::vector<std::thread> workers;

    // How many indices it took.
    std::size_t work() {
        std::size_t taken = 0;
        for (;;) {
            const std::size_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
            if (begin >= count) return taken;
            const std::size_t end = std::min(begin + chunk, count);
            (*body)(begin, end);
            taken += end - begin;
        }
    }

    bool join(std::uint64_t& seen) {
        auto now = state.load();
        while ((now & open) != 0 && loop_of(now) != seen) {
            if (state.compare_exchange_weak(now, now + 1)) {
                seen = loop_of(now);
                return true;
            }
        }
        return false;
    }

    void run_worker() {
        std::uint64_t seen = 0;
        for (;;) {
            bool joined = false;
            for (int spin = 0; spin < spins && !joined && !stop.load(); ++spin) {
                joined = join(seen);
                if (!joined) relax();
            }
            if (!joined) {
                std::unique_lock lock(mutex);
                sleepers.fetch_add(1);
                wake.wait(lock, [&] { return stop.load() || (joined = join(seen)); });
                sleepers.fetch_sub(1);
                if (!joined) return;
            }
            work();
            if (inside(state.fetch_sub(1)) == 1 && caller_sleeps.load()) {
                const std::scoped_lock lock(mutex);
                done.notify_one();
            }
        }
    }

    void wait_for_workers() {
        for (int spin = 0; spin < spins; ++spin) {
            if (inside(state.load()) == 0) return;
            relax();
        }
        std::unique_lock lock(mutex);
        caller_sleeps.store(true);
        done.wait(lock, [&] { return inside(state.load()) == 0; });
        caller_sleeps.store(false);
    }
};

ThreadPool::ThreadPool(unsigned threads)
    : shared_(std::make_unique<Shared>()) {
    if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
    for (unsigned i = 1; i < threads; ++i) {
        shared_->workers.emplace_back([shared = shared_.get()] { shared->run_worker(); });
    }
}

ThreadPool::~ThreadPool() {
    {
        const std::scoped_lock lock(shared_->mutex);
        shared_->stop.store(true);
    }
    shared_->wake.notify_all();
    for (auto& worker : shared_->workers) worker.join();
}

unsigned ThreadPool::threads() const { return static_cast<unsigned>(shared_->workers.size()) + 1; }

void ThreadPool::parallel_for(std::size_t count, std::size_t grain,
                              const std::function<void(std::size_t, std::size_t)>& body) {
    if (count == 0) return;
    grain = std::max<std::size_t>(grain, 1);
    if (shared_->workers.empty() || count <= grain) {
        body(0, count);
        return;
    }
    auto& s = *shared_;
    const std::scoped_lock caller(s.caller_mutex);
    const auto start = Clock::now();
    if (start < s.alone_until) {
        body(0, count);
        return;
    }
    s.body = &body;
    s.count = count;
    s.chunk = std::max(grain, count / (threads() * chunks_per_thread));
    s.next.store(0, std::memory_order_relaxed);
    s.state.store((Shared::loop_of(s.state.load()) + 1) * Shared::one_loop | Shared::open);
    if (s.sleepers.load() > 0) {
        const std::scoped_lock lock(s.mutex);
        s.wake.notify_all();
    }
    const std::size_t taken = s.work();
    const auto worked = Clock::now() - start;
    // Who has not begun by now finds the loop closed; only those inside are waited for.
    s.state.fetch_and(~Shared::open);
    s.wait_for_workers();
    if (taken == count || taken == 0) return;
    const auto alone = std::chrono::duration_cast<Clock::duration>(
        worked * (static_cast<double>(count) / static_cast<double>(taken)));
    const auto end = Clock::now();
    s.balance = std::min<Clock::duration>(s.balance + alone - (end - start), most_credit);
    if (s.balance < -overdraft) {
        s.alone_until = end - alone_for * s.balance;
        s.balance = {};
    }
}

} // namespace ol
