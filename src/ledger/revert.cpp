#include "ledger/revert.hpp"

#include <fmt/format.h>

#include "codec/abi.hpp"

namespace ol::ledger {

namespace {

constexpr std::string_view error_signature = "Error(string)";
constexpr std::string_view panic_signature = "Panic(uint256)";
constexpr std::size_t shown_bytes = 68; // of data that has no name

// Solidity documentation, "Panic via assert and Error via require".
std::string panic_text(std::uint64_t code) {
    switch (code) {
    case 0x01:
        return "assertion failed";
    case 0x11:
        return "arithmetic overflow or underflow";
    case 0x12:
        return "division by zero";
    case 0x21:
        return "value outside of its enumeration";
    case 0x22:
        return "malformed storage byte array";
    case 0x31:
        return "pop of an empty array";
    case 0x32:
        return "index outside of its array";
    case 0x41:
        return "too much memory asked for";
    case 0x51:
        return "call of an empty function";
    default:
        return "unknown panic";
    }
}

std::string_view parameters_of(std::string_view signature) {
    return signature.substr(signature.find('('));
}

std::string print(const codec::AbiType& type, const codec::AbiValue& value) {
    using Kind = codec::AbiType::Kind;
    switch (type.kind) {
    case Kind::uint:
        return value.number().to_decimal();
    case Kind::integer: {
        const U256 number = value.number();
        if (number.limb[3] >> 63 == 0) return number.to_decimal();
        return "-" + (U256() - number).to_decimal();
    }
    case Kind::address:
        return to_hex0x(value.address().view());
    case Kind::boolean:
        return value.boolean() ? "true" : "false";
    case Kind::fixed_bytes:
        return to_hex0x(ByteView(value.word().view()).first(type.bits));
    case Kind::bytes:
        return to_hex0x(value.bytes());
    case Kind::string:
        return fmt::format("\"{}\"", value.text());
    case Kind::array:
    case Kind::tuple: {
        std::string out = type.kind == Kind::array ? "[" : "(";
        for (std::size_t i = 0; i < value.list().size(); ++i) {
            if (i != 0) out += ", ";
            out += print(type.components[type.kind == Kind::array ? 0 : i], value.list()[i]);
        }
        return out + (type.kind == Kind::array ? "]" : ")");
    }
    }
    return {};
}

Result<std::string> canonical_type(const codec::Json& parameter) {
    const std::string type = OL_TRY(OL_TRY(parameter.require("type"))->as_string());
    if (!type.starts_with("tuple")) return type;
    std::string out = "(";
    for (const auto& component : OL_TRY(parameter.require("components"))->items()) {
        if (out.size() > 1) out += ",";
        out += OL_TRY(canonical_type(component));
    }
    return out + ")" + type.substr(5); // "tuple[3][]": the array's brackets follow
}

Result<std::string> canonical_list(const codec::Json& parameters) {
    std::string out = "(";
    for (const auto& parameter : parameters.items()) {
        if (out.size() > 1) out += ",";
        out += OL_TRY(canonical_type(parameter));
    }
    return out + ")";
}

} // namespace

Status RevertReasons::add(std::string_view signature) {
    const auto open = signature.find('(');
    if (open == std::string_view::npos || open == 0) {
        return fail(ErrorCode::invalid_argument, "'{}' is not an error's signature", signature);
    }
    OL_TRY_IN(codec::AbiType::parse(signature.substr(open)), "error '{}'", signature);
    signatures_[codec::abi_selector(signature)] = std::string(signature);
    return {};
}

std::string RevertReasons::describe(ByteView data) const {
    if (data.empty()) return "no reason given";
    if (data.size() < 4) return to_hex0x(data);
    const auto selector = *FixedBytes<4>::from(data.first(4));
    const ByteView arguments = data.subspan(4);
    if (selector == codec::abi_selector(error_signature)) {
        if (const auto text = codec::abi_decode("(string)", arguments)) return (*text)[0].text();
    }
    if (selector == codec::abi_selector(panic_signature)) {
        if (const auto code = codec::abi_decode("(uint256)", arguments)) {
            const U256& number = (*code)[0].number();
            return fmt::format("{} (panic {})",
                               panic_text(number.fits_u64() ? number.low_u64() : 0),
                               number.to_quantity());
        }
    }
    if (const auto known = signatures_.find(selector); known != signatures_.end()) {
        const std::string& signature = known->second;
        const std::string_view parameters = parameters_of(signature);
        const auto type = codec::AbiType::parse(parameters);
        const auto values = codec::abi_decode(parameters, arguments);
        const std::string name = signature.substr(0, signature.find('('));
        if (type && values) return name + print(*type, codec::AbiValue(*values));
        return name;
    }
    return fmt::format("unknown error {}{}",
                       to_hex0x(data.first(std::min(data.size(), shown_bytes))),
                       data.size() > shown_bytes ? "..." : "");
}

Result<std::string> abi_signature(const codec::Json& entry) {
    const std::string name = OL_TRY(OL_TRY(entry.require("name"))->as_string());
    return name + OL_TRY_IN(canonical_list(entry["inputs"]), "inputs of '{}'", name);
}

Result<std::string> abi_outputs(const codec::Json& entry) {
    return canonical_list(entry["outputs"]);
}

} // namespace ol::ledger
