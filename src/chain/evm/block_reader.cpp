#include "chain/evm/block_reader.hpp"

#include <algorithm>

#include "chain/evm/block_stack.hpp"

namespace ol::chain::evm {

namespace {

bool ends_frame(std::uint8_t opcode) {
    return opcode == op::stop || opcode == op::return_ || opcode == op::revert ||
           opcode == op::selfdestruct;
}

void read_steps(const CodeAnalysis& analysis, const GasTable& costs, std::uint32_t pc,
                Block& block) {
    const auto size = static_cast<std::uint32_t>(analysis.size());
    const std::uint32_t begin = pc;
    block.steps.clear();
    block.is_open = false;
    for (;;) {
        // Behind the code the padding says STOP.
        const std::uint8_t opcode = pc < size ? analysis.begin()[pc] : std::uint8_t{op::stop};
        if (opcode == op::jumpdest && pc != begin) {
            block.is_open = true;
            break;
        }
        block.steps.push_back({pc, opcode});
        pc += 1 + push_size(opcode);
        const bool may_go_on = is_send(opcode) || opcode == op::jumpi;
        if (may_go_on || costs[opcode] < 0 || ends_frame(opcode) || opcode == op::jump) {
            block.is_open = may_go_on;
            break;
        }
    }
    block.next_pc = std::min(pc, size);
}

void measure(const GasTable& costs, Block& block) {
    int height = 0, least = 0, most = 0;
    block.gas.assign(1, 0);
    for (const auto& step : block.steps) {
        if (costs[step.opcode] < 0) break;
        const Instruction& instruction = instructions[step.opcode];
        least = std::min(least, height - instruction.needs);
        height += instruction.gives - instruction.needs;
        most = std::max(most, height);
        block.gas.back() += static_cast<std::uint64_t>(costs[step.opcode]);
        if (sees_gas(step.opcode)) block.gas.push_back(0);
    }
    block.needs = -least;
    block.grows = most;
    block.delta = height;
}

// Where each result ends up, so that it can be computed into that place at once.
void plan_homes(const GasTable& costs, Block& block) {
    constexpr int none = -1;
    auto& homes = block.homes;
    homes.clear();
    std::vector<int> results(static_cast<std::size_t>(block.needs), none); // by position
    for (const auto& step : block.steps) {
        const std::uint8_t opcode = step.opcode;
        if (costs[opcode] < 0) break;
        if (is_push(opcode) || opcode == op::push0) {
            results.push_back(none);
        } else if (opcode >= op::dup1 && opcode <= op::dup16) {
            results.push_back(results[results.size() - (opcode - op::dup1 + 1U)]);
        } else if (opcode >= op::swap1 && opcode <= op::swap16) {
            std::swap(results.back(), results[results.size() - (opcode - op::swap1 + 2U)]);
        } else {
            results.resize(results.size() - instructions[opcode].needs);
            if (instructions[opcode].gives == 0) continue;
            results.push_back(static_cast<int>(homes.size()));
            homes.push_back(BlockStack::nowhere);
        }
    }
    for (std::size_t i = results.size(); i-- > 0;) {
        if (results[i] == none) continue;
        homes[static_cast<std::size_t>(results[i])] = static_cast<int>(i) - block.needs;
    }
}

} // namespace

bool is_send(std::uint8_t opcode) {
    return opcode == op::create || opcode == op::create2 || opcode == op::call ||
           opcode == op::callcode || opcode == op::delegatecall || opcode == op::staticcall;
}

bool sees_gas(std::uint8_t opcode) { return opcode == op::gas || opcode == op::sstore; }

void read_block(const CodeAnalysis& analysis, const GasTable& costs, std::uint32_t pc,
                Block& block) {
    read_steps(analysis, costs, pc, block);
    measure(costs, block);
    plan_homes(costs, block);
}

} // namespace ol::chain::evm
