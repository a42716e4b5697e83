// Members of the node's answers, for printing: absent or of another type reads as empty.
#pragma once

#include <string>

#include "codec/json.hpp"
#include "node/cli/console.hpp"

namespace ol::node::cli {

inline std::string text_at(const codec::Json& json, std::string_view key) {
    return json[key].as_string().value_or("");
}
inline std::uint64_t number_at(const codec::Json& json, std::string_view key) {
    return json[key].as_uint().value_or(0);
}
inline double real_at(const codec::Json& json, std::string_view key) {
    return json[key].as_double().value_or(0);
}
inline std::string open_at(const codec::Json& json, std::string_view key) {
    return format_open(json[key].as_u256().value_or(U256()));
}

// The title of a credited record, or its id where it has none.
inline std::string record_name(const codec::Json& credited) {
    const auto title = text_at(credited, "title");
    return title.empty() ? "record " + short_hex(text_at(credited, "record")) : title;
}

} // namespace ol::node::cli
