#include "codec/json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <exception>
#include <iterator>
#include <numeric>
#include <string_view>

#include <boost/json/basic_parser_impl.hpp>

#include "base/check.hpp"
#include "base/limits.hpp"

namespace ol::codec {

// The handler of Boost.JSON's parser: builds Json values directly, so that no second tree exists
// and numbers are read by from_chars, which rounds correctly.
class JsonBuilder {
public:
    static constexpr std::size_t max_object_size = SIZE_MAX;
    static constexpr std::size_t max_array_size = SIZE_MAX;
    static constexpr std::size_t max_key_size = SIZE_MAX;
    static constexpr std::size_t max_string_size = SIZE_MAX;

    using Code = boost::json::error_code;
    using Text = boost::json::string_view;

    bool on_document_begin(Code&) { return true; }
    bool on_document_end(Code&) { return true; }
    bool on_array_begin(Code&) { return open(Json(Json::Array{})); }
    bool on_array_end(std::size_t, Code& ec) { return close(ec); }
    bool on_object_begin(Code&) { return open(Json::object()); }
    bool on_object_end(std::size_t, Code& ec) {
        drop_duplicates(std::get<Json::Object>(stack_.back().value_));
        return close(ec);
    }
    bool on_string_part(Text s, std::size_t, Code&) { return gather(s); }
    bool on_string(Text s, std::size_t, Code& ec) {
        gather(s);
        return add(Json(std::exchange(text_, {})), ec);
    }
    bool on_key_part(Text s, std::size_t, Code&) { return gather(s); }
    bool on_key(Text s, std::size_t, Code&) {
        gather(s);
        keys_.push_back(std::exchange(text_, {}));
        return true;
    }
    bool on_number_part(Text s, Code&) { return gather(s); }
    bool on_int64(std::int64_t value, Text, Code& ec) {
        text_.clear();
        return add(Json(value), ec);
    }
    bool on_uint64(std::uint64_t value, Text, Code& ec) {
        text_.clear();
        return add(Json(value), ec);
    }
    bool on_double(double rough, Text s, Code& ec) {
        gather(s);
        double value = 0;
        const auto end = text_.data() + text_.size();
        const auto [at, code] = std::from_chars(text_.data(), end, value);
        if (code == std::errc::result_out_of_range && std::abs(rough) < 1) {
            value = std::signbit(rough) ? -0.0 : 0.0;
        } else if (code != std::errc() || at != end) {
            ec = boost::json::error::exponent_overflow;
            return false;
        }
        text_.clear();
        return add(Json(value), ec);
    }
    bool on_bool(bool value, Code& ec) { return add(Json(value), ec); }
    bool on_null(Code& ec) { return add(Json(), ec); }
    bool on_comment_part(Text, Code&) { return true; }
    bool on_comment(Text, Code&) { return true; }

    bool has_too_many() const { return count_ > Json::max_values; }
    Json take() { return std::move(root_); }

private:
    bool gather(Text s) {
        text_.append(s.data(), s.size());
        return true;
    }

    bool open(Json container) {
        stack_.push_back(std::move(container));
        return true;
    }

    bool close(Code& ec) {
        Json done = std::move(stack_.back());
        stack_.pop_back();
        return add(std::move(done), ec);
    }

    bool add(Json value, Code& ec) {
        if (++count_ > Json::max_values) {
            ec = boost::json::error::array_too_large;
            return false;
        }
        if (stack_.empty()) {
            root_ = std::move(value);
        } else if (auto* array = std::get_if<Json::Array>(&stack_.back().value_)) {
            array->push_back(std::move(value));
        } else {
            auto& object = std::get<Json::Object>(stack_.back().value_);
            object.emplace_back(std::move(keys_.back()), std::move(value));
            keys_.pop_back();
        }
        return true;
    }

    // Once per object and by sorting: a search per member would be quadratic in hostile input, and
    // a hash table with a known seed can be made so.
    static void drop_duplicates(Json::Object& object) {
        std::vector<std::size_t> order(object.size());
        std::iota(order.begin(), order.end(), 0);
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            const int by_key = object[a].first.compare(object[b].first);
            return by_key != 0 ? by_key < 0 : a < b;
        });
        std::vector<std::size_t> dropped;
        for (std::size_t i = 0; i < order.size();) {
            std::size_t last = i;
            while (last + 1 < order.size() &&
                   object[order[last + 1]].first == object[order[i]].first) {
                dropped.push_back(order[++last]);
            }
            if (last != i) object[order[i]].second = std::move(object[order[last]].second);
            i = last + 1;
        }
        if (dropped.empty()) return;
        std::sort(dropped.begin(), dropped.end());
        std::size_t kept = dropped[0];
        for (std::size_t i = kept, next = 0; i < object.size(); ++i) {
            if (next < dropped.size() && dropped[next] == i) {
                ++next;
            } else {
                object[kept++] = std::move(object[i]);
            }
        }
        object.resize(kept);
    }

    Json root_;
    std::vector<Json> stack_;
    std::vector<std::string> keys_;
    std::string text_;
    std::size_t count_ = 0;
};

namespace {

const Json null_value;
const Json::Array empty_array;
const Json::Object empty_object;

const char* kind_name(const Json& value) {
    if (value.is_null()) return "null";
    if (value.is_bool()) return "a boolean";
    if (value.is_number()) return "a number";
    if (value.is_string()) return "a string";
    if (value.is_array()) return "an array";
    return "an object";
}

std::unexpected<Error> wrong_kind(const char* wanted, const Json& found) {
    return fail(ErrorCode::invalid_argument, "expected {}, found {}", wanted, kind_name(found));
}

std::string place_of(std::string_view text, std::size_t offset) {
    std::size_t line = 1;
    std::size_t column = 1;
    for (const char c : text.substr(0, offset)) {
        if (c == '\n') {
            ++line;
            column = 1;
        } else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) {
            ++column;
        }
    }
    return fmt::format("line {}, column {}", line, column);
}

// The length of the UTF-8 sequence at `at` (RFC 3629, table of section 4), or 0 if it is none.
std::size_t utf8_length(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) -> unsigned {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
    };
    const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return follows(1) ? 2 : 0;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (lead == 0xe0 && byte(1) < 0xa0) return 0;
        if (lead == 0xed && byte(1) > 0x9f) return 0; // surrogates
        return follows(1) && follows(2) ? 3 : 0;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (lead == 0xf0 && byte(1) < 0x90) return 0;
        if (lead == 0xf4 && byte(1) > 0x8f) return 0;
        return follows(1) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

void print_string(std::string& out, std::string_view text) {
    out += '"';
    for (std::size_t i = 0; i < text.size();) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c >= 0x80) {
            const std::size_t length = utf8_length(text, i);
            out += length == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(i, length);
            i += std::max<std::size_t>(length, 1);
            continue;
        }
        switch (c) {
        case '"':
            out += "\\\"";
            break;
        case '\\':
            out += "\\\\";
            break;
        case '\b':
            out += "\\b";
            break;
        case '\f':
            out += "\\f";
            break;
        case '\n':
            out += "\\n";
            break;
        case '\r':
            out += "\\r";
            break;
        case '\t':
            out += "\\t";
            break;
        default:
            if (c < 0x20) {
                fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
            } else {
                out += static_cast<char>(c);
            }
        }
        ++i;
    }
    out += '"';
}

template <class Number>
std::string_view print_number(std::array<char, 32>& buffer, Number value) {
    const auto [end, code] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    OL_CHECK(code == std::errc());
    return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

void print_double(std::string& out, double value) {
    if (!std::isfinite(value)) {
        out += "null";
        return;
    }
    std::array<char, 32> buffer;
    const std::string_view digits = print_number(buffer, value);
    out += digits;
    if (digits.find_first_of(".e") == std::string_view::npos) out += ".0";
}

// 2^63 and 2^64 as doubles; a double below them converts without loss of range.
constexpr double two_63 = 0x1.0p63;
constexpr double two_64 = 0x1.0p64;

} // namespace

class JsonPrinter {
public:
    explicit JsonPrinter(int indent)
        : indent_(indent) {}

    void print(const Json& value) {
        std::visit([&](const auto& held) { print_held(held); }, value.value_);
    }

    std::string take() { return std::move(out_); }

private:
    void print_held(std::monostate) { out_ += "null"; }
    void print_held(bool value) { out_ += value ? "true" : "false"; }
    void print_held(std::int64_t value) { print_integer(value); }
    void print_held(std::uint64_t value) { print_integer(value); }
    void print_held(double value) { print_double(out_, value); }
    void print_held(const std::string& value) { print_string(out_, value); }
    void print_held(const Json::Array& array) {
        print_list('[', ']', array, [&](const Json& item) { print(item); });
    }
    void print_held(const Json::Object& object) {
        print_list('{', '}', object, [&](const Json::Member& member) {
            print_string(out_, member.first);
            out_ += indent_ > 0 ? ": " : ":";
            print(member.second);
        });
    }

    template <class Integer>
    void print_integer(Integer value) {
        std::array<char, 32> buffer;
        out_ += print_number(buffer, value);
    }

    template <class List, class Print>
    void print_list(char open, char close, const List& list, Print print_item) {
        out_ += open;
        ++depth_;
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (i > 0) out_ += ',';
            new_line();
            print_item(list[i]);
        }
        --depth_;
        if (!list.empty()) new_line();
        out_ += close;
    }

    void new_line() {
        if (indent_ <= 0) return;
        out_ += '\n';
        out_.append(static_cast<std::size_t>(indent_) * depth_, ' ');
    }

    std::string out_;
    std::size_t depth_ = 0;
    int indent_;
};

Json Json::object(std::initializer_list<Member> members) {
    Json out;
    out.value_ = Object();
    for (const auto& [key, value] : members) out.set(key, value);
    return out;
}

Result<Json> Json::parse(std::string_view text) {
    if (text.size() > limits::json_bytes) {
        return fail(ErrorCode::too_large, "json: {} bytes, at most {} are read", text.size(),
                    limits::json_bytes);
    }
    try {
        boost::json::parse_options options;
        options.max_depth = limits::json_depth;
        boost::json::basic_parser<JsonBuilder> parser(options);
        boost::json::error_code ec;
        const std::size_t read = parser.write_some(false, text.data(), text.size(), ec);
        if (!ec && read < text.size()) ec = boost::json::error::extra_data;
        if (!ec) return parser.handler().take();
        const std::string place = place_of(text, read);
        if (parser.handler().has_too_many()) {
            return fail(ErrorCode::too_large, "json: {}: more than {} values", place, max_values);
        }
        if (ec == boost::json::error::too_deep) {
            return fail(ErrorCode::too_large, "json: {}: nested deeper than {}", place,
                        limits::json_depth);
        }
        if (ec == boost::json::error::exponent_overflow) {
            return fail(ErrorCode::invalid_argument,
                        "json: {}: number out of range; send it as a decimal string", place);
        }
        return fail(ErrorCode::invalid_argument, "json: {}: {}", place, ec.message());
    } catch (const std::exception& e) {
        return fail(ErrorCode::invalid_argument, "json: {}", e.what());
    }
}

std::string Json::dump(int indent) const {
    JsonPrinter printer(indent);
    printer.print(*this);
    return printer.take();
}

bool Json::is_number() const {
    return std::holds_alternative<std::int64_t>(value_) ||
           std::holds_alternative<std::uint64_t>(value_) || std::holds_alternative<double>(value_);
}

Result<bool> Json::as_bool() const {
    if (const auto* value = std::get_if<bool>(&value_)) return *value;
    return wrong_kind("a boolean", *this);
}

Result<std::int64_t> Json::as_int() const {
    if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
    if (const auto* value = std::get_if<std::uint64_t>(&value_)) {
        return fail(ErrorCode::invalid_argument, "{} passes the range of 64-bit integers", *value);
    }
    if (const auto* value = std::get_if<double>(&value_)) {
        if (*value >= -two_63 && *value < two_63 && std::trunc(*value) == *value) {
            return static_cast<std::int64_t>(*value);
        }
        return fail(ErrorCode::invalid_argument, "expected an integer, found {}", *value);
    }
    return wrong_kind("an integer", *this);
}

Result<std::uint64_t> Json::as_uint() const {
    if (const auto* value = std::get_if<std::uint64_t>(&value_)) return *value;
    if (const auto* value = std::get_if<std::int64_t>(&value_)) {
        if (*value >= 0) return static_cast<std::uint64_t>(*value);
        return fail(ErrorCode::invalid_argument, "expected no negative number, found {}", *value);
    }
    if (const auto* value = std::get_if<double>(&value_)) {
        if (*value >= 0 && *value < two_64 && std::trunc(*value) == *value) {
            return static_cast<std::uint64_t>(*value);
        }
        return fail(ErrorCode::invalid_argument, "expected a whole number from 0, found {}",
                    *value);
    }
    return wrong_kind("an integer", *this);
}

Result<double> Json::as_double() const {
    if (const auto* value = std::get_if<double>(&value_)) return *value;
    if (const auto* value = std::get_if<std::int64_t>(&value_)) {
        return static_cast<double>(*value);
    }
    if (const auto* value = std::get_if<std::uint64_t>(&value_)) {
        return static_cast<double>(*value);
    }
    return wrong_kind("a number", *this);
}

Result<std::string> Json::as_string() const {
    if (const auto* value = std::get_if<std::string>(&value_)) return *value;
    return wrong_kind("a string", *this);
}

Result<U256> Json::as_u256() const {
    if (const auto* value = std::get_if<std::string>(&value_)) return U256::parse(*value);
    if (is_number()) return U256(OL_TRY(as_uint()));
    return wrong_kind("an integer or a decimal string", *this);
}

Result<Hash32> Json::as_hash32() const { return hash32_from_hex(OL_TRY(as_string())); }
Result<Address> Json::as_address() const { return address_from_hex(OL_TRY(as_string())); }
Result<Bytes> Json::as_hex_bytes() const { return from_hex(OL_TRY(as_string())); }

const Json::Array& Json::items() const {
    const auto* array = std::get_if<Array>(&value_);
    return array != nullptr ? *array : empty_array;
}

Json::Array& Json::items() {
    if (is_null()) value_ = Array();
    if (auto* array = std::get_if<Array>(&value_)) return *array;
    // What a caller writes here is lost, as there is no array to keep it.
    thread_local Array nowhere;
    nowhere.clear();
    return nowhere;
}

const Json::Object& Json::members() const {
    const auto* object = std::get_if<Object>(&value_);
    return object != nullptr ? *object : empty_object;
}

const Json& Json::operator[](std::string_view key) const {
    for (const auto& [name, value] : members()) {
        if (name == key) return value;
    }
    return null_value;
}

bool Json::contains(std::string_view key) const {
    for (const auto& member : members()) {
        if (member.first == key) return true;
    }
    return false;
}

Result<const Json*> Json::require(std::string_view key) const {
    if (!is_object()) {
        return fail(ErrorCode::invalid_argument, "expected an object with member '{}', found {}",
                    key, kind_name(*this));
    }
    for (const auto& [name, value] : members()) {
        if (name == key) return &value;
    }
    return fail(ErrorCode::invalid_argument, "member '{}' is missing", key);
}

Json& Json::set(std::string_view key, Json value) {
    if (is_null()) value_ = Object();
    OL_CHECK(is_object());
    auto& object = std::get<Object>(value_);
    for (auto& [name, old] : object) {
        if (name == key) {
            old = std::move(value);
            return *this;
        }
    }
    object.emplace_back(std::string(key), std::move(value));
    return *this;
}

Json& Json::push(Json value) {
    if (is_null()) value_ = Array();
    OL_CHECK(is_array());
    std::get<Array>(value_).push_back(std::move(value));
    return *this;
}

bool Json::operator==(const Json& other) const { return value_ == other.value_; }

} // namespace ol::codec
