// Blocks of OP Sepolia, carried out again on witnesses: kona's executor fixtures, unpacked, each a
// folder of fixture.json (configuration, parent, payload attributes, the hash that must come of it)
// and kv (RocksDB: nodes of the tries and code, by hash). Where the installed RocksDB is too old
// for kv, kv.txt takes its place: what a newer `ldb --db=kv --hex dump` prints.
#include <algorithm>
#include <map>

#include <rocksdb/db.h>

#include "chain/block/execution.hpp"
#include "suite.hpp"

namespace ol::conformance {
namespace {

using namespace ol::chain;

constexpr std::uint64_t fixture_bytes = 64ULL << 20;

class Witness : public NodeSource {
public:
    static Result<std::unique_ptr<Witness>> open(const Path& fixture) {
        auto out = std::make_unique<Witness>();
        if (std::filesystem::exists(fixture / "kv.txt")) {
            OL_TRY(out->load(OL_TRY(read_text_file(fixture / "kv.txt", fixture_bytes))));
            return out;
        }
        rocksdb::DB* opened = nullptr;
        const auto status =
            rocksdb::DB::OpenForReadOnly(rocksdb::Options(), (fixture / "kv").string(), &opened);
        if (!status.ok()) {
            return fail(ErrorCode::io,
                        "{}; remedy: kv.txt beside it, as a newer `ldb --hex dump` "
                        "prints it",
                        status.ToString());
        }
        out->store_.reset(opened);
        return out;
    }

    Result<Bytes> node(const Hash32& hash) override { return find(hash); }
    Result<Bytes> code(const Hash32& hash) override { return find(hash); }

    // Ancestors' headers lie beside the nodes.
    Result<Header> header(const Hash32& hash) { return decode_header(OL_TRY(find(hash))); }

private:
    // Lines of "0xKEY ==> 0xVALUE"; others are ldb's own.
    Status load(std::string_view text) {
        constexpr std::string_view arrow = " ==> ";
        while (!text.empty()) {
            const std::string_view line = text.substr(0, text.find('\n'));
            text.remove_prefix(std::min(text.size(), line.size() + 1));
            const auto at = line.find(arrow);
            if (!line.starts_with("0x") || at == std::string_view::npos) continue;
            const auto key = OL_TRY(hash32_from_hex(line.substr(0, at)));
            loaded_[key] = OL_TRY(from_hex(line.substr(at + arrow.size())));
        }
        return {};
    }

    Result<Bytes> find(const Hash32& hash) {
        if (const auto found = loaded_.find(hash); found != loaded_.end()) return found->second;
        std::string value = "not there";
        if (store_ != nullptr) {
            const rocksdb::Slice key(reinterpret_cast<const char*>(hash.begin()), hash.size());
            const auto status = store_->Get(rocksdb::ReadOptions(), key, &value);
            if (status.ok()) return Bytes(value.begin(), value.end());
            value = status.ToString();
        }
        return fail(ErrorCode::not_found, "witness: {}: {}", to_hex0x(hash.view()), value);
    }

    std::unique_ptr<rocksdb::DB> store_;
    std::map<Hash32, Bytes> loaded_;
};

Status read_activation(const Json& rollup, ChainConfig& out) {
    constexpr std::pair<const char*, OpFork> times[] = {
        {"regolith_time", OpFork::regolith}, {"canyon_time", OpFork::canyon},
        {"delta_time", OpFork::delta},       {"ecotone_time", OpFork::ecotone},
        {"fjord_time", OpFork::fjord},       {"granite_time", OpFork::granite},
        {"holocene_time", OpFork::holocene}, {"isthmus_time", OpFork::isthmus},
        {"jovian_time", OpFork::jovian},
    };
    const auto at = [&](OpFork fork) -> std::optional<std::uint64_t>& {
        return out.op_activation[static_cast<std::size_t>(fork)];
    };
    for (const auto& [name, fork] : times) {
        at(fork) = std::nullopt;
        if (!rollup[name].is_null()) at(fork) = OL_TRY(rollup[name].as_uint());
    }
    at(OpFork::bedrock) = 0;
    if (!at(OpFork::regolith)) at(OpFork::regolith) = 0; // left out where active from genesis
    return {};
}

Result<ChainConfig> config_from(const Json& rollup) {
    ChainConfig out =
        ChainConfig::optimism(OpFork::bedrock, OL_TRY(rollup["l2_chain_id"].as_uint()));
    OL_TRY(read_activation(rollup, out));
    const Json& fees = rollup["chain_op_config"];
    out.elasticity = OL_TRY(fees["eip1559Elasticity"].as_uint());
    out.base_fee_denominator_before_canyon = OL_TRY(fees["eip1559Denominator"].as_uint());
    out.base_fee_denominator = OL_TRY(fees["eip1559DenominatorCanyon"].as_uint());
    return out;
}

// The header that the attributes ask for, before execution.
Result<Header> begin_header(const ChainConfig& config, const Header& parent, const Json& payload) {
    Header out;
    out.parent_hash = hash(parent);
    out.ommers_hash = empty_ommers_hash;
    out.number = parent.number + 1;
    out.coinbase = OL_TRY(payload["suggestedFeeRecipient"].as_address());
    out.gas_limit = OL_TRY(number64(payload["gasLimit"]));
    out.timestamp = OL_TRY(number64(payload["timestamp"]));
    out.prev_randao = OL_TRY(payload["prevRandao"].as_hash32());
    out.parent_beacon_block_root = OL_TRY(payload["parentBeaconBlockRoot"].as_hash32());
    out.base_fee = next_base_fee(config, parent, out.timestamp);
    out.excess_blob_gas = next_excess_blob_gas(config, parent, out.timestamp);
    out.blob_gas_used = 0;
    const Rules rules = config.rules_at(out.number, out.timestamp);
    if (rules.op < OpFork::holocene) return out;
    Bytes parameters = OL_TRY(bytes(payload["eip1559Params"]));
    out.extra_data.push_back(rules.op >= OpFork::jovian ? 1 : 0);
    append(out.extra_data, parameters);
    if (rules.op >= OpFork::jovian) {
        out.extra_data.resize(17);
        put_be64(out.extra_data.data() + 9, OL_TRY(number64(payload["minBaseFee"])));
    }
    return out;
}

Result<Block> build(const ChainConfig& config, const Header& parent, const Json& payload,
                    Witness& witness) {
    Block block;
    block.header = OL_TRY(begin_header(config, parent, payload));
    for (const auto& encoded : payload["transactions"].items()) {
        block.transactions.push_back(OL_TRY(decode_transaction(OL_TRY(bytes(encoded)))));
    }
    block.withdrawals.emplace();
    const auto state = make_witness_state(witness, parent.state_root);
    const auto block_hash = [&](std::uint64_t number) {
        Hash32 at = block.header.parent_hash;
        for (std::uint64_t i = parent.number; i > number; --i) {
            const auto header = witness.header(at);
            if (!header) return Hash32{};
            at = header->parent_hash;
        }
        return at;
    };
    BlockExecutor executor(config, *state, block.header, block_hash);
    OL_TRY(executor.begin());
    for (std::size_t i = 0; i < block.transactions.size(); ++i) {
        const auto outcome = executor.run(block.transactions[i]);
        if (outcome) continue;
        if (executor.state_error()) return std::unexpected(*executor.state_error());
        return fail(ErrorCode::unverified, "transaction {}: {}", i, to_string(outcome.error()));
    }
    const auto totals = OL_TRY(executor.finish(&*block.withdrawals));
    Header& header = block.header;
    header.state_root = totals.state_root;
    header.receipts_root = totals.receipts_root;
    header.transactions_root = transactions_root(block.transactions);
    header.logs_bloom = totals.logs_bloom;
    header.gas_used = totals.gas_used;
    header.blob_gas_used = totals.blob_gas_used;
    header.withdrawals_root = totals.withdrawals_root;
    header.requests_hash = totals.requests_hash;
    return block;
}

Status run_fixture(const Path& folder) {
    const std::string text = OL_TRY(read_text_file(folder / "fixture.json", fixture_bytes));
    const Json fixture = OL_TRY(Json::parse(text));
    const ChainConfig config = OL_TRY(config_from(fixture["rollup_config"]));
    const Header parent = OL_TRY_IN(header_from(fixture["parent_header"]), "parent");
    auto witness = OL_TRY(Witness::open(folder));
    const Block block = OL_TRY(build(config, parent, fixture["executing_payload"], *witness));
    const Hash32 expected = OL_TRY(fixture["expected_block_hash"].as_hash32());
    if (hash(block.header) != expected) {
        return fail(ErrorCode::internal, "block hash {}, must be {}; state root {}, gas used {}",
                    to_hex0x(hash(block.header).view()), to_hex0x(expected.view()),
                    to_hex0x(block.header.state_root.view()), block.header.gas_used);
    }
    // The whole block, validated from the outside too.
    const auto state = make_witness_state(*witness, parent.state_root);
    OL_TRY(execute_block(config, parent, block, *state, [](std::uint64_t) { return Hash32{}; }));
    return {};
}

} // namespace
} // namespace ol::conformance

int main(int count, char** arguments) {
    using namespace ol::conformance;
    const Options options = parse_options(count, arguments);
    std::vector<ol::Path> folders;
    for (const auto& entry : std::filesystem::directory_iterator(options.folder)) {
        if (std::filesystem::exists(entry.path() / "fixture.json")) folders.push_back(entry.path());
    }
    std::ranges::sort(folders);
    return run_paths("op", options, folders, [](const ol::Path& path, Results& results) {
        const auto done = run_fixture(path);
        if (done) {
            results.pass();
        } else {
            results.fail("block", done.error().context);
        }
    });
}
