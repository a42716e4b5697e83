// receipt, epoch, claim.
#include "node/cli/commands.hpp"
#include "node/cli/fields.hpp"

namespace ol::node::cli {

using codec::Json;

namespace {

void print_epoch(Session& session, const Json& epoch) {
    const auto& out = session.console();
    out.line(fmt::format("epoch {} {}: {} receipts, {} in fees",
                         epoch["epoch"].as_uint().value_or(0), text_at(epoch, "state"),
                         epoch["receipts"].items().size(), open_at(epoch, "receipts_total_wei")));
    out.line(fmt::format("  receipts root {}\n  rewards root  {}", text_at(epoch, "receipts_root"),
                         text_at(epoch, "rewards_root")));
    for (const auto& row : epoch["rewards"].items()) {
        out.line(
            fmt::format("  {}  {:>28}", text_at(row, "account"), open_at(row, "cumulative_wei")));
    }
}

} // namespace

Status receipt_list(Session& session) {
    const auto page = OL_TRY(OL_TRY(session.services())->receipts(0, 50));
    if (session.json()) {
        session.print(page);
        return {};
    }
    for (const auto& row : page["receipts"].items()) {
        session.console().line(fmt::format("{}  {:>20}  {}", text_at(row, "hash"),
                                           open_at(row, "fee_wei"), text_at(row, "prompt")));
    }
    return {};
}

Status receipt_show(Session& session, const std::string& hash) {
    const auto receipt =
        OL_TRY(OL_TRY(session.services())->receipt(OL_TRY_IN(hash32_from_hex(hash), "HASH")));
    if (session.json()) {
        session.print(receipt);
        return {};
    }
    const auto& out = session.console();
    out.line(fmt::format("{}\n{}\n", out.paint(Paint::bold, text_at(receipt, "prompt")),
                         text_at(receipt, "answer")));
    out.line(fmt::format("fee {}, {:.0f} % explained", open_at(receipt, "fee_wei"),
                         100 * receipt["explained"].as_double().value_or(0)));
    for (const auto& span : receipt["spans"].items()) {
        out.line(fmt::format("  \"{}\"  {:.1f} bits", text_at(span, "text"),
                             span["bits"].as_double().value_or(0)));
        for (const auto& match : span["matches"].items()) {
            out.line(fmt::format("      {}  {}  {} at byte {}", short_hex(text_at(match, "owner")),
                                 short_hex(text_at(match, "record")), record_name(match),
                                 match["offset"].as_uint().value_or(0)));
        }
    }
    for (const auto& payout : receipt["payouts"].items()) {
        out.line(
            fmt::format("  pays {}  {:>28}", text_at(payout, "account"), open_at(payout, "wei")));
    }
    return {};
}

Status receipt_verify(Session& session, const std::string& hash) {
    const auto verdict = OL_TRY(
        OL_TRY(session.services())->verify_receipt(OL_TRY_IN(hash32_from_hex(hash), "HASH")));
    if (session.json()) session.print(verdict);
    if (!verdict["verified"].as_bool().value_or(false)) {
        return fail(ErrorCode::unverified, "{}", text_at(verdict["fault"], "reason"));
    }
    if (!session.json()) {
        session.console().line(session.console().paint(Paint::green, "verified") +
                               ": trace, shares, payouts, fee and signature recomputed and equal");
    }
    return {};
}

Status epoch_settle(Session& session) {
    const auto epoch = OL_TRY(OL_TRY(session.services())->settle());
    if (session.json()) {
        session.print(epoch);
    } else {
        print_epoch(session, epoch);
    }
    return {};
}

Status epoch_finalise(Session& session) {
    const auto epoch = OL_TRY(OL_TRY(session.services())->finalise());
    if (session.json()) {
        session.print(epoch);
    } else {
        print_epoch(session, epoch);
    }
    return {};
}

Status epoch_show(Session& session, std::uint64_t number) {
    auto* services = OL_TRY(session.services());
    if (number != 0) {
        const auto epoch = OL_TRY(services->epoch(number));
        if (session.json()) {
            session.print(epoch);
        } else {
            print_epoch(session, epoch);
        }
        return {};
    }
    const auto epochs = OL_TRY(services->epochs());
    if (session.json()) {
        session.print(epochs);
        return {};
    }
    for (const auto& row : epochs["epochs"].items()) {
        session.console().line(
            fmt::format("epoch {}  {}", row["epoch"].as_uint().value_or(0), text_at(row, "state")));
    }
    if (!epochs["pending"].is_null()) {
        session.console().line(
            fmt::format("pending: epoch {}, can be challenged until {}",
                        epochs["pending"]["epoch"].as_uint().value_or(0),
                        epochs["pending"]["challenge_ends_at"].as_uint().value_or(0)));
    }
    return {};
}

Status claim_rewards(Session& session, const std::string& name_or_address) {
    const auto account = OL_TRY(account_of(session, name_or_address));
    const auto claimed = OL_TRY(OL_TRY(session.services())->claim(account));
    if (session.json()) {
        session.print(claimed);
    } else {
        session.console().line(fmt::format("{} paid to {}", open_at(claimed, "claimed_wei"),
                                           crypto::checksum_address(account)));
    }
    return {};
}

} // namespace ol::node::cli
