// Tokenizer: byte-level BPE as in Hugging Face's tokenizer.json (GPT-2 pre-tokenizer), trained here
// or loaded. The same text gives the same ids on every machine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.hpp"
#include "base/result.hpp"

namespace ol::model {

using TokenId = std::uint32_t;

class Tokenizer {
public:
    // Learns merges from texts until vocab_size ids exist (256 bytes + specials + merges). Ties in
    // pair counts break to the lexicographically smaller pair. special: ids 0, 1, ... in order.
    static Result<Tokenizer> train(const std::vector<std::string_view>& texts,
                                   std::uint32_t vocab_size,
                                   const std::vector<std::string>& special,
                                   const ProgressSink& progress = no_progress);
    // tokenizer.json; what this version does not do (another model type, a normalizer, another
    // pre-tokenizer) is unsupported, by name.
    static Result<Tokenizer> from_json(std::string_view text);
    std::string to_json() const;

    Tokenizer(Tokenizer&&) noexcept;
    Tokenizer& operator=(Tokenizer&&) noexcept;
    ~Tokenizer();

    std::uint32_t vocab_size() const;
    // Special tokens written in the text ("<|end|>") are recognised only when allow_special.
    std::vector<TokenId> encode(std::string_view text, bool allow_special = false) const;
    // Bytes of the tokens; special tokens give nothing unless with_special. May end inside a UTF-8
    // sequence: a streaming reader keeps the incomplete tail.
    std::string decode(const std::vector<TokenId>& ids, bool with_special = false) const;
    // The id of a special token, or not_found.
    Result<TokenId> special(std::string_view token) const;

private:
    struct Impl;
    explicit Tokenizer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace ol::model
