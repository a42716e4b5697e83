#include "node/datanet_service.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "crypto/hash.hpp"
#include "text/reader.hpp"

namespace ol::node {

using codec::Json;

namespace {

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
                                                 {"slot_root", index.slot_root},
                                                 {"table_root", index.table_root},
                                                 {"owners_root", index.owners_root},
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
                                      const std::string& licence, const std::string& owner_wallet) {
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
    const auto id =
        OL_TRY(context_.contracts->create_datanet(key, name, licence, rules.hash(), metadata_hash));
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
        OL_TRY(
            context_.db->query(std::string(select_datanet) + "WHERE name = ?", keep, id_or_name));
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
    if (const auto balance = OL_TRY(context_.chain->balance(key.address()));
        balance < report.bond) {
        return fail(ErrorCode::payment,
                    "wallet '{}' ({}) holds {}, a batch needs a bond of {} and gas; fund it first "
                    "(`openledger wallet fund {}` on a development chain)",
                    wallet, crypto::checksum_address(key.address()), format_open(balance),
                    format_open(report.bond), wallet);
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
    OL_TRY(context_.db->query(
        "SELECT batch_id, data_commitment FROM batches WHERE local_id = ?",
        [&](const store::Row& row) {
            report.batch_id = static_cast<std::uint64_t>(row.integer(0));
            report.data_commitment = row.hash32(1);
            return false;
        },
        local_id));
    progress("anchoring on the ledger", 1, 1);
    return report;
}

} // namespace ol::node
