#include "node/demo.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "crypto/hash.hpp"
#include "factory/format.hpp"
#include "node/node.hpp"
#include "node/remote.hpp"
#include "text/reader.hpp"

namespace ol::node {

using cli::Paint;
using codec::Json;

namespace {

constexpr std::string_view datanet_name = "reference-shelf";
constexpr std::string_view adapter_name = "shelf-helper";

// One run of the demo: the node, what was learnt so far, and the report that grows.
class Demo {
public:
    Demo(const DemoOptions& options, const cli::Console& console)
        : options_(options), out_(console) {}

    Result<Json> run() {
        OL_TRY(timed("ledger", [&] { return start_ledger(); }));
        OL_TRY(timed("contribute", [&] { return contribute(); }));
        OL_TRY(timed("copyist", [&] { return catch_copyist(); }));
        OL_TRY(timed("publish", [&] { return publish(); }));
        OL_TRY(timed("train", [&] { return train(); }));
        OL_TRY(timed("serve", [&] { return serve(); }));
        OL_TRY(timed("ask", [&] { return ask(); }));
        OL_TRY(timed("settle", [&] { return settle(); }));
        OL_TRY(timed("forgery", [&] { return catch_forgery(); }));
        OL_TRY(timed("claim", [&] { return claim(); }));
        return finish();
    }

private:
    template <class Step>
    Status timed(const std::string& name, const Step& step) {
        const Stopwatch watch;
        OL_TRY_IN(step(), "step '{}'", name);
        seconds_.set(name, watch.seconds());
        total_seconds_ += watch.seconds();
        return {};
    }

    void title(int number, std::string_view text) {
        out_.line();
        out_.line(out_.paint(Paint::bold, fmt::format("{}. {}", number, text)));
    }

    std::string owner_name(const Address& owner) const {
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            if (owners_.at(i) == owner) return out_.paint_index(i, sources_[i].wallet);
        }
        const auto name = node_->context().keys->name_of(owner);
        return name ? *name : cli::short_hex(to_hex0x(owner.view()));
    }

    Status start_ledger();
    Status contribute();
    Status catch_copyist();
    Status publish();
    Status train();
    Status serve();
    Status ask();
    Status settle();
    Status catch_forgery();
    Status claim();
    Result<Json> finish();

    Result<Path> write_copies();
    Result<api::CompletionReply> ask_one(RemoteServices& api, const std::string& prompt,
                                         std::uint32_t max_tokens);
    Status refuse_tampered(const AdapterRow& row);
    Status pass_challenge_window();

    const DemoOptions& options_;
    const cli::Console& out_;
    std::vector<DemoSource> sources_;
    std::vector<Address> owners_; // by source
    std::unique_ptr<Node> node_;
    std::unique_ptr<net::Server> server_;
    std::string url_;
    Hash32 datanet_id_;
    std::uint64_t accepted_ = 0;
    Json rejected_ = Json::array(), answers_ = Json::array(), claims_ = Json::array();
    Json report_ = Json::object(), seconds_ = Json::object();
    double total_seconds_ = 0, attribution_rate_ = 0;
    double decode_seconds_ = 0;
    std::uint64_t decoded_tokens_ = 0;
};

Status Demo::start_ledger() {
    title(1, "The ledger starts");
    sources_ = options_.sources.empty() ? OL_TRY(default_sources()) : options_.sources;
    node_ = OL_TRY(Node::open(options_.node));
    auto& context = node_->context();
    if (!context.development()) {
        return fail(ErrorCode::unsupported,
                    "the demo moves time and funds wallets, so it needs a development chain; leave "
                    "--rpc-url out");
    }
    const auto grant = OL_TRY(parse_open("1000"));
    std::vector<std::string> names = {"curator", "copyist", "builder", host_wallet, "consumer",
                                      "forger", "watcher"};
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
        const auto report = OL_TRY_IN(
            node_->datanet_service().contribute(row, source.wallet, source.licence, source.paths,
                                                out_.progress()),
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
        out_.line(out_.paint(Paint::dim,
                             fmt::format("            rejected: {}; batch {} anchored, root {}, bond {}",
                                         why.empty() ? "none" : why, report.batch_id.value_or(0),
                                         cli::short_hex(to_hex0x(report.root.view())),
                                         format_open(report.bond))));
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
    const auto report = OL_TRY(
        datanets.contribute(row, "copyist", "CC-BY-4.0", {path}, out_.progress()));
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
    out_.line(fmt::format("   the watcher finds {} copies; record {} has {} of 112 signature words of "
                          "{}'s record {}",
                          copies.size(), cli::short_hex(to_hex0x(copy.record.view())), copy.equal,
                          owner_name(owners_[0]),
                          cli::short_hex(to_hex0x(copy.original_record.view()))));
    out_.line(fmt::format("   challenged on the ledger with both records' Merkle openings: {} slashed",
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
    auto config = OL_TRY(run_config_from(Json::object({{"name", adapter_name},
                                                       {"epochs", options_.epochs},
                                                       {"record_limit", options_.training_records},
                                                       {"seed", options_.seed}}),
                                         datanet_id_));
    const auto run = OL_TRY(models.create_run(config));
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
    out_.line(fmt::format("   loss {:.3f} -> {:.3f} in {:.1f} s; adapter {} and its training record "
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
                                        {"base_params", models.base().config.parameter_count()},
                                        {"train_tokens_per_second", done.tokens_per_second}}));
    return {};
}

Status Demo::refuse_tampered(const AdapterRow& row) {
    namespace fs = std::filesystem;
    const Path folder = options_.node.data_dir / "tampered";
    std::error_code error;
    fs::create_directories(folder, error);
    fs::copy(row.folder, folder, fs::copy_options::overwrite_existing, error);
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

Status Demo::serve() {
    title(6, "OpenLoRA serves it; the consumer deposits OPEN");
    server_ = OL_TRY(node_->serve());
    url_ = fmt::format("http://127.0.0.1:{}", server_->port());
    auto& context = node_->context();
    const auto deposit = OL_TRY(parse_open("50"));
    OL_TRY(context.contracts->deposit(OL_TRY(context.keys->key("consumer")),
                                      node_->inference_service().host(), deposit));
    RemoteServices api(url_);
    std::string names;
    for (const auto& model : OL_TRY(api.models())["data"].items()) {
        names += (names.empty() ? "" : ", ") + model["id"].as_string().value_or("?");
    }
    out_.line(fmt::format("   {}/v1 (OpenAI-compatible) has the models {}", url_, names));
    out_.line(fmt::format("   {} deposited in the escrow for this host", format_open(deposit)));
    return {};
}

Result<api::CompletionReply> Demo::ask_one(RemoteServices& api, const std::string& prompt,
                                           std::uint32_t max_tokens) {
    auto& context = node_->context();
    const auto consumer = OL_TRY(context.keys->key("consumer"));
    api::CompletionCall call;
    call.model = adapter_name;
    call.messages = {{"user", prompt}};
    call.max_tokens = max_tokens;
    call.payer = consumer.address();
    const auto quote = OL_TRY(api.quote(call));
    call.voucher = market::sign_voucher(context.contracts->escrow_domain(), consumer,
                                        OL_TRY(quote["host"].as_address()),
                                        OL_TRY(quote["cumulative_wei"].as_u256()));
    const Stopwatch watch;
    auto reply = OL_TRY(api.complete(call, [&](std::string_view piece) {
        std::string flat(piece);
        std::replace(flat.begin(), flat.end(), '\n', ' ');
        if (out_.is_terminal()) out_.write(out_.paint(Paint::dim, flat));
        return true;
    }));
    decode_seconds_ += watch.seconds();
    decoded_tokens_ += reply.completion_tokens;
    return reply;
}

// Top-paid owner of a receipt: the largest sum of shares.
std::optional<Address> top_owner(const Json& receipt) {
    std::map<Address, std::uint64_t> sums;
    for (const auto& share : receipt["shares"].items()) {
        if (const auto owner = share["owner"].as_address()) {
            sums[*owner] += share["share_fixed"].as_uint().value_or(0);
        }
    }
    std::optional<Address> best;
    for (const auto& [owner, sum] : sums) {
        if (!best || sum > sums[*best]) best = owner;
    }
    return best;
}

// The answer with each paid span in its owner's colour.
std::string highlight(const cli::Console& out, const std::vector<Address>& owners,
                      const std::string& answer, const Json& receipt) {
    std::string text;
    std::size_t at = 0;
    for (const auto& span : receipt["spans"].items()) {
        const auto begin = std::max<std::size_t>(at, span["start_byte"].as_uint().value_or(0));
        const auto end = std::min<std::size_t>(answer.size(), span["end_byte"].as_uint().value_or(0));
        if (begin >= end) continue;
        const auto& matches = span["matches"].items();
        const auto owner = matches.empty() ? Result<Address>(Address{}) : matches[0]["owner"].as_address();
        const auto found = std::find(owners.begin(), owners.end(), owner.value_or(Address{}));
        text += answer.substr(at, begin - at);
        text += "[" + out.paint_index(static_cast<std::size_t>(found - owners.begin()),
                                      answer.substr(begin, end - begin)) + "]";
        at = end;
    }
    text += answer.substr(at);
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

struct Question {
    std::string prompt;
    std::size_t source = 0;
};

// Titles that one record alone carries, out of those that the adapter was trained on; the same number
// from each contributor.
std::vector<Question> choose_questions(const OpenVersion& version,
                                       const std::vector<std::size_t>& trained,
                                       const std::vector<Address>& owners, std::uint32_t per_source) {
    std::map<std::string, int> uses;
    for (const auto& title : version.titles) ++uses[title];
    std::vector<Question> out;
    for (std::size_t source = 0; source < owners.size(); ++source) {
        std::uint32_t chosen = 0;
        for (const auto i : trained) {
            if (chosen == per_source) break;
            const auto& title = version.titles[i];
            if (version.manifest.entries[i].owner != owners[source] || title.empty()) continue;
            if (uses.at(title) != 1 || version.texts[i].size() < 120) continue;
            out.push_back({factory::question_of(title), source});
            ++chosen;
        }
    }
    return out;
}

Status Demo::ask() {
    title(7, "The consumer asks; every answer names whom it owes");
    const auto version = OL_TRY(node_->datanet_service().version(datanet_id_, 0));
    std::vector<Address> owners;
    for (const auto& entry : version->manifest.entries) owners.push_back(entry.owner);
    const auto trained =
        factory::sample_records(owners, options_.training_records, options_.seed);
    const auto questions =
        choose_questions(*version, trained, owners_, options_.questions_per_source);
    if (questions.size() < 10) {
        return fail(ErrorCode::conflict, "only {} questions can be asked; train on more records",
                    questions.size());
    }
    RemoteServices api(url_);
    std::size_t right = 0;
    for (const auto& question : questions) {
        if (out_.is_terminal()) out_.write("   ");
        const auto reply = OL_TRY(ask_one(api, question.prompt, 48));
        if (out_.is_terminal()) out_.write("\r\033[K");
        const auto& receipt = reply.receipt;
        const auto top = top_owner(receipt);
        const bool match = top && *top == owners_[question.source];
        right += match ? 1 : 0;
        std::uint64_t shares_sum = 0;
        for (const auto& share : receipt["shares"].items()) {
            shares_sum += share["share_fixed"].as_uint().value_or(0);
        }
        Json spans = Json::array();
        for (const auto& span : receipt["spans"].items()) {
            for (const auto& paid : span["matches"].items()) {
                spans.push(Json::object({{"text", span["text"]},
                                         {"record", paid["record"]},
                                         {"title", paid["title"]},
                                         {"owner", paid["owner"]},
                                         {"offset", paid["offset"]},
                                         {"bits", span["bits"]}}));
            }
        }
        Json answer = Json::object({{"prompt", question.prompt},
                                    {"answer", reply.text},
                                    {"truth_owner", owners_[question.source]}});
        answer.set("top_owner", top ? Json(*top) : Json());
        answer.set("explained", receipt["explained"]);
        answer.set("shares_sum", shares_sum);
        answer.set("fee_wei", receipt["fee_wei"]);
        answer.set("spans", std::move(spans));
        answer.set("receipt", receipt["hash"]);
        answers_.push(std::move(answer));

        out_.line(fmt::format("   {} {}", out_.paint(Paint::bold, "Q"), question.prompt));
        out_.line(fmt::format("   A {}", highlight(out_, owners_, reply.text, receipt)));
        out_.line(out_.paint(
            Paint::dim,
            fmt::format("     about {}'s record; {} ({:.0f} % explained), fee {}",
                        sources_[question.source].wallet,
                        top ? "most goes to " + std::string(node_->context().keys->name_of(*top)
                                                                .value_or("a stranger"))
                            : std::string("nobody is credited"),
                        100 * receipt["explained"].as_double().value_or(0),
                        format_open(receipt["fee_wei"].as_u256().value_or(U256())))));
    }
    attribution_rate_ = static_cast<double>(right) / static_cast<double>(questions.size());
    out_.line(fmt::format("   attribution: the top-paid owner is the true one in {} of {} answers",
                          out_.paint(Paint::bold, std::to_string(right)), questions.size()));
    return {};
}

Status Demo::pass_challenge_window() {
    auto& context = node_->context();
    const auto window = OL_TRY(context.contracts->parameter("CHALLENGE_WINDOW")).low_u64();
    return context.advance_time(window + 1);
}

Status Demo::settle() {
    title(8, "The epoch is settled, watched and finalised");
    auto& settlement = node_->settlement_service();
    const auto epoch = OL_TRY(settlement.settle());
    out_.line(fmt::format("   epoch {}: {} receipts, {} in fees; roots {} and {} posted with a bond",
                          epoch.number, epoch.receipts.size(), format_open(epoch.receipts_total),
                          cli::short_hex(to_hex0x(epoch.receipts_tree().root().view())),
                          cli::short_hex(to_hex0x(epoch.rewards_tree().root().view()))));
    const auto watched = OL_TRY(node_->watcher().check_pending("watcher"));
    if (!watched.agreed) {
        return fail(ErrorCode::unverified, "the watcher disagrees: {}", watched.fault);
    }
    out_.line(fmt::format("   the watcher recomputed {} receipts from public data and {}",
                          watched.receipts_checked, out_.paint(Paint::green, "agrees")));
    if (settlement.finalise()) {
        return fail(ErrorCode::unverified, "an epoch was finalised inside its challenge window");
    }
    OL_TRY(pass_challenge_window());
    OL_TRY(settlement.finalise());
    out_.line("   the challenge window passed (time moved forward on the development chain): final");
    report_.set("epoch", Json::object({{"number", epoch.number},
                                       {"receipts", epoch.receipts.size()},
                                       {"receipts_root", epoch.receipts_tree().root()},
                                       {"rewards_root", epoch.rewards_tree().root()}}));
    report_.set("watcher", Json::object({{"agreed", watched.agreed},
                                         {"receipts_checked", watched.receipts_checked}}));
    return {};
}

Status Demo::catch_forgery() {
    title(9, "A dishonest settler forges a receipt");
    auto& context = node_->context();
    auto& settlement = node_->settlement_service();
    RemoteServices api(url_);
    // One more paid answer, which the forger makes his own: every match now pays his address, and all
    // sums are made to follow.
    OL_TRY(ask_one(api, OL_TRY(answers_.items()[0]["prompt"].as_string()), 48));
    OL_TRY(settlement.redeem_owed());
    auto honest = OL_TRY(settlement.next_epoch());
    auto receipts = honest.receipts;
    auto& forged = receipts.at(0);
    const auto forger = OL_TRY(context.keys->key("forger")).address();
    const auto row = OL_TRY(node_->model_service().adapter(std::string(adapter_name)));
    const auto rules = OL_TRY(context.money_rules(forged.receipt.parameters_version));
    for (auto& match : forged.receipt.matches) match.owner = forger;
    for (auto& share : forged.receipt.shares) share.owner = forger;
    forged.receipt.payouts = market::payouts_of(
        forged.receipt.fee, forged.receipt.answer_symbols, forged.receipt.covered,
        forged.receipt.shares, rules, OL_TRY(node_->inference_service().parties_of(row)));
    forged.signature = OL_TRY(context.keys->key(host_wallet))
                           .sign(market::receipt_digest(context.contracts->settlement_domain(),
                                                        forged.receipt.hash()));
    const auto epoch = OL_TRY(market::make_epoch(honest.number, std::move(receipts),
                                                 OL_TRY(settlement.finalised_rewards())));
    OL_TRY(settlement.propose(epoch, "forger"));
    out_.line("   the forger posts an epoch in which one answer pays him instead of the contributors");
    const auto watched = OL_TRY(node_->watcher().check_pending("watcher"));
    if (watched.agreed || !watched.slashed) {
        return fail(ErrorCode::unverified, "the forged receipt was not caught: {}", watched.fault);
    }
    out_.line(fmt::format("   the watcher: {}", watched.fault));
    out_.line(fmt::format("   {} wins on the ledger: {} of the forger's bond slashed",
                          watched.challenge,
                          out_.paint(Paint::red, format_open(*watched.slashed))));
    auto watcher = report_["watcher"];
    watcher.set("forgery_caught", true);
    watcher.set("forgery_fault", watched.fault);
    watcher.set("forgery_challenge", watched.challenge);
    watcher.set("forgery_slashed_wei", *watched.slashed);
    report_.set("watcher", std::move(watcher));
    // The honest epoch takes its place.
    OL_TRY(settlement.settle());
    if (!OL_TRY(node_->watcher().check_pending("watcher")).agreed) {
        return fail(ErrorCode::unverified, "the watcher disagrees with the honest epoch");
    }
    OL_TRY(pass_challenge_window());
    OL_TRY(settlement.finalise());
    out_.line("   the honest epoch takes its place and is final");
    return {};
}

Status Demo::claim() {
    title(10, "Everybody claims");
    auto& context = node_->context();
    auto& settlement = node_->settlement_service();
    const auto claims = OL_TRY(settlement.claim_all());
    U256 paid;
    for (const auto& claim : claims) {
        paid = OL_TRY(checked_add(paid, claim.amount));
        std::int64_t records = 0;
        OL_TRY(context.db->query("SELECT count(*) FROM records WHERE owner = ? AND revoked = 0",
                                 [&](const store::Row& row) {
                                     records = row.integer(0);
                                     return false;
                                 },
                                 claim.account));
        const bool vault = claim.account == context.contracts->at().vault;
        std::string name = vault ? "stakers" : owner_name(claim.account);
        out_.line(fmt::format("   {:12} {:>28}   {}", name, format_open(claim.amount),
                              vault          ? "by stake, from the vault"
                              : records != 0 ? fmt::format("{} records", cli::human_count(
                                                                            static_cast<std::uint64_t>(records)))
                                             : ""));
        claims_.push(Json::object({{"owner", claim.account},
                                   {"name", vault ? Json("stakers")
                                                  : Json(context.keys->name_of(claim.account)
                                                             .value_or(""))},
                                   {"wei", claim.amount}}));
    }
    const auto channel = OL_TRY(context.contracts->channel(
        OL_TRY(context.keys->key("consumer")).address(), node_->inference_service().host()));
    if (channel.redeemed != paid) {
        return fail(ErrorCode::unverified, "{} wei came in, {} went out",
                    channel.redeemed.to_decimal(), paid.to_decimal());
    }
    out_.line(fmt::format("   in {} = out {}: {}", format_open(channel.redeemed), format_open(paid),
                          out_.paint(Paint::green, "conserved to the wei")));
    auto epoch = report_["epoch"];
    epoch.set("claims", claims_);
    report_.set("epoch", std::move(epoch));
    report_.set("money", Json::object({{"in_wei", channel.redeemed}, {"out_wei", paid}}));
    return {};
}

Result<Json> Demo::finish() {
    report_.set("answers", answers_);
    report_.set("attribution_rate", attribution_rate_);
    auto models = report_["models"];
    models.set("decode_tokens_per_second",
               decode_seconds_ > 0 ? static_cast<double>(decoded_tokens_) / decode_seconds_ : 0.0);
    report_.set("models", std::move(models));
    Json transactions = Json::array();
    for (const auto& sent : node_->context().chain->sent()) {
        transactions.push(Json::object({{"hash", sent.hash},
                                        {"from", sent.from},
                                        {"what", sent.what},
                                        {"gas", sent.gas_used},
                                        {"block", sent.block_number}}));
    }
    out_.line();
    out_.line(out_.paint(Paint::dim, fmt::format("   {} transactions, {:.1f} s in all",
                                                 transactions.items().size(), total_seconds_)));
    report_.set("transactions", std::move(transactions));
    seconds_.set("total", total_seconds_);
    report_.set("seconds", std::move(seconds_));
    server_.reset();
    return report_;
}

} // namespace

Result<std::vector<DemoSource>> default_sources() {
    std::vector<DemoSource> out = {
        {"alice", "computing", "dict-foldoc", "GFDL-1.1-or-later",
         {"/usr/share/dictd/foldoc.index", "/usr/share/dictd/foldoc.dict.dz"}},
        {"bob", "databases", "sqlite3-doc", "blessing", {"/usr/share/doc/sqlite3"}},
        {"carol", "finance", "gnucash-docs", "GFDL-1.1-or-later",
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
