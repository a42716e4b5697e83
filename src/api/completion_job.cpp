#include "api/completion_job.hpp"

#include <exception>
#include <system_error>

namespace ol::api {

CompletionJob::CompletionJob(Services& services, CompletionCall call) {
    try {
        thread_ = std::thread([this, &services, held = std::move(call)] { run(services, held); });
    } catch (const std::system_error& error) {
        outcome_ = fail(ErrorCode::unavailable, "no thread for the completion: {}", error.what());
    }
}

CompletionJob::~CompletionJob() {
    {
        const std::lock_guard lock(mutex_);
        cancelled_ = true;
    }
    if (thread_.joinable()) thread_.join();
}

void CompletionJob::run(Services& services, const CompletionCall& call) {
    const auto on_text = [this](std::string_view piece) {
        const std::lock_guard lock(mutex_);
        text_ += piece;
        changed_.notify_all();
        return !cancelled_;
    };
    Result<CompletionReply> reply = fail(ErrorCode::internal, "the completion failed");
    try {
        reply = services.complete(call, on_text);
    } catch (const std::exception& error) {
        reply = fail(ErrorCode::internal, "the completion failed: {}", error.what());
    }
    const std::lock_guard lock(mutex_);
    outcome_ = std::move(reply);
    changed_.notify_all();
}

bool CompletionJob::wait(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [this] { return !text_.empty() || outcome_.has_value(); });
}

std::string CompletionJob::take_text() {
    const std::lock_guard lock(mutex_);
    return std::exchange(text_, {});
}

const Result<CompletionReply>* CompletionJob::outcome() {
    const std::lock_guard lock(mutex_);
    return outcome_ ? &*outcome_ : nullptr;
}

} // namespace ol::api
