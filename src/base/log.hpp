// Log lines for operators: "time level area message key=value ..." on stderr. No secret is ever
// passed to it: keys, passwords and vouchers' signatures stay out.
#pragma once

#include <string_view>

#include <fmt/format.h>

namespace ol::log {

enum class Level { debug, info, warning, error, off };

void set_level(Level level); // default: warning; the node raises it to info
bool enabled(Level level);
void write(Level level, std::string_view area, std::string_view message);

template <class... Args>
void debug(std::string_view area, fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(Level::debug)) {
        write(Level::debug, area, fmt::format(text, std::forward<Args>(args)...));
    }
}
template <class... Args>
void info(std::string_view area, fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(Level::info)) {
        write(Level::info, area, fmt::format(text, std::forward<Args>(args)...));
    }
}
template <class... Args>
void warning(std::string_view area, fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(Level::warning)) {
        write(Level::warning, area, fmt::format(text, std::forward<Args>(args)...));
    }
}
template <class... Args>
void error(std::string_view area, fmt::format_string<Args...> text, Args&&... args) {
    if (enabled(Level::error)) {
        write(Level::error, area, fmt::format(text, std::forward<Args>(args)...));
    }
}

} // namespace ol::log
