#include "suite.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

#include <unistd.h>

namespace ol::conformance {
namespace {

constexpr std::uint64_t file_bytes = 256ULL << 20;

[[noreturn]] void usage(const char* program) {
    std::fprintf(stderr, "usage: %s FOLDER [--json FILE] [--filter TEXT] [--threads N]\n", program);
    std::exit(2);
}

} // namespace

Options parse_options(int count, char** arguments) {
    Options out;
    for (int i = 1; i < count; ++i) {
        const std::string_view argument = arguments[i];
        const bool has_value = i + 1 < count;
        if (argument == "--json" && has_value) {
            out.json = Path(arguments[++i]);
        } else if (argument == "--filter" && has_value) {
            out.filter = arguments[++i];
        } else if (argument == "--threads" && has_value) {
            out.threads = static_cast<unsigned>(std::max(1, std::atoi(arguments[++i])));
        } else if (out.folder.empty() && !argument.starts_with("--")) {
            out.folder = Path(argument);
        } else {
            usage(arguments[0]);
        }
    }
    if (out.folder.empty()) usage(arguments[0]);
    return out;
}

bool Results::wants(std::string_view test) const {
    return options_.filter.empty() || file_.find(options_.filter) != std::string::npos ||
           test.find(options_.filter) != std::string_view::npos;
}

void Results::fail(std::string_view test, std::string reason) {
    failures_.push_back({std::string(test), std::move(reason)});
}

// Gathers the files' results; thread-safe.
class Report {
public:
    void add(Results results) {
        const std::lock_guard lock(mutex_);
        passed_ += results.passed_;
        ++files_;
        for (const auto& reason : results.left_out_) ++left_out_[reason];
        for (auto& failure : results.failures_) {
            const auto reason = known_exception(results.file_, failure.test);
            auto& list = reason ? expected_ : failed_;
            list.push_back({results.file_, failure.test,
                            reason ? std::string(*reason) : std::move(failure.reason)});
        }
    }

    std::size_t failed() const { return failed_.size(); }

    // On a terminal alone.
    void progress(std::string_view name, std::size_t total) {
        if (isatty(STDERR_FILENO) == 0) return;
        const std::lock_guard lock(mutex_);
        std::fprintf(stderr, "\r%.*s: %zu/%zu files, %zu passed, %zu failed ",
                     static_cast<int>(name.size()), name.data(), files_, total, passed_,
                     failed_.size());
    }

    void print(std::string_view name) {
        const auto by_name = [](const Row& a, const Row& b) {
            return std::tie(a.file, a.test) < std::tie(b.file, b.test);
        };
        std::ranges::sort(failed_, by_name);
        std::ranges::sort(expected_, by_name);
        if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r");
        std::printf("%.*s: %zu files, %zu passed, %zu failed, %zu known exceptions\n",
                    static_cast<int>(name.size()), name.data(), files_, passed_, failed_.size(),
                    expected_.size());
        for (const auto& row : failed_) {
            std::printf("  FAILED %s: %s: %s\n", row.file.c_str(), row.test.c_str(),
                        row.reason.c_str());
        }
        for (const auto& row : expected_) {
            std::printf("  exception %s: %s: %s\n", row.file.c_str(), row.test.c_str(),
                        row.reason.c_str());
        }
        for (const auto& [reason, count] : left_out_) {
            std::printf("  left out: %zu: %s\n", count, reason.c_str());
        }
    }

    Json to_json(std::string_view name) const {
        const auto rows = [](const std::vector<Row>& list) {
            Json out = Json::array();
            for (const auto& row : list) {
                out.push(
                    Json::object({{"file", row.file}, {"test", row.test}, {"reason", row.reason}}));
            }
            return out;
        };
        Json left_out = Json::object();
        for (const auto& [reason, count] : left_out_) left_out.set(reason, count);
        return Json::object({{"suite", name},
                             {"files", files_},
                             {"passed", passed_},
                             {"failed", rows(failed_)},
                             {"known_exceptions", rows(expected_)},
                             {"left_out", std::move(left_out)}});
    }

private:
    struct Row {
        std::string file, test, reason;
    };
    std::mutex mutex_;
    std::size_t files_ = 0, passed_ = 0;
    std::vector<Row> failed_, expected_;
    std::map<std::string, std::size_t> left_out_;
};

int run_paths(std::string_view name, const Options& options, const std::vector<Path>& paths,
              const RunPath& run_path) {
    Report report;
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
        for (std::size_t i = next++; i < paths.size(); i = next++) {
            Results results(options, paths[i].lexically_relative(options.folder).string());
            run_path(paths[i], results);
            report.add(std::move(results));
            if (i % 20 == 0) report.progress(name, paths.size());
        }
    };
    std::vector<std::jthread> helpers;
    for (unsigned i = 1; i < options.threads; ++i) helpers.emplace_back(work);
    work();
    helpers.clear();
    report.print(name);
    if (options.json) {
        const auto saved = write_file_atomic(*options.json, report.to_json(name).dump(1));
        if (!saved) std::fprintf(stderr, "%s\n", saved.error().to_string().c_str());
    }
    if (paths.empty()) {
        std::fprintf(stderr, "%.*s: no file of this suite in %s\n", static_cast<int>(name.size()),
                     name.data(), options.folder.c_str());
        return 2;
    }
    return report.failed() == 0 ? 0 : 1;
}

int run_suite(std::string_view name, const Options& options,
              const std::vector<std::string>& folders, const RunFile& run_file) {
    std::vector<Path> paths;
    for (const auto& folder : folders) {
        const Path root = options.folder / folder;
        if (!std::filesystem::exists(root)) continue;
        const auto files = list_files(root);
        if (!files) {
            std::fprintf(stderr, "%s\n", files.error().to_string().c_str());
            return 2;
        }
        for (const auto& path : *files) {
            if (path.extension() == ".json") paths.push_back(path);
        }
    }
    return run_paths(name, options, paths, [&](const Path& path, Results& results) {
        const auto text = read_text_file(path, file_bytes);
        auto json = text ? Json::parse(*text) : std::unexpected(text.error());
        if (!json) return results.fail("(file)", json.error().to_string());
        run_file(*json, results);
    });
}

Result<U256> number(const Json& value) {
    if (value.is_number()) return value.as_u256();
    const std::string text = OL_TRY(value.as_string());
    if (text == "0x" || text.empty()) return U256();
    return U256::parse(text);
}

Result<std::uint64_t> number64(const Json& value) {
    const U256 out = OL_TRY(number(value));
    if (out.fits_u64()) return out.low_u64();
    return fail(ErrorCode::invalid_argument, "{} is above 64 bits", out.to_decimal());
}

Result<Bytes> bytes(const Json& value) {
    const std::string text = OL_TRY(value.as_string());
    return from_hex(text);
}

Result<chain::StateChanges> accounts(const Json& value) {
    chain::StateChanges out;
    for (const auto& [name, account] : value.members()) {
        chain::AccountChange& made = out.emplace_back();
        made.address = OL_TRY(address_from_hex(name));
        chain::Account& fields = made.account.emplace();
        fields.balance = OL_TRY(number(account["balance"]));
        fields.nonce = OL_TRY(number64(account["nonce"]));
        Bytes code = OL_TRY(bytes(account["code"]));
        if (!code.empty()) {
            made.code = std::make_shared<const chain::Code>(std::move(code));
            fields.code_hash = made.code->hash();
        }
        for (const auto& [slot, word] : account["storage"].members()) {
            const U256 stored = OL_TRY(number(word));
            if (!stored.is_zero()) made.storage.emplace_back(OL_TRY(number(Json(slot))), stored);
        }
        std::ranges::sort(made.storage);
    }
    std::ranges::sort(out, {}, &chain::AccountChange::address);
    return out;
}

namespace {

const Json& either(const Json& json, const char* name, const char* other) {
    return json.contains(name) ? json[name] : json[other];
}

Status read_optional_members(const Json& json, chain::Header& out) {
    if (json.contains("baseFeePerGas")) out.base_fee = OL_TRY(number(json["baseFeePerGas"]));
    if (json.contains("withdrawalsRoot")) {
        out.withdrawals_root = OL_TRY(json["withdrawalsRoot"].as_hash32());
    }
    if (json.contains("blobGasUsed")) out.blob_gas_used = OL_TRY(number64(json["blobGasUsed"]));
    if (json.contains("excessBlobGas")) {
        out.excess_blob_gas = OL_TRY(number64(json["excessBlobGas"]));
    }
    if (json.contains("parentBeaconBlockRoot")) {
        out.parent_beacon_block_root = OL_TRY(json["parentBeaconBlockRoot"].as_hash32());
    }
    if (json.contains("requestsHash")) out.requests_hash = OL_TRY(json["requestsHash"].as_hash32());
    return {};
}

} // namespace

Result<chain::Header> header_from(const Json& json) {
    chain::Header out;
    out.parent_hash = OL_TRY(json["parentHash"].as_hash32());
    out.ommers_hash = OL_TRY(either(json, "sha3Uncles", "uncleHash").as_hash32());
    out.coinbase = OL_TRY(either(json, "miner", "coinbase").as_address());
    out.state_root = OL_TRY(json["stateRoot"].as_hash32());
    out.transactions_root =
        OL_TRY(either(json, "transactionsRoot", "transactionsTrie").as_hash32());
    out.receipts_root = OL_TRY(either(json, "receiptsRoot", "receiptTrie").as_hash32());
    out.logs_bloom = OL_TRY(chain::Bloom::from(OL_TRY(bytes(either(json, "logsBloom", "bloom")))));
    out.difficulty = OL_TRY(number(json["difficulty"]));
    out.number = OL_TRY(number64(json["number"]));
    out.gas_limit = OL_TRY(number64(json["gasLimit"]));
    out.gas_used = OL_TRY(number64(json["gasUsed"]));
    out.timestamp = OL_TRY(number64(json["timestamp"]));
    out.extra_data = OL_TRY(bytes(json["extraData"]));
    out.prev_randao = OL_TRY(json["mixHash"].as_hash32());
    out.nonce = OL_TRY(FixedBytes<8>::from(OL_TRY(bytes(json["nonce"]))));
    OL_TRY(read_optional_members(json, out));
    return out;
}

namespace {

struct Transition {
    std::string_view name;
    chain::Fork before, after;
    std::uint64_t at; // a block's number, or from Shanghai on its time
};
constexpr Transition transitions[] = {
    {"FrontierToHomesteadAt5", chain::Fork::frontier, chain::Fork::homestead, 5},
    {"HomesteadToEIP150At5", chain::Fork::homestead, chain::Fork::tangerine_whistle, 5},
    {"HomesteadToDaoAt5", chain::Fork::homestead, chain::Fork::homestead, 5},
    {"EIP158ToByzantiumAt5", chain::Fork::spurious_dragon, chain::Fork::byzantium, 5},
    {"ByzantiumToConstantinopleAt5", chain::Fork::byzantium, chain::Fork::constantinople, 5},
    {"ByzantiumToConstantinopleFixAt5", chain::Fork::byzantium, chain::Fork::petersburg, 5},
    {"ConstantinopleFixToIstanbulAt5", chain::Fork::petersburg, chain::Fork::istanbul, 5},
    {"IstanbulToBerlinAt5", chain::Fork::istanbul, chain::Fork::berlin, 5},
    {"BerlinToLondonAt5", chain::Fork::berlin, chain::Fork::london, 5},
    {"ArrowGlacierToParisAtDiffC0000", chain::Fork::london, chain::Fork::paris, 0},
    {"ParisToShanghaiAtTime15k", chain::Fork::paris, chain::Fork::shanghai, 15'000},
    {"ShanghaiToCancunAtTime15k", chain::Fork::shanghai, chain::Fork::cancun, 15'000},
    {"CancunToPragueAtTime15k", chain::Fork::cancun, chain::Fork::prague, 15'000},
    {"PragueToOsakaAtTime15k", chain::Fork::prague, chain::Fork::osaka, 15'000},
};

} // namespace

std::optional<chain::ChainConfig> config_of(std::string_view network) {
    using chain::ChainConfig;
    if (const auto fork = chain::fork_by_name(network)) return ChainConfig::ethereum(*fork);
    if (network == "ArrowGlacier" || network == "GrayGlacier") {
        ChainConfig out = ChainConfig::ethereum(chain::Fork::london);
        out.arrow_glacier = 0;
        if (network == "GrayGlacier") out.gray_glacier = 0;
        return out;
    }
    for (const auto& transition : transitions) {
        if (transition.name != network) continue;
        ChainConfig out = ChainConfig::ethereum(transition.before);
        if (network == "HomesteadToDaoAt5") out.dao_fork = transition.at;
        if (network == "ArrowGlacierToParisAtDiffC0000") {
            out.arrow_glacier = 0;
            return out; // Paris begins by total difficulty: the caller's part
        }
        const auto first = static_cast<std::size_t>(transition.before) + 1;
        for (std::size_t i = first; i <= static_cast<std::size_t>(transition.after); ++i) {
            out.activation[i] = transition.at;
        }
        return out;
    }
    return std::nullopt;
}

} // namespace ol::conformance
