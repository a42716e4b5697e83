#include "chain/evm/block_stack.hpp"

#include <algorithm>

#include "chain/evm/space.hpp"

namespace ol::chain::evm {

void BlockStack::begin(int needs, int grows) {
    needs_ = needs;
    limit_ = std::min(grows + static_cast<int>(StackSpace::scratch_words), highest + 1);
    uses_.fill(0);
    positions_.clear();
    for (int slot = -needs; slot < 0; ++slot) push({false, slot});
}

void BlockStack::push(const Operand& operand) {
    positions_.push_back(operand);
    if (!operand.is_constant) use(operand.index);
}

Operand BlockStack::pop() {
    const Operand out = positions_.back();
    positions_.pop_back();
    return out;
}

void BlockStack::dup(unsigned n) {
    const Operand copied = positions_[positions_.size() - n];
    push(copied);
}

void BlockStack::swap(unsigned n) {
    std::swap(positions_.back(), positions_[positions_.size() - 1 - n]);
}

int BlockStack::free_slot(int wished) const {
    if (wished != nowhere && uses(wished) == 0) return wished;
    for (int slot = height(); slot < limit_; ++slot) {
        if (uses(slot) == 0) return slot;
    }
    return nowhere;
}

bool BlockStack::put_in_order(std::span<Operand* const> pinned, const Move& move) {
    const auto readers = [this](int slot) -> std::uint16_t& {
        return readers_[static_cast<std::size_t>(slot - lowest)];
    };
    const auto at = [this](int position) -> Operand& {
        return positions_[static_cast<std::size_t>(position + needs_)];
    };
    const auto is_placed = [&](int position) {
        return !at(position).is_constant && at(position).index == position;
    };
    // A scratch word above all positions, and above what is in use.
    const auto scratch = [this] {
        for (int slot = height(); slot < limit_; ++slot) {
            if (uses(slot) == 0) return slot;
        }
        return nowhere;
    };
    const auto relocate = [&](Operand& operand, int to) {
        move(to, operand);
        release(operand);
        operand.index = to;
        use(to);
    };
    // Operands that would be overwritten go first.
    for (Operand* operand : pinned) {
        if (operand->is_constant || operand->index >= height()) continue;
        if (operand->index < -needs_ || is_placed(operand->index)) continue;
        const int to = scratch();
        if (to == nowhere) return false;
        relocate(*operand, to);
    }
    int waiting = 0;
    for (int p = -needs_; p < height(); ++p) {
        if (at(p).is_constant || is_placed(p)) continue;
        ++readers(at(p).index);
        ++waiting;
    }
    std::vector<int> ready;
    const auto is_ready = [&](int p) {
        return !at(p).is_constant && !is_placed(p) && readers(p) == 0;
    };
    for (int p = -needs_; p < height(); ++p) {
        if (is_ready(p)) ready.push_back(p);
    }
    int next = -needs_; // the first position that may be part of a ring
    while (waiting > 0) {
        if (ready.empty()) {
            // Only rings are left: one value steps aside.
            while (at(next).is_constant || is_placed(next)) ++next;
            const int to = scratch();
            if (to == nowhere) return false;
            move(to, {false, next});
            for (int p = next; p < height(); ++p) {
                Operand& reader = at(p);
                if (reader.is_constant || is_placed(p) || reader.index != next) continue;
                release(reader);
                reader.index = to;
                use(to);
                --readers(next);
                ++readers(to);
            }
            ready.push_back(next);
            continue;
        }
        const int p = ready.back();
        ready.pop_back();
        Operand& operand = at(p);
        const int from = operand.index;
        relocate(operand, p);
        --readers(from);
        --waiting;
        const bool freed = from >= -needs_ && from < height() && is_ready(from);
        if (freed) ready.push_back(from);
    }
    for (int p = -needs_; p < height(); ++p) {
        if (!at(p).is_constant) continue;
        move(p, at(p));
        at(p) = {false, p};
        use(p);
    }
    return true;
}

} // namespace ol::chain::evm
