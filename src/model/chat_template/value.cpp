#include "model/chat_template/value.hpp"

#include <algorithm>
#include <cmath>

#include "base/limits.hpp"
#include "model/chat_template/text.hpp"

namespace ol::model::chat_template {

Budget::Budget()
    : left_(limits::template_steps) {}

Status Budget::pay(std::uint64_t steps) {
    if (steps > left_) {
        left_ = 0;
        return fail(ErrorCode::too_large, "the template took more than {} steps",
                    limits::template_steps);
    }
    left_ -= steps;
    return {};
}

namespace {

Status check_depth(std::uint32_t depth) {
    if (depth > limits::template_depth) {
        return fail(ErrorCode::too_large, "lists are nested more than {} deep",
                    limits::template_depth);
    }
    return {};
}

} // namespace

Result<Value> Value::sequence(Items items, bool is_tuple) {
    std::uint32_t depth = 1;
    for (const auto& item : items) depth = std::max(depth, item.depth() + 1);
    OL_TRY(check_depth(depth));
    return Value(std::make_shared<const Sequence>(Sequence{std::move(items), depth, is_tuple}));
}

Result<Value> Value::mapping(Pairs pairs) {
    std::uint32_t depth = 1;
    for (const auto& [key, value] : pairs) {
        depth = std::max({depth, value.depth() + 1, key.depth() + 1});
    }
    OL_TRY(check_depth(depth));
    return Value(std::make_shared<const Mapping>(Mapping{std::move(pairs), depth}));
}

Result<Value> Value::from_json(const codec::Json& json) {
    if (json.is_null()) return Value();
    if (json.is_bool()) return Value(*json.as_bool());
    if (json.is_string()) return text(*json.as_string());
    if (json.is_array()) {
        Items items;
        for (const auto& item : json.items()) items.push_back(OL_TRY(from_json(item)));
        return sequence(std::move(items));
    }
    if (json.is_object()) {
        Pairs pairs;
        for (const auto& [key, value] : json.members()) {
            pairs.emplace_back(text(key), OL_TRY(from_json(value)));
        }
        return mapping(std::move(pairs));
    }
    // A number that was written with a point stays one: 2.0 prints as 2.0.
    const auto printed = json.dump();
    if (printed.find_first_of(".eE") != std::string::npos) return Value(*json.as_double());
    return Value(OL_TRY(json.as_int()));
}

bool Value::is_number() const {
    return std::holds_alternative<std::int64_t>(data) || std::holds_alternative<double>(data) ||
           is_bool();
}

const std::string* Value::as_text() const {
    const auto* found = std::get_if<std::shared_ptr<const std::string>>(&data);
    return found == nullptr ? nullptr : found->get();
}

const Sequence* Value::as_sequence() const {
    const auto* found = std::get_if<std::shared_ptr<const Sequence>>(&data);
    return found == nullptr ? nullptr : found->get();
}

const Mapping* Value::as_mapping() const {
    const auto* found = std::get_if<std::shared_ptr<const Mapping>>(&data);
    return found == nullptr ? nullptr : found->get();
}

std::optional<std::int64_t> Value::as_integer() const {
    if (const auto* integer = std::get_if<std::int64_t>(&data)) return *integer;
    if (const auto* boolean = std::get_if<bool>(&data)) return *boolean ? 1 : 0;
    return {};
}

std::optional<double> Value::as_real() const {
    if (const auto* real = std::get_if<double>(&data)) return *real;
    if (const auto integer = as_integer()) return static_cast<double>(*integer);
    return {};
}

bool Value::truth() const {
    if (is_undefined() || is_none()) return false;
    if (const auto real = as_real()) return *real != 0;
    if (const auto* text = as_text()) return !text->empty();
    if (const auto* sequence = as_sequence()) return !sequence->items.empty();
    if (const auto* mapping = as_mapping()) return !mapping->pairs.empty();
    return true;
}

std::string_view Value::type_name() const {
    if (is_undefined()) return "undefined";
    if (is_none()) return "NoneType";
    if (is_bool()) return "bool";
    if (std::holds_alternative<std::int64_t>(data)) return "int";
    if (std::holds_alternative<double>(data)) return "float";
    if (as_text() != nullptr) return "str";
    if (const auto* sequence = as_sequence()) return sequence->is_tuple ? "tuple" : "list";
    if (as_mapping() != nullptr) return "dict";
    if (std::holds_alternative<NamespaceState*>(data)) return "namespace";
    if (std::holds_alternative<const LoopState*>(data)) return "loop";
    return "function";
}

std::uint32_t Value::depth() const {
    if (const auto* sequence = as_sequence()) return sequence->depth;
    if (const auto* mapping = as_mapping()) return mapping->depth;
    return 0;
}

Status print(const Value& value, std::string& to, Budget& budget, bool as_repr) {
    OL_TRY(budget.pay(1));
    if (value.is_undefined()) {
        if (as_repr) to += "Undefined";
        return {};
    }
    if (value.is_none()) {
        to += "None";
    } else if (value.is_bool()) {
        to += value.truth() ? "True" : "False";
    } else if (const auto integer = value.as_integer()) {
        to += std::to_string(*integer);
    } else if (const auto real = value.as_real()) {
        to += repr(*real);
    } else if (const auto* text = value.as_text()) {
        OL_TRY(budget.pay_bytes(text->size()));
        if (as_repr) {
            to += repr(*text);
        } else {
            to += *text;
        }
    } else if (const auto* sequence = value.as_sequence()) {
        to += sequence->is_tuple ? '(' : '[';
        for (std::size_t i = 0; i < sequence->items.size(); ++i) {
            if (i != 0) to += ", ";
            OL_TRY(print(sequence->items[i], to, budget, true));
        }
        if (sequence->is_tuple && sequence->items.size() == 1) to += ',';
        to += sequence->is_tuple ? ')' : ']';
    } else if (const auto* mapping = value.as_mapping()) {
        to += '{';
        for (std::size_t i = 0; i < mapping->pairs.size(); ++i) {
            if (i != 0) to += ", ";
            OL_TRY(print(mapping->pairs[i].first, to, budget, true));
            to += ": ";
            OL_TRY(print(mapping->pairs[i].second, to, budget, true));
        }
        to += '}';
    } else {
        return fail(ErrorCode::invalid_argument, "a {} cannot be printed", value.type_name());
    }
    if (to.size() > limits::template_output_bytes) {
        return fail(ErrorCode::too_large, "the text is longer than {} bytes",
                    limits::template_output_bytes);
    }
    return {};
}

Result<std::string> to_text(const Value& value, Budget& budget) {
    std::string out;
    OL_TRY(print(value, out, budget));
    return out;
}

namespace {

class JsonWriter {
public:
    JsonWriter(const JsonStyle& style, Budget& budget)
        : style_(style)
        , budget_(budget) {}

    Status write(const Value& value, std::size_t level) {
        OL_TRY(budget_.pay(1));
        if (value.is_none()) {
            out += "null";
        } else if (value.is_bool()) {
            out += value.truth() ? "true" : "false";
        } else if (const auto integer = value.as_integer()) {
            out += std::to_string(*integer);
        } else if (const auto real = value.as_real()) {
            out += number(*real);
        } else if (const auto* text = value.as_text()) {
            OL_TRY(budget_.pay_bytes(text->size()));
            out += json_text(*text, style_.ascii_only);
        } else if (const auto* sequence = value.as_sequence()) {
            OL_TRY(write_items(*sequence, level));
        } else if (const auto* mapping = value.as_mapping()) {
            OL_TRY(write_pairs(*mapping, level));
        } else {
            return fail(ErrorCode::invalid_argument, "tojson: a value of type {} is not JSON",
                        value.type_name());
        }
        if (out.size() > limits::template_output_bytes) {
            return fail(ErrorCode::too_large, "tojson: the text is longer than {} bytes",
                        limits::template_output_bytes);
        }
        return {};
    }

    std::string out;

private:
    static std::string number(double value) {
        if (std::isnan(value)) return "NaN";
        if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
        return repr(value);
    }

    Status new_line(std::size_t level) {
        if (!style_.indent) return {};
        out += '\n';
        OL_TRY(budget_.pay_bytes(level * style_.indent->size()));
        for (std::size_t i = 0; i < level; ++i) out += *style_.indent;
        return {};
    }

    Status write_items(const Sequence& sequence, std::size_t level) {
        out += '[';
        for (std::size_t i = 0; i < sequence.items.size(); ++i) {
            if (i != 0) out += style_.item_separator;
            OL_TRY(new_line(level + 1));
            OL_TRY(write(sequence.items[i], level + 1));
        }
        if (!sequence.items.empty()) OL_TRY(new_line(level));
        out += ']';
        return {};
    }

    Result<std::string> key_text(const Value& key) {
        if (const auto* text = key.as_text()) return *text;
        if (key.is_none()) return std::string("null");
        if (key.is_bool()) return std::string(key.truth() ? "true" : "false");
        if (const auto integer = key.as_integer()) return std::to_string(*integer);
        if (const auto real = key.as_real()) return number(*real);
        return fail(ErrorCode::invalid_argument, "tojson: a key of type {} is not JSON",
                    key.type_name());
    }

    Status write_pairs(const Mapping& mapping, std::size_t level) {
        std::vector<std::pair<std::string, const Value*>> members;
        for (const auto& [key, value] : mapping.pairs) {
            members.emplace_back(OL_TRY(key_text(key)), &value);
        }
        if (style_.sort_keys) {
            std::stable_sort(members.begin(), members.end(),
                             [](const auto& a, const auto& b) { return a.first < b.first; });
        }
        out += '{';
        for (std::size_t i = 0; i < members.size(); ++i) {
            if (i != 0) out += style_.item_separator;
            OL_TRY(new_line(level + 1));
            OL_TRY(budget_.pay_bytes(members[i].first.size()));
            out += json_text(members[i].first, style_.ascii_only);
            out += style_.key_separator;
            OL_TRY(write(*members[i].second, level + 1));
        }
        if (!members.empty()) OL_TRY(new_line(level));
        out += '}';
        return {};
    }

    const JsonStyle& style_;
    Budget& budget_;
};

} // namespace

Result<std::string> to_json(const Value& value, const JsonStyle& style, Budget& budget) {
    JsonWriter writer(style, budget);
    OL_TRY(writer.write(value, 0));
    return std::move(writer.out);
}

Result<bool> equal(const Value& a, const Value& b, Budget& budget) {
    OL_TRY(budget.pay(1));
    if (a.is_number() && b.is_number()) {
        const auto x = a.as_integer(), y = b.as_integer();
        if (x && y) return *x == *y;
        return *a.as_real() == *b.as_real();
    }
    if (a.data.index() != b.data.index()) return false;
    if (a.is_undefined() || a.is_none()) return true;
    if (const auto* text = a.as_text()) {
        OL_TRY(budget.pay_bytes(text->size()));
        return *text == *b.as_text();
    }
    if (const auto* x = a.as_sequence()) {
        const auto* y = b.as_sequence();
        if (x->is_tuple != y->is_tuple || x->items.size() != y->items.size()) return false;
        for (std::size_t i = 0; i < x->items.size(); ++i) {
            if (!OL_TRY(equal(x->items[i], y->items[i], budget))) return false;
        }
        return true;
    }
    if (const auto* x = a.as_mapping()) {
        const auto* y = b.as_mapping();
        if (x->pairs.size() != y->pairs.size()) return false;
        for (const auto& [key, value] : x->pairs) {
            const auto* other = OL_TRY(find_key(*y, key, budget));
            if (other == nullptr || !OL_TRY(equal(value, *other, budget))) return false;
        }
        return true;
    }
    if (const auto* x = std::get_if<NamespaceState*>(&a.data)) {
        return *x == std::get<NamespaceState*>(b.data);
    }
    if (const auto* x = std::get_if<const MacroNode*>(&a.data)) {
        return *x == std::get<const MacroNode*>(b.data);
    }
    if (const auto* x = std::get_if<Function>(&a.data)) return *x == std::get<Function>(b.data);
    return false;
}

Result<bool> less(const Value& a, const Value& b, Budget& budget) {
    OL_TRY(budget.pay(1));
    if (a.is_number() && b.is_number()) {
        const auto x = a.as_integer(), y = b.as_integer();
        if (x && y) return *x < *y;
        return *a.as_real() < *b.as_real();
    }
    if (a.as_text() != nullptr && b.as_text() != nullptr) {
        OL_TRY(budget.pay_bytes(std::min(a.as_text()->size(), b.as_text()->size())));
        return *a.as_text() < *b.as_text(); // bytes of UTF-8 order as code points do
    }
    const auto *x = a.as_sequence(), *y = b.as_sequence();
    if (x != nullptr && y != nullptr && x->is_tuple == y->is_tuple) {
        const auto shared = std::min(x->items.size(), y->items.size());
        for (std::size_t i = 0; i < shared; ++i) {
            if (OL_TRY(equal(x->items[i], y->items[i], budget))) continue;
            return less(x->items[i], y->items[i], budget);
        }
        return x->items.size() < y->items.size();
    }
    return fail(ErrorCode::invalid_argument, "{} and {} have no order", a.type_name(),
                b.type_name());
}

Result<const Value*> find_key(const Mapping& mapping, const Value& key, Budget& budget) {
    OL_TRY(budget.pay(1 + mapping.pairs.size() / 16));
    const auto* text = key.as_text();
    for (const auto& [name, value] : mapping.pairs) {
        if (text != nullptr) {
            const auto* other = name.as_text();
            if (other != nullptr && *other == *text) return &value;
        } else if (OL_TRY(equal(name, key, budget))) {
            return &value;
        }
    }
    return nullptr;
}

Result<bool> contains(const Value& container, const Value& x, Budget& budget) {
    if (container.is_undefined()) return false;
    if (const auto* text = container.as_text()) {
        const auto* part = x.as_text();
        if (part == nullptr) {
            return fail(ErrorCode::invalid_argument, "'in' a text wants a text, not {}",
                        x.type_name());
        }
        OL_TRY(budget.pay_bytes(text->size()));
        return text->find(*part) != std::string::npos;
    }
    if (const auto* sequence = container.as_sequence()) {
        for (const auto& item : sequence->items) {
            if (OL_TRY(equal(item, x, budget))) return true;
        }
        return false;
    }
    if (const auto* mapping = container.as_mapping()) {
        return OL_TRY(find_key(*mapping, x, budget)) != nullptr;
    }
    return fail(ErrorCode::invalid_argument, "'in' wants a text, a list or a dict, not {}",
                container.type_name());
}

Result<Items> iterate(const Value& value, Budget& budget) {
    Items out;
    if (value.is_undefined()) return out;
    if (const auto* sequence = value.as_sequence()) {
        OL_TRY(budget.pay(1 + 2 * sequence->items.size()));
        return sequence->items;
    }
    if (const auto* mapping = value.as_mapping()) {
        OL_TRY(budget.pay(1 + 2 * mapping->pairs.size()));
        for (const auto& [key, item] : mapping->pairs) out.push_back(key);
        return out;
    }
    if (const auto* text = value.as_text()) {
        OL_TRY(budget.pay(1 + 8 * text->size())); // a value each
        for (const auto c : characters(*text)) out.push_back(Value::text(c));
        return out;
    }
    return fail(ErrorCode::invalid_argument, "a value of type {} cannot be gone through",
                value.type_name());
}

} // namespace ol::model::chat_template
