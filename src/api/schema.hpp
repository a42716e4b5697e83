// Schemas: the JSON Schema subset that the routes' table is written in. The same value goes into
// /openapi.json and checks request bodies, so what is documented is what is accepted.
#pragma once

#include <initializer_list>
#include <string_view>
#include <utility>

#include "codec/json.hpp"

namespace ol::api::schema {

using codec::Json;

Json text(std::string_view description = {});
Json integer(std::string_view description = {});
Json number(std::string_view description = {});
Json boolean(std::string_view description = {});
Json hash(std::string_view description = {});    // 0x and 64 hex digits
Json address(std::string_view description = {}); // 0x and 40 hex digits
Json wei(std::string_view description = {});     // decimal digits in a string
Json array(Json items, std::string_view description = {});
Json any(std::string_view description = {});
Json one_of(std::initializer_list<Json> schemas, std::string_view description = {});
Json values(std::initializer_list<std::string_view> allowed); // a text of this list
Json ref(std::string_view component);                         // of components()
Json or_null(Json schema); // of answers: check() takes any value for it

// Members; those whose name ends in '!' are required (the mark is not part of the name).
Json object(std::initializer_list<Json::Member> members, std::string_view description = {});

// Adds a bound to a number's, text's or array's schema: with_bounds(integer(), 1, 100).
Json with_bounds(Json schema, std::int64_t least, std::int64_t most);

// The named schemas that ref() points to.
const Json& components();

// invalid_argument that names the member: "files[0].name must be a string, not null". Members that
// the schema does not name are let through.
Status check(const Json& schema, const Json& value, std::string_view place = "body");

} // namespace ol::api::schema
