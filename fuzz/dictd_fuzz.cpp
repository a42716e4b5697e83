// The other readers. dictd: the input is an index, a zero byte, and a dictionary; an index that is
// refused names its line. Plain text, Markdown and JSON lines take any bytes.
#include <cstdint>
#include <cstdlib>

#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "text/formats.hpp"
#include "text/gzip.hpp"
#include "text/rows.hpp"
#include "text/utf8.hpp"

namespace {

void check(const ol::text::ReadResult& read) {
    for (const ol::text::Document& row : read.documents) {
        const auto normal = ol::text::normalize_text(row.text);
        if (!normal || *normal != row.text || row.text.empty() || row.line == 0) std::abort();
        if (row.text.size() > ol::limits::record_bytes) std::abort();
        if (ol::text::tidy_title(row.title) != row.title) std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = ol::as_text({data, size});
    const std::size_t zero = std::min(bytes.find('\0'), bytes.size());
    const auto dictionary = ol::text::read_dictd(
        bytes.substr(0, zero), bytes.substr(std::min(zero + 1, bytes.size())), "fuzz.index");
    if (dictionary) {
        check(*dictionary);
    } else if (dictionary.error().context.find("line ") == std::string::npos) {
        std::abort();
    }
    check(ol::text::read_plain(bytes, "fuzz.txt"));
    check(ol::text::read_markdown(bytes, "fuzz.md"));
    check(ol::text::read_jsonl(bytes, "fuzz.jsonl"));
    const auto unpacked = ol::text::gunzip({data, size}, 1 << 20);
    if (unpacked && unpacked->size() > 1 << 20) std::abort();
    return 0;
}
