#include "model/chat_template/parser.hpp"

#include <algorithm>

namespace ol::model::chat_template {

std::unique_ptr<Statement> Parser::statement(StatementKind kind, std::size_t offset) {
    auto out = std::make_unique<Statement>();
    out->kind = kind;
    out->offset = offset;
    return out;
}

Status Parser::statements(Body& body, Names ends, std::string_view& ended) {
    const Level level(level_);
    OL_TRY(check_level());
    for (;;) {
        const auto token = take();
        switch (token.kind) {
        case TokenKind::data: {
            auto out = statement(StatementKind::text, token.offset);
            out->text = token.value;
            body.push_back(std::move(out));
            break;
        }
        case TokenKind::variable_begin: {
            auto out = statement(StatementKind::output, token.offset);
            out->value = OL_TRY(tuple_or_one(false, true));
            if (!is(TokenKind::variable_end)) return unexpected_token("'}}'");
            ++at_;
            body.push_back(std::move(out));
            break;
        }
        case TokenKind::block_begin: {
            if (!is(TokenKind::name)) return unexpected_token("the name of a statement");
            const auto found = std::find(ends.begin(), ends.end(), now().value);
            if (found != ends.end()) {
                ++at_;
                ended = *found;
                return {};
            }
            OL_TRY(block(body));
            break;
        }
        case TokenKind::end:
            if (ends.empty()) return {};
            return bad(token.offset, ErrorCode::invalid_argument,
                       fmt::format("the template ends without '{}'", ends.back()));
        default:
            --at_;
            return unexpected_token("text or a tag");
        }
    }
}

Status Parser::block(Body& body) {
    const auto token = take();
    const auto& name = token.value;
    if (name == "if") return if_block(body, token.offset);
    if (name == "for") return for_block(body, token.offset);
    if (name == "set") return set_block(body, token.offset);
    if (name == "macro") return macro_block(body, token.offset);
    if (name == "generation") {
        auto out = statement(StatementKind::scope, token.offset);
        OL_TRY(expect_block_end());
        static constexpr std::string_view ends[] = {"endgeneration"};
        OL_TRY(inner(*out, ends));
        body.push_back(std::move(out));
        return {};
    }
    if (name == "break" || name == "continue") {
        if (loops_ == 0) {
            return bad(token.offset, ErrorCode::invalid_argument,
                       fmt::format("'{}' outside a loop", name));
        }
        body.push_back(
            statement(name == "break" ? StatementKind::leave : StatementKind::next, token.offset));
        return expect_block_end();
    }
    if (name.starts_with("end") || name == "else" || name == "elif") {
        return bad(token.offset, ErrorCode::invalid_argument,
                   fmt::format("'{}' has no beginning", name));
    }
    return unsupported(token.offset, fmt::format("statement '{}'", name));
}

Result<std::string_view> Parser::inner(Statement& out, Names ends) {
    out.bodies.emplace_back();
    Body body;
    std::string_view ended;
    OL_TRY(statements(body, ends, ended));
    out.bodies.back() = std::move(body);
    if (ended != "elif") OL_TRY(expect_block_end());
    return ended;
}

Status Parser::if_block(Body& body, std::size_t offset) {
    auto out = statement(StatementKind::branch, offset);
    static constexpr std::string_view ends[] = {"elif", "else", "endif"};
    static constexpr std::string_view last[] = {"endif"};
    for (;;) {
        out->conditions.push_back(OL_TRY(tuple_or_one(false, false)));
        OL_TRY(expect_block_end());
        const auto ended = OL_TRY(inner(*out, ends));
        if (ended == "elif") continue;
        if (ended == "else") OL_TRY(inner(*out, last));
        body.push_back(std::move(out));
        return {};
    }
}

Status Parser::targets(Statement& out, bool with_members) {
    const bool parenthesised = skip_op("(");
    for (;;) {
        Target target;
        const auto offset = now().offset;
        target.name = OL_TRY(expect_name());
        for (const std::string_view reserved : {"true", "false", "none", "True", "False", "None"}) {
            if (target.name == reserved) {
                return bad(offset, ErrorCode::invalid_argument,
                           fmt::format("'{}' is no name for a variable", reserved));
            }
        }
        if (with_members && skip_op(".")) {
            target.member = OL_TRY(expect_name());
        } else {
            assigned_.insert(target.name);
        }
        out.targets.push_back(std::move(target));
        if (!skip_op(",")) break;
        out.unpacks = true;
        if (!is(TokenKind::name) || is_name("in")) break;
    }
    if (parenthesised) OL_TRY(expect_op(")"));
    return {};
}

Status Parser::for_block(Body& body, std::size_t offset) {
    auto out = statement(StatementKind::loop, offset);
    OL_TRY(targets(*out, false));
    if (!skip_name("in")) return unexpected_token("'in'");
    out->value = OL_TRY(tuple_or_one(false, false));
    if (skip_name("if")) out->conditions.push_back(OL_TRY(expression()));
    if (is_name("recursive")) return unsupported(now().offset, "a recursive loop");
    OL_TRY(expect_block_end());
    static constexpr std::string_view ends[] = {"else", "endfor"};
    static constexpr std::string_view last[] = {"endfor"};
    ++loops_;
    const auto ended = OL_TRY(inner(*out, ends));
    --loops_;
    if (ended == "else") OL_TRY(inner(*out, last));
    body.push_back(std::move(out));
    return {};
}

Status Parser::set_block(Body& body, std::size_t offset) {
    auto out = statement(StatementKind::set, offset);
    OL_TRY(targets(*out, true));
    if (skip_op("=")) {
        out->value = OL_TRY(tuple_or_one(false, true));
        OL_TRY(expect_block_end());
    } else {
        if (is_op("|")) return unsupported(now().offset, "a filter of a set block");
        out->kind = StatementKind::set_block;
        OL_TRY(expect_block_end());
        static constexpr std::string_view ends[] = {"endset"};
        // Its loop control would leave the text half made.
        const auto loops = std::exchange(loops_, 0);
        OL_TRY(inner(*out, ends));
        loops_ = loops;
        if (out->unpacks) {
            return bad(offset, ErrorCode::invalid_argument, "a set block has one variable");
        }
    }
    body.push_back(std::move(out));
    return {};
}

Status Parser::macro_block(Body& body, std::size_t offset) {
    if (loops_ != 0 || in_macro_) {
        return unsupported(offset, "a macro inside a loop or a macro");
    }
    auto out = statement(StatementKind::macro, offset);
    out->macro = std::make_unique<MacroNode>();
    auto& macro = *out->macro;
    macro.name = OL_TRY(expect_name());
    assigned_.insert(macro.name);
    OL_TRY(expect_op("("));
    while (!is_op(")")) {
        if (!macro.parameters.empty()) OL_TRY(expect_op(","));
        if (is_op(")")) break;
        macro.parameters.push_back(OL_TRY(expect_name()));
        assigned_.insert(macro.parameters.back());
        if (skip_op("=")) {
            macro.defaults.push_back(OL_TRY(expression()));
        } else if (!macro.defaults.empty()) {
            return unexpected_token("'=': a parameter after one with a default");
        }
    }
    ++at_;
    OL_TRY(expect_block_end());
    static constexpr std::string_view ends[] = {"endmacro"};
    in_macro_ = true;
    std::string_view ended;
    OL_TRY(statements(macro.body, ends, ended));
    in_macro_ = false;
    OL_TRY(expect_block_end());
    body.push_back(std::move(out));
    return {};
}

Result<Tree> parse_tree(std::string_view source) {
    auto lexed = OL_TRY(lex(source));
    auto body = OL_TRY(Parser(lexed).run());
    return Tree{std::move(lexed.source), std::move(body)};
}

} // namespace ol::model::chat_template
