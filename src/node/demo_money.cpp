#include <algorithm>
#include <map>

#include "factory/format.hpp"
#include "factory/run.hpp"
#include "node/demo_run.hpp"

namespace ol::node {

using cli::Paint;
using codec::Json;

namespace {

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
        const auto end =
            std::min<std::size_t>(answer.size(), span["end_byte"].as_uint().value_or(0));
        if (begin >= end) continue;
        const auto& matches = span["matches"].items();
        const auto owner =
            matches.empty() ? Result<Address>(Address{}) : matches[0]["owner"].as_address();
        const auto found = std::find(owners.begin(), owners.end(), owner.value_or(Address{}));
        text += answer.substr(at, begin - at);
        text += "[" +
                out.paint_index(static_cast<std::size_t>(found - owners.begin()),
                                answer.substr(begin, end - begin)) +
                "]";
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

// Titles that one record alone carries, out of those that the adapter was trained on; the same
// number from each contributor.
std::vector<Question> choose_questions(const OpenVersion& version,
                                       const std::vector<std::size_t>& trained,
                                       const std::vector<Address>& owners,
                                       std::uint32_t per_source) {
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

} // namespace

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
    const auto models = OL_TRY(api.models());
    for (const auto& model : models["data"].items()) {
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

Status Demo::ask() {
    title(7, "The consumer asks; every answer names whom it owes");
    const auto version = OL_TRY(node_->datanet_service().version(datanet_id_, 0));
    std::vector<Address> owners;
    for (const auto& entry : version->manifest.entries) owners.push_back(entry.owner);
    const auto trained = factory::sample_records(owners, options_.training_records, options_.seed);
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
            fmt::format(
                "     about {}'s record; {} ({:.0f} % explained), fee {}",
                sources_[question.source].wallet,
                top ? "most goes to " +
                          std::string(node_->context().keys->name_of(*top).value_or("a stranger"))
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
    out_.line(
        fmt::format("   epoch {}: {} receipts, {} in fees; roots {} and {} posted with a bond",
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
    out_.line(
        "   the challenge window passed (time moved forward on the development chain): final");
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
    // One more paid answer, which the forger makes his own: every match now pays his address, and
    // all sums are made to follow.
    OL_TRY(ask_one(api, OL_TRY(answers_.items()[0]["prompt"].as_string()), 48));
    OL_TRY(settlement.redeem_owed());
    auto honest = OL_TRY(settlement.next_epoch());
    auto receipts = honest.receipts;
    auto& forged = receipts.at(0);
    if (forged.receipt.shares.empty()) {
        return fail(ErrorCode::conflict,
                    "the answer owes no record, so there is nothing to forge; train longer "
                    "(--epochs, --training-records)");
    }
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
    out_.line(
        "   the forger posts an epoch in which one answer pays him instead of the contributors");
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
        OL_TRY(context.db->query(
            "SELECT count(*) FROM records WHERE owner = ? AND revoked = 0",
            [&](const store::Row& row) {
                records = row.integer(0);
                return false;
            },
            claim.account));
        const bool vault = claim.account == context.contracts->at().vault;
        std::string name = vault ? "stakers" : owner_name(claim.account);
        out_.line(fmt::format(
            "   {:12} {:>28}   {}", name, format_open(claim.amount),
            vault ? "by stake, from the vault"
            : records != 0
                ? fmt::format("{} records", cli::human_count(static_cast<std::uint64_t>(records)))
                : ""));
        claims_.push(
            Json::object({{"owner", claim.account},
                          {"name", vault ? Json("stakers")
                                         : Json(context.keys->name_of(claim.account).value_or(""))},
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

} // namespace ol::node
