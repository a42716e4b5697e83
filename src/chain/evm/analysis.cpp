#include "chain/evm/analysis.hpp"

#include <cstring>

#include "chain/evm/instructions.hpp"

namespace ol::chain::evm {

namespace {

// A PUSH32 in the last byte reads 32 bytes behind it, and then there is a STOP.
constexpr std::size_t padding = 33;

} // namespace

CodeAnalysis::CodeAnalysis(ByteView code)
    : bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(code.size() + padding))
    , size_(code.size())
    , destinations_(code.size() / 64 + 1) {
    if (!code.empty()) std::memcpy(bytes_.get(), code.data(), code.size());
    std::memset(bytes_.get() + code.size(), op::stop, padding);
    for (std::size_t i = 0; i < size_; ++i) {
        const std::uint8_t opcode = bytes_[i];
        if (opcode == op::jumpdest) destinations_[i / 64] |= std::uint64_t{1} << (i % 64);
        i += push_size(opcode);
    }
}

const CodeAnalysis& analysis_of(const Code& code) {
    const Code::Analysis* analysis = code.analysis();
    if (analysis == nullptr) {
        analysis = code.set_analysis(std::make_unique<const CodeAnalysis>(code.bytes()));
    }
    return static_cast<const CodeAnalysis&>(*analysis);
}

} // namespace ol::chain::evm
