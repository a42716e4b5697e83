#include "node/cli/console.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

#include <fmt/format.h>
#include <unistd.h>

namespace ol::node::cli {

namespace {

const char* code_of(Paint paint) {
    switch (paint) {
    case Paint::bold:
        return "1";
    case Paint::dim:
        return "2";
    case Paint::red:
        return "31";
    case Paint::green:
        return "32";
    case Paint::yellow:
        return "33";
    case Paint::blue:
        return "34";
    case Paint::magenta:
        return "35";
    case Paint::cyan:
        return "36";
    }
    return "0";
}

} // namespace

Console::Console()
    : terminal_(::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr) {}

std::string Console::paint(Paint paint, std::string_view text) const {
    if (!terminal_) return std::string(text);
    return fmt::format("\033[{}m{}\033[0m", code_of(paint), text);
}

std::string Console::paint_index(std::size_t index, std::string_view text) const {
    static constexpr Paint order[] = {Paint::cyan,  Paint::yellow, Paint::magenta,
                                      Paint::green, Paint::blue,   Paint::red};
    return paint(order[index % std::size(order)], text);
}

void Console::line(std::string_view text) const {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
}

void Console::write(std::string_view text) const {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

ProgressSink Console::progress() const {
    using clock = std::chrono::steady_clock;
    struct State {
        std::mutex mutex;
        std::string work;             // what is done, without its figures
        std::uint64_t first_done = 0; // where this process took it up
        clock::time_point started = clock::now(), shown = clock::now();
        bool drawn = false;
    };
    auto state = std::make_shared<State>();
    const bool bar = ::isatty(STDERR_FILENO) != 0;
    return [state, bar](std::string_view what, std::uint64_t done, std::uint64_t total) {
        const std::scoped_lock guard(state->mutex);
        const auto now = clock::now();
        const auto work = what.substr(0, what.find(':'));
        const bool ended = total != 0 && done >= total;
        if (state->work != work) {
            state->work = work;
            state->first_done = done;
            state->started = now;
        }
        const auto pause = std::chrono::milliseconds(bar ? 100 : 5000);
        if (!ended && now - state->shown < pause) return true;
        if (ended && !state->drawn) return true; // quick work needs no bar
        state->shown = now;
        std::string text = fmt::format("  {}", what);
        if (total != 0) {
            text += fmt::format(" {}/{} ({} %)", human_count(done), human_count(total),
                                done * 100 / total);
            const double seconds = std::chrono::duration<double>(now - state->started).count();
            if (done > state->first_done && !ended) {
                text += fmt::format(", {:.0f} s left",
                                    seconds * static_cast<double>(total - done) /
                                        static_cast<double>(done - state->first_done));
            }
        }
        if (bar) {
            fmt::print(stderr, "\r\033[K{}", ended ? "" : text);
            std::fflush(stderr);
        } else if (!ended) {
            fmt::print(stderr, "{}\n", text);
        }
        state->drawn = !ended;
        return true;
    };
}

std::string human_bytes(std::uint64_t bytes) {
    if (bytes < 10'000) return fmt::format("{} B", bytes);
    if (bytes < 10'000'000) return fmt::format("{:.1f} KB", static_cast<double>(bytes) / 1e3);
    return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string human_count(std::uint64_t count) {
    std::string digits = std::to_string(count);
    for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) {
        digits.insert(static_cast<std::size_t>(i), ",");
    }
    return digits;
}

std::string short_hex(std::string_view hex) {
    if (hex.size() <= 14) return std::string(hex);
    return fmt::format("{}..{}", hex.substr(0, 8), hex.substr(hex.size() - 4));
}

} // namespace ol::node::cli
