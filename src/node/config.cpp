#include "node/config.hpp"

#include <cstdlib>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "crypto/hash.hpp"

namespace ol::node {

namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::string without_line_end(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

constexpr std::uint64_t password_limit_bytes = 4096;

} // namespace

Path default_data_dir() {
    if (const auto path = environment("OPENLEDGER_DATA_DIR"); !path.empty()) return path;
    if (const auto path = environment("XDG_DATA_HOME"); !path.empty()) {
        return Path(path) / "openledger";
    }
    const auto home = environment("HOME");
    return home.empty() ? Path("openledger-data") : Path(home) / ".local/share/openledger";
}

Result<Path> find_resource(const Path& relative) {
    std::error_code error;
    Path place = std::filesystem::read_symlink("/proc/self/exe", error);
    for (Path folder = place.parent_path();; folder = folder.parent_path()) {
        for (const Path& candidate : {folder / relative, folder / "share/openledger" / relative}) {
            if (std::filesystem::exists(candidate, error)) return candidate;
        }
        if (folder == folder.parent_path()) break;
    }
    return fail(
        ErrorCode::not_found,
        "{} was found neither beside the program nor in a folder above it; run ./quickstart "
        "once to build it",
        relative.string());
}

Result<std::string> wallet_password(const NodeConfig& config) {
    if (!config.password_file.empty()) {
        return without_line_end(OL_TRY(read_text_file(config.password_file, password_limit_bytes)));
    }
    if (auto password = environment("OPENLEDGER_PASSWORD"); !password.empty()) return password;
    const Path path = config.data_dir / "password";
    auto kept = read_text_file(path, password_limit_bytes);
    if (kept) return without_line_end(*kept);
    if (kept.error().code != ErrorCode::not_found) return std::unexpected(kept.error());
    const auto made = to_hex(crypto::random_bytes(24));
    OL_TRY(write_secret_file(path, made + "\n"));
    return made;
}

Result<DataDirLock> DataDirLock::acquire(const Path& data_dir) {
    OL_TRY(make_directories(data_dir));
    const Path path = data_dir / "lock";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        return fail(ErrorCode::permission_denied,
                    "cannot write to {}; choose another folder with --data-dir", data_dir.string());
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd);
        return fail(ErrorCode::conflict,
                    "another openledger process uses {}; stop it or choose another --data-dir",
                    data_dir.string());
    }
    return DataDirLock(data_dir, fd);
}

DataDirLock::DataDirLock(DataDirLock&& other) noexcept
    : data_dir_(std::move(other.data_dir_))
    , fd_(std::exchange(other.fd_, -1)) {}

DataDirLock::~DataDirLock() {
    if (fd_ < 0) return;
    std::error_code ignored;
    std::filesystem::remove(data_dir_ / "node.url", ignored);
    ::close(fd_);
}

Status DataDirLock::announce(const std::string& url) {
    return write_file_atomic(data_dir_ / "node.url", url + "\n");
}

Result<std::string> running_node(const Path& data_dir) {
    const Path path = data_dir / "lock";
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) return fail(ErrorCode::not_found, "no node runs on {}", data_dir.string());
    const bool free = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
    ::close(fd);
    if (free) return fail(ErrorCode::not_found, "no node runs on {}", data_dir.string());
    auto url = read_text_file(data_dir / "node.url", password_limit_bytes);
    if (!url) {
        return fail(ErrorCode::conflict,
                    "another openledger command is at work on {}; wait for it to end",
                    data_dir.string());
    }
    return without_line_end(*url);
}

} // namespace ol::node
