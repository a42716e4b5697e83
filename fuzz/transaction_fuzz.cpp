// decode_transaction must refuse or read any bytes; what it reads encodes to the same bytes, and
// its signer is found or refused.
#include <cstdint>
#include <cstdlib>

#include "chain/types/transaction.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto transaction = ol::chain::decode_transaction({data, size});
    if (!transaction) return 0;
    if (ol::chain::encode(*transaction) != ol::Bytes(data, data + size)) std::abort();
    (void)ol::chain::sender_of(*transaction, true);
    for (const auto& authorization : transaction->authorizations) {
        (void)ol::chain::authority_of(authorization);
    }
    return 0;
}
