#include "base/file.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ol {

namespace {

ErrorCode code_of(int system_error) {
    switch (system_error) {
    case ENOENT:
    case ENOTDIR:
        return ErrorCode::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
        return ErrorCode::permission_denied;
    default:
        return ErrorCode::io;
    }
}

std::unexpected<Error> system_failure(const char* what, const Path& path) {
    const int system_error = errno;
    const char* remedy = system_error == ENOSPC ? " (free some space and run it again)" : "";
    return fail(code_of(system_error), "cannot {} {}: {}{}", what, path.string(),
                std::strerror(system_error), remedy);
}

class Descriptor {
public:
    explicit Descriptor(int fd)
        : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_;
};

template <class Buffer>
Result<Buffer> read_whole(const Path& path, std::uint64_t limit_bytes) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return system_failure("open", path);
    struct stat info{};
    if (::fstat(file.get(), &info) != 0) return system_failure("stat", path);
    if (S_ISDIR(info.st_mode)) {
        return fail(ErrorCode::invalid_argument, "{} is a folder, not a file", path.string());
    }
    Buffer out;
    std::size_t used = 0;
    out.resize(std::min<std::uint64_t>(static_cast<std::uint64_t>(info.st_size), limit_bytes) + 1);
    for (;;) {
        if (used == out.size()) out.resize(out.size() * 2);
        const ssize_t got = ::read(file.get(), out.data() + used, out.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_failure("read", path);
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
        if (used > limit_bytes) {
            return fail(ErrorCode::too_large, "{} is larger than the limit of {} bytes",
                        path.string(), limit_bytes);
        }
    }
    out.resize(used);
    return out;
}

Status write_with_mode(const Path& path, ByteView bytes, unsigned mode) {
    auto file = OL_TRY(AtomicFile::create(path, mode));
    OL_TRY(file.write(bytes));
    return file.commit();
}

} // namespace

Result<Bytes> read_file(const Path& path, std::uint64_t limit_bytes) {
    return read_whole<Bytes>(path, limit_bytes);
}

Result<std::string> read_text_file(const Path& path, std::uint64_t limit_bytes) {
    return read_whole<std::string>(path, limit_bytes);
}

Result<AtomicFile> AtomicFile::create(const Path& path, unsigned mode) {
    static std::atomic<unsigned> counter{0};
    if (path.has_parent_path()) OL_TRY(make_directories(path.parent_path()));
    AtomicFile out;
    out.path_ = path;
    Path temporary = path;
    temporary += fmt::format(".tmp-{}-{}", ::getpid(), counter.fetch_add(1));
    out.descriptor_ = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (out.descriptor_ < 0) return system_failure("create", temporary);
    out.temporary_ = temporary;
    return out;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1))
    , path_(std::move(other.path_))
    , temporary_(std::exchange(other.temporary_, Path()))
    , size_(other.size_) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(path_, other.path_);
    std::swap(temporary_, other.temporary_);
    std::swap(size_, other.size_);
    return *this;
}

AtomicFile::~AtomicFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Status AtomicFile::write(ByteView bytes) {
    OL_TRY(write_at(size_, bytes));
    return {};
}

Status AtomicFile::write_at(std::uint64_t offset, ByteView bytes) {
    size_ = std::max<std::uint64_t>(size_, offset + bytes.size());
    while (!bytes.empty()) {
        const ssize_t put =
            ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_failure("write", temporary_);
        bytes = bytes.subspan(static_cast<std::size_t>(put));
        offset += static_cast<std::uint64_t>(put);
    }
    return {};
}

Status AtomicFile::commit() {
    if (::fsync(descriptor_) != 0 || ::close(std::exchange(descriptor_, -1)) != 0) {
        return system_failure("sync", temporary_);
    }
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
        return system_failure("rename to", path_);
    }
    temporary_.clear();
    const Path folder = path_.has_parent_path() ? path_.parent_path() : Path(".");
    const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() >= 0) ::fsync(directory.get());
    return {};
}

Status write_file_atomic(const Path& path, ByteView bytes) {
    return write_with_mode(path, bytes, 0644);
}

Status write_file_atomic(const Path& path, std::string_view text) {
    return write_with_mode(path, as_bytes(text), 0644);
}

Status write_secret_file(const Path& path, std::string_view text) {
    return write_with_mode(path, as_bytes(text), 0600);
}

Status make_directories(const Path& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) {
        errno = error.value();
        return system_failure("create folder", path);
    }
    return {};
}

Result<std::vector<Path>> list_files(const Path& root) {
    namespace fs = std::filesystem;
    std::error_code error;
    const auto status = fs::status(root, error);
    if (error) {
        errno = error.value();
        return system_failure("open", root);
    }
    std::vector<Path> out;
    if (fs::is_regular_file(status)) {
        out.push_back(root);
        return out;
    }
    if (!fs::is_directory(status)) {
        return fail(ErrorCode::invalid_argument, "{} is neither a file nor a folder",
                    root.string());
    }
    fs::recursive_directory_iterator it(root, error), end;
    if (error) {
        errno = error.value();
        return system_failure("read folder", root);
    }
    while (it != end) {
        std::error_code ignored;
        if (it->is_regular_file(ignored)) out.push_back(it->path());
        const Path place = it->path();
        it.increment(error);
        if (error) {
            errno = error.value();
            return system_failure("read folder", place);
        }
    }
    std::sort(out.begin(), out.end());
    return out;
}

Result<MappedFile> MappedFile::open(const Path& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return system_failure("open", path);
    struct stat info{};
    if (::fstat(file.get(), &info) != 0) return system_failure("stat", path);
    if (!S_ISREG(info.st_mode)) {
        return fail(ErrorCode::invalid_argument, "{} is not a file", path.string());
    }
    MappedFile out;
    if (info.st_size == 0) return out;
    out.size_ = static_cast<std::size_t>(info.st_size);
    void* data = ::mmap(nullptr, out.size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (data == MAP_FAILED) return system_failure("map", path);
    out.data_ = static_cast<const std::uint8_t*>(data);
    return out;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr))
    , size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<std::uint8_t*>(data_), size_);
}

} // namespace ol
