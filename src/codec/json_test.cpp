#include "codec/json.hpp"

#include <cmath>
#include <cstring>
#include <functional>

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "base/prng.hpp"

namespace ol::codec {
namespace {

Json read(std::string_view text) {
    auto value = Json::parse(text);
    EXPECT_TRUE(value.has_value()) << text << ": " << value.error().to_string();
    return value ? *value : Json();
}

ErrorCode refused(std::string_view text) {
    auto value = Json::parse(text);
    EXPECT_FALSE(value.has_value()) << text.substr(0, 80);
    return value ? ErrorCode::internal : value.error().code;
}

TEST(Json, prints_in_the_order_added) {
    Json value;
    value.set("b", 1).set("a", Json::array({1, "x", nullptr, true})).set("b", -2);
    value.set("none", Json::array()).set("empty", Json::object());
    EXPECT_EQ(value.dump(), R"({"b":-2,"a":[1,"x",null,true],"none":[],"empty":{}})");
    EXPECT_EQ(Json::object({{"a", 1}, {"c", Json::array({2, 3})}}).dump(2),
              "{\n  \"a\": 1,\n  \"c\": [\n    2,\n    3\n  ]\n}");
    EXPECT_EQ(Json().dump(), "null");
    EXPECT_EQ(Json::array().dump(4), "[]");
}

TEST(Json, constructors_keep_kinds) {
    EXPECT_TRUE(Json(true).is_bool());
    EXPECT_TRUE(Json(0).is_number());
    EXPECT_TRUE(Json('a').is_number());
    EXPECT_TRUE(Json("text").is_string());
    EXPECT_TRUE(Json(nullptr).is_null());
    EXPECT_TRUE(Json(1.5F).is_number());
    EXPECT_EQ(Json(5U), Json(5));
    EXPECT_EQ(Json(std::size_t{5}), read("5"));
    EXPECT_EQ(Json(UINT64_MAX), read("18446744073709551615"));
    EXPECT_EQ(Json(U256(1) << 100).dump(), "\"1267650600228229401496703205376\"");
    EXPECT_EQ(Json(Address{}).dump(), "\"0x0000000000000000000000000000000000000000\"");
    static_assert(!std::is_constructible_v<Json, const Json*>);
    static_assert(!std::is_constructible_v<Json, void*>);
}

TEST(Json, numbers_at_their_borders) {
    EXPECT_EQ(read("-9223372036854775808").as_int().value(), INT64_MIN);
    EXPECT_EQ(read("9223372036854775807").as_uint().value(), 9223372036854775807U);
    EXPECT_EQ(read("18446744073709551615").as_uint().value(), UINT64_MAX);
    EXPECT_FALSE(read("18446744073709551615").as_int().has_value());
    EXPECT_FALSE(read("18446744073709551616").as_uint().has_value());
    EXPECT_EQ(read("18446744073709551616").as_double().value(), 0x1.0p64);
    EXPECT_FALSE(read("-1").as_uint().has_value());
    EXPECT_EQ(read("2.0").as_int().value(), 2);
    EXPECT_EQ(read("1e3").as_uint().value(), 1000U);
    EXPECT_FALSE(read("2.5").as_int().has_value());
    EXPECT_FALSE(Json(NAN).as_int().has_value());
    EXPECT_FALSE(Json(INFINITY).as_uint().has_value());
    EXPECT_EQ(refused("1e400"), ErrorCode::invalid_argument);
    EXPECT_EQ(refused("-1e400"), ErrorCode::invalid_argument);
    EXPECT_EQ(read("1e-400").as_double().value(), 0.0);
    EXPECT_EQ(read("4.9406564584124654e-324").as_double().value(), 0x1p-1074);
    EXPECT_EQ(Json(INT64_MIN).dump(), "-9223372036854775808");
}

TEST(Json, doubles_read_back_equal_and_short) {
    EXPECT_EQ(Json(0.1).dump(), "0.1");
    EXPECT_EQ(Json(1.0).dump(), "1.0");
    EXPECT_EQ(Json(-0.0).dump(), "-0.0");
    EXPECT_EQ(Json(1e22).dump(), "1e+22");
    EXPECT_EQ(Json(1.7976931348623157e308).dump(), "1.7976931348623157e+308");
    EXPECT_EQ(Json(NAN).dump(), "null");
    EXPECT_EQ(Json::array({INFINITY, -INFINITY}).dump(), "[null,null]");
    Prng prng(7);
    for (int i = 0; i < 20000; ++i) {
        const std::uint64_t bits = prng.next();
        double value = 0;
        std::memcpy(&value, &bits, 8);
        if (!std::isfinite(value)) continue;
        const double back = read(Json(value).dump()).as_double().value();
        ASSERT_EQ(std::memcmp(&back, &value, 8), 0) << Json(value).dump();
    }
}

TEST(Json, strings_round_trip) {
    const std::string text("quote\" back\\ tab\t nul\0 bell\x07 \xc3\xa9 \xf0\x9f\x98\x80 /", 39);
    const std::string printed = Json(text).dump();
    EXPECT_NE(printed.find("\\u0000"), std::string::npos);
    EXPECT_EQ(read(printed).as_string().value(), text);
    EXPECT_EQ(read(R"("\u00e9\ud83d\ude00\/")").as_string().value(), "\xc3\xa9\xf0\x9f\x98\x80/");
    // Bytes that are not UTF-8 still print as JSON that reads back.
    EXPECT_EQ(read(Json("a\xff"
                        "b\xc0\x80")
                       .dump())
                  .as_string()
                  .value(),
              "a\xef\xbf\xbd"
              "b\xef\xbf\xbd\xef\xbf\xbd");
    for (const char* bad :
         {"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80", "\xc3", "\xe2\x82"}) {
        EXPECT_TRUE(Json::parse(Json(bad).dump()).has_value());
    }
}

// The cases of RFC 8259's grammar that parsers most often let through (after the n_* files of
// JSONTestSuite by N. Seriot).
TEST(Json, hostile_input_is_refused) {
    for (const char* bad : {"",
                            " ",
                            "[",
                            "]",
                            "{",
                            "}",
                            "[1,]",
                            "[,1]",
                            "{\"a\":1,}",
                            "{\"a\"}",
                            "{\"a\":}",
                            "{a:1}",
                            "{'a':1}",
                            "[1 2]",
                            "01",
                            "-",
                            "-01",
                            "+1",
                            ".5",
                            "1.",
                            "1e",
                            "1e+",
                            "0x10",
                            "NaN",
                            "Infinity",
                            "-Infinity",
                            "nul",
                            "tru",
                            "True",
                            "\"",
                            "\"\\",
                            "\"\\x41\"",
                            "\"\\u12\"",
                            "\"\\ud800\"",
                            "\"\\ud800\\u0041\"",
                            "\"\\udc00\"",
                            "\"a\nb\"",
                            "\"\t\"",
                            "1 1",
                            "{} x",
                            "[1]//c",
                            "/**/1",
                            "\xef\xbb\xbf{}",
                            "\"\xff\"",
                            "\"\xc0\xaf\"",
                            "\"\xed\xa0\x80\"",
                            "[\"a\",\n4\n,1,",
                            "{\"a\":1 \"b\":2}",
                            "[1}",
                            "{\"a\":1]",
                            "\x01",
                            "[\v1]",
                            "--1",
                            "{\"a\":\"b\"}#",
                            "[-]",
                            "{,}",
                            "{1:2}",
                            "[\"\\u00\"]",
                            "1e1.5"}) {
        EXPECT_EQ(refused(bad), ErrorCode::invalid_argument) << bad;
    }
    EXPECT_EQ(refused(std::string_view("1\0", 2)), ErrorCode::invalid_argument);
    EXPECT_EQ(refused(std::string_view("\"a\0\"", 4)), ErrorCode::invalid_argument);
}

TEST(Json, every_truncation_is_refused) {
    const std::string text = R"({"a":[1,2.5e3,"x\u00e9\n",null,true,{"b":-7}],"c":""})";
    EXPECT_EQ(read(text).dump(),
              "{\"a\":[1,2500.0,\"x\xc3\xa9\\n\",null,true,{\"b\":-7}],\"c\":\"\"}");
    for (std::size_t size = 0; size < text.size(); ++size) {
        EXPECT_FALSE(Json::parse(text.substr(0, size)).has_value()) << size;
    }
    EXPECT_FALSE(Json::parse(text + "0").has_value());
    EXPECT_TRUE(Json::parse(" \t\r\n" + text + " \n").has_value());
}

TEST(Json, depth_and_size_are_limited) {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_TRUE(Json::parse(nested(limits::json_depth)).has_value());
    EXPECT_EQ(refused(nested(limits::json_depth + 1)), ErrorCode::too_large);
    EXPECT_EQ(refused(std::string(1U << 20, '[')), ErrorCode::too_large);
    std::string objects;
    for (std::size_t i = 0; i < limits::json_depth + 1; ++i) objects += "{\"a\":";
    EXPECT_EQ(refused(objects), ErrorCode::too_large);
    EXPECT_EQ(refused(std::string(limits::json_bytes + 1, ' ')), ErrorCode::too_large);
    std::string many = "[0";
    for (std::size_t i = 0; i < Json::max_values; ++i) many += ",0";
    EXPECT_EQ(refused(many + "]"), ErrorCode::too_large);
}

TEST(Json, errors_name_line_and_column) {
    const auto message = [](std::string_view text) { return Json::parse(text).error().context; };
    EXPECT_NE(message("{\n  \"a\": 1,\n  \"b\": x\n}").find("line 3, column 8"), std::string::npos)
        << message("{\n  \"a\": 1,\n  \"b\": x\n}");
    EXPECT_NE(message("[\"\xc3\xa9\" 1]").find("line 1, column 6"), std::string::npos)
        << message("[\"\xc3\xa9\" 1]");
    EXPECT_NE(message("[]\n]").find("line 2, column 1"), std::string::npos) << message("[]\n]");
    EXPECT_NE(message("[1,\n1e999]").find("line 2"), std::string::npos);
}

TEST(Json, duplicate_keys_keep_the_last_value) {
    EXPECT_EQ(read(R"({"a":1,"b":2,"a":3,"c":4,"b":5,"a":6})").dump(), R"({"a":6,"b":5,"c":4})");
    EXPECT_EQ(read(R"({"":1,"":2})").dump(), R"({"":2})");
    std::string text = "{\"k\":0";
    for (int i = 0; i < 200000; ++i) {
        text += fmt::format(",\"k{}\":{}", i % 100000, i);
    }
    const Json value = read(text + "}");
    ASSERT_EQ(value.members().size(), 100001U);
    EXPECT_EQ(value.members()[1].first, "k0");
    EXPECT_EQ(value.members()[1].second, Json(100000));
}

TEST(Json, reads_say_what_was_found) {
    const Json value = read(R"({"n":5,"s":"12","h":"0xff","a":[1]})");
    EXPECT_EQ(value["n"].as_string().error().context, "expected a string, found a number");
    EXPECT_EQ(value["gone"].as_int().error().context, "expected an integer, found null");
    EXPECT_EQ(value.require("gone").error().context, "member 'gone' is missing");
    EXPECT_FALSE(value["a"].require("x").has_value());
    EXPECT_EQ(*value.require("n").value(), Json(5));
    EXPECT_EQ(value["s"].as_u256().value(), U256(12));
    EXPECT_EQ(value["h"].as_u256().value(), U256(255));
    EXPECT_EQ(value["n"].as_u256().value(), U256(5));
    EXPECT_FALSE(value["a"].as_u256().has_value());
    EXPECT_EQ(value["h"].as_hex_bytes().value(), Bytes{0xff});
    EXPECT_FALSE(value["h"].as_address().has_value());
    EXPECT_FALSE(value["h"].as_hash32().has_value());
    EXPECT_TRUE(value["n"]["deeper"]["still"].is_null());
    EXPECT_TRUE(value["n"].items().empty());
    EXPECT_TRUE(value["a"].members().empty());
    EXPECT_TRUE(value.contains("a"));
    EXPECT_FALSE(value.contains("b"));
}

TEST(Json, items_of_another_kind_stay_empty) {
    Json number(5);
    number.items().push_back(Json(1));
    EXPECT_TRUE(number.items().empty());
    EXPECT_EQ(number, Json(5));
    Json fresh;
    fresh.items().push_back(Json(1));
    EXPECT_EQ(fresh.dump(), "[1]");
    EXPECT_DEATH(number.set("a", 1), "");
    EXPECT_DEATH(number.push(1), "");
}

// Random trees: what is printed reads back equal, and prints the same again.
TEST(Json, random_values_round_trip) {
    Prng prng(11);
    std::function<Json(int)> make = [&](int depth) -> Json {
        switch (prng.below(depth > 4 ? 6 : 8)) {
        case 0:
            return Json();
        case 1:
            return Json(prng.below(2) == 0);
        case 2:
            return Json(static_cast<std::int64_t>(prng.next()) >> prng.below(64));
        case 3:
            return Json(prng.next() >> prng.below(64));
        case 4:
            return Json(prng.uniform() * std::exp2(static_cast<double>(prng.below(200)) - 99));
        case 5: {
            std::string text;
            for (std::size_t i = prng.below(12); i > 0; --i) {
                text += static_cast<char>(prng.below(128));
            }
            return Json(text);
        }
        case 6: {
            Json out = Json::array();
            for (std::size_t i = prng.below(5); i > 0; --i) out.push(make(depth + 1));
            return out;
        }
        default: {
            Json out = Json::object();
            for (std::size_t i = prng.below(5); i > 0; --i) {
                out.set("k" + std::to_string(prng.below(9)), make(depth + 1));
            }
            return out;
        }
        }
    };
    for (int i = 0; i < 3000; ++i) {
        const Json value = make(0);
        for (int indent : {0, 3}) {
            const std::string printed = value.dump(indent);
            ASSERT_EQ(read(printed), value) << printed;
            ASSERT_EQ(read(printed).dump(indent), printed);
        }
    }
}

} // namespace
} // namespace ol::codec
