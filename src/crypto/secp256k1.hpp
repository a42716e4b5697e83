// Keys and signatures of the ledger: secp256k1 with public-key recovery, low s, RFC 6979 nonces.
#pragma once

#include "base/bytes.hpp"

namespace ol::crypto {

struct Signature {
    Hash32 r, s;
    std::uint8_t parity = 0; // y parity: v - 27
    // r | s | v with v = 27 + parity: the 65 bytes that Solidity's ECDSA library takes.
    Bytes to_rsv() const;
    static Result<Signature> from_rsv(ByteView bytes);
    bool operator==(const Signature&) const = default;
};

// A private key. Wiped when destroyed; never printed or logged.
class PrivateKey {
public:
    static PrivateKey generate();
    // invalid_argument when zero or not below the group order.
    static Result<PrivateKey> from_bytes(ByteView bytes);
    PrivateKey(const PrivateKey&) = default;
    PrivateKey& operator=(const PrivateKey&) = default;
    ~PrivateKey();

    Address address() const { return address_; } // last 20 bytes of keccak(public key)
    Signature sign(const Hash32& digest) const;
    const Hash32& secret() const { return secret_; } // for the keystore alone

private:
    PrivateKey() = default;
    Hash32 secret_;
    Address address_;
};

// The signer of digest; unverified when the signature is malformed or has a high s.
Result<Address> recover(const Hash32& digest, const Signature& signature);

// EIP-55 mixed-case form.
std::string checksum_address(const Address& address);

} // namespace ol::crypto
