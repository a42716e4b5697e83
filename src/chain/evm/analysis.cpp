#include "chain/evm/analysis.hpp"

#include <algorithm>
#include <cstring>

#include "chain/evm/instructions.hpp"

namespace ol::chain::evm {

namespace {

// A PUSH32 in the last byte reads 32 bytes behind it, and then there is a STOP.
constexpr std::size_t padding = 33;

// Compiling takes about as long as running this many frames or jumps.
std::int64_t heat_of(std::size_t size) { return 32 + static_cast<std::int64_t>(size / 16); }

} // namespace

CodeAnalysis::CodeAnalysis(ByteView code)
    : bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(code.size() + padding))
    , size_(code.size())
    , destinations_(code.size() / 64 + 1)
    , heat_left_(heat_of(code.size())) {
    if (!code.empty()) std::memcpy(bytes_.get(), code.data(), code.size());
    std::memset(bytes_.get() + code.size(), op::stop, padding);
    for (std::size_t i = 0; i < size_; ++i) {
        const std::uint8_t opcode = bytes_[i];
        if (opcode == op::jumpdest) destinations_[i / 64] |= std::uint64_t{1} << (i % 64);
        i += push_size(opcode);
    }
}

CodeAnalysis::~CodeAnalysis() {
    for (auto& program : programs_) delete program.load(std::memory_order_relaxed);
}

const Program& CodeAnalysis::program(Fork fork) const {
    auto& slot = programs_[static_cast<std::size_t>(fork)];
    const Program* program = slot.load(std::memory_order_acquire);
    if (program != nullptr) return *program;
    auto made = std::make_unique<const Program>(compile(*this, fork));
    // Where another thread was first, its program stays.
    if (!slot.compare_exchange_strong(program, made.get(), std::memory_order_acq_rel)) {
        return *program;
    }
    return *made.release();
}

const Program* CodeAnalysis::program_if_hot(Fork fork) const {
    const Program* program =
        programs_[static_cast<std::size_t>(fork)].load(std::memory_order_acquire);
    if (program != nullptr) return program;
    return heat_left_.load(std::memory_order_relaxed) <= 0 ? &this->program(fork) : nullptr;
}

std::int64_t CodeAnalysis::jumps_until_hot() const {
    return heat_left_.load(std::memory_order_relaxed);
}

void CodeAnalysis::ran(std::int64_t jumps_left) const {
    const std::int64_t before = heat_left_.load(std::memory_order_relaxed);
    heat_left_.store(std::min(before, jumps_left) - 1, std::memory_order_relaxed);
}

const CodeAnalysis& analysis_of(const Code& code) {
    const Code::Analysis* analysis = code.analysis();
    if (analysis == nullptr) {
        analysis = code.set_analysis(std::make_unique<const CodeAnalysis>(code.bytes()));
    }
    return static_cast<const CodeAnalysis&>(*analysis);
}

} // namespace ol::chain::evm
