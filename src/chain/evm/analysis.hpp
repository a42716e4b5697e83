// What the interpreter computes once of a code's bytes and keeps in the code's slot: a copy padded
// so that no instruction reads past its end, and where jumps may land. The same for every fork.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.hpp"
#include "chain/state/state.hpp"

namespace ol::chain::evm {

class CodeAnalysis final : public Code::Analysis {
public:
    explicit CodeAnalysis(ByteView code);

    const std::uint8_t* begin() const { return bytes_.get(); }
    std::size_t size() const { return size_; } // without the padding
    ByteView code() const { return {bytes_.get(), size_}; }
    bool is_jump_destination(std::uint64_t pc) const {
        return pc < size_ && (destinations_[pc / 64] >> (pc % 64) & 1) != 0;
    }

private:
    std::unique_ptr<std::uint8_t[]> bytes_;
    std::size_t size_;
    std::vector<std::uint64_t> destinations_; // a bit a byte of code
};

// The analysis in the code's slot, made there when it is missing. Thread-safe.
const CodeAnalysis& analysis_of(const Code& code);

} // namespace ol::chain::evm
