// The filters of "x | NAME(...)".
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/limits.hpp"
#include "model/chat_template/calls.hpp"
#include "model/chat_template/text.hpp"

namespace ol::model::chat_template {

namespace {

using Bound = std::vector<std::optional<Value>>;

bool truth_of(const std::optional<Value>& value, bool absent) {
    return value ? value->truth() : absent;
}

// Filters of texts take anything and print it first.
template <auto Change>
Result<Value> change_text(Budget& budget, const Value& value, const Arguments& arguments) {
    OL_TRY(bind_arguments("the filter", {}, arguments));
    const auto text = OL_TRY(to_text(value, budget));
    OL_TRY(budget.pay_bytes(text.size()));
    return Value::text(Change(text));
}

Result<Value> filter_trim(Budget& budget, const Value& value, const Arguments& arguments) {
    static constexpr std::string_view parameters[] = {"chars"};
    const auto bound = OL_TRY(bind_arguments("trim", parameters, arguments));
    std::optional<std::string_view> chars;
    if (bound[0] && !bound[0]->is_none()) chars = OL_TRY(want_text(*bound[0], "trim"));
    const auto text = OL_TRY(to_text(value, budget));
    return Value::text(strip(text, true, true, chars));
}

Result<Value> filter_length(Budget& budget, const Value& value, const Arguments& arguments) {
    OL_TRY(bind_arguments("length", {}, arguments));
    return Value(OL_TRY(length_of(budget, value)));
}

Result<Value> filter_default(Budget&, const Value& value, const Arguments& arguments) {
    static constexpr std::string_view parameters[] = {"default_value", "boolean"};
    auto bound = OL_TRY(bind_arguments("default", parameters, arguments));
    if (!value.is_undefined() && (!truth_of(bound[1], false) || value.truth())) return value;
    return bound[0] ? std::move(*bound[0]) : Value::text(std::string_view());
}

Result<Value> filter_first(Budget& budget, const Value& value, const Arguments& arguments) {
    OL_TRY(bind_arguments("first", {}, arguments));
    const auto items = OL_TRY(iterate(value, budget));
    if (items.empty()) return Value::undefined("the list has no first item");
    return items.front();
}

Result<Value> filter_last(Budget& budget, const Value& value, const Arguments& arguments) {
    OL_TRY(bind_arguments("last", {}, arguments));
    const auto items = OL_TRY(iterate(value, budget));
    if (items.empty()) return Value::undefined("the list has no last item");
    return items.back();
}

Result<Value> filter_list(Budget& budget, const Value& value, const Arguments& arguments) {
    OL_TRY(bind_arguments("list", {}, arguments));
    return Value::sequence(OL_TRY(iterate(value, budget)));
}

Result<Value> filter_reverse(Budget& budget, const Value& value, const Arguments& arguments) {
    OL_TRY(bind_arguments("reverse", {}, arguments));
    if (value.as_text() != nullptr) return slice(budget, value, {}, {}, -1);
    auto items = OL_TRY(iterate(value, budget));
    std::reverse(items.begin(), items.end());
    return Value::sequence(std::move(items));
}

Result<Value> filter_items(Budget& budget, const Value& value, const Arguments& arguments) {
    if (value.is_undefined()) return Value::sequence({});
    if (value.as_mapping() == nullptr) {
        return fail(ErrorCode::invalid_argument, "items wants a dict, not a value of type {}",
                    value.type_name());
    }
    return call_method(budget, value, "items", arguments);
}

Result<Value> filter_join(Budget& budget, const Value& value, const Arguments& arguments) {
    static constexpr std::string_view parameters[] = {"d", "attribute"};
    const auto bound = OL_TRY(bind_arguments("join", parameters, arguments));
    std::string separator, out;
    if (bound[0]) separator = OL_TRY(to_text(*bound[0], budget));
    bool first = true;
    for (const auto& item : OL_TRY(iterate(value, budget))) {
        if (!first) {
            OL_TRY(budget.pay_bytes(separator.size()));
            out += separator;
        }
        first = false;
        if (bound[1]) {
            OL_TRY(print(OL_TRY(member_at(budget, item, *bound[1])), out, budget));
        } else {
            OL_TRY(print(item, out, budget));
        }
    }
    return Value::text(std::move(out));
}

Result<Value> filter_string(Budget& budget, const Value& value, const Arguments& arguments) {
    OL_TRY(bind_arguments("string", {}, arguments));
    return Value::text(OL_TRY(to_text(value, budget)));
}

std::optional<double> number_in(std::string_view text) {
    text = strip(text, true, true);
    if (text.starts_with('+')) text.remove_prefix(1);
    double out = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (text.empty() || code != std::errc() || end != text.data() + text.size()) return {};
    return out;
}

Result<Value> filter_int(Budget&, const Value& value, const Arguments& arguments) {
    static constexpr std::string_view parameters[] = {"default"};
    const auto bound = OL_TRY(bind_arguments("int", parameters, arguments));
    const auto otherwise = bound[0].value_or(Value(std::int64_t{0}));
    if (const auto integer = value.as_integer()) return Value(*integer);
    std::optional<double> real = value.as_real();
    if (const auto* text = value.as_text()) {
        std::int64_t out = 0;
        auto digits = strip(*text, true, true);
        if (digits.starts_with('+')) digits.remove_prefix(1);
        const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
        if (!digits.empty() && code == std::errc() && end == digits.data() + digits.size()) {
            return Value(out);
        }
        real = number_in(*text);
    }
    if (value.is_undefined()) {
        return fail(ErrorCode::invalid_argument, "{}", *std::get<Undefined>(value.data).why);
    }
    if (!real || !(std::fabs(*real) < 9.2e18)) return otherwise;
    return Value(static_cast<std::int64_t>(*real));
}

Result<Value> filter_float(Budget&, const Value& value, const Arguments& arguments) {
    static constexpr std::string_view parameters[] = {"default"};
    const auto bound = OL_TRY(bind_arguments("float", parameters, arguments));
    if (const auto real = value.as_real()) return Value(*real);
    if (const auto* text = value.as_text()) {
        if (const auto real = number_in(*text)) return Value(*real);
    }
    return bound[0].value_or(Value(0.0));
}

Result<Value> filter_abs(Budget& budget, const Value& value, const Arguments& arguments) {
    OL_TRY(bind_arguments("abs", {}, arguments));
    if (const auto integer = value.as_integer()) {
        if (*integer >= 0) return Value(*integer);
        return calculate(budget, "-", Value(std::int64_t{0}), value);
    }
    if (const auto real = value.as_real()) return Value(std::fabs(*real));
    return fail(ErrorCode::invalid_argument, "abs wants a number");
}

Result<Value> filter_replace(Budget& budget, const Value& value, const Arguments& arguments) {
    auto given = arguments;
    // Python's replace takes no None; the filter does.
    if (given.positional.size() == 3 && given.positional[2].is_none()) given.positional.pop_back();
    return call_method(budget, Value::text(OL_TRY(to_text(value, budget))), "replace", given);
}

Result<Value> filter_tojson(Budget& budget, const Value& value, const Arguments& arguments) {
    static constexpr std::string_view parameters[] = {"ensure_ascii", "indent", "separators",
                                                      "sort_keys"};
    const auto bound = OL_TRY(bind_arguments("tojson", parameters, arguments));
    JsonStyle style;
    style.ascii_only = truth_of(bound[0], false);
    style.sort_keys = truth_of(bound[3], false);
    if (bound[1] && !bound[1]->is_none()) {
        if (const auto* text = bound[1]->as_text()) {
            style.indent = *text;
        } else {
            const auto width = OL_TRY(want_integer(*bound[1], "tojson: indent"));
            style.indent = std::string(
                static_cast<std::size_t>(std::clamp<std::int64_t>(width, 0, 1000)), ' ');
        }
        style.item_separator = ",";
    }
    if (bound[2] && !bound[2]->is_none()) {
        const auto* pair = bound[2]->as_sequence();
        if (pair == nullptr || pair->items.size() != 2) {
            return fail(ErrorCode::invalid_argument, "tojson: separators wants two texts");
        }
        style.item_separator = OL_TRY(want_text(pair->items[0], "tojson: separators"));
        style.key_separator = OL_TRY(want_text(pair->items[1], "tojson: separators"));
    }
    return Value::text(OL_TRY(to_json(value, style, budget)));
}

Result<Value> filter_indent(Budget& budget, const Value& value, const Arguments& arguments) {
    static constexpr std::string_view parameters[] = {"width", "first", "blank"};
    const auto bound = OL_TRY(bind_arguments("indent", parameters, arguments));
    std::string margin(4, ' ');
    if (bound[0]) {
        if (const auto* text = bound[0]->as_text()) {
            margin = *text;
        } else {
            const auto width = OL_TRY(want_integer(*bound[0], "indent"));
            margin.assign(static_cast<std::size_t>(std::clamp<std::int64_t>(width, 0, 1000)), ' ');
        }
    }
    const auto text = OL_TRY(to_text(value, budget));
    const bool blank = truth_of(bound[2], false);
    std::string out = truth_of(bound[1], false) ? margin : std::string();
    // The filter adds a line break before it cuts into lines, so that a last one is kept.
    auto lines = split_lines(text);
    if (text.empty() || text.ends_with('\n')) lines.emplace_back();
    for (std::size_t i = 0; i < lines.size(); ++i) {
        OL_TRY(budget.pay_bytes(lines[i].size() + margin.size()));
        if (i != 0) out += '\n';
        if (i != 0 && (blank || !lines[i].empty())) out += margin;
        out += lines[i];
    }
    return Value::text(std::move(out));
}

// --- filters over lists --------------------------------------------------------------------

Result<Value> filter_map(Budget& budget, const Value& value, const Arguments& arguments) {
    const auto items = OL_TRY(iterate(value, budget));
    Items out;
    if (arguments.positional.empty()) {
        static constexpr std::string_view parameters[] = {"attribute", "default"};
        const auto bound = OL_TRY(bind_arguments("map", parameters, arguments));
        if (!bound[0]) return fail(ErrorCode::invalid_argument, "map wants a filter's name");
        for (const auto& item : items) {
            auto member = OL_TRY(member_at(budget, item, *bound[0]));
            if (member.is_undefined() && bound[1] && !bound[1]->is_none()) member = *bound[1];
            out.push_back(std::move(member));
        }
        return Value::sequence(std::move(out));
    }
    const auto name = OL_TRY(want_text(arguments.positional[0], "map"));
    const auto* filter = find_filter(name);
    if (filter == nullptr) {
        return fail(ErrorCode::unsupported, "map: filter '{}' is not supported", name);
    }
    if (name == "map") return fail(ErrorCode::unsupported, "map of map is not supported");
    const Arguments rest{{arguments.positional.begin() + 1, arguments.positional.end()},
                         arguments.named};
    for (const auto& item : items) out.push_back(OL_TRY(filter->call(budget, item, rest)));
    return Value::sequence(std::move(out));
}

template <bool Wanted, bool ByAttribute>
Result<Value> select(Budget& budget, const Value& value, const Arguments& arguments) {
    const auto& given = arguments.positional;
    constexpr std::size_t test_at = ByAttribute ? 1 : 0;
    if (ByAttribute && given.empty()) {
        return fail(ErrorCode::invalid_argument, "the filter wants an attribute's name");
    }
    const TestEntry* test = nullptr;
    Arguments rest;
    if (given.size() > test_at) {
        const auto name = OL_TRY(want_text(given[test_at], "the filter"));
        test = find_test(name);
        if (test == nullptr) {
            return fail(ErrorCode::unsupported, "test '{}' is not supported", name);
        }
        rest.positional.assign(given.begin() + test_at + 1, given.end());
        rest.named = arguments.named;
    }
    Items out;
    for (const auto& item : OL_TRY(iterate(value, budget))) {
        const auto subject = ByAttribute ? OL_TRY(member_at(budget, item, given[0])) : item;
        OL_TRY(budget.pay(1));
        const bool holds =
            test != nullptr ? OL_TRY(test->call(budget, subject, rest)) : subject.truth();
        if (holds == Wanted) out.push_back(item);
    }
    return Value::sequence(std::move(out));
}

// What a value is ordered by: texts without their case unless it counts.
Result<Value> sort_key(Budget& budget, const Value& value, const std::optional<Value>& attribute,
                       bool case_sensitive) {
    auto key =
        attribute && !attribute->is_none() ? OL_TRY(member_at(budget, value, *attribute)) : value;
    if (!case_sensitive && key.as_text() != nullptr) {
        OL_TRY(budget.pay_bytes(key.as_text()->size()));
        key = Value::text(lower(*key.as_text()));
    }
    return key;
}

// A stable merge sort, since the order may fail on values without one.
Status sort_by(Budget& budget, std::vector<std::pair<Value, Value>>& items, bool reverse) {
    std::vector<std::pair<Value, Value>> other(items.size());
    for (std::size_t width = 1; width < items.size(); width *= 2) {
        for (std::size_t from = 0; from < items.size(); from += 2 * width) {
            const auto middle = std::min(from + width, items.size());
            const auto end = std::min(from + 2 * width, items.size());
            std::size_t left = from, right = middle;
            for (auto to = from; to < end; ++to) {
                bool takes_right = left == middle;
                if (left < middle && right < end) {
                    takes_right = reverse
                                      ? OL_TRY(less(items[left].first, items[right].first, budget))
                                      : OL_TRY(less(items[right].first, items[left].first, budget));
                }
                other[to] = items[takes_right ? right++ : left++];
            }
        }
        std::swap(items, other);
    }
    return {};
}

Result<Value> filter_sort(Budget& budget, const Value& value, const Arguments& arguments) {
    static constexpr std::string_view parameters[] = {"reverse", "case_sensitive", "attribute"};
    const auto bound = OL_TRY(bind_arguments("sort", parameters, arguments));
    std::vector<std::pair<Value, Value>> keyed;
    for (const auto& item : OL_TRY(iterate(value, budget))) {
        keyed.emplace_back(OL_TRY(sort_key(budget, item, bound[2], truth_of(bound[1], false))),
                           item);
    }
    OL_TRY(sort_by(budget, keyed, truth_of(bound[0], false)));
    Items out;
    for (auto& [key, item] : keyed) out.push_back(std::move(item));
    return Value::sequence(std::move(out));
}

Result<Value> filter_dictsort(Budget& budget, const Value& value, const Arguments& arguments) {
    static constexpr std::string_view parameters[] = {"case_sensitive", "by", "reverse"};
    const auto bound = OL_TRY(bind_arguments("dictsort", parameters, arguments));
    const auto by = bound[1] ? OL_TRY(want_text(*bound[1], "dictsort")) : "key";
    if (by != "key" && by != "value") {
        return fail(ErrorCode::invalid_argument, "dictsort: by is \"key\" or \"value\"");
    }
    const auto items = OL_TRY(filter_items(budget, value, {}));
    std::vector<std::pair<Value, Value>> keyed;
    for (const auto& item : items.as_sequence()->items) {
        const auto& part = item.as_sequence()->items[by == "key" ? 0 : 1];
        keyed.emplace_back(OL_TRY(sort_key(budget, part, {}, truth_of(bound[0], false))), item);
    }
    OL_TRY(sort_by(budget, keyed, truth_of(bound[2], false)));
    Items out;
    for (auto& [key, item] : keyed) out.push_back(std::move(item));
    return Value::sequence(std::move(out));
}

template <bool Largest>
Result<Value> extreme(Budget& budget, const Value& value, const Arguments& arguments) {
    static constexpr std::string_view parameters[] = {"case_sensitive", "attribute"};
    const auto bound = OL_TRY(bind_arguments("min and max", parameters, arguments));
    const auto items = OL_TRY(iterate(value, budget));
    if (items.empty()) return Value::undefined("no item of an empty list");
    std::size_t best = 0;
    Value best_key;
    for (std::size_t i = 0; i < items.size(); ++i) {
        auto key = OL_TRY(sort_key(budget, items[i], bound[1], truth_of(bound[0], false)));
        if (i != 0 && !(Largest ? OL_TRY(less(best_key, key, budget))
                                : OL_TRY(less(key, best_key, budget)))) {
            continue;
        }
        best = i;
        best_key = std::move(key);
    }
    return items[best];
}

Result<Value> filter_unique(Budget& budget, const Value& value, const Arguments& arguments) {
    static constexpr std::string_view parameters[] = {"case_sensitive", "attribute"};
    const auto bound = OL_TRY(bind_arguments("unique", parameters, arguments));
    Items out, seen;
    for (const auto& item : OL_TRY(iterate(value, budget))) {
        auto key = OL_TRY(sort_key(budget, item, bound[1], truth_of(bound[0], false)));
        bool is_new = true;
        for (const auto& other : seen) {
            if (OL_TRY(equal(key, other, budget))) is_new = false;
        }
        if (!is_new) continue;
        seen.push_back(std::move(key));
        out.push_back(item);
    }
    return Value::sequence(std::move(out));
}

std::string same(std::string_view text) { return std::string(text); }

constexpr std::array filters = {
    FilterEntry{"abs", filter_abs},
    FilterEntry{"capitalize", change_text<capitalize>},
    FilterEntry{"count", filter_length},
    FilterEntry{"d", filter_default},
    FilterEntry{"default", filter_default},
    FilterEntry{"dictsort", filter_dictsort},
    FilterEntry{"first", filter_first},
    FilterEntry{"float", filter_float},
    FilterEntry{"indent", filter_indent},
    FilterEntry{"int", filter_int},
    FilterEntry{"items", filter_items},
    FilterEntry{"join", filter_join},
    FilterEntry{"last", filter_last},
    FilterEntry{"length", filter_length},
    FilterEntry{"list", filter_list},
    FilterEntry{"lower", change_text<lower>},
    FilterEntry{"map", filter_map},
    FilterEntry{"max", extreme<true>},
    FilterEntry{"min", extreme<false>},
    FilterEntry{"reject", select<false, false>},
    FilterEntry{"rejectattr", select<false, true>},
    FilterEntry{"replace", filter_replace},
    FilterEntry{"reverse", filter_reverse},
    FilterEntry{"safe", change_text<same>},
    FilterEntry{"select", select<true, false>},
    FilterEntry{"selectattr", select<true, true>},
    FilterEntry{"sort", filter_sort},
    FilterEntry{"string", filter_string},
    FilterEntry{"title", change_text<title>},
    FilterEntry{"tojson", filter_tojson},
    FilterEntry{"trim", filter_trim},
    FilterEntry{"unique", filter_unique},
    FilterEntry{"upper", change_text<upper>},
};

} // namespace

const FilterEntry* find_filter(std::string_view name) {
    const auto found = std::find_if(filters.begin(), filters.end(),
                                    [&](const FilterEntry& entry) { return entry.name == name; });
    return found == filters.end() ? nullptr : &*found;
}

} // namespace ol::model::chat_template
