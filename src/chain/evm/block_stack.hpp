// The stack within a block, as the compiler follows it: which word, or which constant, each
// position holds. Positions and words count from the stack pointer at the block's begin; those
// below are negative.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace ol::chain::evm {

struct Operand {
    bool is_constant = false;
    int index = 0; // of the constant, or the word
};

class BlockStack {
public:
    static constexpr int nowhere = -100000;
    static constexpr int lowest = -1024, highest = 1023; // words that operations can name

    // A block that looks at `needs` words and grows the stack by at most `grows`.
    void begin(int needs, int grows);

    int height() const { return static_cast<int>(positions_.size()) - needs_; }
    void push(const Operand& operand);
    void push_again(const Operand& operand) { positions_.push_back(operand); } // just popped
    // The word stays in use until it is released.
    Operand pop();
    void dup(unsigned n);
    void swap(unsigned n);

    int uses(int slot) const { return uses_[static_cast<std::size_t>(slot - lowest)]; }
    void use(int slot) { ++uses_[static_cast<std::size_t>(slot - lowest)]; }
    void release(const Operand& operand) {
        if (!operand.is_constant) --uses_[static_cast<std::size_t>(operand.index - lowest)];
    }
    // A word that nobody uses: `wished`, the one of the next position, or one above; nowhere when
    // there is none.
    int free_slot(int wished) const;

    // Moves every value into the word of its position, by way of `move`. Operands in `pinned` have
    // been popped and not been released; where their words are needed they go elsewhere. False: out
    // of words.
    using Move = std::function<void(int to, const Operand& from)>;
    bool put_in_order(std::span<Operand* const> pinned, const Move& move);

private:
    struct Ordering;
    std::vector<Operand> positions_;
    std::array<std::uint16_t, highest - lowest + 1> uses_{};
    std::array<std::uint16_t, highest - lowest + 1> readers_{}; // of put_in_order; zero between
    int needs_ = 0, limit_ = 0;
};

} // namespace ol::chain::evm
