#include "text/reader.hpp"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include "base/limits.hpp"
#include "base/prng.hpp"
#include "text/formats.hpp"
#include "text/gzip.hpp"
#include "text/html.hpp"
#include "text/rows.hpp"
#include "text/utf8.hpp"
#include "text/words.hpp"

namespace ol::text {
namespace {

class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "ol-text-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Path write(const std::string& name, std::string_view bytes) const {
        const Path path = path_ / name;
        EXPECT_TRUE(write_file_atomic(path, bytes).has_value());
        return path;
    }
    const Path& path() const { return path_; }

private:
    Path path_;
};

std::string gzip(std::string_view bytes) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::string sentence(int i) {
    return fmt::format("This is sentence number {} of a longer paragraph about nothing at all.", i);
}

TEST(Gzip, RoundTripTruncationAndGarbage) {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += sentence(i);
    const std::string packed = gzip(text);
    EXPECT_EQ(gunzip(as_bytes(packed), text.size()).value(), text);
    EXPECT_EQ(gunzip(as_bytes(packed + packed), 2 * text.size()).value(), text + text);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{9},
                                   packed.size() / 2, packed.size() - 8, packed.size() - 1}) {
        const auto cut = gunzip(as_bytes(std::string_view(packed).substr(0, size)), text.size());
        ASSERT_FALSE(cut.has_value()) << size;
        EXPECT_EQ(cut.error().code, ErrorCode::corrupted);
    }
    EXPECT_EQ(gunzip(as_bytes(packed + "x"), text.size()).error().code, ErrorCode::corrupted);
    std::string broken = packed;
    broken[packed.size() / 2] ^= 0x20;
    EXPECT_EQ(gunzip(as_bytes(broken), text.size()).error().code, ErrorCode::corrupted);
    EXPECT_EQ(gunzip(as_bytes(gzip("")), 0).value(), "");
}

TEST(Gzip, BombStopsAtTheLimit) {
    const std::string bomb = gzip(std::string(64 << 20, 'a'));
    EXPECT_LT(bomb.size(), 1U << 17);
    const auto out = gunzip(as_bytes(bomb), 1 << 20);
    ASSERT_FALSE(out.has_value());
    EXPECT_EQ(out.error().code, ErrorCode::too_large);
    const std::string exact = gzip(std::string(1 << 20, 'a'));
    EXPECT_TRUE(gunzip(as_bytes(exact), 1 << 20).has_value());
    EXPECT_FALSE(gunzip(as_bytes(exact), (1 << 20) - 1).has_value());
}

TEST(Rows, UnwrapsProseAndLeavesCode) {
    EXPECT_EQ(
        unwrap("   The first line of this paragraph is long enough\n"
               "   to be a wrapped one, as is this dark-on-\n"
               "   light one."),
        "The first line of this paragraph is long enough to be a wrapped one, as is this dark-on-\n"
        "light one.");
    EXPECT_EQ(unwrap("   The first line of this paragraph is quite dark-on-\n   light."),
              "The first line of this paragraph is quite dark-on-light.");
    EXPECT_EQ(unwrap("if (x) {\n    return y;\n}"), "if (x) {\n    return y;\n}");
    EXPECT_EQ(
        unwrap("- an item of a list that is longer than a line may be\n  and goes on\n- next"),
        "- an item of a list that is longer than a line may be and goes on\n- next");
}

TEST(Rows, GathersAndCuts) {
    std::vector<Paragraph> paragraphs;
    for (int i = 0; i < 100; ++i)
        paragraphs.push_back({sentence(i), static_cast<std::uint64_t>(i + 1), false});
    const auto rows = gather_rows(paragraphs);
    std::string joined;
    std::string expected;
    for (const auto& row : rows) {
        EXPECT_GE(count_chars(row.text), row_min_chars);
        EXPECT_LE(count_chars(row.text), row_max_chars + row_tail_chars + 2);
        joined += row.text + "\n\n";
    }
    for (const auto& paragraph : paragraphs) expected += paragraph.text + "\n\n";
    EXPECT_EQ(joined, expected); // nothing lost, nothing twice
    // One endless word, two bytes a letter.
    std::string endless;
    for (int i = 0; i < 5000; ++i) endless += "é";
    std::string back;
    for (const auto& row : gather_rows({{endless, 1, false}})) {
        EXPECT_EQ(find_invalid_utf8(row.text), std::nullopt);
        back += row.text;
    }
    std::erase(back, '\n');
    EXPECT_EQ(back, endless);
    // Sentences are not cut.
    std::string prose;
    for (int i = 0; i < 60; ++i) prose += sentence(i) + " ";
    for (const auto& row : gather_rows({{prose, 1, false}})) EXPECT_EQ(row.text.back(), '.');
}

TEST(Reader, KnowsItsFiles) {
    for (const char* const name :
         {"a.txt", "a.MD", "a.html", "a.HTM", "a.jsonl", "a.txt.gz", "a.jsonl.gz", "a.index",
          "README", "GPL-3", "LGPL-2.1", "x/copyright"}) {
        EXPECT_TRUE(can_read(name)) << name;
    }
    for (const char* const name : {"a.pdf", "a.png", "a.dict", "a.dict.dz", "a.zip", "a.json",
                                   ".hidden", "a.3.so.1x", "a.index.gz"}) {
        EXPECT_FALSE(can_read(name)) << name;
    }
}

TEST(Reader, ErrorsNameTheFileAndTheRemedy) {
    const Folder folder;
    EXPECT_EQ(read_documents(folder.path() / "none.txt").error().code, ErrorCode::not_found);
    const auto pdf = read_documents(folder.write("a.pdf", "x"));
    EXPECT_EQ(pdf.error().code, ErrorCode::unsupported);
    EXPECT_NE(pdf.error().context.find("a.pdf"), std::string::npos);
    const auto dict = read_documents(folder.write("a.dict", "x"));
    EXPECT_NE(dict.error().context.find(".index"), std::string::npos);
    const auto binary = read_documents(folder.write("program", std::string_view("\x7f"
                                                                                "ELF\0\0",
                                                                                6)));
    EXPECT_EQ(binary.error().code, ErrorCode::unsupported);
    const auto cut = read_documents(folder.write("b.txt.gz", gzip("hello").substr(0, 15)));
    EXPECT_EQ(cut.error().code, ErrorCode::corrupted);
    EXPECT_NE(cut.error().context.find("b.txt.gz"), std::string::npos);
    EXPECT_EQ(read_documents(folder.write("lone.index", "a\tA\tB\n")).error().code,
              ErrorCode::not_found);
    std::filesystem::create_directory(folder.path() / "sub.txt");
    EXPECT_FALSE(read_documents(folder.path() / "sub.txt").has_value());
    if (::geteuid() != 0) {
        const Path closed = folder.write("closed.txt", "x");
        std::filesystem::permissions(closed, std::filesystem::perms::none);
        EXPECT_EQ(read_documents(closed).error().code, ErrorCode::permission_denied);
    }
}

TEST(Reader, PlainTextRowsAndLines) {
    const Folder folder;
    std::string text = "\xef\xbb\xbf";
    for (int i = 0; i < 30; ++i) text += sentence(i) + "\r\n\r\n";
    const auto read = read_documents(folder.write("a.txt", text));
    ASSERT_TRUE(read.has_value());
    ASSERT_EQ(read->documents.size(), 4U); // nine sentences make 600 characters
    EXPECT_EQ(read->documents[0].line, 1U);
    EXPECT_TRUE(read->documents[0].text.starts_with("This is sentence number 0 "));
    EXPECT_EQ(read->documents[1].line % 2, 1U);
    const auto packed = read_documents(folder.write("a.txt.gz", gzip(text)));
    ASSERT_TRUE(packed.has_value());
    EXPECT_EQ(packed->documents[2].text, read->documents[2].text);
    EXPECT_TRUE(read_documents(folder.write("empty.txt", ""))->documents.empty());
}

TEST(Reader, BadUtf8CostsItsParagraphAlone) {
    const ReadResult plain =
        read_plain("good one\n\nbad \xff one\nsame paragraph\n\ngood two\n", "f");
    ASSERT_EQ(plain.documents.size(), 1U);
    EXPECT_EQ(plain.documents[0].text, "good one\n\ngood two");
    ASSERT_EQ(plain.issues.size(), 1U);
    EXPECT_EQ(plain.issues[0].line, 3U);
    EXPECT_NE(plain.issues[0].reason.find("byte 14"), std::string::npos);
    std::string many;
    for (int i = 0; i < 3000; ++i) many += "\xff\n\n";
    const ReadResult flood = read_plain(many, "f");
    EXPECT_EQ(flood.issues.size(), issues_max);
    EXPECT_NE(flood.issues.back().reason.find("2000 more"), std::string::npos);
}

TEST(Reader, MarkdownSections) {
    const ReadResult read = read_markdown("---\nlayout: page\n---\n"
                                          "Intro text.\n\n# First *part* #\n\nBody one.\n\n"
                                          "```c\n# no heading\n\nint x;\n```\n\n"
                                          "Second part\n-----------\n\nBody two.\n- a\n- b\n"
                                          "### Empty\n## Last\nThe end.",
                                          "f.md");
    ASSERT_EQ(read.documents.size(), 4U);
    EXPECT_EQ(read.documents[0].title, "");
    EXPECT_EQ(read.documents[0].text, "Intro text.");
    EXPECT_EQ(read.documents[1].title, "First *part*");
    EXPECT_EQ(read.documents[1].text, "Body one.\n\n```c\n# no heading\n\nint x;\n```");
    EXPECT_EQ(read.documents[2].title, "Second part");
    EXPECT_EQ(read.documents[2].text, "Body two.\n- a\n- b");
    EXPECT_EQ(read.documents[3].title, "Last");
    EXPECT_EQ(read.documents[3].line, 24U);
}

TEST(Html, BlocksEntitiesAndDroppedParts) {
    const ReadResult read = read_html(
        "<!DOCTYPE html><html><head><title>A &amp; B</title><style>p{}</style>\n"
        "<script>if (a < b) document.write('<p>no</p>')</script></head><body>\n"
        "<nav><ul><li>Home</li></ul></nav><div class='x navheader'><div>prev</div> next</div>\n"
        "<h1>A &amp; B</h1><p>Caf&eacute; &#x201c;x&#8221;&nbsp;&lt;y&gt; &unknown; &#0; 5 &lt 6\n"
        "and   <b>bold</b>text<br>new line</p><!-- <p>no</p> -->\n"
        "<h2><span>1.2. </span>Sub <i>heading</i><a class=\"headerlink\" href=#>&para;</a></h2>\n"
        "<ul><li>one<li><p>two</p></ul>text after<pre>\n  code  here\n\n  &lt;more&gt;</pre>\n"
        "<table><tr><td>a<td>b</tr><tr><td>c</td><td>d</td></tr></table><footer>f</footer>",
        "p.html");
    ASSERT_EQ(read.documents.size(), 2U);
    EXPECT_EQ(read.documents[0].title, "A & B");
    EXPECT_EQ(read.documents[0].text,
              "Café “x” <y> &unknown; \xef\xbf\xbd 5 &lt 6 and boldtext\nnew line");
    EXPECT_EQ(read.documents[0].line, 4U);
    EXPECT_EQ(read.documents[1].title, "A & B: Sub heading");
    EXPECT_EQ(read.documents[1].text,
              "- one\n- two\n\ntext after\n\n  code  here\n\n  <more>\na b\nc d");
}

TEST(Html, ToleratesAnything) {
    for (const char* const html : {"<",
                                   "<>",
                                   "</",
                                   "</p",
                                   "<p",
                                   "<p a",
                                   "<p a=",
                                   "<p a='",
                                   "<!--",
                                   "<!",
                                   "&",
                                   "&#",
                                   "&#x",
                                   "&#xffffffffff;",
                                   "<script>",
                                   "<title>",
                                   "<nav><nav></nav>",
                                   "<div class=nav>text",
                                   "a<b",
                                   "<pre>",
                                   "<h1><h2></h1>",
                                   "</div></div>"}) {
        read_html(html, "f");
    }
    // An element that is dropped but never closed keeps its text.
    EXPECT_EQ(parse_html("<div class=nav>text").blocks.at(0).text, "text");
    EXPECT_EQ(parse_html("a < b && c").blocks.at(0).text, "a < b && c");
    std::string deep;
    for (int i = 0; i < 200'000; ++i) deep += "<div class=nav>";
    EXPECT_TRUE(parse_html(deep + "x").blocks.size() == 1U); // in linear time
}

TEST(Html, Latin1PagesAndBadBytes) {
    const ReadResult latin =
        read_html("<meta charset=\"iso-8859-1\"><p>caf\xe9 \x93quoted\x94", "f");
    ASSERT_EQ(latin.documents.size(), 1U);
    EXPECT_EQ(latin.documents[0].text, "café “quoted”");
    const ReadResult bad = read_html("<p>good</p>\n<p>b\xff"
                                     "d</p><p>fine</p>",
                                     "f");
    ASSERT_EQ(bad.issues.size(), 1U);
    EXPECT_EQ(bad.issues[0].line, 2U);
    EXPECT_EQ(bad.documents.at(0).text, "good\n\nfine");
}

TEST(Html, NamedEntitiesAreSorted) {
    EXPECT_EQ(entity_code_point("AElig"), 0xc6U);
    EXPECT_EQ(entity_code_point("zwnj"), 0x200cU);
    EXPECT_EQ(entity_code_point("amp"), '&' + 0U);
    EXPECT_EQ(entity_code_point("apos"), '\'' + 0U);
    EXPECT_EQ(entity_code_point("hellip"), 0x2026U);
    EXPECT_EQ(entity_code_point("nothing"), 0U);
    EXPECT_EQ(entity_code_point(""), 0U);
}

TEST(Jsonl, MembersTitlesAndIssues) {
    const ReadResult read =
        read_jsonl("{\"text\":\"one\",\"title\":\"T\"}\n"
                   "{\"content\":\"two\"}\r\n"
                   "{\"question\":\"Why?\",\"answer\":\"Because.\"}\n"
                   "{\"prompt\":\"p\",\"completion\":\"c\"}\n"
                   "\n"
                   "{\"instruction\":\"do\",\"input\":\"in\",\"output\":\"out\"}\n"
                   "[1]\n{\"text\":1}\n{\"x\":\"y\"}\n{\"text\":\"a\xff\"}\n{\"text\":\n"
                   "{\"body\":\"last\"}",
                   "f.jsonl");
    ASSERT_EQ(read.documents.size(), 6U);
    EXPECT_EQ(read.documents[0].title, "T");
    EXPECT_EQ(read.documents[1].text, "two");
    EXPECT_EQ(read.documents[2].title, "Why?");
    EXPECT_EQ(read.documents[2].text, "Because.");
    EXPECT_EQ(read.documents[3].text, "p\n\nc");
    EXPECT_EQ(read.documents[4].title, "do");
    EXPECT_EQ(read.documents[4].text, "in\n\nout");
    EXPECT_EQ(read.documents[5].line, 12U);
    ASSERT_EQ(read.issues.size(), 5U);
    EXPECT_EQ(read.issues[0].line, 7U);
    EXPECT_NE(read.issues[1].reason.find("'text'"), std::string::npos);
    EXPECT_NE(read.issues[3].reason.find("not UTF-8"), std::string::npos);
    // A question that is no title stays in the text.
    const std::string question(600, 'q');
    const ReadResult lengthy =
        read_jsonl("{\"question\":\"" + question + "\",\"answer\":\"a\"}", "f");
    EXPECT_EQ(lengthy.documents.at(0).text, question + "\n\na");
    const ReadResult huge =
        read_jsonl("{\"text\":\"" + std::string(limits::record_bytes + 1, 'x') + "\"}", "f");
    EXPECT_EQ(huge.issues.size(), 1U);
}

constexpr std::string_view dict_text =
    "00-database-info\nnotes\n"
    "Foo Bar\nFoo\n\n   <a, b-c> The {first\n   thing}, {x;y}.\n\n   (1999-01-31)\n"
    "b\xff\n"
    "short\n n.\n\n [{Jargon File}]\n";

std::string index_line(std::string_view headword, std::size_t offset, std::size_t size) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto number = [&](std::size_t value) {
        std::string out;
        do {
            out.insert(out.begin(), digits[value % 64]);
            value /= 64;
        } while (value > 0);
        return out;
    };
    return fmt::format("{}\t{}\t{}\n", headword, number(offset), number(size));
}

TEST(Dictd, EntriesSynonymsAndIssues) {
    const std::size_t foo = dict_text.find("Foo");
    const std::size_t bad = dict_text.find("b\xff");
    const std::size_t jargon = dict_text.find("short");
    const std::string index = index_line("00-database-info", 0, foo) + index_line("bad", bad, 3) +
                              index_line("foo", foo, bad - foo) +
                              index_line("foo bar", foo, bad - foo) +
                              index_line("short", jargon, dict_text.size() - jargon);
    const auto read = read_dictd(index, dict_text, "x.index");
    ASSERT_TRUE(read.has_value()) << read.error().to_string();
    ASSERT_EQ(read->documents.size(), 2U);
    EXPECT_EQ(read->documents[0].title, "Foo Bar");
    EXPECT_EQ(read->documents[0].text, "The {first\nthing}, {x;y}.");
    EXPECT_EQ(read->documents[0].line, 3U);
    EXPECT_EQ(read->documents[1].title, "short");
    EXPECT_EQ(read->documents[1].text, "n.");
    ASSERT_EQ(read->issues.size(), 1U);
    EXPECT_EQ(read->issues[0].line, 2U);

    const Folder folder;
    const Path path = folder.write("x.index", index);
    folder.write("x.dict", dict_text);
    EXPECT_EQ(read_documents(path)->documents.size(), 2U);
    std::filesystem::remove(folder.path() / "x.dict");
    folder.write("x.dict.dz", gzip(dict_text));
    EXPECT_EQ(read_documents(path)->documents.size(), 2U);
    folder.write("x.dict.dz", gzip(dict_text).substr(0, 40));
    EXPECT_EQ(read_documents(path).error().code, ErrorCode::corrupted);
}

TEST(Dictd, CorruptIndexIsNamedByItsLine) {
    for (const std::string& bad :
         {std::string("no tabs\n"), std::string("a\tB\n"), std::string("a\t!\tB\n"),
          std::string("a\t\tB\n"), std::string("a\tAAAAAAAAAAA\tB\n"), index_line("a", 0, 1000),
          index_line("a", 1000, 1), std::string("a\t//////////\t//////////\n")}) {
        const auto read = read_dictd(index_line("ok", 0, 3) + bad, dict_text, "x.index");
        ASSERT_FALSE(read.has_value()) << bad;
        EXPECT_EQ(read.error().code, ErrorCode::corrupted);
        EXPECT_NE(read.error().context.find("line 2"), std::string::npos);
    }
}

// The real input of the demo, where the machine has it.
TEST(Reader, RealFiles) {
    const Path foldoc = "/usr/share/dictd/foldoc.index";
    if (!std::filesystem::exists(foldoc)) GTEST_SKIP() << "dict-foldoc is not installed";
    const auto read = read_documents(foldoc);
    ASSERT_TRUE(read.has_value()) << read.error().to_string();
    EXPECT_GT(read->documents.size(), 10'000U);
    EXPECT_TRUE(read->issues.empty());
    for (const Document& row : read->documents) {
        ASSERT_FALSE(row.title.empty());
        ASSERT_LE(row.text.size(), limits::record_bytes);
        ASSERT_FALSE(row.title.starts_with("00-database"));
        ASSERT_EQ(normalize_text(row.text).value(), row.text);
    }
}

TEST(Reader, HostileBytesNeverBreakAReader) {
    Prng prng(11);
    const std::string_view pieces[] = {
        "<p>",      "</p>",      "<div class=nav>",  "</div>", "<!--", "-->", "&#x41;",
        "&amp",     "<script>",  "</script",         "\n\n",   "# x",  "```", "\xff",
        "\xe2\x82", "a\tA\tB\n", "{\"text\":\"x\"}", "\"",     "\\",   "é",   "<pre>",
        "\0",       " "};
    for (int round = 0; round < 3000; ++round) {
        std::string bytes;
        for (std::size_t n = prng.below(30); n > 0; --n)
            bytes += pieces[prng.below(std::size(pieces))];
        for (const auto& read : {read_plain(bytes, "f"), read_markdown(bytes, "f"),
                                 read_html(bytes, "f"), read_jsonl(bytes, "f")}) {
            for (const Document& row : read.documents) {
                ASSERT_EQ(find_invalid_utf8(row.text), std::nullopt);
                ASSERT_EQ(find_invalid_utf8(row.title), std::nullopt);
                ASSERT_FALSE(row.text.empty());
                ASSERT_GT(row.line, 0U);
            }
        }
        (void)read_dictd(bytes, bytes, "f");
    }
}

TEST(Words, SimplifiedForComparison) {
    EXPECT_EQ(simplify_words("The year 1999, can't e-mail: C++!"), "the year 0000 can t e mail c ");
    EXPECT_EQ(simplify_words("Café Ünïcode STRASSE Straße"), "cafe unicode strasse strasse ");
    EXPECT_EQ(simplify_words("日本go語"), "日 本 go 語 ");
    EXPECT_EQ(simplify_words("co\u00adoperate \u0661\u0662"), "cooperate 00 ");
    EXPECT_EQ(simplify_words(""), "");
    EXPECT_EQ(simplify_words(" .,- "), "");
}

} // namespace
} // namespace ol::text
