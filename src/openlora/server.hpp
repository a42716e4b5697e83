// Server of completions: continuous batching of requests for many adapters over one base model.
// Each answer is equal to the bit whatever else is in the batch.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/sampler.hpp"
#include "model/tokenizer.hpp"
#include "model/transformer.hpp"
#include "openlora/adapter_store.hpp"

namespace ol::openlora {

struct CompletionRequest {
    std::string adapter; // id; empty: the base alone
    std::string prompt;  // already formatted (chat.hpp)
    std::uint32_t max_tokens = 64;
    model::SamplingConfig sampling;
    std::vector<std::string> stop;
};

struct Completion {
    std::string text;
    std::uint32_t prompt_tokens = 0, completion_tokens = 0;
    std::string finish_reason; // "stop", "length", "cancelled"
    double seconds = 0;
};

struct ServerStats {
    std::uint64_t requests = 0, tokens = 0, adapter_loads = 0, refused = 0;
    double decode_seconds = 0;
};

class CompletionServer {
public:
    // The scheduler's thread starts here and ends with the object.
    CompletionServer(const model::Model& model, const model::Tokenizer& tokenizer,
                     AdapterStore& adapters, ThreadPool& pool, std::uint32_t max_batch = 16,
                     std::uint32_t max_queue = 256);
    ~CompletionServer();
    // As Engine::release_rows; before the first request.
    void release_rows(model::Model& model);

    // Blocks until the answer is complete; on_text gets each new piece (complete UTF-8) as it comes
    // and may return false to cancel. An answer ends at a special token, a stop string (which is
    // left out), max_tokens or the end of the context. Bytes of it that are not UTF-8 read as
    // U+FFFD. Errors: invalid_argument (empty prompt, sampling out of range), not_found (adapter),
    // unverified (hash), too_large (prompt or max_tokens), unavailable (queue full, or the server
    // ends).
    Result<Completion> complete(const CompletionRequest& request,
                                const std::function<bool(std::string_view)>& on_text = {});
    ServerStats stats() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace ol::openlora
