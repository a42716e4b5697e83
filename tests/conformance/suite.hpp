// What the programs of the public suites share: files run on two threads, results counted, the
// known exceptions set apart, and a report printed.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "chain/state/state.hpp"
#include "chain/types/chain_config.hpp"
#include "codec/json.hpp"

namespace ol::conformance {

using codec::Json;

struct Options {
    Path folder;
    std::optional<Path> json; // where the report goes besides the terminal
    std::string filter;       // of the file's path or the test's name
    unsigned threads = 2;
};
// Arguments: FOLDER [--json FILE] [--filter TEXT] [--threads N]. Exits with a usage line otherwise.
Options parse_options(int count, char** arguments);

// The results of one file. One thread.
class Results {
public:
    explicit Results(const Options& options, std::string file)
        : options_(options)
        , file_(std::move(file)) {}
    bool wants(std::string_view test) const; // the filter
    void pass() { ++passed_; }
    void fail(std::string_view test, std::string reason);
    // Not run on purpose: the reason is printed once per kind.
    void leave_out(std::string_view reason) { left_out_.emplace_back(reason); }
    const std::string& file() const { return file_; }

private:
    friend class Report;
    struct Failure {
        std::string test, reason;
    };
    const Options& options_;
    std::string file_;
    std::size_t passed_ = 0;
    std::vector<Failure> failures_;
    std::vector<std::string> left_out_;
};

// Runs `run_file` for every .json file below the given folders of options.folder (those that are
// there) and prints the report. The program's exit code: 0 when nothing failed but what the list of
// known exceptions (exceptions.cpp, docs/CHAIN.md) names.
using RunFile = std::function<void(const Json& file, Results& results)>;
int run_suite(std::string_view name, const Options& options,
              const std::vector<std::string>& folders, const RunFile& run_file);
// The same for any list of files, read by `run_path` itself.
using RunPath = std::function<void(const Path& path, Results& results)>;
int run_paths(std::string_view name, const Options& options, const std::vector<Path>& paths,
              const RunPath& run_path);

// Why a failure of this test is none of ours; nothing when it is.
std::optional<std::string_view> known_exception(std::string_view file, std::string_view test);

// The suites' JSON: numbers are hex or decimal strings, "0x" is zero.
Result<U256> number(const Json& value);
Result<std::uint64_t> number64(const Json& value);
Result<Bytes> bytes(const Json& value);
// "pre" and "alloc": what stands in the state before.
Result<chain::StateChanges> accounts(const Json& value);

// A header with the names of the suites or of JSON-RPC.
Result<chain::Header> header_from(const Json& json);

// The configuration of a network's name, transitions such as "BerlinToLondonAt5" included.
std::optional<chain::ChainConfig> config_of(std::string_view network);

} // namespace ol::conformance
