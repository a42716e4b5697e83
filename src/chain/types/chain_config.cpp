#include "chain/types/chain_config.hpp"

#include <algorithm>
#include <string>

namespace ol::chain {
namespace {

using codec::Json;

constexpr std::size_t index_of(Fork fork) { return static_cast<std::size_t>(fork); }
constexpr std::size_t index_of(OpFork fork) { return static_cast<std::size_t>(fork); }

// OP specs, "Network upgrades": what each brings of Ethereum's forks.
Fork implied_by(OpFork fork) {
    if (fork >= OpFork::isthmus) return Fork::prague;
    if (fork >= OpFork::ecotone) return Fork::cancun;
    if (fork >= OpFork::canyon) return Fork::shanghai;
    return Fork::paris;
}

// EIP-4844, EIP-7691; Osaka leaves the numbers (EIP-7892 changes them between forks).
std::map<Fork, BlobSchedule> ethereum_blobs() {
    return {{Fork::cancun, {3, 6, 3'338'477}},
            {Fork::prague, {6, 9, 5'007'716}},
            {Fork::osaka, {6, 9, 5'007'716}}};
}

// The mainnet's, which the suites and new chains use too.
Address ethereum_deposit_contract() {
    return address_from_hex("0x00000000219ab540356cbb839cbe05303d7705fa").value();
}

struct ForkKey {
    const char* name;
    Fork fork;
};
constexpr ForkKey fork_keys[] = {
    {"homesteadBlock", Fork::homestead},
    {"eip150Block", Fork::tangerine_whistle},
    {"eip158Block", Fork::spurious_dragon},
    {"byzantiumBlock", Fork::byzantium},
    {"constantinopleBlock", Fork::constantinople},
    {"petersburgBlock", Fork::petersburg},
    {"istanbulBlock", Fork::istanbul},
    {"berlinBlock", Fork::berlin},
    {"londonBlock", Fork::london},
    {"mergeNetsplitBlock", Fork::paris},
    {"shanghaiTime", Fork::shanghai},
    {"cancunTime", Fork::cancun},
    {"pragueTime", Fork::prague},
    {"osakaTime", Fork::osaka},
};

struct OpForkKey {
    const char* name;
    OpFork fork;
};
constexpr OpForkKey op_fork_keys[] = {
    {"bedrockBlock", OpFork::bedrock}, {"regolithTime", OpFork::regolith},
    {"canyonTime", OpFork::canyon},    {"deltaTime", OpFork::delta},
    {"ecotoneTime", OpFork::ecotone},  {"fjordTime", OpFork::fjord},
    {"graniteTime", OpFork::granite},  {"holoceneTime", OpFork::holocene},
    {"isthmusTime", OpFork::isthmus},  {"jovianTime", OpFork::jovian},
};

struct DelayKey {
    const char* name;
    std::optional<std::uint64_t> ChainConfig::*member;
};
constexpr DelayKey delay_keys[] = {
    {"muirGlacierBlock", &ChainConfig::muir_glacier},
    {"arrowGlacierBlock", &ChainConfig::arrow_glacier},
    {"grayGlacierBlock", &ChainConfig::gray_glacier},
    {"daoForkBlock", &ChainConfig::dao_fork},
};

Result<std::uint64_t> read_u64(const Json& value, std::string_view name) {
    const U256 number = OL_TRY_IN(value.as_u256(), "{}", name);
    if (!number.fits_u64()) {
        return fail(ErrorCode::invalid_argument, "{}: {} is above 64 bits", name,
                    number.to_decimal());
    }
    return number.low_u64();
}

Result<std::optional<std::uint64_t>> read_optional(const Json& object, const char* name) {
    const Json& value = object[name];
    if (value.is_null()) return std::nullopt;
    return OL_TRY(read_u64(value, name));
}

Status read_blobs(const Json& config, ChainConfig& out) {
    for (const auto& [name, schedule] : config["blobSchedule"].members()) {
        const auto fork = fork_by_name(name);
        if (!fork || *fork < Fork::cancun) continue; // forks that are not known here
        BlobSchedule& made = out.blobs[*fork];
        made.target = OL_TRY(read_u64(*OL_TRY(schedule.require("target")), "target"));
        made.maximum = OL_TRY(read_u64(*OL_TRY(schedule.require("max")), "max"));
        const Json& fraction = *OL_TRY(schedule.require("baseFeeUpdateFraction"));
        made.base_fee_update_fraction = OL_TRY(read_u64(fraction, "baseFeeUpdateFraction"));
        if (made.base_fee_update_fraction == 0) {
            return fail(ErrorCode::invalid_argument,
                        "blobSchedule: {}: baseFeeUpdateFraction must be above 0", name);
        }
    }
    return {};
}

// The order of the forks by number, and of those by timestamp.
Status check_order(const ChainConfig& config) {
    const auto check = [](auto first, auto last, std::string_view what) -> Status {
        std::uint64_t latest = 0;
        bool ended = false;
        for (auto at = first; at != last; ++at) {
            if (*at && (ended || **at < latest)) {
                return fail(ErrorCode::invalid_argument,
                            "{}: the forks do not begin in their order", what);
            }
            ended = !*at;
            if (*at) latest = **at;
        }
        return {};
    };
    const auto& forks = config.activation;
    OL_TRY(check(forks.begin() + 1, forks.begin() + index_of(Fork::paris), "config: blocks"));
    OL_TRY(check(forks.begin() + index_of(Fork::shanghai), forks.end(), "config: times"));
    return check(config.op_activation.begin() + 2, config.op_activation.end(), "config: OP times");
}

Status read_optimism(const Json& json, ChainConfig& out) {
    const Json& op = json["optimism"];
    if (op.is_null()) return {};
    for (const auto& key : op_fork_keys) {
        out.op_activation[index_of(key.fork)] = OL_TRY(read_optional(json, key.name));
    }
    // OP chains begin with Bedrock here, whatever came before it.
    out.op_activation[index_of(OpFork::bedrock)] = 0;
    // Delta changes nothing in execution; genesis files leave it out.
    auto& delta = out.op_activation[index_of(OpFork::delta)];
    if (!delta) delta = out.op_activation[index_of(OpFork::ecotone)];
    out.elasticity = OL_TRY(read_optional(op, "eip1559Elasticity")).value_or(6);
    out.base_fee_denominator_before_canyon =
        OL_TRY(read_optional(op, "eip1559Denominator")).value_or(50);
    out.base_fee_denominator = OL_TRY(read_optional(op, "eip1559DenominatorCanyon")).value_or(250);
    if (out.elasticity == 0 || out.base_fee_denominator == 0 ||
        out.base_fee_denominator_before_canyon == 0) {
        return fail(ErrorCode::invalid_argument,
                    "optimism: elasticity and denominators must be above 0");
    }
    return {};
}

Json quantity(std::uint64_t value) { return Json(value); }

} // namespace

Rules ChainConfig::rules_at(std::uint64_t number, std::uint64_t timestamp) const {
    Rules rules{Fork::frontier, OpFork::none};
    if (is_op()) {
        for (std::size_t i = 1; i < op_activation.size(); ++i) {
            const auto& time = op_activation[i];
            if (time && (i == 1 || *time <= timestamp)) rules.op = static_cast<OpFork>(i);
        }
        rules.fork = implied_by(rules.op);
        return rules;
    }
    for (std::size_t i = 1; i < index_of(Fork::paris); ++i) {
        if (activation[i] && *activation[i] <= number) rules.fork = static_cast<Fork>(i);
    }
    const auto& paris = activation[index_of(Fork::paris)];
    if (!post_merge_from_genesis && !(paris && *paris <= number)) return rules;
    rules.fork = Fork::paris;
    for (std::size_t i = index_of(Fork::shanghai); i < activation.size(); ++i) {
        if (activation[i] && *activation[i] <= timestamp) rules.fork = static_cast<Fork>(i);
    }
    return rules;
}

ChainConfig ChainConfig::ethereum(Fork fork, std::uint64_t chain_id) {
    ChainConfig out;
    out.chain_id = chain_id;
    for (std::size_t i = 0; i <= index_of(fork); ++i) out.activation[i] = 0;
    out.post_merge_from_genesis = fork >= Fork::paris;
    // As the suites have them: each delay of the bomb with the fork that followed it.
    if (fork >= Fork::berlin) out.muir_glacier = 0;
    out.elasticity = 2;
    out.base_fee_denominator = 8;
    out.blobs = ethereum_blobs();
    out.deposit_contract = ethereum_deposit_contract();
    return out;
}

ChainConfig ChainConfig::optimism(OpFork fork, std::uint64_t chain_id) {
    ChainConfig out;
    out.chain_id = chain_id;
    for (std::size_t i = 1; i <= index_of(fork); ++i) out.op_activation[i] = 0;
    for (std::size_t i = 0; i <= index_of(implied_by(fork)); ++i) out.activation[i] = 0;
    out.blobs = ethereum_blobs();
    out.deposit_contract = ethereum_deposit_contract();
    return out;
}

Result<ChainConfig> ChainConfig::from_json(const Json& config) {
    ChainConfig out;
    out.elasticity = 2;
    out.base_fee_denominator = 8;
    out.blobs = ethereum_blobs();
    out.deposit_contract = ethereum_deposit_contract();
    out.chain_id = OL_TRY(read_u64(*OL_TRY_IN(config.require("chainId"), "config"), "chainId"));
    out.activation[0] = 0;
    for (const auto& key : fork_keys) {
        out.activation[index_of(key.fork)] = OL_TRY_IN(read_optional(config, key.name), "config");
    }
    for (const auto& key : delay_keys) {
        out.*key.member = OL_TRY_IN(read_optional(config, key.name), "config");
    }
    // Files from before Petersburg had its key: it comes with Constantinople.
    auto& petersburg = out.activation[index_of(Fork::petersburg)];
    if (!petersburg) petersburg = out.activation[index_of(Fork::constantinople)];
    const Json& difficulty = config["terminalTotalDifficulty"];
    out.post_merge_from_genesis =
        !difficulty.is_null() && OL_TRY_IN(difficulty.as_u256(), "config").is_zero();
    if (out.post_merge_from_genesis) out.activation[index_of(Fork::paris)] = 0;
    OL_TRY_IN(read_blobs(config, out), "config");
    if (config.contains("depositContractAddress")) {
        out.deposit_contract = OL_TRY_IN(config["depositContractAddress"].as_address(), "config");
    }
    OL_TRY_IN(read_optimism(config, out), "config");
    OL_TRY(check_order(out));
    return out;
}

Json ChainConfig::to_json() const {
    Json out = Json::object();
    out.set("chainId", quantity(chain_id));
    for (const auto& key : fork_keys) {
        const auto& at = activation[index_of(key.fork)];
        if (at) out.set(key.name, quantity(*at));
    }
    for (const auto& key : delay_keys) {
        if (this->*key.member) out.set(key.name, quantity(*(this->*key.member)));
    }
    if (post_merge_from_genesis) {
        out.set("terminalTotalDifficulty", quantity(0));
        out.set("terminalTotalDifficultyPassed", true);
    }
    if (!blobs.empty()) {
        Json schedules = Json::object();
        for (const auto& [fork, schedule] : blobs) {
            Json one = Json::object();
            one.set("target", quantity(schedule.target));
            one.set("max", quantity(schedule.maximum));
            one.set("baseFeeUpdateFraction", quantity(schedule.base_fee_update_fraction));
            schedules.set(to_string(fork), std::move(one));
        }
        out.set("blobSchedule", std::move(schedules));
    }
    out.set("depositContractAddress", Json(deposit_contract));
    if (!is_op()) return out;
    for (const auto& key : op_fork_keys) {
        const auto& at = op_activation[index_of(key.fork)];
        if (at) out.set(key.name, quantity(*at));
    }
    Json op = Json::object();
    op.set("eip1559Elasticity", quantity(elasticity));
    op.set("eip1559Denominator", quantity(base_fee_denominator_before_canyon));
    op.set("eip1559DenominatorCanyon", quantity(base_fee_denominator));
    out.set("optimism", std::move(op));
    return out;
}

} // namespace ol::chain
