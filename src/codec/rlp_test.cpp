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

void write(RlpWriter& out, const Rlp& item) {
    if (const auto* bytes = std::get_if<Bytes>(&item.value)) {
        out.bytes(*bytes);
        return;
    }
    out.list([&] {
        for (const auto& child : std::get<List>(item.value)) write(out, child);
    });
}

Result<Rlp> read(RlpReader& in) {
    if (!in.next_is_list()) return Rlp(OL_TRY(in.bytes("item")));
    RlpReader items = OL_TRY(in.list("items"));
    List out;
    while (!items.at_end()) out.push_back(OL_TRY(read(items)));
    return Rlp(std::move(out));
}

Result<Rlp> read_whole(ByteView bytes) {
    RlpReader in(bytes, "text");
    Rlp out = OL_TRY(read(in));
    OL_TRY(in.end());
    return out;
}

// The writer and the reader against the tree form, on sound and on damaged bytes.
TEST(RlpStream, agrees_with_the_tree) {
    Prng prng(5);
    for (int i = 0; i < 5000; ++i) {
        const Rlp item = random_item(prng, 0);
        RlpWriter writer;
        write(writer, item);
        Bytes encoded = writer.take();
        ASSERT_EQ(encoded, rlp_encode(item));
        ASSERT_EQ(read_whole(encoded).value(), item);
        encoded[prng.below(encoded.size())] = static_cast<std::uint8_t>(prng.next());
        if (prng.below(4) == 0) encoded.resize(prng.below(encoded.size() + 1));
        const auto tree = rlp_decode(encoded);
        const auto read = read_whole(encoded);
        ASSERT_EQ(tree.has_value(), read.has_value());
        if (tree) {
            ASSERT_EQ(*tree, *read);
        }
    }
}

TEST(RlpStream, numbers_and_fixed_bytes) {
    const U256 wide = U256::parse("0x0102030405060708090a").value();
    Address address;
    address[19] = 7;
    RlpWriter out;
    out.list([&] {
        out.number(0).number(0x7f).number(0x80).number(~0ULL).number(U256()).number(wide);
        out.bytes(address).number(1);
        out.list([] {});
    });
    const Bytes bytes = out.take();
    EXPECT_EQ(to_hex(bytes), "f0"
                             "80"
                             "7f"
                             "8180"
                             "88ffffffffffffffff"
                             "80"
                             "8a0102030405060708090a"
                             "940000000000000000000000000000000000000007"
                             "01"
                             "c0");
    RlpReader in = RlpReader::of_list(bytes, "row").value();
    EXPECT_EQ(in.u64("a").value(), 0U);
    EXPECT_EQ(in.u64("b").value(), 0x7fU);
    EXPECT_EQ(in.u64("c").value(), 0x80U);
    EXPECT_EQ(in.u64("d").value(), ~0ULL);
    EXPECT_EQ(in.u256("e").value(), U256());
    EXPECT_EQ(in.u256("f").value(), wide);
    EXPECT_EQ(in.fixed<20>("g").value(), address);
    EXPECT_EQ(in.boolean("h").value(), true);
    EXPECT_TRUE(in.list("i").value().at_end());
    EXPECT_TRUE(in.end().has_value());
    EXPECT_EQ(in.u64("j").error().context, "row: j: is missing");
}

TEST(RlpStream, errors_name_the_field) {
    const auto refused = [](std::string_view bytes, auto&& read) {
        const Bytes raw = hex(bytes);
        RlpReader in(raw, "row");
        const auto out = read(in);
        return out ? std::string("accepted") : out.error().context;
    };
    const auto u64 = [](RlpReader& in) { return in.u64("gas"); };
    EXPECT_EQ(refused("00", u64), "row: gas: a number has a leading zero");
    EXPECT_EQ(refused("820001", u64), "row: gas: a number has a leading zero");
    EXPECT_EQ(refused("89010203040506070809", u64), "row: gas: a number of 9 bytes, at most 8");
    EXPECT_EQ(refused("c0", u64), "row: gas: is a list, must be a string");
    EXPECT_EQ(refused("8101", u64), "row: gas: a single byte below 0x80 takes no prefix");
    EXPECT_EQ(refused("02", [](RlpReader& in) { return in.boolean("flag"); }),
              "row: flag: must be 0 or 1");
    EXPECT_EQ(refused("80", [](RlpReader& in) { return in.list("logs"); }),
              "row: logs: is a string, must be a list");
    EXPECT_EQ(refused("8401020304", [](RlpReader& in) { return in.fixed<20>("to"); }),
              "row: to: expected 20 bytes, got 4");
    EXPECT_EQ(refused("a1" + std::string(66, '1'), [](RlpReader& in) { return in.u256("value"); }),
              "row: value: a number of 33 bytes, at most 32");
    EXPECT_FALSE(RlpReader::of_list(hex("c0c0"), "row").has_value());
    EXPECT_FALSE(RlpReader::of_list(hex("80"), "row").has_value());
    EXPECT_FALSE(RlpReader::of_list({}, "row").has_value());
    EXPECT_FALSE(RlpReader::of_list(hex("c101"), "row").value().end().has_value());
}

TEST(RlpStream, raw_items_are_taken_whole) {
    const Bytes bytes = hex("c483646f6705");
    RlpReader in(bytes, "row");
    EXPECT_EQ(to_hex(in.raw("list").value()), "c483646f67");
    EXPECT_EQ(to_hex(in.raw("byte").value()), "05");
    EXPECT_FALSE(in.raw("more").has_value());
}

} // namespace
} // namespace ol::codec
