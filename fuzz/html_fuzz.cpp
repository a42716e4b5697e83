// The HTML reader takes any bytes; its rows are normalised UTF-8 within the limits of a record.
#include <cstdint>
#include <cstdlib>

#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "text/formats.hpp"
#include "text/html.hpp"
#include "text/rows.hpp"
#include "text/utf8.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = ol::as_text({data, size});
    const ol::text::ReadResult read = ol::text::read_html(bytes, "fuzz.html");
    for (const ol::text::Document& row : read.documents) {
        const auto normal = ol::text::normalize_text(row.text);
        if (!normal || *normal != row.text || row.text.empty() || row.line == 0) std::abort();
        if (row.text.size() > ol::limits::record_bytes) std::abort();
        if (ol::text::tidy_title(row.title) != row.title) std::abort();
    }
    if (read.issues.size() > ol::text::issues_max) std::abort();
    return 0;
}
