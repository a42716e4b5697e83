#include "chain/evm/space.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/limits.hpp"

namespace ol::chain::evm {

void StackSpace::add_chunk() {
    void* memory = std::aligned_alloc(64, chunk_words * sizeof(U256));
    OL_CHECK(memory != nullptr);
    chunks_.emplace_back(static_cast<U256*>(memory));
}

bool MemorySpace::reserve(std::size_t size) {
    if (size <= capacity_) return true;
    if (size > limits::evm_memory_bytes) return false;
    constexpr std::size_t least = 64UL << 10, page = 4UL << 10;
    const std::size_t capacity = (std::max({size, 2 * capacity_, least}) + page - 1) / page * page;
    void* memory = std::realloc(block_.get(), capacity);
    OL_CHECK(memory != nullptr);
    block_.release(); // realloc has taken it
    block_.reset(static_cast<std::uint8_t*>(memory));
    capacity_ = capacity;
    return true;
}

} // namespace ol::chain::evm
