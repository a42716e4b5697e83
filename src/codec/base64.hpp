// Base64 (RFC 4648, with padding): how bytes travel in JSON.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace ol::codec {

std::string base64_encode(ByteView bytes);
// invalid_argument for a character, a length or trailing bits that are not canonical.
Result<Bytes> base64_decode(std::string_view text);

} // namespace ol::codec
