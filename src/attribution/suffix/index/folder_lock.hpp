// The one writer of an index: a lock on the file `lock` in its folder, which ends with the process
// that holds it, however it ends.
#pragma once

#include "base/file.hpp"
#include "base/result.hpp"

namespace ol::attribution::suffix {

class FolderLock {
public:
    // conflict, with the number of the process that writes, when there is one.
    static Result<FolderLock> take(const Path& folder);
    FolderLock(FolderLock&& other) noexcept;
    FolderLock& operator=(FolderLock&& other) noexcept;
    ~FolderLock();

private:
    explicit FolderLock(int file)
        : file_(file) {}
    int file_;
};

} // namespace ol::attribution::suffix
