// Solidity ABI: encoding and decoding of values, selectors, event topics. Types are given by their
// Solidity spelling: "uint256", "(address,uint32[])[]", "bytes32", "string".
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/u256.hpp"

namespace ol::codec {

// A value of any ABI type: numbers, addresses, bools and bytesN as U256/Hash32 words, dynamic bytes
// and strings as Bytes, tuples and arrays as lists.
struct AbiValue {
    using List = std::vector<AbiValue>;
    std::variant<U256, Bytes, List> value; // bytesN is a left-aligned word

    AbiValue() = default;
    AbiValue(const U256& number)
        : value(number) {}
    // Negative numbers extend their sign over the word, as the ABI's intN does.
    template <std::integral T>
    AbiValue(T number)
        : value(U256(static_cast<std::uint64_t>(number))) {
        if constexpr (std::is_signed_v<T>) {
            auto& limb = std::get_if<U256>(&value)->limb;
            if (number < 0) limb[1] = limb[2] = limb[3] = ~std::uint64_t{0};
        }
    }
    AbiValue(const Hash32& word)
        : value(U256::from_be(word.view())) {}
    AbiValue(const Address& address)
        : value(U256::from_be(address.view())) {}
    AbiValue(Bytes bytes)
        : value(std::move(bytes)) {}
    AbiValue(std::string_view text)
        : value(Bytes(text.begin(), text.end())) {}
    AbiValue(const std::string& text)
        : AbiValue(std::string_view(text)) {}
    AbiValue(const char* text)
        : AbiValue(std::string_view(text)) {}
    // A list that is the only element of another is written AbiValue(List{...}): in List{List{...}}
    // compilers disagree on whether the inner one is copied or wrapped.
    AbiValue(List list)
        : value(std::move(list)) {}
    // bytesN: at most 32 bytes, at the left of the word.
    static AbiValue fixed(ByteView bytes);

    // Reads; an internal error (OL_CHECK) when the kind differs: types were checked by decode.
    const U256& number() const;
    Hash32 word() const { return number().to_be(); }
    Address address() const;
    std::uint64_t u64() const { return number().low_u64(); }
    bool boolean() const { return !number().is_zero(); }
    const Bytes& bytes() const;
    std::string text() const;
    const List& list() const;

    bool operator==(const AbiValue&) const;
};

class AbiType {
public:
    // invalid_argument for a spelling that is not a canonical ABI type: no "uint" for uint256 (its
    // selector would be another), no array of length 0, at most 32 levels deep. The empty tuple
    // "()" is accepted as the whole spelling only.
    static Result<AbiType> parse(std::string_view spelling);

    enum class Kind { uint, integer, address, boolean, fixed_bytes, bytes, string, array, tuple };
    Kind kind = Kind::uint;
    unsigned bits = 256;             // of uint/int; bytes of bytesN
    std::int64_t length = -1;        // of an array; -1: dynamic
    std::vector<AbiType> components; // of a tuple; the element of an array

    bool is_dynamic() const;
    // Bytes in the head of the tuple around it: 32 when dynamic.
    std::size_t head_bytes() const;
};

// values against a tuple of types "(address,uint256)": abi.encode of its components.
// invalid_argument when a value does not fit its type (kind, range, length).
Result<Bytes> abi_encode(std::string_view tuple, const AbiValue::List& values);
// The components of the tuple; invalid_argument with the offset when bytes are not exactly what
// abi_encode makes: short or left over, dirty padding, numbers beyond their type, tails that
// overlap, leave gaps or come in another order. Compilers emit this form alone, and it keeps the
// work linear in the input.
Result<AbiValue::List> abi_decode(std::string_view tuple, ByteView bytes);

// First four bytes of keccak("transfer(address,uint256)").
FixedBytes<4> abi_selector(std::string_view signature);
// selector | abi_encode of the signature's own parameter tuple.
Result<Bytes> abi_call(std::string_view signature, const AbiValue::List& values);
// keccak of the event's signature.
Hash32 abi_topic(std::string_view signature);

} // namespace ol::codec
