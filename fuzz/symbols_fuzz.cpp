// Symbols of any UTF-8 text are UTF-8 of at most 31 bytes, in order and within the text; word
// segments cover it; normalising twice changes nothing; simplified words have single spaces.
#include <cstdint>
#include <cstdlib>

#include "text/symbols.hpp"
#include "text/utf8.hpp"
#include "text/word_break.hpp"
#include "text/words.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ol::text;
    const std::string_view text = ol::as_text({data, size});
    const auto symbols = symbolize(text);
    if (symbols.has_value() != !find_invalid_utf8(text).has_value()) std::abort();
    if (!symbols) return 0;
    std::size_t end = 0;
    for (const Symbol& symbol : *symbols) {
        const std::string_view word = symbol_text(symbol.word);
        if (word.empty() || word.size() > symbol_max_bytes || is_separator(symbol.word)) {
            std::abort();
        }
        if (find_invalid_utf8(word)) std::abort();
        if (symbol.offset < end || symbol.offset + symbol.size > size) std::abort();
        end = symbol.offset + symbol.size;
    }
    for (std::size_t at = 0; at < size;) {
        const std::size_t next = word_end(text, at);
        if (next <= at || next > size) std::abort();
        at = next;
    }
    if (const auto normal = normalize_text(text)) {
        if (normalize_text(*normal).value() != *normal) std::abort();
    }
    const std::string words = simplify_words(text);
    if (find_invalid_utf8(words) || words.find("  ") != std::string::npos) std::abort();
    return 0;
}
