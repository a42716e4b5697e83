#include "codec/rlp.hpp"

#include <bit>

namespace ol::codec {
namespace {

constexpr int max_depth = 64;

// A string's prefix starts at 0x80, a list's at 0xc0; lengths up to 55 are in the prefix itself.
constexpr std::uint8_t string_base = 0x80;
constexpr std::uint8_t list_base = 0xc0;
constexpr std::size_t short_length = 55;

std::size_t length_of_length(std::size_t length) {
    return (static_cast<std::size_t>(std::bit_width(length)) + 7) / 8;
}

std::size_t with_prefix(std::size_t length) {
    return length + 1 + (length > short_length ? length_of_length(length) : 0);
}

bool is_own_encoding(const Bytes& bytes) { return bytes.size() == 1 && bytes[0] < string_base; }

// Sizes of the payloads of all lists, in the order in which the encoder meets them: each node is
// measured once, so that encoding stays linear at any depth.
std::size_t measure(const Rlp& item, std::vector<std::size_t>& payloads) {
    if (const auto* bytes = std::get_if<Bytes>(&item.value)) {
        return is_own_encoding(*bytes) ? 1 : with_prefix(bytes->size());
    }
    const std::size_t slot = payloads.size();
    payloads.push_back(0);
    std::size_t payload = 0;
    for (const auto& child : std::get<Rlp::List>(item.value)) payload += measure(child, payloads);
    payloads[slot] = payload;
    return with_prefix(payload);
}

void put_prefix(Bytes& out, std::uint8_t base, std::size_t length) {
    if (length <= short_length) {
        out.push_back(static_cast<std::uint8_t>(base + length));
        return;
    }
    const std::size_t size = length_of_length(length);
    out.push_back(static_cast<std::uint8_t>(base + short_length + size));
    for (std::size_t i = size; i-- > 0;) out.push_back(static_cast<std::uint8_t>(length >> 8 * i));
}

void encode_into(Bytes& out, const Rlp& item, const std::size_t*& payload) {
    if (const auto* bytes = std::get_if<Bytes>(&item.value)) {
        if (!is_own_encoding(*bytes)) put_prefix(out, string_base, bytes->size());
        append(out, *bytes);
        return;
    }
    put_prefix(out, list_base, *payload++);
    for (const auto& child : std::get<Rlp::List>(item.value)) encode_into(out, child, payload);
}

class Decoder {
public:
    explicit Decoder(ByteView bytes)
        : bytes_(bytes) {}

    Result<Rlp> read_all() {
        Rlp out = OL_TRY(read_item(bytes_.size(), 0));
        if (at_ != bytes_.size()) return bad("bytes are left over");
        return out;
    }

private:
    std::unexpected<Error> bad(std::string_view why) const {
        return fail(ErrorCode::invalid_argument, "rlp: offset {} of {}: {}", at_, bytes_.size(),
                    why);
    }

    // One item that ends at or before `limit`; depth counts the lists around it.
    Result<Rlp> read_item(std::size_t limit, int depth) {
        if (at_ >= limit) return bad("the bytes end before an item");
        const std::uint8_t prefix = bytes_[at_];
        if (prefix < string_base) {
            ++at_;
            return Rlp(Bytes{prefix});
        }
        const bool is_list = prefix >= list_base;
        const std::size_t length =
            OL_TRY(read_length(limit, prefix - (is_list ? list_base : string_base)));
        if (!is_list) {
            const ByteView view = bytes_.subspan(at_, length);
            if (length == 1 && view[0] < string_base) {
                return bad("a single byte below 0x80 takes no prefix");
            }
            at_ += length;
            return Rlp(view);
        }
        if (depth == max_depth) return bad("nested deeper than 64 lists");
        const std::size_t end = at_ + length;
        Rlp::List items;
        while (at_ < end) items.push_back(OL_TRY(read_item(end, depth + 1)));
        return Rlp(std::move(items));
    }

    // Reads the prefix and moves behind it; the payload lies within `limit`.
    Result<std::size_t> read_length(std::size_t limit, std::size_t code) {
        std::size_t length = code;
        std::size_t skip = 1;
        if (code > short_length) {
            const std::size_t size = code - short_length;
            if (limit - at_ - 1 < size) return bad("the bytes end within a length");
            if (bytes_[at_ + 1] == 0) return bad("a length has a leading zero");
            length = 0;
            for (std::size_t i = 0; i < size; ++i) length = length << 8 | bytes_[at_ + 1 + i];
            if (length <= short_length) return bad("a length up to 55 belongs in the prefix");
            skip += size;
        }
        if (limit - at_ - skip < length) {
            return bad("the length is more than the bytes that follow");
        }
        at_ += skip;
        return length;
    }

    ByteView bytes_;
    std::size_t at_ = 0;
};

} // namespace

Rlp Rlp::number(const U256& number) {
    const Hash32 bytes = number.to_be();
    const auto size = static_cast<std::size_t>(number.bit_length() + 7) / 8;
    return Rlp(bytes.view().last(size));
}

bool Rlp::operator==(const Rlp& other) const { return value == other.value; }

Bytes rlp_encode(const Rlp& item) {
    std::vector<std::size_t> payloads;
    Bytes out;
    out.reserve(measure(item, payloads));
    const std::size_t* next = payloads.data();
    encode_into(out, item, next);
    return out;
}

Result<Rlp> rlp_decode(ByteView bytes) { return Decoder(bytes).read_all(); }

} // namespace ol::codec
