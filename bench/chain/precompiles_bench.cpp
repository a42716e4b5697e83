// The precompiles, one call at a time: microseconds a call and gas a microsecond (prices of Osaka).
//
//   precompiles_bench [NAME]    only those whose name holds NAME
//
// Figures are medians of nine rounds of about 20 ms of processor time.
#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <string_view>

#include "chain/evm/precompiles/examples_for_tests.hpp"

namespace {

using namespace ol::chain::evm;

double cpu_seconds() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

double microseconds_of_call(const examples::Example& example) {
    const auto run = [&](std::size_t calls) {
        const double start = cpu_seconds();
        for (std::size_t i = 0; i < calls; ++i) {
            const auto result = run_precompile(example.number, examples::newest, example.input,
                                               examples::plenty_of_gas);
            OL_CHECK(result.succeeded);
        }
        return cpu_seconds() - start;
    };
    std::size_t calls = 1;
    while (run(calls) < 0.01) calls *= 2;
    std::array<double, 9> rounds;
    for (auto& round : rounds) round = run(2 * calls) / static_cast<double>(2 * calls) * 1e6;
    std::ranges::nth_element(rounds, rounds.begin() + 4);
    return rounds[4];
}

} // namespace

int main(int count, char** arguments) {
    const std::string_view wanted = count > 1 ? arguments[1] : "";
    std::printf("%-32s %10s %10s %12s\n", "precompile", "us", "gas", "gas/us");
    for (const auto& example : examples::all()) {
        if (example.name.find(wanted) == std::string::npos) continue;
        const auto result = run_precompile(example.number, examples::newest, example.input,
                                           examples::plenty_of_gas);
        const double us = microseconds_of_call(example);
        std::printf("%-32s %10.3f %10llu %12.1f\n", example.name.c_str(), us,
                    static_cast<unsigned long long>(result.gas_used),
                    static_cast<double>(result.gas_used) / us);
    }
    return 0;
}
