// Runs a template's tree.
#pragma once

#include <map>

#include "model/chat_template/calls.hpp"
#include "model/chat_template/syntax.hpp"

namespace ol::model::chat_template {

// The text that the tree makes of these variables. Errors name line and column.
Result<std::string> evaluate(const Tree& tree, std::map<std::string, Value, std::less<>> variables,
                             std::int64_t now_s);

} // namespace ol::model::chat_template
