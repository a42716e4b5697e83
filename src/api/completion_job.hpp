// CompletionJob: one completion on a thread of its own, so that a streaming route can wait for the
// first text (or the failure, which then still becomes a status) before it sends headers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "api/services.hpp"

namespace ol::api {

class CompletionJob {
public:
    CompletionJob(Services& services, CompletionCall call);
    // Asks the completion to stop, and waits for it.
    ~CompletionJob();
    CompletionJob(const CompletionJob&) = delete;
    CompletionJob& operator=(const CompletionJob&) = delete;

    // Until there is text or an outcome (true), or the time is over (false).
    bool wait(std::chrono::milliseconds time);
    // What came since the last call.
    std::string take_text();
    // Set once the completion has ended; all text was given to take_text before or is there still.
    const Result<CompletionReply>* outcome();

private:
    void run(Services& services, const CompletionCall& call);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::string text_;
    std::optional<Result<CompletionReply>> outcome_;
    bool cancelled_ = false;
    std::thread thread_;
};

} // namespace ol::api
