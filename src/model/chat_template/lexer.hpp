// Tokens of a template, with Jinja's rules for white space: trim_blocks (the line break after a
// block goes), lstrip_blocks (blanks before a block at the start of a line go), "-" and "+".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace ol::model::chat_template {

struct Place {
    std::uint32_t line = 1, column = 1; // from 1; the column in bytes
};

enum class TokenKind {
    data,
    block_begin,
    block_end,
    variable_begin,
    variable_end,
    name,
    text,
    integer,
    real,
    op,
    end,
};

struct Token {
    TokenKind kind = TokenKind::end;
    std::string value; // of a text: unescaped; of an op: "//", "(", ...
    std::size_t offset = 0;
};

struct Lexed {
    std::string source; // with \n alone for line ends
    std::vector<Token> tokens;
};

Result<Lexed> lex(std::string_view source);
Place place_of(std::string_view source, std::size_t offset);

} // namespace ol::model::chat_template
