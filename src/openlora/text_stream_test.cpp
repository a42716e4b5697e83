#include "openlora/text_stream.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "text/utf8.hpp"

namespace ol::openlora {
namespace {

std::string whole(const std::vector<std::string>& stop, std::string_view bytes) {
    TextStream stream(stop);
    auto out = stream.push(bytes);
    return out + stream.finish();
}

TEST(TextStream, HoldsBackIncompleteCharacters) {
    TextStream stream({});
    EXPECT_EQ(stream.push("a\xe6"), "a");
    EXPECT_EQ(stream.push("\x97"), "");
    EXPECT_EQ(stream.push("\xa5z"), "日z");
    EXPECT_EQ(stream.push("\xf0\x9f"), "");
    EXPECT_EQ(stream.finish(), "\ufffd");
}

// The Unicode standard, chapter 3, table 3-8: U+FFFD for each maximal part.
TEST(TextStream, ReplacesWhatIsNotUtf8) {
    EXPECT_EQ(whole({}, "\xc0\xaf\xe0\x80\xbf\xf0\x81\x82"
                        "A"),
              "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd"
              "A");
    EXPECT_EQ(whole({}, "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf"
                        "A"),
              "\ufffd\ufffd\ufffd\ufffd"
              "A");
    EXPECT_EQ(whole({}, "\xed\xa0\x80"), "\ufffd\ufffd\ufffd"); // a surrogate
}

TEST(TextStream, StopsAtStopStrings) {
    TextStream stream({"END", "\n\n"});
    EXPECT_EQ(stream.push("one E"), "one ");
    EXPECT_EQ(stream.push("N"), "");
    EXPECT_EQ(stream.push("T"), "ENT");
    EXPECT_EQ(stream.push(" two\n"), " two");
    EXPECT_FALSE(stream.stopped());
    EXPECT_EQ(stream.push("\nthree"), "");
    EXPECT_TRUE(stream.stopped());
    EXPECT_EQ(stream.push("four"), "");
    EXPECT_EQ(stream.finish(), "");
    EXPECT_EQ(whole({""}, "text"), "text");
    EXPECT_EQ(whole({"abcd", "c"}, "abcd"), "ab");
}

TEST(TextStream, TheTextDoesNotDependOnTheCuts) {
    Prng prng(4);
    const std::vector<std::string> parts = {"a",    "b",    "ab", "日", "\xe6",
                                            "\x97", "\xff", "🎉", "\n"};
    const std::vector<std::vector<std::string>> stops = {
        {}, {"ab"}, {"aab", "ba"}, {"日a", "\n\n"}, {"aaaa", "bb", "\ufffd\ufffd\ufffd"}};
    for (int round = 0; round < 3000; ++round) {
        std::string bytes;
        for (std::uint64_t i = prng.below(20); i > 0; --i) bytes += parts[prng.below(parts.size())];
        const auto& stop = stops[prng.below(stops.size())];
        TextStream stream(stop);
        std::string cut;
        for (std::size_t at = 0; at < bytes.size();) {
            const auto size = std::min<std::size_t>(1 + prng.below(4), bytes.size() - at);
            const auto piece = stream.push(std::string_view(bytes).substr(at, size));
            EXPECT_FALSE(text::find_invalid_utf8(piece).has_value());
            cut += piece;
            at += size;
        }
        cut += stream.finish();
        EXPECT_EQ(cut, whole(stop, bytes));
        for (const auto& s : stop) EXPECT_EQ(cut.find(s), std::string::npos);
    }
}

} // namespace
} // namespace ol::openlora
