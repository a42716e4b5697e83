// AdapterStore: adapters on disk, verified against the hash that the ledger holds, resident in
// memory by least recent use. Thread-safe; a load holds up nobody but those who want that adapter.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"
#include "model/lora.hpp"

namespace ol::openlora {

struct AdapterInfo {
    std::string id;    // "legal-v1"
    Path folder;       // PEFT form
    Hash32 registered; // what its bytes must hash to
    bool resident = false;
    std::uint64_t size_bytes = 0;
};

class AdapterStore {
public:
    AdapterStore(const model::ModelConfig& base, std::size_t resident_limit);
    // Makes an adapter known; nothing is read yet. already_exists when the id has another hash.
    Status add(const std::string& id, const Path& folder, const Hash32& registered);
    Status remove(const std::string& id);
    std::vector<AdapterInfo> list() const; // by id
    std::uint64_t load_count() const;      // successful reads from disk
    // Loads on first use: hashes the files, compares with the registered hash (unverified, naming
    // both hashes, when they differ), reads the adapter. Shared: it stays valid while a request
    // runs. What is resident is not read again: a file that changes later is noticed at the next
    // load.
    Result<std::shared_ptr<const model::LoraAdapter>> acquire(const std::string& id);

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

} // namespace ol::openlora
