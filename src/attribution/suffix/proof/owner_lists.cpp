#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "attribution/suffix/checksum.hpp"
#include "attribution/suffix/proof/arrays.hpp"
#include "attribution/suffix/proof/commitment.hpp"
#include "base/check.hpp"
#include "base/huge_array.hpp"
#include "base/prefetch.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
static_assert(std::endian::native == std::endian::little, "the file is little endian");

constexpr std::string_view magic = "OLOWN001";
constexpr std::size_t header_bytes = 32; // magic, symbols, owners, entries of lists, 0, checksum
constexpr std::uint64_t checksum_seed = 1;
constexpr u32 prefetch_distance = 24;

template <class T>
void append_array(Bytes& out, const std::vector<T>& items) {
    append(out, {reinterpret_cast<const std::uint8_t*>(items.data()), items.size() * sizeof(T)});
}

template <class T>
void take_array(ByteView& bytes, std::vector<T>& items, std::size_t count) {
    items.resize(count);
    if (count != 0) std::memcpy(items.data(), bytes.data(), count * sizeof(T));
    bytes = bytes.subspan(count * sizeof(T));
}

u32 read_u32(const std::uint8_t* in) {
    u32 value = 0;
    std::memcpy(&value, in, 4);
    return value;
}

std::uint64_t read_u64(const std::uint8_t* in) {
    std::uint64_t value = 0;
    std::memcpy(&value, in, 8);
    return value;
}

// Each record's owner as a place in lists.owners, which is filled with the distinct ones.
std::vector<u32> owners_of_records(const SegmentArrays& arrays, OwnerLists& lists) {
    std::vector<Address> of_record(arrays.records);
    for (u32 r = 0; r < arrays.records; ++r) of_record[r] = arrays.table(r).owner;
    for (u32 r = 0; r < arrays.records; ++r) {
        if (r == 0 || of_record[r] != of_record[r - 1]) lists.owners.push_back(of_record[r]);
    }
    std::sort(lists.owners.begin(), lists.owners.end());
    lists.owners.erase(std::unique(lists.owners.begin(), lists.owners.end()), lists.owners.end());
    std::vector<u32> places(arrays.records);
    for (u32 r = 0; r < arrays.records; ++r) {
        const bool same = r > 0 && of_record[r] == of_record[r - 1];
        const auto found = std::lower_bound(lists.owners.begin(), lists.owners.end(), of_record[r]);
        places[r] = same ? places[r - 1] : static_cast<u32>(found - lists.owners.begin());
    }
    return places;
}

// On huge pages: touched in many places at once.
template <class T>
std::vector<T> make_room(std::size_t count) {
    std::vector<T> out;
    out.reserve(count);
    advise_huge(out.data(), count * sizeof(T));
    out.resize(count);
    return out;
}

// The owner of each position. `Owner` is as narrow as the owners' number allows, and a block that
// is all of one owner says so in a table of its own: what is read in no order then stays near.
template <class Owner>
class OwnerOfPosition {
public:
    OwnerOfPosition(const SegmentArrays& arrays, const std::vector<u32>& owner_of)
        : count_(arrays.count())
        , blocks_((std::size_t{count_} + block - 1) / block)
        , owners_(blocks_ + count_) {
        Owner* const fine = &owners_[blocks_];
        for (u32 r = 0; r < arrays.records; ++r) {
            const u32 from = std::min(arrays.table(r).offset, count_);
            const u32 to =
                r + 1 < arrays.records ? std::min(arrays.table(r + 1).offset, count_) : count_;
            if (from < to) std::fill(fine + from, fine + to, static_cast<Owner>(owner_of[r]));
        }
        // Nothing is taken for granted of others' arrays: each position counts as it stands.
        for (std::size_t b = 0; b < blocks_; ++b) {
            const Owner* const first = fine + b * block;
            const Owner* const end = fine + std::min<std::size_t>(count_, (b + 1) * block);
            const bool same = std::all_of(first, end, [&](Owner x) { return x == *first; });
            owners_[b] = same ? *first : mixed;
        }
    }

    static constexpr Owner mixed = std::numeric_limits<Owner>::max(); // is nobody's number

    Owner operator[](u32 position) const { return owners_[place(position)]; }
    void fetch(u32 position) const { prefetch(&owners_[place(position)]); }
    std::span<const Owner> all() const { return {&owners_[blocks_], count_}; }

private:
    static constexpr std::size_t block = 64;
    // Without a branch: which of the two it is cannot be foretold.
    std::size_t place(u32 position) const {
        const std::size_t of_block = position / block;
        const std::size_t of_position = blocks_ + position;
        const std::size_t chosen = owners_[of_block] == mixed ? ~std::size_t{0} : 0;
        return of_block ^ ((of_block ^ of_position) & chosen);
    }

    u32 count_;
    std::size_t blocks_;
    HugeArray<Owner> owners_; // of the blocks, then of the positions
};

// Fills starts, ranks and slots in one pass over SA.
template <class Owner>
void fill_lists(const SegmentArrays& arrays, const std::vector<u32>& owner_of, OwnerLists& out) {
    const u32 count = arrays.count();
    const OwnerOfPosition<Owner> at(arrays, owner_of);
    out.starts.assign(out.owners.size() + 1, 0);
    for (const Owner owner : at.all()) ++out.starts[std::size_t{owner} + 1];
    for (std::size_t x = 0; x < out.owners.size(); ++x) out.starts[x + 1] += out.starts[x];
    std::vector<u32> next(out.starts.begin(), out.starts.end() - 1);
    out.ranks = make_room<u32>(count);
    out.slots = make_room<u32>(count);
    const u32* const starts = out.starts.data();
    u32* const ranks = out.ranks.data();
    u32* const slots = out.slots.data();
    for (u32 rank = 0; rank < count; ++rank) {
        if (rank + prefetch_distance < count) {
            const u32 later = arrays.suffixes[rank + prefetch_distance];
            if (later < count) at.fetch(later);
        }
        const u32 position = arrays.suffixes[rank];
        if (position >= count) continue;
        const Owner owner = at[position];
        const u32 place = next[owner];
        if (place == starts[std::size_t{owner} + 1]) continue; // a position comes twice
        next[owner] = place + 1;
        ranks[place] = rank;
        slots[rank] = place - starts[owner];
    }
}

} // namespace

OwnerLists OwnerLists::make(const Segment& segment) { return make(SegmentArrays::of(segment)); }

OwnerLists OwnerLists::make(const SegmentArrays& arrays) {
    OwnerLists out;
    const std::vector<u32> owner_of = owners_of_records(arrays, out);
    if (arrays.records == 0) { // without records there is no text
        out.slots.assign(arrays.count(), 0);
        out.starts.assign(1, 0);
    } else if (out.owners.size() <= OwnerOfPosition<std::uint8_t>::mixed) {
        fill_lists<std::uint8_t>(arrays, owner_of, out);
    } else {
        fill_lists<u32>(arrays, owner_of, out);
    }
    return out;
}

bool OwnerLists::fits(std::uint64_t symbols) const {
    return slots.size() == symbols && starts.size() == owners.size() + 1 && starts[0] == 0 &&
           starts.back() == ranks.size() && std::is_sorted(starts.begin(), starts.end());
}

Bytes OwnerLists::serialize() const {
    OL_CHECK(fits(slots.size()));
    Bytes out;
    out.reserve(header_bytes + owners.size() * 24 + 4 + (ranks.size() + slots.size()) * 4 + 8);
    append(out, as_bytes(magic));
    append_array(out,
                 std::vector<u32>{static_cast<u32>(slots.size()), static_cast<u32>(owners.size()),
                                  static_cast<u32>(ranks.size()), 0, 0, 0});
    append_array(out, owners);
    append_array(out, starts);
    append_array(out, ranks);
    append_array(out, slots);
    const std::uint64_t sum = checksum64(out, checksum_seed);
    append(out, {reinterpret_cast<const std::uint8_t*>(&sum), sizeof sum});
    return out;
}

Result<OwnerLists> OwnerLists::parse(ByteView bytes, std::string_view name) {
    const auto damaged = [&](std::string_view what) {
        return fail(ErrorCode::corrupted, "owners' lists {}: {}; make them again from the segment",
                    name, what);
    };
    if (bytes.size() < header_bytes + 8 || as_text(bytes.first(magic.size())) != magic) {
        return damaged("not such a file, or of another version");
    }
    const std::uint64_t symbols = read_u32(bytes.data() + 8);
    const std::uint64_t owner_count = read_u32(bytes.data() + 12);
    const std::uint64_t entries = read_u32(bytes.data() + 16);
    const std::uint64_t wanted =
        header_bytes + owner_count * 20 + (owner_count + 1 + entries + symbols) * 4 + 8;
    if (bytes.size() != wanted) return damaged("truncated or too long");
    if (checksum64(bytes.first(bytes.size() - 8), checksum_seed) !=
        read_u64(bytes.data() + bytes.size() - 8)) {
        return damaged("the checksum differs");
    }
    OwnerLists out;
    ByteView rest = bytes.subspan(header_bytes);
    take_array(rest, out.owners, owner_count);
    take_array(rest, out.starts, owner_count + 1);
    take_array(rest, out.ranks, entries);
    take_array(rest, out.slots, symbols);
    for (std::size_t i = 20; i < header_bytes; ++i) {
        if (bytes[i] != 0) return damaged("the header's padding is not zero");
    }
    if (!out.fits(symbols)) return damaged("the lists do not follow each other");
    return out;
}

Status OwnerLists::write(const Path& path) const { return write_file_atomic(path, serialize()); }

Result<OwnerLists> OwnerLists::read(const Path& path) {
    const auto file = OL_TRY_IN(MappedFile::open(path), "owners' lists {}", path.string());
    return parse(file.bytes(), path.string());
}

} // namespace ol::attribution::suffix
