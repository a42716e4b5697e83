#include "chain/rpc/backend.hpp"

#include <algorithm>

namespace ol::chain::rpc {

Backend::Backend(Blockchain& chain_of_blocks, TransactionPool& transactions, Sequencer* producer,
                 ApiOptions api_options)
    : chain(chain_of_blocks)
    , pool(transactions)
    , sequencer(producer)
    , options(std::move(api_options)) {}

BlockHead Backend::head() const {
    BlockHead out;
    out.header = chain.head();
    out.hash = hash(out.header);
    return out;
}

RpcResult<std::optional<BlockHead>> Backend::by_hash(const Hash32& hash) const {
    auto header = OL_TRY(chain.header(hash));
    if (!header) return std::optional<BlockHead>();
    return BlockHead{hash, std::move(*header)};
}

RpcResult<std::optional<BlockHead>> Backend::find_block(const BlockRef& ref) const {
    using Tag = BlockRef::Tag;
    std::uint64_t number = ref.number;
    switch (ref.tag) {
    case Tag::latest:
    case Tag::pending:
        return head();
    case Tag::safe:
        return by_hash(chain.safe_hash());
    case Tag::finalized:
        return by_hash(chain.finalized_hash());
    case Tag::hash: {
        auto found = OL_TRY(by_hash(ref.hash));
        if (found && ref.require_canonical &&
            OL_TRY(chain.canonical_hash(found->header.number)) != found->hash) {
            return rpc_fail(server_error, "hash is not currently canonical");
        }
        return found;
    }
    case Tag::earliest:
        number = 0;
        break;
    case Tag::number:
        break;
    }
    const auto hash = OL_TRY(chain.canonical_hash(number));
    if (!hash) return std::optional<BlockHead>();
    return by_hash(*hash);
}

RpcResult<BlockHead> Backend::require_block(const BlockRef& ref) const {
    auto found = OL_TRY(find_block(ref));
    if (!found) return rpc_fail(server_error, "header not found");
    return std::move(*found);
}

RpcResult<WholeBlockPtr> Backend::whole(const Hash32& hash) const {
    {
        const std::lock_guard lock(mutex_);
        const auto found = std::ranges::find_if(
            cache_, [&](const WholeBlockPtr& each) { return each->hash() == hash; });
        if (found != cache_.end()) {
            cache_.splice(cache_.begin(), cache_, found);
            return *found;
        }
    }
    auto stored = OL_TRY(chain.stored(hash));
    if (!stored) return WholeBlockPtr();
    auto made = std::make_shared<const WholeBlock>(std::move(stored));
    const std::lock_guard lock(mutex_);
    cache_.push_front(made);
    std::uint64_t bytes = 0;
    std::size_t kept = 0;
    for (const auto& each : cache_) {
        bytes += each->stored().size_bytes;
        if (kept > 0 && (bytes > cached_bytes || kept >= cached_blocks)) break;
        ++kept;
    }
    cache_.resize(kept);
    return WholeBlockPtr(std::move(made));
}

RpcResult<std::unique_ptr<StateReader>> Backend::state_after(const BlockHead& block) const {
    if (block.hash == chain.head_hash()) return OL_TRY(chain.state_at(block.header.number));
    const auto canonical = OL_TRY(chain.canonical_hash(block.header.number));
    if (canonical != block.hash) {
        return rpc_fail(server_error,
                        "the state of block {} is not available: it is not on the "
                        "canonical chain",
                        to_hex0x(block.hash.view()));
    }
    return OL_TRY(chain.state_at(block.header.number));
}

RpcResult<Backend::At> Backend::at(const Param& block_param) const {
    At out;
    out.block = OL_TRY(require_block(OL_TRY(block_ref(block_param))));
    out.state = OL_TRY(state_after(out.block));
    return out;
}

std::uint64_t Backend::call_gas_limit(const Header& header) const {
    return std::max(options.call_gas, header.gas_limit);
}

} // namespace ol::chain::rpc
