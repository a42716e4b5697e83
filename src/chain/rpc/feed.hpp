// Feed: what happens on the chain and in the pool, told to filters and subscriptions on a thread of
// its own, so that neither block production nor the pool waits for them. Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "chain/rpc/backend.hpp"

namespace ol::chain::rpc {

// One move of the canonical chain.
struct HeadUpdate {
    std::uint64_t sequence = 0;
    std::vector<FoundLog> removed;     // of blocks that left, newest block first
    std::vector<WholeBlockPtr> joined; // oldest first
};

// Held by whoever may change what a listener has; says at its end how many there are, for has_any.
template <class Container>
class ListenerLock {
public:
    ListenerLock(std::mutex& mutex, const Container& all, std::atomic<std::size_t>& count)
        : lock_(mutex)
        , all_(all)
        , count_(count) {}
    ~ListenerLock() { count_ = all_.size(); }
    ListenerLock(const ListenerLock&) = delete;
    ListenerLock& operator=(const ListenerLock&) = delete;

private:
    const std::lock_guard<std::mutex> lock_;
    const Container& all_;
    std::atomic<std::size_t>& count_;
};

class FeedListener {
public:
    virtual ~FeedListener() = default;
    // Whether there may be anybody to tell; never waits. Events that nobody wants are not kept.
    virtual bool has_any() const = 0;
    // Whether there is anybody to tell: nothing is read for nobody.
    virtual bool wants_heads() const = 0;
    virtual bool wants_pending() const = 0;
    virtual void on_head(const HeadUpdate& update) = 0;
    virtual void on_pending(std::uint64_t sequence, const PooledPtr& transaction) = 0;
    // Events were dropped because there were too many: whoever counted on them must begin anew.
    virtual void on_lost() = 0;
};

class Feed {
public:
    explicit Feed(const Backend& backend);
    ~Feed();
    Feed(const Feed&) = delete;
    Feed& operator=(const Feed&) = delete;

    // Before start(). The listener outlives the feed's stop.
    void add(FeedListener& listener);
    void start();
    void stop();

    // Number of the latest event so far: a listener that begins now is not told of those.
    std::uint64_t sequence() const;
    // Returns when everything that had happened when it was called has been told.
    void drain() const;

private:
    struct Queue;
    void run();
    void tell(const HeadEvent& event, std::uint64_t sequence);

    const Backend& backend_;
    std::shared_ptr<Queue> queue_; // shared with the chain's and the pool's callbacks
    std::vector<FeedListener*> listeners_;
    std::thread thread_;
};

} // namespace ol::chain::rpc
