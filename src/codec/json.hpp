// Json: a value, its parser and its printer. Objects keep the order in which members were added, so
// that the same value prints the same bytes. Integers stay integers (64 bit); larger numbers travel
// as decimal strings. The JSON library behind it is in json.cpp alone.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/u256.hpp"

namespace ol::codec {

class Json {
public:
    using Array = std::vector<Json>;
    using Member = std::pair<std::string, Json>;
    using Object = std::vector<Member>;

    Json() = default; // null
    Json(std::nullptr_t) {}
    // A bool only: a pointer would otherwise turn into true without a word.
    template <std::same_as<bool> T>
    Json(T value)
        : value_(value) {}
    template <class T>
        requires(std::is_integral_v<T> && !std::is_same_v<T, bool> && std::is_signed_v<T>)
    Json(T value)
        : value_(static_cast<std::int64_t>(value)) {}
    template <class T>
        requires(std::is_integral_v<T> && !std::is_same_v<T, bool> && std::is_unsigned_v<T>)
    Json(T value) {
        // One representation per number, so that equal numbers are equal values.
        if (static_cast<std::uint64_t>(value) >> 63 == 0) {
            value_ = static_cast<std::int64_t>(value);
        } else {
            value_ = static_cast<std::uint64_t>(value);
        }
    }
    Json(double value)
        : value_(value) {}
    Json(const char* text)
        : value_(std::string(text)) {}
    Json(std::string_view text)
        : value_(std::string(text)) {}
    Json(std::string text)
        : value_(std::move(text)) {}
    Json(Array array)
        : value_(std::move(array)) {}
    Json(const Hash32& value)
        : value_(to_hex0x(value.view())) {}
    Json(const Address& value)
        : value_(to_hex0x(value.view())) {}
    Json(const U256& wei)
        : value_(wei.to_decimal()) {} // a decimal string

    static Json array(Array items = {}) { return Json(std::move(items)); }
    static Json object(std::initializer_list<Member> members = {});
    // The members as they are; the caller has no key twice.
    static Json object_of(Object members) {
        Json out;
        out.value_ = std::move(members);
        return out;
    }

    // A text of 64 MiB can hold 32 million values; this many (40 bytes each) is the most accepted.
    static constexpr std::size_t max_values = 8U << 20;

    // invalid_argument with line and column; too deep, too long or too many values is too_large
    // (limits::json_depth, limits::json_bytes, max_values). UTF-8 only. Trailing text, comments and
    // numbers beyond the range of double are refused. Duplicate keys: the last wins, in the place
    // of the first.
    static Result<Json> parse(std::string_view text);
    // Compact, or indented by `indent` spaces. The same value prints the same bytes; doubles print
    // as the shortest text that reads back equal, always with a point or an exponent. Not-a-number
    // and infinities print as null; bytes that are not UTF-8 print as U+FFFD.
    std::string dump(int indent = 0) const;

    bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
    bool is_bool() const { return std::holds_alternative<bool>(value_); }
    bool is_number() const;
    bool is_string() const { return std::holds_alternative<std::string>(value_); }
    // The string itself, without a copy; empty when this is no string.
    std::string_view text() const {
        const auto* held = std::get_if<std::string>(&value_);
        return held != nullptr ? std::string_view(*held) : std::string_view();
    }
    bool is_array() const { return std::holds_alternative<Array>(value_); }
    bool is_object() const { return std::holds_alternative<Object>(value_); }

    // Typed reads; invalid_argument that says what was found instead.
    Result<bool> as_bool() const;
    Result<std::int64_t> as_int() const; // integers, or doubles with an integral value
    Result<std::uint64_t> as_uint() const;
    Result<double> as_double() const;
    Result<std::string> as_string() const;
    Result<U256> as_u256() const; // integer, decimal string or 0x string
    Result<Hash32> as_hash32() const;
    Result<Address> as_address() const;
    Result<Bytes> as_hex_bytes() const;

    // Empty when the value is not an array / object. The mutable form turns null into an array.
    const Array& items() const;
    Array& items();
    const Object& members() const;

    // Member by name; null when absent or when this is no object. Never throws.
    const Json& operator[](std::string_view key) const;
    bool contains(std::string_view key) const;
    // The member, or an error that names it: "member 'vocab_size' is missing".
    Result<const Json*> require(std::string_view key) const;
    // Adds or replaces; a null value becomes an object, any other kind is a programmer's error.
    // Returns this value, to be chained.
    Json& set(std::string_view key, Json value);
    Json& push(Json value); // a null value becomes an array

    bool operator==(const Json& other) const;

private:
    friend class JsonBuilder;
    friend class JsonPrinter;
    std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array,
                 Object>
        value_;
};

} // namespace ol::codec
