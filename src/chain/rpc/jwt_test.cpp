#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "chain/rpc/jwt.hpp"
#include "codec/base64.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::rpc {
namespace {

const Hash32 secret = crypto::sha256(as_bytes("a secret of both sides"));
constexpr std::int64_t now = 1'800'000'000;

std::string why(const std::string& header, std::int64_t at = now) {
    const auto checked = check_jwt(header, secret, at);
    return checked ? "" : checked.error().context;
}

std::string base64url(std::string_view text) {
    std::string out = codec::base64_encode(as_bytes(text));
    out.resize(out.find_last_not_of('=') + 1);
    for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
    return out;
}

std::string token_of(std::string_view header, std::string_view claims) {
    const std::string head = base64url(header) + "." + base64url(claims);
    const Hash32 signature = crypto::hmac_sha256(secret.view(), as_bytes(head));
    return "Bearer " + head + "." + base64url(as_text(signature.view()));
}

TEST(Jwt, TokensHoldForAMinuteEitherWay) {
    const std::string header = "Bearer " + make_jwt(secret, now);
    EXPECT_EQ(why(header), "");
    EXPECT_EQ(why(header, now + 60), "");
    EXPECT_EQ(why(header, now - 60), "");
    EXPECT_EQ(why(header, now + 61), "stale token");
    EXPECT_EQ(why(header, now - 61), "future token");
}

TEST(Jwt, RefusesEverythingElse) {
    const std::string good = make_jwt(secret, now);
    EXPECT_EQ(why(""), "missing token");
    EXPECT_EQ(why(good), "not a bearer token");
    EXPECT_EQ(why("Bearer abc"), "malformed token");
    EXPECT_EQ(why("Bearer a.b"), "malformed token");
    EXPECT_EQ(why("Bearer " + std::string(5000, 'a') + ".b.c"), "malformed token");
    EXPECT_EQ(why(token_of(R"({"alg":"none"})", R"({"iat":1800000000})")),
              "the token's algorithm must be HS256");
    EXPECT_EQ(why(token_of(R"({"alg":"HS256"})", R"({})")), "missing issued-at");
    EXPECT_EQ(why(token_of(R"({"alg":"HS256"})", R"({"iat":"1800000000"})")), "missing issued-at");
    EXPECT_EQ(why(token_of(R"({"alg":"HS256"})", R"({"iat":1800000000,"exp":1799999999})")),
              "token is expired");
    EXPECT_EQ(why(token_of(R"({"alg":"HS256"})", R"({"iat":9223372036854775807})")),
              "future token");
    EXPECT_EQ(why(token_of(R"({"alg":"HS256"})", R"({"iat":-9223372036854775808})")),
              "stale token");
    EXPECT_EQ(why(token_of(R"({"alg":"HS256"})", R"({"iat":1800000000,"exp":1800000060})")), "");
    // Any bit of the token.
    for (std::size_t at = 0; at < good.size(); ++at) {
        std::string changed = good;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        EXPECT_NE(why("Bearer " + changed), "") << at;
    }
    EXPECT_FALSE(check_jwt("Bearer " + good, crypto::sha256(as_bytes("another")), now));
}

TEST(Jwt, TheSecretIsAFileThatIsMadeOnce) {
    const Path folder =
        std::filesystem::temp_directory_path() / ("openledger-jwt-" + std::to_string(::getpid()));
    const Path file = folder / "jwt.hex";
    const auto first = read_or_create_jwt_secret(file);
    ASSERT_TRUE(first) << first.error().to_string();
    EXPECT_EQ(*read_or_create_jwt_secret(file), *first);
    EXPECT_EQ(std::filesystem::status(file).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    ASSERT_TRUE(write_file_atomic(file, to_hex(secret.view()) + "\r\n"));
    EXPECT_EQ(*read_or_create_jwt_secret(file), secret);
    for (const char* wrong : {"", "0x12", "not hex", "\n"}) {
        ASSERT_TRUE(write_file_atomic(file, std::string_view(wrong)));
        EXPECT_FALSE(read_or_create_jwt_secret(file)) << wrong;
    }
    std::filesystem::remove_all(folder);
}

} // namespace
} // namespace ol::chain::rpc
