#include "codec/rlp.hpp"

#include <bit>

#include "base/check.hpp"

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

// Where an item's payload begins and how long it is.
struct Head {
    bool is_list = false;
    std::size_t skip = 0, length = 0;
};

// Reads the head of the first item of `bytes`; the payload lies within them. Otherwise why not.
std::expected<Head, std::string_view> read_head(ByteView bytes) {
    if (bytes.empty()) return std::unexpected("the bytes end before an item");
    const std::uint8_t prefix = bytes[0];
    if (prefix < string_base) return Head{false, 0, 1};
    Head head{prefix >= list_base, 1, 0};
    head.length = prefix - (head.is_list ? list_base : string_base);
    if (head.length > short_length) {
        const std::size_t size = head.length - short_length;
        if (bytes.size() - 1 < size) return std::unexpected("the bytes end within a length");
        if (bytes[1] == 0) return std::unexpected("a length has a leading zero");
        head.length = 0;
        for (std::size_t i = 0; i < size; ++i) head.length = head.length << 8 | bytes[1 + i];
        if (head.length <= short_length) {
            return std::unexpected("a length up to 55 belongs in the prefix");
        }
        head.skip += size;
    }
    if (bytes.size() - head.skip < head.length) {
        return std::unexpected("the length is more than the bytes that follow");
    }
    if (!head.is_list && head.length == 1 && bytes[head.skip] < string_base) {
        return std::unexpected("a single byte below 0x80 takes no prefix");
    }
    return head;
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
        const auto head = read_head(bytes_.subspan(at_, limit - at_));
        if (!head) return bad(head.error());
        if (head->is_list && depth == max_depth) return bad("nested deeper than 64 lists");
        at_ += head->skip;
        const std::size_t end = at_ + head->length;
        if (!head->is_list) {
            const ByteView payload = bytes_.subspan(at_, head->length);
            at_ = end;
            return Rlp(payload);
        }
        Rlp::List items;
        while (at_ < end) items.push_back(OL_TRY(read_item(end, depth + 1)));
        return Rlp(std::move(items));
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

RlpWriter& RlpWriter::bytes(ByteView value) {
    if (value.size() != 1 || value[0] >= string_base) put_prefix(out_, string_base, value.size());
    append(out_, value);
    return *this;
}

RlpWriter& RlpWriter::number(std::uint64_t value) {
    std::uint8_t digits[8];
    put_be64(digits, value);
    const auto size = static_cast<std::size_t>(std::bit_width(value) + 7) / 8;
    return bytes(ByteView(digits).last(size));
}

RlpWriter& RlpWriter::number(const U256& value) {
    if (value.fits_u64()) return number(value.low_u64());
    const Hash32 digits = value.to_be();
    const auto size = static_cast<std::size_t>(value.bit_length() + 7) / 8;
    return bytes(digits.view().last(size));
}

RlpWriter& RlpWriter::raw(ByteView encoded) {
    append(out_, encoded);
    return *this;
}

void RlpWriter::begin_list() { open_.push_back(out_.size()); }

void RlpWriter::end_list() {
    OL_CHECK(!open_.empty());
    const std::size_t start = open_.back();
    open_.pop_back();
    const std::size_t length = out_.size() - start;
    const std::size_t size = length > short_length ? length_of_length(length) : 0;
    std::uint8_t prefix[9];
    prefix[0] = static_cast<std::uint8_t>(list_base + (size == 0 ? length : short_length + size));
    for (std::size_t i = 0; i < size; ++i) {
        prefix[1 + i] = static_cast<std::uint8_t>(length >> 8 * (size - 1 - i));
    }
    out_.insert(out_.begin() + static_cast<std::ptrdiff_t>(start), prefix, prefix + 1 + size);
}

Bytes RlpWriter::take() {
    OL_CHECK(open_.empty());
    return std::move(out_);
}

std::unexpected<Error> RlpReader::bad(std::string_view field, std::string_view why) const {
    return fail(ErrorCode::invalid_argument, "{}: {}: {}", place_, field, why);
}

std::unexpected<Error> RlpReader::wrong_size(std::string_view field, std::size_t wanted,
                                             std::size_t found) const {
    return fail(ErrorCode::invalid_argument, "{}: {}: expected {} bytes, got {}", place_, field,
                wanted, found);
}

Result<RlpReader> RlpReader::of_list(ByteView bytes, std::string_view place) {
    RlpReader outer(bytes, place);
    RlpReader items = OL_TRY(outer.list(place));
    OL_TRY(outer.end());
    return items;
}

Result<ByteView> RlpReader::bytes(std::string_view field) {
    const auto head = read_head(rest_);
    if (!head) return bad(field, rest_.empty() ? "is missing" : head.error());
    if (head->is_list) return bad(field, "is a list, must be a string");
    const ByteView out = rest_.subspan(head->skip, head->length);
    rest_ = rest_.subspan(head->skip + head->length);
    return out;
}

Result<ByteView> RlpReader::number(std::string_view field, std::size_t width) {
    const ByteView digits = OL_TRY(bytes(field));
    if (digits.size() > width) {
        return fail(ErrorCode::invalid_argument, "{}: {}: a number of {} bytes, at most {}", place_,
                    field, digits.size(), width);
    }
    if (!digits.empty() && digits[0] == 0) return bad(field, "a number has a leading zero");
    return digits;
}

Result<std::uint64_t> RlpReader::u64(std::string_view field) {
    const ByteView digits = OL_TRY(number(field, 8));
    std::uint64_t out = 0;
    for (const auto digit : digits) out = out << 8 | digit;
    return out;
}

Result<U256> RlpReader::u256(std::string_view field) {
    return U256::from_be(OL_TRY(number(field, 32)));
}

Result<bool> RlpReader::boolean(std::string_view field) {
    const std::uint64_t value = OL_TRY(u64(field));
    if (value > 1) return bad(field, "must be 0 or 1");
    return value == 1;
}

Result<RlpReader> RlpReader::list(std::string_view field) {
    const auto head = read_head(rest_);
    if (!head) return bad(field, rest_.empty() ? "is missing" : head.error());
    if (!head->is_list) return bad(field, "is a string, must be a list");
    RlpReader out(rest_.subspan(head->skip, head->length), field);
    rest_ = rest_.subspan(head->skip + head->length);
    return out;
}

Result<ByteView> RlpReader::raw(std::string_view field) {
    const auto head = read_head(rest_);
    if (!head) return bad(field, rest_.empty() ? "is missing" : head.error());
    const ByteView out = rest_.first(head->skip + head->length);
    rest_ = rest_.subspan(out.size());
    return out;
}

Status RlpReader::end() const {
    if (at_end()) return {};
    return fail(ErrorCode::invalid_argument, "{}: {} bytes are left over", place_, rest_.size());
}

} // namespace ol::codec
