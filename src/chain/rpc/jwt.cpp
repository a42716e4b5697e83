#include "chain/rpc/jwt.hpp"

#include "codec/base64.hpp"
#include "codec/json.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::rpc {

namespace {

using codec::Json;

constexpr std::size_t token_bytes = 4096;

// RFC 7515: base64url without padding.
Result<Bytes> base64url_decode(std::string_view text) {
    std::string standard(text);
    for (char& c : standard) {
        if (c == '+' || c == '/' || c == '=') {
            return fail(ErrorCode::invalid_argument, "not base64url");
        }
        if (c == '-') c = '+';
        if (c == '_') c = '/';
    }
    standard.append((4 - standard.size() % 4) % 4, '=');
    return codec::base64_decode(standard);
}

std::string base64url_encode(ByteView bytes) {
    std::string out = codec::base64_encode(bytes);
    out.resize(out.find_last_not_of('=') + 1);
    for (char& c : out) {
        if (c == '+') c = '-';
        if (c == '/') c = '_';
    }
    return out;
}

Result<Json> part(std::string_view text) {
    const Bytes bytes = OL_TRY(base64url_decode(text));
    return Json::parse(as_text(bytes));
}

std::unexpected<Error> refuse(std::string_view why) {
    return fail(ErrorCode::permission_denied, "{}", why);
}

} // namespace

Status check_jwt(std::string_view authorization, const Hash32& secret, std::int64_t now_s) {
    static constexpr std::string_view scheme = "Bearer ";
    if (authorization.empty()) return refuse("missing token");
    if (!authorization.starts_with(scheme)) return refuse("not a bearer token");
    const std::string_view token = authorization.substr(scheme.size());
    const std::size_t first = token.find('.');
    const std::size_t second = first == token.npos ? token.npos : token.find('.', first + 1);
    if (second == token.npos || token.size() > token_bytes) return refuse("malformed token");
    const auto header = part(token.substr(0, first));
    if (!header || (*header)["alg"].text() != "HS256") {
        return refuse("the token's algorithm must be HS256");
    }
    const auto signature = base64url_decode(token.substr(second + 1));
    const Hash32 expected = crypto::hmac_sha256(secret.view(), as_bytes(token.substr(0, second)));
    if (!signature || !crypto::equal_secrets(*signature, expected.view())) {
        return refuse("signature is invalid");
    }
    const auto claims = part(token.substr(first + 1, second - first - 1));
    if (!claims) return refuse("malformed token");
    const auto issued = (*claims)["iat"].as_int();
    if (!issued) return refuse("missing issued-at");
    // Compared without a difference that could overflow.
    if (*issued > now_s + jwt_tolerance_s) return refuse("future token");
    if (*issued < now_s - jwt_tolerance_s) return refuse("stale token");
    const Json& expires = (*claims)["exp"];
    if (!expires.is_null() && expires.as_int().value_or(0) <= now_s)
        return refuse("token is expired");
    return {};
}

std::string make_jwt(const Hash32& secret, std::int64_t issued_at_s) {
    std::string token = base64url_encode(as_bytes(R"({"typ":"JWT","alg":"HS256"})"));
    const std::string claims = Json::object({{"iat", Json(issued_at_s)}}).dump();
    token.append(1, '.').append(base64url_encode(as_bytes(claims)));
    const Hash32 signature = crypto::hmac_sha256(secret.view(), as_bytes(token));
    return token.append(1, '.').append(base64url_encode(signature.view()));
}

Result<Hash32> read_or_create_jwt_secret(const Path& file) {
    constexpr std::uint64_t file_bytes = 256;
    auto text = read_text_file(file, file_bytes);
    if (!text && text.error().code == ErrorCode::not_found) {
        const Bytes secret = crypto::random_bytes(32);
        OL_TRY(write_secret_file(file, to_hex0x(secret) + "\n"));
        return Hash32::from(secret);
    }
    if (!text) return std::unexpected(text.error());
    std::string_view digits = *text;
    const std::size_t begin = digits.find_first_not_of(" \t\r\n");
    digits = begin == digits.npos ? std::string_view() : digits.substr(begin);
    digits = digits.substr(0, digits.find_last_not_of(" \t\r\n") + 1);
    auto secret = hash32_from_hex(digits);
    if (!secret) {
        return fail(ErrorCode::invalid_argument,
                    "{}: a JWT secret is 64 hex digits (make one with `openssl rand -hex 32`)",
                    file.string());
    }
    return secret;
}

} // namespace ol::chain::rpc
