// evmone's baseline interpreter, timed as evm_workload times ours: the code is analysed once, then
// one call after the other. Compiled by bench/chain/evm.mjs against evmone's sources.
//
//   evmone_peer CODE INPUT SECONDS
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <evmc/mocked_host.hpp>
#include <evmone/baseline.hpp>
#include <evmone/evmone.h>
#include <evmone/vm.hpp>

namespace {

evmc::bytes read_hex(const char* path) {
    std::ifstream file(path);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    evmc::bytes out;
    for (std::size_t i = 0; i + 1 < text.size() && std::isxdigit(text[i]); i += 2) {
        out.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
    }
    return out;
}

double cpu_ms() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const evmc::bytes code = read_hex(argv[1]), input = read_hex(argv[2]);
    evmc::VM handle{evmc_create_evmone()};
    auto& vm = *static_cast<evmone::VM*>(handle.get_raw_pointer());
    evmc::MockedHost host;
    evmc_message message{};
    message.gas = 1'000'000'000;
    message.input_data = input.data();
    message.input_size = input.size();
    const auto analysis = evmone::baseline::analyze(code, false);
    std::vector<double> times;
    std::int64_t gas = 0;
    int status = 0;
    const double start = cpu_ms();
    do {
        const double before = cpu_ms();
        host.accounts.clear();
        evmc_result result = evmone::baseline::execute(vm, host.get_interface(), host.to_context(),
                                                       EVMC_CANCUN, message, analysis);
        gas = message.gas - result.gas_left;
        status = result.status_code;
        if (result.release != nullptr) result.release(&result);
        times.push_back(cpu_ms() - before);
    } while (cpu_ms() - start < std::atof(argv[3]) * 1e3);
    std::sort(times.begin(), times.end());
    std::printf("{\"ms\": %.6g, \"least_ms\": %.6g, \"calls\": %zu, \"gas\": %lld, "
                "\"status\": %d}\n",
                times[times.size() / 2], times[0], times.size(), static_cast<long long>(gas),
                status);
}
