#include "chain/state/keyed_table.hpp"

#include <algorithm>

#include "crypto/hash.hpp"

namespace ol::chain {

KeyHasher::KeyHasher() {
    static const Bytes random = crypto::random_bytes(sizeof secret_);
    std::memcpy(secret_, random.data(), sizeof secret_);
    for (auto& word : secret_) word |= 1; // a factor of zero would fold everything to zero
}

} // namespace ol::chain
