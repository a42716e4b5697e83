// Fields of a protobuf message, read without a schema.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace ol::model {

struct ProtoField {
    std::uint64_t number = 0;
    std::uint64_t value = 0; // varint, or the bits of a fixed one
    std::string_view bytes;  // of a length-delimited one

    float as_float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(value)); }
};

// Calls visit(field) for each field in order. corrupted: a field reaches past the end, or is of a
// group (which no schema has had for long).
template <class Visit>
Status each_field(std::string_view message, Visit&& visit) {
    std::size_t at = 0;
    const auto broken = [&] {
        return fail(ErrorCode::corrupted, "protobuf: a field is broken or cut off at byte {} of {}",
                    at, message.size());
    };
    const auto varint = [&](std::uint64_t& out) {
        out = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            if (at == message.size()) return false;
            const auto byte = static_cast<std::uint8_t>(message[at++]);
            out |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) return true;
        }
        return false;
    };
    while (at < message.size()) {
        std::uint64_t tag = 0;
        ProtoField field;
        if (!varint(tag)) return broken();
        field.number = tag >> 3;
        const auto wire = tag & 7;
        if (wire == 0) {
            if (!varint(field.value)) return broken();
        } else if (wire == 1 || wire == 5) {
            const std::size_t size = wire == 1 ? 8 : 4;
            if (message.size() - at < size) return broken();
            for (std::size_t i = size; i-- > 0;)
                field.value = field.value << 8 | static_cast<std::uint8_t>(message[at + i]);
            at += size;
        } else if (wire == 2) {
            std::uint64_t size = 0;
            if (!varint(size) || size > message.size() - at) return broken();
            field.bytes = message.substr(at, size);
            at += size;
        } else {
            return broken();
        }
        visit(field);
    }
    return {};
}

} // namespace ol::model
