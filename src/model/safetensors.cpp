#include "model/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <set>

#include "base/check.hpp"
#include "codec/json.hpp"

namespace ol::model {

namespace {

using codec::Json;

constexpr std::uint64_t max_header_bytes = 100'000'000; // as the reference implementation
constexpr std::size_t max_dimensions = 8;

struct DtypeForm {
    std::string_view name;
    std::uint64_t size_bytes;
};
constexpr std::array<DtypeForm, 16> dtype_forms = {{{"F32", 4},
                                                    {"BF16", 2},
                                                    {"F16", 2},
                                                    {"F64", 8},
                                                    {"I64", 8},
                                                    {"I32", 4},
                                                    {"I16", 2},
                                                    {"I8", 1},
                                                    {"U64", 8},
                                                    {"U32", 4},
                                                    {"U16", 2},
                                                    {"U8", 1},
                                                    {"BOOL", 1},
                                                    {"F8_E4M3", 1},
                                                    {"F8_E5M2", 1},
                                                    {"C64", 8}}};

std::uint64_t size_of(Dtype dtype) {
    return dtype_forms[static_cast<std::size_t>(dtype)].size_bytes;
}

// Keys of the header's objects as they are written, for finding duplicates: the JSON parser keeps
// the last of two equal keys, but two readers that disagree on which one counts see two different
// models.
Status refuse_duplicate_keys(std::string_view header) {
    std::vector<std::set<std::string, std::less<>>> open; // one set of keys per open object
    std::vector<char> kinds;
    std::string_view last_string;
    for (std::size_t i = 0; i < header.size(); ++i) {
        const char c = header[i];
        if (c == '"') {
            const std::size_t start = i++;
            while (i < header.size() && header[i] != '"') i += header[i] == '\\' ? 2 : 1;
            last_string = header.substr(start, i + 1 - start);
        } else if (c == '{' || c == '[') {
            kinds.push_back(c);
            if (c == '{') open.emplace_back();
        } else if (c == '}' || c == ']') {
            if (kinds.back() == '{') open.pop_back();
            kinds.pop_back();
        } else if (c == ':') {
            // The text was parsed before: every colon outside strings follows a key.
            const Json literal = OL_TRY(Json::parse(last_string));
            const auto key = OL_TRY(literal.as_string());
            if (!open.back().insert(key).second) {
                return fail(ErrorCode::corrupted,
                            "safetensors header: '{}' is there twice (offset {})", key, 8 + i);
            }
        }
    }
    return {};
}

Result<Dtype> parse_dtype(std::string_view name, std::string_view tensor) {
    for (std::size_t i = 0; i < dtype_forms.size(); ++i) {
        if (dtype_forms[i].name == name) return static_cast<Dtype>(i);
    }
    return fail(ErrorCode::corrupted, "tensor '{}': unknown dtype '{}'", tensor, name);
}

struct Placed {
    std::uint64_t begin = 0, end = 0;
    const std::string* name = nullptr;
};

// One tensor of the header; data is filled in by the caller once all places are known.
Result<TensorInfo> parse_tensor(const std::string& name, const Json& json, std::uint64_t data_bytes,
                                Placed& place) {
    auto bad = [&](std::string_view what) {
        return fail(ErrorCode::corrupted, "tensor '{}': {}", name, what);
    };
    if (!json.is_object()) return bad("its entry is no object");
    if (json.members().size() != 3) return bad("its entry must have dtype, shape and data_offsets");
    TensorInfo info;
    const auto dtype = json["dtype"].as_string();
    if (!dtype) return bad("dtype is missing or no string");
    info.dtype = OL_TRY(parse_dtype(*dtype, name));

    const auto& shape = json["shape"];
    if (!shape.is_array()) return bad("shape is missing or no list");
    if (shape.items().size() > max_dimensions) return bad("shape has more than 8 dimensions");
    std::uint64_t count = 1;
    for (const auto& item : shape.items()) {
        const auto size = item.as_uint();
        if (!size) return bad("shape holds something that is no whole number");
        if (__builtin_mul_overflow(count, *size, &count)) return bad("its shape overflows");
        info.shape.push_back(*size);
    }
    std::uint64_t size_bytes = 0;
    if (__builtin_mul_overflow(count, size_of(info.dtype), &size_bytes)) {
        return bad("its shape overflows");
    }

    const auto& offsets = json["data_offsets"];
    if (!offsets.is_array() || offsets.items().size() != 2) {
        return bad("data_offsets is missing or not two numbers");
    }
    const auto begin = offsets.items()[0].as_uint();
    const auto end = offsets.items()[1].as_uint();
    if (!begin || !end) return bad("data_offsets holds something that is no whole number");
    if (*begin > *end || *end > data_bytes) {
        return fail(
            ErrorCode::corrupted,
            "tensor '{}': data at {}..{} lies outside the file's {} data bytes (truncated?)", name,
            *begin, *end, data_bytes);
    }
    if (*end - *begin != size_bytes) {
        return fail(ErrorCode::corrupted,
                    "tensor '{}': {} bytes at offset {}, but its shape and dtype need {}", name,
                    *end - *begin, *begin, size_bytes);
    }
    place = {*begin, *end, &name};
    return info;
}

Status refuse_gaps(std::vector<Placed>& places, std::uint64_t data_bytes) {
    std::sort(places.begin(), places.end(), [](const Placed& a, const Placed& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::uint64_t at = 0;
    for (const auto& place : places) {
        if (place.begin != at) {
            return fail(ErrorCode::corrupted,
                        "tensor '{}': begins at offset {}, {} the data before it "
                        "which ends at {}",
                        *place.name, place.begin,
                        place.begin < at ? "overlapping" : "leaving a gap after", at);
        }
        at = place.end;
    }
    if (at != data_bytes) {
        return fail(ErrorCode::corrupted, "{} bytes after the last tensor (offset {})",
                    data_bytes - at, at);
    }
    return {};
}

} // namespace

std::string_view to_string(Dtype dtype) {
    return dtype_forms[static_cast<std::size_t>(dtype)].name;
}

std::uint64_t TensorInfo::element_count() const { return data.size() / size_of(dtype); }

Result<Safetensors> Safetensors::open(const Path& path) {
    auto file = OL_TRY(MappedFile::open(path));
    auto out = OL_TRY_IN(parse(file.bytes()), "{}", path.string());
    out.file_ = std::move(file);
    return out;
}

Result<Safetensors> Safetensors::parse(ByteView bytes) {
    if (bytes.size() < 8) {
        return fail(ErrorCode::corrupted, "safetensors: {} bytes, too short for a header",
                    bytes.size());
    }
    std::uint64_t header_bytes = 0;
    for (int i = 7; i >= 0; --i)
        header_bytes = header_bytes << 8 | bytes[static_cast<std::size_t>(i)];
    if (header_bytes > max_header_bytes) {
        return fail(ErrorCode::corrupted, "safetensors: header of {} bytes, the limit is {}",
                    header_bytes, max_header_bytes);
    }
    if (header_bytes > bytes.size() - 8) {
        return fail(ErrorCode::corrupted,
                    "safetensors: header of {} bytes in a file of {} (truncated)", header_bytes,
                    bytes.size());
    }
    const auto text = as_text(bytes.subspan(8, header_bytes));
    if (text.empty() || text[0] != '{') {
        return fail(ErrorCode::corrupted,
                    "safetensors: the header does not begin with '{{' (offset 8)");
    }
    auto parsed = Json::parse(text);
    if (!parsed) {
        return fail(ErrorCode::corrupted, "safetensors header: {}", parsed.error().context);
    }
    OL_TRY(refuse_duplicate_keys(text));

    Safetensors out;
    const auto data = bytes.subspan(8 + header_bytes);
    std::vector<Placed> places;
    for (const auto& [name, value] : parsed->members()) {
        if (name == "__metadata__") {
            if (!value.is_object()) {
                return fail(ErrorCode::corrupted, "safetensors: __metadata__ is no object");
            }
            for (const auto& [key, item] : value.members()) {
                auto string = item.as_string();
                if (!string) {
                    return fail(ErrorCode::corrupted, "safetensors: metadata '{}' is no string",
                                key);
                }
                out.metadata_[key] = std::move(*string);
            }
            continue;
        }
        Placed place;
        auto info = OL_TRY(parse_tensor(name, value, data.size(), place));
        info.data = data.subspan(place.begin, place.end - place.begin);
        out.tensors_.emplace(name, std::move(info));
        places.push_back(place);
    }
    OL_TRY(refuse_gaps(places, data.size()));
    return out;
}

Result<std::vector<float>> Safetensors::read_f32(std::string_view name,
                                                 const std::vector<std::uint64_t>& shape) const {
    const auto found = tensors_.find(std::string(name));
    if (found == tensors_.end()) return fail(ErrorCode::not_found, "tensor '{}' is missing", name);
    const auto& info = found->second;
    if (info.shape != shape) {
        return fail(ErrorCode::invalid_argument, "tensor '{}': shape [{}], expected [{}]", name,
                    fmt::join(info.shape, ", "), fmt::join(shape, ", "));
    }
    if (info.dtype > Dtype::f16) {
        return fail(ErrorCode::unsupported,
                    "tensor '{}': dtype {} is not supported; convert it to F32, BF16 or F16", name,
                    to_string(info.dtype));
    }
    static_assert(std::endian::native == std::endian::little,
                  "the file's numbers are little endian");
    std::vector<float> out(info.element_count());
    if (info.dtype == Dtype::f32) {
        if (!out.empty()) std::memcpy(out.data(), info.data.data(), info.data.size());
        return out;
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, info.data.data() + 2 * i, 2);
        out[i] = info.dtype == Dtype::bf16 ? bf16_to_f32(bits) : f16_to_f32(bits);
    }
    return out;
}

namespace {

std::uint64_t element_count(const TensorOut& tensor) {
    std::uint64_t count = 1;
    for (const auto size : tensor.shape) count *= size;
    return count;
}

// What a file holds: its beginning, then the tensors' data in the order of their names.
struct Layout {
    std::map<std::string_view, const TensorOut*> sorted;
    Bytes head;
    std::uint64_t data_bytes = 0;
};

Layout lay_out(const std::vector<TensorOut>& tensors, Dtype dtype,
               const std::map<std::string, std::string>& metadata) {
    OL_CHECK(dtype <= Dtype::f16);
    Layout out;
    for (const auto& tensor : tensors) {
        OL_CHECK(out.sorted.emplace(tensor.name, &tensor).second);
        OL_CHECK(tensor.name != "__metadata__");
    }
    auto header = Json::object();
    if (!metadata.empty()) {
        auto object = Json::object();
        for (const auto& [key, value] : metadata) object.set(key, value);
        header.set("__metadata__", std::move(object));
    }
    for (const auto& [name, tensor] : out.sorted) {
        Json shape = Json::array();
        for (const auto size : tensor->shape) shape.push(size);
        const std::uint64_t begin = out.data_bytes;
        out.data_bytes += element_count(*tensor) * size_of(dtype);
        header.set(name, Json::object(
                             {{"dtype", Json(to_string(dtype))},
                              {"shape", std::move(shape)},
                              {"data_offsets", Json::array({Json(begin), Json(out.data_bytes)})}}));
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    for (int i = 0; i < 8; ++i) {
        out.head.push_back(static_cast<std::uint8_t>(std::uint64_t{text.size()} >> 8 * i));
    }
    append(out.head, as_bytes(text));
    return out;
}

void encode(const TensorOut& tensor, Dtype dtype, std::uint8_t* to) {
    const auto count = element_count(tensor);
    if (dtype == Dtype::f32) {
        if (count != 0) std::memcpy(to, tensor.data, count * 4);
        return;
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto bits =
            dtype == Dtype::bf16 ? f32_to_bf16(tensor.data[i]) : f32_to_f16(tensor.data[i]);
        std::memcpy(to + 2 * i, &bits, 2);
    }
}

} // namespace

Bytes write_safetensors(const std::vector<TensorOut>& tensors, Dtype dtype,
                        const std::map<std::string, std::string>& metadata) {
    auto [sorted, out, data_bytes] = lay_out(tensors, dtype, metadata);
    std::size_t at = out.size();
    out.resize(at + data_bytes);
    for (const auto& [name, tensor] : sorted) {
        encode(*tensor, dtype, out.data() + at);
        at += element_count(*tensor) * size_of(dtype);
    }
    return out;
}

Status save_safetensors(const Path& path, const std::vector<TensorOut>& tensors, Dtype dtype,
                        const std::map<std::string, std::string>& metadata,
                        const ProgressSink& progress) {
    const auto layout = lay_out(tensors, dtype, metadata);
    auto file = OL_TRY(AtomicFile::create(path));
    OL_TRY(file.write(layout.head));
    Bytes bytes;
    std::uint64_t done = 0;
    for (const auto& [name, tensor] : layout.sorted) {
        if (!progress("writing the model", done, layout.data_bytes)) {
            return fail(ErrorCode::cancelled, "{}: cancelled", path.string());
        }
        bytes.resize(element_count(*tensor) * size_of(dtype));
        encode(*tensor, dtype, bytes.data());
        OL_TRY(file.write(bytes));
        done += bytes.size();
    }
    progress("writing the model", done, layout.data_bytes);
    return file.commit();
}

} // namespace ol::model
