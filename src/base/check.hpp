// OL_CHECK: a programmer's error stops the process with its place. Always on; never for input that
// comes from disk, wire or user (that is a Result).
#pragma once

namespace ol::detail {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
} // namespace ol::detail

#define OL_CHECK(condition)                                                                        \
    do {                                                                                           \
        if (!(condition)) [[unlikely]] {                                                           \
            ::ol::detail::check_failed(#condition, __FILE__, __LINE__);                            \
        }                                                                                          \
    } while (false)
