// ecrecover with libsecp256k1 and P256VERIFY with OpenSSL's points.
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include <algorithm>
#include <memory>

#include "base/check.hpp"
#include "chain/evm/precompiles/contracts.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::evm::precompiles {

namespace {

struct Free {
    void operator()(BN_CTX* context) const { BN_CTX_free(context); }
    void operator()(EC_POINT* point) const { EC_POINT_free(point); }
};

// P-256, made once and only read.
struct Curve {
    EC_GROUP* group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    const BIGNUM* order = EC_GROUP_get0_order(group);
    const BIGNUM* prime = EC_GROUP_get0_field(group);
    Curve() { OL_CHECK(group != nullptr && order != nullptr && prime != nullptr); }
};
const Curve& p256() {
    static const Curve curve;
    return curve;
}

// The temporaries of one check, given back together.
class Scratch {
public:
    Scratch()
        : context_(BN_CTX_new()) {
        OL_CHECK(context_ != nullptr);
        BN_CTX_start(context_.get());
    }
    ~Scratch() { BN_CTX_end(context_.get()); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    BN_CTX* context() { return context_.get(); }
    BIGNUM* number() {
        BIGNUM* out = BN_CTX_get(context_.get());
        OL_CHECK(out != nullptr);
        return out;
    }
    BIGNUM* read(const std::uint8_t* bytes) {
        BIGNUM* out = number();
        OL_CHECK(BN_bin2bn(bytes, 32, out) != nullptr);
        return out;
    }

private:
    std::unique_ptr<BN_CTX, Free> context_;
};

bool in_order(const BIGNUM* a) { return !BN_is_zero(a) && BN_cmp(a, p256().order) < 0; }

// ECDSA's check: x of (h/s) G + (r/s) Q is r modulo the order. 160 bytes: h | r | s | x | y.
bool p256_valid(ByteView input) {
    const Curve& curve = p256();
    Scratch scratch;
    BN_CTX* context = scratch.context();
    BIGNUM* h = scratch.read(input.data());
    BIGNUM* r = scratch.read(input.data() + 32);
    BIGNUM* s = scratch.read(input.data() + 64);
    BIGNUM* x = scratch.read(input.data() + 96);
    BIGNUM* y = scratch.read(input.data() + 128);
    if (!in_order(r) || !in_order(s)) return false;

    const std::unique_ptr<EC_POINT, Free> key(EC_POINT_new(curve.group));
    OL_CHECK(key != nullptr);
    // OpenSSL would take coordinates modulo p. It refuses what is not on the curve, where (0, 0) is
    // not, but leaves an error in the thread's queue, which others read.
    if (BN_cmp(x, curve.prime) >= 0 || BN_cmp(y, curve.prime) >= 0) return false;
    ERR_set_mark();
    const bool on_curve =
        EC_POINT_set_affine_coordinates(curve.group, key.get(), x, y, context) == 1;
    ERR_pop_to_mark();
    if (!on_curve) return false;

    BIGNUM* u1 = scratch.number();
    BIGNUM* u2 = scratch.number();
    OL_CHECK(BN_mod_inverse(s, s, curve.order, context) != nullptr);
    OL_CHECK(BN_mod_mul(u1, h, s, curve.order, context) == 1 &&
             BN_mod_mul(u2, r, s, curve.order, context) == 1);
    const std::unique_ptr<EC_POINT, Free> sum(EC_POINT_new(curve.group));
    OL_CHECK(sum != nullptr &&
             EC_POINT_mul(curve.group, sum.get(), u1, key.get(), u2, context) == 1);
    if (EC_POINT_is_at_infinity(curve.group, sum.get()) == 1) return false;
    OL_CHECK(EC_POINT_get_affine_coordinates(curve.group, sum.get(), x, nullptr, context) == 1 &&
             BN_nnmod(x, x, curve.order, context) == 1);
    return BN_cmp(x, r) == 0;
}

} // namespace

// hash | v (27 or 28) | r | s; what is missing is zero.
Output ecrecover(ByteView input) {
    std::uint8_t fields[128] = {};
    std::copy_n(input.begin(), std::min(input.size(), sizeof fields), fields);
    const std::uint8_t v = fields[63];
    if (!std::all_of(fields + 32, fields + 63, [](std::uint8_t byte) { return byte == 0; }) ||
        (v != 27 && v != 28)) {
        return Bytes();
    }
    // Recovery needs no tables of a context of its own.
    const secp256k1_context* context = secp256k1_context_static;
    secp256k1_ecdsa_recoverable_signature signature;
    secp256k1_pubkey key;
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(context, &signature, fields + 64,
                                                            v - 27) != 1 ||
        secp256k1_ecdsa_recover(context, &key, &signature, fields) != 1) {
        return Bytes();
    }
    std::uint8_t point[65];
    std::size_t size = sizeof point;
    OL_CHECK(
        secp256k1_ec_pubkey_serialize(context, point, &size, &key, SECP256K1_EC_UNCOMPRESSED) == 1);
    const Hash32 hash = crypto::keccak256(ByteView(point + 1, 64));
    Bytes out(32);
    std::copy(hash.begin() + 12, hash.end(), out.begin() + 12);
    return out;
}

Output p256_verify(ByteView input) {
    if (input.size() != 160 || !p256_valid(input)) return Bytes();
    Bytes out(32);
    out[31] = 1;
    return out;
}

} // namespace ol::chain::evm::precompiles
