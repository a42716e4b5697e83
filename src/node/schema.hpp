// The node's tables, as migration steps of store::Database::migrate. The ledger is the truth for
// ownership and money; these rows hold the bodies and what is needed to resume.
#pragma once

#include <array>
#include <string_view>

namespace ol::node {

// batches.state
inline constexpr std::string_view prepared = "prepared";
inline constexpr std::string_view anchored = "anchored";

inline constexpr std::array<std::string_view, 1> schema = {R"sql(
CREATE TABLE deployment(id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL);

CREATE TABLE datanets(
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    summary TEXT NOT NULL,
    licence TEXT NOT NULL,
    owner BLOB NOT NULL,
    owner_wallet TEXT NOT NULL,
    created INTEGER NOT NULL DEFAULT 0);

-- state: prepared (stored, not yet on the ledger), anchored.
CREATE TABLE batches(
    local_id INTEGER PRIMARY KEY,
    datanet BLOB NOT NULL REFERENCES datanets(id),
    contributor BLOB NOT NULL,
    wallet TEXT NOT NULL,
    root BLOB NOT NULL,
    record_count INTEGER NOT NULL,
    byte_count INTEGER NOT NULL,
    data_commitment BLOB NOT NULL UNIQUE,
    bond BLOB NOT NULL,
    state TEXT NOT NULL,
    batch_id INTEGER);

CREATE TABLE records(
    id BLOB NOT NULL,
    datanet BLOB NOT NULL,
    batch INTEGER NOT NULL REFERENCES batches(local_id),
    sequence INTEGER NOT NULL,
    leaf_hash BLOB NOT NULL,
    owner BLOB NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    source TEXT NOT NULL,
    licence TEXT NOT NULL,
    content_hash BLOB NOT NULL,
    signature BLOB NOT NULL,
    words INTEGER NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(batch, sequence));
CREATE INDEX records_by_leaf ON records(leaf_hash);
CREATE INDEX records_by_id ON records(id);

CREATE TABLE versions(
    datanet BLOB NOT NULL REFERENCES datanets(id),
    version INTEGER NOT NULL,
    root BLOB NOT NULL,
    manifest_hash BLOB NOT NULL,
    record_count INTEGER NOT NULL,
    segment TEXT NOT NULL,
    index_json TEXT NOT NULL,
    PRIMARY KEY(datanet, version));

CREATE TABLE adapters(
    name TEXT PRIMARY KEY,
    adapter_id BLOB NOT NULL,
    folder TEXT NOT NULL,
    adapter_hash BLOB NOT NULL,
    training_record_hash BLOB NOT NULL,
    owner BLOB NOT NULL,
    datanet BLOB NOT NULL,
    version INTEGER NOT NULL,
    price_in BLOB NOT NULL,
    price_out BLOB NOT NULL);

-- What each payer owes this host in all, and the best voucher seen.
CREATE TABLE channels(
    payer BLOB NOT NULL,
    host BLOB NOT NULL,
    owed BLOB NOT NULL,
    voucher_cumulative BLOB NOT NULL,
    voucher_signature BLOB NOT NULL,
    PRIMARY KEY(payer, host));

-- epoch: null while not in a proposal.
CREATE TABLE receipts(
    hash BLOB PRIMARY KEY,
    host BLOB NOT NULL,
    nonce INTEGER NOT NULL,
    payer BLOB NOT NULL,
    adapter TEXT NOT NULL,
    json TEXT NOT NULL,
    epoch INTEGER,
    UNIQUE(host, nonce));

-- state: prepared, proposed, finalised.
CREATE TABLE epochs(
    number INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    data_commitment BLOB NOT NULL);
)sql"};

} // namespace ol::node
