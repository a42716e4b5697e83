// StateDatabase over the store's families. Internal to the state room.
#pragma once

#include <map>

#include "chain/state/overlay.hpp"

namespace ol::chain {

class StoredStateDatabase final : public StateDatabase {
public:
    StoredStateDatabase(store::KeyValue& store, const StateOptions& options, ThreadPool& pool);
    Status load();

    std::optional<std::uint64_t> head_number() const override;
    Hash32 root() const override;
    std::unique_ptr<Pending> begin() override;
    Result<std::unique_ptr<Pending>> begin_at(std::uint64_t number) override;
    Status stage(Pending& pending, std::uint64_t number, store::WriteBatch& batch) override;
    void adopt(std::unique_ptr<Pending> pending) override;
    Status stage_rollback(std::uint64_t number, store::WriteBatch& batch) override;
    void adopt_rollback() override;
    std::uint64_t oldest_number() const override;
    Result<std::unique_ptr<StateReader>> at(std::uint64_t number) override;
    Result<AccountProof> prove(const Address& address, std::span<const U256> slots,
                               std::uint64_t number) override;
    Status export_snapshot(const Path& file, const ProgressSink& progress) override;
    Status import_snapshot(const Path& file, std::uint64_t number, const Hash32& expected_root,
                           const ProgressSink& progress) override;
    Status verify(const ProgressSink& progress) override;

private:
    std::optional<Head> head() const;
    void set_head(const std::optional<Head>& head);
    Result<Head> next_head(HeadView& view, std::uint64_t number, const Hash32& root,
                           store::WriteBatch& batch);
    void finish(CacheUpdate&& update);
    Result<std::vector<AccountEdit>> changes_back(HeadView& view, std::uint64_t number,
                                                  std::size_t limit);
    Result<std::shared_ptr<HeadView>> view_of(std::uint64_t number);

    StateCore core_;
    mutable std::mutex mutex_;
    std::optional<Head> head_; // under mutex_
    std::optional<CacheUpdate> rollback_;
};

} // namespace ol::chain
