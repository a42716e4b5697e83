// Which precompiles there are, what they cost, where the OP Stack limits them, and the hashes.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <thread>

#include "chain/evm/precompiles/examples_for_tests.hpp"

namespace ol::chain::evm {
namespace {

using examples::call;
using examples::hex;
using examples::join;
using examples::plenty_of_gas;
using examples::word;

Address address(std::uint16_t number) {
    Address out;
    out[18] = static_cast<std::uint8_t>(number >> 8);
    out[19] = static_cast<std::uint8_t>(number);
    return out;
}

std::uint64_t gas_of(std::uint16_t number, const Rules& rules, const Bytes& input) {
    const auto result = run_precompile(number, rules, input, plenty_of_gas);
    EXPECT_TRUE(result.succeeded) << number;
    return result.gas_used;
}

TEST(Precompiles, EachForkHasItsOwn) {
    struct Case {
        Rules rules;
        std::size_t count;
        bool p256;
    };
    const Case cases[] = {
        {{.fork = Fork::frontier}, 4, false},
        {{.fork = Fork::spurious_dragon}, 4, false},
        {{.fork = Fork::byzantium}, 8, false},
        {{.fork = Fork::petersburg}, 8, false},
        {{.fork = Fork::istanbul}, 9, false},
        {{.fork = Fork::shanghai}, 9, false},
        {{.fork = Fork::cancun}, 10, false},
        {{.fork = Fork::prague}, 17, false},
        {{.fork = Fork::osaka}, 18, true},
        {{.fork = Fork::cancun, .op = OpFork::ecotone}, 10, false},
        {{.fork = Fork::cancun, .op = OpFork::fjord}, 11, true},
        {{.fork = Fork::prague, .op = OpFork::isthmus}, 18, true},
    };
    for (const auto& [rules, count, p256] : cases) {
        const auto all = precompile_addresses(rules);
        EXPECT_EQ(all.size(), count) << to_string(rules.fork);
        for (const auto& one : all) {
            EXPECT_EQ(precompile_at(one, rules), one[18] << 8 | one[19]);
        }
        EXPECT_EQ(precompile_at(address(0x100), rules).has_value(), p256);
        EXPECT_FALSE(
            precompile_at(address(static_cast<std::uint16_t>(p256 ? count : count + 1)), rules));
    }
}

TEST(Precompiles, OtherAddressesHaveNone) {
    for (const std::uint16_t number : {0, 0x12, 0x13, 0xff, 0x101, 0x200, 0x1001}) {
        EXPECT_FALSE(precompile_at(address(number), examples::newest)) << number;
    }
    for (std::size_t i = 0; i < 18; ++i) {
        Address other = address(1);
        other[i] = 1;
        EXPECT_FALSE(precompile_at(other, examples::newest)) << i;
    }
}

TEST(Precompiles, PricesOfTheirForks) {
    const Rules byzantium{.fork = Fork::byzantium}, istanbul{.fork = Fork::istanbul};
    const Rules prague{.fork = Fork::prague}, osaka{.fork = Fork::osaka};
    EXPECT_EQ(gas_of(0x01, byzantium, {}), 3000u);
    for (const std::size_t size : {0, 1, 31, 32, 33, 64, 1000}) {
        const std::uint64_t words = (size + 31) / 32;
        EXPECT_EQ(gas_of(0x02, byzantium, Bytes(size)), 60 + 12 * words);
        EXPECT_EQ(gas_of(0x03, byzantium, Bytes(size)), 600 + 120 * words);
        EXPECT_EQ(gas_of(0x04, byzantium, Bytes(size)), 15 + 3 * words);
    }
    // EIP-196, EIP-197, EIP-1108.
    EXPECT_EQ(gas_of(0x06, byzantium, {}), 500u);
    EXPECT_EQ(gas_of(0x06, istanbul, {}), 150u);
    EXPECT_EQ(gas_of(0x07, byzantium, {}), 40'000u);
    EXPECT_EQ(gas_of(0x07, istanbul, {}), 6000u);
    EXPECT_EQ(gas_of(0x08, byzantium, {}), 100'000u);
    EXPECT_EQ(gas_of(0x08, byzantium, Bytes(3 * 192)), 340'000u);
    EXPECT_EQ(gas_of(0x08, istanbul, {}), 45'000u);
    EXPECT_EQ(gas_of(0x08, istanbul, Bytes(3 * 192)), 147'000u);
    EXPECT_EQ(gas_of(0x09, istanbul, examples::blake2f(77)), 77u);
    // EIP-2537, with the ends of its tables.
    EXPECT_EQ(gas_of(0x0b, prague, Bytes(256)), 375u);
    EXPECT_EQ(gas_of(0x0c, prague, Bytes(160)), 12'000u);
    EXPECT_EQ(gas_of(0x0c, prague, Bytes(2 * 160)), 2 * 12'000 * 949u / 1000);
    EXPECT_EQ(gas_of(0x0c, prague, Bytes(128 * 160)), 128 * 12'000 * 519ull / 1000);
    EXPECT_EQ(gas_of(0x0c, prague, Bytes(1000 * 160)), 1000 * 12'000 * 519ull / 1000);
    EXPECT_EQ(gas_of(0x0d, prague, Bytes(512)), 600u);
    EXPECT_EQ(gas_of(0x0e, prague, Bytes(288)), 22'500u);
    EXPECT_EQ(gas_of(0x0e, prague, Bytes(3 * 288)), 3 * 22'500 * 923ull / 1000);
    EXPECT_EQ(gas_of(0x0e, prague, Bytes(129 * 288)), 129 * 22'500 * 524ull / 1000);
    EXPECT_EQ(gas_of(0x0f, prague, Bytes(2 * 384)), 37'700u + 2 * 32'600);
    EXPECT_EQ(gas_of(0x10, prague, Bytes(64)), 5500u);
    EXPECT_EQ(gas_of(0x11, prague, Bytes(128)), 23'800u);
    // RIP-7212, EIP-7951.
    EXPECT_EQ(gas_of(0x100, osaka, {}), 6900u);
    EXPECT_EQ(gas_of(0x100, {.fork = Fork::cancun, .op = OpFork::fjord}, {}), 3450u);
    EXPECT_EQ(gas_of(0x100, {.fork = Fork::prague, .op = OpFork::jovian}, {}), 3450u);
}

TEST(Precompiles, ExamplesSucceedWithJustTheirGas) {
    for (const auto& example : examples::all()) {
        const auto& [name, number, input] = example;
        const auto result = run_precompile(number, examples::newest, input, plenty_of_gas);
        ASSERT_TRUE(result.succeeded) << name;
        EXPECT_FALSE(result.output.empty()) << name;
        EXPECT_TRUE(run_precompile(number, examples::newest, input, result.gas_used).succeeded);
        const auto starved = run_precompile(number, examples::newest, input, result.gas_used - 1);
        EXPECT_FALSE(starved.succeeded) << name;
        EXPECT_TRUE(starved.output.empty()) << name;
    }
}

TEST(Precompiles, AnswerTheSameInManyThreads) {
    std::vector<examples::Example> some;
    for (auto& example : examples::all()) {
        if (example.input.size() < 1000) some.push_back(std::move(example));
    }
    std::vector<Bytes> alone;
    for (const auto& example : some) alone.push_back(call(example.number, example.input));
    std::vector<std::thread> threads;
    std::vector<int> equal(4, 0);
    for (std::size_t t = 0; t < equal.size(); ++t) {
        threads.emplace_back([&, t] {
            for (std::size_t i = 0; i < some.size(); ++i) {
                equal[t] += call(some[i].number, some[i].input) == alone[i] ? 1 : 0;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    for (const int count : equal) EXPECT_EQ(count, static_cast<int>(some.size()));
}

// Inputs of zeros are points at infinity, which are cheap in any number.
TEST(Precompiles, OpStackLimitsTheirInput) {
    struct Case {
        std::uint16_t number;
        std::size_t unit, most;
        Rules limited, before;
    };
    const Rules fjord{.fork = Fork::cancun, .op = OpFork::fjord};
    const Rules granite{.fork = Fork::cancun, .op = OpFork::granite};
    const Rules holocene{.fork = Fork::cancun, .op = OpFork::holocene};
    const Rules isthmus{.fork = Fork::prague, .op = OpFork::isthmus};
    const Rules jovian{.fork = Fork::prague, .op = OpFork::jovian};
    const Rules ethereum{.fork = Fork::prague};
    const Case cases[] = {
        {0x08, 192, 112'687, granite, fjord},    {0x08, 192, 112'687, holocene, fjord},
        {0x08, 192, 112'687, isthmus, ethereum}, {0x08, 192, 81'984, jovian, isthmus},
        {0x0c, 160, 513'760, isthmus, ethereum}, {0x0c, 160, 288'960, jovian, isthmus},
        {0x0e, 288, 488'448, isthmus, ethereum}, {0x0e, 288, 278'784, jovian, isthmus},
        {0x0f, 384, 235'008, isthmus, ethereum}, {0x0f, 384, 156'672, jovian, isthmus},
    };
    for (const auto& [number, unit, most, limited, before] : cases) {
        const Bytes fits(most / unit * unit), above(most / unit * unit + unit);
        EXPECT_TRUE(run_precompile(number, limited, fits, plenty_of_gas).succeeded) << most;
        EXPECT_FALSE(run_precompile(number, limited, above, plenty_of_gas).succeeded) << most;
        EXPECT_TRUE(run_precompile(number, before, above, plenty_of_gas).succeeded) << most;
    }
}

Bytes openssl_digest(const char* name, ByteView input) {
    Bytes out(EVP_MAX_MD_SIZE);
    std::size_t size = 0;
    EXPECT_EQ(EVP_Q_digest(nullptr, name, nullptr, input.data(), input.size(), out.data(), &size),
              1);
    out.resize(size);
    return out;
}

TEST(Hashes, PublishedValues) {
    const Bytes abc{'a', 'b', 'c'};
    EXPECT_EQ(to_hex(call(0x02, abc)),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(to_hex(call(0x03, abc)),
              "0000000000000000000000008eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
    EXPECT_EQ(to_hex(call(0x03, {})),
              "0000000000000000000000009c1185a5c5e9fc54612808977ee8f548b2258d31");
}

TEST(Hashes, AnyLength) {
    for (std::size_t size = 0; size < 300; size += 7) {
        const Bytes input = examples::random_bytes(size, size);
        EXPECT_EQ(call(0x02, input), openssl_digest("SHA256", input));
        EXPECT_EQ(call(0x03, input), join(Bytes(12), openssl_digest("RIPEMD160", input)));
        EXPECT_EQ(call(0x04, input), input);
    }
}

// BLAKE2b by its compression function, as RFC 7693 has it.
Bytes blake2b_512(ByteView message) {
    Bytes state = hex("48c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5"
                      "d182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b");
    std::size_t at = 0;
    do {
        const std::size_t size = std::min<std::size_t>(128, message.size() - at);
        Bytes input(213);
        put_be32(input.data(), 12);
        std::copy(state.begin(), state.end(), input.begin() + 4);
        std::copy_n(message.begin() + at, size, input.begin() + 68);
        at += size;
        for (int i = 0; i < 8; ++i) input[196 + i] = static_cast<std::uint8_t>(at >> (8 * i));
        input[212] = at == message.size() ? 1 : 0;
        state = call(0x09, input);
    } while (at < message.size());
    return state;
}

TEST(Blake2f, MakesBlake2b) {
    EXPECT_EQ(to_hex(blake2b_512(as_bytes("abc"))),
              "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
              "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    for (std::size_t size = 0; size < 700; size += 61) {
        const Bytes message = examples::random_bytes(size, size);
        EXPECT_EQ(blake2b_512(message), openssl_digest("BLAKE2B-512", message)) << size;
    }
}

// Rounds one at a time: F with n rounds from the definition, for numbers that are no multiple of
// ten.
Bytes naive_blake2f(const Bytes& input) {
    std::uint64_t h[8], m[16], t[2], v[16];
    std::memcpy(h, input.data() + 4, sizeof h);
    std::memcpy(m, input.data() + 68, sizeof m);
    std::memcpy(t, input.data() + 196, sizeof t);
    const Bytes iv = hex("08c9bcf367e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5"
                         "d182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b");
    std::memcpy(v, h, sizeof h);
    std::memcpy(v + 8, iv.data(), iv.size());
    v[12] ^= t[0];
    v[13] ^= t[1];
    if (input[212] != 0) v[14] = ~v[14];
    const char* sigma[10] = {"0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194",
                             "7931dcbe265a40f8", "905724afe1bc683d", "2c6a0b834d75fe19",
                             "c51fed4a0763928b", "db7ec13950f4862a", "6fe9b308c2d714a5",
                             "a2847615fb9e3cd0"};
    const auto rotate = [](std::uint64_t x, int n) { return x >> n | x << (64 - n); };
    for (std::uint32_t round = 0; round < get_be32(input.data()); ++round) {
        const std::string order = sigma[round % 10];
        for (int i = 0; i < 8; ++i) {
            const int column = i % 4, shift = i / 4;
            std::uint64_t& a = v[column];
            std::uint64_t& b = v[4 + (column + shift) % 4];
            std::uint64_t& c = v[8 + (column + 2 * shift) % 4];
            std::uint64_t& d = v[12 + (column + 3 * shift) % 4];
            const auto at = [&](int k) { return m[std::stoi(order.substr(k, 1), nullptr, 16)]; };
            a += b + at(2 * i);
            d = rotate(d ^ a, 32);
            c += d;
            b = rotate(b ^ c, 24);
            a += b + at(2 * i + 1);
            d = rotate(d ^ a, 16);
            c += d;
            b = rotate(b ^ c, 63);
        }
    }
    for (int i = 0; i < 8; ++i) h[i] ^= v[i] ^ v[i + 8];
    Bytes out(64);
    std::memcpy(out.data(), h, sizeof h);
    return out;
}

TEST(Blake2f, AnyNumberOfRounds) {
    for (std::uint32_t rounds = 0; rounds < 45; ++rounds) {
        Bytes input = examples::blake2f(rounds);
        input[212] = rounds % 2;
        EXPECT_EQ(call(0x09, input), naive_blake2f(input)) << rounds;
    }
}

TEST(Blake2f, RefusesOtherInput) {
    const Bytes good = examples::blake2f(1);
    for (const std::size_t size : {0, 3, 4, 212, 214}) {
        Bytes other = good;
        other.resize(size);
        EXPECT_FALSE(run_precompile(0x09, examples::newest, other, plenty_of_gas).succeeded)
            << size;
    }
    Bytes flag = good;
    flag[212] = 2;
    EXPECT_FALSE(run_precompile(0x09, examples::newest, flag, plenty_of_gas).succeeded);
}

} // namespace
} // namespace ol::chain::evm
