// Time is passed in. Nothing that reaches a hash reads a clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace ol {

class Clock {
public:
    virtual ~Clock() = default;
    virtual std::int64_t unix_ms() const = 0;
};

class SystemClock final : public Clock {
public:
    std::int64_t unix_ms() const override {
        using namespace std::chrono;
        return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
    }
};

class ManualClock final : public Clock {
public:
    explicit ManualClock(std::int64_t start_ms = 0)
        : now_ms_(start_ms) {}
    std::int64_t unix_ms() const override { return now_ms_; }
    void advance_ms(std::int64_t by) { now_ms_ += by; }

private:
    std::int64_t now_ms_;
};

// Seconds since construction, on the steady clock: for progress and reports only.
class Stopwatch {
public:
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

} // namespace ol
