// Two decoders: tokenizer.json as any bytes (refused, or printed to a form that reads back as the
// same tokenizer), and text as any bytes (the ids always decode to the same bytes). The first byte
// chooses.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/bytes.hpp"
#include "model/tokenizer.hpp"

namespace {

using ol::model::Tokenizer;

const Tokenizer& sample() {
    static const Tokenizer tokenizer = [] {
        auto trained = Tokenizer::train({"the cat sat on the mat, then the cat ate the rat's hat. "
                                         "aaaa aaaaaaaa    \n\n\t 12 123 1234"},
                                        290, {"<|end|>", "<|user|>"});
        if (!trained) std::abort();
        return std::move(*trained);
    }();
    return tokenizer;
}

void check_text(const Tokenizer& tokenizer, std::string_view text) {
    if (tokenizer.decode(tokenizer.encode(text)) != text) std::abort();
    if (tokenizer.decode(tokenizer.encode(text, true), true) != text) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto rest = ol::as_text({data + 1, size - 1});
    if (data[0] % 2 == 0) {
        check_text(sample(), rest);
        return 0;
    }
    const auto tokenizer = Tokenizer::from_json(rest);
    if (!tokenizer) return 0;
    const auto printed = tokenizer->to_json();
    const auto again = Tokenizer::from_json(printed);
    if (!again || again->to_json() != printed) std::abort();
    check_text(*tokenizer, "the cat <|end|> sat \xff\xfe");
    return 0;
}
