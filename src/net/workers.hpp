// Workers: the threads of a server's handlers. Short jobs share a fixed number of threads through a
// bounded queue; long ones (streamed bodies) get a thread each, up to a limit.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

namespace ol::net {

class Workers {
public:
    using Job = std::function<void()>; // must not throw

    Workers(unsigned threads, std::uint64_t queue_limit, std::uint64_t long_limit);
    ~Workers() { stop(); }
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    // False when the queue is full or the workers stop; the job is then not taken.
    bool submit(Job job);
    bool submit_long(Job job);
    // Drops what waits, and returns when what runs has ended.
    void stop();

private:
    struct Long {
        std::thread thread;
        bool ended = false;
    };
    void work();

    const std::uint64_t queue_limit_, long_limit_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> queue_;
    std::vector<std::thread> threads_;
    std::list<Long> long_jobs_; // elements keep their place while their threads run
    bool stopping_ = false;
};

} // namespace ol::net
