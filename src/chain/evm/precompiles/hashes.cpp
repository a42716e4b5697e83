#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "base/check.hpp"
#include "chain/evm/precompiles/contracts.hpp"

namespace ol::chain::evm::precompiles {

namespace {

// Fetched once: a look-up in OpenSSL's providers takes longer than a short hash.
void digest(const EVP_MD* algorithm, ByteView input, std::uint8_t* out) {
    // A context is kept for each thread; making one takes longer than a short hash, too.
    thread_local const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context{EVP_MD_CTX_new(),
                                                                                  EVP_MD_CTX_free};
    OL_CHECK(context != nullptr);
    OL_CHECK(EVP_DigestInit_ex(context.get(), algorithm, nullptr) == 1 &&
             EVP_DigestUpdate(context.get(), input.data(), input.size()) == 1 &&
             EVP_DigestFinal_ex(context.get(), out, nullptr) == 1);
}

const EVP_MD* fetched(const char* name) {
    const EVP_MD* algorithm = EVP_MD_fetch(nullptr, name, nullptr);
    OL_CHECK(algorithm != nullptr);
    return algorithm;
}

} // namespace

Output sha256(ByteView input) {
    static const EVP_MD* const algorithm = fetched("SHA256");
    Bytes out(32);
    digest(algorithm, input, out.data());
    return out;
}

// 20 bytes, at the end of 32.
Output ripemd160(ByteView input) {
    static const EVP_MD* const algorithm = fetched("RIPEMD160");
    Bytes out(32);
    digest(algorithm, input, out.data() + 12);
    return out;
}

Output identity(ByteView input) { return Bytes(input.begin(), input.end()); }

Bytes padded(ByteView input, std::size_t at, std::size_t size) {
    Bytes out(size);
    if (at < input.size()) {
        std::copy_n(input.begin() + at, std::min(size, input.size() - at), out.begin());
    }
    return out;
}

} // namespace ol::chain::evm::precompiles
