// What DatanetService shows: JSON of datanets, records, versions and traces.
#include <map>

#include "attribution/blend/shares.hpp"
#include "base/limits.hpp"
#include "crypto/merkle.hpp"
#include "node/datanet_service.hpp"
#include "text/symbols.hpp"

namespace ol::node {

using codec::Json;

namespace {

Result<std::int64_t> count_of(store::Database& db, std::string_view sql, const Hash32& id) {
    std::int64_t out = 0;
    OL_TRY(db.query(
        sql,
        [&](const store::Row& row) {
            out = row.integer(0);
            return false;
        },
        id));
    return out;
}

constexpr std::uint64_t page_limit = 1000;

} // namespace

Result<std::uint64_t> DatanetService::record_count() const {
    std::uint64_t out = 0;
    OL_TRY(context_.db->query("SELECT count(*) FROM records WHERE revoked = 0",
                              [&](const store::Row& row) {
                                  out = static_cast<std::uint64_t>(row.integer(0));
                                  return false;
                              }));
    return out;
}

Result<Json> DatanetService::datanet_json(const DatanetRow& row) const {
    const auto records = OL_TRY(count_of(
        *context_.db, "SELECT count(*) FROM records WHERE datanet = ? AND revoked = 0", row.id));
    const auto contributors = OL_TRY(count_of(
        *context_.db, "SELECT count(DISTINCT owner) FROM records WHERE datanet = ? AND revoked = 0",
        row.id));
    const auto versions =
        OL_TRY(count_of(*context_.db, "SELECT count(*) FROM versions WHERE datanet = ?", row.id));
    return Json::object({{"id", row.id},
                         {"name", row.name},
                         {"summary", row.summary},
                         {"licence", row.licence},
                         {"owner", row.owner},
                         {"records", records},
                         {"contributors", contributors},
                         {"versions", versions}});
}

Result<Json> DatanetService::records_json(const Hash32& datanet_id, std::uint64_t offset,
                                          std::uint64_t limit) const {
    if (limit == 0) limit = 50;
    if (limit > page_limit) {
        return fail(ErrorCode::invalid_argument, "limit {} is more than {} a page", limit,
                    page_limit);
    }
    Json rows = Json::array();
    OL_TRY(context_.db->query(
        "SELECT id, title, owner, words, source, licence, revoked FROM records WHERE datanet = ? "
        "ORDER BY batch, sequence LIMIT ? OFFSET ?",
        [&](const store::Row& row) {
            rows.push(Json::object({{"id", row.hash32(0)},
                                    {"title", row.text(1)},
                                    {"owner", row.address(2)},
                                    {"words", row.integer(3)},
                                    {"source", row.text(4)},
                                    {"licence", row.text(5)},
                                    {"revoked", row.integer(6) != 0}}));
            return true;
        },
        datanet_id, limit, offset));
    const auto total = OL_TRY(
        count_of(*context_.db, "SELECT count(*) FROM records WHERE datanet = ?", datanet_id));
    return Json::object({{"records", std::move(rows)}, {"total", total}, {"offset", offset}});
}

Result<Json> DatanetService::record_json(const Hash32& datanet_id, const Hash32& record_id) const {
    Json out;
    std::uint64_t sequence = 0;
    Hash32 commitment;
    OL_TRY(context_.db->query(
        "SELECT r.id, r.title, r.text, r.owner, r.words, r.source, r.licence, r.revoked, "
        "r.leaf_hash, r.sequence, b.batch_id, b.data_commitment, b.root FROM records r JOIN "
        "batches "
        "b ON r.batch = b.local_id WHERE r.datanet = ? AND r.id = ? ORDER BY r.batch LIMIT 1",
        [&](const store::Row& row) {
            out = Json::object({{"id", row.hash32(0)},
                                {"title", row.text(1)},
                                {"text", row.text(2)},
                                {"owner", row.address(3)},
                                {"words", row.integer(4)},
                                {"source", row.text(5)},
                                {"licence", row.text(6)},
                                {"revoked", row.integer(7) != 0},
                                {"leaf_hash", row.hash32(8)},
                                {"sequence", row.integer(9)}});
            out.set("batch", row.is_null(10) ? Json() : Json(row.integer(10)));
            out.set("batch_root", row.hash32(12));
            sequence = static_cast<std::uint64_t>(row.integer(9));
            commitment = row.hash32(11);
            return false;
        },
        datanet_id, record_id));
    if (out.is_null()) {
        return fail(ErrorCode::not_found, "there is no record {} in this datanet",
                    to_hex0x(record_id.view()));
    }
    const auto batch = OL_TRY(stored_batch(commitment));
    std::vector<Hash32> leaves;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
        leaves.push_back(datanet::leaf_of(batch.records[i], batch.rule_set_hash, i).hash());
    }
    Json proof = Json::array();
    for (const auto& sibling : OL_TRY(crypto::MerkleTree(std::move(leaves)).prove(sequence))) {
        proof.push(sibling);
    }
    out.set("proof", std::move(proof));
    return out;
}

Result<Json> DatanetService::versions_json(const Hash32& datanet_id) const {
    Json rows = Json::array();
    Status parsed;
    OL_TRY(context_.db->query(
        "SELECT index_json FROM versions WHERE datanet = ? ORDER BY version",
        [&](const store::Row& row) {
            auto json = Json::parse(row.text(0));
            if (!json) {
                parsed = std::unexpected(json.error());
                return false;
            }
            rows.push(std::move(*json));
            return true;
        },
        datanet_id));
    OL_TRY(parsed);
    return Json::object({{"versions", std::move(rows)}});
}

Result<Json> spans_json(const OpenVersion& version, std::string_view answer,
                        const std::vector<attribution::suffix::Span>& spans,
                        const std::vector<attribution::suffix::Match>& matches) {
    const auto symbols = OL_TRY(text::symbolize(answer));
    Json rows = Json::array();
    for (std::size_t i = 0; i < spans.size(); ++i) {
        const auto& span = spans[i];
        if (span.length == 0 || span.start + span.length > symbols.size()) {
            return fail(ErrorCode::unverified, "span {} lies outside the answer", i);
        }
        const auto& first = symbols[span.start];
        const auto& last = symbols[span.start + span.length - 1];
        const auto end = last.offset + last.size;
        Json paid = Json::array();
        for (const auto& match : matches) {
            if (match.span != i) continue;
            if (match.position >= version.segment.symbol_count() ||
                match.record >= version.manifest.entries.size()) {
                return fail(ErrorCode::unverified, "a match of span {} lies outside the index", i);
            }
            paid.push(Json::object({{"record", version.manifest.entries[match.record].record_id},
                                    {"record_index", match.record},
                                    {"owner", match.owner},
                                    {"title", version.titles[match.record]},
                                    {"position", match.position},
                                    {"offset", version.segment.place_at(match.position).offset},
                                    {"credit", match.credit}}));
        }
        rows.push(Json::object({{"text", answer.substr(first.offset, end - first.offset)},
                                {"start_byte", first.offset},
                                {"end_byte", end},
                                {"symbols", span.length},
                                {"owned", span.owned},
                                {"credit", span.credit},
                                {"bits", static_cast<double>(span.credit) / 256},
                                {"matches", std::move(paid)}}));
    }
    return rows;
}

Result<Json> DatanetService::trace_json(const OpenVersion& version, const std::string& text,
                                        const market::MoneyRules& rules) const {
    std::vector<text::SymbolWord> words;
    for (const auto& symbol : OL_TRY(text::symbolize(text))) words.push_back(symbol.word);
    const auto trace = OL_TRY(attribution::suffix::trace(version.segment, words, rules.trace));
    const auto shares = attribution::blend::shares_of(trace.matches, rules.threshold);
    Json share_rows = Json::array();
    for (const auto& share : shares) {
        share_rows.push(Json::object({{"record", version.manifest.entries[share.record].record_id},
                                      {"title", version.titles[share.record]},
                                      {"owner", share.owner},
                                      {"share", static_cast<double>(share.share) /
                                                    static_cast<double>(attribution::blend::one)},
                                      {"share_fixed", share.share}}));
    }
    Json out = Json::object({{"datanet", version.datanet_id},
                             {"version", version.version},
                             {"symbols", trace.symbol_count},
                             {"covered", trace.covered}});
    out.set("explained", static_cast<double>(attribution::blend::explained(trace)) /
                             static_cast<double>(attribution::blend::one));
    out.set("spans", OL_TRY(spans_json(version, text, trace.spans, trace.matches)));
    out.set("shares", std::move(share_rows));
    return out;
}

} // namespace ol::node
