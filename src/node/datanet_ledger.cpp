// What DatanetService puts on the ledger and reads from it: batches, copies, challenges.
#include <algorithm>

#include "datanet/evidence.hpp"
#include "node/datanet_service.hpp"
#include "node/schema.hpp"

namespace ol::node {

namespace {

Bytes signature_bytes(const datanet::MinHash& signature) {
    Bytes out(signature.size() * 8);
    for (std::size_t i = 0; i < signature.size(); ++i) put_be64(out.data() + 8 * i, signature[i]);
    return out;
}

} // namespace

Result<std::uint64_t> DatanetService::anchor(const datanet::Batch& batch,
                                             const std::string& wallet) {
    const std::scoped_lock guard(mutex_);
    const auto key = OL_TRY(context_.keys->key(wallet));
    const auto commitment = OL_TRY(context_.blobs->put(batch.to_jsonl()));
    std::uint64_t bytes = 0;
    for (const auto& record : batch.records) bytes += record.text.size();
    context_.chain->label("anchor batch of " + wallet);
    return context_.contracts->anchor_batch(key, batch.datanet_id, batch.root(),
                                            batch.records.size(), bytes, commitment,
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
        OL_TRY(context_.db->query(
            "SELECT 1 FROM batches WHERE batch_id = ?",
            [&](const store::Row&) {
                known = true;
                return false;
            },
            id));
        if (known) break; // ids grow in time: nothing older can be ours
    }
    if (batch_id == 0) {
        context_.chain->label("anchor batch of " + wallet);
        batch_id = OL_TRY(context_.contracts->anchor_batch(
            OL_TRY(context_.keys->key(wallet)), datanet_id, root, count, bytes, commitment, bond));
    }
    return context_.db->run("UPDATE batches SET state = ?, batch_id = ? WHERE local_id = ?",
                            anchored, batch_id, local_id);
}

Result<std::uint64_t> DatanetService::resume() {
    const std::scoped_lock guard(mutex_);
    std::vector<std::uint64_t> waiting;
    OL_TRY(context_.db->query(
        "SELECT local_id FROM batches WHERE state = ? ORDER BY local_id",
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
        OL_TRY(context_.db->query(
            "SELECT 1 FROM batches WHERE batch_id = ?",
            [&](const store::Row&) {
                known = true;
                return false;
            },
            id));
        if (known) continue;
        const auto on_ledger = OL_TRY(context_.contracts->batch(id));
        const auto batch =
            OL_TRY_IN(stored_batch(on_ledger.data_commitment), "batch {} on the ledger", id);
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
    const auto slashed = OL_TRY(context_.contracts->challenge_duplicate(key, original, duplicate));
    OL_TRY(context_.db->run("UPDATE records SET revoked = 1 WHERE sequence = ? AND batch = "
                            "(SELECT local_id FROM batches WHERE batch_id = ?)",
                            copy.sequence, copy.batch_id));
    return slashed;
}

} // namespace ol::node
