#include "node/demo.hpp"

#include <map>
#include <thread>

#include "crypto/hash.hpp"
#include "node/demo_run.hpp"
#include "text/reader.hpp"

namespace ol::node {

using cli::Paint;
using codec::Json;

Status Demo::start_ledger() {
    title(1, "The ledger starts");
    sources_ = options_.sources.empty() ? OL_TRY(default_sources()) : options_.sources;
    node_ = OL_TRY(Node::open(options_.node, out_.progress()));
    auto& context = node_->context();
    if (!context.development()) {
        return fail(ErrorCode::unsupported,
                    "the demo moves time and funds wallets, so it needs a development chain; leave "
                    "--rpc-url out");
    }
    const auto grant = OL_TRY(parse_open("1000"));
    std::vector<std::string> names = {"curator",  "copyist", "builder", host_wallet,
                                      "consumer", "forger",  "watcher"};
    for (const auto& source : sources_) names.push_back(source.wallet);
    for (const auto& name : names) {
        const auto key = OL_TRY(context.keys->key_or_create(name));
        OL_TRY(context.fund(key.address(), grant));
    }
    for (const auto& source : sources_) {
        owners_.push_back(OL_TRY(context.keys->key(source.wallet)).address());
    }
    const auto& at = context.contracts->at();
    out_.line(fmt::format("   chain {} at {}, six contracts deployed; settlement {}", at.chain_id,
                          context.chain->url(), crypto::checksum_address(at.settlement)));
    out_.line(fmt::format("   {} wallets made and funded with {} each", names.size(),
                          format_open(grant)));
    return {};
}

Status Demo::contribute() {
    title(2, "Contributors pool their text in a datanet");
    datanet_id_ = OL_TRY(node_->datanet_service().create(
        std::string(datanet_name), "Computing, databases and personal finance, from Debian's shelf",
        "mixed", "curator"));
    const auto row = OL_TRY(node_->datanet_service().find(std::string(datanet_name)));
    for (std::size_t i = 0; i < sources_.size(); ++i) {
        const auto& source = sources_[i];
        const auto report =
            OL_TRY_IN(node_->datanet_service().contribute(row, source.wallet, source.licence,
                                                          source.paths, out_.progress()),
                      "{}", source.wallet);
        accepted_ += report.accepted;
        out_.line(fmt::format("   {:8} {:10} ({}, {}): {} records accepted, {} rows rejected, {}",
                              owner_name(owners_[i]), source.topic, source.package, source.licence,
                              cli::human_count(report.accepted), cli::human_count(report.rejected),
                              cli::human_bytes(report.byte_count)));
        std::map<std::string, std::uint64_t> reasons;
        for (const auto& verdict : report.verdicts) {
            if (verdict.rule == datanet::Rule::accepted) continue;
            ++reasons[std::string(datanet::to_string(verdict.rule))];
            Json rejected = Json::object(
                {{"file", verdict.file}, {"line", verdict.line}, {"reason", verdict.reason}});
            rejected.set("match", verdict.match ? Json(*verdict.match) : Json());
            rejected_.push(std::move(rejected));
        }
        std::string why;
        for (const auto& [rule, count] : reasons) {
            why += fmt::format("{}{} {}", why.empty() ? "" : ", ", cli::human_count(count), rule);
        }
        out_.line(out_.paint(
            Paint::dim,
            fmt::format("            rejected: {}; batch {} anchored, root {}, bond {}",
                        why.empty() ? "none" : why, report.batch_id.value_or(0),
                        cli::short_hex(to_hex0x(report.root.view())), format_open(report.bond))));
    }
    return {};
}

// Long records of the first contributor, each with one word changed: what a copyist hands in.
Result<Path> Demo::write_copies() {
    std::string lines;
    OL_TRY(node_->context().db->query(
        "SELECT title, text FROM records WHERE owner = ? AND words BETWEEN 220 AND 900 "
        "ORDER BY words DESC, title LIMIT 5",
        [&](const store::Row& row) {
            std::string text = row.text(1);
            const auto middle = text.find(' ', text.size() / 2);
            if (middle == std::string::npos) return true;
            const auto end = text.find(' ', middle + 1);
            text.replace(middle + 1, end == std::string::npos ? 0 : end - middle - 1, "indeed");
            lines += Json::object({{"title", row.text(0)}, {"text", text}}).dump() + "\n";
            return true;
        },
        owners_[0]));
    if (lines.empty()) return fail(ErrorCode::not_found, "no record is long enough to copy");
    const Path path = options_.node.data_dir / "copyist" / "my-own-work.jsonl";
    OL_TRY(write_file_atomic(path, lines));
    return path;
}

Status Demo::catch_copyist() {
    title(3, "A copyist hands in somebody else's records, lightly edited");
    auto& datanets = node_->datanet_service();
    auto& context = node_->context();
    const auto path = OL_TRY(write_copies());
    const auto row = OL_TRY(datanets.find(std::string(datanet_name)));
    const auto report =
        OL_TRY(datanets.contribute(row, "copyist", "CC-BY-4.0", {path}, out_.progress()));
    for (const auto& verdict : report.verdicts) {
        Json rejected = Json::object({{"file", verdict.file}, {"reason", verdict.reason}});
        rejected.set("match", verdict.match ? Json(*verdict.match) : Json());
        rejected_.push(std::move(rejected));
    }
    if (!report.verdicts.empty()) {
        out_.line(fmt::format("   curation: {} of {} rows refused, e.g. {}", report.rejected,
                              report.verdicts.size(), report.verdicts[0].reason));
    }
    // A node of its own asks nobody: it anchors the copies regardless.
    const auto key = OL_TRY(context.keys->key("copyist"));
    datanet::Batch batch;
    batch.datanet_id = datanet_id_;
    batch.contributor = key.address();
    batch.rule_set_hash = datanet::RuleSet{}.hash();
    batch.batch_salt = Hash32::from(crypto::random_bytes(32)).value();
    datanet::DuplicateIndex blind;
    const auto read = OL_TRY(text::read_documents(path));
    batch.records = datanet::curate(datanet::RuleSet{}, datanet_id_, key.address(), "CC-BY-4.0",
                                    batch.batch_salt, read.documents, read.issues, blind)
                        .records;
    const auto batch_id = OL_TRY(datanets.anchor(batch, "copyist"));
    out_.line(fmt::format("   the copyist anchors {} copies as batch {} all the same, with a bond",
                          batch.records.size(), batch_id));
    const auto copies = OL_TRY(datanets.scan_ledger());
    if (copies.empty()) return fail(ErrorCode::unverified, "the watcher found no copy");
    const auto& copy = copies.front();
    const auto slashed = OL_TRY(datanets.challenge(copy, "watcher"));
    out_.line(
        fmt::format("   the watcher finds {} copies; record {} has {} of 112 signature words of "
                    "{}'s record {}",
                    copies.size(), cli::short_hex(to_hex0x(copy.record.view())), copy.equal,
                    owner_name(owners_[0]), cli::short_hex(to_hex0x(copy.original_record.view()))));
    out_.line(
        fmt::format("   challenged on the ledger with both records' Merkle openings: {} slashed",
                    out_.paint(Paint::red, format_open(slashed))));
    report_.set("copyist", Json::object({{"matched_record", copy.original_record},
                                         {"copied_record", copy.record},
                                         {"equal_of_112", copy.equal},
                                         {"batch", copy.batch_id},
                                         {"slashed_wei", slashed}}));
    return {};
}

Status Demo::publish() {
    title(4, "A version is published, with its suffix index");
    const auto row = OL_TRY(node_->datanet_service().find(std::string(datanet_name)));
    const auto publication = OL_TRY(node_->datanet_service().publish(row, out_.progress()));
    out_.line(fmt::format("   version {}: {} records, {} symbols; root {}, suffix array {}",
                          publication.version, cli::human_count(publication.record_count),
                          cli::human_count(publication.index.symbol_count),
                          cli::short_hex(to_hex0x(publication.root.view())),
                          cli::short_hex(to_hex0x(publication.index.suffix_array_root.view()))));
    report_.set("datanet", Json::object({{"id", datanet_id_},
                                         {"accepted", accepted_},
                                         {"rejected", rejected_},
                                         {"version", publication.version},
                                         {"version_root", publication.root},
                                         {"records", publication.record_count},
                                         {"index", publication.to_json()["index"]}}));
    return {};
}

Status Demo::train() {
    title(5, "ModelFactory fine-tunes the small base on that version");
    auto& models = node_->model_service();
    auto request = Json::object({{"name", adapter_name},
                                 {"record_limit", options_.training_records},
                                 {"seed", options_.seed}});
    if (options_.epochs != 0) request.set("epochs", options_.epochs);
    const auto run = OL_TRY(models.create_run(OL_TRY(run_config_from(request, datanet_id_))));
    OL_TRY(models.start(run.id));
    std::uint64_t offset = 0;
    std::uint64_t shown = 0;
    for (;;) {
        const auto now = OL_TRY(models.runs().get(run.id));
        for (const auto& event : OL_TRY(models.runs().events(run.id, offset))) {
            offset = event.offset + 1;
            if (event.kind != "step") continue;
            const auto step = event.data["step"].as_uint().value_or(0);
            const auto steps = event.data["steps"].as_uint().value_or(1);
            if (step != 1 && step * 8 / steps == shown) continue;
            shown = step * 8 / steps;
            out_.line(fmt::format("   step {:4}/{}  loss {:.3f}  {:.0f} tokens/s", step, steps,
                                  event.data["loss"].as_double().value_or(0),
                                  event.data["tokens_per_second"].as_double().value_or(0)));
        }
        if (now.state == factory::RunState::failed) {
            return fail(ErrorCode::internal, "training failed: {}", now.error);
        }
        if (now.state == factory::RunState::done) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    const auto done = OL_TRY(models.runs().get(run.id));
    const auto row = OL_TRY(models.register_adapter(run.id, "builder", OL_TRY(parse_open("0.1")),
                                                    OL_TRY(parse_open("0.5"))));
    out_.line(
        fmt::format("   loss {:.3f} -> {:.3f} in {:.1f} s; adapter {} and its training record "
                    "are on the ledger",
                    done.loss_first, done.loss_last, done.seconds,
                    cli::short_hex(to_hex0x(row.adapter_hash.view()))));
    OL_TRY(refuse_tampered(row));
    report_.set("adapter", Json::object({{"id", row.name},
                                         {"adapter_id", row.adapter_id},
                                         {"hash", row.adapter_hash},
                                         {"training_record", row.training_record_hash},
                                         {"training_records", options_.training_records},
                                         {"train_seconds", done.seconds},
                                         {"steps", done.steps},
                                         {"loss_first", done.loss_first},
                                         {"loss_last", done.loss_last},
                                         {"tampered_refused", true}}));
    report_.set("models", Json::object({{"base", models.base_name()},
                                        {"base_params", models.base_config().parameter_count()},
                                        {"train_tokens_per_second", done.tokens_per_second}}));
    return {};
}

Status Demo::refuse_tampered(const AdapterRow& row) {
    namespace fs = std::filesystem;
    const Path folder = options_.node.data_dir / "tampered";
    std::error_code error;
    fs::create_directories(folder, error);
    fs::copy(row.folder, folder, fs::copy_options::recursive | fs::copy_options::overwrite_existing,
             error);
    const Path weights = folder / "adapter_model.safetensors";
    auto bytes = OL_TRY(read_file(weights, 1 << 30));
    bytes[bytes.size() / 2] ^= 1;
    OL_TRY(write_file_atomic(weights, ByteView(bytes)));
    auto& models = node_->model_service();
    OL_TRY(models.adapters().add("tampered-copy", folder, row.adapter_hash));
    openlora::CompletionRequest request;
    request.adapter = "tampered-copy";
    request.prompt = "hello";
    const auto refused = models.server().complete(request);
    OL_TRY(models.adapters().remove("tampered-copy"));
    if (refused || refused.error().code != ErrorCode::unverified) {
        return fail(ErrorCode::unverified, "an adapter with a flipped byte was served");
    }
    out_.line(fmt::format("   a copy with one flipped byte is {}: {}",
                          out_.paint(Paint::red, "refused"), refused.error().context));
    return {};
}

Result<std::vector<DemoSource>> default_sources() {
    std::vector<DemoSource> out = {
        {"alice",
         "computing",
         "dict-foldoc",
         "GFDL-1.1-or-later",
         {"/usr/share/dictd/foldoc.index", "/usr/share/dictd/foldoc.dict.dz"}},
        {"bob", "databases", "sqlite3-doc", "blessing", {"/usr/share/doc/sqlite3"}},
        {"carol",
         "finance",
         "gnucash-docs",
         "GFDL-1.1-or-later",
         {"/usr/share/doc/gnucash-docs/gnucash-guide-en",
          "/usr/share/doc/gnucash-docs/gnucash-help-en"}}};
    for (const auto& source : out) {
        for (const auto& path : source.paths) {
            std::error_code error;
            if (!std::filesystem::exists(path, error)) {
                return fail(ErrorCode::not_found, "{} is missing; install it: apt-get install {}",
                            path.string(), source.package);
            }
        }
    }
    return out;
}

Result<Json> run_demo(const DemoOptions& options, const cli::Console& console) {
    return Demo(options, console).run();
}

} // namespace ol::node
