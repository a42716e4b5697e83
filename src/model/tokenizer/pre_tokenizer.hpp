// PreTokenizer: cuts a normalised text into the words that the model sees (tokenizer.json's
// pre_tokenizer).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "codec/json.hpp"
#include "model/tokenizer/regex.hpp"
#include "model/tokenizer/words.hpp"

namespace ol::model {

// Words of a text; `owned` holds those that are not cut out of it.
struct Pieces {
    struct Piece {
        std::string_view text;
        bool at_start = false; // at the start of the whole text
    };
    std::vector<Piece> pieces;
    std::deque<std::string> owned;
};

class PreTokenizer {
public:
    PreTokenizer() = default; // the whole text is one word
    static Result<PreTokenizer> from_json(const codec::Json& json);
    // ByteLevel with its regular expression and no prefix: what Tokenizer::train uses.
    static PreTokenizer byte_level();

    // Whether words are bytes (the last step is ByteLevel), not characters.
    bool is_byte_level() const { return byte_level_; }
    // The scanner that does the same as all steps, if there is one. It also takes bytes that are
    // not UTF-8.
    std::optional<WordPattern> scanner() const;

    // Cuts each piece on; none of the results is empty.
    void run(Pieces& pieces) const;

private:
    enum class Kind : std::uint8_t {
        split,
        digits,
        individual_digits,
        punctuation,
        whitespace,
        whitespace_split,
        metaspace,
        byte_level,
    };
    enum class Behavior : std::uint8_t { removed, isolated, with_previous, with_next, contiguous };
    enum class Prepend : std::uint8_t { always, first, never };
    struct Step {
        Kind kind = Kind::split;
        Behavior behavior = Behavior::isolated;
        bool invert = false;
        std::string literal; // a Split's string; Metaspace's replacement
        std::unique_ptr<Regex> regex;
        std::optional<WordPattern> scanner; // of a regex that has one
        Prepend prepend = Prepend::always;
        bool split = true;   // Metaspace: cut before each replacement
        bool prefix = false; // ByteLevel: add_prefix_space
    };
    struct Span {
        std::size_t begin = 0, end = 0;
        bool match = false;
    };

    Status add(const codec::Json& json, int depth);
    static Result<Step> read_split(const codec::Json& json);
    static Result<Step> read_metaspace(const codec::Json& json);
    static Result<Behavior> read_behavior(const codec::Json& json, std::string_view place);
    static void find(const Step& step, std::string_view text, std::vector<Span>& out);
    static void cut(std::vector<Span>& spans, Behavior behavior);
    static void run_step(const Step& step, Pieces& pieces);
    // The text that the step's matches are looked for in.
    static std::string_view prepare(const Step& step, const Pieces::Piece& piece,
                                    std::deque<std::string>& owned);

    std::vector<Step> steps_;
    bool byte_level_ = false;
};

} // namespace ol::model
