// The tests of "x is NAME".
#include <algorithm>
#include <array>

#include "model/chat_template/calls.hpp"
#include "model/chat_template/text.hpp"

namespace ol::model::chat_template {

namespace {

Result<Value> one_argument(std::string_view what, const Arguments& arguments) {
    static constexpr std::string_view parameters[] = {"other"};
    auto bound = OL_TRY(bind_arguments(what, parameters, arguments));
    if (!bound[0]) return fail(ErrorCode::invalid_argument, "{} wants an argument", what);
    return std::move(*bound[0]);
}

template <auto Check>
Result<bool> plain(Budget&, const Value& value, const Arguments& arguments) {
    OL_TRY(bind_arguments("the test", {}, arguments));
    return Check(value);
}

// Of comparisons: which of less, equal, greater hold.
template <bool Less, bool Equal, bool Greater>
Result<bool> ordered(Budget& budget, const Value& a, const Arguments& arguments) {
    const auto b = OL_TRY(one_argument("the comparison", arguments));
    if (OL_TRY(less(a, b, budget))) return Less;
    if (OL_TRY(less(b, a, budget))) return Greater;
    return Equal;
}

Result<std::int64_t> remainder(const Value& value, std::int64_t by) {
    const auto integer = OL_TRY(want_integer(value, "the test"));
    if (by == 0) return fail(ErrorCode::invalid_argument, "division by zero");
    return by == -1 ? 0 : integer % by;
}

template <bool Odd>
Result<bool> parity(Budget&, const Value& value, const Arguments&) {
    return (OL_TRY(remainder(value, 2)) != 0) == Odd;
}

Result<bool> test_divisible(Budget&, const Value& value, const Arguments& arguments) {
    const auto by = OL_TRY(one_argument("divisibleby", arguments));
    return OL_TRY(remainder(value, OL_TRY(want_integer(by, "divisibleby")))) == 0;
}

template <bool Wanted>
Result<bool> equals(Budget& budget, const Value& value, const Arguments& arguments) {
    return OL_TRY(equal(value, OL_TRY(one_argument("eq", arguments)), budget)) == Wanted;
}

Result<bool> test_in(Budget& budget, const Value& value, const Arguments& arguments) {
    return contains(OL_TRY(one_argument("in", arguments)), value, budget);
}

// Identity, as far as it can be told: that of true, false, none and equal plain values.
Result<bool> test_same(Budget& budget, const Value& value, const Arguments& arguments) {
    const auto other = OL_TRY(one_argument("sameas", arguments));
    if (value.data.index() != other.data.index()) return false;
    return equal(value, other, budget);
}

template <bool Upper>
Result<bool> in_case(Budget& budget, const Value& value, const Arguments&) {
    const auto text = OL_TRY(to_text(value, budget));
    OL_TRY(budget.pay_bytes(text.size()));
    return text == (Upper ? upper(text) : lower(text)) && upper(text) != lower(text);
}

bool is_callable(const Value& value) {
    return std::holds_alternative<Function>(value.data) ||
           std::holds_alternative<Method>(value.data) ||
           std::holds_alternative<const MacroNode*>(value.data);
}
bool is_iterable(const Value& value) {
    return value.is_undefined() || value.as_text() != nullptr || value.as_sequence() != nullptr ||
           value.as_mapping() != nullptr;
}

constexpr std::array tests = {
    TestEntry{"!=", equals<false>},
    TestEntry{"<", ordered<true, false, false>},
    TestEntry{"<=", ordered<true, true, false>},
    TestEntry{"==", equals<true>},
    TestEntry{">", ordered<false, false, true>},
    TestEntry{">=", ordered<false, true, true>},
    TestEntry{"boolean", plain<[](const Value& v) { return v.is_bool(); }>},
    TestEntry{"callable", plain<is_callable>},
    TestEntry{"defined", plain<[](const Value& v) { return !v.is_undefined(); }>},
    TestEntry{"divisibleby", test_divisible},
    TestEntry{"eq", equals<true>},
    TestEntry{"equalto", equals<true>},
    TestEntry{"even", parity<false>},
    TestEntry{"false", plain<[](const Value& v) { return v.is_bool() && !v.truth(); }>},
    TestEntry{"float",
              plain<[](const Value& v) { return std::holds_alternative<double>(v.data); }>},
    TestEntry{"ge", ordered<false, true, true>},
    TestEntry{"greaterthan", ordered<false, false, true>},
    TestEntry{"gt", ordered<false, false, true>},
    TestEntry{"in", test_in},
    TestEntry{"integer",
              plain<[](const Value& v) { return std::holds_alternative<std::int64_t>(v.data); }>},
    TestEntry{"iterable", plain<is_iterable>},
    TestEntry{"le", ordered<true, true, false>},
    TestEntry{"lessthan", ordered<true, false, false>},
    TestEntry{"lower", in_case<false>},
    TestEntry{"lt", ordered<true, false, false>},
    TestEntry{"mapping", plain<[](const Value& v) { return v.as_mapping() != nullptr; }>},
    TestEntry{"ne", equals<false>},
    TestEntry{"none", plain<[](const Value& v) { return v.is_none(); }>},
    TestEntry{"number", plain<[](const Value& v) { return v.is_number(); }>},
    TestEntry{"odd", parity<true>},
    TestEntry{"sameas", test_same},
    TestEntry{"sequence", plain<is_iterable>},
    TestEntry{"string", plain<[](const Value& v) { return v.as_text() != nullptr; }>},
    TestEntry{"true", plain<[](const Value& v) { return v.is_bool() && v.truth(); }>},
    TestEntry{"undefined", plain<[](const Value& v) { return v.is_undefined(); }>},
    TestEntry{"upper", in_case<true>},
};

} // namespace

const TestEntry* find_test(std::string_view name) {
    const auto found = std::find_if(tests.begin(), tests.end(),
                                    [&](const TestEntry& entry) { return entry.name == name; });
    return found == tests.end() ? nullptr : &*found;
}

} // namespace ol::model::chat_template
