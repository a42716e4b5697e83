#include "store/blob_store.hpp"

#include <csignal>
#include <fstream>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "crypto/hash.hpp"

#include <sched.h>

namespace ol::store {
namespace {

namespace fs = std::filesystem;

class BlobStoreTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "ol-blob-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { fs::remove_all(folder_); }
    Path folder_;
};

std::size_t count_files(const Path& root) {
    auto files = list_files(root);
    return files ? files->size() : 0;
}

TEST_F(BlobStoreTest, RoundTripOfEmptySmallAndBinary) {
    auto blobs = BlobStore::open(folder_ / "blobs");
    ASSERT_TRUE(blobs) << blobs.error().to_string();
    Bytes binary(300'000);
    for (std::size_t i = 0; i < binary.size(); ++i) binary[i] = static_cast<std::uint8_t>(i * i);
    for (const Bytes& bytes : {Bytes{}, Bytes{0}, Bytes{'a', 0, 'b'}, binary}) {
        auto hash = blobs->put(ByteView(bytes));
        ASSERT_TRUE(hash) << hash.error().to_string();
        EXPECT_EQ(*hash, crypto::keccak256(ByteView(bytes)));
        EXPECT_TRUE(blobs->contains(*hash));
        auto read = blobs->get(*hash);
        ASSERT_TRUE(read) << read.error().to_string();
        EXPECT_EQ(*read, bytes);
    }
    // keccak-256 of the empty string: the Yellow Paper's KEC(()).
    auto empty =
        hash32_from_hex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    EXPECT_TRUE(blobs->contains(*empty));
}

TEST_F(BlobStoreTest, SameBytesTwiceIsOneFileAndSurvivesReopen) {
    Hash32 hash;
    {
        auto blobs = BlobStore::open(folder_);
        hash = *blobs->put("the same");
        EXPECT_EQ(*blobs->put("the same"), hash);
        EXPECT_EQ(count_files(folder_), 1U);
    }
    auto again = BlobStore::open(folder_);
    EXPECT_EQ(as_text(*again->get(hash)), "the same");
}

TEST_F(BlobStoreTest, AbsentIsNotFound) {
    auto blobs = BlobStore::open(folder_);
    const Hash32 hash = crypto::keccak256("never stored");
    EXPECT_FALSE(blobs->contains(hash));
    auto read = blobs->get(hash);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::not_found);
    EXPECT_NE(read.error().context.find(to_hex0x(hash.view())), std::string::npos);
}

TEST_F(BlobStoreTest, FlippedByteShorterAndLongerFilesAreCorruptedAndNamed) {
    auto blobs = BlobStore::open(folder_);
    const std::string text(10'000, 'x');
    const Hash32 hash = *blobs->put(text);
    const Path path = blobs->path_of(hash);
    for (std::size_t at : {std::size_t{0}, text.size() / 2, text.size() - 1}) {
        std::string broken = text;
        broken[at] ^= 1;
        std::ofstream(path, std::ios::binary | std::ios::trunc) << broken;
        auto read = blobs->get(hash);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, ErrorCode::corrupted);
        EXPECT_NE(read.error().context.find(path.string()), std::string::npos);
    }
    for (const std::string& broken : {text.substr(1), text + "x", std::string()}) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << broken;
        EXPECT_EQ(blobs->get(hash).error().code, ErrorCode::corrupted);
        // A file of the wrong size is written anew.
        ASSERT_TRUE(blobs->put(text));
        EXPECT_TRUE(blobs->get(hash));
    }
}

TEST_F(BlobStoreTest, RootThatIsAFileIsRefused) {
    std::ofstream(folder_ / "file") << "x";
    EXPECT_FALSE(BlobStore::open(folder_ / "file"));
    EXPECT_FALSE(BlobStore::open(folder_ / "file" / "below"));
    EXPECT_FALSE(BlobStore::open({}));
}

// A disk that is too small for the blob: a tiny file system of its own where the test may mount
// one, else a limit on the size of files. The child's exit code says what went wrong.
TEST_F(BlobStoreTest, FullDiskIsAnIoErrorAndLeavesNothingUnderTheName) {
    const Path mount_point = folder_ / "tiny";
    fs::create_directories(mount_point);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const bool mounted = ::unshare(CLONE_NEWNS) == 0 &&
                             ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                             ::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=128k") == 0;
        if (!mounted) {
            ::signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{128 << 10, 128 << 10};
            if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(10);
        }
        auto blobs = BlobStore::open(mount_point);
        if (!blobs) ::_exit(11);
        const std::string small(1000, 's'), large(1 << 20, 'l');
        auto kept = blobs->put(small);
        if (!kept) ::_exit(12);
        auto refused = blobs->put(large);
        if (refused) ::_exit(13);
        if (refused.error().code != ErrorCode::io) ::_exit(14);
        if (blobs->contains(crypto::keccak256(large))) ::_exit(15);
        if (!blobs->get(*kept)) ::_exit(16);
        if (count_files(mount_point) != 1) ::_exit(17);      // no temporary file is left
        if (!blobs->put(std::string(500, 't'))) ::_exit(18); // the space came back
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

} // namespace
} // namespace ol::store
