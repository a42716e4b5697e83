#include "chain/blockchain.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "chain/chain_impl.hpp"
#include "chain/genesis.hpp"
#include "chain/overrides.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

constexpr std::uint64_t store_cache_bytes = 192ULL << 20;
constexpr std::uint64_t store_buffer_bytes = 16ULL << 20;

} // namespace

std::uint64_t memory_bytes(const StoredBlock& block) {
    std::uint64_t out = sizeof block + block.transaction_hashes.size() * (32 + 20);
    for (const auto& transaction : block.block.transactions) {
        out += sizeof transaction + transaction.data.size();
    }
    for (const auto& outcome : block.outcomes) {
        out += sizeof outcome;
        for (const auto& log : outcome.receipt.logs) {
            out += sizeof log + 32 * log.topics.size() + log.data.size();
        }
    }
    return out;
}

ChainImpl::ChainImpl(const BlockchainOptions& options, ChainConfig config,
                     std::unique_ptr<store::KeyValue> store)
    : options_(options)
    , config_(std::move(config))
    , store_(std::move(store))
    , pool_(options.threads)
    , blocks_(*store_)
    , log_search_(blocks_)
    , cache_(limits::chain_cached_block_bytes) {}

Result<std::unique_ptr<Blockchain>> Blockchain::open(const BlockchainOptions& options,
                                                     const Genesis& genesis) {
    if (genesis.header.number != 0) {
        return fail(ErrorCode::invalid_argument, "genesis: its number is {}, must be 0",
                    genesis.header.number);
    }
    const auto families = chain_family_names();
    store::KeyValueOptions store_options;
    store_options.cache_bytes = store_cache_bytes;
    store_options.write_buffer_bytes = store_buffer_bytes;
    store_options.compressed = {family_code, family_blocks};
    auto store = OL_TRY_IN(store::KeyValue::open(options.folder, families, store_options),
                           "blockchain: {}", options.folder.string());
    auto chain = std::make_unique<ChainImpl>(options, genesis.config, std::move(store));
    OL_TRY_IN(chain->begin(genesis), "blockchain: {}", options.folder.string());
    return std::unique_ptr<Blockchain>(std::move(chain));
}

Status ChainImpl::begin(const Genesis& genesis) {
    const std::scoped_lock guard(writer_);
    state_ = OL_TRY(StateDatabase::open(*store_, options_.state, pool_));
    const auto heads = OL_TRY(blocks_.heads());
    return heads ? resume(*heads, genesis) : lay_down_genesis(genesis);
}

Status ChainImpl::lay_down_genesis(const Genesis& genesis) {
    auto pending = state_->begin();
    auto block = std::make_shared<StoredBlock>();
    block->block.header = OL_TRY(lay_down(genesis, *pending));
    if (block->block.header.withdrawals_root) block->block.withdrawals.emplace();
    block->hash = hash(block->block.header);
    block->size_bytes = encode(block->block).size();
    View view;
    view.head = block;
    view.genesis = view.safe = view.finalized = block->hash;
    store::WriteBatch batch;
    OL_TRY(state_->stage(*pending, 0, batch));
    blocks_.put_block(*block, batch);
    blocks_.put_canonical(*block, batch);
    blocks_.put_heads(heads_of(view), batch);
    blocks_.put_genesis_digest(digest_of(genesis), batch);
    OL_TRY(store_->write(batch, true));
    state_->adopt(std::move(pending));
    set_view(std::move(view));
    return {};
}

Status ChainImpl::resume(const BlockStore::Heads& heads, const Genesis& genesis) {
    if (OL_TRY(blocks_.genesis_digest()) != digest_of(genesis)) {
        return fail(ErrorCode::conflict,
                    "holds another chain, whose genesis is {}: give its genesis, or another folder",
                    to_hex0x(heads.genesis.view()));
    }
    View view;
    view.genesis = heads.genesis;
    view.safe = heads.safe;
    view.finalized = heads.finalized;
    view.head = OL_TRY(require(heads.latest, "the head"));
    const Header& head = view.head->block.header;
    if (state_->head_number() != head.number || state_->root() != head.state_root) {
        return fail(ErrorCode::corrupted,
                    "the state is that of block {} with the root {}, the head is block {} with the "
                    "root {}: restore the folder from a copy, or remove it to begin anew",
                    state_->head_number().value_or(0), to_hex0x(state_->root().view()), head.number,
                    to_hex0x(head.state_root.view()));
    }
    auto waiting = OL_TRY(blocks_.waiting_overrides());
    if (!waiting.empty()) {
        view.overrides = std::make_shared<const StateChanges>(std::move(waiting));
    }
    set_view(std::move(view));
    if (heads.target.is_zero() || heads.target == heads.latest) return {};
    // A re-org was on its way when the process ended.
    HeadEvent event;
    if (const auto done = move_head(OL_TRY(path_to(heads.target)), event); !done) {
        log::warning("chain", "a re-org could not be ended: {}", done.error().to_string());
    }
    return {};
}

ChainImpl::View ChainImpl::view() const {
    const std::shared_lock guard(view_mutex_);
    return view_;
}

void ChainImpl::set_view(View view) {
    const std::unique_lock guard(view_mutex_);
    view_ = std::move(view);
}

BlockStore::Heads ChainImpl::heads_of(const View& view) const {
    return {view.genesis, view.head->hash, view.safe, view.finalized, {}};
}

Header ChainImpl::head() const { return view().head->block.header; }
Hash32 ChainImpl::head_hash() const { return view().head->hash; }
Hash32 ChainImpl::safe_hash() const { return view().safe; }
Hash32 ChainImpl::finalized_hash() const { return view().finalized; }

Result<std::optional<Hash32>> ChainImpl::canonical_hash(std::uint64_t number) const {
    const View now = view();
    const std::uint64_t head = now.head->block.header.number;
    if (number == head) return now.head->hash;
    if (number > head) return std::nullopt;
    const auto found = OL_TRY(blocks_.canonical(number));
    if (!found) return std::nullopt;
    return found->hash;
}

Result<StoredBlockPtr> ChainImpl::stored(const Hash32& hash) const {
    if (auto cached = cache_.get(hash)) return cached;
    auto read = OL_TRY(blocks_.block(hash));
    if (read != nullptr) cache_.put(hash, read, memory_bytes(*read));
    return read;
}

Result<StoredBlockPtr> ChainImpl::require(const Hash32& hash, std::string_view what) const {
    auto out = OL_TRY(stored(hash));
    if (out == nullptr) {
        return fail(ErrorCode::not_found, "{} {} is unknown", what, to_hex0x(hash.view()));
    }
    return out;
}

void ChainImpl::remember(const StoredBlockPtr& block) const {
    cache_.put(block->hash, block, memory_bytes(*block));
    log_search_.remember(*block);
}

Result<std::optional<Header>> ChainImpl::header(const Hash32& hash) const {
    if (const auto cached = cache_.get(hash)) return cached->block.header;
    return blocks_.header(hash);
}

Result<std::optional<Block>> ChainImpl::block(const Hash32& hash) const {
    const auto found = OL_TRY(stored(hash));
    if (found == nullptr) return std::nullopt;
    return found->block;
}

Result<std::vector<Address>> ChainImpl::senders(const Hash32& block_hash) const {
    return OL_TRY(require(block_hash, "block"))->senders;
}

Result<std::optional<std::vector<TransactionOutcome>>>
ChainImpl::outcomes(const Hash32& block_hash) const {
    const auto found = OL_TRY(stored(block_hash));
    if (found == nullptr) return std::nullopt;
    return found->outcomes;
}

Result<std::optional<TransactionPlace>> ChainImpl::find(const Hash32& transaction) const {
    const auto place = OL_TRY(blocks_.place(transaction));
    if (!place) return std::nullopt;
    const auto hash = OL_TRY(canonical_hash(place->number));
    if (!hash) return std::nullopt;
    return TransactionPlace{*hash, place->number, place->index};
}

Result<std::vector<FoundLog>> ChainImpl::logs(const LogFilter& filter) const {
    const std::uint64_t head = view().head->block.header.number;
    if (filter.from > head && filter.from <= filter.to) return std::vector<FoundLog>{};
    LogFilter within = filter;
    within.to = filter.from > filter.to ? filter.to : std::min(filter.to, head);
    return log_search_.find(within);
}

Result<std::vector<FoundLog>> ChainImpl::logs_of_block(const Hash32& hash) const {
    return log_search_.of_block(hash);
}

Result<std::unique_ptr<StateReader>> ChainImpl::state_at(std::uint64_t number) const {
    const View now = view();
    const std::uint64_t head = now.head->block.header.number;
    if (number > head) {
        return fail(ErrorCode::not_found, "block {} is not there yet: the head is {}", number,
                    head);
    }
    auto reader = OL_TRY(state_->at(number));
    return number == head ? overlaid(std::move(reader), now.overrides) : std::move(reader);
}

Result<std::unique_ptr<StateReader>> ChainImpl::state_before(const Hash32& block) const {
    const auto found = OL_TRY(require(block, "block"));
    const std::uint64_t number = found->block.header.number;
    if (number == 0) {
        return fail(ErrorCode::invalid_argument, "there is no state before genesis");
    }
    if (!OL_TRY(is_canonical(*found))) {
        return fail(ErrorCode::not_found, "block {} is not on the canonical chain",
                    to_hex0x(block.view()));
    }
    // The overrides live as long as the block does.
    return overlaid(OL_TRY(state_->at(number - 1)),
                    std::shared_ptr<const StateChanges>(found, &found->overrides));
}

namespace {

// Hashes of a block's ancestors, walked back as far as was asked for; the canonical chain's own
// index from where the walk meets it.
class Ancestors {
public:
    Ancestors(const ChainImpl& chain, const Hash32& head)
        : chain_(chain)
        , at_(head) {}

    Hash32 hash_of(std::uint64_t number) {
        while (!met_) {
            const auto header = chain_.header(at_);
            if (!header || !*header) return {};
            const std::uint64_t here = (*header)->number;
            if (here < number) return walked(number);
            const auto canonical = chain_.canonical_hash(here);
            if (canonical && *canonical && **canonical == at_) {
                met_ = here;
                break;
            }
            known_.emplace_back(here, at_);
            if (here == number) return at_;
            at_ = (*header)->parent_hash;
        }
        if (number > *met_) return walked(number);
        const auto canonical = chain_.canonical_hash(number);
        return canonical && *canonical ? **canonical : Hash32{};
    }

private:
    Hash32 walked(std::uint64_t number) const {
        for (const auto& [known, hash] : known_) {
            if (known == number) return hash;
        }
        return {};
    }

    const ChainImpl& chain_;
    Hash32 at_;
    std::optional<std::uint64_t> met_; // the canonical block that the walk met
    std::vector<std::pair<std::uint64_t, Hash32>> known_;
};

} // namespace

BlockHashes ChainImpl::block_hashes(const Hash32& head) const {
    return [walk = std::make_shared<Ancestors>(*this, head)](std::uint64_t number) {
        return walk->hash_of(number);
    };
}

StateChanges ChainImpl::overrides() const {
    const View now = view();
    return now.overrides ? *now.overrides : StateChanges{};
}

void ChainImpl::on_head(std::function<void(const HeadEvent&)> listener) {
    const std::scoped_lock guard(writer_);
    listeners_.push_back(std::move(listener));
}

void ChainImpl::announce(const HeadEvent& event) {
    for (const auto& listener : listeners_) listener(event);
}

} // namespace ol::chain
