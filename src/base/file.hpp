// Files: whole reads with a limit, writes that are either all there or not there at all, and
// read-only memory maps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ol {

using Path = std::filesystem::path;

// too_large when the file is longer than `limit_bytes`; not_found, permission_denied, io otherwise,
// always with the path and the system's reason.
Result<Bytes> read_file(const Path& path, std::uint64_t limit_bytes);
Result<std::string> read_text_file(const Path& path, std::uint64_t limit_bytes);

// Writes to a temporary sibling, fsyncs, renames over `path` and fsyncs the folder: after a crash
// there is the old file or the new one. Creates the parent folders.
Status write_file_atomic(const Path& path, ByteView bytes);
Status write_file_atomic(const Path& path, std::string_view text);
// The same with mode 0600, for keys.
Status write_secret_file(const Path& path, std::string_view text);

// The same for content that does not fit in memory: bytes go to a temporary sibling, which commit()
// syncs and renames over `path`. Without commit() it is removed and `path` stays as it was.
class AtomicFile {
public:
    // Creates the parent folders. `mode`: the file's permissions.
    static Result<AtomicFile> create(const Path& path, unsigned mode = 0644);
    AtomicFile(AtomicFile&& other) noexcept;
    AtomicFile& operator=(AtomicFile&& other) noexcept;
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;
    ~AtomicFile();

    Status write(ByteView bytes);                         // at the end
    Status write_at(std::uint64_t offset, ByteView bytes); // over what is there
    std::uint64_t size() const { return size_; }
    Status commit(); // once; nothing may be written after it

private:
    AtomicFile() = default;

    int descriptor_ = -1;
    Path path_, temporary_;
    std::uint64_t size_ = 0;
};

// Creates the folder and its parents.
Status make_directories(const Path& path);
// All regular files under `root` (or `root` itself if it is one), sorted by path. A folder that
// cannot be read is an error that names it.
Result<std::vector<Path>> list_files(const Path& root);

// A read-only map of a whole file; empty files map to an empty view.
class MappedFile {
public:
    static Result<MappedFile> open(const Path& path);
    MappedFile() = default;
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    ~MappedFile();

    ByteView bytes() const { return {data_, size_}; }

private:
    const std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace ol
