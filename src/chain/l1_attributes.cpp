#include "chain/l1_attributes.hpp"

#include "base/check.hpp"
#include "chain/genesis.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

constexpr std::uint64_t attributes_gas = 1'000'000;
constexpr std::uint32_t ecotone_selector = 0x440a5e20;
constexpr std::uint32_t isthmus_selector = 0x098999be;
constexpr std::uint32_t jovian_selector = 0x3db6be2b;

void put32(Bytes& out, std::uint32_t value) {
    std::uint8_t bytes[4];
    put_be32(bytes, value);
    append(out, bytes);
}

void put64(Bytes& out, std::uint64_t value) {
    std::uint8_t bytes[8];
    put_be64(bytes, value);
    append(out, bytes);
}

// Packed, not ABI encoded.
Bytes call_data(const L1Attributes& attributes, const Rules& rules) {
    const bool isthmus = rules.op >= OpFork::isthmus;
    const bool jovian = rules.op >= OpFork::jovian;
    Bytes out;
    put32(out, jovian ? jovian_selector : isthmus ? isthmus_selector : ecotone_selector);
    put32(out, attributes.base_fee_scalar);
    put32(out, attributes.blob_base_fee_scalar);
    put64(out, attributes.sequence_number);
    put64(out, attributes.timestamp);
    put64(out, attributes.number);
    append(out, attributes.base_fee.to_be().view());
    append(out, attributes.blob_base_fee.to_be().view());
    append(out, attributes.hash.view());
    append(out, attributes.batcher_hash.view());
    if (!isthmus) return out;
    put32(out, attributes.operator_fee_scalar);
    put64(out, attributes.operator_fee_constant);
    if (!jovian) return out;
    out.push_back(static_cast<std::uint8_t>(attributes.da_footprint_gas_scalar >> 8));
    out.push_back(static_cast<std::uint8_t>(attributes.da_footprint_gas_scalar));
    return out;
}

// keccak(domain | keccak(L1 hash | sequence number)); domain 1 is that of L1 attributes.
Hash32 source_hash(const L1Attributes& attributes) {
    Bytes inner(attributes.hash.begin(), attributes.hash.end());
    append(inner, U256(attributes.sequence_number).to_be().view());
    const Hash32 domain = U256(1).to_be();
    Bytes outer(domain.begin(), domain.end());
    append(outer, crypto::keccak256(inner).view());
    return crypto::keccak256(outer);
}

} // namespace

Transaction l1_attributes_deposit(const L1Attributes& attributes, const Rules& rules) {
    OL_CHECK(rules.op >= OpFork::ecotone);
    Transaction out;
    out.type = TransactionType::deposit;
    out.source_hash = source_hash(attributes);
    out.from = depositor_account;
    out.to = predeploy::l1_block;
    out.gas_limit = attributes_gas;
    out.data = call_data(attributes, rules);
    return out;
}

} // namespace ol::chain
