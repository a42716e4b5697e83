// Methods of texts and dicts. Those that would change a list or a dict are forbidden in
// transformers' sandbox too.
#include <algorithm>
#include <array>

#include "base/limits.hpp"
#include "model/chat_template/calls.hpp"
#include "model/chat_template/text.hpp"

namespace ol::model::chat_template {

namespace {

constexpr std::array<std::string_view, 27> methods = {
    "capitalize", "count",        "endswith",     "find",    "get",   "index",  "isalnum",
    "isalpha",    "isdigit",      "isspace",      "items",   "join",  "keys",   "lower",
    "lstrip",     "removeprefix", "removesuffix", "replace", "rfind", "rsplit", "rstrip",
    "split",      "splitlines",   "startswith",   "strip",   "title", "upper"};

std::unexpected<Error> no_method(const Value& self, std::string_view name) {
    if (const auto* undefined = std::get_if<Undefined>(&self.data)) {
        return fail(ErrorCode::invalid_argument, "{}", *undefined->why);
    }
    return fail(ErrorCode::invalid_argument, "a value of type {} has no method '{}'",
                self.type_name(), name);
}

Result<Value> texts(Budget& budget, const std::vector<std::string_view>& parts) {
    OL_TRY(budget.pay(8 * parts.size()));
    Items items;
    for (const auto part : parts) items.push_back(Value::text(part));
    return Value::sequence(std::move(items));
}

Result<Value> strip_method(std::string_view self, std::string_view name, const Arguments& given) {
    static constexpr std::string_view parameters[] = {"chars"};
    const auto bound = OL_TRY(bind_arguments(name, parameters, given));
    std::optional<std::string_view> chars;
    if (bound[0] && !bound[0]->is_none()) chars = OL_TRY(want_text(*bound[0], name));
    return Value::text(strip(self, name != "rstrip", name != "lstrip", chars));
}

Result<Value> split_method(Budget& budget, std::string_view self, std::string_view name,
                           const Arguments& given) {
    static constexpr std::string_view parameters[] = {"sep", "maxsplit"};
    const auto bound = OL_TRY(bind_arguments(name, parameters, given));
    std::optional<std::string_view> separator;
    if (bound[0] && !bound[0]->is_none()) separator = OL_TRY(want_text(*bound[0], name));
    if (separator && separator->empty()) {
        return fail(ErrorCode::invalid_argument, "{}: the separator is empty", name);
    }
    const auto limit = bound[1] ? OL_TRY(want_integer(*bound[1], name)) : -1;
    return texts(budget, split(self, separator, limit, name == "rsplit"));
}

Result<Value> affix_method(std::string_view self, std::string_view name, const Arguments& given) {
    static constexpr std::string_view parameters[] = {"affix"};
    const auto bound = OL_TRY(bind_arguments(name, parameters, given));
    if (!bound[0]) return fail(ErrorCode::invalid_argument, "{} wants an argument", name);
    auto matches = [&](const Value& value) -> Result<bool> {
        const auto affix = OL_TRY(want_text(value, name));
        return name == "startswith" ? self.starts_with(affix) : self.ends_with(affix);
    };
    const auto* several = bound[0]->as_sequence();
    if (several == nullptr || !several->is_tuple) return Value(OL_TRY(matches(*bound[0])));
    for (const auto& item : several->items) {
        if (OL_TRY(matches(item))) return Value(true);
    }
    return Value(false);
}

Result<Value> replace_method(Budget& budget, std::string_view self, const Arguments& given) {
    static constexpr std::string_view parameters[] = {"old", "new", "count"};
    const auto bound = OL_TRY(bind_arguments("replace", parameters, given));
    if (!bound[0] || !bound[1]) {
        return fail(ErrorCode::invalid_argument, "replace wants two texts");
    }
    const auto from = OL_TRY(want_text(*bound[0], "replace"));
    const auto to = OL_TRY(want_text(*bound[1], "replace"));
    const auto limit = bound[2] ? OL_TRY(want_integer(*bound[2], "replace")) : -1;
    // The most that can come of it, before it is made.
    const auto most =
        self.size() + (self.size() / std::max<std::size_t>(1, from.size()) + 1) * to.size();
    if (to.size() > from.size() && most > limits::template_output_bytes) {
        return fail(ErrorCode::too_large, "replace may give more than {} bytes",
                    limits::template_output_bytes);
    }
    OL_TRY(budget.pay_bytes(to.size() > from.size() ? most : self.size()));
    return Value::text(replace(self, from, to, limit));
}

Result<Value> find_method(std::string_view self, std::string_view name, const Arguments& given) {
    static constexpr std::string_view parameters[] = {"sub"};
    const auto bound = OL_TRY(bind_arguments(name, parameters, given));
    if (!bound[0]) return fail(ErrorCode::invalid_argument, "{} wants a text", name);
    const auto part = OL_TRY(want_text(*bound[0], name));
    if (name == "count") {
        if (part.empty()) return Value(static_cast<std::int64_t>(length(self)) + 1);
        return Value(static_cast<std::int64_t>(split(self, part).size()) - 1);
    }
    const auto at = name == "rfind" ? self.rfind(part) : self.find(part);
    if (at != std::string_view::npos) {
        return Value(static_cast<std::int64_t>(length(self.substr(0, at))));
    }
    if (name == "index") return fail(ErrorCode::invalid_argument, "index: not found");
    return Value(std::int64_t{-1});
}

Result<Value> join_method(Budget& budget, std::string_view self, const Arguments& given) {
    static constexpr std::string_view parameters[] = {"parts"};
    const auto bound = OL_TRY(bind_arguments("join", parameters, given));
    if (!bound[0]) return fail(ErrorCode::invalid_argument, "join wants a list");
    std::string out;
    bool first = true;
    for (const auto& item : OL_TRY(iterate(*bound[0], budget))) {
        const auto part = OL_TRY(want_text(item, "join"));
        OL_TRY(budget.pay_bytes(part.size() + self.size()));
        if (!first) out += self;
        first = false;
        out += part;
        if (out.size() > limits::template_output_bytes) {
            return fail(ErrorCode::too_large, "join: the text is longer than {} bytes",
                        limits::template_output_bytes);
        }
    }
    return Value::text(std::move(out));
}

bool all_of(std::string_view self, std::string_view name) {
    // Of ASCII; other letters count as letters.
    return !self.empty() && std::all_of(self.begin(), self.end(), [&](char c) {
        const bool digit = c >= '0' && c <= '9';
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            static_cast<unsigned char>(c) >= 0x80;
        if (name == "isdigit") return digit;
        return letter || (name == "isalnum" && digit);
    });
}

Result<Value> call_text(Budget& budget, const std::string& self, std::string_view name,
                        const Arguments& given) {
    OL_TRY(budget.pay_bytes(self.size()));
    if (name == "strip" || name == "lstrip" || name == "rstrip") {
        return strip_method(self, name, given);
    }
    if (name == "split" || name == "rsplit") return split_method(budget, self, name, given);
    if (name == "startswith" || name == "endswith") return affix_method(self, name, given);
    if (name == "replace") return replace_method(budget, self, given);
    if (name == "find" || name == "rfind" || name == "index" || name == "count") {
        return find_method(self, name, given);
    }
    if (name == "join") return join_method(budget, self, given);
    if (name == "removeprefix" || name == "removesuffix") {
        static constexpr std::string_view parameters[] = {"affix"};
        const auto bound = OL_TRY(bind_arguments(name, parameters, given));
        if (!bound[0]) return fail(ErrorCode::invalid_argument, "{} wants a text", name);
        const auto affix = OL_TRY(want_text(*bound[0], name));
        std::string_view out = self;
        if (name == "removeprefix" && out.starts_with(affix)) out.remove_prefix(affix.size());
        if (name == "removesuffix" && out.ends_with(affix)) out.remove_suffix(affix.size());
        return Value::text(out);
    }
    OL_TRY(bind_arguments(name, {}, given));
    if (name == "upper") return Value::text(upper(self));
    if (name == "lower") return Value::text(lower(self));
    if (name == "title") return Value::text(title(self));
    if (name == "capitalize") return Value::text(capitalize(self));
    if (name == "splitlines") return texts(budget, split_lines(self));
    if (name == "isspace") return Value(!self.empty() && strip(self, true, false).empty());
    if (name == "isdigit" || name == "isalpha" || name == "isalnum") {
        return Value(all_of(self, name));
    }
    return no_method(Value::text(self), name);
}

Result<Value> call_mapping(Budget& budget, const Mapping& self, std::string_view name,
                           const Arguments& given) {
    if (name == "get") {
        static constexpr std::string_view parameters[] = {"key", "default"};
        const auto bound = OL_TRY(bind_arguments(name, parameters, given));
        if (!bound[0]) return fail(ErrorCode::invalid_argument, "get wants a key");
        const auto* found = OL_TRY(find_key(self, *bound[0], budget));
        if (found != nullptr) return *found;
        return bound[1].value_or(Value());
    }
    OL_TRY(bind_arguments(name, {}, given));
    OL_TRY(budget.pay(8 * self.pairs.size()));
    Items out;
    for (const auto& [key, value] : self.pairs) {
        if (name == "items") {
            out.push_back(OL_TRY(Value::sequence({key, value}, true)));
        } else {
            out.push_back(name == "keys" ? key : value);
        }
    }
    return Value::sequence(std::move(out));
}

} // namespace

bool is_method(std::string_view name) {
    return name == "values" || std::find(methods.begin(), methods.end(), name) != methods.end();
}

Result<Value> call_method(Budget& budget, const Value& self, std::string_view name,
                          const Arguments& arguments) {
    if (const auto* text = self.as_text()) return call_text(budget, *text, name, arguments);
    const auto* mapping = self.as_mapping();
    if (mapping != nullptr &&
        (name == "get" || name == "items" || name == "keys" || name == "values")) {
        return call_mapping(budget, *mapping, name, arguments);
    }
    return no_method(self, name);
}

} // namespace ol::model::chat_template
