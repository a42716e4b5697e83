// BlobStore: content-addressed files. A blob's name is keccak256 of its bytes; what is read is
// hashed again, so a changed byte is found at once.
#pragma once

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "base/result.hpp"

namespace ol::store {

class BlobStore {
public:
    // Creates root/xx/ folders as needed.
    static Result<BlobStore> open(const Path& root);

    // Durable when it returns; storing the same bytes again is free. io when the disk is full, and
    // then nothing half-written remains under the blob's name.
    Result<Hash32> put(ByteView bytes) const;
    Result<Hash32> put(std::string_view text) const { return put(as_bytes(text)); }
    // not_found, or corrupted (with the file's name) when the bytes do not hash to `hash`.
    Result<Bytes> get(const Hash32& hash) const;
    bool contains(const Hash32& hash) const;
    // Where the blob lies, for memory maps; the caller checks what it maps.
    Path path_of(const Hash32& hash) const;

private:
    explicit BlobStore(Path root)
        : root_(std::move(root)) {}
    Path root_;
};

} // namespace ol::store
