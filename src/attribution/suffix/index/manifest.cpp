#include "attribution/suffix/index/manifest.hpp"

#include <algorithm>
#include <set>

#include "base/limits.hpp"
#include "codec/json.hpp"
#include "crypto/hash.hpp"

namespace ol::attribution::suffix {

namespace {

using codec::Json;
using u32 = std::uint32_t;

constexpr std::string_view format_name = "openledger-index";
constexpr std::uint64_t format_version = 1;
constexpr std::string_view segment_prefix = "segment-", segment_suffix = ".seg";
constexpr std::string_view dead_prefix = "tombstones-", dead_suffix = ".dead";
constexpr std::size_t number_digits = 8;

bool is_numbered(std::string_view name, std::string_view prefix, std::string_view suffix) {
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) return false;
    if (name.size() < prefix.size() + suffix.size() + number_digits) return false;
    name.remove_prefix(prefix.size());
    name.remove_suffix(suffix.size());
    return std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view form_name(Form form) { return form == Form::hot ? "hot" : "cold"; }

Json encode_tombstones(const Manifest::Tombstones& tombstones) {
    return Json::object({{"file", tombstones.file},
                         {"records", tombstones.records},
                         {"ranks", tombstones.ranks},
                         {"hash", tombstones.hash}});
}

Json encode_entry(const Manifest::Entry& entry) {
    auto out = Json::object({{"file", entry.file},
                             {"form", form_name(entry.form)},
                             {"first_record", entry.first_record},
                             {"records", entry.records},
                             {"symbols", entry.symbols},
                             {"words", entry.words},
                             {"bytes", entry.bytes},
                             {"head", entry.head}});
    if (entry.tombstones) out.set("tombstones", encode_tombstones(*entry.tombstones));
    return out;
}

Status only(const Json& json, std::initializer_list<std::string_view> names) {
    if (!json.is_object()) return fail(ErrorCode::corrupted, "an object is expected");
    for (const auto& [name, value] : json.members()) {
        if (std::ranges::find(names, name) == names.end()) {
            return fail(ErrorCode::corrupted, "unknown member '{}'", name);
        }
    }
    return {};
}

Result<u32> number32(const Json& json, std::string_view name) {
    const auto value = OL_TRY_IN(json[name].as_uint(), "{}", name);
    if (value > 0xffffffff) return fail(ErrorCode::corrupted, "{} is beyond 32 bits", name);
    return static_cast<u32>(value);
}

Result<Manifest::Tombstones> decode_tombstones(const Json& json) {
    OL_TRY(only(json, {"file", "records", "ranks", "hash"}));
    Manifest::Tombstones out;
    out.file = OL_TRY_IN(json["file"].as_string(), "file");
    out.records = OL_TRY(number32(json, "records"));
    out.ranks = OL_TRY(number32(json, "ranks"));
    out.hash = OL_TRY_IN(json["hash"].as_hash32(), "hash");
    if (!is_numbered(out.file, dead_prefix, dead_suffix)) {
        return fail(ErrorCode::corrupted, "'{}' is no name of a tombstone file", out.file);
    }
    if (out.records == 0 || out.ranks < out.records) {
        return fail(ErrorCode::corrupted, "{} dead records with {} suffixes", out.records,
                    out.ranks);
    }
    return out;
}

Result<Manifest::Entry> decode_entry(const Json& json) {
    OL_TRY(only(json, {"file", "form", "first_record", "records", "symbols", "words", "bytes",
                       "head", "tombstones"}));
    Manifest::Entry out;
    out.file = OL_TRY_IN(json["file"].as_string(), "file");
    const auto form = OL_TRY_IN(json["form"].as_string(), "form");
    out.form = form == form_name(Form::cold) ? Form::cold : Form::hot;
    if (form != form_name(out.form)) {
        return fail(ErrorCode::corrupted, "'{}' is no form of a segment", form);
    }
    out.first_record = OL_TRY(number32(json, "first_record"));
    out.records = OL_TRY(number32(json, "records"));
    out.symbols = OL_TRY(number32(json, "symbols"));
    out.words = OL_TRY(number32(json, "words"));
    out.bytes = OL_TRY_IN(json["bytes"].as_uint(), "bytes");
    out.head = OL_TRY_IN(json["head"].as_hash32(), "head");
    if (json.contains("tombstones")) {
        out.tombstones = OL_TRY_IN(decode_tombstones(json["tombstones"]), "tombstones");
        if (out.tombstones->records > out.records || out.tombstones->ranks > out.symbols) {
            return fail(ErrorCode::corrupted, "more is dead than there is");
        }
    }
    if (!is_numbered(out.file, segment_prefix, segment_suffix)) {
        return fail(ErrorCode::corrupted, "'{}' is no name of a segment", out.file);
    }
    if (out.records == 0 || out.symbols < out.records || out.symbols > limits::segment_symbols) {
        return fail(ErrorCode::corrupted, "{} symbols in {} records", out.symbols, out.records);
    }
    return out;
}

// Records follow each other and no file is named twice.
Status check_order(const Manifest& manifest) {
    if (manifest.segments.size() > limits::index_segments) {
        return fail(ErrorCode::corrupted, "{} segments; the limit is {}", manifest.segments.size(),
                    limits::index_segments);
    }
    std::uint64_t records = 0;
    std::set<std::string> files;
    for (const auto& entry : manifest.segments) {
        if (entry.first_record != records) {
            return fail(ErrorCode::corrupted, "{} starts at record {}, not {}", entry.file,
                        entry.first_record, records);
        }
        records += entry.records;
        bool fresh = files.insert(entry.file).second;
        if (entry.tombstones) fresh &= files.insert(entry.tombstones->file).second;
        if (!fresh) return fail(ErrorCode::corrupted, "{}: a file is named twice", entry.file);
    }
    if (records > 0xffffffff) return fail(ErrorCode::corrupted, "{} records", records);
    return {};
}

// Over the members before it, as they are printed.
Status check_checksum(const Json& json) {
    Json rest = Json::object();
    for (const auto& [name, value] : json.members()) {
        if (name != "checksum") rest.set(name, value);
    }
    const auto said = OL_TRY_IN(json["checksum"].as_hash32(), "checksum");
    if (said == crypto::keccak256(rest.dump(2))) return {};
    return fail(ErrorCode::corrupted, "its checksum does not match, or it was edited");
}

Result<Manifest> decode_members(const Json& json) {
    OL_TRY(check_checksum(json));
    OL_TRY(only(json, {"format", "version", "generation", "next_file", "segments", "checksum"}));
    if (json["format"].as_string().value_or("") != format_name) {
        return fail(ErrorCode::corrupted, "is not the manifest of an index");
    }
    const auto version = OL_TRY_IN(json["version"].as_uint(), "version");
    if (version != format_version) {
        return fail(ErrorCode::unsupported, "version {} of the format is not known here", version);
    }
    Manifest out;
    out.generation = OL_TRY_IN(json["generation"].as_uint(), "generation");
    out.next_file = OL_TRY_IN(json["next_file"].as_uint(), "next_file");
    if (!json["segments"].is_array()) return fail(ErrorCode::corrupted, "segments: no array");
    for (const Json& entry : json["segments"].items()) {
        out.segments.push_back(OL_TRY_IN(decode_entry(entry), "segment {}", out.segments.size()));
    }
    OL_TRY(check_order(out));
    return out;
}

} // namespace

std::string Manifest::encode() const {
    Json list = Json::array();
    for (const Entry& entry : segments) list.push(encode_entry(entry));
    auto out = Json::object({{"format", format_name},
                             {"version", format_version},
                             {"generation", generation},
                             {"next_file", next_file},
                             {"segments", std::move(list)}});
    out.set("checksum", crypto::keccak256(out.dump(2)));
    return out.dump(2) + "\n";
}

Result<Manifest> Manifest::decode(std::string_view text, std::string_view name) {
    const auto damaged = [&](Error error) {
        if (error.code != ErrorCode::unsupported) error.code = ErrorCode::corrupted;
        return std::unexpected(error.within(name));
    };
    const auto json = Json::parse(text);
    if (!json) return damaged(json.error());
    auto out = decode_members(*json);
    if (!out) return damaged(out.error());
    // One text stands for one manifest: each byte of the layout counts.
    if (out->encode() != text) return damaged({ErrorCode::corrupted, "it was edited"});
    return out;
}

bool Manifest::is_file_name(std::string_view name) {
    return is_numbered(name, segment_prefix, segment_suffix) ||
           is_numbered(name, dead_prefix, dead_suffix);
}

std::string Manifest::take_segment_name() {
    return fmt::format("{}{:08}{}", segment_prefix, next_file++, segment_suffix);
}

std::string Manifest::take_tombstones_name() {
    return fmt::format("{}{:08}{}", dead_prefix, next_file++, dead_suffix);
}

bool Manifest::names(std::string_view file) const {
    return std::ranges::any_of(segments, [&](const Entry& entry) {
        return entry.file == file || (entry.tombstones && entry.tombstones->file == file);
    });
}

} // namespace ol::attribution::suffix
