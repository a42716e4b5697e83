// Runs the precompile vectors of go-ethereum (core/vm/testdata/precompiles): a folder of JSON
// files, each a list of {Input, Expected, Gas} or {Input, ExpectedError}.
#include <string>

#include "chain/evm/precompiles/precompiles.hpp"
#include "suite.hpp"

using namespace ol;
using namespace ol::chain;

namespace {

constexpr std::uint64_t plenty_of_gas = 1ULL << 40;

struct Contract {
    const char* file; // the name without "fail-" and ".json"
    std::uint16_t number;
    Fork fork;
};

// Which contract a file is for, under which rules its gas is meant.
constexpr Contract contracts[] = {
    {"ecRecover", 0x01, Fork::prague},      {"modexp", 0x05, Fork::byzantium},
    {"modexp_eip2565", 0x05, Fork::berlin}, {"modexp_eip7883", 0x05, Fork::osaka},
    {"bn256Add", 0x06, Fork::istanbul},     {"bn256ScalarMul", 0x07, Fork::istanbul},
    {"bn256Pairing", 0x08, Fork::istanbul}, {"blake2F", 0x09, Fork::istanbul},
    {"blake2f", 0x09, Fork::istanbul},      {"pointEvaluation", 0x0a, Fork::cancun},
    {"blsG1Add", 0x0b, Fork::prague},       {"blsG1Mul", 0x0c, Fork::prague},
    {"blsG1MultiExp", 0x0c, Fork::prague},  {"blsG2Add", 0x0d, Fork::prague},
    {"blsG2Mul", 0x0e, Fork::prague},       {"blsG2MultiExp", 0x0e, Fork::prague},
    {"blsPairing", 0x0f, Fork::prague},     {"blsMapG1", 0x10, Fork::prague},
    {"blsMapG2", 0x11, Fork::prague},       {"p256Verify", 0x100, Fork::osaka},
};

const Contract* contract_of(const Path& path) {
    std::string name = path.stem().string();
    if (name.starts_with("fail-")) name.erase(0, 5);
    for (const auto& contract : contracts) {
        if (name == contract.file) return &contract;
    }
    return nullptr;
}

// Nothing when the vector holds; else what is wrong.
Result<std::string> fault_of(const codec::Json& vector, const Contract& contract) {
    const Bytes input = OL_TRY(from_hex(OL_TRY(OL_TRY(vector.require("Input"))->as_string())));
    const Rules rules{.fork = contract.fork};
    const auto result = evm::run_precompile(contract.number, rules, input, plenty_of_gas);
    if (vector.contains("ExpectedError")) {
        return std::string(result.succeeded ? "succeeds, but should fail" : "");
    }
    const Bytes expected =
        OL_TRY(from_hex(OL_TRY(OL_TRY(vector.require("Expected"))->as_string())));
    if (!result.succeeded) return std::string("fails");
    if (result.output != expected) return "output " + to_hex(result.output);
    const std::uint64_t gas = OL_TRY(OL_TRY(vector.require("Gas"))->as_uint());
    if (result.gas_used != gas) {
        return fmt::format("gas {} in place of {}", result.gas_used, gas);
    }
    if (!evm::run_precompile(contract.number, rules, input, gas).succeeded) {
        return std::string("fails with just its gas");
    }
    if (gas > 0 && evm::run_precompile(contract.number, rules, input, gas - 1).succeeded) {
        return std::string("succeeds with less than its gas");
    }
    return std::string();
}

void run_file(const codec::Json& vectors, conformance::Results& results) {
    const Path path(results.file());
    const Contract* contract = contract_of(path);
    if (contract == nullptr) return results.fail("(file)", "no such precompile is known");
    for (const auto& vector : vectors.items()) {
        const std::string name = vector["Name"].as_string().value_or("?");
        if (!results.wants(name)) continue;
        const auto fault = fault_of(vector, *contract);
        if (fault && fault->empty()) {
            results.pass();
        } else {
            results.fail(name, fault ? *fault : fault.error().to_string());
        }
    }
}

} // namespace

int main(int count, char** arguments) {
    const auto options = conformance::parse_options(count, arguments);
    return conformance::run_suite("precompiles", options, {"."}, run_file);
}
