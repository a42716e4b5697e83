#include "datanet/version.hpp"

#include <algorithm>
#include <unordered_set>

#include "base/check.hpp"
#include "crypto/merkle.hpp"
#include "datanet/curation.hpp"
#include "datanet/signature_index.hpp"

namespace ol::datanet {

namespace {

using codec::Json;

constexpr std::string_view format_name = "openledger-version-1";
constexpr unsigned cluster_min_equal = 101;
constexpr std::uint64_t max_entries = 1ULL << 31; // as many as an index can name

std::string header_line(const VersionManifest& manifest) {
    return Json::object({{"format", format_name},
                         {"datanet", manifest.datanet_id},
                         {"version", manifest.version},
                         {"records", manifest.entries.size()},
                         {"root", manifest.root()}})
        .dump();
}

std::string entry_line(const VersionEntry& entry) {
    return Json::object({{"record", entry.record_id},
                         {"leaf", entry.leaf_hash},
                         {"owner", entry.owner},
                         {"batch", entry.batch_id},
                         {"sequence", entry.sequence},
                         {"cluster", entry.cluster}})
        .dump();
}

struct Header {
    VersionManifest manifest;
    std::uint64_t records = 0;
};

Result<Header> parse_header(std::string_view line) {
    const Json json = OL_TRY(Json::parse(line));
    if (OL_TRY(OL_TRY(json.require("format"))->as_string()) != format_name) {
        return fail(ErrorCode::unsupported, "not an {} file", format_name);
    }
    Header header;
    header.manifest.datanet_id = OL_TRY(OL_TRY(json.require("datanet"))->as_hash32());
    header.manifest.version = OL_TRY(OL_TRY(json.require("version"))->as_uint());
    header.records = OL_TRY(OL_TRY(json.require("records"))->as_uint());
    return header;
}

Result<VersionEntry> parse_entry(std::string_view line) {
    const Json json = OL_TRY(Json::parse(line));
    VersionEntry entry;
    entry.record_id = OL_TRY(OL_TRY(json.require("record"))->as_hash32());
    entry.leaf_hash = OL_TRY(OL_TRY(json.require("leaf"))->as_hash32());
    entry.owner = OL_TRY(OL_TRY(json.require("owner"))->as_address());
    entry.batch_id = OL_TRY(OL_TRY(json.require("batch"))->as_uint());
    entry.sequence = OL_TRY(OL_TRY(json.require("sequence"))->as_uint());
    const std::uint64_t cluster = OL_TRY(OL_TRY(json.require("cluster"))->as_uint());
    if (cluster > UINT32_MAX) {
        return fail(ErrorCode::corrupted, "cluster {} is no index of this version", cluster);
    }
    entry.cluster = static_cast<std::uint32_t>(cluster);
    return entry;
}

// What an entry must be, given those before it.
Status check_entry(const std::vector<VersionEntry>& before, const VersionEntry& entry) {
    if (!before.empty()) {
        const VersionEntry& last = before.back();
        if (std::pair(entry.batch_id, entry.sequence) <= std::pair(last.batch_id, last.sequence)) {
            return fail(ErrorCode::corrupted, "entries are not in the order of their anchoring");
        }
    }
    const bool first = entry.cluster == before.size();
    if (!first &&
        (entry.cluster > before.size() || before[entry.cluster].cluster != entry.cluster)) {
        return fail(ErrorCode::corrupted, "cluster {} is not named by its earliest record",
                    entry.cluster);
    }
    return {};
}

Result<VersionEntry> checked_entry(std::string_view line, const std::vector<VersionEntry>& before) {
    VersionEntry entry = OL_TRY(parse_entry(line));
    OL_TRY(check_entry(before, entry));
    if (entry_line(entry) != line) return fail(ErrorCode::corrupted, "not in canonical form");
    return entry;
}

template <class T>
Result<T> corrupted_at(std::uint64_t line, Result<T> result) {
    if (result) return result;
    Error error = result.error().within(fmt::format("line {}", line));
    error.code = ErrorCode::corrupted;
    return std::unexpected(std::move(error));
}

// Disjoint sets whose representative is their least member.
class Clusters {
public:
    void add() { parent_.push_back(static_cast<std::uint32_t>(parent_.size())); }
    std::uint32_t find(std::uint32_t x) {
        while (parent_[x] != x) x = parent_[x] = parent_[parent_[x]];
        return x;
    }
    void join(std::uint32_t a, std::uint32_t b) {
        a = find(a);
        b = find(b);
        parent_[std::max(a, b)] = std::min(a, b);
    }

private:
    std::vector<std::uint32_t> parent_;
};

} // namespace

Hash32 VersionManifest::root() const {
    crypto::MerkleAccumulator tree;
    for (const VersionEntry& entry : entries) tree.push(entry.leaf_hash);
    return tree.root();
}

std::string VersionManifest::to_jsonl() const {
    std::string out = header_line(*this);
    out.push_back('\n');
    for (const VersionEntry& entry : entries) out.append(entry_line(entry)).push_back('\n');
    return out;
}

Result<VersionManifest> VersionManifest::from_jsonl(std::string_view text) {
    if (text.empty() || text.back() != '\n') {
        return fail(ErrorCode::corrupted, "manifest is cut off: its last line has no end");
    }
    const auto take_line = [&] {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 1);
        return line;
    };
    const std::string_view first = take_line();
    Header header = OL_TRY(corrupted_at(1, parse_header(first)));
    if (header.records > max_entries) {
        return fail(ErrorCode::corrupted, "line 1: {} records, a version has at most {}",
                    header.records, max_entries);
    }
    VersionManifest& manifest = header.manifest;
    std::uint64_t number = 1;
    while (!text.empty()) {
        ++number;
        manifest.entries.push_back(
            OL_TRY(corrupted_at(number, checked_entry(take_line(), manifest.entries))));
    }
    if (manifest.entries.size() != header.records) {
        return fail(ErrorCode::corrupted, "manifest has {} records, its header says {}",
                    manifest.entries.size(), header.records);
    }
    if (header_line(manifest) != first) {
        return fail(ErrorCode::corrupted,
                    "line 1: the root is not that of the entries, or not in canonical form");
    }
    return std::move(manifest);
}

VersionManifest make_version(const Hash32& datanet_id, std::uint64_t version,
                             const std::vector<AnchoredBatch>& batches,
                             const std::vector<Hash32>& revoked) {
    std::vector<AnchoredBatch> ordered = batches;
    std::stable_sort(ordered.begin(), ordered.end(),
                     [](const auto& a, const auto& b) { return a.batch_id < b.batch_id; });
    const std::unordered_set<Hash32, FixedBytesHasher> struck(revoked.begin(), revoked.end());

    VersionManifest manifest{datanet_id, version, {}};
    SignatureIndex signatures;
    Clusters clusters;
    for (const AnchoredBatch& anchored : ordered) {
        OL_CHECK(anchored.batch != nullptr);
        const Batch& batch = *anchored.batch;
        const std::vector<Hash32> leaves = batch.leaf_hashes();
        for (std::size_t i = 0; i < batch.records.size(); ++i) {
            if (struck.contains(leaves[i])) continue;
            const Record& record = batch.records[i];
            clusters.add();
            const auto own = static_cast<std::uint32_t>(manifest.entries.size());
            for (const auto& match : signatures.find(record.signature, cluster_min_equal)) {
                clusters.join(match.index, own);
            }
            signatures.add(record.signature);
            manifest.entries.push_back(
                {record.id, leaves[i], record.contributor, anchored.batch_id, i, 0});
        }
    }
    for (std::size_t i = 0; i < manifest.entries.size(); ++i) {
        manifest.entries[i].cluster = clusters.find(static_cast<std::uint32_t>(i));
    }
    return manifest;
}

} // namespace ol::datanet
