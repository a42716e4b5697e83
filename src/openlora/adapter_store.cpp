#include "openlora/adapter_store.hpp"

#include <condition_variable>
#include <map>

namespace ol::openlora {

namespace {

using Adapter = std::shared_ptr<const model::LoraAdapter>;

struct Entry {
    AdapterInfo info;
    Adapter resident;
    // Evicted while a request still uses it: found again without a second copy.
    std::weak_ptr<const model::LoraAdapter> evicted;
    std::uint64_t last_use = 0;
    bool loading = false;
};

std::uint64_t size_on_disk(const Path& folder) {
    std::uint64_t total = 0;
    for (const auto* name : {"adapter_config.json", "adapter_model.safetensors"}) {
        std::error_code error;
        const auto size = std::filesystem::file_size(folder / name, error);
        if (!error) total += size;
    }
    return total;
}

// Reads once: the bytes that are hashed are the bytes that are parsed.
Result<Adapter> load(const AdapterInfo& info, const model::ModelConfig& base) {
    const auto files = OL_TRY_IN(model::AdapterFiles::read(info.folder), "adapter {}", info.id);
    const auto hash = files.hash();
    if (hash != info.registered) {
        return fail(ErrorCode::unverified,
                    "adapter {}: the files in {} hash to {}, registered is {}; restore the files "
                    "or register the new adapter",
                    info.id, info.folder.string(), to_hex0x(hash.view()),
                    to_hex0x(info.registered.view()));
    }
    auto adapter = OL_TRY_IN(model::LoraAdapter::parse(files, base), "adapter {}", info.id);
    return std::make_shared<const model::LoraAdapter>(std::move(adapter));
}

} // namespace

struct AdapterStore::Impl {
    model::ModelConfig base;
    std::size_t resident_limit = 0;
    mutable std::mutex mutex;
    std::condition_variable loaded;
    std::map<std::string, Entry> entries;
    std::uint64_t uses = 0;
    std::uint64_t loads = 0;

    void keep(Entry& entry, Adapter adapter) {
        entry.resident = std::move(adapter);
        entry.last_use = ++uses;
        evict();
    }

    // Least recent use first, but one that no request holds before one that would live on anyway.
    void evict() {
        for (;;) {
            std::size_t resident = 0;
            Entry* victim = nullptr;
            for (auto& [id, entry] : entries) {
                if (!entry.resident) continue;
                ++resident;
                auto rank = [](const Entry& e) {
                    return std::pair(e.resident.use_count() > 1, e.last_use);
                };
                if (victim == nullptr || rank(entry) < rank(*victim)) victim = &entry;
            }
            if (resident <= resident_limit || victim == nullptr) return;
            victim->evicted = victim->resident;
            victim->resident.reset();
        }
    }
};

AdapterStore::AdapterStore(const model::ModelConfig& base, std::size_t resident_limit)
    : impl_(std::make_shared<Impl>()) {
    impl_->base = base;
    impl_->resident_limit = resident_limit;
}

Status AdapterStore::add(const std::string& id, const Path& folder, const Hash32& registered) {
    if (id.empty()) return fail(ErrorCode::invalid_argument, "an adapter needs an id");
    std::lock_guard lock(impl_->mutex);
    const auto [at, added] = impl_->entries.try_emplace(id);
    auto& info = at->second.info;
    if (!added && info.registered != registered) {
        return fail(ErrorCode::already_exists,
                    "adapter {} is known with hash {}; remove it before adding another", id,
                    to_hex0x(info.registered.view()));
    }
    info.id = id;
    info.folder = folder;
    info.registered = registered;
    info.size_bytes = size_on_disk(folder);
    return {};
}

Status AdapterStore::remove(const std::string& id) {
    std::lock_guard lock(impl_->mutex);
    if (impl_->entries.erase(id) == 0) return fail(ErrorCode::not_found, "no adapter {}", id);
    return {};
}

std::vector<AdapterInfo> AdapterStore::list() const {
    std::lock_guard lock(impl_->mutex);
    std::vector<AdapterInfo> out;
    for (const auto& [id, entry] : impl_->entries) {
        out.push_back(entry.info);
        out.back().resident = entry.resident != nullptr;
    }
    return out;
}

std::uint64_t AdapterStore::load_count() const {
    std::lock_guard lock(impl_->mutex);
    return impl_->loads;
}

Result<std::shared_ptr<const model::LoraAdapter>> AdapterStore::acquire(const std::string& id) {
    std::unique_lock lock(impl_->mutex);
    for (;;) {
        const auto at = impl_->entries.find(id);
        if (at == impl_->entries.end()) {
            return fail(ErrorCode::not_found, "no adapter {}: list them with /v1/models", id);
        }
        auto& entry = at->second;
        auto adapter = entry.resident ? entry.resident : entry.evicted.lock();
        if (adapter) {
            impl_->keep(entry, adapter);
            return adapter;
        }
        if (!entry.loading) break;
        impl_->loaded.wait(lock);
    }
    impl_->entries[id].loading = true;
    const auto info = impl_->entries[id].info;
    lock.unlock();
    auto adapter = load(info, impl_->base);
    lock.lock();
    impl_->loaded.notify_all();
    const auto at = impl_->entries.find(id); // it may have been removed, or replaced by another
    if (at != impl_->entries.end() && at->second.info.registered == info.registered) {
        at->second.loading = false;
        if (adapter) impl_->keep(at->second, *adapter);
    }
    if (adapter) ++impl_->loads;
    return adapter;
}

} // namespace ol::openlora
