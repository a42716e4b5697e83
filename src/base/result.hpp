// Result<T>: the one way in which an expected failure travels.
//
//   Result<Bytes> read_file(const Path&);
//   Status save() { auto bytes = OL_TRY(read_file(p)); OL_TRY(check(bytes)); return {}; }
//
// An Error says what class of failure it is (code) and, in one sentence, the place and the remedy
// (context). Callers add the place they know of with `within("...")`.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace ol {

enum class ErrorCode {
    invalid_argument, // the caller's input is wrong; nothing was changed
    not_found,
    already_exists,
    permission_denied,
    unavailable, // a peer or a device does not answer; trying again may help
    corrupted,   // stored bytes do not match their hash, checksum or format
    too_large,   // a named limit of limits.hpp was passed
    io,          // the operating system refused a read or a write
    conflict,    // the state changed or does not allow this step now
    unsupported, // known, but not done by this version
    payment,     // a voucher or a deposit is missing or too small
    unverified,  // a proof, signature or root does not hold
    cancelled,
    internal,
};

// Lower snake case, as in the API's error bodies: "invalid_argument".
std::string_view to_string(ErrorCode code);

struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string context;

    // The same error with the place in front: "datanet foldoc: line 12: not UTF-8".
    Error within(std::string_view place) const;
    // "corrupted: segment 3: checksum differs"
    std::string to_string() const;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

template <class... Args>
std::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> text, Args&&... args) {
    return std::unexpected(Error{code, fmt::format(text, std::forward<Args>(args)...)});
}

namespace detail {
template <class T, class E>
T take(std::expected<T, E>&& result) {
    if constexpr (!std::is_void_v<T>) {
        return std::move(*result);
    }
}
} // namespace detail

} // namespace ol

#define OL_TRY_JOIN_(a, b) a##b
#define OL_TRY_JOIN(a, b) OL_TRY_JOIN_(a, b)
#define OL_TRY_NAMED(name, on_error, ...)                                                          \
    ({                                                                                             \
        auto name = (__VA_ARGS__);                                                                 \
        if (!name) [[unlikely]] {                                                                  \
            return std::unexpected(std::move(name.error()) on_error);                              \
        }                                                                                          \
        ::ol::detail::take(std::move(name));                                                       \
    })

// Value of a Result, or return its error from the enclosing function.
#define OL_TRY(...) OL_TRY_NAMED(OL_TRY_JOIN(ol_try_, __COUNTER__), , __VA_ARGS__)

// The same, with the place in front of the error's context (a fmt format and its arguments).
#define OL_TRY_IN(expression, ...)                                                                 \
    OL_TRY_NAMED(OL_TRY_JOIN(ol_try_, __COUNTER__), .within(::fmt::format(__VA_ARGS__)), expression)
