#include "base/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace ol {

struct ThreadPool::Shared {
    std::mutex caller_mutex; // one loop at a time
    std::mutex mutex;
    std::condition_variable wake;
    std::condition_variable done;
    std::atomic<std::uint64_t> generation{0};
    bool stop = false;

    const std::function<void(std::size_t, std::size_t)>* body = nullptr;
    std::size_t count = 0;
    std::size_t chunk = 0;
    std::atomic<std::size_t> next{0};
    unsigned active = 0;

    std::vector<std::thread> workers;

    void work() {
        for (;;) {
            const std::size_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
            if (begin >= count) return;
            (*body)(begin, std::min(begin + chunk, count));
        }
    }

    void run_worker() {
        std::uint64_t seen = 0;
        for (;;) {
            // A short spin keeps the latency of back-to-back loops low; then sleep, so that idle
            // workers cost nothing on a busy machine.
            for (int spin = 0; spin < 2000; ++spin) {
                if (generation.load(std::memory_order_acquire) != seen) break;
#if defined(__x86_64__)
                __builtin_ia32_pause();
#endif
            }
            {
                std::unique_lock lock(mutex);
                wake.wait(lock, [&] { return stop || generation.load() != seen; });
                if (stop) return;
                seen = generation.load();
                if (body == nullptr) continue; // woke after the loop had ended
                ++active;
            }
            work();
            {
                const std::scoped_lock lock(mutex);
                --active;
            }
            done.notify_one();
        }
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
        shared_->stop = true;
        shared_->generation.fetch_add(1);
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
    {
        const std::scoped_lock lock(s.mutex);
        s.body = &body;
        s.count = count;
        s.chunk = std::max(grain, count / (threads() * 4));
        s.next.store(0, std::memory_order_relaxed);
        s.generation.fetch_add(1, std::memory_order_release);
    }
    s.wake.notify_all();
    s.work();
    std::unique_lock lock(s.mutex);
    s.done.wait(lock, [&] { return s.active == 0; });
    s.body = nullptr;
}

} // namespace ol
