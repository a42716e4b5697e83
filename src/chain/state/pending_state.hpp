// The block being made on the head, and the state after a block of the past: the two faces of the
// database that execution sees. Internal to the state room.
#pragma once

#include "chain/state/history.hpp"
#include "chain/state/overlay.hpp"

namespace ol::chain {

class PendingState final : public StateDatabase::Pending {
public:
    // An error of the view is that of every call.
    explicit PendingState(Result<std::shared_ptr<HeadView>> view);

    Result<std::optional<Account>> account(const Address& address) override;
    Result<U256> storage(const Address& address, const U256& slot) override;
    Result<CodePtr> code(const Hash32& code_hash) override;
    Result<Hash32> apply(const StateChanges& changes) override;
    Result<Hash32> storage_root(const Address& address) override;
    Hash32 root() const override { return overlay_ ? overlay_->root() : empty_root_hash; }

    Result<Overlay*> overlay();
    // Of the last stage.
    std::optional<CacheUpdate> staged;
    bool is_aside = false; // on an older block than the head: never staged

private:
    std::optional<Overlay> overlay_;
    Error error_; // why there is none
};

class PastState final : public StateReader {
public:
    // The state after block `number`, at most the view's head.
    PastState(std::shared_ptr<HeadView> view, std::uint64_t number);

    Result<std::optional<Account>> account(const Address& address) override;
    Result<U256> storage(const Address& address, const U256& slot) override;
    Result<CodePtr> code(const Hash32& code_hash) override;

private:
    std::shared_ptr<HeadView> view_;
    std::optional<HistoryReader> history_; // none: the head's own state
};

} // namespace ol::chain
