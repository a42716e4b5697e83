// The Engine API's authentication (execution-apis, "Authentication"): a JSON web token signed with
// HMAC-SHA256 under a secret of 32 bytes that both sides have in a file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/file.hpp"

namespace ol::chain::rpc {

inline constexpr std::int64_t jwt_tolerance_s = 60; // between `iat` and now, either way

// The value of an Authorization header: "Bearer <token>". permission_denied with the reason.
Status check_jwt(std::string_view authorization, const Hash32& secret, std::int64_t now_s);
// A token for clients (tests, and nodes that talk to an engine).
std::string make_jwt(const Hash32& secret, std::int64_t issued_at_s);

// 64 hex digits, 0x or not; a file that is not there is made with a random secret (mode 0600).
Result<Hash32> read_or_create_jwt_secret(const Path& file);

} // namespace ol::chain::rpc
