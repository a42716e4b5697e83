// RLP (Yellow Paper, appendix B): canonical encoding only.
#pragma once

#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/u256.hpp"

namespace ol::codec {

struct Rlp {
    using List = std::vector<Rlp>;
    std::variant<Bytes, List> value;

    Rlp() = default;
    Rlp(Bytes bytes)
        : value(std::move(bytes)) {}
    Rlp(ByteView bytes)
        : value(Bytes(bytes.begin(), bytes.end())) {}
    Rlp(const Address& address)
        : Rlp(address.view()) {}
    Rlp(const Hash32& hash)
        : Rlp(hash.view()) {}
    Rlp(List list)
        : value(std::move(list)) {}
    static Rlp number(const U256& number); // no leading zeros; zero is the empty string

    bool operator==(const Rlp& other) const;
};

Bytes rlp_encode(const Rlp& item);
// Exactly one item over all of `bytes`; refuses non-canonical lengths, trailing bytes and nesting
// deeper than 64.
Result<Rlp> rlp_decode(ByteView bytes);

} // namespace ol::codec
