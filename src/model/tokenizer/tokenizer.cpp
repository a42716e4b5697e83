#include "model/tokenizer.hpp"

#include <algorithm>

#include "model/tokenizer/byte_alphabet.hpp"
#include "model/tokenizer/impl.hpp"
#include "text/unicode.hpp"
#include "text/utf8.hpp"

namespace ol::model {

std::string Vocabulary::written(TokenId id) const {
    return byte_level && (flags[id] & raw) == 0 ? characters_from_bytes(texts[id]) : texts[id];
}

TokenId Vocabulary::find_written(std::string_view text) const {
    if (const auto found = raw_ids.find(std::string(text)); found != raw_ids.end())
        return found->second;
    if (!byte_level) return find(text);
    const auto bytes = bytes_from_characters(text);
    return bytes ? find(*bytes) : no_token;
}

void Tokenizer::Impl::encode_word(std::string_view word, std::vector<TokenId>& out) const {
    if (const auto* bpe = std::get_if<Bpe>(&model)) {
        bpe->encode(vocabulary, word, out);
    } else {
        std::get<Unigram>(model).encode(vocabulary, word, out);
    }
}

void Tokenizer::Impl::encode_normalized(std::string_view text, bool at_start,
                                        std::vector<TokenId>& out) const {
    if (scanner) {
        const auto& bpe = std::get<Bpe>(model);
        for (std::size_t at = 0; at < text.size();) {
            const auto size = next_word(text.substr(at), *scanner);
            bpe.encode(vocabulary, text.substr(at, size), out);
            at += size;
        }
        return;
    }
    if (frozen.empty()) {
        Pieces pieces;
        pieces.pieces.push_back({text, at_start});
        pre_tokenizer.run(pieces);
        for (const auto& piece : pieces.pieces) encode_word(piece.text, out);
        return;
    }
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto found = frozen.longest(text, at);
        if (found.size == 0) {
            ++at;
            continue;
        }
        encode_word(text.substr(done, at - done), out);
        out.push_back(found.value);
        done = at += found.size;
    }
    encode_word(text.substr(done), out);
}

void Tokenizer::Impl::encode_text(std::string_view text, bool at_start, bool allow_special,
                                  std::vector<TokenId>& out) const {
    if (text.empty()) return;
    std::string normalized;
    if (!normalizer.is_identity()) {
        normalized = text;
        normalizer.apply(normalized);
        text = normalized;
    }
    if (added.none_normalized()) {
        if (!text.empty()) encode_normalized(text, at_start, out);
        return;
    }
    for (const auto& part : added.split(text, true, allow_special)) {
        if (part.id != no_token) {
            out.push_back(part.id);
        } else {
            encode_normalized(part.text, at_start && part.text.data() == text.data(), out);
        }
    }
}

std::string Tokenizer::Impl::decoded_text(TokenId id) const {
    if ((vocabulary.flags[id] & Vocabulary::added) != 0) {
        const auto* token = added.find(id);
        if (token != nullptr && token->normalized) return token->pattern;
    }
    return vocabulary.written(id);
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::uint32_t Tokenizer::vocab_size() const {
    return static_cast<std::uint32_t>(impl_->vocabulary.texts.size());
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
    std::vector<TokenId> out;
    out.reserve(text.size() / 3 + 4);
    std::string valid;
    // A scanner keeps bytes that are not UTF-8.
    if (!impl_->scanner && text::find_invalid_utf8(text)) {
        valid = replace_invalid_utf8(text);
        text = valid;
    }
    for (const auto& part : impl_->added.split(text, false, options.allow_special)) {
        if (part.id != no_token) {
            out.push_back(part.id);
        } else {
            impl_->encode_text(part.text, part.text.data() == text.data(), options.allow_special,
                               out);
        }
    }
    if (options.add_special_tokens) impl_->post_processor.apply(out);
    return out;
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids, bool with_special) const {
    const auto& vocabulary = impl_->vocabulary;
    if (impl_->decoder.is_sentencepiece())
        return impl_->decoder.decode(ids, vocabulary, with_special);
    const bool byte_level = impl_->decoder.is_byte_level();
    std::string out;
    std::vector<std::string> tokens;
    for (const auto id : ids) {
        if (id >= vocabulary.texts.size()) continue; // a padded head may name ids without text
        const auto flags = vocabulary.flags[id];
        if ((flags & Vocabulary::special) != 0 && !with_special) continue;
        if (!byte_level) {
            tokens.push_back(impl_->decoded_text(id));
        } else if (vocabulary.byte_level && (flags & Vocabulary::raw) == 0) {
            out += vocabulary.texts[id];
        } else if ((flags & Vocabulary::special) != 0) {
            out += vocabulary.texts[id];
        } else {
            const auto text = impl_->decoded_text(id);
            out += bytes_from_characters(text).value_or(text);
        }
    }
    return byte_level ? out : impl_->decoder.decode(std::move(tokens));
}

Result<TokenId> Tokenizer::special(std::string_view token) const {
    for (const auto& added : impl_->added.all()) {
        if (added.special && added.content == token) return added.id;
    }
    return fail(ErrorCode::not_found, "the tokenizer has no special token '{}'", token);
}

std::vector<std::pair<std::string, TokenId>> Tokenizer::special_tokens() const {
    std::vector<std::pair<std::string, TokenId>> out;
    for (const auto& added : impl_->added.all()) {
        if (added.special) out.emplace_back(added.content, added.id);
    }
    std::sort(out.begin(), out.end(),
              [](const auto& a, const auto& b) { return a.second < b.second; });
    return out;
}

std::optional<TokenId> Tokenizer::token_id(std::string_view token) const {
    const auto id = impl_->vocabulary.find_written(token);
    return id == no_token ? std::nullopt : std::optional(id);
}

std::optional<std::string> Tokenizer::token_text(TokenId id) const {
    if (id >= impl_->vocabulary.texts.size()) return std::nullopt;
    return impl_->vocabulary.written(id);
}

std::optional<TokenId> Tokenizer::bos() const { return impl_->bos; }
std::optional<TokenId> Tokenizer::eos() const { return impl_->eos; }

namespace {

// Bytes of the longest prefix that no later byte can change: whole characters, and broken ones.
std::size_t settled(std::string_view bytes) {
    for (std::size_t back = 1; back <= std::min<std::size_t>(3, bytes.size()); ++back) {
        const auto c = static_cast<std::uint8_t>(bytes[bytes.size() - back]);
        if ((c & 0xc0) == 0x80) continue;
        const std::size_t wanted = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        return back < wanted ? bytes.size() - back : bytes.size();
    }
    return bytes.size();
}

// Byte tokens that never become a character are not held back for longer than this.
constexpr std::size_t max_held = 64;

} // namespace

std::string TokenStream::push(TokenId id) {
    if (tokenizer_.impl_->decoder.is_byte_level()) {
        bytes_ += tokenizer_.decode({id}, with_special_);
        const auto size = settled(bytes_);
        auto out = replace_invalid_utf8(std::string_view(bytes_).substr(0, size));
        bytes_.erase(0, size);
        return out;
    }
    window_.push_back(id);
    const auto text = tokenizer_.decode(window_, with_special_);
    const bool open = text.ends_with("\ufffd") && window_.size() - sent_tokens_ < max_held;
    if (text.size() <= sent_ || open) return {};
    auto out = text.substr(sent_);
    sent_ = text.size();
    // The tokens of this part are the context of the next, unless they give nothing by themselves:
    // then what follows would be taken for the start of the text.
    const std::vector<TokenId> context(window_.begin() + static_cast<std::ptrdiff_t>(sent_tokens_),
                                       window_.end());
    if (const auto alone = tokenizer_.decode(context, with_special_); !alone.empty()) {
        window_ = context;
        sent_ = alone.size();
    }
    sent_tokens_ = window_.size();
    return out;
}

std::string TokenStream::finish() {
    auto out = replace_invalid_utf8(std::exchange(bytes_, {}));
    if (!window_.empty()) {
        const auto text = tokenizer_.decode(window_, with_special_);
        if (text.size() > sent_) out += text.substr(sent_);
    }
    window_.clear();
    sent_ = sent_tokens_ = 0;
    return out;
}

} // namespace ol::model
