#include <gtest/gtest.h>

#include "chain/rpc/log_criteria.hpp"
#include "chain/rpc/parameters.hpp"
#include "chain/rpc/writer.hpp"

namespace ol::chain::rpc {
namespace {

using codec::Json;

Json parse(std::string_view text) {
    auto json = Json::parse(text);
    EXPECT_TRUE(json) << text;
    return json ? *json : Json();
}

// ---- writing

TEST(Writer, CommasComeByThemselves) {
    Writer out;
    out.begin_array();
    out.begin_object();
    out.member("a", 1U);
    out.member("b", true);
    out.key("c");
    out.begin_array();
    out.end_array();
    out.member("d", nullptr);
    out.end_object();
    out.value("x");
    out.number(7);
    out.decimal(0.5);
    out.end_array();
    EXPECT_EQ(out.text(), R"([{"a":"0x1","b":true,"c":[],"d":null},"x",7,0.5])");
}

TEST(Writer, QuantitiesAndData) {
    Writer out;
    out.begin_array();
    out.value(0U);
    out.value(255U);
    out.value(~std::uint64_t{0});
    out.value(U256(1) << 255);
    out.value(Bytes{});
    out.value(Bytes{0x00, 0xff});
    out.word(U256(5));
    out.bare_hex(Bytes{0xab});
    out.value(std::optional<U256>());
    out.value(std::vector<Hash32>{});
    out.end_array();
    EXPECT_EQ(
        out.text(),
        R"(["0x0","0xff","0xffffffffffffffff",)"
        R"("0x8000000000000000000000000000000000000000000000000000000000000000",)"
        R"("0x","0x00ff","0x0000000000000000000000000000000000000000000000000000000000000005",)"
        R"("ab",null,[]])");
}

TEST(Writer, TextIsEscapedWhereItMustBe) {
    for (const std::string text : {"plain", "a \"quoted\" \\ text", "line\nbreak", "\x01", "é",
                                   "\xff not utf-8", "ends with {"}) {
        Writer out;
        out.begin_object();
        out.member("k", text);
        out.member("next", 1U);
        out.end_object();
        const auto read = Json::parse(out.text());
        ASSERT_TRUE(read) << out.text();
        EXPECT_EQ((*read)["next"].text(), "0x1");
        EXPECT_EQ((*read)["k"].text(), parse(Json(text).dump()).text());
    }
}

TEST(Writer, TruncateGoesBackWithoutAComma) {
    Writer out;
    out.begin_array();
    const std::size_t before = out.size();
    out.value(1U);
    out.truncate(before);
    out.value(2U);
    out.end_array();
    EXPECT_EQ(out.text(), R"(["0x2"])");
}

// ---- reading

std::string fault(auto result) { return result ? "no error" : result.error().message; }

TEST(Param, ErrorsNameTheirPlace) {
    const Json json = parse(R"([{"to":"0x12","list":[{"address":7}]}])");
    const Param params("eth_call", json);
    const Param call = params[0], to = call["to"], list = call["list"], item = list[0],
                address = item["address"], none = call["none"];
    EXPECT_EQ(fault(to.address()), "eth_call: params[0].to: expected 20 bytes, got 1");
    EXPECT_EQ(to.address().error().code, invalid_params);
    EXPECT_EQ(fault(address.address()),
              "eth_call: params[0].list[0].address: expected a hex string");
    EXPECT_EQ(fault(none.quantity()), "eth_call: params[0].none: missing value");
    EXPECT_EQ(fault(params[9].hash32()), "eth_call: params[9]: missing value");
}

TEST(Param, QuantitiesAreAsStrictAsGeths) {
    const auto quantity = [](std::string_view text) {
        const Json json = parse(text);
        const Param param("m", json);
        auto value = param.quantity();
        return value ? value->to_decimal() : value.error().message;
    };
    EXPECT_EQ(quantity(R"("0x0")"), "0");
    EXPECT_EQ(quantity(R"("0xFf")"), "255");
    EXPECT_EQ(quantity(R"("0x")"), "m: params: hex string \"0x\" is no number");
    EXPECT_EQ(quantity(R"("0x01")"), "m: params: hex number with leading zero digits");
    EXPECT_EQ(quantity(R"("1f")"), "m: params: hex string without 0x prefix");
    EXPECT_EQ(quantity(R"("0xg")"), "m: params: invalid hex string");
    EXPECT_EQ(quantity("31"), "m: params: expected a hex string");
    EXPECT_EQ(quantity("\"0x" + std::string(65, '1') + "\""),
              "m: params: hex number larger than 256 bits");
    const Json wide = parse(R"("0x10000000000000000")");
    EXPECT_EQ(fault(Param("m", wide).quantity64()), "m: params: hex number larger than 64 bits");
    EXPECT_EQ(fault(Param("m", parse(R"("0x123")")).data()), "m: params: hex string of odd length");
    EXPECT_EQ(*Param("m", parse("86400")).any_number64(), 86400U);
    EXPECT_EQ(*Param("m", parse(R"("0x10")")).any_number64(), 16U);
    EXPECT_EQ(*Param("m", parse(R"("0x0001")")).slot(), U256(1));
}

TEST(BlockRef, TagsNumbersHashesAndObjects) {
    using Tag = BlockRef::Tag;
    const std::string hash = "0x" + std::string(62, '0') + "07";
    const auto tag = [](std::string_view text) {
        const Json json = parse(text);
        auto ref = block_ref(Param("m", json));
        return ref ? static_cast<int>(ref->tag) : -1;
    };
    EXPECT_EQ(tag("null"), static_cast<int>(Tag::latest));
    EXPECT_EQ(tag(R"("latest")"), static_cast<int>(Tag::latest));
    EXPECT_EQ(tag(R"("pending")"), static_cast<int>(Tag::pending));
    EXPECT_EQ(tag(R"("earliest")"), static_cast<int>(Tag::earliest));
    EXPECT_EQ(tag(R"("safe")"), static_cast<int>(Tag::safe));
    EXPECT_EQ(tag(R"("finalized")"), static_cast<int>(Tag::finalized));
    EXPECT_EQ(tag(R"("0x10")"), static_cast<int>(Tag::number));
    EXPECT_EQ(tag(R"({"blockNumber":"0x10"})"), static_cast<int>(Tag::number));
    EXPECT_EQ(tag("\"" + hash + "\""), static_cast<int>(Tag::hash));
    EXPECT_EQ(tag(R"({"blockHash":")" + hash + R"(","requireCanonical":true})"),
              static_cast<int>(Tag::hash));
    for (const char* wrong :
         {R"("newest")", R"("0x")", "5", "true", "[]", R"({"blockHash":"0x12"})"}) {
        EXPECT_EQ(tag(wrong), -1) << wrong;
    }
    const std::string both = R"({"blockNumber":"0x1","blockHash":")" + hash + "\"}";
    EXPECT_EQ(tag(both), -1);
}

TEST(CallArguments, ReadsWhatWalletsSend) {
    const Json json = parse(R"({
        "from": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "to": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "gas": "0x5208", "value": "0x1", "data": "0x1234", "input": "0x1234",
        "maxFeePerGas": "0x2", "maxPriorityFeePerGas": "0x1", "nonce": "0x7", "chainId": "0x1e61",
        "type": "0x2", "unknown": {"is": "ignored"},
        "accessList": [{"address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
                        "storageKeys": ["0x1",
                        "0x0000000000000000000000000000000000000000000000000000000000000002"]}]})");
    const auto read = call_arguments(Param("eth_call", json));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->request.gas, 21000U);
    EXPECT_TRUE(read->has_gas);
    EXPECT_EQ(to_hex(read->request.data), "1234");
    EXPECT_EQ(read->nonce, 7U);
    ASSERT_EQ(read->request.access_list.size(), 1U);
    EXPECT_EQ(read->request.access_list[0].slots, (std::vector<U256>{U256(1), U256(2)}));
}

TEST(CallArguments, RefusesWhatDoesNotFitTogether) {
    const std::pair<const char*, const char*> cases[] = {
        {R"("0x")", "m: params: expected an object"},
        {R"({"data":"0x12","input":"0x13"})",
         "m: params.data: both \"data\" and \"input\" are set and not equal"},
        {R"({"gasPrice":"0x1","maxFeePerGas":"0x1"})",
         "m: params.gasPrice: both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified"},
        {R"({"maxFeePerGas":"0x1","maxPriorityFeePerGas":"0x2"})",
         "m: params.maxFeePerGas: maxFeePerGas (1) < maxPriorityFeePerGas (2)"},
        {R"({"accessList":{}})", "m: params.accessList: expected an array"},
        {R"({"authorizationList":[{"chainId":"0x1"}]})",
         "m: params.authorizationList[0].address: missing value"},
    };
    for (const auto& [text, message] : cases) {
        const Json json = parse(text);
        EXPECT_EQ(fault(call_arguments(Param("m", json))), message);
    }
}

TEST(StateOverride, ReadsAccountsAndRefusesNonsense) {
    const Json json = parse(R"({"0x70997970C51812dc3A010C7d01b50e0d17dc79C8":
        {"balance":"0x5","nonce":"0x1","code":"0x00","stateDiff":{"0x1":"0x2"}}})");
    const auto read = state_override(Param("m", json));
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->size(), 1U);
    EXPECT_EQ((*read)[0].second.balance, U256(5));
    EXPECT_FALSE((*read)[0].second.replaces_storage);
    for (const char* wrong :
         {R"({"0x12":{}})", R"({"70997970C51812dc3A010C7d01b50e0d17dc79C8":{}})",
          R"({"0x70997970C51812dc3A010C7d01b50e0d17dc79C8":{"state":{},"stateDiff":{}}})",
          R"({"0x70997970C51812dc3A010C7d01b50e0d17dc79C8":{"state":{"x":"0x1"}}})",
          R"({"0x70997970C51812dc3A010C7d01b50e0d17dc79C8":{"state":[]}})", "[]"}) {
        const Json bad = parse(wrong);
        EXPECT_FALSE(state_override(Param("m", bad))) << wrong;
    }
}

TEST(LogCriteria, MatchesAsGethDoes) {
    const std::string a = "0x" + std::string(39, '0') + "a", t1 = "0x" + std::string(63, '0') + "1",
                      t2 = "0x" + std::string(63, '0') + "2";
    Log log;
    log.address = *address_from_hex(a);
    log.topics = {*hash32_from_hex(t1), *hash32_from_hex(t2)};
    Bloom bloom = bloom_of(std::vector<Log>{log});
    const auto matches = [&](const std::string& text) {
        const Json json = parse(text);
        const auto criteria = log_criteria(Param("m", json));
        EXPECT_TRUE(criteria) << text;
        if (!criteria) return false;
        const bool match = criteria->matches(log);
        EXPECT_TRUE(!match || criteria->may_match(bloom)) << text;
        return match;
    };
    EXPECT_TRUE(matches("null"));
    EXPECT_TRUE(matches("{}"));
    EXPECT_TRUE(matches(R"({"address":")" + a + "\"}"));
    EXPECT_TRUE(matches(R"({"address":[],"topics":[]})"));
    EXPECT_TRUE(matches(R"({"topics":[null,")" + t2 + "\"]}"));
    EXPECT_TRUE(matches(R"({"topics":[[")" + t2 + "\",\"" + t1 + "\"]]}"));
    EXPECT_TRUE(matches(R"({"topics":[[null,")" + t2 + "\"]]}"));
    EXPECT_FALSE(matches(R"({"topics":[")" + t2 + "\"]}"));
    EXPECT_FALSE(matches(R"({"topics":[null,null,null]})")); // the log has two
    for (const std::string& wrong :
         {std::string(R"({"topics":[null,null,null,null,null]})"),
          R"({"blockHash":")" + t1 + R"(","fromBlock":"0x1"})", std::string(R"({"address":"0x1"})"),
          std::string(R"({"topics":{}})"), std::string("[]")}) {
        const Json json = parse(wrong);
        EXPECT_FALSE(log_criteria(Param("m", json))) << wrong;
    }
}

} // namespace
} // namespace ol::chain::rpc
