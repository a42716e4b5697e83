// DifficultyTests: Ethash's difficulty under each fork's rules.
#include "chain/block/execution.hpp"
#include "suite.hpp"

namespace ol::conformance {
namespace {

using namespace ol::chain;

Status run_test(const Json& test, const ChainConfig& config) {
    Header parent;
    parent.number = OL_TRY(number64(test["currentBlockNumber"])) - 1;
    parent.timestamp = OL_TRY(number64(test["parentTimestamp"]));
    parent.difficulty = OL_TRY(number(test["parentDifficulty"]));
    // A flag, or in old files the hash.
    const std::string ommers = OL_TRY(test["parentUncles"].as_string());
    const bool none =
        ommers == "0x00" || ommers == "0x0" || ommers == to_hex0x(empty_ommers_hash.view());
    parent.ommers_hash = none ? empty_ommers_hash : Hash32{};
    const std::uint64_t time = OL_TRY(number64(test["currentTimestamp"]));
    const U256 expected = OL_TRY(number(test["currentDifficulty"]));
    const U256 found = next_difficulty(config, parent, time);
    if (found == expected) return {};
    return fail(ErrorCode::internal, "{}, must be {}", found.to_quantity(), expected.to_quantity());
}

void run_file(const Json& file, Results& results) {
    for (const auto& [name, networks] : file.members()) {
        for (const auto& [network, tests] : networks.members()) {
            if (network == "_info") continue;
            const auto config = config_of(network);
            if (!config) {
                results.leave_out("network " + network);
                continue;
            }
            for (const auto& [test_name, test] : tests.members()) {
                if (!results.wants(test_name)) continue;
                const auto done = run_test(test, *config);
                if (done) {
                    results.pass();
                } else {
                    results.fail(network + "/" + test_name, done.error().context);
                }
            }
        }
    }
}

} // namespace
} // namespace ol::conformance

int main(int count, char** arguments) {
    using namespace ol::conformance;
    return run_suite("difficulty", parse_options(count, arguments), {"DifficultyTests"}, run_file);
}
