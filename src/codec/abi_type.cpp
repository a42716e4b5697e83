// The spelling of ABI types (Solidity's "Contract ABI Specification", section Types).
#include <charconv>

#include "codec/abi.hpp"

namespace ol::codec {
namespace {

constexpr int max_depth = 32;
// More than any call could hold; the bound keeps products of nested lengths within 64 bits.
constexpr std::uint64_t max_head_bytes = 1ULL << 32;

class TypeParser {
public:
    explicit TypeParser(std::string_view spelling)
        : spelling_(spelling) {}

    Result<AbiType> parse() {
        if (spelling_ == "()") {
            AbiType empty;
            empty.kind = AbiType::Kind::tuple;
            return empty;
        }
        AbiType out = OL_TRY(parse_type(0));
        if (at_ != spelling_.size()) return refuse("text after the type");
        return out;
    }

private:
    std::unexpected<Error> refuse(std::string_view why) const {
        return fail(ErrorCode::invalid_argument, "abi type '{}': {} at character {}",
                    spelling_.substr(0, 200), why, at_ + 1);
    }

    bool take(char c) {
        if (at_ < spelling_.size() && spelling_[at_] == c) {
            ++at_;
            return true;
        }
        return false;
    }

    Result<AbiType> parse_type(int depth) {
        if (depth > max_depth) return refuse("nested too deep");
        AbiType out = OL_TRY(take('(') ? parse_tuple(depth) : parse_word());
        while (take('[')) {
            if (++depth > max_depth) return refuse("nested too deep");
            out = OL_TRY(parse_array_of(std::move(out)));
        }
        return out;
    }

    Result<AbiType> parse_tuple(int depth) {
        AbiType out;
        out.kind = AbiType::Kind::tuple;
        std::uint64_t head = 0;
        do {
            out.components.push_back(OL_TRY(parse_type(depth + 1)));
            head += out.components.back().head_bytes();
            if (head > max_head_bytes) return refuse("too large a type");
        } while (take(','));
        if (!take(')')) return refuse("expected ',' or ')'");
        return out;
    }

    Result<AbiType> parse_array_of(AbiType element) {
        AbiType out;
        out.kind = AbiType::Kind::array;
        if (!take(']')) {
            const std::uint64_t length = OL_TRY(parse_number());
            if (!take(']')) return refuse("expected ']'");
            if (length > max_head_bytes / element.head_bytes()) return refuse("too large a type");
            out.length = static_cast<std::int64_t>(length);
        }
        out.components.push_back(std::move(element));
        return out;
    }

    // Decimal from 1, without leading zeros.
    Result<std::uint64_t> parse_number() {
        if (at_ >= spelling_.size() || spelling_[at_] < '1' || spelling_[at_] > '9') {
            return refuse("expected a number from 1");
        }
        std::uint64_t value = 0;
        const char* begin = spelling_.data() + at_;
        const auto [end, code] = std::from_chars(begin, spelling_.data() + spelling_.size(), value);
        if (code != std::errc()) return refuse("too large a number");
        at_ += static_cast<std::size_t>(end - begin);
        return value;
    }

    bool take_name(std::string_view name) {
        if (!spelling_.substr(at_).starts_with(name)) return false;
        at_ += name.size();
        return true;
    }

    Result<AbiType> parse_word() {
        AbiType out;
        if (take_name("uint")) {
            out.kind = AbiType::Kind::uint;
            return parse_bits(std::move(out));
        }
        if (take_name("int")) {
            out.kind = AbiType::Kind::integer;
            return parse_bits(std::move(out));
        }
        if (take_name("address")) {
            out.kind = AbiType::Kind::address;
            out.bits = 160;
            return out;
        }
        if (take_name("bool")) {
            out.kind = AbiType::Kind::boolean;
            out.bits = 1;
            return out;
        }
        if (take_name("string")) {
            out.kind = AbiType::Kind::string;
            return out;
        }
        if (take_name("bytes")) {
            out.kind = AbiType::Kind::bytes;
            if (at_ < spelling_.size() && spelling_[at_] >= '0' && spelling_[at_] <= '9') {
                const std::uint64_t size = OL_TRY(parse_number());
                if (size > 32) return refuse("bytesN holds at most 32 bytes");
                out.kind = AbiType::Kind::fixed_bytes;
                out.bits = static_cast<unsigned>(size);
            }
            return out;
        }
        return refuse("no such type (known: uintN, intN, address, bool, bytes, bytesN, string, "
                      "tuples and arrays)");
    }

    Result<AbiType> parse_bits(AbiType out) {
        if (at_ >= spelling_.size() || spelling_[at_] < '0' || spelling_[at_] > '9') {
            return refuse("write the width, as in uint256");
        }
        const std::uint64_t bits = OL_TRY(parse_number());
        if (bits > 256 || bits % 8 != 0) return refuse("the width is a multiple of 8 up to 256");
        out.bits = static_cast<unsigned>(bits);
        return out;
    }

    std::string_view spelling_;
    std::size_t at_ = 0;
};

} // namespace

Result<AbiType> AbiType::parse(std::string_view spelling) { return TypeParser(spelling).parse(); }

bool AbiType::is_dynamic() const {
    switch (kind) {
    case Kind::bytes:
    case Kind::string:
        return true;
    case Kind::array:
        return length < 0 || components[0].is_dynamic();
    case Kind::tuple:
        for (const auto& component : components) {
            if (component.is_dynamic()) return true;
        }
        return false;
    default:
        return false;
    }
}

std::size_t AbiType::head_bytes() const {
    if (is_dynamic()) return 32;
    if (kind == Kind::array) {
        return static_cast<std::size_t>(length) * components[0].head_bytes();
    }
    if (kind != Kind::tuple) return 32;
    std::size_t sum = 0;
    for (const auto& component : components) sum += component.head_bytes();
    return sum;
}

} // namespace ol::codec
