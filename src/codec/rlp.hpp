// RLP (Yellow Paper, appendix B): canonical encoding only. A tree for small things and tests; a
// writer and a reader that make no tree for blocks and transactions. Not thread-safe; values.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
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

// Appends items one after another. A list is opened and closed around its items; closing moves its
// payload by the size of its prefix, so that nothing is measured beforehand.
class RlpWriter {
public:
    RlpWriter() = default;
    explicit RlpWriter(std::size_t reserve_bytes) { out_.reserve(reserve_bytes); }

    RlpWriter& bytes(ByteView value);
    template <std::size_t N>
    RlpWriter& bytes(const FixedBytes<N>& value) {
        return bytes(value.view());
    }
    RlpWriter& number(std::uint64_t value);
    RlpWriter& number(const U256& value);
    RlpWriter& raw(ByteView encoded); // items that are encoded already, or a type byte in front

    void begin_list();
    void end_list(); // of the innermost open list
    template <class Body>
    RlpWriter& list(Body&& body) {
        begin_list();
        body();
        end_list();
        return *this;
    }

    const Bytes& view() const { return out_; }
    Bytes take(); // all lists are closed

private:
    Bytes out_;
    std::vector<std::size_t> open_;
};

// A cursor over a row of items: those of a list, or of a whole text. Each read takes the next item,
// checks its form, and names its field when it does not hold: "transaction: gas limit: ...".
// The bytes and the place's name outlive the reader.
class RlpReader {
public:
    RlpReader(ByteView items, std::string_view place)
        : rest_(items)
        , place_(place) {}
    // The items of the one list that `bytes` is; refuses bytes behind it.
    static Result<RlpReader> of_list(ByteView bytes, std::string_view place);

    bool at_end() const { return rest_.empty(); }
    bool next_is_list() const { return !rest_.empty() && rest_[0] >= 0xc0; }
    ByteView rest() const { return rest_; }

    Result<ByteView> bytes(std::string_view field);
    Result<std::uint64_t> u64(std::string_view field);
    Result<U256> u256(std::string_view field);
    Result<bool> boolean(std::string_view field); // 0 or 1
    template <std::size_t N>
    Result<FixedBytes<N>> fixed(std::string_view field) {
        const ByteView view = OL_TRY(bytes(field));
        if (view.size() != N) return wrong_size(field, N, view.size());
        return FixedBytes<N>::from(view);
    }
    Result<RlpReader> list(std::string_view field); // its items; errors in it name `field`
    Result<ByteView> raw(std::string_view field);   // one item with its prefix, unread inside

    Status end() const; // nothing is left

private:
    std::unexpected<Error> bad(std::string_view field, std::string_view why) const;
    std::unexpected<Error> wrong_size(std::string_view field, std::size_t wanted,
                                      std::size_t found) const;
    Result<ByteView> number(std::string_view field, std::size_t width);

    ByteView rest_;
    std::string_view place_;
};

} // namespace ol::codec
