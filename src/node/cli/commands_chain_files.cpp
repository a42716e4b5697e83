// chain info, export, import, verify, rewind: on a folder that no process runs.
#include <algorithm>
#include <fstream>

#include "chain/genesis_file.hpp"
#include "chain/node.hpp"
#include "node/cli/commands_chain.hpp"

namespace ol::node::cli {

using codec::Json;

namespace {

struct Opened {
    Path folder;
    std::unique_ptr<chain::Blockchain> chain;
};

Result<Opened> open_chain(Session& session, const ChainCommand& command) {
    Opened out;
    out.folder =
        command.folder.empty() ? session.options().node.data_dir / "chain" : Path(command.folder);
    chain::BlockchainOptions options;
    options.folder = out.folder;
    options.threads = session.options().node.threads;
    const auto genesis = OL_TRY(chain::read_genesis(out.folder));
    auto opened = chain::Blockchain::open(options, genesis);
    if (!opened && opened.error().code == ErrorCode::conflict) { // it may keep every state
        options.state.archive = true;
        opened = chain::Blockchain::open(options, genesis);
    }
    out.chain = OL_TRY(std::move(opened));
    return out;
}

std::uint64_t bytes_below(const Path& folder) {
    std::uint64_t out = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
        if (entry.is_regular_file(error)) out += entry.file_size(error);
    }
    return out;
}

Result<Hash32> hash_at(const chain::Blockchain& chain, std::uint64_t number) {
    const auto hash = OL_TRY(chain.canonical_hash(number));
    if (!hash) {
        return fail(ErrorCode::not_found, "there is no block {}: the head is block {}", number,
                    chain.head().number);
    }
    return *hash;
}

Status cancelled() { return fail(ErrorCode::cancelled, "stopped"); }

// The length of the RLP item at the front of `bytes`, which may be cut short; 0 when that cannot be
// said yet.
std::uint64_t item_length(ByteView bytes) {
    constexpr std::uint8_t long_list = 0xf7;
    if (bytes.empty()) return 0;
    if (bytes[0] <= long_list) return bytes[0] >= 0xc0 ? 1ULL + (bytes[0] - 0xc0) : 1;
    const std::size_t width = bytes[0] - long_list;
    if (bytes.size() < 1 + width) return 0;
    std::uint64_t payload = 0;
    for (std::size_t i = 0; i < width; ++i) payload = payload << 8 | bytes[1 + i];
    return payload > 1ULL << 40 ? ~0ULL : 1 + width + payload;
}

// Blocks one after another in a file, as geth's export writes them.
class BlockFile {
public:
    static Result<BlockFile> open(const std::string& path) {
        BlockFile out;
        out.path_ = path;
        out.map_ = OL_TRY(MappedFile::open(path));
        return out;
    }
    std::uint64_t size() const { return map_.bytes().size(); }
    std::uint64_t position() const { return position_; }
    Result<std::optional<chain::Block>> next() {
        const ByteView rest = map_.bytes().subspan(position_);
        if (rest.empty()) return std::optional<chain::Block>();
        const std::uint64_t length = item_length(rest);
        if (length == 0 || length > rest.size()) {
            return fail(ErrorCode::corrupted, "{}: offset {}: the file ends within a block", path_,
                        position_);
        }
        auto block =
            OL_TRY_IN(chain::decode_block(rest.first(length)), "{}: offset {}", path_, position_);
        position_ += length;
        return block;
    }

private:
    std::string path_;
    MappedFile map_;
    std::uint64_t position_ = 0;
};

} // namespace

Status chain_info(Session& session, const ChainCommand& command) {
    const auto [folder, chain] = OL_TRY(open_chain(session, command));
    const auto head = chain->head();
    const auto rules = chain->config().rules_at(head.number, head.timestamp);
    const Hash32 genesis = OL_TRY(hash_at(*chain, 0));
    Json out = Json::object({
        {"folder", folder.string()},
        {"chain_id", chain->config().chain_id},
        {"genesis", genesis},
        {"fork", chain::to_string(rules.fork)},
        {"op_fork", rules.is_op() ? Json(chain::to_string(rules.op)) : Json()},
        {"head", Json::object({{"number", head.number},
                               {"hash", chain->head_hash()},
                               {"timestamp", head.timestamp},
                               {"state_root", head.state_root}})},
        {"safe", chain->safe_hash()},
        {"finalized", chain->finalized_hash()},
        {"oldest_state", chain->state().oldest_number()},
        {"bytes", bytes_below(folder)},
    });
    if (session.json()) {
        session.print(out);
        return {};
    }
    const auto& console = session.console();
    console.line(
        fmt::format("folder        {} ({})", folder.string(), human_bytes(bytes_below(folder))));
    console.line(fmt::format("chain id      {}", chain->config().chain_id));
    console.line(fmt::format("rules         {}{}", chain::to_string(rules.fork),
                             rules.is_op() ? fmt::format(", {}", chain::to_string(rules.op)) : ""));
    console.line(fmt::format("genesis       {}", to_hex0x(genesis.view())));
    console.line(
        fmt::format("head          {} {}", head.number, to_hex0x(chain->head_hash().view())));
    console.line(fmt::format("states        from block {} on", chain->state().oldest_number()));
    return {};
}

Status chain_export(Session& session, const ChainCommand& command) {
    const auto [folder, chain] = OL_TRY(open_chain(session, command));
    const auto progress = session.console().progress();
    const std::uint64_t head = chain->head().number;
    std::uint64_t bytes = 0, first = command.first, last = 0;
    if (command.state) {
        OL_TRY(chain->state().export_snapshot(command.file, progress));
        std::error_code error;
        bytes = std::filesystem::file_size(command.file, error);
        first = last = head;
    } else {
        last = command.last == 0 ? head : command.last;
        if (first > last || last > head) {
            return fail(ErrorCode::invalid_argument, "blocks {} to {}: the chain has 0 to {}",
                        first, last, head);
        }
        auto file = OL_TRY(AtomicFile::create(command.file));
        for (std::uint64_t number = first; number <= last; ++number) {
            if (!progress("exporting blocks", number - first, last - first + 1)) {
                return cancelled();
            }
            const auto block = OL_TRY(chain->block(OL_TRY(hash_at(*chain, number))));
            if (!block) return fail(ErrorCode::corrupted, "block {} is not there", number);
            OL_TRY(file.write(chain::encode(*block)));
        }
        bytes = file.size();
        OL_TRY(file.commit());
    }
    if (session.json()) {
        session.print(Json::object({{"file", command.file},
                                    {"what", command.state ? "state" : "blocks"},
                                    {"first", first},
                                    {"last", last},
                                    {"bytes", bytes}}));
    } else {
        session.console().line(command.state ? fmt::format("the state of block {} in {} ({})", head,
                                                           command.file, human_bytes(bytes))
                                             : fmt::format("blocks {} to {} in {} ({})", first,
                                                           last, command.file, human_bytes(bytes)));
    }
    return {};
}

Status chain_import(Session& session, const ChainCommand& command) {
    const auto [folder, chain] = OL_TRY(open_chain(session, command));
    const auto progress = session.console().progress();
    auto file = OL_TRY(BlockFile::open(command.file));
    std::uint64_t imported = 0, known = 0;
    for (;;) {
        if (!progress("importing blocks", file.position(), file.size())) return cancelled();
        const auto block = OL_TRY(file.next());
        if (!block) break;
        const Hash32 hash = chain::hash(block->header);
        if (OL_TRY(chain->header(hash))) {
            ++known;
            continue;
        }
        OL_TRY_IN(chain->import(*block, true), "block {}", block->header.number);
        ++imported;
    }
    if (session.json()) {
        session.print(Json::object(
            {{"imported", imported}, {"known", known}, {"head", chain->head().number}}));
    } else {
        session.console().line(fmt::format("{} blocks imported, {} known already; the head is {}",
                                           human_count(imported), human_count(known),
                                           chain->head().number));
    }
    return {};
}

namespace {

// A block against its parent and against what it says of its own parts.
Status check_block(const chain::Blockchain& chain, std::uint64_t number, const Hash32& parent) {
    const Hash32 hash = OL_TRY(hash_at(chain, number));
    const auto block = OL_TRY(chain.block(hash));
    const auto outcomes = OL_TRY(chain.outcomes(hash));
    if (!block || !outcomes) {
        return fail(ErrorCode::corrupted, "block {}: it or its receipts are not there", number);
    }
    const auto fault = [&](std::string_view what) {
        return fail(ErrorCode::corrupted, "block {}: {} does not match", number, what);
    };
    const auto& header = block->header;
    if (chain::hash(header) != hash) return fault("its hash");
    if (number != 0 && header.parent_hash != parent) return fault("the parent's hash");
    if (header.number != number) return fault("its number");
    if (chain::transactions_root(block->transactions) != header.transactions_root) {
        return fault("the transactions' root");
    }
    std::vector<chain::Receipt> receipts;
    for (const auto& outcome : *outcomes) receipts.push_back(outcome.receipt);
    const auto op = chain.config().rules_at(number, header.timestamp).op;
    const bool without_nonce = op >= chain::OpFork::regolith && op < chain::OpFork::canyon;
    if (chain::receipts_root(receipts, without_nonce) != header.receipts_root) {
        return fault("the receipts' root");
    }
    return {};
}

} // namespace

Status chain_verify(Session& session, const ChainCommand& command) {
    const auto [folder, chain] = OL_TRY(open_chain(session, command));
    const auto progress = session.console().progress();
    const std::uint64_t head = chain->head().number;
    Hash32 parent;
    for (std::uint64_t number = 0; number <= head; ++number) {
        if (!progress("checking blocks", number, head + 1)) return cancelled();
        OL_TRY(check_block(*chain, number, parent));
        parent = OL_TRY(hash_at(*chain, number));
    }
    OL_TRY(chain->state().verify(progress));
    if (chain->state().root() != chain->head().state_root) {
        return fail(ErrorCode::corrupted, "the state's root {} is not that of block {}",
                    to_hex0x(chain->state().root().view()), head);
    }
    if (session.json()) {
        session.print(Json::object(
            {{"blocks", head + 1}, {"state_root", chain->head().state_root}, {"verified", true}}));
    } else {
        session.console().line(fmt::format("{} blocks and the state of block {} are as they should",
                                           human_count(head + 1), head));
    }
    return {};
}

Status chain_rewind(Session& session, const ChainCommand& command) {
    const auto [folder, chain] = OL_TRY(open_chain(session, command));
    const std::uint64_t head = chain->head().number;
    if (command.number > head) {
        return fail(ErrorCode::invalid_argument, "block {} is ahead of the head, block {}",
                    command.number, head);
    }
    OL_TRY(chain->rewind(command.number));
    if (session.json()) {
        session.print(Json::object({{"from", head}, {"head", chain->head().number}}));
    } else {
        session.console().line(
            fmt::format("the head was block {} and is block {}", head, chain->head().number));
    }
    return {};
}

} // namespace ol::node::cli
