#include "attribution/suffix/index/checked_files.hpp"

#include <ctime>
#include <sstream>

#include <sys/stat.h>

namespace ol::attribution::suffix {

namespace {

constexpr std::string_view file_name = "checked";
constexpr std::uint64_t file_bytes = 1 << 20;
// File systems tell times in steps: what was written so shortly before could be written again under
// the same time.
constexpr long long settled_ns = 2'000'000'000;

long long nanoseconds(const timespec& time) {
    return static_cast<long long>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

} // namespace

CheckedFiles CheckedFiles::read(const Path& folder) {
    CheckedFiles out;
    out.folder_ = folder;
    const auto text = read_text_file(folder / file_name, file_bytes);
    if (!text) return out;
    std::istringstream lines(*text);
    std::string name, stamp;
    while (lines >> name && std::getline(lines >> std::ws, stamp)) out.stamps_[name] = stamp;
    return out;
}

std::string CheckedFiles::stamp_of(const std::string& name) const {
    struct stat info {};
    if (::stat((folder_ / name).c_str(), &info) != 0) return {};
    return fmt::format("{} {} {} {}", info.st_size, info.st_ino, nanoseconds(info.st_mtim),
                       nanoseconds(info.st_ctim));
}

bool CheckedFiles::knows(const std::string& name) const {
    const auto at = stamps_.find(name);
    return at != stamps_.end() && !at->second.empty() && at->second == stamp_of(name);
}

void CheckedFiles::add(const std::string& name) {
    struct stat info{};
    timespec now{};
    if (::stat((folder_ / name).c_str(), &info) != 0) return;
    if (::clock_gettime(CLOCK_REALTIME, &now) != 0) return;
    if (nanoseconds(now) - nanoseconds(info.st_ctim) < settled_ns) return;
    stamps_[name] = stamp_of(name);
    changed_ = true;
}

void CheckedFiles::write() const {
    if (!changed_) return;
    std::string text;
    for (const auto& [name, stamp] : stamps_) {
        if (std::filesystem::exists(folder_ / name)) text += name + " " + stamp + "\n";
    }
    (void)write_file_atomic(folder_ / file_name, text);
}

} // namespace ol::attribution::suffix
