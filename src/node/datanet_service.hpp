// DatanetService: contribute, anchor, watch for copies, publish versions, trace. Joins datanet,
// attribution/suffix and the ledger.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "attribution/suffix/proof/proof.hpp"
#include "attribution/suffix/segment.hpp"
#include "attribution/suffix/trace.hpp"
#include "base/progress.hpp"
#include "codec/json.hpp"
#include "datanet/curation.hpp"
#include "datanet/version.hpp"
#include "node/context.hpp"

namespace ol::node {

struct DatanetRow {
    Hash32 id;
    std::string name, summary, licence, owner_wallet;
    Address owner;
};

struct ContributeReport {
    std::vector<datanet::Verdict> verdicts;
    std::uint64_t accepted = 0, rejected = 0, byte_count = 0;
    std::optional<std::uint64_t> batch_id; // nothing was anchored when no row was accepted
    Hash32 root, data_commitment;
    U256 bond;
    codec::Json to_json() const;
};

// A record of somebody's anchored batch that repeats an earlier record of another contributor.
struct Copy {
    Hash32 datanet_id;
    std::uint64_t batch_id = 0, sequence = 0;
    Hash32 record;
    Address contributor;
    std::uint64_t original_batch_id = 0, original_sequence = 0;
    Hash32 original_record;
    unsigned equal = 0; // signature words, of 112
};

struct Publication {
    std::uint64_t version = 0, record_count = 0;
    Hash32 root, manifest_hash;
    attribution::suffix::IndexCommitment index;
    codec::Json to_json() const;
};

// A published version, opened: the segment, and the records in table order.
struct OpenVersion {
    Hash32 datanet_id;
    std::uint64_t version = 0;
    Hash32 root;
    datanet::VersionManifest manifest;
    attribution::suffix::Segment segment;
    std::vector<std::string> titles, texts; // by table index
    attribution::suffix::OwnerLists lists{};
    // Of segment and lists; hashes them when it is first used.
    std::unique_ptr<attribution::suffix::Prover> prover{};
};

class DatanetService {
public:
    // Opens the duplicate index and resumes batches that were stored but not yet anchored.
    static Result<std::unique_ptr<DatanetService>> open(Context& context);

    Result<Hash32> create(const std::string& name, const std::string& summary,
                          const std::string& licence, const std::string& owner_wallet);
    Result<DatanetRow> find(const std::string& id_or_name) const;
    Result<std::vector<DatanetRow>> list() const;

    // Files or folders. Rows that fail are reported, the good ones are anchored by one root with a
    // bond. A crash leaves either nothing or a stored batch that the next open() anchors, once.
    Result<ContributeReport> contribute(const DatanetRow& datanet, const std::string& wallet,
                                        const std::string& licence, const std::vector<Path>& paths,
                                        const ProgressSink& progress);
    // Stores the batch where everybody can read it and anchors its root, whatever is in it.
    Result<std::uint64_t> anchor(const datanet::Batch& batch, const std::string& wallet);
    // Anchors batches left `prepared` by a crash; returns how many.
    Result<std::uint64_t> resume();
    // Reads batches on the ledger that this node has not seen, checks them against their roots, and
    // names the copies in them.
    Result<std::vector<Copy>> scan_ledger();
    // Puts both records before the registry; returns the wei slashed.
    Result<U256> challenge(const Copy& copy, const std::string& wallet);

    Result<Publication> publish(const DatanetRow& datanet, const ProgressSink& progress);
    // version 0: the latest. Checked against the ledger's root and index commitment when opened.
    Result<std::shared_ptr<const OpenVersion>> version(const Hash32& datanet_id,
                                                       std::uint64_t version);
    // Rebuilds a version from public data (manifest and batches) and compares every root with the
    // ledger's; audits the suffix array.
    Result<codec::Json> verify(const DatanetRow& datanet, std::uint64_t version,
                               const ProgressSink& progress);

    Result<codec::Json> datanet_json(const DatanetRow& row) const;
    Result<codec::Json> records_json(const Hash32& datanet_id, std::uint64_t offset,
                                     std::uint64_t limit) const;
    Result<codec::Json> record_json(const Hash32& datanet_id, const Hash32& record_id) const;
    Result<codec::Json> versions_json(const Hash32& datanet_id) const;
    Result<codec::Json> trace_json(const OpenVersion& version, const std::string& text,
                                   const market::MoneyRules& rules) const;
    Result<std::uint64_t> record_count() const;

private:
    explicit DatanetService(Context& context)
        : context_(context) {}
    Result<datanet::Batch> stored_batch(const Hash32& data_commitment) const;
    Result<std::uint64_t> store_prepared(const datanet::Batch& batch, const std::string& wallet,
                                         const U256& bond);
    Status anchor_prepared(std::uint64_t local_id);
    Status insert_records(std::uint64_t local_id, const datanet::Batch& batch);
    Status load_duplicates();
    datanet::DuplicateIndex& duplicates(const Hash32& datanet_id);

    Context& context_;
    std::mutex mutex_; // contribute, anchor, scan, publish: one at a time
    std::map<Hash32, datanet::DuplicateIndex> duplicates_;
    std::mutex versions_mutex_;
    std::map<std::pair<Hash32, std::uint64_t>, std::shared_ptr<const OpenVersion>> open_;
};

// Spans, matches and shares with the texts and titles that they stand for.
Result<codec::Json> spans_json(const OpenVersion& version, std::string_view answer,
                               const std::vector<attribution::suffix::Span>& spans,
                               const std::vector<attribution::suffix::Match>& matches);

} // namespace ol::node
