// Failures of the public suites that are none of ours, each with its reason; docs/CHAIN.md lists
// them for people.
#include "suite.hpp"

namespace ol::conformance {
namespace {

struct Exception {
    std::string_view file, test; // parts of the file's path and of the test's name
    std::string_view reason;
};

constexpr std::string_view dao =
    "the DAO fork of 2016 moves the funds of 116 accounts by force: that list is not carried";

constexpr Exception exceptions[] = {
    {"bcHomesteadToDao/DaoTransactions.json", "DaoTransactions_", dao},
    {"bcHomesteadToDao/DaoTransactions_EmptyTransactionAndForkBlocksAhead.json", "", dao},
    {"bcHomesteadToDao/DaoTransactions_UncleExtradata.json", "", dao},
};

} // namespace

std::optional<std::string_view> known_exception(std::string_view file, std::string_view test) {
    for (const auto& one : exceptions) {
        const bool is_it = file.find(one.file) != std::string_view::npos &&
                           test.find(one.test) != std::string_view::npos;
        if (is_it) return one.reason;
    }
    return std::nullopt;
}

} // namespace ol::conformance
