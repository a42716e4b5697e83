// The audit against files that are sealed correctly and lie.
#include <functional>

#include "attribution/suffix/checksum.hpp"
#include "attribution/suffix/corpus_for_tests.hpp"
#include "attribution/suffix/layout.hpp"
#include "attribution/suffix/proof/audit.hpp"

namespace ol::attribution::suffix {
namespace {

TEST(Checksum, published_values) {
    // XXH64 of the xxHash project's sanity tests and of its command line on the same strings.
    EXPECT_EQ(checksum64({}, 0), 0xef46db3751d8e999U);
    EXPECT_EQ(checksum64(as_bytes("a"), 0), 0xd24ec4f1a98c6e5bU);
    EXPECT_EQ(checksum64(as_bytes("abc"), 0), 0x44bc2cf5ad770999U);
    EXPECT_EQ(checksum64(as_bytes("Nobody inspects the spammish repetition"), 0),
              0xfbcea83c8a378bf1U); // the example of the python-xxhash documentation
    EXPECT_NE(checksum64(as_bytes("abc"), 0), checksum64(as_bytes("abc"), 1));
}

class LyingFile : public testing::Test {
protected:
    void SetUp() override {
        const test::Corpus corpus{{"b a b a c", "a b c", "c"}, {0, 0, 2}};
        test::build_segment(corpus, folder_.file("s.seg"));
        good_ = *read_file(folder_.file("s.seg"), 1 << 20);
        counts_ = *check_file(good_, "s.seg");
    }

    template <class T>
    T* section(Bytes& file, SectionId id) {
        return section_at<T>(file.data(), Layout(counts_), id);
    }

    // Applies a change, seals the file and expects the audit's complaint.
    void expect_fault(const std::string& complaint, const std::function<void(Bytes&)>& change) {
        Bytes file = good_;
        change(file);
        seal(file, counts_);
        const auto segment = Segment::parse(std::move(file), "lie.seg");
        ASSERT_TRUE(segment) << segment.error().to_string();
        const auto audited = audit(*segment, "lie.seg");
        ASSERT_FALSE(audited) << complaint;
        EXPECT_EQ(audited.error().code, ErrorCode::corrupted);
        EXPECT_NE(audited.error().context.find("lie.seg"), std::string::npos);
        EXPECT_NE(audited.error().context.find(complaint), std::string::npos)
            << audited.error().context;
    }

    test::ScratchFolder folder_;
    Bytes good_;
    Counts counts_;
};

TEST_F(LyingFile, sealing_changes_nothing_in_an_honest_file) {
    Bytes file = good_;
    seal(file, counts_);
    EXPECT_EQ(file, good_);
}

TEST_F(LyingFile, is_refuted_by_the_audit) {
    using std::swap;
    expect_fault("(R2)", [&](Bytes& file) { // a consistent SA and ISA in the wrong order
        auto* sa = section<std::uint32_t>(file, section_suffix_array);
        auto* isa = section<std::uint32_t>(file, section_inverse);
        swap(sa[4], sa[5]);
        swap(isa[sa[4]], isa[sa[5]]);
    });
    expect_fault("(R1)", [&](Bytes& file) {
        section<std::uint32_t>(file, section_suffix_array)[3] = 0xffffffff;
    });
    expect_fault("(R1)", [&](Bytes& file) {
        auto* isa = section<std::uint32_t>(file, section_inverse);
        swap(isa[0], isa[1]);
    });
    expect_fault("the separator of record 1 stands at 1", [&](Bytes& file) {
        section<std::uint32_t>(file, section_text)[1] = 1; // another record's separator
    });
    expect_fault("holds no symbol",
                 [&](Bytes& file) { section<std::uint32_t>(file, section_text)[0] = 0xffffffff; });
    expect_fault("separator", [&](Bytes& file) {
        section<std::uint32_t>(file, section_text)[5] = counts_.records;
    });
    expect_fault("separator", [&](Bytes& file) {
        section<Segment::Place>(file, section_places)[5] = {1, 1};
    });
    expect_fault("no place",
                 [&](Bytes& file) { section<std::uint32_t>(file, section_starts)[1] = 0; });
    expect_fault("no place", [&](Bytes& file) {
        section<std::uint32_t>(file, section_starts)[1] = 0xffffffff;
    });
    expect_fault("is later",
                 [&](Bytes& file) { section<RecordRow>(file, section_records)[1].cluster = 2; });
    expect_fault("not its own head",
                 [&](Bytes& file) { section<RecordRow>(file, section_records)[2].cluster = 1; });
    expect_fault("out of order", [&](Bytes& file) {
        auto* words = section<text::SymbolWord>(file, section_words);
        swap(words[0], words[1]);
    });
    expect_fault("not a symbol",
                 [&](Bytes& file) { section<text::SymbolWord>(file, section_words)[0] = {}; });
    expect_fault("count of word",
                 [&](Bytes& file) { section<std::uint32_t>(file, section_first)[1] += 1; });
    expect_fault("count of word",
                 [&](Bytes& file) { section<std::uint32_t>(file, section_first)[1] = 0xffffffff; });
    expect_fault("count of word",
                 [&](Bytes& file) { section<std::uint32_t>(file, section_first)[0] = 0; });
}

TEST_F(LyingFile, with_random_contents_never_breaks_the_audit) {
    Prng prng(30);
    for (int round = 0; round < 3000; ++round) {
        Bytes file = good_;
        for (auto n = 1 + prng.below(4); n > 0; --n) {
            file[256 + prng.below(file.size() - 256)] = static_cast<std::uint8_t>(prng.next());
        }
        const Layout layout(counts_); // keep the padding, which open checks
        Bytes padded = good_;
        for (const auto& [offset, size] : layout.sections) {
            std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(offset), size,
                        padded.begin() + static_cast<std::ptrdiff_t>(offset));
        }
        seal(padded, counts_);
        const auto segment = Segment::parse(std::move(padded), "random.seg");
        ASSERT_TRUE(segment);
        (void)audit(*segment, "lie.seg");
    }
}

} // namespace
} // namespace ol::attribution::suffix
