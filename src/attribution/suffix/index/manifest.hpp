// The manifest of an index: which files are the index (docs/formats/index.md). It is replaced as a
// whole, so what it names is always complete.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attribution/suffix/segment.hpp"
#include "base/result.hpp"

namespace ol::attribution::suffix {

struct Manifest {
    struct Tombstones {
        std::string file; // in the folder
        std::uint32_t records = 0, ranks = 0;
        Hash32 hash; // keccak256 of the file
        bool operator==(const Tombstones&) const = default;
    };
    struct Entry {
        std::string file; // in the folder
        Form form = Form::hot;
        std::uint32_t first_record = 0, records = 0, symbols = 0, words = 0;
        std::uint64_t bytes = 0;
        Hash32 head; // keccak256 of its first 4,096 bytes (all when shorter): the header
        std::optional<Tombstones> tombstones;
        bool operator==(const Entry&) const = default;
    };

    std::uint64_t generation = 0; // changes so far
    std::uint64_t next_file = 1;  // number of the next file
    std::vector<Entry> segments;

    std::string encode() const;
    // corrupted, with `name`, unless the text is exactly what encode() gives for a valid manifest.
    static Result<Manifest> decode(std::string_view text, std::string_view name);
    // Whether a new file may have this name: what a writer may clean up.
    static bool is_file_name(std::string_view name);
    std::string take_segment_name();
    std::string take_tombstones_name();
    bool names(std::string_view file) const;
    bool operator==(const Manifest&) const = default;
};

} // namespace ol::attribution::suffix
