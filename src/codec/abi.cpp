#include "codec/abi.hpp"

#include <cstring>

#include "base/check.hpp"
#include "crypto/hash.hpp"

namespace ol::codec {
namespace {

using Kind = AbiType::Kind;
using List = AbiValue::List;

std::string type_name(const AbiType& type) {
    switch (type.kind) {
    case Kind::uint:
        return fmt::format("uint{}", type.bits);
    case Kind::integer:
        return fmt::format("int{}", type.bits);
    case Kind::address:
        return "address";
    case Kind::boolean:
        return "bool";
    case Kind::fixed_bytes:
        return fmt::format("bytes{}", type.bits);
    case Kind::bytes:
        return "bytes";
    case Kind::string:
        return "string";
    case Kind::array:
        return type.length < 0 ? "a dynamic array" : fmt::format("an array of {}", type.length);
    case Kind::tuple:
        return fmt::format("a tuple of {}", type.components.size());
    }
    return "?";
}

// Whether a word is a clean value of its type: what the encoder accepts and the decoder demands.
bool word_fits(const AbiType& type, const U256& word) {
    switch (type.kind) {
    case Kind::integer: {
        if (type.bits == 256) return true;
        // The sign bit and everything above it are equal.
        const U256 upper = word >> (type.bits - 1);
        return upper.is_zero() || upper == (U256() - U256(1)) >> (type.bits - 1);
    }
    case Kind::fixed_bytes:
        return type.bits == 32 || (word << (8 * type.bits)).is_zero();
    default:
        return word.bit_length() <= static_cast<int>(type.bits);
    }
}

std::size_t padded(std::size_t size) { return (size + 31) / 32 * 32; }

void put_word(std::uint8_t* out, const U256& word) {
    const Hash32 bytes = word.to_be();
    std::memcpy(out, bytes.data.data(), 32);
}

// The element types of an array or tuple, one per element.
class Elements {
public:
    Elements(const AbiType& type, std::size_t count)
        : type_(type)
        , count_(count)
        , is_tuple_(type.kind == Kind::tuple) {}
    std::size_t count() const { return count_; }
    const AbiType& operator[](std::size_t i) const { return type_.components[is_tuple_ ? i : 0]; }
    std::size_t head_bytes() const {
        if (!is_tuple_) return count_ * type_.components[0].head_bytes();
        std::size_t sum = 0;
        for (const auto& component : type_.components) sum += component.head_bytes();
        return sum;
    }

private:
    const AbiType& type_;
    std::size_t count_;
    bool is_tuple_;
};

class Encoder {
public:
    // Values one after another: heads first, then the tails they point at.
    Status write_sequence(const Elements& types, const List& values) {
        const std::size_t base = out_.size();
        std::size_t head = base;
        out_.resize(base + types.head_bytes());
        for (std::size_t i = 0; i < types.count(); ++i) {
            const AbiType& type = types[i];
            Status done;
            if (type.is_dynamic()) {
                put_word(out_.data() + head, U256(out_.size() - base));
                done = write_tail(type, values[i]);
            } else {
                done = write_static(head, type, values[i]);
            }
            if (!done) return std::unexpected(done.error().within(fmt::format("value {}", i)));
            head += type.head_bytes();
        }
        return {};
    }

    Bytes take() { return std::move(out_); }

private:
    static Result<const List*> list_for(const AbiType& type, const AbiValue& value) {
        const auto* list = std::get_if<List>(&value.value);
        if (list == nullptr) {
            return fail(ErrorCode::invalid_argument, "abi: {} takes a list", type_name(type));
        }
        const bool any_length = type.kind == Kind::array && type.length < 0;
        const std::size_t expected = type.kind == Kind::tuple
                                         ? type.components.size()
                                         : static_cast<std::size_t>(type.length);
        if (!any_length && list->size() != expected) {
            return fail(ErrorCode::invalid_argument, "abi: {} given {} values", type_name(type),
                        list->size());
        }
        return list;
    }

    // Writes into the head that write_sequence has made; static values have no tail.
    Status write_static(std::size_t at, const AbiType& type, const AbiValue& value) {
        if (type.kind == Kind::array || type.kind == Kind::tuple) {
            const List& list = *OL_TRY(list_for(type, value));
            const Elements types(type, list.size());
            for (std::size_t i = 0; i < list.size(); ++i) {
                OL_TRY_IN(write_static(at, types[i], list[i]), "element {}", i);
                at += types[i].head_bytes();
            }
            return {};
        }
        const auto* word = std::get_if<U256>(&value.value);
        if (word == nullptr) {
            return fail(ErrorCode::invalid_argument, "abi: {} takes a word", type_name(type));
        }
        if (!word_fits(type, *word)) {
            return fail(ErrorCode::invalid_argument, "abi: 0x{} does not fit {}",
                        to_hex(word->to_be().view()), type_name(type));
        }
        put_word(out_.data() + at, *word);
        return {};
    }

    Status write_tail(const AbiType& type, const AbiValue& value) {
        if (type.kind == Kind::bytes || type.kind == Kind::string) {
            const auto* bytes = std::get_if<Bytes>(&value.value);
            if (bytes == nullptr) {
                return fail(ErrorCode::invalid_argument, "abi: {} takes bytes", type_name(type));
            }
            append_word(U256(bytes->size()));
            append(out_, *bytes);
            out_.resize(out_.size() + padded(bytes->size()) - bytes->size());
            return {};
        }
        const List& list = *OL_TRY(list_for(type, value));
        if (type.kind == Kind::array && type.length < 0) append_word(U256(list.size()));
        return write_sequence(Elements(type, list.size()), list);
    }

    void append_word(const U256& word) {
        out_.resize(out_.size() + 32);
        put_word(out_.data() + out_.size() - 32, word);
    }

    Bytes out_;
};

class Decoder {
public:
    explicit Decoder(ByteView bytes)
        : bytes_(bytes) {}

    // Reads the sequence that starts at `base`; `end` becomes the first byte after its last tail.
    Result<List> read_sequence(const Elements& types, std::size_t base, std::size_t& end) {
        const std::size_t head_bytes = types.head_bytes();
        if (base > bytes_.size() || head_bytes > bytes_.size() - base) {
            return bad(base, "the bytes end within the head");
        }
        List out;
        out.reserve(types.count());
        std::size_t head = base;
        std::size_t tail = base + head_bytes;
        for (std::size_t i = 0; i < types.count(); ++i) {
            const AbiType& type = types[i];
            if (type.is_dynamic()) {
                if (word_at(head) != U256(tail - base)) {
                    return bad(head, "the offset does not point at the next tail");
                }
                out.push_back(OL_TRY(read_tail(type, tail, tail)));
            } else {
                out.push_back(OL_TRY(read_static(type, head)));
            }
            head += type.head_bytes();
        }
        end = tail;
        return out;
    }

    std::unexpected<Error> bad(std::size_t at, std::string_view why) const {
        return fail(ErrorCode::invalid_argument, "abi: offset {} of {}: {}", at, bytes_.size(),
                    why);
    }

private:
    // Within bounds by read_sequence's check of the head or read_length's own.
    U256 word_at(std::size_t at) const { return U256::from_be(bytes_.subspan(at, 32)); }

    Result<AbiValue> read_static(const AbiType& type, std::size_t at) {
        if (type.kind == Kind::array || type.kind == Kind::tuple) {
            const Elements types(type, type.kind == Kind::tuple
                                           ? type.components.size()
                                           : static_cast<std::size_t>(type.length));
            List out;
            out.reserve(types.count());
            for (std::size_t i = 0; i < types.count(); ++i) {
                out.push_back(OL_TRY(read_static(types[i], at)));
                at += types[i].head_bytes();
            }
            return AbiValue(std::move(out));
        }
        const U256 word = word_at(at);
        if (!word_fits(type, word)) {
            return bad(at, fmt::format("the word is not a clean {}", type_name(type)));
        }
        return AbiValue(word);
    }

    // A length word at `at`, of things that take at least `unit` bytes each.
    Result<std::size_t> read_length(std::size_t at, std::size_t unit) const {
        if (at > bytes_.size() || bytes_.size() - at < 32) {
            return bad(at, "the bytes end before a length");
        }
        const U256 length = word_at(at);
        if (!length.fits_u64() || length.low_u64() > (bytes_.size() - at - 32) / unit) {
            return bad(at, "the length is more than the bytes that follow");
        }
        return static_cast<std::size_t>(length.low_u64());
    }

    Result<AbiValue> read_tail(const AbiType& type, std::size_t at, std::size_t& end) {
        if (type.kind == Kind::bytes || type.kind == Kind::string) {
            const std::size_t size = OL_TRY(read_length(at, 1));
            const std::size_t begin = at + 32;
            if (padded(size) > bytes_.size() - begin) return bad(begin, "the padding is missing");
            for (std::size_t i = begin + size; i < begin + padded(size); ++i) {
                if (bytes_[i] != 0) return bad(i, "the padding is not zero");
            }
            const ByteView view = bytes_.subspan(begin, size);
            end = begin + padded(size);
            return AbiValue(Bytes(view.begin(), view.end()));
        }
        std::size_t count = type.components.size();
        if (type.kind == Kind::array) {
            count = static_cast<std::size_t>(type.length);
            if (type.length < 0) {
                count = OL_TRY(read_length(at, type.components[0].head_bytes()));
                at += 32;
            }
        }
        return AbiValue(OL_TRY(read_sequence(Elements(type, count), at, end)));
    }

    ByteView bytes_;
};

Result<AbiType> parse_tuple(std::string_view spelling) {
    AbiType type = OL_TRY(AbiType::parse(spelling));
    if (type.kind != Kind::tuple) {
        return fail(ErrorCode::invalid_argument, "abi: '{}' is no tuple; write '({})'", spelling,
                    spelling);
    }
    return type;
}

} // namespace

AbiValue AbiValue::fixed(ByteView bytes) {
    OL_CHECK(bytes.size() <= 32);
    Hash32 word;
    if (!bytes.empty()) std::memcpy(word.data.data(), bytes.data(), bytes.size());
    return AbiValue(word);
}

const U256& AbiValue::number() const {
    OL_CHECK(std::holds_alternative<U256>(value));
    return *std::get_if<U256>(&value);
}

Address AbiValue::address() const {
    const Hash32 bytes = word();
    Address out;
    std::memcpy(out.data.data(), bytes.data.data() + 12, 20);
    return out;
}

const Bytes& AbiValue::bytes() const {
    OL_CHECK(std::holds_alternative<Bytes>(value));
    return *std::get_if<Bytes>(&value);
}

std::string AbiValue::text() const { return std::string(as_text(bytes())); }

const AbiValue::List& AbiValue::list() const {
    OL_CHECK(std::holds_alternative<List>(value));
    return *std::get_if<List>(&value);
}

bool AbiValue::operator==(const AbiValue& other) const { return value == other.value; }

Result<Bytes> abi_encode(std::string_view tuple, const AbiValue::List& values) {
    const AbiType type = OL_TRY(parse_tuple(tuple));
    if (values.size() != type.components.size()) {
        return fail(ErrorCode::invalid_argument, "abi: {} takes {} values, got {}", tuple,
                    type.components.size(), values.size());
    }
    Encoder encoder;
    OL_TRY_IN(encoder.write_sequence(Elements(type, values.size()), values), "abi {}", tuple);
    return encoder.take();
}

Result<AbiValue::List> abi_decode(std::string_view tuple, ByteView bytes) {
    const AbiType type = OL_TRY(parse_tuple(tuple));
    Decoder decoder(bytes);
    std::size_t end = 0;
    auto values = OL_TRY(decoder.read_sequence(Elements(type, type.components.size()), 0, end));
    if (end != bytes.size()) return decoder.bad(end, "bytes are left over");
    return values;
}

FixedBytes<4> abi_selector(std::string_view signature) {
    const Hash32 hash = crypto::keccak256(signature);
    FixedBytes<4> out;
    std::memcpy(out.data.data(), hash.data.data(), 4);
    return out;
}

Result<Bytes> abi_call(std::string_view signature, const AbiValue::List& values) {
    const std::size_t open = signature.find('(');
    if (open == 0 || open == std::string_view::npos) {
        return fail(ErrorCode::invalid_argument,
                    "abi: '{}' is no signature such as 'transfer(address,uint256)'", signature);
    }
    const FixedBytes<4> selector = abi_selector(signature);
    Bytes out(selector.begin(), selector.end());
    append(out, OL_TRY(abi_encode(signature.substr(open), values)));
    return out;
}

Hash32 abi_topic(std::string_view signature) { return crypto::keccak256(signature); }

} // namespace ol::codec
