#include "chain/evm/evm.hpp"

#include "chain/evm/machine.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::evm {

struct Evm::Impl : Machine {
    using Machine::Machine;
};

Evm::Evm(Journal& journal, const Rules& rules, BlockContext block)
    : impl_(std::make_unique<Impl>(journal, rules, std::move(block))) {}

Evm::~Evm() = default;

const Rules& Evm::rules() const { return impl_->rules; }
const BlockContext& Evm::block() const { return impl_->block; }

void Evm::set_transaction(TransactionContext context) {
    impl_->set_transaction(std::move(context));
}

void Evm::set_tracer(Tracer* tracer) { impl_->set_tracer(tracer); }

CallResult Evm::call(const Message& message, std::uint64_t create_nonce) {
    return impl_->call(message, create_nonce);
}

std::string_view to_string(Status status) {
    switch (status) {
    case Status::success:
        return "success";
    case Status::revert:
        return "execution reverted";
    case Status::out_of_gas:
        return "out of gas";
    case Status::invalid_instruction:
        return "invalid opcode";
    case Status::stack_overflow:
        return "stack limit reached";
    case Status::stack_underflow:
        return "stack underflow";
    case Status::bad_jump_destination:
        return "invalid jump destination";
    case Status::static_violation:
        return "write protection";
    case Status::return_data_out_of_bounds:
        return "return data out of bounds";
    case Status::call_depth:
        return "max call depth exceeded";
    case Status::insufficient_balance:
        return "insufficient balance for transfer";
    case Status::nonce_overflow:
        return "nonce uint64 overflow";
    case Status::create_collision:
        return "contract address collision";
    case Status::code_too_large:
        return "max code size exceeded";
    case Status::init_code_too_large:
        return "max initcode size exceeded";
    case Status::code_starts_with_ef:
        return "invalid code: must not begin with 0xef";
    case Status::precompile_failure:
        return "precompile failed";
    }
    return "unknown";
}

namespace {

Address last_20_bytes(const Hash32& hash) {
    Address out;
    std::copy(hash.begin() + 12, hash.end(), out.begin());
    return out;
}

} // namespace

Address create_address(const Address& sender, std::uint64_t nonce) {
    const codec::Rlp::List fields = {codec::Rlp(sender), codec::Rlp::number(U256(nonce))};
    return last_20_bytes(crypto::keccak256(codec::rlp_encode(codec::Rlp(fields))));
}

// EIP-1014.
Address create2_address(const Address& sender, const Hash32& salt, const Hash32& init_code_hash) {
    Bytes text = {0xff};
    append(text, sender.view());
    append(text, salt.view());
    append(text, init_code_hash.view());
    return last_20_bytes(crypto::keccak256(text));
}

} // namespace ol::chain::evm
