// The parser of templates, by Jinja's grammar (jinja2/parser.py is the reference for what binds
// how): recursive descent, with a limit on its depth.
#pragma once

#include <set>
#include <span>

#include "model/chat_template/lexer.hpp"
#include "model/chat_template/syntax.hpp"

namespace ol::model::chat_template {

class Parser {
public:
    explicit Parser(const Lexed& lexed)
        : lexed_(lexed) {}
    Result<Body> run();

private:
    using Names = std::span<const std::string_view>;
    const Token& now() const { return lexed_.tokens[at_]; }
    const Token& after() const;
    Token take();
    bool is(TokenKind kind) const { return now().kind == kind; }
    bool is_op(std::string_view op) const;
    bool is_name(std::string_view name) const;
    bool skip_op(std::string_view op);
    bool skip_name(std::string_view name);
    std::unexpected<Error> bad(std::size_t offset, ErrorCode code, std::string_view what) const;
    std::unexpected<Error> unsupported(std::size_t offset, std::string_view what) const;
    std::unexpected<Error> unexpected_token(std::string_view expected) const;
    Status expect_op(std::string_view op);
    Result<std::string> expect_name();
    Status expect_block_end();
    Result<ExprPtr> finish(ExprPtr expr);
    // Counts how deep the parser itself has gone.
    struct Level {
        explicit Level(std::uint32_t& level)
            : level_(level) {
            ++level_;
        }
        ~Level() { --level_; }
        std::uint32_t& level_;
    };
    Status check_level() const;
    static ExprPtr make(ExprKind kind, std::size_t offset);
    Result<ExprPtr> join(ExprKind kind, std::size_t offset, std::string_view op, ExprPtr a,
                         ExprPtr b) {
        auto out = make(kind, offset);
        out->name = op;
        out->parts.push_back(std::move(a));
        out->parts.push_back(std::move(b));
        return finish(std::move(out));
    }
    Result<ExprPtr> expression(bool with_condition = true);
    Result<ExprPtr> parse_or();
    Result<ExprPtr> parse_and();
    Result<ExprPtr> parse_not();
    // The comparison that begins here, or nothing.
    std::string take_comparison();
    Result<ExprPtr> parse_compare();
    Result<ExprPtr> parse_sum();
    Result<ExprPtr> parse_concat();
    Result<ExprPtr> parse_product();
    Result<ExprPtr> parse_power();
    Result<ExprPtr> parse_unary(bool with_filter);
    Result<ExprPtr> parse_primary();
    Result<ExprPtr> parse_list();
    Result<ExprPtr> parse_dict();
    // "a" or "a, b": the latter is a tuple.
    Result<ExprPtr> tuple_or_one(bool in_parentheses, bool with_condition);
    Result<ExprPtr> parse_postfix(ExprPtr out);
    Result<ExprPtr> parse_subscript(ExprPtr of);
    Status parse_arguments(Expr& call);
    Result<ExprPtr> parse_call(ExprPtr of);
    Result<std::string> dotted_name();
    // Filters and tests that others name as a text: map("upper"), select("string").
    Status check_named(const Expr& call, std::size_t index, bool is_test);
    Result<ExprPtr> parse_filter(ExprPtr of);
    Result<ExprPtr> parse_test(ExprPtr of);
    static std::unique_ptr<Statement> statement(StatementKind kind, std::size_t offset);
    // Up to a block that begins with one of `ends`, which is taken; its block's end is not.
    Status statements(Body& body, Names ends, std::string_view& ended);
    Status block(Body& body);
    // A body to one of `ends`, and the end of its block.
    Result<std::string_view> inner(Statement& out, Names ends);
    Status if_block(Body& body, std::size_t offset);
    // Names, separated by commas, perhaps in parentheses; one of them may be a namespace's member.
    Status targets(Statement& out, bool with_members);
    Status for_block(Body& body, std::size_t offset);
    Status set_block(Body& body, std::size_t offset);
    Status macro_block(Body& body, std::size_t offset);
    const Lexed& lexed_;
    std::size_t at_ = 0;
    std::uint32_t level_ = 0, loops_ = 0;
    bool in_macro_ = false;
    std::set<std::string, std::less<>> assigned_;             // names that the template sets
    std::vector<std::pair<std::string, std::size_t>> called_; // and those that it calls
};

} // namespace ol::model::chat_template
