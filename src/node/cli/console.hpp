// What the command line shows: colours on a terminal, progress bars there and lines on a pipe.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/progress.hpp"

namespace ol::node::cli {

enum class Paint { bold, dim, red, green, yellow, blue, magenta, cyan };

class Console {
public:
    Console(); // colours when stdout is a terminal and NO_COLOR is not set
    bool is_terminal() const { return terminal_; }
    std::string paint(Paint paint, std::string_view text) const;
    // One of six colours, the same for the same index: for owners.
    std::string paint_index(std::size_t index, std::string_view text) const;
    void line(std::string_view text = {}) const;
    void write(std::string_view text) const; // no line end, flushed

    // Progress on stderr: a bar that is redrawn on a terminal; on a pipe a line when the work
    // changes and every five seconds.
    ProgressSink progress() const;

private:
    bool terminal_;
};

std::string human_bytes(std::uint64_t bytes);
std::string human_count(std::uint64_t count); // 12,345
std::string short_hex(std::string_view hex);  // 0x1234..cdef

} // namespace ol::node::cli
