// Room for the stacks and memories of nested frames, kept between calls and blocks of one Evm. What
// a frame leaves behind is not cleared: whoever takes the room next overwrites it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "base/u256.hpp"
#include "chain/evm/gas.hpp"

namespace ol::chain::evm {

struct FreeMemory {
    void operator()(void* memory) const { std::free(memory); }
};

// Stacks one above the other: a frame's begins where its caller's ends at that moment. Chunks do
// not move, so pointers into stacks hold.
class StackSpace {
public:
    // Words that a frame may use: the EVM's 1024 and scratch words above them.
    static constexpr std::size_t scratch_words = 128;
    static constexpr std::size_t frame_words = stack_limit + scratch_words;

    struct Place {
        U256* bottom = nullptr;
        std::size_t chunk = 0;
    };
    Place first() { return {chunk(0), 0}; }
    // For a frame called by one at `caller` whose stack now ends at `sp`.
    Place above(const Place& caller, U256* sp) {
        if (sp + frame_words <= chunk(caller.chunk) + chunk_words) return {sp, caller.chunk};
        return {chunk(caller.chunk + 1), caller.chunk + 1};
    }

private:
    static constexpr std::size_t chunk_words = 4 * frame_words;
    U256* chunk(std::size_t index) {
        while (chunks_.size() <= index) add_chunk();
        return chunks_[index].get();
    }
    void add_chunk();

    std::vector<std::unique_ptr<U256, FreeMemory>> chunks_;
};

// Memories one behind the other in one block, which moves when it grows.
class MemorySpace {
public:
    std::uint8_t* data() { return block_.get(); }
    std::size_t capacity() const { return capacity_; }
    // At least so many bytes; false when that passes limits::evm_memory_bytes.
    bool reserve(std::size_t size);

private:
    std::unique_ptr<std::uint8_t, FreeMemory> block_;
    std::size_t capacity_ = 0;
};

} // namespace ol::chain::evm
