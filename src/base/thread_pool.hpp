// ThreadPool: persistent workers for data-parallel loops. Workers spin for a moment after a loop
// and then sleep; a loop does not wait for a worker that has not begun, and where other programs
// take the processors so that help costs more than it brings, loops run in the caller alone for a
// while. The split of a loop over threads never changes a result: each index is computed by one
// call, and no reduction crosses indices.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace ol {

class ThreadPool {
public:
    // 0: as many as the machine has cores. One thread means: everything in the caller.
    explicit ThreadPool(unsigned threads = 0);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    unsigned threads() const;

    // Calls body(begin, end) over disjoint ranges that cover [0, count), in chunks of at least
    // `grain`; returns when all are done. The caller works too. Calls do not nest; several threads
    // may call, one loop runs at a time. body must not throw.
    void parallel_for(std::size_t count, std::size_t grain,
                      const std::function<void(std::size_t, std::size_t)>& body);

private:
    struct Shared;
    std::unique_ptr<Shared> shared_;
};

} // namespace ol
