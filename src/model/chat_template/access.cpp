// Members, slices and arithmetic.
#include <algorithm>
#include <cmath>

#include "base/limits.hpp"
#include "model/chat_template/calls.hpp"
#include "model/chat_template/text.hpp"

namespace ol::model::chat_template {

Result<std::string_view> want_text(const Value& value, std::string_view what) {
    if (const auto* text = value.as_text()) return std::string_view(*text);
    return fail(ErrorCode::invalid_argument, "{} wants a text, not a value of type {}", what,
                value.type_name());
}

Result<std::int64_t> want_integer(const Value& value, std::string_view what) {
    if (const auto integer = value.as_integer()) return *integer;
    return fail(ErrorCode::invalid_argument, "{} wants a whole number, not a value of type {}",
                what, value.type_name());
}

Result<std::vector<std::optional<Value>>>
bind_arguments(std::string_view what, std::span<const std::string_view> parameters,
               const Arguments& arguments) {
    std::vector<std::optional<Value>> out(parameters.size());
    if (arguments.positional.size() > parameters.size()) {
        return fail(ErrorCode::invalid_argument, "{} takes at most {} arguments", what,
                    parameters.size());
    }
    for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
        out[i] = arguments.positional[i];
    }
    for (const auto& [name, value] : arguments.named) {
        std::size_t i = 0;
        while (i < parameters.size() && parameters[i] != name) ++i;
        if (i == parameters.size()) {
            return fail(ErrorCode::invalid_argument, "{} has no argument '{}'", what, name);
        }
        if (out[i]) {
            return fail(ErrorCode::invalid_argument, "{}: the argument '{}' is there twice", what,
                        name);
        }
        out[i] = value;
    }
    return out;
}

namespace {

std::unexpected<Error> of_undefined(const Undefined& undefined) {
    return fail(ErrorCode::invalid_argument, "{}", *undefined.why);
}

Value loop_member(const LoopState& loop, std::string_view name) {
    const auto index = static_cast<std::int64_t>(loop.index);
    const auto count = static_cast<std::int64_t>(loop.items.size());
    if (name == "index") return Value(index + 1);
    if (name == "index0") return Value(index);
    if (name == "revindex") return Value(count - index);
    if (name == "revindex0") return Value(count - index - 1);
    if (name == "length") return Value(count);
    if (name == "first") return Value(index == 0);
    if (name == "last") return Value(index + 1 == count);
    if (name == "depth") return Value(std::int64_t{1}); // of recursive loops alone it is more
    if (name == "depth0") return Value(std::int64_t{0});
    if (name == "previtem") {
        if (index == 0) return Value::undefined("there is no previous item");
        return loop.items[loop.index - 1];
    }
    if (name == "nextitem") {
        if (index + 1 == count) return Value::undefined("there is no next item");
        return loop.items[loop.index + 1];
    }
    return Value::undefined(fmt::format("'loop' has no attribute '{}'", name));
}

// Names of Python's methods, also those that are not supported here: a member of a dict that is
// called like one is only found by d["items"].
bool has_method(const Value& of, std::string_view name) {
    static constexpr std::string_view of_dict[] = {"items",   "keys",       "values",  "get",
                                                   "copy",    "pop",        "update",  "clear",
                                                   "popitem", "setdefault", "fromkeys"};
    static constexpr std::string_view of_list[] = {"append", "extend",  "insert", "remove",
                                                   "pop",    "clear",   "index",  "count",
                                                   "sort",   "reverse", "copy"};
    if (of.as_mapping() != nullptr) {
        return std::find(std::begin(of_dict), std::end(of_dict), name) != std::end(of_dict);
    }
    if (of.as_sequence() != nullptr) {
        return std::find(std::begin(of_list), std::end(of_list), name) != std::end(of_list);
    }
    return of.as_text() != nullptr && is_method(name) && name != "items" && name != "keys" &&
           name != "values" && name != "get";
}

Value no_member(const Value& of, std::string_view name) {
    return Value::undefined(
        fmt::format("a value of type {} has no attribute '{}'", of.type_name(), name));
}

} // namespace

Result<Value> attribute(Budget& budget, const Value& of, std::string_view name) {
    if (const auto* undefined = std::get_if<Undefined>(&of.data)) return of_undefined(*undefined);
    if (const auto* loop = std::get_if<const LoopState*>(&of.data)) {
        return loop_member(**loop, name);
    }
    if (const auto* space = std::get_if<NamespaceState*>(&of.data)) {
        const auto found = (*space)->values.find(name);
        if (found != (*space)->values.end()) return found->second;
        return no_member(of, name);
    }
    if (has_method(of, name)) return Value(Method{});
    if (const auto* mapping = of.as_mapping()) {
        const auto* found = OL_TRY(find_key(*mapping, Value::text(name), budget));
        if (found != nullptr) return *found;
    }
    return no_member(of, name);
}

Result<Value> subscript(Budget& budget, const Value& of, const Value& key) {
    if (const auto* undefined = std::get_if<Undefined>(&of.data)) return of_undefined(*undefined);
    if (const auto* mapping = of.as_mapping()) {
        const auto* found = OL_TRY(find_key(*mapping, key, budget));
        if (found != nullptr) return *found;
    }
    const auto index = key.as_integer();
    if (index && (of.as_sequence() != nullptr || of.as_text() != nullptr)) {
        std::int64_t count = 0;
        if (const auto* sequence = of.as_sequence()) {
            count = static_cast<std::int64_t>(sequence->items.size());
        } else {
            OL_TRY(budget.pay_bytes(of.as_text()->size()));
            count = static_cast<std::int64_t>(length(*of.as_text()));
        }
        const auto at = *index < 0 ? *index + count : *index;
        if (at < 0 || at >= count) {
            return Value::undefined(fmt::format("there is no item {} of {}", *index, count));
        }
        if (const auto* sequence = of.as_sequence()) {
            return sequence->items[static_cast<std::size_t>(at)];
        }
        return slice(budget, of, at, at + 1, {});
    }
    if (const auto* name = key.as_text()) {
        if (of.as_mapping() != nullptr) {
            if (has_method(of, *name)) return Value(Method{});
            return no_member(of, *name);
        }
        return attribute(budget, of, *name);
    }
    return no_member(of, OL_TRY(to_text(key, budget)));
}

Result<Value> member_at(Budget& budget, const Value& of, const Value& path) {
    const auto* text = path.as_text();
    if (text == nullptr) return subscript(budget, of, path);
    Value out = of;
    for (const auto part : split(*text, ".")) {
        const bool is_number = !part.empty() && part.size() < 18 &&
                               part.find_first_not_of("0123456789") == std::string_view::npos;
        const auto key = is_number ? Value(static_cast<std::int64_t>(std::stoll(std::string(part))))
                                   : Value::text(part);
        out = OL_TRY(subscript(budget, out, key));
    }
    return out;
}

Result<Value> slice(Budget& budget, const Value& of, std::optional<std::int64_t> start,
                    std::optional<std::int64_t> stop, std::optional<std::int64_t> step) {
    if (const auto* undefined = std::get_if<Undefined>(&of.data)) return of_undefined(*undefined);
    const auto* text = of.as_text();
    const auto* sequence = of.as_sequence();
    if (text == nullptr && sequence == nullptr) return no_member(of, "a slice");
    std::vector<std::string_view> letters;
    if (text != nullptr) {
        OL_TRY(budget.pay(1 + text->size()));
        letters = characters(*text);
    }
    const auto count =
        static_cast<std::int64_t>(text != nullptr ? letters.size() : sequence->items.size());
    const auto by = step.value_or(1);
    if (by == 0) return fail(ErrorCode::invalid_argument, "a slice's step is 0");
    // As Python's slice.indices.
    const std::int64_t low = by < 0 ? -1 : 0, high = by < 0 ? count - 1 : count;
    auto place = [&](std::optional<std::int64_t> at, std::int64_t absent) {
        if (!at) return absent;
        const auto from_end = *at < 0 ? (*at < -count ? low : *at + count) : *at;
        return std::min(std::max(from_end, low), high);
    };
    const auto first = place(start, by < 0 ? high : low);
    const auto last = place(stop, by < 0 ? low : high);
    std::string out_text;
    Items out;
    for (std::int64_t i = first; by < 0 ? i > last : i < last;) {
        OL_TRY(budget.pay(2));
        if (text != nullptr) {
            out_text += letters[static_cast<std::size_t>(i)];
        } else {
            out.push_back(sequence->items[static_cast<std::size_t>(i)]);
        }
        if (__builtin_add_overflow(i, by, &i)) break;
    }
    if (text != nullptr) return Value::text(std::move(out_text));
    return Value::sequence(std::move(out), sequence->is_tuple);
}

Result<std::int64_t> length_of(Budget& budget, const Value& value) {
    if (value.is_undefined()) return 0;
    if (const auto* text = value.as_text()) {
        OL_TRY(budget.pay_bytes(text->size()));
        return static_cast<std::int64_t>(length(*text));
    }
    if (const auto* sequence = value.as_sequence()) {
        return static_cast<std::int64_t>(sequence->items.size());
    }
    if (const auto* mapping = value.as_mapping()) {
        return static_cast<std::int64_t>(mapping->pairs.size());
    }
    return fail(ErrorCode::invalid_argument, "a value of type {} has no length", value.type_name());
}

namespace {

std::unexpected<Error> no_operation(std::string_view op, const Value& a, const Value& b) {
    for (const auto* side : {&a, &b}) {
        if (const auto* undefined = std::get_if<Undefined>(&side->data)) {
            return of_undefined(*undefined);
        }
    }
    return fail(ErrorCode::invalid_argument, "'{}' is not possible between {} and {}", op,
                a.type_name(), b.type_name());
}

std::unexpected<Error> overflow(std::string_view op) {
    return fail(ErrorCode::invalid_argument, "'{}' gives a number of more than 64 bits", op);
}

Result<Value> repeat(Budget& budget, const Value& value, std::int64_t times) {
    if (times < 0) times = 0;
    const auto count = static_cast<std::uint64_t>(times);
    if (const auto* text = value.as_text()) {
        std::uint64_t bytes = 0;
        if (__builtin_mul_overflow(count, text->size(), &bytes) ||
            bytes > limits::template_output_bytes) {
            return fail(ErrorCode::too_large, "the text is longer than {} bytes",
                        limits::template_output_bytes);
        }
        OL_TRY(budget.pay_bytes(bytes));
        std::string out;
        for (std::uint64_t i = 0; i < count && !text->empty(); ++i) out += *text;
        return Value::text(std::move(out));
    }
    const auto& items = value.as_sequence()->items;
    std::uint64_t size = 0;
    if (__builtin_mul_overflow(count, 2 * items.size(), &size)) size = UINT64_MAX;
    OL_TRY(budget.pay(size));
    Items out;
    for (std::uint64_t i = 0; i < count && !items.empty(); ++i) {
        out.insert(out.end(), items.begin(), items.end());
    }
    return Value::sequence(std::move(out), value.as_sequence()->is_tuple);
}

Result<Value> calculate_integers(std::string_view op, std::int64_t a, std::int64_t b) {
    std::int64_t out = 0;
    if (op == "+")
        return __builtin_add_overflow(a, b, &out) ? Result<Value>(overflow(op)) : Value(out);
    if (op == "-")
        return __builtin_sub_overflow(a, b, &out) ? Result<Value>(overflow(op)) : Value(out);
    if (op == "*")
        return __builtin_mul_overflow(a, b, &out) ? Result<Value>(overflow(op)) : Value(out);
    if (op == "**") {
        if (b < 0) return Value(std::pow(static_cast<double>(a), static_cast<double>(b)));
        out = 1;
        for (std::int64_t i = 0; i < b; ++i) {
            if (__builtin_mul_overflow(out, a, &out)) return overflow(op);
            if (out == 0 || (out == 1 && a == 1)) break;
            if (i > 64) return Value((b % 2 == 0 || a == 1) ? std::int64_t{1} : std::int64_t{-1});
        }
        return Value(out);
    }
    if (b == 0) return fail(ErrorCode::invalid_argument, "division by zero");
    if (op == "/") return Value(static_cast<double>(a) / static_cast<double>(b));
    if (b == -1) { // the smallest number has no opposite
        if (op == "%") return Value(std::int64_t{0});
        return __builtin_sub_overflow(std::int64_t{0}, a, &out) ? Result<Value>(overflow(op))
                                                                : Value(out);
    }
    const auto remainder = a % b;
    const bool shifts = remainder != 0 && (remainder < 0) != (b < 0); // Python rounds down
    if (op == "//") return Value(a / b - (shifts ? 1 : 0));
    return Value(remainder + (shifts ? b : 0));
}

Result<Value> calculate_reals(std::string_view op, double a, double b) {
    if (op == "+") return Value(a + b);
    if (op == "-") return Value(a - b);
    if (op == "*") return Value(a * b);
    if (op == "**") return Value(std::pow(a, b));
    if (b == 0) return fail(ErrorCode::invalid_argument, "division by zero");
    if (op == "/") return Value(a / b);
    double remainder = std::fmod(a, b);
    if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
    if (op == "%") return Value(remainder);
    return Value(std::floor((a - remainder) / b + 0.5));
}

} // namespace

Result<Value> calculate(Budget& budget, std::string_view op, const Value& a, const Value& b) {
    OL_TRY(budget.pay(1));
    const auto x = a.as_integer(), y = b.as_integer();
    if (x && y) return calculate_integers(op, *x, *y);
    if (a.is_number() && b.is_number()) return calculate_reals(op, *a.as_real(), *b.as_real());
    if (op == "+" && a.as_text() != nullptr && b.as_text() != nullptr) {
        const auto bytes = a.as_text()->size() + b.as_text()->size();
        if (bytes > limits::template_output_bytes) {
            return fail(ErrorCode::too_large, "the text is longer than {} bytes",
                        limits::template_output_bytes);
        }
        OL_TRY(budget.pay_bytes(bytes));
        return Value::text(*a.as_text() + *b.as_text());
    }
    const auto *left = a.as_sequence(), *right = b.as_sequence();
    if (op == "+" && left != nullptr && right != nullptr && left->is_tuple == right->is_tuple) {
        OL_TRY(budget.pay(2 * (left->items.size() + right->items.size())));
        Items out = left->items;
        out.insert(out.end(), right->items.begin(), right->items.end());
        return Value::sequence(std::move(out), left->is_tuple);
    }
    auto repeats = [](const Value& value) {
        return value.as_text() != nullptr || value.as_sequence() != nullptr;
    };
    if (op == "*" && repeats(a) && y) return repeat(budget, a, *y);
    if (op == "*" && x && repeats(b)) return repeat(budget, b, *x);
    if (op == "%" && a.as_text() != nullptr) {
        return fail(ErrorCode::unsupported, "'%' on a text (printf's format) is not supported");
    }
    return no_operation(op, a, b);
}

} // namespace ol::model::chat_template
