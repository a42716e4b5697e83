#include "codec/base64.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace ol::codec {
namespace {

// RFC 4648, section 10.
TEST(Base64, PublishedVectors) {
    const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                           {"f", "Zg=="},
                                                           {"fo", "Zm8="},
                                                           {"foo", "Zm9v"},
                                                           {"foob", "Zm9vYg=="},
                                                           {"fooba", "Zm9vYmE="},
                                                           {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, coded] : vectors) {
        EXPECT_EQ(base64_encode(as_bytes(plain)), coded);
        EXPECT_EQ(as_text(base64_decode(coded).value()), plain);
    }
}

TEST(Base64, RoundTripsAndRefusals) {
    Prng prng(3);
    for (int length = 0; length < 200; ++length) {
        Bytes bytes(static_cast<std::size_t>(length));
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(prng.next());
        EXPECT_EQ(base64_decode(base64_encode(bytes)).value(), bytes);
    }
    for (const char* bad : {"Z", "Zg=", "Zh==", "Zm9=", "Zm\n=", "=m9v", "Z===", "Zg==Zg=="}) {
        EXPECT_FALSE(base64_decode(bad)) << bad;
    }
}

} // namespace
} // namespace ol::codec
