// Four decoders: text as any bytes (the ids decode to the same bytes), tokenizer.json as any bytes
// (refused, or printed to a form that reads back as the same tokenizer), tokenizer.model as any
// bytes, and text as any bytes through a pipeline of most parts. The first byte chooses.
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

const Tokenizer& pipeline() {
    static const Tokenizer tokenizer = [] {
        auto read = Tokenizer::from_json(R"json({
"added_tokens":[{"id":0,"content":"<unk>","special":true},
 {"id":6,"content":"ab c","special":false,"lstrip":true,"rstrip":true,"normalized":true}],
"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKD"},{"type":"StripAccents"},
 {"type":"Lowercase"},{"type":"NFC"},{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},
 {"type":"Strip","strip_left":true,"strip_right":false}]},
"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":
 {"Regex":"(?i:'s|'t)|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"},"behavior":"MergedWithNext",
 "invert":false},{"type":"Punctuation","behavior":"Contiguous"},{"type":"Digits"},
 {"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}]},
"decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Metaspace",
 "replacement":"▁"},{"type":"Strip","content":" ","start":1,"stop":1},{"type":"Fuse"}]},
"model":{"type":"Unigram","unk_id":0,"byte_fallback":true,
 "vocab":[["<unk>",0],["▁",-2],["a",-3],["ab",-4],["b",-3.5],["<0xC3>",-9]]}})json");
        if (!read) std::abort();
        return std::move(*read);
    }();
    return tokenizer;
}

void check_text(const Tokenizer& tokenizer, std::string_view text) {
    if (tokenizer.decode(tokenizer.encode(text)) != text) std::abort();
    if (tokenizer.decode(tokenizer.encode(text, true), true) != text) std::abort();
}

// Whatever was loaded takes any text, and a stream gives what decoding at once gives.
void use(const Tokenizer& tokenizer, std::string_view text) {
    for (const bool special : {false, true}) {
        const auto ids = tokenizer.encode(text, {special, special});
        for (const auto id : ids) {
            if (id >= tokenizer.vocab_size()) std::abort();
        }
        (void)tokenizer.decode(ids, special);
        ol::model::TokenStream stream(tokenizer, special);
        for (const auto id : ids) (void)stream.push(id);
        (void)stream.finish();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto rest = ol::as_text({data + 1, size - 1});
    switch (data[0] % 4) {
    case 0:
        check_text(sample(), rest);
        return 0;
    case 1:
        if (const auto tokenizer = Tokenizer::from_json(rest)) {
            const auto printed = tokenizer->to_json();
            const auto again = Tokenizer::from_json(printed);
            if (!again || again->to_json() != printed) std::abort();
            use(*tokenizer, "the cat <|end|> sat \xff\xfe e\u0301 \u2581ab 12");
        }
        return 0;
    case 2:
        if (const auto tokenizer = Tokenizer::from_sentencepiece(rest))
            use(*tokenizer, "the cat <s> sat \xff\xfe e\u0301 \u2581ab 12");
        return 0;
    default:
        use(pipeline(), rest);
        return 0;
    }
}
