// The file that holds a segment (docs/formats/segment.md): a header, a table of sections, the
// sections, each at a multiple of 64 bytes with its checksum. Written front to back beside its
// place and renamed over it; mapped read-only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "base/result.hpp"
#include "base/thread_pool.hpp"

namespace ol::attribution::suffix {

enum class SectionId : std::uint32_t {
    // both forms
    starts = 1,  // u32 position x records + 1
    records = 2, // RecordRow x records
    labels = 3,  // u32 offset x records + 1, then the bytes of all labels
    first = 4,   // u32 rank in SA x words + 1
    places = 5,  // tier/places.hpp
    // hot
    text = 16,         // u32 rank x symbols
    suffix_array = 17, // u32 position x symbols
    inverse = 18,      // u32 rank in SA x symbols
    keys = 19,         // tier/hot_tier.hpp
    words = 20,        // 32 bytes x words
    word_slots = 21,   // tier/plain_dictionary.hpp
    // cold (tier/cold_tier.hpp)
    psi_blocks = 32,
    psi_bits = 33,
    samples = 35,
    inverse_samples = 36,
    front_coded_words = 37,
};
std::string_view to_string(SectionId id);

// What the header says besides the sections.
struct Counts {
    std::uint32_t symbols = 0, records = 0, words = 0;
    std::uint32_t form = 0;         // Form
    std::uint32_t first_record = 0; // number of record 0 in the whole index
    bool operator==(const Counts&) const = default;
};

class ContainerWriter {
public:
    // Opens the temporary file beside `path`.
    static Result<ContainerWriter> create(const Path& path);
    // Into memory, for tests and small things: take() ends it.
    ContainerWriter();
    ContainerWriter(ContainerWriter&&) noexcept;
    ContainerWriter& operator=(ContainerWriter&&) noexcept;
    ~ContainerWriter(); // removes the temporary file unless finished

    // Sections in ascending order of id, each once. Errors of the disk are returned by finish().
    // `used` is told each range of the bytes that will not be read again, in order.
    using Used = std::function<void(std::uint64_t begin, std::uint64_t end)>;
    void add(SectionId id, ByteView bytes, ThreadPool* pool = nullptr, const Used& used = {});
    template <class T>
    void add_array(SectionId id, std::span<const T> items, ThreadPool* pool = nullptr) {
        add(id, {reinterpret_cast<const std::uint8_t*>(items.data()), items.size_bytes()}, pool);
    }
    // Writes the header, syncs and renames.
    Status finish(const Counts& counts);
    Bytes take(const Counts& counts);

private:
    struct Impl;
    explicit ContainerWriter(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

class Container {
public:
    enum class Check {
        full,   // header, table, padding and the checksum of every section
        header, // header and table: instant; for files that were checked before
    };
    // corrupted, with the name, when truncated, altered or of another version.
    static Result<Container> open(const Path& path, Check check, ThreadPool* pool = nullptr);
    static Result<Container> parse(Bytes bytes, std::string_view name);

    const Counts& counts() const { return counts_; }
    const std::string& name() const { return name_; }
    std::uint64_t size() const { return bytes_.size(); }
    std::vector<SectionId> sections() const; // ascending
    bool has(SectionId id) const;
    // Empty when it is not there.
    ByteView section(SectionId id) const;
    // A section as an array of exactly `count` elements; corrupted when it is of another size.
    template <class T>
    Result<std::span<const T>> array(SectionId id, std::uint64_t count) const {
        const ByteView bytes = section(id);
        if (bytes.size() != count * sizeof(T)) return wrong_size(id, count * sizeof(T));
        return std::span<const T>(reinterpret_cast<const T*>(bytes.data()), count);
    }

private:
    struct Entry {
        SectionId id;
        std::uint64_t offset = 0, size = 0;
    };
    Status read(Check check, ThreadPool* pool);
    std::unexpected<Error> wrong_size(SectionId id, std::uint64_t wanted) const;

    MappedFile file_;
    Bytes memory_;
    ByteView bytes_;
    std::string name_;
    Counts counts_;
    std::vector<Entry> entries_;
};

} // namespace ol::attribution::suffix
