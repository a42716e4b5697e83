#include "codec/abi.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace ol::codec {
namespace {

using List = AbiValue::List;

// Words of 64 hex digits: a number at the right, a text at the left.
std::string word(std::string_view digits) {
    return std::string(64 - digits.size(), '0') + std::string(digits);
}
std::string left(std::string_view text) {
    std::string out = to_hex(as_bytes(text));
    return out + std::string(64 - out.size(), '0');
}

Bytes hex(const std::string& value) { return from_hex(value).value(); }

void expect_refused(std::string_view type, const std::string& bytes) {
    const auto values = abi_decode(type, hex(bytes));
    ASSERT_FALSE(values.has_value()) << type << " " << bytes;
    EXPECT_EQ(values.error().code, ErrorCode::invalid_argument);
}

void expect_call(std::string_view signature, const List& values, const std::string& expected) {
    const Bytes call = abi_call(signature, values).value();
    EXPECT_EQ(to_hex(call), expected) << signature;
    const auto tuple = signature.substr(signature.find('('));
    EXPECT_EQ(abi_decode(tuple, ByteView(call).subspan(4)).value(), values) << signature;
}

// The examples of Solidity's "Contract ABI Specification".
TEST(Abi, published_examples) {
    expect_call("baz(uint32,bool)", {69, true}, "cdcd77c0" + word("45") + word("1"));
    expect_call(
        "bar(bytes3[2])",
        {AbiValue(List{AbiValue::fixed(as_bytes("abc")), AbiValue::fixed(as_bytes("def"))})},
        "fce353f6" + left("abc") + left("def"));
    expect_call("sam(bytes,bool,uint256[])", {"dave", true, List{1, 2, 3}},
                "a5643bf2" + word("60") + word("1") + word("a0") + word("4") + left("dave") +
                    word("3") + word("1") + word("2") + word("3"));
    expect_call(
        "f(uint256,uint32[],bytes10,bytes)",
        {0x123, List{0x456, 0x789}, AbiValue::fixed(as_bytes("1234567890")), "Hello, world!"},
        "8be65246" + word("123") + word("80") + left("1234567890") + word("e0") + word("2") +
            word("456") + word("789") + word("d") + left("Hello, world!"));
    expect_call("g(uint256[][],string[])", {List{List{1, 2}, List{3}}, List{"one", "two", "three"}},
                "2289b18c" + word("40") + word("140") + word("2") + word("40") + word("a0") +
                    word("2") + word("1") + word("2") + word("1") + word("3") + word("3") +
                    word("60") + word("a0") + word("e0") + word("3") + left("one") + word("3") +
                    left("two") + word("5") + left("three"));
}

TEST(Abi, selectors_and_topics) {
    // ERC-20's, as block explorers show them.
    EXPECT_EQ(to_hex(abi_selector("transfer(address,uint256)").view()), "a9059cbb");
    EXPECT_EQ(to_hex(abi_topic("Transfer(address,address,uint256)").view()),
              "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
    EXPECT_EQ(to_hex(abi_call("totalSupply()", {}).value()), "18160ddd");
    EXPECT_TRUE(abi_decode("()", {}).value().empty());
    expect_refused("()", word("0"));
    EXPECT_FALSE(abi_call("totalSupply", {}).has_value());
    EXPECT_FALSE(abi_call("(uint256)", {1}).has_value());
    EXPECT_FALSE(abi_encode("uint256", {1}).has_value());
}

TEST(Abi, types_are_spelled_canonically) {
    for (const char* good :
         {"uint8", "uint256", "int128", "bytes1", "bytes32", "bytes", "string", "bool", "address",
          "uint256[]", "uint256[2][3][]", "(address)", "(address,(bool,string)[4])[]", "()"}) {
        EXPECT_TRUE(AbiType::parse(good).has_value()) << good;
    }
    for (const char* bad : {"",
                            "uint",
                            "int",
                            "uint0",
                            "uint7",
                            "uint264",
                            "uint08",
                            "uint2560",
                            "bytes0",
                            "bytes33",
                            "bytes01",
                            "byte",
                            "Address",
                            "address ",
                            " address",
                            "uint256[0]",
                            "uint256[-1]",
                            "uint256[",
                            "uint256]",
                            "uint256[]x",
                            "uint256[1",
                            "(",
                            ")",
                            "(,)",
                            "(uint256,)",
                            "(uint256",
                            "uint256)",
                            "(())",
                            "()[]",
                            "(uint256,())",
                            "fixed128x18",
                            "function",
                            "uint256[99999999999999999999]",
                            "uint256[4294967296]",
                            "uint8[65536][65536][65536]",
                            "uint256,uint256",
                            "(uint256)(uint256)"}) {
        const auto type = AbiType::parse(bad);
        ASSERT_FALSE(type.has_value()) << bad;
        EXPECT_EQ(type.error().code, ErrorCode::invalid_argument);
    }
    EXPECT_FALSE(AbiType::parse(std::string(100000, '(')).has_value());
    std::string arrays = "uint256";
    for (int i = 0; i < 100; ++i) arrays += "[]";
    EXPECT_FALSE(AbiType::parse(arrays).has_value());
}

TEST(Abi, numbers_at_their_borders) {
    const U256 most = U256() - U256(1);
    const auto fits = [](std::string_view type, const AbiValue& value) {
        const auto encoded = abi_encode(type, {value});
        if (encoded) {
            EXPECT_EQ(abi_decode(type, *encoded).value(), List{value});
        } else {
            // The decoder refuses the word that the encoder refuses.
            EXPECT_FALSE(abi_decode(type, value.word().view()).has_value()) << type;
        }
        return encoded.has_value();
    };
    EXPECT_TRUE(fits("(uint8)", 255));
    EXPECT_FALSE(fits("(uint8)", 256));
    EXPECT_TRUE(fits("(uint256)", most));
    EXPECT_TRUE(fits("(uint248)", most >> 8));
    EXPECT_FALSE(fits("(uint248)", most >> 7));
    EXPECT_TRUE(fits("(int8)", -128));
    EXPECT_TRUE(fits("(int8)", 127));
    EXPECT_FALSE(fits("(int8)", -129));
    EXPECT_FALSE(fits("(int8)", 128));
    EXPECT_FALSE(fits("(int8)", 255));
    EXPECT_TRUE(fits("(int256)", U256(1) << 255));
    EXPECT_TRUE(fits("(int64)", INT64_MIN));
    EXPECT_FALSE(fits("(int64)", UINT64_MAX));
    EXPECT_TRUE(fits("(bool)", 1));
    EXPECT_FALSE(fits("(bool)", 2));
    EXPECT_TRUE(fits("(address)", most >> 96));
    EXPECT_FALSE(fits("(address)", most >> 95));
    EXPECT_TRUE(fits("(bytes4)", most << 224));
    EXPECT_FALSE(fits("(bytes4)", most << 223));
    EXPECT_TRUE(fits("(bytes32)", most));
    EXPECT_TRUE(fits("(bytes1)", U256()));
    EXPECT_EQ(AbiValue(-1).number(), most);
    EXPECT_EQ(AbiValue(UINT64_MAX).number(), U256(UINT64_MAX));
}

TEST(Abi, values_of_the_wrong_kind_are_refused) {
    const auto code = [](std::string_view type, const List& values) {
        const auto encoded = abi_encode(type, values);
        return encoded ? ErrorCode::internal : encoded.error().code;
    };
    const auto bad = ErrorCode::invalid_argument;
    EXPECT_EQ(code("(uint256)", {}), bad);
    EXPECT_EQ(code("(uint256)", {1, 2}), bad);
    EXPECT_EQ(code("(uint256)", {"1"}), bad);
    EXPECT_EQ(code("(uint256)", {AbiValue(List{1})}), bad);
    EXPECT_EQ(code("(string)", {1}), bad);
    EXPECT_EQ(code("(bytes32)", {Bytes(32)}), bad);
    EXPECT_EQ(code("(uint256[])", {1}), bad);
    EXPECT_EQ(code("(uint256[2])", {AbiValue(List{1})}), bad);
    EXPECT_EQ(code("((uint256,bool))", {AbiValue(List{1})}), bad);
    EXPECT_EQ(code("((uint256,bool)[])", {AbiValue(List{AbiValue(List{1, 2})})}), bad);
    EXPECT_EQ(code("(string[2])", {AbiValue(List{"a", 1})}), bad);
    EXPECT_DEATH((void)AbiValue(1).bytes(), "");
    EXPECT_DEATH((void)AbiValue("x").number(), "");
}

TEST(Abi, hostile_bytes_are_refused) {
    expect_refused("(uint256)", "");
    expect_refused("(uint256)", word("1").substr(2));
    expect_refused("(uint256)", word("1") + word("0"));
    const std::string ones(64, 'f');
    expect_refused("(string)", ones);
    expect_refused("(string)", word("20"));
    expect_refused("(string)", word("20") + ones);
    expect_refused("(string)", word("20") + word("21") + left("x"));
    expect_refused("(string)", word("20") + word("1") + left("xy")); // dirty padding
    expect_refused("(string)", word("20") + word("1") + "78");       // no padding
    expect_refused("(string)", word("0") + word("0"));               // points at itself
    expect_refused("(string)", word("40") + word("0") + word("0"));  // a gap
    expect_refused("(uint256[])", word("20") + ones);
    expect_refused("(uint256[])", word("20") + "8" + std::string(63, '0'));
    expect_refused("(uint256[])", word("20") + word("2") + word("1"));
    expect_refused("(string[])", word("20") + word("ffffffff") + word("0"));
    expect_refused("(string[1000000])", word("20") + word("0"));
    // Two offsets at one tail: a few bytes would grow into many values.
    expect_refused("(uint256[],uint256[])", word("40") + word("40") + word("1") + word("1"));
    // Tails out of order.
    expect_refused("(string,string)", word("60") + word("40") + word("0") + word("0"));
}

AbiValue random_value(Prng& prng, const AbiType& type) {
    using Kind = AbiType::Kind;
    const auto random_word = [&] {
        U256 out;
        for (auto& limb : out.limb) limb = prng.next();
        return out;
    };
    switch (type.kind) {
    case Kind::fixed_bytes:
        return AbiValue(random_word() << (256 - 8 * type.bits));
    case Kind::integer: {
        const U256 magnitude = random_word() >> (257 - type.bits);
        return AbiValue(prng.below(2) == 0 ? magnitude : U256() - magnitude);
    }
    case Kind::bytes:
    case Kind::string: {
        Bytes bytes(prng.below(80));
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(prng.next());
        return AbiValue(std::move(bytes));
    }
    case Kind::array: {
        List out;
        const std::size_t count = type.length < 0 ? prng.below(4) : std::size_t(type.length);
        for (std::size_t i = 0; i < count; ++i) {
            out.push_back(random_value(prng, type.components[0]));
        }
        return AbiValue(std::move(out));
    }
    case Kind::tuple: {
        List out;
        for (const auto& component : type.components) {
            out.push_back(random_value(prng, component));
        }
        return AbiValue(std::move(out));
    }
    default:
        return AbiValue(random_word() >> (256 - type.bits));
    }
}

TEST(Abi, random_values_round_trip_and_damage_is_seen) {
    Prng prng(9);
    for (const char* spelling :
         {"(uint256,int8,int256,address,bool,bytes5,bytes32)", "(string,bytes,string)",
          "(uint16[3][],uint16[][3])", "((address,uint32[])[],bytes32)",
          "((bool,(string,int24)[2])[],(bytes4,uint8),string[2][])", "(bytes[][],((string)))"}) {
        const AbiType type = AbiType::parse(spelling).value();
        for (int i = 0; i < 300; ++i) {
            const AbiValue value = random_value(prng, type);
            Bytes encoded = abi_encode(spelling, value.list()).value();
            ASSERT_EQ(abi_decode(spelling, encoded).value(), value.list()) << spelling;
            ASSERT_EQ(encoded.size() % 32, 0U);
            const std::size_t cut = prng.below(encoded.size());
            ASSERT_FALSE(abi_decode(spelling, ByteView(encoded).first(cut)).has_value());
            // One value has one encoding: whatever still decodes encodes to the same bytes.
            encoded[prng.below(encoded.size())] ^= static_cast<std::uint8_t>(1 + prng.below(255));
            if (const auto damaged = abi_decode(spelling, encoded)) {
                ASSERT_EQ(abi_encode(spelling, *damaged).value(), encoded);
            }
        }
    }
}

TEST(Abi, reads) {
    const auto address = address_from_hex("0xf39Fd6e51aad88F6F4ce6aB8827279cfFFb92266").value();
    const auto values =
        abi_decode("(address,uint64,bool,string)",
                   abi_encode("(address,uint64,bool,string)", {address, 7, false, "hi"}).value())
            .value();
    EXPECT_EQ(values[0].address(), address);
    EXPECT_EQ(values[1].u64(), 7U);
    EXPECT_FALSE(values[2].boolean());
    EXPECT_EQ(values[3].text(), "hi");
}

} // namespace
} // namespace ol::codec
