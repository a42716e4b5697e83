#include "text/utf8.hpp"

#include <string>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "text/unicode.hpp"

namespace ol::text {
namespace {

using namespace std::string_literals;

TEST(Utf8, FindsTheFirstBadByte) {
    EXPECT_EQ(find_invalid_utf8(""), std::nullopt);
    EXPECT_EQ(find_invalid_utf8("plain ASCII that is longer than eight bytes"), std::nullopt);
    EXPECT_EQ(find_invalid_utf8("é日🙂"), std::nullopt);
    EXPECT_EQ(find_invalid_utf8("abc\x80"), 3U);
    EXPECT_EQ(find_invalid_utf8("ab\xc0\x80"), 2U);       // overlong NUL
    EXPECT_EQ(find_invalid_utf8("\xe0\x80\x80"), 0U);     // overlong
    EXPECT_EQ(find_invalid_utf8("\xed\xa0\x80"), 0U);     // surrogate U+D800
    EXPECT_EQ(find_invalid_utf8("\xf4\x90\x80\x80"), 0U); // above U+10FFFF
    EXPECT_EQ(find_invalid_utf8("\xf0\x80\x80\x80"), 0U); // overlong
    EXPECT_EQ(find_invalid_utf8("12345678\xe2\x82"), 8U); // cut off
    EXPECT_EQ(find_invalid_utf8("\xf5\x80\x80\x80"), 0U);
}

TEST(Utf8, EveryScalarValueRoundTripsAndNothingElseDecodes) {
    for (std::uint32_t c = 0; c <= 0x10ffff; ++c) {
        if (c >= 0xd800 && c <= 0xdfff) continue;
        std::string text;
        append_utf8(text, c);
        const CodePoint point = decode(text, 0);
        ASSERT_EQ(point.value, c);
        ASSERT_EQ(point.size, text.size());
    }
    // All two-byte strings: a pair is valid if and only if it is two ASCII bytes or a 2-byte form.
    for (unsigned a = 0; a < 256; ++a) {
        for (unsigned b = 0; b < 256; ++b) {
            const std::string text{static_cast<char>(a), static_cast<char>(b)};
            const bool valid =
                (a < 0x80 && b < 0x80) || (a >= 0xc2 && a < 0xe0 && (b & 0xc0) == 0x80);
            ASSERT_EQ(!find_invalid_utf8(text).has_value(), valid) << a << " " << b;
        }
    }
}

TEST(Utf8, NormalizesText) {
    EXPECT_EQ(normalize_text("a\r\nb\rc").value(), "a\nb\nc");
    EXPECT_EQ(normalize_text("\n\n  a \t\n\n\n\n b\n\n").value(), "  a\n\n b");
    EXPECT_EQ(normalize_text("a\x01\x7f\u0085\u009f\tb\0"s + "c").value(), "a\tbc");
    EXPECT_EQ(normalize_text("Cafe\u0301 \u212b").value(), "Café Å");
    EXPECT_EQ(normalize_text("e\x01\u0301").value(), "é"); // the control is gone before composing
    EXPECT_EQ(normalize_text(" \n \n").value(), "");
    const auto bad = normalize_text("abc\xff");
    ASSERT_FALSE(bad.has_value());
    EXPECT_NE(bad.error().context.find("byte 3"), std::string::npos);
}

TEST(Utf8, NormalizingTwiceChangesNothing) {
    Prng prng(3);
    const std::string parts[] = {"a",      " ",      "\n",     "\r",     "\t",     "\x02",
                                 "e",      "\u0301", "\u0316", "\u1100", "\u1161", "\u11a8",
                                 "\u00a0", "\u212b", "é",      "\u0085", "日",     "\u0345"};
    for (int round = 0; round < 5000; ++round) {
        std::string text;
        for (std::size_t n = prng.below(20); n > 0; --n)
            text += parts[prng.below(std::size(parts))];
        const auto once = normalize_text(text);
        ASSERT_TRUE(once.has_value());
        ASSERT_EQ(normalize_text(*once).value(), *once);
    }
}

TEST(Utf8, EndlessMarksAreRefusedQuickly) {
    std::string text = "a";
    for (int i = 0; i < 1'000'000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0316";
    EXPECT_EQ(normalize_text(text).error().code, ErrorCode::invalid_argument);
}

TEST(Utf8, FoldsCase) {
    EXPECT_EQ(fold_case("ABC xyz"), "abc xyz");
    EXPECT_EQ(fold_case("Straße ÉÀ ΌΣΟΣ"), "strasse éà όσοσ");
    EXPECT_EQ(fold_case("I"), "i"); // no Turkic rule
    EXPECT_EQ(fold_case("\u0130"), "i\u0307");
    EXPECT_EQ(fold_case("E\u0301"), "é");
}

TEST(Utf8, TruncatesAtCodePoints) {
    EXPECT_EQ(truncate_utf8("aé日", 10), "aé日");
    EXPECT_EQ(truncate_utf8("aé日", 5), "aé");
    EXPECT_EQ(truncate_utf8("aé日", 2), "a");
    EXPECT_EQ(truncate_utf8("日", 2), "");
}

} // namespace
} // namespace ol::text
