#include "attribution/suffix/index/folder_lock.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace ol::attribution::suffix {

Result<FolderLock> FolderLock::take(const Path& folder) {
    const Path path = folder / "lock";
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) {
        const bool refused = errno == EACCES || errno == EPERM || errno == EROFS;
        return fail(refused ? ErrorCode::permission_denied : ErrorCode::io,
                    "cannot open {}: {}; writing to an index needs its folder to be writable",
                    path.string(), std::strerror(errno));
    }
    FolderLock lock(file);
    if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return fail(ErrorCode::io, "cannot lock {}: {}", path.string(), std::strerror(errno));
        }
        char pid[32] = {};
        const ssize_t size = ::pread(file, pid, sizeof pid - 1, 0);
        return fail(ErrorCode::conflict,
                    "index {}: process {} is writing to it; wait for it to end, or stop it",
                    folder.string(), size > 0 ? std::string_view(pid, size) : "(unknown)");
    }
    // The number is for people alone: a failure to write it is none of the lock.
    const auto pid = fmt::format("{}", ::getpid());
    if (::ftruncate(file, 0) != 0 || ::pwrite(file, pid.data(), pid.size(), 0) < 0) return lock;
    return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : file_(std::exchange(other.file_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
}

FolderLock::~FolderLock() {
    if (file_ >= 0) ::close(file_);
}

} // namespace ol::attribution::suffix
