// Import: execution of blocks wherever they stand, commits, re-orgs.
#include <algorithm>
#include <atomic>
#include <numeric>

#include "chain/chain_impl.hpp"
#include "chain/overrides.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

// Executed blocks that nobody chose yet, with their states in memory.
constexpr std::size_t candidates_kept = 2;
constexpr std::size_t recovery_grain = 8; // signatures a thread takes at once

// Brings the accounts that the transactions name into memory, in the order of the store's keys:
// neighbours are in the same files and blocks, which makes it shorter than one by one later.
Status read_ahead(const Block& block, const std::vector<Address>& senders, StateReader& state) {
    std::vector<Address> all = senders;
    for (const auto& transaction : block.transactions) {
        if (transaction.to) all.push_back(*transaction.to);
    }
    std::ranges::sort(all);
    all.erase(std::ranges::unique(all).begin(), all.end());
    std::vector<ByteView> inputs;
    inputs.reserve(all.size());
    for (const auto& address : all) inputs.push_back(address.view());
    std::vector<Hash32> keys(all.size());
    crypto::keccak256_many(inputs, keys);
    std::vector<std::uint32_t> order(all.size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::sort(order, {}, [&](std::uint32_t i) { return keys[i]; });
    for (const std::uint32_t i : order) OL_TRY(state.account(all[i]));
    return {};
}

} // namespace

Result<ChainImpl::Prepared> ChainImpl::prepare(const Block& block) {
    const auto& transactions = block.transactions;
    const Rules rules = config_.rules_at(block.header.number, block.header.timestamp);
    const bool allow_high_s = rules.fork < Fork::homestead; // EIP-2
    Prepared out;
    out.senders.resize(transactions.size());
    out.hashes.resize(transactions.size());
    std::atomic<std::size_t> first_bad = transactions.size();
    pool_.parallel_for(transactions.size(), recovery_grain, [&](std::size_t i, std::size_t end) {
        const auto hashes = hashes_of(std::span(transactions).subspan(i, end - i));
        for (const auto& [hash, signing] : hashes) {
            const std::size_t at = i++;
            out.hashes[at] = hash;
            if (const auto sender = sender_of(transactions[at], signing, allow_high_s)) {
                out.senders[at] = *sender;
                continue;
            }
            std::size_t before = first_bad;
            while (at < before && !first_bad.compare_exchange_weak(before, at)) {
            }
        }
    });
    if (first_bad < transactions.size()) {
        return fail(ErrorCode::unverified, "transaction {}: {}", first_bad.load(),
                    to_string(TransactionFault::bad_signature));
    }
    return out;
}

Result<ChainImpl::Executed> ChainImpl::execute(const StoredBlock& parent, const Block& block,
                                               const Hash32& hash, Prepared prepared,
                                               const StateChanges& overrides,
                                               std::unique_ptr<StateDatabase::Pending> state) {
    if (!overrides.empty()) OL_TRY(state->apply(overrides));
    OL_TRY(read_ahead(block, prepared.senders, *state));
    auto stored = std::make_shared<StoredBlock>();
    stored->outcomes = OL_TRY(execute_block(config_, parent.block.header, block, *state,
                                            block_hashes(parent.hash), prepared.senders));
    for (auto& outcome : stored->outcomes) outcome.output = {};
    stored->hash = hash;
    stored->block = block;
    stored->senders = std::move(prepared.senders);
    stored->transaction_hashes = std::move(prepared.hashes);
    stored->size_bytes = encode(block).size();
    stored->overrides = overrides;
    return Executed{std::move(stored), std::move(state)};
}

// A block whose validity is known, for its state.
Result<ChainImpl::Executed>
ChainImpl::execute_again(const StoredBlock& block, std::unique_ptr<StateDatabase::Pending> state) {
    const auto parent = OL_TRY(require(block.block.header.parent_hash, "block"));
    return OL_TRY_IN(execute(*parent, block.block, block.hash,
                             {block.senders, block.transaction_hashes}, block.overrides,
                             std::move(state)),
                     "block {} executed again", to_hex0x(block.hash.view()));
}

Result<std::unique_ptr<StateDatabase::Pending>> ChainImpl::state_after(const StoredBlock& parent) {
    if (parent.hash == view().head->hash) return state_->begin();
    if (auto candidate = take_candidate(parent.hash)) return std::move(candidate->state);
    const Path path = OL_TRY(path_to(parent.hash));
    auto state = state_->begin_at(path.ancestor->block.header.number);
    if (!state) {
        // An unknown parent is not_found; this one is known.
        return fail(ErrorCode::unavailable, "the state after block {} is gone: {}",
                    path.ancestor->block.header.number, state.error().context);
    }
    for (const auto& hash : path.ahead) {
        const auto block = OL_TRY(require(hash, "block"));
        *state = std::move(OL_TRY(execute_again(*block, std::move(*state))).state);
    }
    return state;
}

Status ChainImpl::import(const Block& block, bool extend_head) {
    const std::scoped_lock guard(writer_);
    const Hash32 hash = chain::hash(block.header);
    const bool on_head = block.header.parent_hash == view().head->hash;
    if (const auto known = OL_TRY(stored(hash))) {
        if (!extend_head || !on_head) return {};
        OL_TRY(go_forward(known, {}));
        announce({{}, {hash}});
        return {};
    }
    const auto parent = OL_TRY(require(block.header.parent_hash, "the parent block"));
    auto executed = take_candidate(hash);
    if (!executed || executed->block->block != block) {
        // The header's rules need no signatures: they are looked at first.
        OL_TRY(validate_header(config_, parent->block.header, block.header));
        auto prepared = OL_TRY(prepare(block));
        executed = OL_TRY(
            execute(*parent, block, hash, std::move(prepared), {}, OL_TRY(state_after(*parent))));
    }
    if (!on_head || !extend_head) {
        OL_TRY(keep_aside(executed->block));
        keep_candidate(std::move(*executed));
        return {};
    }
    OL_TRY(commit(std::move(*executed), false, {}));
    announce({{}, {hash}});
    return {};
}

Status ChainImpl::keep_aside(const StoredBlockPtr& block) {
    store::WriteBatch batch;
    blocks_.put_block(*block, batch);
    OL_TRY(store_->write(batch, options_.durable));
    cache_.put(block->hash, block, memory_bytes(*block));
    return {};
}

std::optional<ChainImpl::Executed> ChainImpl::take_candidate(const Hash32& hash) {
    const auto at = std::ranges::find_if(
        candidates_, [&](const Executed& one) { return one.block->hash == hash; });
    if (at == candidates_.end()) return std::nullopt;
    Executed out = std::move(*at);
    candidates_.erase(at);
    return out;
}

void ChainImpl::keep_candidate(Executed executed) {
    std::erase_if(candidates_,
                  [&](const Executed& one) { return one.block->hash == executed.block->hash; });
    if (candidates_.size() >= candidates_kept) candidates_.erase(candidates_.begin());
    candidates_.push_back(std::move(executed));
}

Status ChainImpl::commit(Executed executed, bool is_stored, const Hash32& target) {
    const StoredBlockPtr block = executed.block;
    View next = view();
    next.head = block;
    store::WriteBatch batch;
    OL_TRY(state_->stage(*executed.state, block->block.header.number, batch));
    if (!is_stored) blocks_.put_block(*block, batch);
    blocks_.put_canonical(*block, batch);
    if (executed.takes_overrides) {
        next.overrides = nullptr;
        blocks_.put_waiting_overrides({}, batch);
    }
    auto heads = heads_of(next);
    if (target != block->hash) heads.target = target;
    blocks_.put_heads(heads, batch);
    OL_TRY(store_->write(batch, options_.durable));
    state_->adopt(std::move(executed.state));
    candidates_.clear(); // their states stand on the old head
    remember(block);
    set_view(std::move(next));
    return {};
}

Result<bool> ChainImpl::is_canonical(const StoredBlock& block) const {
    const auto there = OL_TRY(canonical_hash(block.block.header.number));
    return there && *there == block.hash;
}

Result<ChainImpl::Path> ChainImpl::path_to(const Hash32& tip) const {
    Path out;
    out.ancestor = OL_TRY(require(tip, "block"));
    while (!OL_TRY(is_canonical(*out.ancestor))) {
        out.ahead.push_back(out.ancestor->hash);
        out.ancestor = OL_TRY(require(out.ancestor->block.header.parent_hash, "block"));
    }
    std::ranges::reverse(out.ahead);
    return out;
}

Result<std::vector<Hash32>> ChainImpl::canonical_above(std::uint64_t number) const {
    std::vector<Hash32> out;
    const std::uint64_t head = view().head->block.header.number;
    OL_TRY(blocks_.scan_canonical(number + 1, head, [&](std::uint64_t, const auto& block) {
        out.push_back(block.hash);
        return true;
    }));
    std::ranges::reverse(out);
    return out;
}

Status ChainImpl::roll_back(const StoredBlockPtr& to, const std::vector<Hash32>& left, bool forget,
                            const Hash32& target) {
    store::WriteBatch batch;
    const std::uint64_t number = to->block.header.number;
    const bool moves = to->hash != view().head->hash;
    if (auto staged = moves ? state_->stage_rollback(number, batch) : Status{}; !staged) {
        if (staged.error().code != ErrorCode::not_found) return staged;
        return fail(ErrorCode::conflict, "the chain cannot go back to block {}: {}", number,
                    staged.error().context);
    }
    View next = view();
    next.head = to;
    next.overrides = nullptr;
    blocks_.put_waiting_overrides({}, batch);
    for (const auto& hash : left) {
        blocks_.erase_canonical(*OL_TRY(require(hash, "block")), batch);
        if (forget) blocks_.forget_block(hash, batch);
        if (next.safe == hash) next.safe = to->hash;
        if (next.finalized == hash) next.finalized = to->hash;
    }
    auto heads = heads_of(next);
    heads.target = target;
    blocks_.put_heads(heads, batch);
    OL_TRY(store_->write(batch, options_.durable));
    if (moves) state_->adopt_rollback();
    candidates_.clear();
    set_view(std::move(next));
    if (!forget) return {};
    for (const auto& hash : left) {
        cache_.erase(hash);
        log_search_.forget(hash);
    }
    return {};
}

Status ChainImpl::go_forward(const StoredBlockPtr& block, const Hash32& target) {
    // A candidate whose parent is the head stands on the head's own state.
    auto executed = take_candidate(block->hash);
    if (!executed) executed = OL_TRY(execute_again(*block, state_->begin()));
    return commit(std::move(*executed), true, target);
}

Status ChainImpl::move_head(const Path& path, HeadEvent& event) {
    const Hash32 target = path.ahead.empty() ? Hash32{} : path.ahead.back();
    if (path.ancestor->hash != view().head->hash) {
        auto left = OL_TRY(canonical_above(path.ancestor->block.header.number));
        OL_TRY(roll_back(path.ancestor, left, false, target));
        event.left = std::move(left);
    }
    for (const auto& hash : path.ahead) {
        OL_TRY(go_forward(OL_TRY(require(hash, "block")), target));
        event.joined.push_back(hash);
    }
    return {};
}

// On the chain that ends with the path, or zero.
Status ChainImpl::check_finality(const Path& path, const Hash32& hash,
                                 std::string_view name) const {
    if (hash.is_zero() || std::ranges::find(path.ahead, hash) != path.ahead.end()) return {};
    const auto block = OL_TRY(stored(hash));
    if (block != nullptr && OL_TRY(is_canonical(*block)) &&
        block->block.header.number <= path.ancestor->block.header.number) {
        return {};
    }
    return fail(ErrorCode::conflict, "the {} block {} is no ancestor of the head", name,
                to_hex0x(hash.view()));
}

Status ChainImpl::set_finality(const Hash32& safe, const Hash32& finalized) {
    View next = view();
    const Hash32 safe_before = next.safe, finalized_before = next.finalized;
    if (!safe.is_zero()) next.safe = safe;
    if (!finalized.is_zero()) next.finalized = finalized;
    if (next.safe == safe_before && next.finalized == finalized_before) return {};
    store::WriteBatch batch;
    blocks_.put_heads(heads_of(next), batch);
    OL_TRY(store_->write(batch, options_.durable));
    set_view(std::move(next));
    return {};
}

Status ChainImpl::set_heads(const Hash32& head, const Hash32& safe, const Hash32& finalized) {
    const std::scoped_lock guard(writer_);
    const Path path = OL_TRY(path_to(head.is_zero() ? view().head->hash : head));
    OL_TRY(check_finality(path, safe, "safe"));
    OL_TRY(check_finality(path, finalized, "finalized"));
    HeadEvent event;
    Status done = move_head(path, event);
    if (done) done = set_finality(safe, finalized);
    if (!event.left.empty() || !event.joined.empty()) announce(event);
    return done;
}

Status ChainImpl::rewind(std::uint64_t number) {
    const std::scoped_lock guard(writer_);
    const auto hash = OL_TRY(canonical_hash(number));
    if (!hash) {
        return fail(ErrorCode::invalid_argument, "block {} is not there: the head is {}", number,
                    view().head->block.header.number);
    }
    const auto to = OL_TRY(require(*hash, "block"));
    auto left = OL_TRY(canonical_above(number));
    OL_TRY(roll_back(to, left, true, {}));
    announce({std::move(left), {}});
    return {};
}

Status ChainImpl::override_state(const StateChanges& changes) {
    const std::scoped_lock guard(writer_);
    View next = view();
    auto merged = merge_changes(next.overrides ? *next.overrides : StateChanges{}, changes);
    store::WriteBatch batch;
    blocks_.put_waiting_overrides(merged, batch);
    OL_TRY(store_->write(batch, options_.durable));
    next.overrides = std::make_shared<const StateChanges>(std::move(merged));
    set_view(std::move(next));
    announce({});
    return {};
}

} // namespace ol::chain
