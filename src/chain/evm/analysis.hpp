// What is computed once of a code's bytes and kept in the code's slot: a copy padded so that no
// instruction reads past its end, and where jumps may land, the same for every fork; and, once the
// code is hot, its program for each fork under which it runs.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.hpp"
#include "chain/evm/program.hpp"
#include "chain/state/state.hpp"
#include "chain/types/fork.hpp"

namespace ol::chain::evm {

class CodeAnalysis final : public Code::Analysis {
public:
    explicit CodeAnalysis(ByteView code);
    ~CodeAnalysis() override;

    const std::uint8_t* begin() const { return bytes_.get(); }
    std::size_t size() const { return size_; } // without the padding
    ByteView code() const { return {bytes_.get(), size_}; }
    bool is_jump_destination(std::uint64_t pc) const {
        return pc < size_ && (destinations_[pc / 64] >> (pc % 64) & 1) != 0;
    }

    // The program under these rules, compiled now if it is not there. Thread-safe.
    const Program& program(Fork fork) const;
    // Null where the code has not run enough for that.
    const Program* program_if_hot(Fork fork) const;
    // Jumps that a frame may take before its code is hot.
    std::int64_t jumps_until_hot() const;
    // A frame has ended that took all but `jumps_left` of them.
    void ran(std::int64_t jumps_left) const;

private:
    static constexpr std::size_t fork_count = static_cast<std::size_t>(Fork::osaka) + 1;

    std::unique_ptr<std::uint8_t[]> bytes_;
    std::size_t size_;
    std::vector<std::uint64_t> destinations_; // a bit a byte of code
    mutable std::array<std::atomic<const Program*>, fork_count> programs_{};
    mutable std::atomic<std::int64_t> heat_left_; // frames and jumps until it is hot
};

// The analysis in the code's slot, made there when it is missing. Thread-safe.
const CodeAnalysis& analysis_of(const Code& code);

} // namespace ol::chain::evm
