#include "chain/evm/program_forms.hpp"

#include "base/check.hpp"
#include "chain/evm/instructions.hpp"

namespace ol::chain::evm {

using Code = ProgramCode;

std::optional<BinaryForms> binary_forms(std::uint8_t opcode) {
    constexpr Code none = Code::fault;
    switch (opcode) {
    case op::add:
        return BinaryForms{Code::add_ss, Code::add_sk, none, true, false};
    case op::mul:
        return BinaryForms{Code::mul_ss, Code::mul_sk, none, true, false};
    case op::sub:
        return BinaryForms{Code::sub_ss, Code::sub_sk, Code::sub_ks, false, false};
    case op::div:
        return BinaryForms{Code::div_ss, Code::div_sk, none, false, false};
    case op::sdiv:
        return BinaryForms{Code::sdiv_ss, Code::sdiv_sk, none, false, false};
    case op::mod:
        return BinaryForms{Code::mod_ss, Code::mod_sk, none, false, false};
    case op::smod:
        return BinaryForms{Code::smod_ss, Code::smod_sk, none, false, false};
    case op::and_:
        return BinaryForms{Code::and_ss, Code::and_sk, none, true, false};
    case op::or_:
        return BinaryForms{Code::or_ss, Code::or_sk, none, true, false};
    case op::xor_:
        return BinaryForms{Code::xor_ss, Code::xor_sk, none, true, false};
    case op::eq:
        return BinaryForms{Code::eq_ss, Code::eq_sk, none, true, true};
    case op::lt:
    case op::gt:
        return BinaryForms{Code::lt_ss, Code::lt_sk, Code::lt_ks, false, true};
    case op::slt:
    case op::sgt:
        return BinaryForms{Code::slt_ss, Code::slt_sk, Code::slt_ks, false, true};
    default:
        return std::nullopt;
    }
}

ProgramCode environment_form(std::uint8_t opcode) {
    switch (opcode) {
    case op::address:
        return Code::address;
    case op::origin:
        return Code::origin;
    case op::caller:
        return Code::caller;
    case op::callvalue:
        return Code::callvalue;
    case op::calldatasize:
        return Code::calldatasize;
    case op::gasprice:
        return Code::gasprice;
    case op::returndatasize:
        return Code::returndatasize;
    case op::coinbase:
        return Code::coinbase;
    case op::timestamp:
        return Code::timestamp;
    case op::number:
        return Code::number;
    case op::prevrandao:
        return Code::prevrandao;
    case op::gaslimit:
        return Code::gaslimit;
    case op::chainid:
        return Code::chainid;
    case op::selfbalance:
        return Code::selfbalance;
    case op::basefee:
        return Code::basefee;
    case op::blobbasefee:
        return Code::blobbasefee;
    case op::msize:
        return Code::msize;
    case op::gas:
        return Code::gas;
    default:
        OL_CHECK(false);
    }
    return Code::fault;
}

ProgramCode jump_form(Code comparison) {
    switch (comparison) {
    case Code::is_zero:
        return Code::jump_if;
    case Code::lt_ss:
        return Code::jump_if_lt_ss;
    case Code::lt_sk:
        return Code::jump_if_lt_sk;
    case Code::lt_ks:
        return Code::jump_if_lt_ks;
    case Code::slt_ss:
        return Code::jump_if_slt_ss;
    case Code::slt_sk:
        return Code::jump_if_slt_sk;
    case Code::slt_ks:
        return Code::jump_if_slt_ks;
    case Code::eq_ss:
        return Code::jump_if_eq_ss;
    case Code::eq_sk:
        return Code::jump_if_eq_sk;
    default:
        OL_CHECK(false);
    }
    return Code::fault;
}

} // namespace ol::chain::evm
