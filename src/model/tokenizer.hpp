// Tokenizer: byte-level BPE trained here, or a tokenizer of the Hugging Face ecosystem as it is:
// tokenizer.json (BPE, Unigram) or SentencePiece's tokenizer.model. Ids and decoding are those of
// the `tokenizers` and `sentencepiece` libraries; docs/formats/tokenizer.md says what is read and
// what is refused. The same text gives the same ids on every machine.
//
// Thread-safe once made. Text is any bytes: where the pipeline does not keep bytes that are not
// UTF-8, they become U+FFFD before anything else.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/result.hpp"

namespace ol::model {

using TokenId = std::uint32_t;

struct EncodeOptions {
    // Whether special tokens written in the text ("<|end|>") are recognised. Without it they are
    // text like any other: what a stranger writes never becomes one. (Hugging Face's default is
    // the opposite.)
    bool allow_special = false;
    // Whether the tokens that the model wants around a text (post_processor) are added.
    bool add_special_tokens = false;
};

class Tokenizer {
public:
    // Learns merges from texts until vocab_size ids exist (256 bytes + specials + merges). Ties in
    // pair counts break to the lexicographically smaller pair. special: ids 0, 1, ... in order.
    static Result<Tokenizer> train(const std::vector<std::string_view>& texts,
                                   std::uint32_t vocab_size,
                                   const std::vector<std::string>& special,
                                   const ProgressSink& progress = no_progress);
    // tokenizer.json; what this version does not do is unsupported, by name and place.
    static Result<Tokenizer> from_json(std::string_view text);
    // tokenizer.model: SentencePiece's protobuf with a BPE or a Unigram model.
    static Result<Tokenizer> from_sentencepiece(std::string_view bytes);
    // A tokenizer.json or a tokenizer.model, or a folder with one of them (the first where both
    // are). In a folder, bos and eos come from tokenizer_config.json or special_tokens_map.json.
    static Result<Tokenizer> from_file(const Path& path);
    // tokenizer.json, which reads back as the same tokenizer. Of a tokenizer.model: empty, since
    // some of what it says has no place there.
    std::string to_json() const;

    Tokenizer(Tokenizer&&) noexcept;
    Tokenizer& operator=(Tokenizer&&) noexcept;
    ~Tokenizer();

    std::uint32_t vocab_size() const;
    std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const;
    std::vector<TokenId> encode(std::string_view text, bool allow_special) const {
        return encode(text, EncodeOptions{allow_special, false});
    }
    // Text of the tokens; special tokens give nothing unless with_special, unknown ids nothing at
    // all. A byte-level tokenizer gives bytes, which may end inside a UTF-8 sequence; TokenStream
    // is for reading token by token.
    std::string decode(const std::vector<TokenId>& ids, bool with_special = false) const;

    // The id of a special token, or not_found.
    Result<TokenId> special(std::string_view token) const;
    // All special tokens with their ids, ascending.
    std::vector<std::pair<std::string, TokenId>> special_tokens() const;
    // A token as its file writes it (byte-level ones in the byte-level alphabet).
    std::optional<TokenId> token_id(std::string_view token) const;
    std::optional<std::string> token_text(TokenId id) const;
    // Begin and end of a text, where the files name them.
    std::optional<TokenId> bos() const;
    std::optional<TokenId> eos() const;

private:
    friend class TokenStream;
    struct Impl;
    explicit Tokenizer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// Text of tokens that come one by one: whole characters as soon as they are sure. The parts
// together are decode() of all ids, with U+FFFD for what never became a character.
class TokenStream {
public:
    // The tokenizer must outlive the stream.
    explicit TokenStream(const Tokenizer& tokenizer, bool with_special = false)
        : tokenizer_(tokenizer)
        , with_special_(with_special) {}

    std::string push(TokenId id);
    std::string finish(); // what was held back

private:
    const Tokenizer& tokenizer_;
    bool with_special_;
    std::string bytes_;           // byte-level: what is no whole character yet
    std::vector<TokenId> window_; // others: the tokens of the last part, and those after it
    std::size_t sent_ = 0;        // bytes of decode(window_) that were given out
    std::size_t sent_tokens_ = 0; // tokens of window_ that they came from
};

} // namespace ol::model
