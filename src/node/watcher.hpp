// Watcher: recomputes what settlers post, from public data alone, and challenges what is false.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "market/epoch.hpp"
#include "node/settlement_service.hpp"

namespace ol::node {

struct WatchReport {
    std::uint64_t epoch = 0;
    std::uint64_t receipts_checked = 0;
    bool agreed = false;
    std::string fault;           // what was false, for people
    std::string challenge;       // the contract's method, when one was sent
    std::optional<U256> slashed; // wei taken from the settler's bond
};

class Watcher {
public:
    Watcher(Context& context, InferenceService& inference, SettlementService& settlement)
        : context_(context)
        , inference_(inference)
        , settlement_(settlement) {}
    // Reads the pending proposal and its file, recomputes all of it; when something is false and a
    // challenge proves it, sends the challenge from `wallet`. conflict when nothing is pending.
    Result<WatchReport> check_pending(const std::string& wallet);

private:
    Context& context_;
    InferenceService& inference_;
    SettlementService& settlement_;
};

} // namespace ol::node
