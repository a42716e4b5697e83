// Values of a chat template: Python's, as far as templates see them. They never change once made
// (the sandbox of transformers forbids it too); a namespace is the one thing that does.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "codec/json.hpp"

namespace ol::model::chat_template {

class Value;
struct MacroNode;
using Items = std::vector<Value>;
using Pairs = std::vector<std::pair<Value, Value>>;

// What one rendering may still spend. Every operation pays for what it touches, so that neither
// time nor memory depends on the template's good will.
class Budget {
public:
    Budget();
    Status pay(std::uint64_t steps);
    Status pay_bytes(std::uint64_t bytes) { return pay(1 + bytes / 16); }

private:
    std::uint64_t left_;
};

struct Undefined {
    std::shared_ptr<const std::string> why; // "'x' is undefined"
};
struct None {};
struct Sequence {
    Items items;
    std::uint32_t depth = 1;
    bool is_tuple = false;
};
struct Mapping {
    Pairs pairs;
    std::uint32_t depth = 1;
};
struct NamespaceState {
    std::map<std::string, Value, std::less<>> values;
};
struct LoopState;
enum class Function { range, name_space, dict, raise_exception, strftime_now };
// A method that was named but not called: true, defined, and nothing else.
struct Method {};

class Value {
public:
    using Data = std::variant<Undefined, None, bool, std::int64_t, double,
                              std::shared_ptr<const std::string>, std::shared_ptr<const Sequence>,
                              std::shared_ptr<const Mapping>, NamespaceState*, const LoopState*,
                              const MacroNode*, Function, Method>;

    Value()
        : data(None{}) {}
    template <class T>
    requires(!std::is_same_v<std::remove_cvref_t<T>, Value> &&
             std::is_constructible_v<Data, T>) explicit Value(T value)
        : data(std::move(value)) {}
    static Value text(std::string text) {
        return Value(std::make_shared<const std::string>(std::move(text)));
    }
    static Value text(std::string_view view) { return text(std::string(view)); }
    static Value undefined(std::string why) {
        return Value(Undefined{std::make_shared<const std::string>(std::move(why))});
    }
    // too_large past limits::template_depth.
    static Result<Value> sequence(Items items, bool is_tuple = false);
    static Result<Value> mapping(Pairs pairs);
    // invalid_argument for whole numbers beyond 64 bits.
    static Result<Value> from_json(const codec::Json& json);

    bool is_undefined() const { return std::holds_alternative<Undefined>(data); }
    bool is_none() const { return std::holds_alternative<None>(data); }
    bool is_bool() const { return std::holds_alternative<bool>(data); }
    bool is_number() const; // booleans included
    const std::string* as_text() const;
    const Sequence* as_sequence() const;
    const Mapping* as_mapping() const;
    std::optional<std::int64_t> as_integer() const; // a boolean counts
    std::optional<double> as_real() const;          // any number

    bool truth() const;
    std::string_view type_name() const; // as Python calls it
    std::uint32_t depth() const;

    Data data;
};

// What {{ }} prints: Python's str() or, inside lists, repr(). Pays for what it writes.
Status print(const Value& value, std::string& to, Budget& budget, bool as_repr = false);
Result<std::string> to_text(const Value& value, Budget& budget);

struct JsonStyle {
    bool ascii_only = false, sort_keys = false;
    std::optional<std::string> indent; // of one level
    std::string item_separator = ", ", key_separator = ": ";
};
Result<std::string> to_json(const Value& value, const JsonStyle& style, Budget& budget);

Result<bool> equal(const Value& a, const Value& b, Budget& budget);
// Python's order; invalid_argument for types without one.
Result<bool> less(const Value& a, const Value& b, Budget& budget);
// The value of a key, or null.
Result<const Value*> find_key(const Mapping& mapping, const Value& key, Budget& budget);
// x in container.
Result<bool> contains(const Value& container, const Value& x, Budget& budget);
// What a for loop goes over: characters, keys, items; nothing for undefined.
Result<Items> iterate(const Value& value, Budget& budget);

} // namespace ol::model::chat_template
