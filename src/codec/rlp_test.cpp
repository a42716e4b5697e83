#include "codec/rlp.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace ol::codec {
namespace {

using List = Rlp::List;

Rlp text(std::string_view value) { return Rlp(as_bytes(value)); }

Bytes hex(std::string_view value) { return from_hex(value).value(); }

void expect_refused(std::string_view bytes) {
    const auto item = rlp_decode(hex(bytes));
    ASSERT_FALSE(item.has_value()) << bytes;
    EXPECT_EQ(item.error().code, ErrorCode::invalid_argument) << bytes;
}

// The examples of the RLP page of the Ethereum documentation (formerly the wiki).
TEST(Rlp, published_examples) {
    const std::string_view lorem = "Lorem ipsum dolor sit amet, consectetur adipisicing elit";
    const Rlp none(List{});
    const Rlp nested(List{none});
    const struct {
        Rlp item;
        std::string encoded;
    } rows[] = {
        {text("dog"), "83646f67"},
        {Rlp(List{text("cat"), text("dog")}), "c88363617483646f67"},
        {text(""), "80"},
        {none, "c0"},
        {Rlp::number(0), "80"},
        {Rlp(Bytes{0x00}), "00"},
        {Rlp::number(15), "0f"},
        {Rlp::number(127), "7f"},
        {Rlp::number(128), "8180"},
        {Rlp::number(1024), "820400"},
        {Rlp(List{none, nested, Rlp(List{none, nested})}), "c7c0c1c0c3c0c1c0"},
        {text(lorem), "b838" + to_hex(as_bytes(lorem))},
        {Rlp::number(U256() - U256(1)), "a0" + std::string(64, 'f')},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(to_hex(rlp_encode(row.item)), row.encoded);
        EXPECT_EQ(rlp_decode(hex(row.encoded)).value(), row.item);
    }
}

TEST(Rlp, lengths_around_the_long_form) {
    for (const std::size_t size : {0U, 1U, 54U, 55U, 56U, 57U, 255U, 256U, 257U, 65535U, 65536U}) {
        const Rlp string(Bytes(size, 0xee));
        const Bytes encoded = rlp_encode(string);
        EXPECT_EQ(rlp_decode(encoded).value(), string) << size;
        List items(size, Rlp(Bytes{7}));
        const Rlp list(items);
        EXPECT_EQ(rlp_decode(rlp_encode(list)).value(), list) << size;
    }
}

TEST(Rlp, non_canonical_and_broken_encodings_are_refused) {
    for (const char* bytes : {"",
                              "8100",
                              "817f", // a byte that needs no prefix
                              "b800",
                              "b83700",
                              "b90038",
                              "f800",
                              "f837", // lengths in the wrong form
                              "b8",
                              "b9",
                              "b900",
                              "f8",
                              "f90001", // cut within the length
                              "81",
                              "83646f",
                              "c1",
                              "c88363617483646f", // cut within the payload
                              "8080",
                              "c000",
                              "0000",
                              "83646f6700", // left over
                              "c281ff00",
                              "c183",
                              "c483646f67ff", // an item that passes the end of its list
                              "bfffffffffffffffff",
                              "ffffffffffffffffff",
                              "bf8000000000000000",
                              "bbffffffff",
                              "fbffffffff",
                              "c1b8",
                              "c2b838",
                              "b838"}) {
        expect_refused(bytes);
    }
}

TEST(Rlp, every_truncation_is_refused) {
    const Bytes encoded =
        rlp_encode(Rlp(List{text("cat"), Rlp(Bytes(60, 1)), Rlp(List{Rlp::number(1U << 20)})}));
    for (std::size_t size = 0; size < encoded.size(); ++size) {
        EXPECT_FALSE(rlp_decode(ByteView(encoded).first(size)).has_value()) << size;
    }
}

TEST(Rlp, nesting_is_limited) {
    Rlp item(List{});
    for (int depth = 1; depth < 64; ++depth) item = Rlp(List{item});
    EXPECT_EQ(rlp_decode(rlp_encode(item)).value(), item);
    EXPECT_FALSE(rlp_decode(rlp_encode(Rlp(List{item}))).has_value());
    EXPECT_FALSE(rlp_decode(Bytes(1U << 20, 0xc1)).has_value());
}

Rlp random_item(Prng& prng, int depth) {
    if (depth > 4 || prng.below(2) == 0) {
        Bytes bytes(prng.below(prng.below(4) == 0 ? 300 : 3));
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(prng.next());
        return Rlp(std::move(bytes));
    }
    List items;
    for (std::size_t i = prng.below(6); i > 0; --i) items.push_back(random_item(prng, depth + 1));
    return Rlp(std::move(items));
}

// What decodes, encodes to the same bytes: one item has one encoding.
TEST(Rlp, random_items_and_random_damage) {
    Prng prng(3);
    for (int i = 0; i < 5000; ++i) {
        const Rlp item = random_item(prng, 0);
        Bytes encoded = rlp_encode(item);
        ASSERT_EQ(rlp_decode(encoded).value(), item);
        encoded[prng.below(encoded.size())] = static_cast<std::uint8_t>(prng.next());
        if (const auto damaged = rlp_decode(encoded)) {
            ASSERT_EQ(rlp_encode(*damaged), encoded);
        }
    }
}

} // namespace
} // namespace ol::codec
