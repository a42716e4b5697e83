// Members of the node's answers, for printing: absent or of another type reads as empty.
#pragma once

#include <string>

#include "codec/json.hpp"

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

} // namespace ol::node::cli
