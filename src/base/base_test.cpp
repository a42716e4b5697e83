#include <atomic>
#include <span>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "base/huge_array.hpp"
#include "base/prng.hpp"
#include "base/thread_pool.hpp"
#include "base/u256.hpp"

namespace ol {
namespace {

TEST(Bytes, HexRoundTripAndRefusals) {
    const Bytes bytes{0x00, 0x01, 0xab, 0xff};
    EXPECT_EQ(to_hex0x(bytes), "0x0001abff");
    EXPECT_EQ(from_hex("0x0001ABff").value(), bytes);
    EXPECT_EQ(from_hex("0x1").error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(from_hex("zz").error().code, ErrorCode::invalid_argument);
    EXPECT_FALSE(address_from_hex("0x00"));
}

TEST(U256, DecimalAgainstWideIntegers) {
    Prng prng(7);
    for (int i = 0; i < 2000; ++i) {
        const auto a = static_cast<unsigned __int128>(prng.next()) << (prng.next() % 60);
        const auto b = static_cast<unsigned __int128>(prng.next() >> (prng.next() % 64)) + 1;
        auto wide = [](unsigned __int128 v) {
            U256 out;
            out.limb[0] = static_cast<std::uint64_t>(v);
            out.limb[1] = static_cast<std::uint64_t>(v >> 64);
            return out;
        };
        EXPECT_EQ(wide(a) / wide(b), wide(a / b));
        EXPECT_EQ(wide(a) % wide(b), wide(a % b));
        EXPECT_EQ(U256::from_decimal(wide(a).to_decimal()).value(), wide(a));
        EXPECT_EQ(U256::parse(wide(a).to_quantity()).value(), wide(a));
        EXPECT_EQ(U256::from_be(wide(a).to_be().view()), wide(a));
    }
}

TEST(U256, DivisionByWideDivisorsUndoesMultiplication) {
    Prng prng(8);
    for (int i = 0; i < 500; ++i) {
        U256 a, b;
        a.limb = {prng.next(), prng.next() >> 32, 0, 0};
        b.limb = {prng.next(), prng.next() | 1, 0, 0};
        const U256 r = U256(prng.next());
        const U256 product = a * b + r;
        EXPECT_EQ(product / b, a);
        EXPECT_EQ(product % b, r);
        EXPECT_EQ((a << 67) >> 67, a);
    }
    EXPECT_FALSE(checked_sub(U256(1), U256(2)));
    EXPECT_FALSE(checked_mul(U256(1) << 255, U256(2)));
    EXPECT_FALSE(checked_add((U256(1) << 255) + ((U256(1) << 255) - U256(1)), U256(1)));
}

TEST(U256, OpenAmounts) {
    EXPECT_EQ(format_open(parse_open("12.5").value()), "12.5 OPEN");
    EXPECT_EQ(format_open(U256(1)), "0.000000000000000001 OPEN");
    EXPECT_EQ(format_open(parse_open("3").value()), "3 OPEN");
    EXPECT_FALSE(parse_open("1.0000000000000000001"));
    EXPECT_FALSE(parse_open("x"));
}

TEST(File, AtomicWriteReadMapAndErrors) {
    const Path folder =
        std::filesystem::temp_directory_path() / fmt::format("ol-base-{}", ::getpid());
    const Path path = folder / "a" / "b.txt";
    ASSERT_TRUE(write_file_atomic(path, "hello"));
    EXPECT_EQ(read_text_file(path, 100).value(), "hello");
    EXPECT_EQ(read_text_file(path, 4).error().code, ErrorCode::too_large);
    EXPECT_EQ(as_text(MappedFile::open(path)->bytes()), "hello");
    EXPECT_EQ(read_text_file(folder / "none", 4).error().code, ErrorCode::not_found);
    EXPECT_EQ(read_text_file(folder, 4).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(list_files(folder)->size(), 1U);
    std::filesystem::remove_all(folder);
}

TEST(ThreadPool, EveryIndexOnce) {
    for (const unsigned threads : {1U, 2U, 7U}) {
        ThreadPool pool(threads);
        for (int round = 0; round < 200; ++round) {
            std::vector<std::atomic<int>> seen(997);
            pool.parallel_for(seen.size(), 3, [&](std::size_t begin, std::size_t end) {
                for (auto i = begin; i < end; ++i) ++seen[i];
            });
            for (auto& count : seen) ASSERT_EQ(count.load(), 1);
        }
    }
}

TEST(ThreadPool, CallersTakeTurnsAndWorkersSleepInBetween) {
    ThreadPool pool(3);
    std::atomic<std::size_t> sum{0};
    const auto call = [&] {
        for (int round = 0; round < 300; ++round) {
            if (round % 100 == 50) ::usleep(2000);
            const std::size_t count = static_cast<std::size_t>(round % 40 + 1);
            pool.parallel_for(count, 1, [&](std::size_t begin, std::size_t end) {
                for (auto i = begin; i < end; ++i) sum += i + 1;
            });
        }
    };
    std::thread first(call), second(call);
    first.join();
    second.join();
    std::size_t expected = 0;
    for (std::size_t round = 0; round < 300; ++round) {
        const std::size_t count = round % 40 + 1;
        expected += 2 * (count * (count + 1) / 2);
    }
    EXPECT_EQ(sum.load(), expected);
}

TEST(HugeArray, ArraysOfEverySizeAreZerosApartAndTheirOwn) {
    std::vector<HugeArray<std::uint32_t>> held;
    Prng prng(5);
    for (std::uint32_t round = 0; round < 400; ++round) {
        const std::size_t kinds[] = {10, 20'000, 300'000, 700'000};
        HugeArray<std::uint32_t> array(1 + prng.below(kinds[round % 4]));
        for (std::size_t i = 0; i < array.size(); i += 97) ASSERT_EQ(array[i], 0U);
        ASSERT_EQ(array[array.size() - 1], 0U);
        for (auto& value : std::span<std::uint32_t>(array)) value = round;
        held.push_back(std::move(array));
        if (held.size() > 12) { // give back in another order
            const std::size_t victim = prng.below(held.size());
            const std::span<const std::uint32_t> values = held[victim];
            for (const auto value : values) ASSERT_EQ(value, values[0]);
            held.erase(held.begin() + static_cast<std::ptrdiff_t>(victim));
        }
    }
}

TEST(HugeArray, VectorsOfEverySizeStartOnACacheLineAndKeepTheirValues) {
    for (const std::size_t size : {1UL, 100UL, 20'000UL, 300'000UL, 1'500'000UL}) {
        HugeVector<float> values(size, 1.0F);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(values.data()) % 64, 0U);
        values.resize(2 * size + 1, 2.0F);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(values.data()) % 64, 0U);
        EXPECT_EQ(std::ranges::count(values, 1.0F), std::ssize(values) - std::ptrdiff_t(size) - 1);
        EXPECT_EQ(values.back(), 2.0F);
    }
}

TEST(HugeArray, ForgetGivesBackNothingButTheRange) {
    Prng prng(6);
    for (const std::size_t size : {10UL, 20'000UL, 300'000UL, 1'500'000UL, 3'000'001UL}) {
        HugeArray<std::uint32_t> array(size);
        for (std::size_t i = 0; i < size; ++i) array[i] = static_cast<std::uint32_t>(i);
        for (int round = 0; round < 8; ++round) {
            const std::size_t begin = prng.below(size), end = begin + prng.below(size - begin + 1);
            array.forget(begin, end);
            for (std::size_t i = 0; i < begin; ++i) ASSERT_EQ(array[i], i);
            for (std::size_t i = end; i < size; ++i) ASSERT_EQ(array[i], i);
            for (std::size_t i = begin; i < end; ++i) array[i] = static_cast<std::uint32_t>(i);
        }
        if (size < 1'000'000) continue;
        array.forget(0, size);
        std::uint8_t resident = 1; // of the last page, which the array does not fill
        const auto last = reinterpret_cast<std::uintptr_t>(&array[size - 1]) / 4096 * 4096;
        ASSERT_EQ(::mincore(reinterpret_cast<void*>(last), 1, &resident), 0);
        EXPECT_EQ(resident & 1, 0);
    }
}

TEST(Prng, KnownSequenceAndBounds) {
    Prng a(1), b(1);
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(a.next(), b.next());
        EXPECT_LT(a.below(10), 10U);
        b.below(10);
        const float u = a.uniform();
        EXPECT_GE(u, 0.0F);
        EXPECT_LT(u, 1.0F);
        b.uniform();
    }
}

} // namespace
} // namespace ol
