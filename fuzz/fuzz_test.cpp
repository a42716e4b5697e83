// Every fuzz target with the inputs that once broke one (fuzz/corpus/TARGET/, named by what they
// are) and with some that are made here: that it is compiled and takes them, not a hunt.
#include <filesystem>

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/prng.hpp"

#define TARGET(name) extern "C" int name(const std::uint8_t* data, std::size_t size);
#include "targets.inc"
#undef TARGET

namespace ol {
namespace {

struct Target {
    const char* name;
    int (*run)(const std::uint8_t*, std::size_t);
};
constexpr Target targets[] = {
#define TARGET(name) {#name, name},
#include "targets.inc"
#undef TARGET
};

class Fuzz : public testing::TestWithParam<Target> {};

TEST_P(Fuzz, TakesAnyBytes) {
    const auto& target = GetParam();
    const auto take = [&](const Bytes& input) {
        EXPECT_EQ(target.run(input.data(), input.size()), 0);
    };
    take({});
    for (unsigned byte = 0; byte < 256; ++byte) take({static_cast<std::uint8_t>(byte)});
    Prng prng(1);
    for (int i = 0; i < 200; ++i) {
        Bytes input(prng.below(200));
        for (auto& byte : input) byte = static_cast<std::uint8_t>(prng.below(256));
        take(input);
    }
    const auto corpus = Path(OL_SOURCE_DIR) / "fuzz/corpus" / target.name;
    if (!std::filesystem::exists(corpus)) return;
    for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
        const auto input = read_file(entry.path(), 1U << 20);
        ASSERT_TRUE(input) << input.error().to_string();
        take(*input);
    }
}

INSTANTIATE_TEST_SUITE_P(Targets, Fuzz, testing::ValuesIn(targets),
                         [](const auto& target) { return std::string(target.param.name); });

} // namespace
} // namespace ol
