#include "openlora/server.hpp"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "openlora/text_stream.hpp"

namespace ol::openlora {

namespace {

using model::TokenId;

// Prompt tokens of one step, over all requests: a long prompt delays the others' next token by one
// such piece at most.
constexpr std::size_t prefill_tokens = 128;

// A request on its way through the scheduler. The first part is the scheduler's alone.
struct Flight {
    Flight(const model::ModelConfig& config, const CompletionRequest& request)
        : cache(config)
        , sampler(request.sampling)
        , stream(request.stop)
        , max_tokens(request.max_tokens) {}

    std::shared_ptr<const model::LoraAdapter> adapter;
    std::vector<TokenId> tokens; // prompt and answer
    std::size_t prompt_size = 0;
    std::size_t done = 0; // tokens whose keys and values are in the cache
    model::KvCache cache;
    model::Sampler sampler;
    TextStream stream;
    std::uint32_t max_tokens = 0;

    std::atomic<bool> cancelled = false;

    std::mutex mutex; // guards what follows
    std::condition_variable changed;
    std::string text; // pieces that the caller has not taken yet
    bool finished = false;
    std::string finish_reason;
    std::optional<Error> error;
    std::uint32_t completion_tokens = 0;

    void add_text(std::string piece) {
        if (piece.empty()) return;
        std::lock_guard lock(mutex);
        text += piece;
        changed.notify_all();
    }
    void finish(std::string reason) {
        add_text(stream.finish());
        std::lock_guard lock(mutex);
        finish_reason = std::move(reason);
        finished = true;
        changed.notify_all();
    }
    void fail_with(Error why) {
        std::lock_guard lock(mutex);
        error = std::move(why);
        finished = true;
        changed.notify_all();
    }
};

using FlightPtr = std::shared_ptr<Flight>;

Status check_sampling(const model::SamplingConfig& sampling) {
    if (!(sampling.temperature >= 0) || !std::isfinite(sampling.temperature)) {
        return fail(ErrorCode::invalid_argument, "temperature must be 0 or a positive number");
    }
    if (!(sampling.top_p > 0 && sampling.top_p <= 1)) {
        return fail(ErrorCode::invalid_argument, "top_p must be above 0 and at most 1");
    }
    if (!(sampling.repetition_penalty > 0) || !std::isfinite(sampling.repetition_penalty)) {
        return fail(ErrorCode::invalid_argument, "repetition_penalty must be a positive number");
    }
    return {};
}

} // namespace

struct CompletionServer::Impl {
    Impl(const model::Model& the_model, const model::Tokenizer& the_tokenizer,
         AdapterStore& the_adapters, ThreadPool& pool, std::uint32_t batch, std::uint32_t queue)
        : base(the_model)
        , tokenizer(the_tokenizer)
        , adapters(the_adapters)
        , engine(the_model, pool)
        , max_batch(std::max(batch, 1U))
        , max_queue(queue) {
        // Any of them ends a turn: a model that goes on to write the next question is done.
        for (const std::string_view name :
             {"<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|endoftext|>"}) {
            if (const auto id = tokenizer.special(name)) ends.push_back(*id);
        }
        if (base.config.eos_token >= 0) {
            ends.push_back(static_cast<TokenId>(base.config.eos_token));
        }
        for (const auto end : base.config.eos_tokens) ends.push_back(static_cast<TokenId>(end));
    }

    const model::Model& base;
    const model::Tokenizer& tokenizer;
    AdapterStore& adapters;
    model::Engine engine;
    std::size_t max_batch, max_queue;
    std::vector<TokenId> ends;

    mutable std::mutex mutex; // guards what follows
    std::condition_variable arrived;
    std::deque<FlightPtr> waiting;
    bool stopping = false;
    ServerStats stats;

    std::vector<FlightPtr> active; // the scheduler's alone
    std::thread scheduler;

    void run();
    bool admit();
    void step();
    void take_token(Flight& flight, std::span<const float> logits);
    Result<FlightPtr> submit(const CompletionRequest& request);
};

// Takes requests in while there is room; false when the server ends.
bool CompletionServer::Impl::admit() {
    std::unique_lock lock(mutex);
    arrived.wait(lock, [&] { return stopping || !waiting.empty() || !active.empty(); });
    if (stopping) return false;
    while (!waiting.empty() && active.size() < max_batch) {
        active.push_back(std::move(waiting.front()));
        waiting.pop_front();
    }
    return true;
}

void CompletionServer::Impl::run() {
    while (admit()) {
        for (auto& flight : active) {
            if (flight->cancelled) flight->finish("cancelled");
        }
        step();
        std::erase_if(active, [](const FlightPtr& flight) {
            std::lock_guard lock(flight->mutex);
            return flight->finished;
        });
    }
    std::lock_guard lock(mutex);
    active.insert(active.end(), waiting.begin(), waiting.end());
    for (auto& flight : active) {
        flight->fail_with({ErrorCode::unavailable, "the server is shutting down; try again later"});
    }
    active.clear();
    waiting.clear();
}

// One pass of the model: the next token of every answer and the next pieces of prompts, in order of
// arrival until the step's share of prompt tokens is used up.
void CompletionServer::Impl::step() {
    std::vector<model::StepInput> inputs;
    std::vector<Flight*> chosen;
    std::size_t budget = prefill_tokens;
    for (auto& flight : active) {
        {
            std::lock_guard lock(flight->mutex);
            if (flight->finished) continue;
        }
        const std::size_t left = flight->tokens.size() - flight->done;
        const bool decoding = flight->done >= flight->prompt_size;
        const std::size_t count = decoding ? left : std::min(left, budget);
        if (count == 0) continue;
        if (!decoding) budget -= count;
        inputs.push_back({.tokens = std::span(flight->tokens).subspan(flight->done, count),
                          .cache = &flight->cache,
                          .adapter = flight->adapter.get()});
        chosen.push_back(flight.get());
    }
    if (inputs.empty()) return;
    const Stopwatch watch;
    const auto logits = engine.forward(inputs);
    const double seconds = watch.seconds();
    if (!logits) {
        for (auto* flight : chosen) flight->fail_with(logits.error());
        return;
    }
    std::uint64_t sampled = 0;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        chosen[i]->done += inputs[i].tokens.size();
        if (chosen[i]->done < chosen[i]->tokens.size()) continue; // more of the prompt is to come
        take_token(*chosen[i], (*logits)[i]);
        ++sampled;
    }
    std::lock_guard lock(mutex);
    stats.tokens += sampled;
    stats.decode_seconds += seconds;
}

void CompletionServer::Impl::take_token(Flight& flight, std::span<const float> logits) {
    const auto token = flight.sampler.sample(logits, flight.tokens);
    if (std::find(ends.begin(), ends.end(), token) != ends.end()) return flight.finish("stop");
    flight.tokens.push_back(token);
    const auto answered = flight.tokens.size() - flight.prompt_size;
    {
        std::lock_guard lock(flight.mutex);
        flight.completion_tokens = static_cast<std::uint32_t>(answered);
    }
    flight.add_text(flight.stream.push(tokenizer.decode({token})));
    if (flight.stream.stopped()) return flight.finish("stop");
    if (answered >= flight.max_tokens || flight.tokens.size() >= base.config.context_length) {
        flight.finish("length");
    }
}

Result<FlightPtr> CompletionServer::Impl::submit(const CompletionRequest& request) {
    OL_TRY(check_sampling(request.sampling));
    if (request.max_tokens > limits::answer_tokens) {
        return fail(ErrorCode::too_large, "max_tokens is {}, the limit is {}", request.max_tokens,
                    limits::answer_tokens);
    }
    auto flight = std::make_shared<Flight>(base.config, request);
    flight->tokens = tokenizer.encode(request.prompt, true);
    flight->prompt_size = flight->tokens.size();
    if (flight->tokens.empty()) return fail(ErrorCode::invalid_argument, "the prompt is empty");
    // One place must be left for an answer.
    const auto limit =
        std::min<std::uint64_t>(limits::prompt_tokens, base.config.context_length - 1);
    if (flight->prompt_size > limit) {
        return fail(ErrorCode::too_large,
                    "the prompt has {} tokens, this model takes {}; shorten it",
                    flight->prompt_size, limit);
    }
    if (!request.adapter.empty()) flight->adapter = OL_TRY(adapters.acquire(request.adapter));
    if (request.max_tokens == 0) {
        flight->finish("length");
        return flight;
    }
    std::lock_guard lock(mutex);
    if (stopping) return fail(ErrorCode::unavailable, "the server is shutting down");
    if (waiting.size() >= max_queue) {
        return fail(ErrorCode::unavailable, "{} requests are waiting already; try again later",
                    waiting.size());
    }
    waiting.push_back(flight);
    arrived.notify_one();
    return flight;
}

CompletionServer::CompletionServer(const model::Model& model, const model::Tokenizer& tokenizer,
                                   AdapterStore& adapters, ThreadPool& pool,
                                   std::uint32_t max_batch, std::uint32_t max_queue)
    : impl_(std::make_unique<Impl>(model, tokenizer, adapters, pool, max_batch, max_queue)) {
    impl_->scheduler = std::thread([impl = impl_.get()] { impl->run(); });
}

void CompletionServer::release_rows(model::Model& model) { impl_->engine.release_rows(model); }

CompletionServer::~CompletionServer() {
    {
        std::lock_guard lock(impl_->mutex);
        impl_->stopping = true;
        impl_->arrived.notify_all();
    }
    impl_->scheduler.join();
}

Result<Completion>
CompletionServer::complete(const CompletionRequest& request,
                           const std::function<bool(std::string_view)>& on_text) {
    const Stopwatch watch;
    auto submitted = impl_->submit(request);
    {
        std::lock_guard lock(impl_->mutex);
        ++impl_->stats.requests;
        if (!submitted) ++impl_->stats.refused;
    }
    const FlightPtr flight = OL_TRY(std::move(submitted));

    Completion out;
    bool wanted = true;
    std::unique_lock lock(flight->mutex);
    for (;;) {
        flight->changed.wait(lock, [&] { return flight->finished || !flight->text.empty(); });
        const auto piece = std::exchange(flight->text, {});
        if (piece.empty()) break;
        if (!wanted) continue;
        out.text += piece;
        // The caller's code runs unlocked: a slow reader holds up nobody.
        lock.unlock();
        if (on_text && !on_text(piece)) {
            wanted = false;
            flight->cancelled = true;
        }
        lock.lock();
    }
    if (flight->error) return std::unexpected(*flight->error);
    out.finish_reason = flight->finish_reason;
    out.prompt_tokens = static_cast<std::uint32_t>(flight->prompt_size);
    out.completion_tokens = flight->completion_tokens;
    out.seconds = watch.seconds();
    return out;
}

ServerStats CompletionServer::stats() const {
    std::lock_guard lock(impl_->mutex);
    auto out = impl_->stats;
    out.adapter_loads = impl_->adapters.load_count();
    return out;
}

} // namespace ol::openlora
