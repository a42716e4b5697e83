// Building of blocks on the chain's states.
#include "chain/chain_impl.hpp"
#include "chain/payload.hpp"

namespace ol::chain {

Result<ChainImpl::Executed> ChainImpl::assemble(const StoredBlock& parent,
                                                const PayloadAttributes& attributes,
                                                TransactionPool* pool, std::int64_t deadline_ms,
                                                std::shared_ptr<const StateChanges> overrides,
                                                BuiltBlock& built) {
    PayloadBuilder builder(config_, parent.block.header, parent.hash, attributes);
    OL_TRY(builder.check());
    auto state = OL_TRY(state_after(parent));
    if (overrides) OL_TRY(state->apply(*overrides));
    OL_TRY(builder.fill(*state, block_hashes(parent.hash), pool, deadline_ms));
    auto block = builder.take_block();
    if (overrides) block->overrides = *overrides;
    built.block = block->block;
    built.outcomes = block->outcomes;
    built.fees = builder.fees();
    built.requests = std::move(builder.requests());
    return Executed{std::move(block), std::move(state), overrides != nullptr};
}

Result<BuiltBlock> ChainImpl::build(const Hash32& parent, const PayloadAttributes& attributes,
                                    TransactionPool* pool, std::int64_t deadline_ms) {
    const std::scoped_lock guard(writer_);
    const auto block = OL_TRY(require(parent, "the parent block"));
    BuiltBlock built;
    auto executed = OL_TRY(assemble(*block, attributes, pool, deadline_ms, nullptr, built));
    // It comes back by import, as a rule: then its state need not be computed again.
    keep_candidate(std::move(executed));
    return built;
}

Result<BuiltBlock> ChainImpl::produce(const PayloadAttributes& attributes, TransactionPool* pool) {
    const std::scoped_lock guard(writer_);
    const View now = view();
    BuiltBlock built;
    auto executed = OL_TRY(assemble(*now.head, attributes, pool, 0, now.overrides, built));
    const Hash32 hash = executed.block->hash;
    OL_TRY(commit(std::move(executed), false, {}));
    announce({{}, {hash}});
    return built;
}

} // namespace ol::chain
