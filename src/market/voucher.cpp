#include "market/voucher.hpp"

#include "crypto/hash.hpp"

namespace ol::market {

using codec::Json;

Json Voucher::to_json() const {
    return Json::object({{"payer", payer},
                         {"host", host},
                         {"cumulative", cumulative},
                         {"signature", to_hex0x(signature.to_rsv())}});
}

Result<Voucher> Voucher::from_json(const Json& json) {
    const auto member = [&](std::string_view key) { return json.require(key); };
    Voucher out;
    out.payer = OL_TRY_IN((*OL_TRY_IN(member("payer"), "voucher")).as_address(), "voucher: payer");
    out.host = OL_TRY_IN((*OL_TRY_IN(member("host"), "voucher")).as_address(), "voucher: host");
    out.cumulative =
        OL_TRY_IN((*OL_TRY_IN(member("cumulative"), "voucher")).as_u256(), "voucher: cumulative");
    const Bytes rsv = OL_TRY_IN((*OL_TRY_IN(member("signature"), "voucher")).as_hex_bytes(),
                                "voucher: signature");
    out.signature = OL_TRY_IN(crypto::Signature::from_rsv(rsv), "voucher: signature");
    return out;
}

Hash32 voucher_digest(const ledger::TypedDomain& escrow_domain, const Address& payer,
                      const Address& host, const U256& cumulative) {
    Bytes fields;
    append(fields,
           crypto::keccak256("Voucher(address payer,address host,uint256 cumulative)").view());
    append(fields, U256::from_be(payer.view()).to_be().view());
    append(fields, U256::from_be(host.view()).to_be().view());
    append(fields, cumulative.to_be().view());
    return ledger::typed_digest(escrow_domain, crypto::keccak256(fields));
}

Voucher sign_voucher(const ledger::TypedDomain& escrow_domain, const crypto::PrivateKey& payer,
                     const Address& host, const U256& cumulative) {
    const Hash32 digest = voucher_digest(escrow_domain, payer.address(), host, cumulative);
    return {payer.address(), host, cumulative, payer.sign(digest)};
}

Status check_voucher(const ledger::TypedDomain& escrow_domain, const Voucher& voucher,
                     const U256& owed_before, const U256& price, const U256& deposited) {
    const Hash32 digest =
        voucher_digest(escrow_domain, voucher.payer, voucher.host, voucher.cumulative);
    const auto signer = crypto::recover(digest, voucher.signature);
    if (!signer || *signer != voucher.payer) {
        return fail(ErrorCode::unverified,
                    "the voucher is not signed by its payer {}: sign chain {}, escrow {}",
                    to_hex0x(voucher.payer.view()), escrow_domain.chain_id,
                    to_hex0x(escrow_domain.verifying_contract.view()));
    }
    const U256 needed = OL_TRY(checked_add(owed_before, price));
    if (voucher.cumulative < needed) {
        return fail(ErrorCode::payment,
                    "the voucher is {} too small: {} used before and {} for this request need a "
                    "cumulative {}",
                    format_open(needed - voucher.cumulative), format_open(owed_before),
                    format_open(price), needed.to_decimal());
    }
    if (voucher.cumulative > deposited) {
        return fail(ErrorCode::payment,
                    "the voucher passes the deposit of {} by {}: deposit that much for host {}",
                    format_open(deposited), format_open(voucher.cumulative - deposited),
                    to_hex0x(voucher.host.view()));
    }
    return {};
}

} // namespace ol::market
