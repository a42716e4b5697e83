#include "chain/evm/folding.hpp"

#include "chain/evm/arithmetic.hpp"
#include "chain/evm/instructions.hpp"

namespace ol::chain::evm {

namespace {

U256 truth(bool value) { return U256(value ? 1 : 0); }

std::optional<U256> folded_pair(std::uint8_t opcode, const U256& a, const U256& b) {
    switch (opcode) {
    case op::add:
        return a + b;
    case op::mul:
        return a * b;
    case op::sub:
        return a - b;
    case op::div:
        return div(a, b);
    case op::sdiv:
        return sdiv(a, b);
    case op::mod:
        return mod(a, b);
    case op::smod:
        return smod(a, b);
    case op::signextend:
        return sign_extend(a, b);
    case op::lt:
        return truth(a < b);
    case op::gt:
        return truth(b < a);
    case op::slt:
        return truth(slt(a, b));
    case op::sgt:
        return truth(slt(b, a));
    case op::eq:
        return truth(a == b);
    case op::and_:
        return a & b;
    case op::or_:
        return a | b;
    case op::xor_:
        return a ^ b;
    case op::byte:
        return byte_at(a, b);
    case op::shl:
        return shl(a, b);
    case op::shr:
        return shr(a, b);
    case op::sar:
        return sar(a, b);
    default:
        return std::nullopt;
    }
}

} // namespace

std::optional<U256> folded(std::uint8_t opcode, std::span<const U256> operands) {
    if (operands.size() == 2) return folded_pair(opcode, operands[0], operands[1]);
    switch (opcode) {
    case op::iszero:
        return truth(operands[0].is_zero());
    case op::not_:
        return ~operands[0];
    case op::clz:
        return clz(operands[0]);
    case op::addmod:
        return addmod(operands[0], operands[1], operands[2]);
    case op::mulmod:
        return mulmod(operands[0], operands[1], operands[2]);
    default:
        return std::nullopt;
    }
}

} // namespace ol::chain::evm
