// Why a call was refused, for people: the bytes that a revert returns, read with the errors that
// are known by name.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "codec/json.hpp"

namespace ol::ledger {

class RevertReasons {
public:
    // "BondTooSmall(uint256,uint256)". invalid_argument when it is no signature.
    Status add(std::string_view signature);
    // "BondTooSmall(3, 10)", the text of Error(string), "arithmetic overflow or underflow (panic
    // 0x11)", or the bytes in hex when nobody told their name.
    std::string describe(ByteView data) const;
    std::size_t size() const { return signatures_.size(); }

private:
    std::map<FixedBytes<4>, std::string> signatures_;
};

// The canonical spelling of an entry of a contract's ABI (a function, an event or an error):
// "propose((bytes32,uint64))". invalid_argument when the entry has no name or a malformed input.
Result<std::string> abi_signature(const codec::Json& entry);
// The same for the values that a function returns: "(uint256,(bytes32,uint64))".
Result<std::string> abi_outputs(const codec::Json& entry);

} // namespace ol::ledger
