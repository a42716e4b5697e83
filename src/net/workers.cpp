#include "net/workers.hpp"

#include <algorithm>
#include <system_error>

namespace ol::net {

Workers::Workers(unsigned threads, std::uint64_t queue_limit, std::uint64_t long_limit)
    : queue_limit_(queue_limit)
    , long_limit_(long_limit) {
    for (unsigned i = 0; i < std::max(threads, 1U); ++i) {
        threads_.emplace_back([this] { work(); });
    }
}

bool Workers::submit(Job job) {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_ || queue_.size() >= queue_limit_) return false;
        queue_.push_back(std::move(job));
    }
    wake_.notify_one();
    return true;
}

bool Workers::submit_long(Job job) {
    const std::lock_guard lock(mutex_);
    std::erase_if(long_jobs_, [](Long& each) {
        if (each.ended) each.thread.join(); // it has left its last critical section
        return each.ended;
    });
    if (stopping_ || long_jobs_.size() >= long_limit_) return false;
    Long& slot = long_jobs_.emplace_back();
    try {
        slot.thread = std::thread([this, &slot, run = std::move(job)]() mutable {
            run();
            run = nullptr; // what the job holds goes before the thread counts as ended
            const std::lock_guard ending(mutex_);
            slot.ended = true;
        });
    } catch (const std::system_error&) {
        long_jobs_.pop_back();
        return false;
    }
    return true;
}

void Workers::stop() {
    std::deque<Job> dropped;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        dropped.swap(queue_);
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    // No job is added any more: the list itself is stable.
    for (auto& each : long_jobs_) each.thread.join();
    long_jobs_.clear();
}

void Workers::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (stopping_) return;
        Job job = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        job();
        job = nullptr;
        lock.lock();
    }
}

} // namespace ol::net
