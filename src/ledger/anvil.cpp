#include "ledger/anvil.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <linux/close_range.h>

#include "base/clock.hpp"
#include "ledger/rpc.hpp"

namespace ol::ledger {

namespace {

using namespace std::chrono_literals;

constexpr auto start_limit = 30s;
constexpr auto stop_limit = 10s; // a big state takes a moment to be written
constexpr int port_attempts = 3;
constexpr std::size_t shown_output = 2000;

// The port when it is free; 0 gives any free one.
Result<std::uint16_t> free_port(std::uint16_t wanted) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail(ErrorCode::io, "socket: {}", std::strerror(errno));
    const int yes = 1; // old connections of a former chain do not keep the port
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(wanted);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                       ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    const int error = errno;
    ::close(fd);
    if (!bound) {
        return fail(ErrorCode::unavailable,
                    "port {} of 127.0.0.1: {}; choose another or end the program that has it",
                    wanted, std::strerror(error));
    }
    return ntohs(address.sin_port);
}

bool is_executable(const Path& path) {
    std::error_code error;
    return std::filesystem::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

// What npm installs for this platform: @foundry-rs/anvil-linux-amd64/bin/anvil and the like. The
// package without a platform holds a script that wants node; it is not taken.
std::optional<Path> platform_package(const Path& packages) {
    std::error_code error;
    std::vector<Path> found;
    for (const auto& entry : std::filesystem::directory_iterator(packages, error)) {
        if (!entry.path().filename().string().starts_with("anvil-")) continue;
        if (const Path binary = entry.path() / "bin" / "anvil"; is_executable(binary)) {
            found.push_back(binary);
        }
    }
    if (found.empty()) return {};
    return *std::min_element(found.begin(), found.end());
}

} // namespace

Result<Path> find_anvil() {
    std::error_code error;
    const Path executable = std::filesystem::read_symlink("/proc/self/exe", error);
    for (Path folder = executable.parent_path(); !folder.empty(); folder = folder.parent_path()) {
        if (auto binary = platform_package(folder / "contracts" / "node_modules" / "@foundry-rs")) {
            return *binary;
        }
        if (folder == folder.parent_path()) break;
    }
    const char* search = std::getenv("PATH");
    for (std::string_view rest = search != nullptr ? search : ""; !rest.empty();) {
        const auto colon = rest.find(':');
        const Path binary = Path(rest.substr(0, colon)) / "anvil";
        if (is_executable(binary)) return binary;
        rest = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
    }
    return fail(ErrorCode::not_found,
                "anvil, the development chain, is not installed: run `npm ci` in the contracts "
                "folder, or put Foundry's anvil on the PATH, or give the URL of a chain that runs");
}

// The kernel sends a child its "parent died" signal when the *thread* that started it ends, so one
// thread starts the process and stays with it until it has ended.
struct Anvil::Impl {
    std::vector<std::string> arguments;
    std::string url;
    std::thread keeper;
    std::mutex mutex;
    std::condition_variable changed;
    bool started = false, stop = false, ended = false;
    pid_t process = -1;
    int output = -1; // a file in memory that takes what the process prints
    int lock = -1;   // of the state file; handed to the process, which holds it to its end

    ~Impl() {
        {
            const std::lock_guard guard(mutex);
            stop = true;
        }
        changed.notify_all();
        if (keeper.joinable()) keeper.join();
        if (output >= 0) ::close(output);
        if (lock >= 0) ::close(lock);
    }

    void launch() {
        keeper = std::thread([this] { keep(); });
        std::unique_lock guard(mutex);
        changed.wait(guard, [this] { return started; });
        if (lock >= 0) ::close(std::exchange(lock, -1));
    }

    bool has_ended() {
        const std::lock_guard guard(mutex);
        return ended;
    }

    // anvil answers a moment before it handles SIGTERM; a signal in between would end it without
    // its state being written. The kernel says which signals a process catches.
    bool catches_stop() {
        pid_t pid = -1;
        {
            const std::lock_guard guard(mutex);
            pid = process;
        }
        const auto status = read_text_file(fmt::format("/proc/{}/status", pid), 64 << 10);
        if (!status) return true; // nothing to wait for
        const auto at = status->find("SigCgt:");
        if (at == std::string::npos) return true;
        const std::uint64_t caught = std::strtoull(status->c_str() + at + 7, nullptr, 16);
        return (caught >> (SIGTERM - 1) & 1) != 0;
    }

    std::string printed() const {
        std::string out(64 << 10, '\0');
        const off_t size = ::lseek(output, 0, SEEK_END);
        const off_t from = std::max<off_t>(0, size - static_cast<off_t>(shown_output));
        const ssize_t got = ::pread(output, out.data(), shown_output, from);
        out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
        return out;
    }

private:
    void set(bool& flag) {
        {
            const std::lock_guard guard(mutex);
            flag = true;
        }
        changed.notify_all();
    }

    // Between fork and exec only what is safe in a copy of a threaded process.
    [[noreturn]] void become_anvil(char* const* argv, pid_t parent) const {
        // Its own group: Ctrl-C at a terminal ends the node, which then ends the chain.
        ::setpgid(0, 0);
        sigset_t none;
        sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (::getppid() != parent) ::_exit(127);
        const int null = ::open("/dev/null", O_RDONLY);
        ::dup2(null, STDIN_FILENO);
        ::dup2(output, STDOUT_FILENO);
        ::dup2(output, STDERR_FILENO);
        unsigned first_closed = 3;
        if (lock >= 0) {
            ::dup2(lock, 3);
            ::fcntl(3, F_SETFD, 0);
            first_closed = 4;
        }
        ::close_range(first_closed, ~0U, CLOSE_RANGE_CLOEXEC);
        ::execv(argv[0], argv);
        static constexpr char message[] = "cannot be executed\n";
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, message, sizeof message - 1);
        ::_exit(127);
    }

    void keep() {
        std::vector<char*> argv;
        for (auto& argument : arguments) argv.push_back(argument.data());
        argv.push_back(nullptr);
        const pid_t parent = ::getpid();
        const pid_t child = ::fork();
        if (child == 0) become_anvil(argv.data(), parent);
        {
            const std::lock_guard guard(mutex);
            process = child;
        }
        set(started);
        if (child > 0) end_of(child);
        set(ended);
    }

    // Returns when the process has ended: by itself, or asked by SIGTERM and, in the end, SIGKILL.
    void end_of(pid_t child) {
        std::optional<std::chrono::steady_clock::time_point> asked;
        bool killed = false;
        for (;;) {
            const pid_t got = ::waitpid(child, nullptr, WNOHANG);
            if (got == child || (got < 0 && errno != EINTR)) return;
            std::unique_lock guard(mutex);
            if (!asked) {
                changed.wait_for(guard, 50ms, [this] { return stop; });
                if (stop) {
                    asked = std::chrono::steady_clock::now();
                    ::kill(child, SIGTERM);
                }
                continue;
            }
            guard.unlock();
            if (!killed && std::chrono::steady_clock::now() - *asked > stop_limit) {
                killed = true;
                ::kill(child, SIGKILL);
            }
            std::this_thread::sleep_for(10ms);
        }
    }
};

namespace {

Path previous_of(const Path& state_file) { return Path(state_file.string() + ".previous"); }

// A loaded state is kept beside the file until the next start: a machine that loses power while the
// chain writes its file loses no more than that session.
Status keep_previous(const Path& state_file) {
    std::error_code error;
    if (!std::filesystem::exists(state_file, error)) return {};
    const Path partial = state_file.string() + ".copying";
    std::filesystem::copy_file(state_file, partial,
                               std::filesystem::copy_options::overwrite_existing, error);
    if (!error) std::filesystem::rename(partial, previous_of(state_file), error);
    if (error) {
        return fail(ErrorCode::io, "{}: cannot be copied to {}: {}", state_file.string(),
                    previous_of(state_file).string(), error.message());
    }
    return {};
}

// One chain writes a state file at a time. A chain whose owner was killed writes it once more and
// then ends: the next one waits for that.
Result<int> lock_state(const Path& state_file) {
    const Path path = state_file.string() + ".lock";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return fail(ErrorCode::io, "{}: {}", path.string(), std::strerror(errno));
    const auto deadline = std::chrono::steady_clock::now() + stop_limit;
    while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (std::chrono::steady_clock::now() > deadline) {
            ::close(fd);
            return fail(ErrorCode::conflict,
                        "{} is in use by a chain that runs: end it, or name another state file",
                        state_file.string());
        }
        std::this_thread::sleep_for(20ms);
    }
    return fd;
}

std::vector<std::string> arguments_of(const Path& executable, const AnvilOptions& options,
                                      std::uint16_t port) {
    // Isthmus is Prague on L2. Gas is free, so that balances show money alone; nobody has any money
    // before the node gives it (no prefunded accounts whose keys everybody knows). A whole epoch is
    // checked in one call: requests and blocks are larger than anvil's defaults.
    std::vector<std::string> out{executable.string(),
                                 "--host",
                                 "127.0.0.1",
                                 "--port",
                                 std::to_string(port),
                                 "--silent",
                                 "--chain-id",
                                 std::to_string(options.chain_id),
                                 "--order",
                                 "fifo",
                                 "--accounts",
                                 "0",
                                 "--hardfork",
                                 "prague",
                                 "--gas-limit",
                                 "120000000",
                                 "--block-base-fee-per-gas",
                                 "0",
                                 "--disable-min-priority-fee",
                                 "--no-cors",
                                 "--no-request-size-limit"};
    if (!options.state_file.empty()) {
        for (const auto& argument : {std::string("--state"), options.state_file.string(),
                                     std::string("--state-interval"), std::string("5")}) {
            out.push_back(argument);
        }
    }
    return out;
}

// A restarted anvil starts from the machine's clock and would go back behind blocks whose time was
// moved forward (evm_increaseTime): the difference is given to it again.
Status restore_time(Chain& chain) {
    const std::uint64_t latest = OL_TRY(chain.block_timestamp());
    const auto now = static_cast<std::uint64_t>(SystemClock().unix_ms() / 1000);
    if (latest <= now) return {};
    OL_TRY(chain.raw("evm_increaseTime", codec::Json::array({codec::Json(latest - now)})));
    return {};
}

} // namespace

Result<std::unique_ptr<Anvil>> Anvil::start(const AnvilOptions& options) {
    const Path executable = options.executable.empty() ? OL_TRY(find_anvil()) : options.executable;
    if (!is_executable(executable)) {
        return fail(ErrorCode::not_found, "{} is no executable file: give the place of anvil",
                    executable.string());
    }
    if (!options.state_file.empty() && options.state_file.has_parent_path()) {
        OL_TRY(make_directories(options.state_file.parent_path()));
    }

    for (int attempt = 1;; ++attempt) {
        const std::uint16_t port = OL_TRY(free_port(options.port));
        std::unique_ptr<Anvil> anvil(new Anvil);
        anvil->impl_ = std::make_unique<Impl>();
        Impl& impl = *anvil->impl_;
        impl.arguments = arguments_of(executable, options, port);
        impl.url = fmt::format("http://127.0.0.1:{}", port);
        impl.output = ::memfd_create("anvil-output", MFD_CLOEXEC);
        if (impl.output < 0) return fail(ErrorCode::io, "memfd: {}", std::strerror(errno));
        if (!options.state_file.empty()) impl.lock = OL_TRY(lock_state(options.state_file));
        impl.launch();

        Chain chain(impl.url);
        const auto deadline = std::chrono::steady_clock::now() + start_limit;
        bool ready = false;
        while (!ready && !impl.has_ended() && std::chrono::steady_clock::now() < deadline) {
            ready = chain.chain_id().has_value() && impl.catches_stop();
            if (!ready) std::this_thread::sleep_for(20ms);
        }
        if (ready) {
            const std::uint64_t id = OL_TRY(chain.chain_id());
            if (id != options.chain_id) {
                return fail(ErrorCode::conflict, "{} answers as chain {} instead of {}", impl.url,
                            id, options.chain_id);
            }
            if (!options.state_file.empty()) OL_TRY(keep_previous(options.state_file));
            OL_TRY(restore_time(chain));
            return anvil;
        }
        const std::string printed = impl.printed();
        const bool port_taken = printed.find("in use") != std::string::npos;
        if (port_taken && options.port == 0 && attempt < port_attempts) continue;
        std::string remedy;
        std::error_code error;
        if (port_taken) {
            remedy = "; choose another port or end the program that has it";
        } else if (!options.state_file.empty() &&
                   std::filesystem::exists(previous_of(options.state_file), error)) {
            remedy = fmt::format("; if its state is damaged, {} is the state of the last start",
                                 previous_of(options.state_file).string());
        }
        return fail(ErrorCode::unavailable, "anvil ({}) did not start on {}: {}{}",
                    executable.string(), impl.url,
                    printed.empty() ? std::string("it printed nothing") : printed, remedy);
    }
}

Anvil::~Anvil() = default;

std::string Anvil::url() const { return impl_->url; }

} // namespace ol::ledger
