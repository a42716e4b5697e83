#include "chain/state/state.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {

Code::Code(Bytes bytes)
    : bytes_(std::move(bytes))
    , hash_(crypto::keccak256(bytes_)) {}

Code::Code(Bytes bytes, const Hash32& hash)
    : bytes_(std::move(bytes))
    , hash_(hash) {}

Code::~Code() { delete analysis_.load(std::memory_order_acquire); }

const Code::Analysis* Code::analysis() const { return analysis_.load(std::memory_order_acquire); }

const Code::Analysis* Code::set_analysis(std::unique_ptr<const Analysis> analysis) const {
    const Analysis* held = nullptr;
    const bool is_first = analysis_.compare_exchange_strong(
        held, analysis.get(), std::memory_order_acq_rel, std::memory_order_acquire);
    return is_first ? analysis.release() : held;
}

} // namespace ol::chain
