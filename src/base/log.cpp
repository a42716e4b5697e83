#include "base/log.hpp"

#include <atomic>
#include <cstdio>
#include <ctime>
#include <mutex>

namespace ol::log {

namespace {
std::atomic<Level> g_level{Level::warning};
std::mutex g_mutex;

const char* name(Level level) {
    switch (level) {
    case Level::debug:
        return "debug";
    case Level::info:
        return "info";
    case Level::warning:
        return "warn";
    case Level::error:
        return "error";
    case Level::off:
        return "off";
    }
    return "?";
}
} // namespace

void set_level(Level level) { g_level = level; }
bool enabled(Level level) { return level >= g_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view area, std::string_view message) {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    const auto line = fmt::format("{} {:5} {} {}\n", stamp, name(level), area, message);
    const std::scoped_lock lock(g_mutex);
    std::fwrite(line.data(), 1, line.size(), stderr);
}

} // namespace ol::log
