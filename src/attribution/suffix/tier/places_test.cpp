#include "attribution/suffix/tier/places.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "text/symbols.hpp"

namespace ol::attribution::suffix {
namespace {

struct Item {
    Place place;
    std::uint32_t word_bytes = 0;
    bool separator = false;
};

struct Text {
    std::vector<Item> items;
    std::vector<std::uint32_t> starts; // of the record of each item
};

void end_record(Text& text, std::uint32_t start) {
    text.items.emplace_back().separator = true;
    text.starts.resize(text.items.size(), start);
}

// odd: of 8 symbols so many are exceptions.
Text random_text(Prng& prng, std::uint32_t records, std::uint32_t most, std::uint32_t odd) {
    Text text;
    for (std::uint32_t r = 0; r < records; ++r) {
        const auto start = static_cast<std::uint32_t>(text.items.size());
        std::uint32_t end = 0;
        for (auto n = prng.below(most + 1); n > 0; --n) {
            Item item;
            item.word_bytes = 1 + static_cast<std::uint32_t>(prng.below(31));
            auto gap = static_cast<std::uint32_t>(prng.below(3));
            item.place.size = item.word_bytes;
            if (prng.below(8) < odd) {
                if (prng.below(2) == 0) gap = static_cast<std::uint32_t>(prng.below(100'000));
                item.place.size = static_cast<std::uint32_t>(prng.below(300));
            }
            item.place.offset = end + gap;
            end = item.place.offset + item.place.size;
            text.items.push_back(item);
        }
        end_record(text, start);
    }
    return text;
}

Bytes encode(const Text& text) {
    PlaceEncoder encoder;
    for (const auto& item : text.items) {
        if (item.separator) {
            encoder.end_record();
        } else {
            encoder.add(item.place, item.word_bytes);
        }
    }
    return encoder.finish();
}

Place place_at(const PlaceView& view, const Text& text, std::uint32_t position) {
    const auto first = view.first_needed(position, text.starts[position]);
    EXPECT_LE(position - first, 127U);
    EXPECT_GE(first, text.starts[position]);
    std::uint32_t next = first;
    const auto place = view.at(position, text.starts[position], [&](std::uint32_t p) {
        EXPECT_EQ(p, next++);
        return text.items[p].word_bytes;
    });
    EXPECT_EQ(next, position + 1);
    return place;
}

void expect_round_trip(const Text& text) {
    const Bytes section = encode(text);
    const auto count = static_cast<std::uint32_t>(text.items.size());
    const auto view = PlaceView::open(section, count);
    ASSERT_TRUE(view) << view.error().to_string();
    for (std::uint32_t p = 0; p < count; ++p) {
        if (text.items[p].separator) continue;
        ASSERT_EQ(place_at(*view, text, p), text.items[p].place) << p;
    }
    for (std::uint32_t start = 0, p = 0; p < count; ++p) {
        if (!text.items[p].separator) continue;
        std::vector<std::uint32_t> word_bytes;
        for (std::uint32_t q = start; q < p; ++q) word_bytes.push_back(text.items[q].word_bytes);
        std::vector<Place> places(word_bytes.size());
        view->read(start, word_bytes, places);
        for (std::uint32_t q = start; q < p; ++q) ASSERT_EQ(places[q - start], text.items[q].place);
        start = p + 1;
    }
}

TEST(Places, equal_plain_arrays) {
    Prng prng(1);
    for (int round = 0; round < 300; ++round) {
        const auto records = static_cast<std::uint32_t>(prng.below(12));
        const auto most = static_cast<std::uint32_t>(prng.below(round % 3 == 0 ? 4 : 400));
        expect_round_trip(random_text(prng, records, most, round % 9));
    }
}

TEST(Places, hold_extremes) {
    Text text;
    text.items = {{{0xfffffff0, 15}, 31, false},
                  {},
                  {{0, 0xffffffff}, 0, false},
                  {{0xffffffff, 0}, 31, false},
                  {}};
    text.items[1].separator = text.items[4].separator = true;
    text.starts = {0, 0, 2, 2, 2};
    expect_round_trip(text);
    expect_round_trip({});
}

TEST(Places, of_symbols_that_differ_from_their_text) {
    // Decomposed and upper-case letters, a code point of 4 bytes, wide gaps, a cut word.
    const std::string records[] = {"E\xcc\x81t\xc3\xa9  \xe1\xba\x9e STRASSE,\t\n\n  x", "",
                                   "\xe4\xb8\xad\xe5\x9b\xbd \xf0\x9f\x98\x80\xf0\x9d\x94\xb8",
                                   "   ", std::string(100, 'W') + " \xef\xac\x83 \xc4\xb0stanbul"};
    Text text;
    for (int copy = 0; copy < 20; ++copy) {
        for (const auto& record : records) {
            const auto start = static_cast<std::uint32_t>(text.items.size());
            const auto symbols = *text::symbolize(record);
            for (const auto& symbol : symbols) {
                const auto bytes = text::symbol_text(symbol.word).size();
                text.items.push_back(
                    {{symbol.offset, symbol.size}, static_cast<std::uint32_t>(bytes), false});
            }
            end_record(text, start);
        }
    }
    expect_round_trip(text);
}

TEST(Places, are_about_half_a_byte_a_symbol) {
    Prng prng(2);
    const Text text = random_text(prng, 10, 10'000, 0);
    EXPECT_LT(static_cast<double>(encode(text).size()),
              0.4 * static_cast<double>(text.items.size()));
}

TEST(Places, refuse_other_sizes) {
    Prng prng(3);
    const Text text = random_text(prng, 5, 100, 2);
    const Bytes section = encode(text);
    const auto count = static_cast<std::uint32_t>(text.items.size());
    for (std::size_t size = 0; size < section.size(); ++size) {
        const auto view = PlaceView::open(ByteView(section).first(size), count);
        ASSERT_FALSE(view);
        ASSERT_EQ(view.error().code, ErrorCode::corrupted);
    }
    EXPECT_FALSE(PlaceView::open(section, count + 64));
    EXPECT_FALSE(PlaceView::open(section, count + 1));
    EXPECT_FALSE(PlaceView::open(section, 0xffffffff));
    Bytes longer = section;
    longer.push_back(0);
    EXPECT_FALSE(PlaceView::open(longer, count));
}

TEST(Places, are_safe_on_altered_bytes) {
    Prng prng(4);
    for (int round = 0; round < 200; ++round) {
        const Text text = random_text(prng, 5, 100, 4);
        Bytes section = encode(text);
        const auto count = static_cast<std::uint32_t>(text.items.size());
        for (int i = 0; i < 20; ++i) {
            section[16 + prng.below(section.size() - 16)] = static_cast<std::uint8_t>(prng.next());
        }
        const auto view = PlaceView::open(section, count);
        ASSERT_TRUE(view);
        for (std::uint32_t p = 0; p < count; ++p) {
            place_at(*view, text, p);
            const auto elsewhere = static_cast<std::uint32_t>(prng.next());
            view->at(p, elsewhere, [](std::uint32_t) { return 5U; });
        }
    }
}

} // namespace
} // namespace ol::attribution::suffix
