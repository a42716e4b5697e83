#include "node/datanet_service.hpp"

#include <algorithm>

#include "attribution/blend/shares.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "crypto/hash.hpp"
#include "crypto/merkle.hpp"
#include "datanet/evidence.hpp"
#include "text/reader.hpp"

namespace ol::node {

using codec::Json;

namespace {

constexpr std::string_view prepared = "prepared";
constexpr std::string_view anchored = "anchored";

Bytes signature_bytes(const datanet::MinHash& signature) {
    Bytes out(signature.size() * 8);
    for (std::size_t i = 0; i < signature.size(); ++i) put_be64(out.data() + 8 * i, signature[i]);
    return out;
}

datanet::MinHash signature_from(const Bytes& bytes) {
    datanet::MinHash out{};
    for (std::size_t i = 0; i < out.size() && 8 * i + 8 <= bytes.size(); ++i) {
        out[i] = get_be64(bytes.data() + 8 * i);
    }
    return out;
}

DatanetRow datanet_row(const store::Row& row) {
    return {row.hash32(0), row.text(1), row.text(2), row.text(3), row.text(5), row.address(4)};
}

constexpr std::string_view select_datanet =
    "SELECT id, name, summary, licence, owner, owner_wallet FROM datanets ";

// A dictd body belongs to its index; it is not a file to judge by itself.
bool is_dictd_body(const Path& path, const std::vector<Path>& all) {
    const std::string name = path.string();
    for (const std::string_view suffix : {".dict.dz", ".dict"}) {
        if (!name.ends_with(suffix)) continue;
        const Path index = name.substr(0, name.size() - suffix.size()) + ".index";
        return std::find(all.begin(), all.end(), index) != all.end();
    }
    return false;
}

} // namespace

Json ContributeReport::to_json() const {
    Json rejected_rows = Json::array();
    for (const auto& verdict : verdicts) {
        if (verdict.rule == datanet::Rule::accepted) continue;
        Json row = Json::object({{"file", verdict.file},
                                 {"line", verdict.line},
                                 {"title", verdict.title},
                                 {"rule", datanet::to_string(verdict.rule)},
                                 {"reason", verdict.reason},
                                 {"measured", verdict.measured},
                                 {"threshold", verdict.threshold}});
        row.set("match", verdict.match ? Json(*verdict.match) : Json());
        rejected_rows.push(std::move(row));
    }
    Json out = Json::object({{"accepted", accepted}, {"rejected_count", rejected}});
    out.set("bytes", byte_count);
    out.set("batch", batch_id ? Json(*batch_id) : Json());
    out.set("root", batch_id ? Json(root) : Json());
    out.set("data_commitment", batch_id ? Json(data_commitment) : Json());
    out.set("bond_wei", bond);
    out.set("rejected", std::move(rejected_rows));
    return out;
}

Json Publication::to_json() const {
    return Json::object({{"version", version},
                         {"root", root},
                         {"records", record_count},
                         {"manifest_hash", manifest_hash},
                         {"index", Json::object({{"text_root", index.text_root},
                                                 {"suffix_array_root", index.suffix_array_root},
                                                 {"inverse_root", index.inverse_root},
                                                 {"table_root", index.table_root},
                                                 {"symbols", index.symbol_count}})}});
}

Result<std::unique_ptr<DatanetService>> DatanetService::open(Context& context) {
    std::unique_ptr<DatanetService> service(new DatanetService(context));
    OL_TRY(service->load_duplicates());
    const auto resumed = OL_TRY(service->resume());
    if (resumed != 0) log::warning("datanet", "anchored {} batches left by a crash", resumed);
    return service;
}

Status DatanetService::load_duplicates() {
    duplicates_.clear();
    return context_.db->query(
        "SELECT datanet, id, content_hash, signature FROM records WHERE revoked = 0 "
        "ORDER BY batch, sequence",
        [&](const store::Row& row) {
            datanet::Record record;
            record.datanet_id = row.hash32(0);
            record.id = row.hash32(1);
            record.content_hash = row.hash32(2);
            record.signature = signature_from(row.bytes(3));
            duplicates(record.datanet_id).add(record);
            return true;
        });
}

datanet::DuplicateIndex& DatanetService::duplicates(const Hash32& datanet_id) {
    return duplicates_[datanet_id];
}

Result<Hash32> DatanetService::create(const std::string& name, const std::string& summary,
                                      const std::string& licence,
                                      const std::string& owner_wallet) {
    if (name.empty() || name.size() > 64) {
        return fail(ErrorCode::invalid_argument, "a datanet's name has 1 to 64 characters, not {}",
                    name.size());
    }
    const std::scoped_lock guard(mutex_);
    if (find(name)) return fail(ErrorCode::already_exists, "datanet '{}' exists already", name);
    const auto key = OL_TRY(context_.keys->key(owner_wallet));
    const datanet::RuleSet rules;
    const Json metadata = Json::object({{"name", name},
                                        {"summary", summary},
                                        {"licence", licence},
                                        {"type", "text"},
                                        {"rules", OL_TRY(Json::parse(rules.canonical()))}});
    const auto metadata_hash = OL_TRY(context_.blobs->put(metadata.dump()));
    context_.chain->label("create datanet " + name);
    const auto id = OL_TRY(
        context_.contracts->create_datanet(key, name, licence, rules.hash(), metadata_hash));
    OL_TRY(context_.db->run(
        "INSERT INTO datanets(id, name, summary, licence, owner, owner_wallet) VALUES(?,?,?,?,?,?)",
        id, name, summary, licence, key.address(), owner_wallet));
    return id;
}

Result<DatanetRow> DatanetService::find(const std::string& id_or_name) const {
    std::optional<DatanetRow> found;
    const auto keep = [&](const store::Row& row) {
        found = datanet_row(row);
        return false;
    };
    if (const auto id = hash32_from_hex(id_or_name); id) {
        OL_TRY(context_.db->query(std::string(select_datanet) + "WHERE id = ?", keep, *id));
    }
    if (!found) {
        OL_TRY(context_.db->query(std::string(select_datanet) + "WHERE name = ?", keep, id_or_name));
    }
    if (!found) {
        return fail(ErrorCode::not_found,
                    "there is no datanet '{}'; `openledger datanet list` shows those that are",
                    id_or_name);
    }
    return *found;
}

Result<std::vector<DatanetRow>> DatanetService::list() const {
    std::vector<DatanetRow> out;
    OL_TRY(context_.db->query(std::string(select_datanet) + "ORDER BY name",
                              [&](const store::Row& row) {
                                  out.push_back(datanet_row(row));
                                  return true;
                              }));
    return out;
}

Result<ContributeReport> DatanetService::contribute(const DatanetRow& datanet,
                                                    const std::string& wallet,
                                                    const std::string& licence,
                                                    const std::vector<Path>& paths,
                                                    const ProgressSink& progress) {
    const std::scoped_lock guard(mutex_);
    const auto key = OL_TRY(context_.keys->key(wallet));
    ContributeReport report;
    report.bond = OL_TRY(context_.contracts->parameter("BATCH_BOND"));
    if (const auto balance = OL_TRY(context_.chain->balance(key.address())); balance < report.bond) {
        return fail(ErrorCode::payment,
                    "wallet '{}' ({}) holds {}, a batch needs a bond of {} and gas; fund it first",
                    wallet, crypto::checksum_address(key.address()), format_open(balance),
                    format_open(report.bond));
    }
    std::vector<Path> files;
    for (const auto& path : paths) {
        auto listed = OL_TRY(list_files(path));
        files.insert(files.end(), listed.begin(), listed.end());
    }
    if (files.empty()) {
        return fail(ErrorCode::invalid_argument, "there is no file to contribute");
    }
    if (files.size() > limits::contribute_files) {
        return fail(ErrorCode::too_large, "{} files are more than the {} of one contribution",
                    files.size(), limits::contribute_files);
    }

    std::vector<text::Document> rows;
    std::vector<text::ReadIssue> issues;
    for (std::size_t i = 0; i < files.size(); ++i) {
        if (!progress("reading files", i, files.size())) {
            return fail(ErrorCode::cancelled, "cancelled; nothing was stored");
        }
        if (is_dictd_body(files[i], files)) continue;
        if (!text::can_read(files[i])) {
            issues.push_back({files[i].string(), 0, "no reader for this type of file"});
            continue;
        }
        auto read = text::read_documents(files[i]);
        if (!read) {
            issues.push_back({files[i].string(), 0, read.error().context});
            continue;
        }
        std::move(read->documents.begin(), read->documents.end(), std::back_inserter(rows));
        std::move(read->issues.begin(), read->issues.end(), std::back_inserter(issues));
    }
    progress("curating rows", 0, rows.size());

    datanet::Batch batch;
    batch.datanet_id = datanet.id;
    batch.contributor = key.address();
    batch.rule_set_hash = datanet::RuleSet{}.hash();
    batch.batch_salt = Hash32::from(crypto::random_bytes(32)).value();
    auto curated = datanet::curate(datanet::RuleSet{}, datanet.id, key.address(), licence,
                                   batch.batch_salt, rows, issues, duplicates(datanet.id));
    batch.records = std::move(curated.records);
    progress("curating rows", rows.size(), rows.size());

    report.verdicts = std::move(curated.verdicts);
    report.accepted = batch.records.size();
    report.rejected = report.verdicts.size() - report.accepted;
    for (const auto& record : batch.records) report.byte_count += record.text.size();
    if (batch.records.empty()) return report;

    report.root = batch.root();
    progress("anchoring on the ledger", 0, 1);
    const auto prepared_id = store_prepared(batch, wallet, report.bond);
    if (!prepared_id) {
        // Nothing was stored, so nothing of it may count as a duplicate later.
        OL_TRY(load_duplicates());
        return std::unexpected(prepared_id.error());
    }
    const auto local_id = *prepared_id;
    OL_TRY_IN(anchor_prepared(local_id),
              "the {} accepted records are stored and will be anchored at the next start",
              batch.records.size());
    OL_TRY(context_.db->query("SELECT batch_id, data_commitment FROM batches WHERE local_id = ?",
                              [&](const store::Row& row) {
                                  report.batch_id = static_cast<std::uint64_t>(row.integer(0));
                                  report.data_commitment = row.hash32(1);
                                  return false;
                              },
                              local_id));
    progress("anchoring on the ledger", 1, 1);
    return report;
}

Result<std::uint64_t> DatanetService::anchor(const datanet::Batch& batch,
                                             const std::string& wallet) {
    const std::scoped_lock guard(mutex_);
    const auto key = OL_TRY(context_.keys->key(wallet));
    const auto commitment = OL_TRY(context_.blobs->put(batch.to_jsonl()));
    std::uint64_t bytes = 0;
    for (const auto& record : batch.records) bytes += record.text.size();
    context_.chain->label("anchor batch of " + wallet);
    return context_.contracts->anchor_batch(
        key, batch.datanet_id, batch.root(), batch.records.size(), bytes, commitment,
        OL_TRY(context_.contracts->parameter("BATCH_BOND")));
}

Result<std::uint64_t> DatanetService::store_prepared(const datanet::Batch& batch,
                                                     const std::string& wallet, const U256& bond) {
    const auto commitment = OL_TRY(context_.blobs->put(batch.to_jsonl()));
    std::uint64_t bytes = 0;
    for (const auto& record : batch.records) bytes += record.text.size();
    store::Transaction transaction(*context_.db);
    OL_TRY(context_.db->run(
        "INSERT INTO batches(datanet, contributor, wallet, root, record_count, byte_count, "
        "data_commitment, bond, state) VALUES(?,?,?,?,?,?,?,?,?)",
        batch.datanet_id, batch.contributor, wallet, batch.root(), batch.records.size(), bytes,
        commitment, bond, prepared));
    const auto local_id = static_cast<std::uint64_t>(context_.db->last_insert_id());
    OL_TRY(insert_records(local_id, batch));
    OL_TRY(transaction.commit());
    return local_id;
}

Status DatanetService::insert_records(std::uint64_t local_id, const datanet::Batch& batch) {
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
        const auto& record = batch.records[i];
        OL_TRY(context_.db->run(
            "INSERT INTO records(id, datanet, batch, sequence, leaf_hash, owner, title, text, "
            "source, licence, content_hash, signature, words) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
            record.id, record.datanet_id, local_id, i,
            datanet::leaf_of(record, batch.rule_set_hash, i).hash(), record.contributor,
            record.title, record.text, record.source, record.licence, record.content_hash,
            ByteView(signature_bytes(record.signature)), record.word_count));
    }
    return {};
}

Status DatanetService::anchor_prepared(std::uint64_t local_id) {
    Hash32 datanet_id, root, commitment;
    Address contributor;
    std::string wallet;
    std::uint64_t count = 0, bytes = 0;
    U256 bond;
    OL_TRY(context_.db->query(
        "SELECT datanet, contributor, wallet, root, record_count, byte_count, data_commitment, "
        "bond FROM batches WHERE local_id = ?",
        [&](const store::Row& row) {
            datanet_id = row.hash32(0);
            contributor = row.address(1);
            wallet = row.text(2);
            root = row.hash32(3);
            count = static_cast<std::uint64_t>(row.integer(4));
            bytes = static_cast<std::uint64_t>(row.integer(5));
            commitment = row.hash32(6);
            bond = row.u256(7);
            return false;
        },
        local_id));

    // A crash may have come after the transaction went out: look before sending again.
    std::uint64_t batch_id = 0;
    const auto on_ledger = OL_TRY(context_.contracts->batch_count());
    for (std::uint64_t id = on_ledger; id > 0 && batch_id == 0; --id) {
        const auto candidate = OL_TRY(context_.contracts->batch(id));
        if (candidate.root == root && candidate.contributor == contributor &&
            candidate.data_commitment == commitment) {
            batch_id = id;
        }
        bool known = false;
        OL_TRY(context_.db->query("SELECT 1 FROM batches WHERE batch_id = ?",
                                  [&](const store::Row&) {
                                      known = true;
                                      return false;
                                  },
                                  id));
        if (known) break; // ids grow in time: nothing older can be ours
    }
    if (batch_id == 0) {
        context_.chain->label("anchor batch of " + wallet);
        batch_id = OL_TRY(context_.contracts->anchor_batch(OL_TRY(context_.keys->key(wallet)),
                                                           datanet_id, root, count, bytes,
                                                           commitment, bond));
    }
    return context_.db->run("UPDATE batches SET state = ?, batch_id = ? WHERE local_id = ?",
                            anchored, batch_id, local_id);
}

Result<std::uint64_t> DatanetService::resume() {
    const std::scoped_lock guard(mutex_);
    std::vector<std::uint64_t> waiting;
    OL_TRY(context_.db->query("SELECT local_id FROM batches WHERE state = ? ORDER BY local_id",
                              [&](const store::Row& row) {
                                  waiting.push_back(static_cast<std::uint64_t>(row.integer(0)));
                                  return true;
                              },
                              prepared));
    for (const auto local_id : waiting) OL_TRY(anchor_prepared(local_id));
    return waiting.size();
}

Result<datanet::Batch> DatanetService::stored_batch(const Hash32& data_commitment) const {
    const auto bytes = OL_TRY(context_.blobs->get(data_commitment));
    return datanet::Batch::from_jsonl(as_text(bytes));
}

Result<std::vector<Copy>> DatanetService::scan_ledger() {
    const std::scoped_lock guard(mutex_);
    std::vector<Copy> copies;
    const auto count = OL_TRY(context_.contracts->batch_count());
    for (std::uint64_t id = 1; id <= count; ++id) {
        bool known = false;
        OL_TRY(context_.db->query("SELECT 1 FROM batches WHERE batch_id = ?",
                                  [&](const store::Row&) {
                                      known = true;
                                      return false;
                                  },
                                  id));
        if (known) continue;
        const auto on_ledger = OL_TRY(context_.contracts->batch(id));
        const auto batch = OL_TRY_IN(stored_batch(on_ledger.data_commitment),
                                     "batch {} on the ledger", id);
        if (batch.root() != on_ledger.root || batch.datanet_id != on_ledger.datanet_id ||
            batch.contributor != on_ledger.contributor) {
            return fail(ErrorCode::unverified,
                        "batch {}: the published records do not have the root on the ledger", id);
        }
        auto& known_records = duplicates(batch.datanet_id);
        for (std::size_t i = 0; i < batch.records.size(); ++i) {
            const auto& record = batch.records[i];
            auto match = known_records.find_near(record.signature,
                                                 datanet::RuleSet{}.near_duplicate_min_equal);
            if (!match) continue;
            Copy copy;
            copy.datanet_id = batch.datanet_id;
            copy.batch_id = id;
            copy.sequence = i;
            copy.record = record.id;
            copy.contributor = record.contributor;
            copy.original_record = match->record;
            copy.equal = match->equal;
            Address original_owner;
            OL_TRY(context_.db->query(
                "SELECT b.batch_id, r.sequence, r.owner FROM records r JOIN batches b ON "
                "r.batch = b.local_id WHERE r.id = ? AND b.batch_id IS NOT NULL LIMIT 1",
                [&](const store::Row& row) {
                    copy.original_batch_id = static_cast<std::uint64_t>(row.integer(0));
                    copy.original_sequence = static_cast<std::uint64_t>(row.integer(1));
                    original_owner = row.address(2);
                    return false;
                },
                match->record));
            if (original_owner != record.contributor) copies.push_back(copy);
        }
        store::Transaction transaction(*context_.db);
        std::uint64_t bytes = 0;
        for (const auto& record : batch.records) bytes += record.text.size();
        OL_TRY(context_.db->run(
            "INSERT INTO batches(datanet, contributor, wallet, root, record_count, byte_count, "
            "data_commitment, bond, state, batch_id) VALUES(?,?,'',?,?,?,?,?,?,?)",
            batch.datanet_id, batch.contributor, on_ledger.root, batch.records.size(), bytes,
            on_ledger.data_commitment, on_ledger.bond, anchored, id));
        OL_TRY(insert_records(static_cast<std::uint64_t>(context_.db->last_insert_id()), batch));
        OL_TRY(transaction.commit());
        for (const auto& record : batch.records) known_records.add(record);
    }
    std::stable_sort(copies.begin(), copies.end(),
                     [](const Copy& a, const Copy& b) { return a.equal > b.equal; });
    return copies;
}

Result<U256> DatanetService::challenge(const Copy& copy, const std::string& wallet) {
    const std::scoped_lock guard(mutex_);
    const auto key = OL_TRY(context_.keys->key(wallet));
    const auto opened = [&](std::uint64_t batch_id,
                            std::uint64_t sequence) -> Result<codec::AbiValue> {
        const auto on_ledger = OL_TRY(context_.contracts->batch(batch_id));
        const auto batch = OL_TRY(stored_batch(on_ledger.data_commitment));
        return datanet::opened_record(batch, batch_id, sequence);
    };
    const auto original = OL_TRY(opened(copy.original_batch_id, copy.original_sequence));
    const auto duplicate = OL_TRY(opened(copy.batch_id, copy.sequence));
    context_.chain->label("challenge duplicate");
    const auto slashed =
        OL_TRY(context_.contracts->challenge_duplicate(key, original, duplicate));
    OL_TRY(context_.db->run(
        "UPDATE records SET revoked = 1 WHERE sequence = ? AND batch = "
        "(SELECT local_id FROM batches WHERE batch_id = ?)",
        copy.sequence, copy.batch_id));
    return slashed;
}

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
        sources.push_back({entry.leaf_hash, entry.owner, entry.cluster, texts.back()});
    }
    const Path path = context_.config.data_dir / "segments" /
                      fmt::format("{}-v{}.segment", to_hex(datanet.id.view()).substr(0, 16), number);
    auto segment = OL_TRY(
        attribution::suffix::Segment::build(sources, path, *context_.pool, progress));
    progress("committing the index", 0, 1);

    Publication out;
    out.version = number;
    out.record_count = manifest.entries.size();
    out.root = manifest.root();
    out.index = segment.commitment(context_.pool.get());
    out.manifest_hash = OL_TRY(context_.blobs->put(manifest.to_jsonl()));
    context_.chain->label(fmt::format("publish {} v{}", datanet.name, number));
    OL_TRY(context_.contracts->publish_version(
        OL_TRY(context_.keys->key(datanet.owner_wallet)), datanet.id, out.root, out.manifest_hash,
        {out.index.text_root, out.index.suffix_array_root, out.index.inverse_root,
         out.index.table_root, out.index.symbol_count, out.index.record_count}));
    OL_TRY(context_.db->run(
        "INSERT OR REPLACE INTO versions VALUES(?,?,?,?,?,?,?)", datanet.id, number, out.root,
        out.manifest_hash, out.record_count, path.string(), out.to_json().dump()));
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
    OL_TRY(context_.db->query("SELECT segment FROM versions WHERE datanet = ? AND version = ?",
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
    auto out = std::make_shared<OpenVersion>(
        OpenVersion{datanet_id, number, on_ledger.root, {},
                    OL_TRY(attribution::suffix::Segment::open(path)), {}, {}});
    const auto manifest_bytes = OL_TRY(context_.blobs->get(on_ledger.manifest_hash));
    out->manifest = OL_TRY(datanet::VersionManifest::from_jsonl(as_text(manifest_bytes)));
    if (out->manifest.root() != on_ledger.root) {
        return fail(ErrorCode::unverified, "the manifest of version {} has another root than the "
                                           "ledger", number);
    }
    if (out->segment.record_count() != out->manifest.entries.size()) {
        return fail(ErrorCode::corrupted, "{} has {} records, its version has {}", path,
                    out->segment.record_count(), out->manifest.entries.size());
    }
    for (const auto& entry : out->manifest.entries) {
        OL_TRY(context_.db->query("SELECT title, text FROM records WHERE leaf_hash = ? LIMIT 1",
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
        return fail(ErrorCode::unverified, "version {}: the manifest's root is {}, the ledger has {}",
                    number, to_hex0x(manifest.root().view()), to_hex0x(on_ledger.root.view()));
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
            auto batch = OL_TRY_IN(stored_batch(anchor.data_commitment), "batch {}",
                                   entry.batch_id);
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
        sources.push_back({entry.leaf_hash, entry.owner, entry.cluster, texts.back()});
    }
    const Path path = context_.config.data_dir / "segments" /
                      fmt::format("verify-{}-v{}.segment",
                                  to_hex(datanet.id.view()).substr(0, 16), number);
    const auto segment = OL_TRY(
        attribution::suffix::Segment::build(sources, path, *context_.pool, progress));
    progress("auditing the suffix array", 0, 1);
    OL_TRY(segment.audit());
    const auto index = segment.commitment(context_.pool.get());
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    const auto& wanted = on_ledger.index;
    if (index.text_root != wanted.text_root || index.suffix_array_root != wanted.suffix_array_root ||
        index.inverse_root != wanted.inverse_root || index.table_root != wanted.table_root ||
        index.symbol_count != wanted.symbol_count) {
        return fail(ErrorCode::unverified,
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
