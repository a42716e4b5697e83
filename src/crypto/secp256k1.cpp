#include "crypto/secp256k1.hpp"

#include <cstring>

#include <openssl/crypto.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "base/check.hpp"
#include "crypto/hash.hpp"

namespace ol::crypto {
namespace {

// One context for the process: it is only read after its making, and its random blinding hides the
// key from timing and power measurements.
const secp256k1_context* context() {
    static const secp256k1_context* const made = [] {
        secp256k1_context* fresh = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
        OL_CHECK(fresh != nullptr);
        Bytes seed = random_bytes(32);
        OL_CHECK(secp256k1_context_randomize(fresh, seed.data()) == 1);
        OPENSSL_cleanse(seed.data(), seed.size());
        return fresh;
    }();
    return made;
}

Address address_of(const secp256k1_pubkey& key) {
    std::uint8_t point[65];
    std::size_t size = sizeof point;
    OL_CHECK(secp256k1_ec_pubkey_serialize(context(), point, &size, &key,
                                           SECP256K1_EC_UNCOMPRESSED) == 1);
    // The first byte is the point's format (4); the address is of x | y alone.
    const Hash32 hash = keccak256(ByteView(point + 1, 64));
    Address out;
    std::memcpy(out.data.data(), hash.data.data() + 12, 20);
    return out;
}

std::unexpected<Error> unverified(const char* why) {
    return fail(ErrorCode::unverified, "signature: {}", why);
}

} // namespace

Bytes Signature::to_rsv() const {
    Bytes out;
    out.reserve(65);
    append(out, r.view());
    append(out, s.view());
    out.push_back(static_cast<std::uint8_t>(27 + parity));
    return out;
}

Result<Signature> Signature::from_rsv(ByteView bytes) {
    if (bytes.size() != 65) {
        return fail(ErrorCode::invalid_argument, "signature: expected 65 bytes r|s|v, got {}",
                    bytes.size());
    }
    if (bytes[64] != 27 && bytes[64] != 28) {
        return fail(ErrorCode::invalid_argument, "signature: v is {}, must be 27 or 28", bytes[64]);
    }
    Signature out;
    std::memcpy(out.r.data.data(), bytes.data(), 32);
    std::memcpy(out.s.data.data(), bytes.data() + 32, 32);
    out.parity = static_cast<std::uint8_t>(bytes[64] - 27);
    return out;
}

PrivateKey PrivateKey::generate() {
    for (;;) {
        Bytes secret = random_bytes(32);
        auto key = from_bytes(secret);
        OPENSSL_cleanse(secret.data(), secret.size());
        if (key) return *key;
    }
}

Result<PrivateKey> PrivateKey::from_bytes(ByteView bytes) {
    if (bytes.size() != 32) {
        return fail(ErrorCode::invalid_argument, "private key: expected 32 bytes, got {}",
                    bytes.size());
    }
    secp256k1_pubkey point;
    if (secp256k1_ec_seckey_verify(context(), bytes.data()) != 1 ||
        secp256k1_ec_pubkey_create(context(), &point, bytes.data()) != 1) {
        return fail(ErrorCode::invalid_argument,
                    "private key: must be at least 1 and below the group order of secp256k1");
    }
    PrivateKey key;
    std::memcpy(key.secret_.data.data(), bytes.data(), 32);
    key.address_ = address_of(point);
    return key;
}

PrivateKey::~PrivateKey() { OPENSSL_cleanse(secret_.data.data(), secret_.data.size()); }

Signature PrivateKey::sign(const Hash32& digest) const {
    // Recovery ids 2 and 3 mean that the nonce point's x passed the group order (a chance of
    // 2^-127); such a signature has no v, so the next nonce of RFC 6979 is taken: its extra input
    // counts the attempts.
    for (std::uint32_t attempt = 0;; ++attempt) {
        std::uint8_t extra[32] = {};
        put_be32(extra + 28, attempt);
        secp256k1_ecdsa_recoverable_signature made;
        OL_CHECK(secp256k1_ecdsa_sign_recoverable(
                     context(), &made, digest.data.data(), secret_.data.data(),
                     secp256k1_nonce_function_rfc6979, attempt == 0 ? nullptr : extra) == 1);
        std::uint8_t compact[64];
        int recovery_id = 0;
        secp256k1_ecdsa_recoverable_signature_serialize_compact(context(), compact, &recovery_id,
                                                                &made);
        if (recovery_id > 1) continue;
        Signature out;
        std::memcpy(out.r.data.data(), compact, 32);
        std::memcpy(out.s.data.data(), compact + 32, 32);
        out.parity = static_cast<std::uint8_t>(recovery_id);
        return out;
    }
}

Result<Address> recover(const Hash32& digest, const Signature& signature) {
    if (signature.parity > 1) return unverified("the parity is neither 0 nor 1");
    std::uint8_t compact[64];
    std::memcpy(compact, signature.r.data.data(), 32);
    std::memcpy(compact + 32, signature.s.data.data(), 32);
    secp256k1_ecdsa_recoverable_signature parsed;
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(context(), &parsed, compact,
                                                            signature.parity) != 1) {
        return unverified("r or s is not below the group order");
    }
    // With s, n - s is a signature of the same digest by the same key: only the low one counts
    // (EIP-2), so that nobody can make a second signature out of a first.
    secp256k1_ecdsa_signature plain;
    secp256k1_ecdsa_recoverable_signature_convert(context(), &plain, &parsed);
    if (secp256k1_ecdsa_signature_normalize(context(), nullptr, &plain) == 1) {
        return unverified("s is in the upper half of the group order");
    }
    secp256k1_pubkey point;
    if (secp256k1_ecdsa_recover(context(), &point, &parsed, digest.data.data()) != 1) {
        return unverified("no public key fits r and s");
    }
    return address_of(point);
}

std::string checksum_address(const Address& address) {
    std::string out = to_hex(address.view());
    const Hash32 hash = keccak256(out);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const unsigned nibble = i % 2 == 0 ? hash[i / 2] >> 4 : hash[i / 2] & 0x0f;
        if (out[i] >= 'a' && nibble >= 8) out[i] = static_cast<char>(out[i] - 'a' + 'A');
    }
    return "0x" + out;
}

} // namespace ol::crypto
