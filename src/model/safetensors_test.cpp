#include "model/safetensors.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <limits>

#include "base/prng.hpp"

namespace ol::model {
namespace {

Bytes file_of(std::string_view header, std::size_t data_bytes) {
    Bytes out(8);
    for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(header.size() >> 8 * i);
    append(out, as_bytes(header));
    out.resize(out.size() + data_bytes);
    return out;
}

void expect_refused(std::string_view header, std::size_t data_bytes, std::string_view what,
                    ErrorCode code = ErrorCode::corrupted) {
    const auto bytes = file_of(header, data_bytes);
    const auto result = Safetensors::parse(bytes);
    ASSERT_FALSE(result.has_value()) << header;
    EXPECT_EQ(result.error().code, code) << result.error().context;
    EXPECT_NE(result.error().context.find(what), std::string::npos) << result.error().context;
}

TEST(Safetensors, RoundTripsAndIsCanonical) {
    const std::vector<float> a = {1.5F, -2.0F, 0.1F, 65504.0F, 1e-7F, 0.0F};
    const std::vector<float> b = {-0.0F};
    const std::map<std::string, std::string> metadata = {{"format", "pt"}};
    const auto bytes =
        write_safetensors({{"b", {}, b.data()}, {"a", {2, 3}, a.data()}}, Dtype::f32, metadata);
    EXPECT_EQ(bytes, write_safetensors({{"a", {2, 3}, a.data()}, {"b", {}, b.data()}}, Dtype::f32,
                                       metadata));
    const auto path = std::filesystem::temp_directory_path() /
                      fmt::format("ol_safetensors_{}.safetensors", getpid());
    ASSERT_TRUE(save_safetensors(path, {{"b", {}, b.data()}, {"a", {2, 3}, a.data()}}, Dtype::f32,
                                 metadata, no_progress));
    EXPECT_EQ(*read_file(path, 1U << 16), bytes);
    std::filesystem::remove(path);
    const auto file = Safetensors::parse(bytes);
    ASSERT_TRUE(file.has_value()) << file.error().to_string();
    EXPECT_EQ(file->metadata().at("format"), "pt");
    EXPECT_EQ(*file->read_f32("a", {2, 3}), a);
    EXPECT_TRUE(std::signbit((*file->read_f32("b", {}))[0]));
    EXPECT_EQ(file->read_f32("a", {3, 2}).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(file->read_f32("c", {1}).error().code, ErrorCode::not_found);
    EXPECT_EQ(get_be64(bytes.data()) >> 56 & 7U, 0U) << "the header is padded to 8 bytes";
}

// The layout as the format's description shows it: github.com/huggingface/safetensors, README.
TEST(Safetensors, ReadsAFileWrittenByHand) {
    auto bytes = file_of(R"({"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", 4);
    bytes[bytes.size() - 4] = 0x00, bytes[bytes.size() - 3] = 0x3c; // 1.0
    bytes[bytes.size() - 2] = 0x01, bytes[bytes.size() - 1] = 0x80; // -2^-24
    const auto file = Safetensors::parse(bytes);
    ASSERT_TRUE(file.has_value()) << file.error().to_string();
    EXPECT_EQ(*file->read_f32("w", {2}), (std::vector<float>{1.0F, -0x1.0p-24F}));
}

// Checkpoints carry masks and counters that nobody reads.
TEST(Safetensors, OtherTypesMayStandInAFileButAreNotRead) {
    const auto bytes = file_of(R"({"m":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]},)"
                               R"("w":{"dtype":"F32","shape":[1],"data_offsets":[3,7]}})",
                               7);
    const auto file = Safetensors::parse(bytes);
    ASSERT_TRUE(file.has_value()) << file.error().to_string();
    EXPECT_EQ(file->tensors().at("m").element_count(), 3U);
    EXPECT_EQ(file->read_f32("w", {1})->size(), 1U);
    const auto refused = file->read_f32("m", {3});
    EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
    EXPECT_NE(refused.error().context.find("'m': dtype BOOL"), std::string::npos);
}

TEST(Safetensors, HalvesRoundToNearestEven) {
    EXPECT_EQ(f32_to_bf16(1.0F), 0x3f80);
    EXPECT_EQ(f32_to_bf16(1.00390625F), 0x3f80); // halfway to 0x3f81: even
    EXPECT_EQ(f32_to_bf16(1.01171875F), 0x3f82); // halfway between 81 and 82: even
    EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7f80);
    EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::nanf("")))));
    // Every half that is a number survives the way through fp32 and back, and the middle between
    // two neighbours goes to the even one.
    for (std::uint32_t h = 0; h < 0x7c00; ++h) {
        auto bytes = file_of(R"({"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", 4);
        const std::uint32_t next = h + 1 < 0x7c00 ? h + 1 : h;
        bytes[bytes.size() - 4] = static_cast<std::uint8_t>(h);
        bytes[bytes.size() - 3] = static_cast<std::uint8_t>(h >> 8);
        bytes[bytes.size() - 2] = static_cast<std::uint8_t>(next);
        bytes[bytes.size() - 1] = static_cast<std::uint8_t>(next >> 8);
        const auto wide = *Safetensors::parse(bytes)->read_f32("w", {2});
        const float middle = wide[0] + (wide[1] - wide[0]) / 2;
        const float values[2] = {wide[0], middle};
        const auto out = write_safetensors({{"w", {2}, values}}, Dtype::f16);
        const auto* at = out.data() + out.size() - 4;
        ASSERT_EQ(at[0] | at[1] << 8, static_cast<int>(h));
        ASSERT_EQ(at[2] | at[3] << 8, static_cast<int>(h % 2 == 0 || next == h ? h : next));
    }
}

TEST(Safetensors, HostileFilesAreRefusedByName) {
    EXPECT_FALSE(Safetensors::parse({}).has_value());
    expect_refused("", 0, "'{'");
    expect_refused("[]", 0, "'{'");
    expect_refused("{", 0, "header");
    expect_refused(R"({"w":1})", 0, "'w'");
    expect_refused(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 3, "'w'");
    expect_refused(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 5,
                   "after the last");
    expect_refused(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "need 8");
    expect_refused(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "'w'");
    expect_refused(R"({"w":{"dtype":"Q9","shape":[1],"data_offsets":[0,4]}})", 4, "'Q9'");
    expect_refused(R"({"w":{"dtype":"I64","shape":[1],"data_offsets":[0,4]}})", 4, "need 8");
    expect_refused(R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "shape");
    expect_refused(R"({"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
                   0, "overflows");
    expect_refused(R"({"w":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0,
                   "overflows");
    expect_refused(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", 4, "'w'");
    expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                   R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
                   6, "overlapping");
    expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                   R"("b":{"dtype":"F32","shape":[1],"data_offsets":[5,9]}})",
                   9, "gap");
    expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                   R"("\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                   4, "twice");
    expect_refused(R"({"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}})", 4,
                   "twice");
    expect_refused(R"({"__metadata__":{"k":1}})", 0, "'k'");

    Bytes huge(8, 0xff);
    EXPECT_NE(Safetensors::parse(huge).error().context.find("limit"), std::string::npos);
}

TEST(Safetensors, EveryTruncationAndChangedHeaderByteIsHandled) {
    const std::vector<float> a = {1, 2, 3, 4};
    const auto good =
        write_safetensors({{"a", {2, 2}, a.data()}, {"b", {4}, a.data()}}, Dtype::bf16);
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(Safetensors::parse(ByteView(good).subspan(0, size)).has_value()) << size;
    }
    auto longer = good;
    longer.push_back(0);
    EXPECT_FALSE(Safetensors::parse(longer).has_value());
    Prng prng(1);
    for (std::size_t i = 0; i < good.size(); ++i) {
        auto bad = good;
        bad[i] ^= static_cast<std::uint8_t>(1 + prng.below(255));
        const auto file = Safetensors::parse(bad); // whatever it says, it must not read outside
        if (file) {
            for (const auto& [name, info] : file->tensors())
                EXPECT_TRUE(file->read_f32(name, info.shape).has_value());
        }
    }
}

} // namespace
} // namespace ol::model
