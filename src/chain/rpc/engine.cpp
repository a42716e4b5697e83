#include "chain/rpc/engine.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "chain/rpc/payload_json.hpp"
#include "crypto/hash.hpp"

namespace ol::chain::rpc {

namespace {

enum EngineError : int {
    unknown_payload = -38001,
    invalid_forkchoice_state = -38002,
    invalid_payload_attributes = -38003,
    too_large_request = -38004,
    unsupported_fork = -38005,
};

constexpr std::int64_t building_ms = 500; // taking from the pool
constexpr std::uint64_t bodies_limit = 1024;

void print_status(Writer& out, std::string_view status, const std::optional<Hash32>& latest_valid,
                  std::string_view fault = {}) {
    out.begin_object();
    out.member("status", status);
    out.member("latestValidHash", latest_valid);
    if (fault.empty()) {
        out.member("validationError", nullptr);
    } else {
        out.member("validationError", fault);
    }
    out.end_object();
}

bool has_cancun(const Rules& rules) { return rules.fork >= Fork::cancun; }
bool has_prague(const Rules& rules) { return rules.fork >= Fork::prague; }

} // namespace

// Which version of a method belongs to which fork (execution-apis, "Version handling").
RpcStatus Engine::check_fork(int version, std::uint64_t timestamp, bool is_payload) const {
    const Rules rules =
        backend_.chain.config().rules_at(backend_.chain.head().number + 1, timestamp);
    bool fits = false;
    switch (version) {
    case 1:
        fits = rules.fork < Fork::shanghai;
        break;
    case 2:
        fits = rules.fork < Fork::cancun;
        break;
    case 3: // attributes have no fourth version
        fits = has_cancun(rules) && (!is_payload || !has_prague(rules));
        break;
    default:
        fits = has_prague(rules);
        break;
    }
    if (fits) return {};
    return rpc_fail(unsupported_fork, "Unsupported fork: version {} is not for {} blocks", version,
                    to_string(rules.fork));
}

RpcStatus Engine::new_payload(int version, Call& call) {
    const Param payload = call.params[0], versioned_hashes = call.params[1],
                beacon_root = call.params[2], requests = call.params[3];
    const ChainConfig& config = backend_.chain.config();
    OL_TRY(payload.expect_object());
    const Param time = payload["timestamp"];
    OL_TRY(check_fork(version, OL_TRY(time.quantity64()), true));
    PayloadExtras extras;
    if (version >= 3) {
        OL_TRY(versioned_hashes.expect_array());
        if (config.is_op() && versioned_hashes.count() != 0) {
            return versioned_hashes.wrong("blob transactions are not there on the OP Stack");
        }
        extras.parent_beacon_block_root = OL_TRY(beacon_root.hash32());
    }
    if (version >= 4) {
        OL_TRY(requests.expect_array());
        extras.requests.emplace();
        for (std::size_t i = 0; i < requests.count(); ++i) {
            const Param item = requests[i];
            extras.requests->push_back(OL_TRY(item.data()));
        }
    }
    const auto read = OL_TRY(read_payload(payload, extras, config));
    if (!read) {
        print_status(call.out, "INVALID", {}, read.error().why);
        return {};
    }
    const std::lock_guard lock(mutex_);
    const Hash32 hash = read->claimed_hash;
    if (OL_TRY(backend_.chain.header(hash))) {
        print_status(call.out, "VALID", hash);
        return {};
    }
    const auto imported = backend_.chain.import(read->block, false);
    if (imported) {
        print_status(call.out, "VALID", hash);
        return {};
    }
    switch (imported.error().code) {
    case ErrorCode::not_found:
        print_status(call.out, "SYNCING", {});
        return {};
    case ErrorCode::unverified:
    case ErrorCode::invalid_argument: {
        log::warning("engine", "block {} is invalid: {}", read->block.header.number,
                     imported.error().context);
        print_status(call.out, "INVALID", read->block.header.parent_hash, imported.error().context);
        return {};
    }
    default:
        return std::unexpected(RpcError(imported.error()));
    }
}

RpcResult<Engine::PayloadId> Engine::begin_building(int version, const BlockHead& head,
                                                    const Param& param) {
    OL_TRY(param.expect_object());
    Building building;
    building.version = version;
    building.parent = head.hash;
    building.attributes = OL_TRY(read_attributes(param, backend_.chain.config()));
    PayloadAttributes& attributes = building.attributes;
    OL_TRY(check_fork(version, attributes.timestamp, false));
    if (version >= 3 && !attributes.parent_beacon_block_root) {
        return rpc_fail(invalid_payload_attributes, "missing beacon root");
    }
    if (attributes.timestamp <= head.header.timestamp) {
        return rpc_fail(invalid_payload_attributes,
                        "invalid timestamp: {} is not after the parent's {}", attributes.timestamp,
                        head.header.timestamp);
    }
    Bytes named(head.hash.begin(), head.hash.end());
    append(named, as_bytes(param.json().dump()));
    const Hash32 digest = crypto::keccak256(named);
    std::copy_n(digest.begin(), building.id.size(), building.id.begin());
    building.id[0] = static_cast<std::uint8_t>(version);
    const auto known = std::ranges::any_of(
        buildings_, [&](const Building& each) { return each.id == building.id; });
    if (known) return building.id;
    // Without the pool: checks the attributes, and is there when nothing better comes in time.
    PayloadAttributes alone = attributes;
    alone.no_pool = true;
    auto built = backend_.chain.build(head.hash, alone, nullptr, building_ms);
    if (!built) {
        return rpc_fail(invalid_payload_attributes, "Invalid payload attributes: {}",
                        built.error().context);
    }
    building.built = std::move(*built);
    building.is_complete = attributes.no_pool;
    buildings_.push_front(std::move(building));
    if (buildings_.size() > payloads_kept) buildings_.pop_back();
    return buildings_.front().id;
}

RpcStatus Engine::forkchoice_updated(int version, Call& call) {
    const Param state = call.params[0], attributes = call.params[1];
    OL_TRY(state.expect_object());
    const Param head_param = state["headBlockHash"], safe_param = state["safeBlockHash"],
                final_param = state["finalizedBlockHash"];
    const Hash32 head = OL_TRY(head_param.hash32());
    const Hash32 safe = OL_TRY(safe_param.hash32());
    const Hash32 finalized = OL_TRY(final_param.hash32());
    const std::lock_guard lock(mutex_);
    const auto header = OL_TRY(backend_.chain.header(head));
    const auto answer = [&](std::string_view status, const std::optional<Hash32>& valid,
                            const std::optional<PayloadId>& id) {
        call.out.begin_object();
        call.out.key("payloadStatus");
        print_status(call.out, status, valid);
        call.out.member("payloadId", id);
        call.out.end_object();
    };
    if (!header) {
        answer("SYNCING", {}, {});
        return {};
    }
    for (const auto& [name, hash] : {std::pair("safe", safe), std::pair("finalized", finalized)}) {
        if (hash.is_zero() || OL_TRY(backend_.chain.header(hash))) continue;
        return rpc_fail(invalid_forkchoice_state,
                        "Invalid forkchoice state: {} block not available", name);
    }
    if (auto moved = backend_.chain.set_heads(head, safe, finalized); !moved) {
        return rpc_fail(invalid_forkchoice_state, "Invalid forkchoice state: {}",
                        moved.error().context);
    }
    std::optional<PayloadId> id;
    if (!attributes.is_absent()) {
        id = OL_TRY(begin_building(version, {head, *header}, attributes));
    }
    answer("VALID", head, id);
    return {};
}

void Engine::print_built(int version, const Building& building, Writer& out) const {
    const Block& block = building.built.block;
    const Rules rules =
        backend_.chain.config().rules_at(block.header.number, block.header.timestamp);
    const bool is_isthmus = rules.op >= OpFork::isthmus;
    const Hash32 hash = chain::hash(block.header);
    if (version == 1) return print_payload(out, block, hash, is_isthmus);
    out.begin_object();
    out.key("executionPayload");
    print_payload(out, block, hash, is_isthmus);
    out.member("blockValue", building.built.fees);
    if (version >= 3) {
        out.key("blobsBundle");
        out.raw(R"({"commitments":[],"proofs":[],"blobs":[]})");
        out.member("shouldOverrideBuilder", false);
        if (rules.is_op()) {
            out.member_if("parentBeaconBlockRoot", block.header.parent_beacon_block_root);
        }
    }
    if (version >= 4) out.member("executionRequests", building.built.requests);
    out.end_object();
}

RpcStatus Engine::get_payload(int version, Call& call) {
    const Param param = call.params[0];
    const auto id = PayloadId::from(OL_TRY(param.data()));
    if (!id) return param.wrong(id.error().context);
    const std::lock_guard lock(mutex_);
    const auto found =
        std::ranges::find_if(buildings_, [&](const Building& each) { return each.id == *id; });
    if (found == buildings_.end()) return rpc_fail(unknown_payload, "Unknown payload");
    OL_TRY(check_fork(version, found->attributes.timestamp, true));
    if (!found->is_complete) {
        auto built =
            backend_.chain.build(found->parent, found->attributes, &backend_.pool, building_ms);
        if (built) {
            found->built = std::move(*built);
        } else {
            log::warning("engine", "a payload stays without the pool's transactions: {}",
                         built.error().context);
        }
        found->is_complete = true;
    }
    print_built(version, *found, call.out);
    return {};
}

// ---- methods

namespace {

constexpr const char* capabilities[] = {
    "engine_exchangeCapabilities",
    "engine_forkchoiceUpdatedV1",
    "engine_forkchoiceUpdatedV2",
    "engine_forkchoiceUpdatedV3",
    "engine_getClientVersionV1",
    "engine_getPayloadBodiesByHashV1",
    "engine_getPayloadBodiesByRangeV1",
    "engine_getPayloadV1",
    "engine_getPayloadV2",
    "engine_getPayloadV3",
    "engine_getPayloadV4",
    "engine_newPayloadV1",
    "engine_newPayloadV2",
    "engine_newPayloadV3",
    "engine_newPayloadV4",
};

RpcStatus print_body(const Backend& backend, const std::optional<Hash32>& hash, Writer& out) {
    const auto block = hash ? OL_TRY(backend.whole(*hash)) : WholeBlockPtr();
    if (block) {
        print_payload_body(out, block->block());
    } else {
        out.value(nullptr);
    }
    return {};
}

RpcStatus bodies_by_hash(const Backend& backend, Call& call) {
    const Param hashes = call.params[0];
    OL_TRY(hashes.expect_array());
    if (hashes.count() > bodies_limit) {
        return rpc_fail(too_large_request, "Too large request: at most {} blocks", bodies_limit);
    }
    call.out.begin_array();
    for (std::size_t i = 0; i < hashes.count(); ++i) {
        const Param item = hashes[i];
        OL_TRY(print_body(backend, OL_TRY(item.hash32()), call.out));
    }
    call.out.end_array();
    return {};
}

RpcStatus bodies_by_range(const Backend& backend, Call& call) {
    const Param from = call.params[0], how_many = call.params[1];
    const std::uint64_t first = OL_TRY(from.quantity64());
    const std::uint64_t count = OL_TRY(how_many.quantity64());
    if (first == 0 || count == 0) {
        return rpc_fail(invalid_params, "invalid start or count, start: {} count: {}", first,
                        count);
    }
    if (count > bodies_limit) {
        return rpc_fail(too_large_request, "Too large request: at most {} blocks", bodies_limit);
    }
    const std::uint64_t head = backend.chain.head().number;
    call.out.begin_array();
    for (std::uint64_t i = 0; i < count && first <= head && i <= head - first; ++i) {
        OL_TRY(print_body(backend, OL_TRY(backend.chain.canonical_hash(first + i)), call.out));
    }
    call.out.end_array();
    return {};
}

RpcStatus client_version(const Backend& backend, Call& call) {
    call.out.begin_array();
    call.out.begin_object();
    call.out.member("code", "OL");
    call.out.member("name", "openledger");
    call.out.member("version", backend.options.client_version);
    call.out.member("commit", "0x00000000");
    call.out.end_object();
    call.out.end_array();
    return {};
}

} // namespace

void add_engine_methods(MethodTable& table, Engine& engine, const Backend& backend) {
    table.add("engine_exchangeCapabilities", 0, 1, [](Call& call) -> RpcStatus {
        call.out.begin_array();
        for (const char* each : capabilities) call.out.value(each);
        call.out.end_array();
        return {};
    });
    table.add("engine_getClientVersionV1", 0, 1,
              [&backend](Call& call) { return client_version(backend, call); });
    for (int version = 1; version <= 4; ++version) {
        const std::size_t parameters = version == 4 ? 4 : version == 3 ? 3 : 1;
        table.add(fmt::format("engine_newPayloadV{}", version), 1, parameters,
                  [&engine, version](Call& call) { return engine.new_payload(version, call); });
        table.add(fmt::format("engine_getPayloadV{}", version), 1, 1,
                  [&engine, version](Call& call) { return engine.get_payload(version, call); });
        if (version == 4) break;
        table.add(
            fmt::format("engine_forkchoiceUpdatedV{}", version), 1, 2,
            [&engine, version](Call& call) { return engine.forkchoice_updated(version, call); });
    }
    table.add("engine_getPayloadBodiesByHashV1", 1, 1,
              [&backend](Call& call) { return bodies_by_hash(backend, call); });
    table.add("engine_getPayloadBodiesByRangeV1", 2, 2,
              [&backend](Call& call) { return bodies_by_range(backend, call); });
}

} // namespace ol::chain::rpc
