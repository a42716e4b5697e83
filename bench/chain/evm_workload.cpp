// One contract call again and again, as evm-benchmarks times it.
//
//   evm_workload --code FILE --input FILE [--seconds S] [--form heat|plain|program]
//
// The files are hex. Prints one line of JSON: the median and the least processor time of a call in
// ms, the gas that it took, its status and the SHA-256 of its output. The form is how the code runs;
// heat, the default, is what a node does: plain at first, compiled when it has run enough.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "chain/evm/machine.hpp"
#include "chain/state/journal.hpp"
#include "crypto/hash.hpp"

namespace {

using namespace ol;
using namespace ol::chain;

struct Options {
    std::string code, input;
    double seconds = 1;
    evm::Form form = evm::Form::by_heat;
};

double cpu_ms() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::exit(1);
}

Bytes read_hex(const std::string& path) {
    auto text = read_text_file(path, 1 << 20);
    if (!text) die(text.error().to_string());
    while (!text->empty() && static_cast<unsigned char>(text->back()) <= ' ') text->pop_back();
    auto bytes = from_hex(*text);
    if (!bytes) die(path + ": " + bytes.error().to_string());
    return *bytes;
}

Options options_of(int argc, char** argv) {
    Options out;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i], value = argv[i + 1];
        if (name == "--code") {
            out.code = value;
        } else if (name == "--input") {
            out.input = value;
        } else if (name == "--seconds") {
            out.seconds = std::atof(value.c_str());
        } else if (name == "--form") {
            out.form = value == "plain"     ? evm::Form::plain
                       : value == "program" ? evm::Form::program
                                            : evm::Form::by_heat;
        } else {
            die("unknown option " + name);
        }
    }
    if (out.code.empty() || out.input.empty()) die("--code FILE --input FILE are needed");
    return out;
}

} // namespace

int main(int argc, char** argv) {
    const Options options = options_of(argc, argv);
    const Bytes code = read_hex(options.code), input = read_hex(options.input);
    const auto state = make_memory_state();
    Journal journal(*state);
    evm::Message message;
    message.sender.data[19] = 1;
    message.recipient.data[19] = message.code_address.data[18] = message.recipient.data[18] = 2;
    message.code_address = message.recipient;
    message.gas = 1'000'000'000;
    message.input = input;
    journal.begin_transaction();
    journal.set_code(message.recipient, code);

    Rules rules;
    rules.fork = Fork::cancun;
    evm::BlockContext block;
    block.number = 1;
    block.gas_limit = static_cast<std::uint64_t>(message.gas);
    evm::Machine machine(journal, rules, block);
    machine.form = options.form;
    machine.set_transaction({});

    std::vector<double> times;
    evm::CallResult result;
    const double start = cpu_ms();
    do {
        const auto checkpoint = journal.checkpoint();
        const double before = cpu_ms();
        result = machine.call(message, 0);
        times.push_back(cpu_ms() - before);
        journal.revert(checkpoint);
    } while (cpu_ms() - start < options.seconds * 1e3);
    std::sort(times.begin(), times.end());
    std::printf("{\"ms\": %.6g, \"least_ms\": %.6g, \"calls\": %zu, \"gas\": %lld, "
                "\"status\": \"%s\", \"output\": \"%s\"}\n",
                times[times.size() / 2], times[0], times.size(),
                static_cast<long long>(message.gas - result.gas_left),
                std::string(evm::to_string(result.status)).c_str(),
                to_hex(crypto::sha256(result.output).view()).c_str());
    return 0;
}
