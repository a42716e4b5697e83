// The tree of a template.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/chat_template/value.hpp"

namespace ol::model::chat_template {

struct FilterEntry;
struct TestEntry;

enum class ExprKind {
    constant,
    name,
    list,
    tuple,
    dict, // key, value, key, value, ...
    attribute,
    subscript,     // of, index
    slice,         // of, start, stop, step (each may be null)
    call_function, // of `function`
    call_name,     // of a macro that the name holds
    call_method,   // of parts[0]; then the arguments
    filter,        // parts[0] | name
    test,          // parts[0] is name
    negate,
    plus,
    logical_not,
    logical_and,
    logical_or,
    conditional, // then, condition, else (may be null)
    compare,     // a op b op c
    binary,
    concat, // a ~ b ~ c
};

struct Expr {
    ExprKind kind = ExprKind::constant;
    std::size_t offset = 0;  // in the source
    std::uint32_t depth = 1; // of the tree below
    std::string name;        // of names, attributes, filters; the operator
    Value constant;
    std::vector<std::unique_ptr<Expr>> parts;
    std::vector<std::pair<std::string, std::unique_ptr<Expr>>> named; // keyword arguments
    std::vector<std::string> operators;                               // of compare
    Function function = Function::range;
    const FilterEntry* filter = nullptr;
    const TestEntry* test = nullptr;
};
using ExprPtr = std::unique_ptr<Expr>;

enum class StatementKind {
    text,
    output,
    branch,    // if conditions[i] then bodies[i]; one body more: else
    loop,      // for targets in iterable if condition: bodies[0], else bodies[1]
    set,       // targets = value
    set_block, // targets[0] = what the body prints
    macro,
    scope, // generation: a body with variables of its own
    leave, // break
    next,  // continue
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

// A variable, or a member of a namespace.
struct Target {
    std::string name, member;
};

struct MacroNode {
    std::string name;
    std::vector<std::string> parameters;
    std::vector<ExprPtr> defaults; // of the last parameters
    Body body;
};

struct Statement {
    StatementKind kind = StatementKind::text;
    std::size_t offset = 0;
    std::string text;
    std::vector<Target> targets;
    bool unpacks = false; // the targets are a tuple
    std::vector<ExprPtr> conditions;
    ExprPtr value;
    std::vector<Body> bodies;
    std::unique_ptr<MacroNode> macro;
};

struct Tree {
    std::string source;
    Body body;
};

Result<Tree> parse_tree(std::string_view source);

} // namespace ol::model::chat_template
