#include "attribution/suffix/index/manifest.hpp"

#include <gtest/gtest.h>

#include "attribution/suffix/index/tombstones.hpp"
#include "base/prng.hpp"
#include "crypto/hash.hpp"

namespace ol::attribution::suffix {
namespace {

Manifest random_manifest(Prng& prng) {
    Manifest out;
    out.generation = prng.next() >> prng.below(64);
    std::uint32_t first = 0;
    for (auto n = prng.below(6); n > 0; --n) {
        Manifest::Entry entry;
        entry.file = out.take_segment_name();
        entry.form = prng.below(2) == 0 ? Form::hot : Form::cold;
        entry.first_record = first;
        entry.records = 1 + static_cast<std::uint32_t>(prng.below(1000));
        entry.symbols = entry.records + static_cast<std::uint32_t>(prng.below(100000));
        entry.words = static_cast<std::uint32_t>(prng.below(1000));
        entry.bytes = prng.next() >> prng.below(64);
        put_be64(entry.head.begin(), prng.next());
        if (prng.below(2) == 0) {
            Manifest::Tombstones dead;
            dead.file = out.take_tombstones_name();
            dead.records = 1 + static_cast<std::uint32_t>(prng.below(entry.records));
            dead.ranks = dead.records;
            put_be64(dead.hash.begin(), prng.next());
            entry.tombstones = dead;
        }
        first += entry.records;
        out.segments.push_back(entry);
    }
    return out;
}

// A manifest whose checksum is right, whatever else it says.
std::string sealed(std::string members) {
    const auto end = members.rfind("\n}");
    const auto hash = to_hex0x(crypto::keccak256(members).view());
    return members.substr(0, end) + ",\n  \"checksum\": \"" + hash + "\"\n}\n";
}

void expect_corrupted(std::string_view text) {
    const auto decoded = Manifest::decode(text, "m.json");
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().code, ErrorCode::corrupted) << decoded.error().context;
    EXPECT_TRUE(decoded.error().context.starts_with("m.json: ")) << decoded.error().context;
}

TEST(IndexManifest, goes_there_and_back) {
    Prng prng(51);
    for (int round = 0; round < 200; ++round) {
        const auto manifest = random_manifest(prng);
        const auto decoded = Manifest::decode(manifest.encode(), "m.json");
        ASSERT_TRUE(decoded) << decoded.error().context;
        EXPECT_EQ(*decoded, manifest);
    }
}

TEST(IndexManifest, refuses_every_truncation_and_every_changed_byte) {
    Prng prng(52);
    Manifest manifest;
    while (manifest.segments.size() < 2) manifest = random_manifest(prng);
    const auto text = manifest.encode();
    for (std::size_t size = 0; size < text.size(); ++size) {
        expect_corrupted(text.substr(0, size));
        for (const int bit : {0, 1, 4, 7}) {
            auto changed = text;
            changed[size] = static_cast<char>(changed[size] ^ 1 << bit);
            expect_corrupted(changed);
        }
    }
    expect_corrupted(text + "\n");
    expect_corrupted(text + "{}");
}

TEST(IndexManifest, refuses_what_it_does_not_know) {
    const std::string start = "{\n  \"format\": \"openledger-index\",\n  \"version\": 1,\n  "
                              "\"generation\": 0,\n  \"next_file\": 1,\n  \"segments\": []";
    ASSERT_TRUE(Manifest::decode(sealed(start + "\n}"), "m"));
    ASSERT_EQ(sealed(start + "\n}"), Manifest().encode());
    const auto decoded = Manifest::decode(sealed(start + ",\n  \"more\": 1\n}"), "m");
    ASSERT_FALSE(decoded);
    EXPECT_NE(decoded.error().context.find("unknown member 'more'"), std::string::npos);
    auto later = start;
    later.replace(later.find("\"version\": 1"), 12, "\"version\": 2");
    EXPECT_EQ(Manifest::decode(sealed(later + "\n}"), "m").error().code, ErrorCode::unsupported);
    auto other = start;
    other.replace(other.find("openledger-index"), 16, "somebodys-index!");
    expect_corrupted(sealed(other + "\n}").c_str());
}

TEST(IndexManifest, refuses_what_cannot_be) {
    Prng prng(53);
    Manifest good;
    while (good.segments.size() < 3 || !good.segments[1].tombstones) good = random_manifest(prng);
    const auto refuse = [&](auto change) {
        Manifest bad = good;
        change(bad);
        expect_corrupted(bad.encode());
    };
    refuse([](Manifest& m) { m.segments[1].first_record += 1; });
    refuse([](Manifest& m) { m.segments[1].file = m.segments[0].file; });
    refuse([](Manifest& m) { m.segments[1].file = "../segment-00000001.seg"; });
    refuse([](Manifest& m) { m.segments[1].file = "/etc/passwd"; });
    refuse([](Manifest& m) { m.segments[1].symbols = m.segments[1].records - 1; });
    refuse([](Manifest& m) { m.segments[2].records = 0; });
    refuse([](Manifest& m) { m.segments[1].tombstones->file = "tombstones-.dead"; });
    refuse([](Manifest& m) { m.segments[1].tombstones->records = m.segments[1].records + 1; });
    refuse([](Manifest& m) { m.segments[1].tombstones->ranks = m.segments[1].symbols + 1; });
    refuse([](Manifest& m) { std::swap(m.segments[0], m.segments[1]); });
}

TEST(IndexTombstones, go_there_and_back) {
    Prng prng(54);
    for (int round = 0; round < 50; ++round) {
        const auto symbols = 1 + static_cast<std::uint32_t>(prng.below(100));
        std::vector<std::uint32_t> ranks;
        for (std::uint32_t i = 0; i < symbols; ++i) {
            if (prng.below(3) == 0) ranks.push_back(i);
        }
        const DeadRanks dead(ranks);
        const auto bytes = encode_tombstones(dead, 7, symbols);
        const auto decoded = decode_tombstones(bytes, 7, symbols, "t");
        ASSERT_TRUE(decoded) << decoded.error().context;
        EXPECT_TRUE(std::ranges::equal(decoded->ranks(), dead.ranks()));
        EXPECT_EQ(decode_tombstones(bytes, 6, symbols, "t").error().code, ErrorCode::corrupted);
        EXPECT_EQ(decode_tombstones(bytes, 7, symbols + 1, "t").error().code, ErrorCode::corrupted);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            auto changed = bytes;
            changed[i] ^= static_cast<std::uint8_t>(1 << prng.below(8));
            EXPECT_EQ(decode_tombstones(changed, 7, symbols, "t").error().code,
                      ErrorCode::corrupted);
            const auto cut = decode_tombstones(ByteView(bytes).first(i), 7, symbols, "t");
            EXPECT_EQ(cut.error().code, ErrorCode::corrupted);
        }
    }
}

} // namespace
} // namespace ol::attribution::suffix
