// Versions of a datanet: published, opened, and rebuilt from public data.
#include <map>

#include "node/datanet_service.hpp"
#include "node/schema.hpp"

namespace ol::node {

using attribution::suffix::OwnerLists;
using attribution::suffix::Prover;
using codec::Json;

namespace {

Path lists_path(const Path& segment) { return segment.string() + ".owners"; }

// The lists beside a segment; a missing or damaged file is made again.
Result<OwnerLists> lists_of(const attribution::suffix::Segment& segment, const Path& path) {
    auto stored = OwnerLists::read(lists_path(path));
    if (stored && stored->fits(segment.symbol_count())) return stored;
    OwnerLists made = OwnerLists::make(segment);
    OL_TRY(made.write(lists_path(path)));
    return made;
}

ledger::IndexRoots roots_of(const attribution::suffix::IndexCommitment& index) {
    return {index.text_root,    index.suffix_array_root, index.inverse_root,
            index.slot_root,    index.table_root,        index.owners_root,
            index.symbol_count, index.record_count,      index.owner_count};
}

} // namespace

Result<Publication> DatanetService::publish(const DatanetRow& datanet,
                                            const ProgressSink& progress) {
    const std::scoped_lock guard(mutex_);
    std::vector<datanet::Batch> batches;
    std::vector<std::uint64_t> ids;
    std::vector<Hash32> commitments;
    OL_TRY(context_.db->query(
        "SELECT batch_id, data_commitment FROM batches WHERE datanet = ? AND state = ? "
        "ORDER BY batch_id",
        [&](const store::Row& row) {
            ids.push_back(static_cast<std::uint64_t>(row.integer(0)));
            commitments.push_back(row.hash32(1));
            return true;
        },
        datanet.id, anchored));
    std::vector<datanet::AnchoredBatch> inputs;
    std::vector<Hash32> revoked;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        // A batch whose bond was slashed is out as a whole: its contributor was caught once.
        const auto on_ledger = OL_TRY(context_.contracts->batch(ids[i]));
        batches.push_back(OL_TRY(stored_batch(commitments[i])));
        if (!on_ledger.slashed) continue;
        const auto& batch = batches.back();
        for (std::size_t s = 0; s < batch.records.size(); ++s) {
            revoked.push_back(datanet::leaf_of(batch.records[s], batch.rule_set_hash, s).hash());
        }
    }
    for (std::size_t i = 0; i < ids.size(); ++i) inputs.push_back({ids[i], &batches[i]});

    const auto number = OL_TRY(context_.contracts->version_count(datanet.id)) + 1;
    const auto manifest = datanet::make_version(datanet.id, number, inputs, revoked);
    if (manifest.entries.empty()) {
        return fail(ErrorCode::conflict, "datanet '{}' has no anchored record to publish",
                    datanet.name);
    }
    std::map<std::pair<std::uint64_t, std::uint64_t>, const datanet::Record*> by_place;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        for (std::size_t s = 0; s < batches[i].records.size(); ++s) {
            by_place[{ids[i], s}] = &batches[i].records[s];
        }
    }
    std::vector<std::string> texts;
    std::vector<attribution::suffix::SourceRecord> sources;
    texts.reserve(manifest.entries.size());
    for (const auto& entry : manifest.entries) {
        const auto* record = by_place.at({entry.batch_id, entry.sequence});
        texts.push_back(record->title + "\n" + record->text);
        sources.push_back({entry.leaf_hash, entry.owner, entry.cluster, texts.back(), {}});
    }
    const Path path =
        context_.config.data_dir / "segments" /
        fmt::format("{}-v{}.segment", to_hex(datanet.id.view()).substr(0, 16), number);
    auto segment =
        OL_TRY(attribution::suffix::Segment::build(sources, path, *context_.pool, progress));
    progress("committing the index", 0, 1);

    Publication out;
    out.version = number;
    out.record_count = manifest.entries.size();
    out.root = manifest.root();
    const auto lists = OwnerLists::make(segment);
    OL_TRY(lists.write(lists_path(path)));
    out.index = Prover(segment, lists, context_.pool.get()).commitment();
    out.manifest_hash = OL_TRY(context_.blobs->put(manifest.to_jsonl()));
    context_.chain->label(fmt::format("publish {} v{}", datanet.name, number));
    OL_TRY(context_.contracts->publish_version(OL_TRY(context_.keys->key(datanet.owner_wallet)),
                                               datanet.id, out.root, out.manifest_hash,
                                               roots_of(out.index)));
    OL_TRY(context_.db->run("INSERT OR REPLACE INTO versions VALUES(?,?,?,?,?,?,?)", datanet.id,
                            number, out.root, out.manifest_hash, out.record_count, path.string(),
                            out.to_json().dump()));
    progress("committing the index", 1, 1);
    return out;
}

Result<std::shared_ptr<const OpenVersion>> DatanetService::version(const Hash32& datanet_id,
                                                                   std::uint64_t number) {
    if (number == 0) number = OL_TRY(context_.contracts->version_count(datanet_id));
    const std::scoped_lock guard(versions_mutex_);
    if (const auto found = open_.find({datanet_id, number}); found != open_.end()) {
        return found->second;
    }
    std::string path;
    OL_TRY(context_.db->query(
        "SELECT segment FROM versions WHERE datanet = ? AND version = ?",
        [&](const store::Row& row) {
            path = row.text(0);
            return false;
        },
        datanet_id, number));
    if (path.empty()) {
        return fail(ErrorCode::not_found,
                    "version {} of datanet {} is not published here; publish it first", number,
                    to_hex0x(datanet_id.view()));
    }
    const auto on_ledger = OL_TRY(context_.contracts->version(datanet_id, number));
    auto out =
        std::make_shared<OpenVersion>(OpenVersion{datanet_id,
                                                  number,
                                                  on_ledger.root,
                                                  {},
                                                  OL_TRY(attribution::suffix::Segment::open(path)),
                                                  {},
                                                  {}});
    const auto manifest_bytes = OL_TRY(context_.blobs->get(on_ledger.manifest_hash));
    out->manifest = OL_TRY(datanet::VersionManifest::from_jsonl(as_text(manifest_bytes)));
    if (out->manifest.root() != on_ledger.root) {
        return fail(ErrorCode::unverified,
                    "the manifest of version {} has another root than the "
                    "ledger",
                    number);
    }
    if (out->segment.record_count() != out->manifest.entries.size()) {
        return fail(ErrorCode::corrupted, "{} has {} records, its version has {}", path,
                    out->segment.record_count(), out->manifest.entries.size());
    }
    for (const auto& entry : out->manifest.entries) {
        OL_TRY(context_.db->query(
            "SELECT title, text FROM records WHERE leaf_hash = ? LIMIT 1",
            [&](const store::Row& row) {
                out->titles.push_back(row.text(0));
                out->texts.push_back(row.text(1));
                return false;
            },
            entry.leaf_hash));
    }
    if (out->titles.size() != out->manifest.entries.size()) {
        return fail(ErrorCode::corrupted, "the database lacks records of version {}", number);
    }
    out->lists = OL_TRY(lists_of(out->segment, path));
    out->prover = std::make_unique<Prover>(out->segment, out->lists, context_.pool.get());
    open_.emplace(std::pair{datanet_id, number}, out);
    return out;
}

Result<Json> DatanetService::verify(const DatanetRow& datanet, std::uint64_t number,
                                    const ProgressSink& progress) {
    if (number == 0) number = OL_TRY(context_.contracts->version_count(datanet.id));
    const auto on_ledger = OL_TRY(context_.contracts->version(datanet.id, number));
    const auto manifest_bytes = OL_TRY(context_.blobs->get(on_ledger.manifest_hash));
    const auto manifest = OL_TRY(datanet::VersionManifest::from_jsonl(as_text(manifest_bytes)));
    if (manifest.root() != on_ledger.root) {
        return fail(ErrorCode::unverified,
                    "version {}: the manifest's root is {}, the ledger has {}", number,
                    to_hex0x(manifest.root().view()), to_hex0x(on_ledger.root.view()));
    }
    std::map<std::uint64_t, datanet::Batch> batches;
    std::vector<std::string> texts;
    std::vector<attribution::suffix::SourceRecord> sources;
    texts.reserve(manifest.entries.size());
    for (std::size_t i = 0; i < manifest.entries.size(); ++i) {
        const auto& entry = manifest.entries[i];
        if (!batches.contains(entry.batch_id)) {
            progress("checking batches", batches.size(), 0);
            const auto anchor = OL_TRY(context_.contracts->batch(entry.batch_id));
            auto batch =
                OL_TRY_IN(stored_batch(anchor.data_commitment), "batch {}", entry.batch_id);
            if (batch.root() != anchor.root) {
                return fail(ErrorCode::unverified, "batch {} does not have the ledger's root",
                            entry.batch_id);
            }
            batches.emplace(entry.batch_id, std::move(batch));
        }
        const auto& batch = batches.at(entry.batch_id);
        if (entry.sequence >= batch.records.size()) {
            return fail(ErrorCode::unverified, "record {} is not in batch {}", i, entry.batch_id);
        }
        const auto& record = batch.records[entry.sequence];
        if (datanet::leaf_of(record, batch.rule_set_hash, entry.sequence).hash() !=
                entry.leaf_hash ||
            record.contributor != entry.owner) {
            return fail(ErrorCode::unverified, "record {} differs from its leaf in batch {}", i,
                        entry.batch_id);
        }
        texts.push_back(record.title + "\n" + record.text);
        sources.push_back({entry.leaf_hash, entry.owner, entry.cluster, texts.back(), {}});
    }
    const Path path =
        context_.config.data_dir / "segments" /
        fmt::format("verify-{}-v{}.segment", to_hex(datanet.id.view()).substr(0, 16), number);
    const auto segment =
        OL_TRY(attribution::suffix::Segment::build(sources, path, *context_.pool, progress));
    progress("auditing the suffix array", 0, 1);
    OL_TRY(segment.audit(context_.pool.get()));
    const auto lists = OwnerLists::make(segment);
    const auto index = Prover(segment, lists, context_.pool.get()).commitment();
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    if (roots_of(index) != on_ledger.index) {
        return fail(
            ErrorCode::unverified,
            "version {}: the suffix index rebuilt from public records is not the one on the "
            "ledger",
            number);
    }
    return Json::object({{"datanet", datanet.name},
                         {"version", number},
                         {"records", manifest.entries.size()},
                         {"batches", batches.size()},
                         {"symbols", index.symbol_count},
                         {"root", on_ledger.root},
                         {"verified", true}});
}

} // namespace ol::node
