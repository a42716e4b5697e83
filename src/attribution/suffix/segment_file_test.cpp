// The audit against files that are sealed correctly and lie.
#include <functional>
#include <map>

#include "attribution/suffix/checksum.hpp"
#include "attribution/suffix/container.hpp"
#include "attribution/suffix/corpus_for_tests.hpp"
#include "attribution/suffix/segment_impl.hpp"

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

// A good file whose sections can be changed; its checksums are made anew.
class LyingFile : public testing::Test {
protected:
    using Sections = std::map<SectionId, Bytes>;

    void SetUp() override {
        const test::Corpus corpus{{"b a b a c", "a b c", "c"}, {0, 0, 2}};
        test::build_segment(corpus, folder_.file("s.seg"));
        file_ = *read_file(folder_.file("s.seg"), 1 << 20);
        const auto container = *Container::parse(file_, "s.seg");
        counts_ = container.counts();
        for (const auto id : container.sections()) {
            const auto bytes = container.section(id);
            good_[id].assign(bytes.begin(), bytes.end());
        }
    }

    Bytes sealed(const Sections& sections) const {
        ContainerWriter writer;
        for (const auto& [id, bytes] : sections) writer.add(id, bytes);
        return writer.take(counts_);
    }

    template <class T>
    static T* section(Sections& sections, SectionId id) {
        return reinterpret_cast<T*>(sections.at(id).data());
    }

    // Applies a change, seals the file and expects the audit's complaint.
    void expect_fault(const std::string& complaint, const std::function<void(Sections&)>& change) {
        Sections sections = good_;
        change(sections);
        const auto segment = Segment::parse(sealed(sections), "lie.seg");
        ASSERT_TRUE(segment) << segment.error().to_string();
        const auto audited = segment->audit();
        ASSERT_FALSE(audited) << complaint;
        EXPECT_EQ(audited.error().code, ErrorCode::corrupted);
        EXPECT_NE(audited.error().context.find("lie.seg"), std::string::npos);
        EXPECT_NE(audited.error().context.find(complaint), std::string::npos)
            << audited.error().context;
    }

    test::ScratchFolder folder_;
    Bytes file_;
    Sections good_;
    Counts counts_;
};

TEST_F(LyingFile, sealing_changes_nothing_in_an_honest_file) { EXPECT_EQ(sealed(good_), file_); }

TEST_F(LyingFile, a_section_of_the_wrong_size_or_missing_is_refused) {
    for (const auto& [id, bytes] : good_) {
        Sections shorter = good_;
        shorter[id].resize(shorter[id].size() / 2);
        const auto cut = Segment::parse(sealed(shorter), "cut.seg");
        ASSERT_FALSE(cut) << to_string(id);
        EXPECT_EQ(cut.error().code, ErrorCode::corrupted);
        Sections fewer = good_;
        fewer.erase(id);
        ASSERT_FALSE(Segment::parse(sealed(fewer), "fewer.seg")) << to_string(id);
    }
    counts_.form = 9;
    EXPECT_FALSE(Segment::parse(sealed(good_), "form.seg"));
}

TEST_F(LyingFile, is_refuted_by_the_audit) {
    using std::swap;
    using u32 = std::uint32_t;
    expect_fault("(R2)", [&](Sections& file) { // a consistent SA and ISA in the wrong order
        auto* sa = section<u32>(file, SectionId::suffix_array);
        auto* isa = section<u32>(file, SectionId::inverse);
        swap(sa[4], sa[5]);
        swap(isa[sa[4]], isa[sa[5]]);
    });
    expect_fault("(R1)",
                 [&](Sections& file) { section<u32>(file, SectionId::suffix_array)[3] = ~0U; });
    expect_fault("(R1)", [&](Sections& file) {
        auto* isa = section<u32>(file, SectionId::inverse);
        swap(isa[0], isa[1]);
    });
    expect_fault("holds no word", [&](Sections& file) {
        section<u32>(file, SectionId::text)[1] = 1; // another record's separator
    });
    expect_fault("holds no word",
                 [&](Sections& file) { section<u32>(file, SectionId::text)[0] = ~0U; });
    expect_fault("separator",
                 [&](Sections& file) { section<u32>(file, SectionId::text)[5] = counts_.records; });
    expect_fault("no place", [&](Sections& file) { section<u32>(file, SectionId::starts)[1] = 0; });
    expect_fault("no place",
                 [&](Sections& file) { section<u32>(file, SectionId::starts)[1] = ~0U; });
    expect_fault("cover the text", [&](Sections& file) {
        section<u32>(file, SectionId::starts)[counts_.records] = 7;
    });
    expect_fault("later cluster", [&](Sections& file) {
        section<RecordRow>(file, SectionId::records)[1].cluster = 2;
    });
    expect_fault("not its own head", [&](Sections& file) {
        section<RecordRow>(file, SectionId::records)[2].cluster = 1;
    });
    expect_fault("out of order", [&](Sections& file) {
        auto* words = section<text::SymbolWord>(file, SectionId::words);
        swap(words[0], words[1]);
    });
    expect_fault("not a symbol", [&](Sections& file) {
        section<text::SymbolWord>(file, SectionId::words)[0] = {};
    });
    expect_fault("by its slot", [&](Sections& file) {
        auto& slots = file.at(SectionId::word_slots);
        std::fill(slots.begin() + 8, slots.end(), std::uint8_t{0});
    });
    expect_fault("count of word",
                 [&](Sections& file) { section<u32>(file, SectionId::first)[1] += 1; });
    expect_fault("count of word",
                 [&](Sections& file) { section<u32>(file, SectionId::first)[1] = ~0U; });
    expect_fault("keys", [&](Sections& file) { file.at(SectionId::keys)[0] ^= 1; });
    expect_fault("buckets", [&](Sections& file) { section<u32>(file, SectionId::first)[0] = 0; });
}

TEST_F(LyingFile, with_random_contents_never_breaks_the_audit) {
    Prng prng(30);
    for (int round = 0; round < 3000; ++round) {
        Sections sections = good_;
        for (auto n = 1 + prng.below(4); n > 0; --n) {
            auto& bytes = std::next(sections.begin(),
                                    static_cast<std::ptrdiff_t>(prng.below(sections.size())))
                              ->second;
            bytes[prng.below(bytes.size())] = static_cast<std::uint8_t>(prng.next());
        }
        const auto segment = Segment::parse(sealed(sections), "random.seg");
        if (segment) (void)segment->audit();
    }
}

} // namespace
} // namespace ol::attribution::suffix
