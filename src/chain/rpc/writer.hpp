// Writer: JSON printed straight into a string, for answers that are asked for often. Numbers are
// quantities ("0x1f"), bytes are data ("0x00ff"), as the Ethereum JSON-RPC has them; number()
// prints plain ones.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/u256.hpp"
#include "codec/json.hpp"

namespace ol::chain::rpc {

class Writer {
public:
    const std::string& text() const { return out_; }
    std::string take() { return std::move(out_); }
    std::size_t size() const { return out_.size(); }
    void truncate(std::size_t size) { out_.resize(size); } // back to an earlier size()
    void reserve(std::size_t size) { out_.reserve(size); }

    // Commas come by themselves: before a value or key that follows another.
    void begin_object() { open('{'); }
    void end_object() { out_ += '}'; }
    void begin_array() { open('['); }
    void end_array() { out_ += ']'; }
    void key(std::string_view name); // plain ASCII without quotes

    void value(std::nullptr_t);
    template <std::same_as<bool> T>
    void value(T flag) {
        separate();
        out_ += flag ? "true" : "false";
    }
    template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>) void value(T quantity) { print_quantity(quantity); }
    void value(const U256& quantity);
    void value(ByteView data);
    void value(const Bytes& data) { value(ByteView(data)); }
    template <std::size_t N>
    void value(const FixedBytes<N>& data) {
        value(data.view());
    }
    void value(std::string_view text); // escaped where needed
    void value(const std::string& text) { value(std::string_view(text)); }
    void value(const char* text) { value(std::string_view(text)); }
    void value(const codec::Json& json);
    template <class T>
    void value(const std::optional<T>& held) {
        if (held) {
            value(*held);
        } else {
            value(nullptr);
        }
    }
    template <class T>
    void value(const std::vector<T>& items) requires(!std::same_as<T, std::uint8_t>) {
        begin_array();
        for (const auto& item : items) value(item);
        end_array();
    }
    void number(std::uint64_t plain);
    void decimal(double plain); // the shortest text that reads back equal
    void raw(std::string_view json);
    // 64 digits, leading zeros too.
    void word(const U256& word) { value(word.to_be()); }
    // The same without 0x.
    void bare_hex(ByteView bytes);

    template <class T>
    void member(std::string_view name, const T& held) {
        key(name);
        value(held);
    }
    // Left out where there is none.
    template <class T>
    void member_if(std::string_view name, const std::optional<T>& held) {
        if (held) member(name, *held);
    }

private:
    void separate();
    void append_hex(ByteView bytes);
    void open(char bracket);
    void print_quantity(std::uint64_t quantity);

    std::string out_;
};

} // namespace ol::chain::rpc
