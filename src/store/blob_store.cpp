#include "store/blob_store.hpp"

#include "base/limits.hpp"
#include "crypto/hash.hpp"

namespace ol::store {

namespace fs = std::filesystem;

Result<BlobStore> BlobStore::open(const Path& root) {
    if (root.empty()) return fail(ErrorCode::invalid_argument, "a blob store needs a folder");
    OL_TRY(make_directories(root));
    return BlobStore(root);
}

Path BlobStore::path_of(const Hash32& hash) const {
    const std::string name = to_hex(hash.view());
    return root_ / name.substr(0, 2) / name;
}

Result<Hash32> BlobStore::put(ByteView bytes) const {
    const Hash32 hash = crypto::keccak256(bytes);
    const Path path = path_of(hash);
    std::error_code error;
    // A file of another size under this name was damaged after it was written: write it anew.
    if (fs::is_regular_file(path, error) && fs::file_size(path, error) == bytes.size() && !error) {
        return hash;
    }
    OL_TRY_IN(write_file_atomic(path, bytes), "blob {}", to_hex0x(hash.view()));
    return hash;
}

Result<Bytes> BlobStore::get(const Hash32& hash) const {
    const Path path = path_of(hash);
    auto bytes = read_file(path, limits::model_file_bytes);
    if (!bytes && bytes.error().code == ErrorCode::not_found) {
        return fail(ErrorCode::not_found, "blob {} is not in {}", to_hex0x(hash.view()),
                    root_.string());
    }
    if (!bytes) return std::unexpected(bytes.error().within("blob " + to_hex0x(hash.view())));
    if (const Hash32 found = crypto::keccak256(ByteView(*bytes)); found != hash) {
        return fail(ErrorCode::corrupted,
                    "{}: its {} bytes hash to {}; restore the file from a copy, or delete it and "
                    "store its contents again",
                    path.string(), bytes->size(), to_hex0x(found.view()));
    }
    return std::move(*bytes);
}

bool BlobStore::contains(const Hash32& hash) const {
    std::error_code error;
    return fs::is_regular_file(path_of(hash), error);
}

} // namespace ol::store
