// Loop: runs an io_context's handlers on one thread at a time, which may change. A handler may do
// work in place, between begin and end; when that takes longer than a moment, a thread that stands
// by takes the loop over. So brief work costs no change of threads, and long work holds nobody up.
// Private to src/net, as session_internal.hpp is.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace ol::net {

class Loop {
public:
    // At most `most_threads` threads, at least two.
    Loop(boost::asio::io_context& io, unsigned most_threads);
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    void start();
    // Around work in place, on the loop's thread; not nested.
    std::uint64_t begin();
    // True: this thread still has the loop. False: another one has it, so that nothing that belongs
    // to the loop may be touched any more: the caller posts what it has, calls finished, and
    // returns.
    bool end(std::uint64_t work);
    void finished();
    // Returns when no work goes on that has lost the loop.
    void drain();
    // After io_context::stop: returns when all threads have ended.
    void join();

private:
    using Clock = std::chrono::steady_clock;

    void live();
    bool take(std::unique_lock<std::mutex>& lock);
    bool watch(std::unique_lock<std::mutex>& lock);
    void serve();

    boost::asio::io_context& io_;
    const std::size_t most_threads_;

    std::atomic<std::uint64_t> work_ = 0; // under way in place; 0: none
    std::atomic<Clock::rep> since_ = 0;
    std::uint64_t count_ = 0;          // the loop's thread
    std::atomic<bool> asleep_ = false; // nobody watches until begin says so

    std::mutex mutex_;
    std::condition_variable waiting_changed_, watch_, drained_;
    std::vector<std::thread> threads_;
    std::size_t waiting_ = 0, lost_ = 0;
    bool owned_ = false, watched_ = false, stopped_ = false;
};

} // namespace ol::net
