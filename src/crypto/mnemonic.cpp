#include "crypto/mnemonic.hpp"

#include <cstring>
#include <memory>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <secp256k1.h>

#include "base/check.hpp"

namespace ol::crypto {

namespace {

constexpr int seed_rounds = 2048;
constexpr std::uint32_t hardened = 1U << 31;

// A private key and its chain code: left and right half of HMAC-SHA512.
struct ExtendedKey {
    FixedBytes<32> key, chain_code;
};

FixedBytes<64> hmac_sha512(ByteView key, ByteView data) {
    FixedBytes<64> out;
    unsigned size = 0;
    OL_CHECK(HMAC(EVP_sha512(), key.data(), static_cast<int>(key.size()), data.data(), data.size(),
                  out.data.data(), &size) != nullptr &&
             size == out.size());
    return out;
}

ExtendedKey split(const FixedBytes<64>& bytes) {
    ExtendedKey out;
    std::memcpy(out.key.data.data(), bytes.data.data(), 32);
    std::memcpy(out.chain_code.data.data(), bytes.data.data() + 32, 32);
    return out;
}

struct ContextDeleter {
    void operator()(secp256k1_context* context) const { secp256k1_context_destroy(context); }
};
using Context = std::unique_ptr<secp256k1_context, ContextDeleter>;

// CKDpriv of BIP-32. unverified in the one case of 2^127 where the standard skips the index.
Result<ExtendedKey> child(const Context& context, const ExtendedKey& parent, std::uint32_t index) {
    Bytes data;
    if (index >= hardened) {
        data.push_back(0);
        append(data, parent.key.view());
    } else {
        secp256k1_pubkey point;
        FixedBytes<33> compressed;
        std::size_t size = compressed.size();
        if (secp256k1_ec_pubkey_create(context.get(), &point, parent.key.begin()) != 1) {
            return fail(ErrorCode::unverified, "mnemonic: no key at this index");
        }
        OL_CHECK(secp256k1_ec_pubkey_serialize(context.get(), compressed.data.data(), &size, &point,
                                               SECP256K1_EC_COMPRESSED) == 1);
        append(data, compressed.view());
    }
    std::uint8_t number[4];
    put_be32(number, index);
    append(data, number);
    ExtendedKey out = split(hmac_sha512(parent.chain_code.view(), data));
    FixedBytes<32> key = parent.key;
    if (secp256k1_ec_seckey_tweak_add(context.get(), key.data.data(), out.key.begin()) != 1) {
        return fail(ErrorCode::unverified, "mnemonic: no key at this index");
    }
    out.key = key;
    return out;
}

} // namespace

Result<std::vector<PrivateKey>> keys_of_mnemonic(std::string_view words, std::uint32_t count) {
    constexpr std::string_view salt = "mnemonic";
    FixedBytes<64> seed;
    OL_CHECK(PKCS5_PBKDF2_HMAC(words.data(), static_cast<int>(words.size()), as_bytes(salt).data(),
                               static_cast<int>(salt.size()), seed_rounds, EVP_sha512(),
                               static_cast<int>(seed.size()), seed.data.data()) == 1);
    const Context context(secp256k1_context_create(SECP256K1_CONTEXT_NONE));
    OL_CHECK(context != nullptr);
    ExtendedKey node = split(hmac_sha512(as_bytes("Bitcoin seed"), seed.view()));
    for (const std::uint32_t step : {44 | hardened, 60 | hardened, 0 | hardened, 0U}) {
        node = OL_TRY(child(context, node, step));
    }
    std::vector<PrivateKey> out;
    out.reserve(count);
    for (std::uint32_t index = 0; index < count; ++index) {
        const auto leaf = OL_TRY(child(context, node, index));
        out.push_back(OL_TRY(PrivateKey::from_bytes(leaf.key.view())));
    }
    return out;
}

} // namespace ol::crypto
