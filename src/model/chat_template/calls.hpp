// Filters, tests, methods and the access to members.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "model/chat_template/value.hpp"

namespace ol::model::chat_template {

struct Arguments {
    Items positional;
    std::vector<std::pair<std::string, Value>> named;
};

// The arguments in the order of `parameters`, absent ones empty. invalid_argument for too many,
// unknown ones or those given twice.
Result<std::vector<std::optional<Value>>>
bind_arguments(std::string_view what, std::span<const std::string_view> parameters,
               const Arguments& arguments);

using FilterFunction = Result<Value> (*)(Budget&, const Value&, const Arguments&);
struct FilterEntry {
    std::string_view name;
    FilterFunction call;
};
// Null when it is not supported.
const FilterEntry* find_filter(std::string_view name);

using TestFunction = Result<bool> (*)(Budget&, const Value&, const Arguments&);
struct TestEntry {
    std::string_view name;
    TestFunction call;
};
const TestEntry* find_test(std::string_view name);

// Whether some type has a method of this name that is supported.
bool is_method(std::string_view name);
Result<Value> call_method(Budget& budget, const Value& self, std::string_view name,
                          const Arguments& arguments);

// x.name and x[key]. Undefined when there is no such member; invalid_argument for members of
// undefined.
Result<Value> attribute(Budget& budget, const Value& of, std::string_view name);
Result<Value> subscript(Budget& budget, const Value& of, const Value& key);
// x["a"]["b"][0] for the path "a.b.0", as the filters' `attribute` says it.
Result<Value> member_at(Budget& budget, const Value& of, const Value& path);
Result<Value> slice(Budget& budget, const Value& of, std::optional<std::int64_t> start,
                    std::optional<std::int64_t> stop, std::optional<std::int64_t> step);

// + - * / // % ** on values.
Result<Value> calculate(Budget& budget, std::string_view op, const Value& a, const Value& b);
// len(x)
Result<std::int64_t> length_of(Budget& budget, const Value& value);

// A text, or invalid_argument that says what wanted it.
Result<std::string_view> want_text(const Value& value, std::string_view what);
Result<std::int64_t> want_integer(const Value& value, std::string_view what);

// The state of a for loop: what `loop` is.
struct LoopState {
    Items items;
    std::size_t index = 0;
};

} // namespace ol::model::chat_template
