// Vouchers: a payer's signed promise of a cumulative amount to one host (EIP-712, no transaction).
#pragma once

#include "codec/json.hpp"
#include "crypto/secp256k1.hpp"
#include "ledger/rpc.hpp"

namespace ol::market {

struct Voucher {
    Address payer, host;
    U256 cumulative;
    crypto::Signature signature;
    codec::Json to_json() const; // {"payer","host","cumulative","signature"}
    static Result<Voucher> from_json(const codec::Json& json);
};

Hash32 voucher_digest(const ledger::TypedDomain& escrow_domain, const Address& payer,
                      const Address& host, const U256& cumulative);
Voucher sign_voucher(const ledger::TypedDomain& escrow_domain, const crypto::PrivateKey& payer,
                     const Address& host, const U256& cumulative);
// unverified when the signature is not the payer's; payment when cumulative < owed_before + price
// or more than the deposit (the message says by how much).
Status check_voucher(const ledger::TypedDomain& escrow_domain, const Voucher& voucher,
                     const U256& owed_before, const U256& price, const U256& deposited);

} // namespace ol::market
