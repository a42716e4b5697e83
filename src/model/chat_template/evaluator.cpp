#include "model/chat_template/evaluator.hpp"

#include <algorithm>
#include <ctime>
#include <deque>

#include "base/limits.hpp"
#include "model/chat_template/lexer.hpp"

namespace ol::model::chat_template {

namespace {

using Variables = std::map<std::string, Value, std::less<>>;

// How deep expressions, statements and macros may go together: what the machine's stack bears.
constexpr std::uint32_t max_level = 400;
constexpr std::int64_t max_range = 100'000; // as Jinja's sandbox

enum class Flow { on, leave, next };

class Evaluator {
public:
    Evaluator(const Tree& tree, Variables variables, std::int64_t now_s)
        : tree_(tree)
        , now_s_(now_s) {
        globals_ = std::move(variables);
    }

    Result<std::string> run() {
        std::string out;
        out_ = &out;
        scopes_ = {&root_};
        OL_TRY(body(tree_.body));
        return out;
    }

private:
    // An error of what stands at this place; the innermost place stays.
    std::unexpected<Error> at(std::size_t offset, Error error) const {
        if (error.context.starts_with("line ")) return std::unexpected(std::move(error));
        const auto place = place_of(tree_.source, offset);
        return std::unexpected(
            error.within(fmt::format("line {}, column {}", place.line, place.column)));
    }

    struct Level {
        explicit Level(std::uint32_t& level)
            : level_(level) {
            ++level_;
        }
        ~Level() { --level_; }
        std::uint32_t& level_;
    };
    Status check_level() {
        OL_TRY(budget_.pay(1));
        if (level_ <= max_level) return {};
        return fail(ErrorCode::too_large, "calls are nested more than {} deep", max_level);
    }

    Value look_up(const std::string& name) const {
        for (auto it = scopes_.rbegin(); it != scopes_.rend(); ++it) {
            const auto found = (*it)->find(name);
            if (found != (*it)->end()) return found->second;
        }
        if (const auto found = globals_.find(name); found != globals_.end()) return found->second;
        for (const auto& [known, function] : {std::pair{"range", Function::range},
                                              {"namespace", Function::name_space},
                                              {"dict", Function::dict},
                                              {"raise_exception", Function::raise_exception},
                                              {"strftime_now", Function::strftime_now}}) {
            if (name == known) return Value(function);
        }
        return Value::undefined(fmt::format("'{}' is undefined", name));
    }

    // --- expressions -------------------------------------------------------------------------

    Result<Value> value_of(const Expr& expr) {
        const Level level(level_);
        const auto ready = check_level();
        Result<Value> out = std::unexpected(Error());
        if (ready) {
            out = evaluate_kind(expr);
        } else {
            out = std::unexpected(ready.error());
        }
        if (!out) return at(expr.offset, std::move(out.error()));
        return out;
    }

    Result<Items> values_of(const std::vector<ExprPtr>& parts, std::size_t from = 0) {
        Items out;
        for (auto i = from; i < parts.size(); ++i) out.push_back(OL_TRY(value_of(*parts[i])));
        return out;
    }

    Result<Arguments> arguments_of(const Expr& call, std::size_t from) {
        Arguments out;
        out.positional = OL_TRY(values_of(call.parts, from));
        for (const auto& [name, part] : call.named) {
            out.named.emplace_back(name, OL_TRY(value_of(*part)));
        }
        return out;
    }

    Result<Value> evaluate_kind(const Expr& expr) {
        const auto& parts = expr.parts;
        switch (expr.kind) {
        case ExprKind::constant:
            return expr.constant;
        case ExprKind::name:
            return look_up(expr.name);
        case ExprKind::list:
        case ExprKind::tuple:
            return Value::sequence(OL_TRY(values_of(parts)), expr.kind == ExprKind::tuple);
        case ExprKind::dict:
            return dict(expr);
        case ExprKind::attribute:
            return attribute(budget_, OL_TRY(value_of(*parts[0])), expr.name);
        case ExprKind::subscript: {
            const auto of = OL_TRY(value_of(*parts[0]));
            return subscript(budget_, of, OL_TRY(value_of(*parts[1])));
        }
        case ExprKind::slice:
            return slice_of(expr);
        case ExprKind::call_function:
            return call_function(expr);
        case ExprKind::call_name:
            return call_name(expr);
        case ExprKind::call_method: {
            const auto self = OL_TRY(value_of(*parts[0]));
            return call_method(budget_, self, expr.name, OL_TRY(arguments_of(expr, 1)));
        }
        case ExprKind::filter: {
            const auto value = OL_TRY(value_of(*parts[0]));
            return expr.filter->call(budget_, value, OL_TRY(arguments_of(expr, 1)));
        }
        case ExprKind::test: {
            const auto value = OL_TRY(value_of(*parts[0]));
            return Value(OL_TRY(expr.test->call(budget_, value, OL_TRY(arguments_of(expr, 1)))));
        }
        case ExprKind::negate:
            return calculate_sign(OL_TRY(value_of(*parts[0])), "-");
        case ExprKind::plus:
            return calculate_sign(OL_TRY(value_of(*parts[0])), "+");
        case ExprKind::logical_not:
            return Value(!OL_TRY(value_of(*parts[0])).truth());
        case ExprKind::logical_and:
        case ExprKind::logical_or:
            return logical(expr);
        case ExprKind::conditional:
            if (OL_TRY(value_of(*parts[1])).truth()) return value_of(*parts[0]);
            if (parts[2]) return value_of(*parts[2]);
            return Value::undefined("the inline if has no else");
        case ExprKind::compare:
            return compare(expr);
        case ExprKind::binary: {
            const auto a = OL_TRY(value_of(*parts[0]));
            return calculate(budget_, expr.name, a, OL_TRY(value_of(*parts[1])));
        }
        case ExprKind::concat: {
            std::string out;
            for (const auto& part : parts) OL_TRY(print(OL_TRY(value_of(*part)), out, budget_));
            return Value::text(std::move(out));
        }
        }
        return fail(ErrorCode::internal, "an expression of no kind");
    }

    Result<Value> calculate_sign(const Value& value, std::string_view sign) {
        if (const auto* real = std::get_if<double>(&value.data)) {
            return Value(sign == "-" ? -*real : *real); // 0 - 0.0 would lose the sign
        }
        return calculate(budget_, sign, Value(std::int64_t{0}), value);
    }

    Result<Value> dict(const Expr& expr) {
        Pairs pairs;
        for (std::size_t i = 0; i + 1 < expr.parts.size(); i += 2) {
            auto key = OL_TRY(value_of(*expr.parts[i]));
            auto value = OL_TRY(value_of(*expr.parts[i + 1]));
            OL_TRY(put(pairs, std::move(key), std::move(value)));
        }
        return Value::mapping(std::move(pairs));
    }

    // A later value of the same key takes the place of the earlier.
    Status put(Pairs& pairs, Value key, Value value) {
        const bool is_plain = key.as_text() != nullptr || key.is_number() || key.is_none();
        if (!is_plain) {
            return fail(ErrorCode::invalid_argument, "a key of a dict cannot be of type {}",
                        key.type_name());
        }
        OL_TRY(budget_.pay(1 + pairs.size() / 16));
        for (auto& [name, old] : pairs) {
            if (OL_TRY(equal(name, key, budget_))) {
                old = std::move(value);
                return {};
            }
        }
        pairs.emplace_back(std::move(key), std::move(value));
        return {};
    }

    Result<Value> slice_of(const Expr& expr) {
        const auto of = OL_TRY(value_of(*expr.parts[0]));
        std::optional<std::int64_t> bounds[3];
        for (std::size_t i = 0; i < 3; ++i) {
            if (!expr.parts[i + 1]) continue;
            const auto value = OL_TRY(value_of(*expr.parts[i + 1]));
            if (!value.is_none()) bounds[i] = OL_TRY(want_integer(value, "a slice"));
        }
        return slice(budget_, of, bounds[0], bounds[1], bounds[2]);
    }

    // The value that decided, as in Python.
    Result<Value> logical(const Expr& expr) {
        Value out;
        for (const auto& part : expr.parts) {
            out = OL_TRY(value_of(*part));
            if (out.truth() == (expr.kind == ExprKind::logical_or)) break;
        }
        return out;
    }

    Result<Value> compare(const Expr& expr) {
        auto left = OL_TRY(value_of(*expr.parts[0]));
        for (std::size_t i = 0; i < expr.operators.size(); ++i) {
            auto right = OL_TRY(value_of(*expr.parts[i + 1]));
            if (!OL_TRY(holds(expr.operators[i], left, right))) return Value(false);
            left = std::move(right);
        }
        return Value(true);
    }

    Result<bool> holds(std::string_view op, const Value& a, const Value& b) {
        if (op == "==") return equal(a, b, budget_);
        if (op == "!=") return !OL_TRY(equal(a, b, budget_));
        if (op == "in") return contains(b, a, budget_);
        if (op == "not in") return !OL_TRY(contains(b, a, budget_));
        if (op == "<") return less(a, b, budget_);
        if (op == ">") return less(b, a, budget_);
        // Not the opposite: numbers that are none are neither less nor equal.
        if (OL_TRY(op == "<=" ? less(a, b, budget_) : less(b, a, budget_))) return true;
        return equal(a, b, budget_);
    }

    Result<Value> call_function(const Expr& expr) {
        auto given = OL_TRY(arguments_of(expr, 0));
        switch (expr.function) {
        case Function::range:
            return range(given);
        case Function::name_space: {
            Pairs pairs = OL_TRY(named_pairs("namespace", std::move(given)));
            namespaces_.emplace_back();
            for (auto& [key, value] : pairs) {
                const auto name = OL_TRY(want_text(key, "namespace"));
                namespaces_.back().values.insert_or_assign(std::string(name), std::move(value));
            }
            OL_TRY(budget_.pay(16)); // it lives to the end
            return Value(&namespaces_.back());
        }
        case Function::dict:
            return Value::mapping(OL_TRY(named_pairs("dict", std::move(given))));
        case Function::raise_exception: {
            static constexpr std::string_view parameters[] = {"message"};
            const auto bound = OL_TRY(bind_arguments("raise_exception", parameters, given));
            const auto message = bound[0] ? OL_TRY(to_text(*bound[0], budget_)) : std::string();
            return fail(ErrorCode::invalid_argument, "the template refuses these messages: {}",
                        message);
        }
        case Function::strftime_now:
            return strftime_now(given);
        }
        return fail(ErrorCode::internal, "a function of no kind");
    }

    Result<Pairs> named_pairs(std::string_view what, Arguments given) {
        Pairs out;
        if (given.positional.size() > 1) {
            return fail(ErrorCode::invalid_argument, "{} takes one dict at most", what);
        }
        if (!given.positional.empty()) {
            const auto* mapping = given.positional[0].as_mapping();
            if (mapping == nullptr) {
                return fail(ErrorCode::invalid_argument, "{} wants a dict", what);
            }
            OL_TRY(budget_.pay(2 * mapping->pairs.size()));
            out = mapping->pairs;
        }
        for (auto& [name, value] : given.named) {
            OL_TRY(put(out, Value::text(name), std::move(value)));
        }
        return out;
    }

    Result<Value> range(const Arguments& given) {
        if (given.positional.empty() || given.positional.size() > 3 || !given.named.empty()) {
            return fail(ErrorCode::invalid_argument, "range wants one to three numbers");
        }
        std::int64_t start = 0, step = 1;
        std::int64_t stop = OL_TRY(want_integer(given.positional[0], "range"));
        if (given.positional.size() > 1) {
            start = stop;
            stop = OL_TRY(want_integer(given.positional[1], "range"));
        }
        if (given.positional.size() > 2) {
            step = OL_TRY(want_integer(given.positional[2], "range"));
        }
        if (step == 0) return fail(ErrorCode::invalid_argument, "range: the step is 0");
        Items out;
        for (auto i = start; step > 0 ? i < stop : i > stop;) {
            if (static_cast<std::int64_t>(out.size()) >= max_range) {
                return fail(ErrorCode::too_large, "range of more than {} numbers", max_range);
            }
            out.emplace_back(i);
            if (__builtin_add_overflow(i, step, &i)) break;
        }
        OL_TRY(budget_.pay(2 * out.size()));
        return Value::sequence(std::move(out));
    }

    Result<Value> strftime_now(const Arguments& given) {
        static constexpr std::string_view parameters[] = {"format"};
        const auto bound = OL_TRY(bind_arguments("strftime_now", parameters, given));
        if (!bound[0]) return fail(ErrorCode::invalid_argument, "strftime_now wants a format");
        const std::string format(OL_TRY(want_text(*bound[0], "strftime_now")));
        // What of a format depends on nothing but the time.
        for (std::size_t i = 0; i < format.size(); ++i) {
            if (format[i] != '%') continue;
            ++i;
            if (i < format.size() && format[i] == '-') ++i;
            if (i >= format.size() || std::string_view("aAbBdeHIjmMpSyYZT%DF").find(format[i]) ==
                                          std::string_view::npos) {
                return fail(ErrorCode::unsupported, "strftime_now: '{}' is not supported", format);
            }
        }
        if (format.size() > 1000) {
            return fail(ErrorCode::too_large, "strftime_now: the format is too long");
        }
        const std::time_t now = static_cast<std::time_t>(now_s_);
        std::tm parts{};
        gmtime_r(&now, &parts);
        std::string out(16 * format.size() + 16, '\0');
        out.resize(std::strftime(out.data(), out.size(), format.c_str(), &parts));
        return Value::text(std::move(out));
    }

    Result<Value> call_name(const Expr& expr) {
        const auto called = look_up(expr.name);
        const auto* macro = std::get_if<const MacroNode*>(&called.data);
        if (macro == nullptr) {
            if (const auto* undefined = std::get_if<Undefined>(&called.data)) {
                return fail(ErrorCode::invalid_argument, "{}", *undefined->why);
            }
            return fail(ErrorCode::invalid_argument, "'{}' is of type {} and cannot be called",
                        expr.name, called.type_name());
        }
        return call_macro(**macro, OL_TRY(arguments_of(expr, 0)));
    }

    Result<Value> call_macro(const MacroNode& macro, const Arguments& given) {
        std::vector<std::string_view> parameters(macro.parameters.begin(), macro.parameters.end());
        auto bound = OL_TRY(bind_arguments("macro " + macro.name, parameters, given));
        // A macro sees the template's own variables, not those of where it is called.
        Variables own;
        auto scopes = std::exchange(scopes_, {&root_, &own});
        std::string text;
        auto* const out = std::exchange(out_, &text);
        const auto done = run_macro(macro, own, bound);
        scopes_ = std::move(scopes);
        out_ = out;
        OL_TRY(done);
        return Value::text(std::move(text));
    }

    Status run_macro(const MacroNode& macro, Variables& own,
                     std::vector<std::optional<Value>>& bound) {
        const auto without = macro.parameters.size() - macro.defaults.size();
        for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
            const auto& name = macro.parameters[i];
            if (bound[i]) {
                own.insert_or_assign(name, std::move(*bound[i]));
            } else if (i >= without) {
                own.insert_or_assign(name, OL_TRY(value_of(*macro.defaults[i - without])));
            } else {
                own.insert_or_assign(
                    name, Value::undefined(fmt::format("parameter '{}' was not provided", name)));
            }
        }
        OL_TRY(body(macro.body));
        return {};
    }

    // --- statements --------------------------------------------------------------------------

    Result<Flow> body(const Body& body) {
        const Level level(level_);
        for (const auto& statement : body) {
            const auto ready = check_level();
            Result<Flow> flow = Flow::on;
            if (ready) {
                flow = run_statement(*statement);
            } else {
                flow = std::unexpected(ready.error());
            }
            if (!flow) return at(statement->offset, std::move(flow.error()));
            if (*flow != Flow::on) return *flow;
        }
        return Flow::on;
    }

    Status write(std::string_view text) {
        OL_TRY(budget_.pay_bytes(text.size()));
        *out_ += text;
        if (out_->size() > limits::template_output_bytes) {
            return fail(ErrorCode::too_large, "the text is longer than {} bytes",
                        limits::template_output_bytes);
        }
        return {};
    }

    Result<Flow> run_statement(const Statement& s) {
        switch (s.kind) {
        case StatementKind::text:
            OL_TRY(write(s.text));
            return Flow::on;
        case StatementKind::output:
            OL_TRY(print(OL_TRY(value_of(*s.value)), *out_, budget_));
            return Flow::on;
        case StatementKind::branch:
            for (std::size_t i = 0; i < s.bodies.size(); ++i) {
                if (i < s.conditions.size() && !OL_TRY(value_of(*s.conditions[i])).truth()) {
                    continue;
                }
                return body(s.bodies[i]);
            }
            return Flow::on;
        case StatementKind::loop:
            return loop(s);
        case StatementKind::set:
            OL_TRY(assign(s, OL_TRY(value_of(*s.value))));
            return Flow::on;
        case StatementKind::set_block: {
            std::string text;
            auto* const out = std::exchange(out_, &text);
            const auto done = scoped(s.bodies[0]);
            out_ = out;
            OL_TRY(done);
            OL_TRY(assign(s, Value::text(std::move(text))));
            return Flow::on;
        }
        case StatementKind::macro:
            scopes_.back()->insert_or_assign(s.macro->name,
                                             Value(static_cast<const MacroNode*>(s.macro.get())));
            return Flow::on;
        case StatementKind::scope:
            return scoped(s.bodies[0]);
        case StatementKind::leave:
            return Flow::leave;
        case StatementKind::next:
            return Flow::next;
        }
        return fail(ErrorCode::internal, "a statement of no kind");
    }

    Result<Flow> scoped(const Body& inner) {
        Variables own;
        scopes_.push_back(&own);
        auto out = body(inner);
        scopes_.pop_back();
        return out;
    }

    Status assign_one(const Target& target, Value value) {
        OL_TRY(budget_.pay(4));
        if (target.member.empty()) {
            scopes_.back()->insert_or_assign(target.name, std::move(value));
            return {};
        }
        const auto space = look_up(target.name);
        const auto* state = std::get_if<NamespaceState*>(&space.data);
        if (state == nullptr) {
            return fail(ErrorCode::invalid_argument, "'{}.{}' cannot be set: '{}' is no namespace",
                        target.name, target.member, target.name);
        }
        (*state)->values.insert_or_assign(target.member, std::move(value));
        return {};
    }

    Status assign(const Statement& s, Value value) {
        if (!s.unpacks) return assign_one(s.targets[0], std::move(value));
        const auto items = OL_TRY(iterate(value, budget_));
        if (items.size() != s.targets.size()) {
            return fail(ErrorCode::invalid_argument, "{} values for {} variables", items.size(),
                        s.targets.size());
        }
        for (std::size_t i = 0; i < items.size(); ++i) {
            OL_TRY(assign_one(s.targets[i], items[i]));
        }
        return {};
    }

    Result<Flow> loop(const Statement& s) {
        auto items = OL_TRY(iterate(OL_TRY(value_of(*s.value)), budget_));
        if (!s.conditions.empty()) {
            Items kept;
            for (auto& item : items) {
                Variables own;
                scopes_.push_back(&own);
                const auto assigned = assign(s, item);
                auto holds = assigned ? value_of(*s.conditions[0])
                                      : Result<Value>(std::unexpected(assigned.error()));
                scopes_.pop_back();
                if (OL_TRY(std::move(holds)).truth()) kept.push_back(std::move(item));
            }
            items = std::move(kept);
        }
        if (items.empty() && s.bodies.size() > 1) return scoped(s.bodies[1]);
        loops_.emplace_back();
        auto& state = loops_.back(); // lives on: a namespace may hold it
        state.items = std::move(items);
        return iterations(s, state);
    }

    Result<Flow> iterations(const Statement& s, LoopState& state) {
        for (std::size_t i = 0; i < state.items.size(); ++i) {
            state.index = i;
            Variables own; // of one iteration: what it sets, the next does not see
            own.insert_or_assign("loop", Value(static_cast<const LoopState*>(&state)));
            scopes_.push_back(&own);
            const auto assigned = assign(s, state.items[i]);
            auto flow =
                assigned ? body(s.bodies[0]) : Result<Flow>(std::unexpected(assigned.error()));
            scopes_.pop_back();
            if (OL_TRY(std::move(flow)) == Flow::leave) break;
        }
        return Flow::on;
    }

    const Tree& tree_;
    const std::int64_t now_s_;
    Budget budget_;
    Variables globals_, root_;
    std::vector<Variables*> scopes_; // innermost last
    std::deque<NamespaceState> namespaces_;
    std::deque<LoopState> loops_;
    std::string* out_ = nullptr;
    std::uint32_t level_ = 0;
};

} // namespace

Result<std::string> evaluate(const Tree& tree, Variables variables, std::int64_t now_s) {
    return Evaluator(tree, std::move(variables), now_s).run();
}

} // namespace ol::model::chat_template
