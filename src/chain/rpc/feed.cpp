#include "chain/rpc/feed.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <variant>

#include "base/log.hpp"

namespace ol::chain::rpc {

namespace {

constexpr std::size_t events_limit = 65'536;

struct Event {
    std::uint64_t sequence = 0;
    std::variant<HeadEvent, PooledPtr> what;
};

} // namespace

struct Feed::Queue {
    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    std::deque<Event> events;
    std::uint64_t last = 0; // event that came
    std::uint64_t told = 0; // event that all listeners know
    bool lost = false, closed = false;
    std::mutex listeners_mutex; // held for a moment only
    std::vector<FeedListener*> listeners;

    // The transactions of a busy chain wake no thread where nobody listens.
    bool is_wanted() {
        const std::lock_guard lock(listeners_mutex);
        return std::ranges::any_of(listeners, [](const auto* each) { return each->has_any(); });
    }

    template <class What>
    void push(What what) {
        {
            const std::lock_guard lock(mutex);
            if (closed) return;
            if (events.size() >= events_limit) {
                events.clear();
                lost = true;
            }
            events.push_back({++last, std::move(what)});
        }
        changed.notify_all();
    }
};

Feed::Feed(const Backend& backend)
    : backend_(backend)
    , queue_(std::make_shared<Queue>()) {}

Feed::~Feed() { stop(); }

void Feed::add(FeedListener& listener) { listeners_.push_back(&listener); }

void Feed::start() {
    queue_->listeners = listeners_;
    backend_.chain.on_head([queue = queue_](const HeadEvent& event) {
        // Both empty: accounts were changed by hand; no block says so.
        const bool moved = !event.left.empty() || !event.joined.empty();
        if (moved && queue->is_wanted()) queue->push(event);
    });
    backend_.pool.on_added([queue = queue_](const PooledPtr& added) {
        if (queue->is_wanted()) queue->push(added);
    });
    thread_ = std::thread([this] { run(); });
}

void Feed::stop() {
    {
        const std::lock_guard lock(queue_->listeners_mutex);
        queue_->listeners.clear();
    }
    {
        const std::lock_guard lock(queue_->mutex);
        queue_->closed = true;
        queue_->events.clear();
    }
    queue_->changed.notify_all();
    if (thread_.joinable()) thread_.join();
}

std::uint64_t Feed::sequence() const {
    const std::lock_guard lock(queue_->mutex);
    return queue_->last;
}

void Feed::drain() const {
    std::unique_lock lock(queue_->mutex);
    const std::uint64_t until = queue_->last;
    queue_->changed.wait(lock, [&] { return queue_->closed || queue_->told >= until; });
}

void Feed::run() {
    std::unique_lock lock(queue_->mutex);
    for (;;) {
        queue_->changed.wait(lock, [&] { return queue_->closed || !queue_->events.empty(); });
        if (queue_->closed) return;
        const bool lost = std::exchange(queue_->lost, false);
        const Event event = std::move(queue_->events.front());
        queue_->events.pop_front();
        lock.unlock();
        if (lost) {
            log::warning("rpc", "more than {} events waited: filters and subscriptions were ended",
                         events_limit);
            for (auto* each : listeners_) each->on_lost();
        }
        if (const auto* added = std::get_if<PooledPtr>(&event.what)) {
            for (auto* each : listeners_) {
                if (each->wants_pending()) each->on_pending(event.sequence, *added);
            }
        } else {
            tell(std::get<HeadEvent>(event.what), event.sequence);
        }
        lock.lock();
        queue_->told = event.sequence;
        queue_->changed.notify_all();
    }
}

void Feed::tell(const HeadEvent& event, std::uint64_t sequence) {
    const bool wanted =
        std::ranges::any_of(listeners_, [](const auto* each) { return each->wants_heads(); });
    if (!wanted) return;
    HeadUpdate update;
    update.sequence = sequence;
    for (const auto& hash : event.left) {
        auto logs = backend_.chain.logs_of_block(hash);
        if (!logs) continue; // a rewind forgets its blocks: nobody can say what was in them
        for (auto& each : *logs) {
            each.removed = true;
            update.removed.push_back(std::move(each));
        }
    }
    for (const auto& hash : event.joined) {
        auto block = backend_.whole(hash);
        if (block && *block) {
            update.joined.push_back(std::move(*block));
        } else {
            log::warning("rpc", "block {} joined the chain but cannot be read",
                         to_hex0x(hash.view()));
        }
    }
    for (auto* each : listeners_) each->on_head(update);
}

} // namespace ol::chain::rpc
