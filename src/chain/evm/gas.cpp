#include "chain/evm/gas.hpp"

namespace ol::chain::evm {

namespace {

constexpr std::int64_t set_gas = 20000;

struct NetMetering {
    std::int64_t unchanged, reset, clear_refund;
};

NetMetering net_metering(Fork fork) {
    if (fork >= Fork::london) return {warm_gas, 5000 - cold_slot_gas, 4800};
    if (fork >= Fork::berlin) return {warm_gas, 5000 - cold_slot_gas, 15000};
    if (fork >= Fork::istanbul) return {800, 5000, 15000};
    return {200, 5000, 15000};
}

} // namespace

StoreGas store_gas(Fork fork, const U256& original, const U256& current, const U256& value,
                   bool was_cold) {
    if (fork < Fork::constantinople || fork == Fork::petersburg) {
        if (current.is_zero() && !value.is_zero()) return {set_gas, 0};
        return {5000, !current.is_zero() && value.is_zero() ? 15000 : 0};
    }
    const NetMetering net = net_metering(fork);
    StoreGas out;
    if (fork >= Fork::berlin && was_cold) out.cost = cold_slot_gas;
    if (value == current) {
        out.cost += net.unchanged;
        return out;
    }
    if (original == current) {
        out.cost += original.is_zero() ? set_gas : net.reset;
        if (!original.is_zero() && value.is_zero()) out.refund = net.clear_refund;
        return out;
    }
    out.cost += net.unchanged;
    if (!original.is_zero()) {
        if (current.is_zero()) out.refund -= net.clear_refund;
        if (value.is_zero()) out.refund += net.clear_refund;
    }
    if (value == original) {
        out.refund += (original.is_zero() ? set_gas : net.reset) - net.unchanged;
    }
    return out;
}

} // namespace ol::chain::evm
