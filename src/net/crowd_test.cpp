#include <fstream>

#include <sys/resource.h>
#include <sys/wait.h>

#include "net/http_for_tests.hpp"

namespace ol::net {
namespace {

bool allow_descriptors(rlim_t count) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < count) return false;
    limit.rlim_cur = std::max(limit.rlim_cur, count);
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

std::uint64_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::uint64_t size = 0, resident = 0;
    file >> size >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Clients that connect and say nothing, in a process of their own: they have its descriptors.
class Crowd {
public:
    Crowd(std::uint16_t port, int count) {
        int ready[2], leave[2];
        EXPECT_EQ(::pipe(ready), 0);
        EXPECT_EQ(::pipe(leave), 0);
        child_ = ::fork();
        if (child_ == 0) {
            ::close(leave[1]);
            ::_exit(stand(port, count, ready[1], leave[0]));
        }
        leave_ = leave[1];
        ::close(leave[0]);
        ::close(ready[1]);
        char done = 0;
        EXPECT_EQ(::read(ready[0], &done, 1), 1) << "the crowd did not get in";
        ::close(ready[0]);
    }
    ~Crowd() {
        ::close(leave_);
        int status = 0;
        ::waitpid(child_, &status, 0);
        EXPECT_EQ(status, 0);
    }
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;

private:
    // System calls alone: other threads of the parent may have held locks.
    static int stand(std::uint16_t port, int count, int ready, int leave) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        for (int i = 0; i < count; ++i) {
            const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
            if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return 1;
        }
        char byte = 1;
        if (::write(ready, &byte, 1) != 1) return 1;
        return ::read(leave, &byte, 1) == 0 ? 0 : 1; // until the parent closes it
    }

    pid_t child_ = 0;
    int leave_ = -1;
};

// The clients' memory is bounded, one more is told that there are too many, and whoever speaks is
// served.
TEST_F(HttpTest, TenThousandIdleConnections) {
    constexpr int count = 10'000;
    constexpr std::uint64_t bytes_each = 4096;
    if (!allow_descriptors(count + 200)) GTEST_SKIP() << "the system allows too few open files";
    ServerOptions options;
    options.connection_limit = count;
    serve([](const Request&) { return text_reply("served"); }, options);
    const std::string_view request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const std::uint64_t before = resident_bytes();
    std::optional<Crowd> crowd(std::in_place, server_->port(), count - 1);
    // Connections are taken in the order they come in: when the last is served, all are there.
    const RawSocket last(server_->port());
    last.send(request);
    EXPECT_TRUE(last.read("served").ends_with("served"));
    EXPECT_LT(resident_bytes() - before, count * bytes_each);
    for (int i = 0; i < 3; ++i) {
        const RawSocket refused(server_->port());
        const std::string reply = refused.read();
        EXPECT_TRUE(reply.starts_with("HTTP/1.1 503 ")) << reply;
        EXPECT_NE(reply.find("too many connections"), std::string::npos);
        last.send(request);
        EXPECT_TRUE(last.read("served").ends_with("served"));
    }
    crowd.reset();
    std::string reply;
    for (int i = 0; i < 100 && !reply.ends_with("served"); ++i) {
        const RawSocket next(server_->port());
        next.send(request);
        reply = next.read("served");
    }
    EXPECT_TRUE(reply.ends_with("served")) << reply;
}

} // namespace
} // namespace ol::net
