// A folder for one test.
#pragma once

#include <filesystem>

#include <fmt/format.h>
#include <unistd.h>

#include "base/file.hpp"

namespace ol::model::test {

class Folder {
public:
    Folder() {
        static int count = 0;
        path_ = std::filesystem::temp_directory_path() /
                fmt::format("ol_model_{}_{}", ::getpid(), count++);
        std::filesystem::create_directories(path_);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }
    const Path& path() const { return path_; }

private:
    Path path_;
};

} // namespace ol::model::test
