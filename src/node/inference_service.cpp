#include "node/inference_service.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "crypto/hash.hpp"

namespace ol::node {

using codec::Json;

namespace {

constexpr std::uint64_t page_limit = 1000;

// The last user turn, as receipts keep it: what the answer answers.
std::string prompt_text(const api::CompletionCall& call) {
    if (call.prompt) return *call.prompt;
    for (auto it = call.messages.rbegin(); it != call.messages.rend(); ++it) {
        if (it->role == "user") return it->content;
    }
    return {};
}

} // namespace

Result<std::unique_ptr<InferenceService>>
InferenceService::open(Context& context, DatanetService& datanets, ModelService& models) {
    std::unique_ptr<InferenceService> service(new InferenceService(context, datanets, models));
    service->host_ = OL_TRY(context.keys->key_or_create(host_wallet)).address();
    return service;
}

Result<std::string> InferenceService::prompt_of(const api::CompletionCall& call) const {
    if (call.prompt) return *call.prompt;
    return models_.chat_prompt(call.messages);
}

Result<InferenceService::Channel> InferenceService::channel(const Address& payer) const {
    Channel out;
    OL_TRY(context_.db->query(
        "SELECT owed, voucher_cumulative FROM channels WHERE payer = ? AND host = ?",
        [&](const store::Row& row) {
            out = {row.u256(0), row.u256(1)};
            return false;
        },
        payer, host_));
    return out;
}

Result<U256> InferenceService::owed_and_reserved(const Address& payer) const {
    U256 out = OL_TRY(channel(payer)).owed;
    if (const auto found = reserved_.find(payer); found != reserved_.end()) out += found->second;
    return out;
}

Result<Quote> InferenceService::quote(const api::CompletionCall& call, const Address& payer) {
    const auto adapter = OL_TRY(models_.adapter(call.model));
    const auto rules = OL_TRY(context_.current_money_rules());
    const auto prompt = OL_TRY(prompt_of(call));
    const auto prompt_tokens =
        static_cast<std::uint32_t>(models_.tokenizer().encode(prompt, true).size());
    Quote out;
    out.host = host_;
    out.price_in = adapter.price_in;
    out.price_out = adapter.price_out;
    out.platform_fee = rules.platform_fee;
    out.price = market::fee_of(prompt_tokens, call.max_tokens, adapter.price_in, adapter.price_out,
                               rules.platform_fee);
    {
        const std::scoped_lock guard(mutex_);
        out.owed = OL_TRY(owed_and_reserved(payer));
    }
    out.cumulative = out.owed + out.price;
    if (!payer.is_zero()) {
        out.deposited = OL_TRY(context_.contracts->channel(payer, host_)).deposited;
    }
    return out;
}

Result<market::Parties> InferenceService::parties_of(const AdapterRow& adapter) const {
    market::Parties out;
    out.treasury = context_.contracts->at().treasury;
    out.stake_vault = context_.contracts->at().vault;
    out.host = host_;
    const auto on_ledger = OL_TRY(context_.contracts->adapter(adapter.adapter_id));
    out.model_owner = on_ledger.owner;
    out.base_owner = OL_TRY(context_.contracts->base_owner(on_ledger.base_hash));
    return out;
}

Result<openlora::Completion>
InferenceService::complete_base(const api::CompletionCall& call,
                                const std::function<bool(std::string_view)>& on_text) {
    openlora::CompletionRequest request;
    request.prompt = OL_TRY(prompt_of(call));
    request.max_tokens = call.max_tokens;
    request.sampling = call.sampling;
    request.stop = call.stop;
    return models_.server().complete(request, on_text);
}

Result<Answer> InferenceService::answer(const api::CompletionCall& call,
                                        const std::function<bool(std::string_view)>& on_text) {
    const auto adapter = OL_TRY(models_.adapter(call.model));
    if (!call.voucher) {
        return fail(ErrorCode::payment,
                    "model '{}' asks for a voucher; the quote says how much it must promise",
                    call.model);
    }
    const auto& voucher = *call.voucher;
    if (voucher.host != host_) {
        return fail(ErrorCode::payment, "the voucher is for host {}, this is {}",
                    crypto::checksum_address(voucher.host), crypto::checksum_address(host_));
    }
    auto offer = OL_TRY(quote(call, voucher.payer));

    // What this request may cost is set aside while it runs, so that requests side by side cannot
    // spend the same promise twice: the promise is checked and used up in one step.
    struct Reservation {
        InferenceService& service;
        Address payer;
        U256 amount;
        bool held = true;
        void free() { // with the service's mutex held
            if (!std::exchange(held, false)) return;
            auto& total = service.reserved_[payer];
            total = total - amount;
        }
        ~Reservation() {
            const std::scoped_lock guard(service.mutex_);
            free();
        }
    };
    {
        const std::scoped_lock guard(mutex_);
        offer.owed = OL_TRY(owed_and_reserved(voucher.payer));
        OL_TRY(market::check_voucher(context_.contracts->escrow_domain(), voucher, offer.owed,
                                     offer.price, offer.deposited));
        reserved_[voucher.payer] += offer.price;
    }
    Reservation reservation{*this, voucher.payer, offer.price};
    const auto version = OL_TRY(datanets_.version(adapter.datanet_id, adapter.version));
    const auto rules = OL_TRY(context_.current_money_rules());
    const auto parties = OL_TRY(parties_of(adapter));

    openlora::CompletionRequest request;
    request.adapter = adapter.name;
    request.prompt = OL_TRY(prompt_of(call));
    request.max_tokens = call.max_tokens;
    request.sampling = call.sampling;
    request.stop = call.stop;
    Answer out;
    out.completion = OL_TRY(models_.server().complete(request, on_text));

    market::Receipt draft;
    draft.datanet_id = adapter.datanet_id;
    draft.version = adapter.version;
    draft.adapter_id = adapter.adapter_id;
    draft.payer = voucher.payer;
    draft.host = host_;
    draft.tokens_in = out.completion.prompt_tokens;
    draft.tokens_out = out.completion.completion_tokens;
    draft.fee = market::fee_of(draft.tokens_in, draft.tokens_out, adapter.price_in,
                               adapter.price_out, rules.platform_fee);
    draft.parameters_version = rules.version;

    const std::scoped_lock guard(mutex_);
    draft.cumulative = OL_TRY(channel(voucher.payer)).owed + draft.fee;
    OL_TRY(context_.db->query(
        "SELECT coalesce(max(nonce) + 1, 0) FROM receipts WHERE host = ?",
        [&](const store::Row& row) {
            draft.nonce = static_cast<std::uint64_t>(row.integer(0));
            return false;
        },
        host_));
    out.receipt.prompt = prompt_text(call);
    out.receipt.answer = out.completion.text;
    out.receipt.receipt = OL_TRY(market::complete_receipt(
        draft, out.receipt.prompt, out.receipt.answer, version->segment, rules, parties));
    out.receipt_hash = out.receipt.receipt.hash();
    const auto host_key = OL_TRY(context_.keys->key(host_wallet));
    out.receipt.signature = host_key.sign(
        market::receipt_digest(context_.contracts->settlement_domain(), out.receipt_hash));
    OL_TRY(store(out.receipt, voucher, adapter.name));
    reservation.free();
    return out;
}

Status InferenceService::store(const market::SignedReceipt& receipt, const market::Voucher& voucher,
                               const std::string& adapter) {
    const auto& r = receipt.receipt;
    store::Transaction transaction(*context_.db);
    OL_TRY(context_.db->run(
        "INSERT INTO receipts(hash, host, nonce, payer, adapter, json) VALUES(?,?,?,?,?,?)",
        r.hash(), r.host, r.nonce, r.payer, adapter, receipt.to_json().dump()));
    OL_TRY(context_.db->run(
        "INSERT INTO channels(payer, host, owed, voucher_cumulative, voucher_signature) "
        "VALUES(?,?,?,?,?) ON CONFLICT(payer, host) DO UPDATE SET owed = excluded.owed",
        r.payer, r.host, r.cumulative, voucher.cumulative, ByteView(voucher.signature.to_rsv())));
    OL_TRY(context_.db->run(
        "UPDATE channels SET voucher_cumulative = ?, voucher_signature = ? WHERE payer = ? AND "
        "host = ? AND voucher_cumulative < ?",
        voucher.cumulative, ByteView(voucher.signature.to_rsv()), r.payer, r.host,
        voucher.cumulative));
    return transaction.commit();
}

Result<market::SignedReceipt> InferenceService::receipt(const Hash32& hash) const {
    std::string text;
    OL_TRY(context_.db->query(
        "SELECT json FROM receipts WHERE hash = ?",
        [&](const store::Row& row) {
            text = row.text(0);
            return false;
        },
        hash));
    if (text.empty()) {
        return fail(ErrorCode::not_found, "there is no receipt {}", to_hex0x(hash.view()));
    }
    return market::SignedReceipt::from_json(OL_TRY(Json::parse(text)));
}

Result<std::uint64_t> InferenceService::receipt_count() const {
    std::uint64_t out = 0;
    OL_TRY(context_.db->query("SELECT count(*) FROM receipts", [&](const store::Row& row) {
        out = static_cast<std::uint64_t>(row.integer(0));
        return false;
    }));
    return out;
}

Result<Json> InferenceService::receipt_json(const market::SignedReceipt& receipt) const {
    const auto& r = receipt.receipt;
    const auto version = OL_TRY(datanets_.version(r.datanet_id, r.version));
    Json shares = Json::array();
    for (const auto& share : r.shares) {
        shares.push(Json::object({{"record", version->manifest.entries.at(share.record).record_id},
                                  {"title", version->titles.at(share.record)},
                                  {"owner", share.owner},
                                  {"share", static_cast<double>(share.share) /
                                                static_cast<double>(attribution::blend::one)},
                                  {"share_fixed", share.share}}));
    }
    Json payouts = Json::array();
    for (const auto& payout : r.payouts) {
        payouts.push(Json::object({{"account", payout.account}, {"wei", payout.amount}}));
    }
    Json out = Json::object({{"hash", r.hash()},
                             {"prompt", receipt.prompt},
                             {"answer", receipt.answer},
                             {"datanet", r.datanet_id},
                             {"version", r.version},
                             {"adapter", r.adapter_id},
                             {"host", r.host},
                             {"payer", r.payer},
                             {"nonce", r.nonce},
                             {"tokens_in", r.tokens_in},
                             {"tokens_out", r.tokens_out},
                             {"fee_wei", r.fee},
                             {"cumulative_wei", r.cumulative}});
    const double symbols = std::max(1U, r.answer_symbols);
    out.set("explained", r.shares.empty() ? 0.0 : r.covered / symbols);
    out.set("spans", OL_TRY(spans_json(*version, receipt.answer, r.spans, r.matches)));
    out.set("shares", std::move(shares));
    out.set("payouts", std::move(payouts));
    out.set("signature", to_hex0x(receipt.signature.to_rsv()));
    out.set("raw", to_hex0x(r.encode()));
    return out;
}

Result<Json> InferenceService::receipts_json(std::uint64_t offset, std::uint64_t limit) const {
    if (limit == 0) limit = 50;
    if (limit > page_limit) {
        return fail(ErrorCode::invalid_argument, "limit {} is more than {} a page", limit,
                    page_limit);
    }
    std::vector<std::string> texts;
    std::vector<Json> epochs;
    OL_TRY(context_.db->query(
        "SELECT json, epoch FROM receipts ORDER BY host, nonce DESC LIMIT ? OFFSET ?",
        [&](const store::Row& row) {
            texts.push_back(row.text(0));
            epochs.push_back(row.is_null(1) ? Json() : Json(row.integer(1)));
            return true;
        },
        limit, offset));
    Json rows = Json::array();
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto receipt =
            OL_TRY(market::SignedReceipt::from_json(OL_TRY(Json::parse(texts[i]))));
        const auto& r = receipt.receipt;
        rows.push(Json::object({{"hash", r.hash()},
                                {"nonce", r.nonce},
                                {"payer", r.payer},
                                {"prompt", receipt.prompt},
                                {"fee_wei", r.fee},
                                {"records", r.shares.size()},
                                {"epoch", epochs[i]}}));
    }
    return Json::object({{"receipts", std::move(rows)}, {"total", OL_TRY(receipt_count())}});
}

Result<std::vector<market::SignedReceipt>> InferenceService::unsettled() const {
    std::vector<std::string> texts;
    OL_TRY(context_.db->query("SELECT json FROM receipts WHERE epoch IS NULL ORDER BY host, nonce",
                              [&](const store::Row& row) {
                                  texts.push_back(row.text(0));
                                  return true;
                              }));
    std::vector<market::SignedReceipt> out;
    for (const auto& text : texts) {
        out.push_back(OL_TRY(market::SignedReceipt::from_json(OL_TRY(Json::parse(text)))));
    }
    return out;
}

Result<std::optional<market::Fault>>
InferenceService::find_fault(const market::SignedReceipt& receipt) {
    const auto& r = receipt.receipt;
    const auto on_ledger = OL_TRY(context_.contracts->adapter(r.adapter_id));
    const auto version = OL_TRY(datanets_.version(r.datanet_id, r.version));
    const auto rules = OL_TRY(context_.money_rules(r.parameters_version));
    market::Parties parties;
    parties.treasury = context_.contracts->at().treasury;
    parties.stake_vault = context_.contracts->at().vault;
    parties.host = r.host;
    parties.model_owner = on_ledger.owner;
    parties.base_owner = OL_TRY(context_.contracts->base_owner(on_ledger.base_hash));
    if (on_ledger.datanet_id != r.datanet_id || on_ledger.version != r.version) {
        return market::Fault{"challengeReceipt", "the adapter was not trained on this version"};
    }
    return market::find_fault(receipt, version->segment, rules, parties, on_ledger.price_in,
                              on_ledger.price_out, context_.contracts->settlement_domain());
}

Result<Json> InferenceService::verify(const Hash32& hash) {
    const auto found = OL_TRY(receipt(hash));
    const auto fault = OL_TRY(find_fault(found));
    Json out = Json::object({{"receipt", hash}, {"verified", !fault.has_value()}});
    if (fault) out.set("fault", Json::object({{"kind", fault->kind}, {"reason", fault->reason}}));
    return out;
}

} // namespace ol::node
