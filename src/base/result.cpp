#include "base/result.hpp"

namespace ol {

std::string_view to_string(ErrorCode code) {
    switch (code) {
    case ErrorCode::invalid_argument:
        return "invalid_argument";
    case ErrorCode::not_found:
        return "not_found";
    case ErrorCode::already_exists:
        return "already_exists";
    case ErrorCode::permission_denied:
        return "permission_denied";
    case ErrorCode::unavailable:
        return "unavailable";
    case ErrorCode::corrupted:
        return "corrupted";
    case ErrorCode::too_large:
        return "too_large";
    case ErrorCode::io:
        return "io";
    case ErrorCode::conflict:
        return "conflict";
    case ErrorCode::unsupported:
        return "unsupported";
    case ErrorCode::payment:
        return "payment";
    case ErrorCode::unverified:
        return "unverified";
    case ErrorCode::cancelled:
        return "cancelled";
    case ErrorCode::internal:
        return "internal";
    }
    return "internal";
}

Error Error::within(std::string_view place) const {
    return Error{code, fmt::format("{}: {}", place, context)};
}

std::string Error::to_string() const { return fmt::format("{}: {}", ol::to_string(code), context); }

} // namespace ol
