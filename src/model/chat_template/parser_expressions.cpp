#include <algorithm>
#include <array>
#include <charconv>

#include "base/limits.hpp"
#include "model/chat_template/calls.hpp"
#include "model/chat_template/parser.hpp"

namespace ol::model::chat_template {

namespace {

constexpr std::array<std::pair<std::string_view, Function>, 5> functions = {{
    {"range", Function::range},
    {"namespace", Function::name_space},
    {"dict", Function::dict},
    {"raise_exception", Function::raise_exception},
    {"strftime_now", Function::strftime_now},
}};

} // namespace

Result<Body> Parser::run() {
    Body body;
    std::string_view ended;
    OL_TRY(statements(body, {}, ended));
    for (const auto& call : called_) {
        if (assigned_.contains(call.first)) continue;
        return bad(call.second, ErrorCode::unsupported,
                   fmt::format("function '{}' is not supported", call.first));
    }
    return body;
}

const Token& Parser::after() const {
    return lexed_.tokens[std::min(at_ + 1, lexed_.tokens.size() - 1)];
}

Token Parser::take() {
    const auto& token = lexed_.tokens[at_];
    if (token.kind != TokenKind::end) ++at_;
    return token;
}

bool Parser::is_op(std::string_view op) const {
    return now().kind == TokenKind::op && now().value == op;
}

bool Parser::is_name(std::string_view name) const {
    return now().kind == TokenKind::name && now().value == name;
}

bool Parser::skip_op(std::string_view op) {
    if (!is_op(op)) return false;
    ++at_;
    return true;
}

bool Parser::skip_name(std::string_view name) {
    if (!is_name(name)) return false;
    ++at_;
    return true;
}

std::unexpected<Error> Parser::bad(std::size_t offset, ErrorCode code,
                                   std::string_view what) const {
    const auto place = place_of(lexed_.source, offset);
    return fail(code, "line {}, column {}: {}", place.line, place.column, what);
}

std::unexpected<Error> Parser::unsupported(std::size_t offset, std::string_view what) const {
    return bad(offset, ErrorCode::unsupported, fmt::format("{} is not supported", what));
}

std::unexpected<Error> Parser::unexpected_token(std::string_view expected) const {
    const auto& token = now();
    const auto found = token.kind == TokenKind::end         ? std::string("the end of the template")
                       : token.kind == TokenKind::block_end ? std::string("'%}'")
                       : token.kind == TokenKind::variable_end   ? std::string("'}}'")
                       : token.kind == TokenKind::text           ? std::string("a text")
                       : token.kind == TokenKind::block_begin    ? std::string("'{%'")
                       : token.kind == TokenKind::variable_begin ? std::string("'{{'")
                       : token.kind == TokenKind::data           ? std::string("text")
                                                                 : "'" + token.value + "'";
    return bad(token.offset, ErrorCode::invalid_argument,
               fmt::format("expected {}, found {}", expected, found));
}

Status Parser::expect_op(std::string_view op) {
    if (skip_op(op)) return {};
    return unexpected_token(fmt::format("'{}'", op));
}

Result<std::string> Parser::expect_name() {
    if (!is(TokenKind::name)) return unexpected_token("a name");
    return take().value;
}

Status Parser::expect_block_end() {
    if (!is(TokenKind::block_end)) return unexpected_token("'%}'");
    ++at_;
    return {};
}

Result<ExprPtr> Parser::finish(ExprPtr expr) {
    std::uint32_t depth = 0;
    for (const auto& part : expr->parts) {
        if (part) depth = std::max(depth, part->depth);
    }
    for (const auto& [name, part] : expr->named) depth = std::max(depth, part->depth);
    expr->depth = depth + 1;
    if (expr->depth > limits::template_depth) {
        return bad(
            expr->offset, ErrorCode::too_large,
            fmt::format("the expression is nested more than {} deep", limits::template_depth));
    }
    return expr;
}

Status Parser::check_level() const {
    if (level_ <= limits::template_depth) return {};
    return bad(now().offset, ErrorCode::too_large,
               fmt::format("nested more than {} deep", limits::template_depth));
}

ExprPtr Parser::make(ExprKind kind, std::size_t offset) {
    auto out = std::make_unique<Expr>();
    out->kind = kind;
    out->offset = offset;
    return out;
}

Result<ExprPtr> Parser::expression(bool with_condition) {
    const Level level(level_);
    OL_TRY(check_level());
    auto out = OL_TRY(parse_or());
    while (with_condition && is_name("if")) {
        auto whole = make(ExprKind::conditional, take().offset);
        whole->parts.push_back(std::move(out));
        whole->parts.push_back(OL_TRY(parse_or()));
        if (skip_name("else")) {
            whole->parts.push_back(OL_TRY(expression()));
        } else {
            whole->parts.push_back(nullptr);
        }
        out = OL_TRY(finish(std::move(whole)));
    }
    return out;
}

Result<ExprPtr> Parser::parse_or() {
    auto first = OL_TRY(parse_and());
    if (!is_name("or")) return first;
    auto out = make(ExprKind::logical_or, now().offset);
    out->parts.push_back(std::move(first));
    while (skip_name("or")) out->parts.push_back(OL_TRY(parse_and()));
    return finish(std::move(out));
}

Result<ExprPtr> Parser::parse_and() {
    auto first = OL_TRY(parse_not());
    if (!is_name("and")) return first;
    auto out = make(ExprKind::logical_and, now().offset);
    out->parts.push_back(std::move(first));
    while (skip_name("and")) out->parts.push_back(OL_TRY(parse_not()));
    return finish(std::move(out));
}

Result<ExprPtr> Parser::parse_not() {
    const Level level(level_);
    OL_TRY(check_level());
    if (!is_name("not")) return parse_compare();
    auto out = make(ExprKind::logical_not, take().offset);
    out->parts.push_back(OL_TRY(parse_not()));
    return finish(std::move(out));
}

std::string Parser::take_comparison() {
    for (const std::string_view op : {"==", "!=", "<", ">", "<=", ">="}) {
        if (skip_op(op)) return std::string(op);
    }
    if (skip_name("in")) return "in";
    if (is_name("not") && after().kind == TokenKind::name && after().value == "in") {
        at_ += 2;
        return "not in";
    }
    return {};
}

Result<ExprPtr> Parser::parse_compare() {
    auto first = OL_TRY(parse_sum());
    const auto offset = now().offset;
    auto op = take_comparison();
    if (op.empty()) return first;
    auto out = make(ExprKind::compare, offset);
    out->parts.push_back(std::move(first));
    for (; !op.empty(); op = take_comparison()) {
        out->operators.push_back(op);
        out->parts.push_back(OL_TRY(parse_sum()));
    }
    return finish(std::move(out));
}

Result<ExprPtr> Parser::parse_sum() {
    auto out = OL_TRY(parse_concat());
    while (is_op("+") || is_op("-")) {
        const auto op = take();
        out = OL_TRY(
            join(ExprKind::binary, op.offset, op.value, std::move(out), OL_TRY(parse_concat())));
    }
    return out;
}

Result<ExprPtr> Parser::parse_concat() {
    auto first = OL_TRY(parse_product());
    if (!is_op("~")) return first;
    auto out = make(ExprKind::concat, now().offset);
    out->parts.push_back(std::move(first));
    while (skip_op("~")) out->parts.push_back(OL_TRY(parse_product()));
    return finish(std::move(out));
}

Result<ExprPtr> Parser::parse_product() {
    auto out = OL_TRY(parse_power());
    while (is_op("*") || is_op("/") || is_op("//") || is_op("%")) {
        const auto op = take();
        out = OL_TRY(
            join(ExprKind::binary, op.offset, op.value, std::move(out), OL_TRY(parse_power())));
    }
    return out;
}

Result<ExprPtr> Parser::parse_power() {
    auto out = OL_TRY(parse_unary(true));
    while (is_op("**")) {
        const auto op = take();
        out = OL_TRY(
            join(ExprKind::binary, op.offset, op.value, std::move(out), OL_TRY(parse_unary(true))));
    }
    return out;
}

Result<ExprPtr> Parser::parse_unary(bool with_filter) {
    const Level level(level_);
    OL_TRY(check_level());
    ExprPtr out;
    if (is_op("-") || is_op("+")) {
        const auto sign = take();
        out = make(sign.value == "-" ? ExprKind::negate : ExprKind::plus, sign.offset);
        out->parts.push_back(OL_TRY(parse_unary(false)));
        out = OL_TRY(finish(std::move(out)));
    } else {
        out = OL_TRY(parse_primary());
    }
    out = OL_TRY(parse_postfix(std::move(out)));
    if (!with_filter) return out;
    for (;;) {
        if (is_op("|")) {
            ++at_;
            out = OL_TRY(parse_filter(std::move(out)));
        } else if (is_name("is")) {
            ++at_;
            out = OL_TRY(parse_test(std::move(out)));
        } else if (is_op("(")) {
            return unsupported(now().offset, "a call of what a filter gives");
        } else {
            return out;
        }
    }
}

Result<ExprPtr> Parser::parse_primary() {
    const auto token = now();
    auto out = make(ExprKind::constant, token.offset);
    switch (token.kind) {
    case TokenKind::name:
        ++at_;
        if (token.value == "true" || token.value == "True") {
            out->constant = Value(true);
        } else if (token.value == "false" || token.value == "False") {
            out->constant = Value(false);
        } else if (token.value != "none" && token.value != "None") {
            out->kind = ExprKind::name;
            out->name = token.value;
        }
        return out;
    case TokenKind::text: {
        std::string text;
        while (is(TokenKind::text)) text += take().value;
        out->constant = Value::text(std::move(text));
        return out;
    }
    case TokenKind::integer: {
        ++at_;
        std::int64_t value = 0;
        const auto end = token.value.data() + token.value.size();
        const auto [stop, code] = std::from_chars(token.value.data(), end, value);
        if (code != std::errc() || stop != end) {
            return unsupported(token.offset, "a number of more than 64 bits");
        }
        out->constant = Value(value);
        return out;
    }
    case TokenKind::real: {
        ++at_;
        double value = 0;
        const auto end = token.value.data() + token.value.size();
        const auto [stop, code] = std::from_chars(token.value.data(), end, value);
        if (code != std::errc() || stop != end) {
            return unsupported(token.offset, "a number beyond the range of double");
        }
        out->constant = Value(value);
        return out;
    }
    default:
        break;
    }
    if (is_op("(")) {
        ++at_;
        out = OL_TRY(tuple_or_one(true, true));
        OL_TRY(expect_op(")"));
        return out;
    }
    if (is_op("[")) return parse_list();
    if (is_op("{")) return parse_dict();
    return unexpected_token("an expression");
}

Result<ExprPtr> Parser::parse_list() {
    auto out = make(ExprKind::list, take().offset);
    while (!is_op("]")) {
        if (!out->parts.empty()) OL_TRY(expect_op(","));
        if (is_op("]")) break;
        out->parts.push_back(OL_TRY(expression()));
    }
    ++at_;
    return finish(std::move(out));
}

Result<ExprPtr> Parser::parse_dict() {
    auto out = make(ExprKind::dict, take().offset);
    while (!is_op("}")) {
        if (!out->parts.empty()) OL_TRY(expect_op(","));
        if (is_op("}")) break;
        out->parts.push_back(OL_TRY(expression()));
        OL_TRY(expect_op(":"));
        out->parts.push_back(OL_TRY(expression()));
    }
    ++at_;
    return finish(std::move(out));
}

Result<ExprPtr> Parser::tuple_or_one(bool in_parentheses, bool with_condition) {
    auto out = make(ExprKind::tuple, now().offset);
    bool is_tuple = false;
    for (;;) {
        if (!out->parts.empty()) OL_TRY(expect_op(","));
        if (is(TokenKind::variable_end) || is(TokenKind::block_end) || is_op(")")) break;
        out->parts.push_back(OL_TRY(expression(with_condition)));
        if (!is_op(",")) break;
        is_tuple = true;
    }
    if (!is_tuple && !out->parts.empty()) return std::move(out->parts[0]);
    if (!is_tuple && !in_parentheses) return unexpected_token("an expression");
    return finish(std::move(out));
}

Result<ExprPtr> Parser::parse_postfix(ExprPtr out) {
    for (;;) {
        if (is_op(".")) {
            ++at_;
            const auto member = take();
            if (member.kind == TokenKind::name) {
                auto next = make(ExprKind::attribute, member.offset);
                next->name = member.value;
                next->parts.push_back(std::move(out));
                out = OL_TRY(finish(std::move(next)));
            } else if (member.kind == TokenKind::integer && member.value.size() < 18) {
                auto index = make(ExprKind::constant, member.offset);
                index->constant = Value(static_cast<std::int64_t>(std::stoll(member.value)));
                out = OL_TRY(
                    join(ExprKind::subscript, member.offset, "", std::move(out), std::move(index)));
            } else {
                --at_;
                return unexpected_token("a name or a number after '.'");
            }
        } else if (is_op("[")) {
            out = OL_TRY(parse_subscript(std::move(out)));
        } else if (is_op("(")) {
            out = OL_TRY(parse_call(std::move(out)));
        } else {
            return out;
        }
    }
}

Result<ExprPtr> Parser::parse_subscript(ExprPtr of) {
    auto out = make(ExprKind::slice, take().offset);
    out->parts.push_back(std::move(of));
    if (!is_op(":")) {
        out->parts.push_back(OL_TRY(expression()));
        if (is_op("]")) {
            ++at_;
            out->kind = ExprKind::subscript;
            return finish(std::move(out));
        }
    } else {
        out->parts.push_back(nullptr);
    }
    while (out->parts.size() < 4) {
        if (skip_op(":")) {
            if (is_op(":") || is_op("]")) {
                out->parts.push_back(nullptr);
            } else {
                out->parts.push_back(OL_TRY(expression()));
            }
        } else {
            out->parts.push_back(nullptr);
        }
    }
    if (is_op(",")) return unsupported(now().offset, "an index of several parts");
    OL_TRY(expect_op("]"));
    return finish(std::move(out));
}

Status Parser::parse_arguments(Expr& call) {
    OL_TRY(expect_op("("));
    bool first = true;
    while (!is_op(")")) {
        if (!first) OL_TRY(expect_op(","));
        if (is_op(")")) break;
        first = false;
        if (is_op("*") || is_op("**")) {
            return unsupported(now().offset, "arguments from a list or dict (* and **)");
        }
        if (is(TokenKind::name) && after().kind == TokenKind::op && after().value == "=") {
            auto name = take().value;
            ++at_;
            call.named.emplace_back(std::move(name), OL_TRY(expression()));
        } else {
            if (!call.named.empty()) return unexpected_token("a named argument");
            call.parts.push_back(OL_TRY(expression()));
        }
    }
    ++at_;
    return {};
}

Result<ExprPtr> Parser::parse_call(ExprPtr of) {
    auto out = make(ExprKind::call_name, of->offset);
    out->name = of->name;
    if (of->kind == ExprKind::name) {
        const auto found = std::find_if(functions.begin(), functions.end(),
                                        [&](const auto& known) { return known.first == of->name; });
        if (found != functions.end()) {
            out->kind = ExprKind::call_function;
            out->function = found->second;
        } else {
            called_.emplace_back(of->name, of->offset);
        }
    } else if (of->kind == ExprKind::attribute) {
        if (!is_method(of->name)) {
            return unsupported(of->offset, fmt::format("method '{}'", of->name));
        }
        out->kind = ExprKind::call_method;
        out->parts.push_back(std::move(of->parts[0]));
    } else {
        return unsupported(now().offset, "a call of anything but a name or a method");
    }
    OL_TRY(parse_arguments(*out));
    return finish(std::move(out));
}

Result<std::string> Parser::dotted_name() {
    auto name = OL_TRY(expect_name());
    while (skip_op(".")) name += "." + OL_TRY(expect_name());
    return name;
}

Status Parser::check_named(const Expr& call, std::size_t index, bool is_test) {
    if (call.parts.size() <= index) return {};
    const auto& part = *call.parts[index];
    const auto* text = part.kind == ExprKind::constant ? part.constant.as_text() : nullptr;
    if (text == nullptr) return {}; // known only when it runs
    if (is_test && find_test(*text) == nullptr) {
        return unsupported(part.offset, fmt::format("test '{}'", *text));
    }
    if (!is_test && find_filter(*text) == nullptr) {
        return unsupported(part.offset, fmt::format("filter '{}'", *text));
    }
    return {};
}

Result<ExprPtr> Parser::parse_filter(ExprPtr of) {
    auto out = make(ExprKind::filter, now().offset);
    out->name = OL_TRY(dotted_name());
    out->filter = find_filter(out->name);
    if (out->filter == nullptr) {
        return unsupported(out->offset, fmt::format("filter '{}'", out->name));
    }
    out->parts.push_back(std::move(of));
    if (is_op("(")) OL_TRY(parse_arguments(*out));
    if (out->name == "map") OL_TRY(check_named(*out, 1, false));
    if (out->name == "select" || out->name == "reject") OL_TRY(check_named(*out, 1, true));
    if (out->name == "selectattr" || out->name == "rejectattr") {
        OL_TRY(check_named(*out, 2, true));
    }
    return finish(std::move(out));
}

Result<ExprPtr> Parser::parse_test(ExprPtr of) {
    const bool negated = skip_name("not");
    auto out = make(ExprKind::test, now().offset);
    out->name = OL_TRY(dotted_name());
    out->test = find_test(out->name);
    if (out->test == nullptr) {
        return unsupported(out->offset, fmt::format("test '{}'", out->name));
    }
    out->parts.push_back(std::move(of));
    if (is_op("(")) {
        OL_TRY(parse_arguments(*out));
    } else if ((is(TokenKind::name) && !is_name("else") && !is_name("or") && !is_name("and")) ||
               is(TokenKind::text) || is(TokenKind::integer) || is(TokenKind::real) || is_op("[") ||
               is_op("{")) {
        if (is_name("is")) return unexpected_token("no second 'is'");
        out->parts.push_back(OL_TRY(parse_postfix(OL_TRY(parse_primary()))));
    }
    out = OL_TRY(finish(std::move(out)));
    if (!negated) return out;
    auto whole = make(ExprKind::logical_not, out->offset);
    whole->parts.push_back(std::move(out));
    return finish(std::move(whole));
}

} // namespace ol::model::chat_template
