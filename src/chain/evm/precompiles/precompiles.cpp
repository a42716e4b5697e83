#include "chain/evm/precompiles/precompiles.hpp"

#include <algorithm>
#include <array>

#include "base/check.hpp"
#include "chain/evm/precompiles/contracts.hpp"

namespace ol::chain::evm {

namespace {

using precompiles::Output;

constexpr std::uint64_t unaffordable = ~std::uint64_t{0}; // whatever gas there is

std::uint64_t words(ByteView input) { return (input.size() + 31) / 32; }

// What EIP-2537 takes off a multi-scalar multiplication of 1, 2, ... 128 points and more, in
// thousandths that stay.
constexpr std::array<std::uint16_t, 128> g1_discounts{
    1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677, 673, 669, 665,
    661,  658, 654, 651, 648, 645, 642, 640, 637, 635, 632, 630, 627, 625, 623, 621, 619, 617, 615,
    613,  611, 609, 608, 606, 604, 603, 601, 599, 598, 596, 595, 593, 592, 591, 589, 588, 586, 585,
    584,  582, 581, 580, 579, 577, 576, 575, 574, 573, 572, 570, 569, 568, 567, 566, 565, 564, 563,
    562,  561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 551, 550, 549, 548, 547, 547, 546, 545,
    544,  543, 542, 541, 540, 540, 539, 538, 537, 536, 536, 535, 534, 533, 532, 532, 531, 530, 529,
    528,  528, 527, 526, 525, 525, 524, 523, 522, 522, 521, 520, 520, 519};
constexpr std::array<std::uint16_t, 128> g2_discounts{
    1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717, 711, 704, 699,
    693,  688,  683, 679, 674, 670, 666, 663, 659, 655, 652, 649, 646, 643, 640, 637, 634, 632, 629,
    627,  624,  622, 620, 618, 615, 613, 611, 609, 607, 606, 604, 602, 600, 598, 597, 595, 593, 592,
    590,  589,  587, 586, 584, 583, 582, 580, 579, 578, 576, 575, 574, 573, 571, 570, 569, 568, 567,
    566,  565,  563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 552, 551, 550, 549, 548,
    547,  546,  545, 545, 544, 543, 542, 541, 541, 540, 539, 538, 537, 537, 536, 535, 535, 534, 533,
    532,  532,  531, 530, 530, 529, 528, 528, 527, 526, 526, 525, 524, 524};

std::uint64_t msm_gas(std::size_t count, std::uint64_t multiplication,
                      const std::array<std::uint16_t, 128>& discounts) {
    if (count == 0) return 0;
    return count * multiplication * discounts[std::min<std::size_t>(count, 128) - 1] / 1000;
}

bool exists(std::uint16_t number, const Rules& rules) {
    if (number == 0) return false;
    if (number <= 4) return true;
    if (number <= 8) return rules.fork >= Fork::byzantium;
    if (number == 9) return rules.fork >= Fork::istanbul;
    if (number == 0x0a) return rules.fork >= Fork::cancun;
    if (number <= 0x11) return rules.fork >= Fork::prague;
    if (number == 0x100) return rules.op >= OpFork::fjord || rules.fork >= Fork::osaka;
    return false;
}

// Input limits of the OP Stack: specs of Granite, Isthmus and Jovian, "Precompile input size
// restrictions". They bound what a fault proof must compute.
std::size_t input_limit(std::uint16_t number, OpFork op) {
    const bool jovian = op >= OpFork::jovian;
    const bool isthmus = op >= OpFork::isthmus;
    switch (number) {
    case 0x08:
        return jovian ? 81'984 : op >= OpFork::granite ? 112'687 : SIZE_MAX;
    case 0x0c:
        return jovian ? 288'960 : isthmus ? 513'760 : SIZE_MAX;
    case 0x0e:
        return jovian ? 278'784 : isthmus ? 488'448 : SIZE_MAX;
    case 0x0f:
        return jovian ? 156'672 : isthmus ? 235'008 : SIZE_MAX;
    default:
        return SIZE_MAX;
    }
}

std::uint64_t gas_of(std::uint16_t number, const Rules& rules, ByteView input) {
    const bool istanbul = rules.fork >= Fork::istanbul; // EIP-1108
    switch (number) {
    case 0x01:
        return 3000;
    case 0x02:
        return 60 + 12 * words(input);
    case 0x03:
        return 600 + 120 * words(input);
    case 0x04:
        return 15 + 3 * words(input);
    case 0x05:
        return precompiles::modexp_gas(input, rules.fork);
    case 0x06:
        return istanbul ? 150 : 500;
    case 0x07:
        return istanbul ? 6000 : 40'000;
    case 0x08:
        return istanbul ? 45'000 + 34'000 * (input.size() / 192)
                        : 100'000 + 80'000 * (input.size() / 192);
    case 0x09:
        return input.size() < 4 ? 0 : get_be32(input.data());
    case 0x0a:
        return 50'000;
    case 0x0b:
        return 375;
    case 0x0c:
        return msm_gas(input.size() / 160, 12'000, g1_discounts);
    case 0x0d:
        return 600;
    case 0x0e:
        return msm_gas(input.size() / 288, 22'500, g2_discounts);
    case 0x0f:
        return 37'700 + 32'600 * (input.size() / 384);
    case 0x10:
        return 5500;
    case 0x11:
        return 23'800;
    case 0x100:
        return rules.fork >= Fork::osaka ? 6900 : 3450;
    default:
        return unaffordable;
    }
}

Output run(std::uint16_t number, const Rules& rules, ByteView input) {
    switch (number) {
    case 0x01:
        return precompiles::ecrecover(input);
    case 0x02:
        return precompiles::sha256(input);
    case 0x03:
        return precompiles::ripemd160(input);
    case 0x04:
        return precompiles::identity(input);
    case 0x05:
        return precompiles::modexp(input, rules.fork);
    case 0x06:
        return precompiles::bn254_add(input);
    case 0x07:
        return precompiles::bn254_multiply(input);
    case 0x08:
        return precompiles::bn254_pairing(input);
    case 0x09:
        return precompiles::blake2f(input);
    case 0x0a:
        return precompiles::point_evaluation(input);
    case 0x0b:
        return precompiles::bls12_g1_add(input);
    case 0x0c:
        return precompiles::bls12_g1_msm(input);
    case 0x0d:
        return precompiles::bls12_g2_add(input);
    case 0x0e:
        return precompiles::bls12_g2_msm(input);
    case 0x0f:
        return precompiles::bls12_pairing(input);
    case 0x10:
        return precompiles::bls12_map_fp_to_g1(input);
    case 0x11:
        return precompiles::bls12_map_fp2_to_g2(input);
    case 0x100:
        return precompiles::p256_verify(input);
    default:
        return std::nullopt;
    }
}

} // namespace

std::optional<std::uint16_t> precompile_at(const Address& address, const Rules& rules) {
    // Most addresses are told from a precompile's by their first bytes.
    std::uint64_t high[2];
    std::memcpy(high, address.data.data(), sizeof high);
    if ((high[0] | high[1]) != 0 || address[16] != 0 || address[17] != 0) return std::nullopt;
    const auto number = static_cast<std::uint16_t>(address[18] << 8 | address[19]);
    if (!exists(number, rules)) return std::nullopt;
    return number;
}

std::vector<Address> precompile_addresses(const Rules& rules) {
    std::vector<Address> out;
    for (std::uint16_t number = 1; number <= 0x100; ++number) {
        if (!exists(number, rules)) continue;
        Address address;
        address[18] = static_cast<std::uint8_t>(number >> 8);
        address[19] = static_cast<std::uint8_t>(number);
        out.push_back(address);
    }
    return out;
}

PrecompileResult run_precompile(std::uint16_t number, const Rules& rules, ByteView input,
                                std::uint64_t gas) {
    OL_CHECK(exists(number, rules));
    const std::uint64_t price = gas_of(number, rules, input);
    if (price == unaffordable || price > gas || input.size() > input_limit(number, rules.op)) {
        return {};
    }
    Output output = run(number, rules, input);
    if (!output) return {};
    return {true, price, std::move(*output)};
}

} // namespace ol::chain::evm
