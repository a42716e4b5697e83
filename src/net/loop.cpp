#include "net/loop_internal.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace ol::net {

namespace {

constexpr std::chrono::milliseconds patience{2}; // with work in place
constexpr std::chrono::milliseconds glance{4};   // from one look of the watcher to the next
constexpr int glances_before_sleep = 12;         // without any work

thread_local bool lost_the_loop = false;

} // namespace

Loop::Loop(boost::asio::io_context& io, unsigned most_threads)
    : io_(io)
    , most_threads_(std::max(2U, most_threads)) {}

void Loop::start() {
    const std::scoped_lock guard(mutex_);
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { live(); });
}

std::uint64_t Loop::begin() {
    since_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
    const std::uint64_t work = ++count_;
    work_.store(work);
    if (asleep_.load()) {
        const std::scoped_lock guard(mutex_);
        watch_.notify_one();
    }
    return work;
}

bool Loop::end(std::uint64_t work) {
    if (work_.compare_exchange_strong(work, 0)) return true;
    lost_the_loop = true;
    return false;
}

void Loop::finished() {
    const std::scoped_lock guard(mutex_);
    --lost_;
    drained_.notify_all();
}

void Loop::drain() {
    std::unique_lock lock(mutex_);
    drained_.wait(lock, [this] { return lost_ == 0; });
}

void Loop::join() {
    {
        const std::scoped_lock guard(mutex_);
        stopped_ = true;
        waiting_changed_.notify_all();
        watch_.notify_all();
    }
    // None begins any more: only who takes the loop starts one.
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

// A thread's life: it waits for the loop, has it, and waits again.
void Loop::live() {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++waiting_;
        const bool taken = take(lock);
        --waiting_;
        if (!taken) return;
        // Somebody watches, as long as there may be one more.
        if (waiting_ == 0 && threads_.size() < most_threads_) {
            threads_.emplace_back([this] { live(); });
        }
        lock.unlock();
        serve();
        lock.lock();
    }
}

// False when all is over.
bool Loop::take(std::unique_lock<std::mutex>& lock) {
    for (;;) {
        if (stopped_) return false;
        if (!owned_) {
            owned_ = true;
            return true;
        }
        if (watched_) {
            waiting_changed_.wait(lock);
            continue;
        }
        watched_ = true;
        const bool taken = watch(lock);
        watched_ = false;
        waiting_changed_.notify_one();
        if (taken) return true;
    }
}

bool Loop::watch(std::unique_lock<std::mutex>& lock) {
    int idle = 0;
    while (!stopped_) {
        std::uint64_t work = work_.load();
        if (work == 0 && ++idle > glances_before_sleep) {
            asleep_.store(true);
            if (work_.load() == 0) watch_.wait(lock);
            asleep_.store(false);
            idle = 0;
            continue;
        }
        if (work != 0) {
            idle = 0;
            const Clock::time_point since{Clock::duration(since_.load(std::memory_order_relaxed))};
            // From here on whoever does this work must not touch what is the loop's.
            if (Clock::now() - since >= patience && work_.compare_exchange_strong(work, 0)) {
                ++lost_;
                return true;
            }
        }
        watch_.wait_for(lock, glance);
    }
    return false;
}

void Loop::serve() {
    while (!io_.stopped()) {
        try {
            io_.run_one();
        } catch (const std::exception& error) {
            // One connection's trouble (no memory for its body, say) is not the end of the others.
            log::error("net", "a connection failed: {}", error.what());
        }
        if (lost_the_loop) {
            lost_the_loop = false;
            return;
        }
    }
}

} // namespace ol::net
