#include "attribution/suffix/tier/places.hpp"

#include <algorithm>
#include <cstring>

#include "base/check.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;

constexpr u32 block = 128; // symbols
constexpr u32 block_code_bytes = block / 4;
constexpr u32 header_bytes = 16;
constexpr u32 exception_unit = 2; // exceptions of a block start at a multiple
constexpr std::uint8_t exception = 3;

void put_varint(Bytes& out, u32 value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
}

// Zero beyond the end; bits beyond 32 are lost.
u32 take_varint(ByteView bytes, std::size_t& at) {
    u32 value = 0;
    for (u32 shift = 0; shift < 35 && at < bytes.size(); shift += 7) {
        const std::uint8_t byte = bytes[at++];
        value |= static_cast<u32>(byte & 0x7f) << shift;
        if (byte < 0x80) break;
    }
    return value;
}

// Differences modulo 2^32, small ones of either sign to small numbers.
u32 zigzag(u32 difference) { return difference << 1 ^ (difference >> 31 != 0 ? ~u32{0} : 0); }
u32 unzigzag(u32 value) { return value >> 1 ^ (0 - (value & 1)); }

void append_array(Bytes& out, const std::vector<u32>& items) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(items.data());
    append(out, {bytes, items.size() * sizeof(u32)});
}

} // namespace

void PlaceEncoder::put(std::uint8_t code) {
    codes_[count_ / 4] |= static_cast<std::uint8_t>(code << count_ % 4 * 2);
    ++count_;
}

void PlaceEncoder::begin_symbol() {
    if (count_ % block != 0) return;
    codes_.resize(codes_.size() + block_code_bytes, 0);
    if (exceptions_.size() % exception_unit != 0) exceptions_.push_back(0);
    OL_CHECK(exceptions_.size() / exception_unit <= 0xffffffff);
    bases_.push_back(end_);
    exception_starts_.push_back(static_cast<u32>(exceptions_.size() / exception_unit));
}

void PlaceEncoder::add(Place place, u32 word_bytes) {
    begin_symbol();
    const u32 gap = place.offset - end_;
    end_ = place.offset + place.size;
    if (gap < exception && place.size == word_bytes) {
        put(static_cast<std::uint8_t>(gap));
        return;
    }
    put(exception);
    put_varint(exceptions_, gap);
    put_varint(exceptions_, zigzag(place.size - word_bytes));
}

void PlaceEncoder::end_record() {
    begin_symbol();
    put(0);
    end_ = 0;
}

Bytes PlaceEncoder::finish() {
    Bytes out;
    out.reserve(header_bytes + codes_.size() + 8 * bases_.size() + exceptions_.size());
    const std::vector<u32> counts{count_, 0};
    append_array(out, counts);
    const std::uint64_t exception_bytes = exceptions_.size();
    out.resize(header_bytes);
    std::memcpy(out.data() + 8, &exception_bytes, sizeof exception_bytes);
    append(out, codes_);
    append_array(out, bases_);
    append_array(out, exception_starts_);
    append(out, exceptions_);
    *this = PlaceEncoder();
    return out;
}

Result<PlaceView> PlaceView::open(ByteView section, u32 symbols) {
    const std::uint64_t blocks = (std::uint64_t{symbols} + block - 1) / block;
    const std::uint64_t fixed = header_bytes + blocks * (block_code_bytes + 8);
    u32 count = 0;
    std::uint64_t exception_bytes = 0;
    if (section.size() >= fixed) {
        std::memcpy(&count, section.data(), sizeof count);
        std::memcpy(&exception_bytes, section.data() + 8, sizeof exception_bytes);
    }
    if (section.size() < fixed || count != symbols || exception_bytes != section.size() - fixed) {
        return fail(ErrorCode::corrupted, "section of places: {} bytes do not fit {} symbols",
                    section.size(), symbols);
    }
    OL_CHECK(reinterpret_cast<std::uintptr_t>(section.data()) % alignof(u32) == 0);
    PlaceView out;
    out.symbols_ = symbols;
    out.codes_ = section.data() + header_bytes;
    const auto* const bases = reinterpret_cast<const u32*>(out.codes_ + blocks * block_code_bytes);
    out.bases_ = {bases, blocks};
    out.exception_starts_ = {bases + blocks, blocks};
    out.exceptions_ = section.subspan(fixed);
    return out;
}

u32 PlaceView::first_needed(u32 position, u32 record_start) const {
    return std::max(position / block * block, std::min(record_start, position));
}

Place PlaceView::at(u32 position, u32 record_start,
                    const std::function<u32(u32)>& word_bytes) const {
    OL_CHECK(position < symbols_);
    const u32 first = first_needed(position, record_start);
    const u32 block_start = position / block * block;
    std::size_t next = std::size_t{exception_starts_[position / block]} * exception_unit;
    for (u32 p = block_start; p < first; ++p) { // records that end within the block
        if (code(p) != exception) continue;
        take_varint(exceptions_, next);
        take_varint(exceptions_, next);
    }
    Place place;
    u32 end = first == record_start ? 0 : bases_[position / block];
    for (u32 p = first; p <= position; ++p) {
        u32 gap = code(p), size = word_bytes(p);
        if (gap == exception) {
            gap = take_varint(exceptions_, next);
            size += unzigzag(take_varint(exceptions_, next));
        }
        place = {end + gap, size};
        end = place.offset + place.size;
    }
    return place;
}

void PlaceView::read(u32 record_start, std::span<const u32> word_bytes,
                     std::span<Place> out) const {
    OL_CHECK(out.size() == word_bytes.size());
    OL_CHECK(std::uint64_t{record_start} + out.size() <= symbols_);
    std::size_t next = 0;
    u32 end = 0;
    for (u32 i = 0; i < out.size(); ++i) {
        const u32 p = record_start + i;
        if (i == 0 || p % block == 0) {
            next = std::size_t{exception_starts_[p / block]} * exception_unit;
            for (u32 before = p / block * block; before < p; ++before) { // of records before
                if (code(before) != exception) continue;
                take_varint(exceptions_, next);
                take_varint(exceptions_, next);
            }
        }
        u32 gap = code(p), size = word_bytes[i];
        if (gap == exception) {
            gap = take_varint(exceptions_, next);
            size += unzigzag(take_varint(exceptions_, next));
        }
        out[i] = {end + gap, size};
        end = out[i].offset + out[i].size;
    }
}

} // namespace ol::attribution::suffix
