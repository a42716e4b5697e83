// RLPTests: values and their encodings, and bytes that are none.
#include "codec/rlp.hpp"

#include <optional>

#include "suite.hpp"

namespace ol::conformance {
namespace {

using codec::Rlp;

// A decimal number of any size ("#1157...") as big-endian bytes.
Bytes big_number(std::string_view digits) {
    Bytes out;
    for (const char digit : digits) {
        unsigned carry = static_cast<unsigned>(digit - '0');
        for (auto byte = out.rbegin(); byte != out.rend(); ++byte) {
            carry += *byte * 10U;
            *byte = static_cast<std::uint8_t>(carry);
            carry >>= 8;
        }
        if (carry != 0) out.insert(out.begin(), static_cast<std::uint8_t>(carry));
    }
    return out;
}

Result<Rlp> value_of(const Json& json) {
    if (json.is_array()) {
        Rlp::List out;
        for (const auto& item : json.items()) out.push_back(OL_TRY(value_of(item)));
        return Rlp(std::move(out));
    }
    if (json.is_number()) return Rlp::number(OL_TRY(json.as_u256()));
    const std::string text = OL_TRY(json.as_string());
    if (text.starts_with("#")) return Rlp(big_number(std::string_view(text).substr(1)));
    return Rlp(as_bytes(text));
}

// Both forms of the decoder must say the same.
bool reads(ByteView bytes, int depth) {
    codec::RlpReader in(bytes, "text");
    while (!in.at_end()) {
        if (in.next_is_list()) {
            const auto items = in.list("items");
            if (!items || depth == 64 || !reads(items->rest(), depth + 1)) return false;
        } else if (!in.bytes("item")) {
            return false;
        }
    }
    return true;
}

Status run_test(const Json& test) {
    const Bytes encoded = OL_TRY(from_hex(OL_TRY(test["out"].as_string())));
    const auto decoded = codec::rlp_decode(encoded);
    codec::RlpReader in(encoded, "text");
    const bool streamed = in.raw("item").has_value() && in.at_end() && reads(encoded, 0);
    if (decoded.has_value() != streamed) {
        return fail(ErrorCode::internal, "the two decoders differ");
    }
    const bool invalid = test["in"].is_string() && test["in"].as_string() == "INVALID";
    if (invalid) {
        return decoded ? fail(ErrorCode::internal, "accepted, but must be refused") : Status{};
    }
    if (!decoded) return std::unexpected(decoded.error());
    if (codec::rlp_encode(*decoded) != encoded)
        return fail(ErrorCode::internal, "encodes to others");
    if (test["in"].is_string() && test["in"].as_string() == "VALID") return {};
    if (*decoded != OL_TRY(value_of(test["in"]))) return fail(ErrorCode::internal, "another value");
    return {};
}

void run_file(const Json& file, Results& results) {
    for (const auto& [name, test] : file.members()) {
        if (!results.wants(name)) continue;
        const auto done = run_test(test);
        if (done) {
            results.pass();
        } else {
            results.fail(name, done.error().context);
        }
    }
}

} // namespace
} // namespace ol::conformance

int main(int count, char** arguments) {
    using namespace ol::conformance;
    return run_suite("rlp", parse_options(count, arguments), {"RLPTests"}, run_file);
}
