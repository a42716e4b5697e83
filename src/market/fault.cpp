// Recomputing a receipt from public data, and which of the contract's challenges proves what is
// wrong.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "base/limits.hpp"
#include "crypto/hash.hpp"
#include "market/receipt.hpp"

namespace ol::market {

namespace {

using attribution::suffix::Match;
using attribution::suffix::Segment;
using attribution::suffix::Span;

Fault numbers(std::string reason) { return {"challengeReceipt", std::move(reason)}; }

// The credits of a span's matches follow from the span's credit and their number alone.
std::optional<Fault> check_matches(const Receipt& receipt, const MoneyRules& rules) {
    const auto& matches = receipt.matches;
    std::size_t at = 0;
    for (std::size_t span = 0; span < receipt.spans.size(); ++span) {
        const std::size_t first = at;
        while (at < matches.size() && matches[at].span == span) ++at;
        const std::size_t count = at - first;
        if (count == 0 || count > rules.trace.span_max_clusters) {
            return numbers(fmt::format("span {} has {} matches; 1 to {} are paid", span, count,
                                       rules.trace.span_max_clusters));
        }
        const std::uint32_t credit = receipt.spans[span].credit;
        for (std::size_t i = first; i < at; ++i) {
            if (i > first && matches[i].record <= matches[i - 1].record) {
                return numbers(fmt::format("the records of span {} do not increase", span));
            }
            const auto expected =
                static_cast<std::uint32_t>(credit / count) + (i - first < credit % count ? 1U : 0U);
            if (matches[i].credit != expected) {
                return numbers(fmt::format("match {} has credit {} instead of {}", i,
                                           matches[i].credit, expected));
            }
        }
    }
    if (at != matches.size()) {
        return numbers(fmt::format("match {} is of span {}, which is not next in order", at,
                                   matches[at].span));
    }
    return {};
}

std::optional<Fault> check_spans(const Receipt& receipt, const MoneyRules& rules) {
    std::uint64_t owned = 0;
    for (std::size_t i = 0; i < receipt.spans.size(); ++i) {
        const Span& span = receipt.spans[i];
        if (span.length < rules.trace.span_min_symbols ||
            std::uint64_t{span.start} + span.length > receipt.answer_symbols || span.owned == 0 ||
            span.owned > span.length) {
            return numbers(fmt::format("span {} ({} symbols at {}, {} owned) is impossible in an "
                                       "answer of {} symbols",
                                       i, span.length, span.start, span.owned,
                                       receipt.answer_symbols));
        }
        if (i > 0 && span.start <= receipt.spans[i - 1].start) {
            return numbers(fmt::format("span {} does not start after span {}", i, i - 1));
        }
        owned += span.owned;
    }
    if (owned != receipt.covered || receipt.covered > receipt.answer_symbols) {
        return numbers(fmt::format("{} positions covered; the spans own {} of {}", receipt.covered,
                                   owned, receipt.answer_symbols));
    }
    return {};
}

// Everything that follows from the receipt's own numbers, the price and the parameters: what
// challengeReceipt recomputes.
std::optional<Fault> check_numbers(const Receipt& receipt, const MoneyRules& rules,
                                   const Parties& parties, const U256& price_in,
                                   const U256& price_out) {
    if (receipt.spans.size() > limits::receipt_spans ||
        receipt.matches.size() > limits::receipt_matches) {
        return numbers(fmt::format("{} spans with {} matches are more than a receipt holds",
                                   receipt.spans.size(), receipt.matches.size()));
    }
    const U256 fee =
        fee_of(receipt.tokens_in, receipt.tokens_out, price_in, price_out, rules.platform_fee);
    if (receipt.fee != fee) {
        return numbers(
            fmt::format("fee {} instead of {}", receipt.fee.to_decimal(), fee.to_decimal()));
    }
    if (receipt.cumulative < receipt.fee) {
        return numbers(
            fmt::format("cumulative {} is less than the fee", receipt.cumulative.to_decimal()));
    }
    if (auto fault = check_spans(receipt, rules)) return fault;
    if (auto fault = check_matches(receipt, rules)) return fault;
    if (receipt.shares != attribution::blend::shares_of(receipt.matches, rules.threshold)) {
        return numbers("the shares do not follow from the credits and the threshold");
    }
    if (receipt.payouts != payouts_of(receipt.fee, receipt.answer_symbols, receipt.covered,
                                      receipt.shares, rules, parties)) {
        return numbers("the payouts do not follow from the fee and the shares");
    }
    return {};
}

// What challengeSpan and challengeMatch refute. The answer's words are those of answer_root.
std::optional<Fault> check_openings(const Receipt& receipt, const Segment& segment,
                                    const std::vector<text::SymbolWord>& words) {
    for (std::size_t i = 0; i < receipt.matches.size(); ++i) {
        const Match& match = receipt.matches[i];
        const Span& span = receipt.spans[match.span];
        if (std::uint64_t{match.position} + span.length > segment.symbol_count() ||
            match.record >= segment.record_count()) {
            return numbers(fmt::format("match {} lies outside of the version", i));
        }
        for (std::uint32_t offset = 0; offset < span.length; ++offset) {
            if (segment.word_at(match.position + offset) == words[span.start + offset]) continue;
            return Fault{"challengeSpan",
                         fmt::format("symbol {} of match {} is '{}' in the answer and '{}' in the "
                                     "version",
                                     offset, i, text::symbol_text(words[span.start + offset]),
                                     text::symbol_text(segment.word_at(match.position + offset))),
                         i, offset};
        }
        const auto holder = segment.table_entry(segment.record_at(match.position));
        if (holder.cluster != match.record) {
            return Fault{
                "challengeMatch",
                fmt::format("match {} pays record {}; its place is of the cluster of record {}", i,
                            match.record, holder.cluster),
                i};
        }
        if (const Address owner = segment.table_entry(match.record).owner; owner != match.owner) {
            return Fault{"challengeMatch",
                         fmt::format("match {} pays {}; record {} is owned by {}", i,
                                     to_hex0x(match.owner.view()), match.record,
                                     to_hex0x(owner.view())),
                         i};
        }
    }
    return {};
}

// A trace takes maximal spans: the answer's symbol on either side of one does not go on in any
// record. What challengeLongerMatch refutes.
std::optional<Fault> check_maximal(const Receipt& receipt, const Segment& segment,
                                   const std::vector<text::SymbolWord>& words) {
    for (std::size_t i = 0; i < receipt.spans.size(); ++i) {
        const Span& span = receipt.spans[i];
        const std::uint32_t length = span.length + 1;
        if (length > limits::proof_symbols) continue; // longer than a proof
        for (const bool before : {true, false}) {
            if (before ? span.start == 0 : span.start + span.length == words.size()) continue;
            const std::uint32_t start = before ? span.start - 1 : span.start;
            const auto found = segment.find(std::span(words).subspan(start, length));
            if (found.count() == 0) continue;
            Fault fault{"challengeLongerMatch",
                        fmt::format("span {} ({} symbols at {}) is not maximal: {} symbols at {} "
                                    "stand in the version",
                                    i, span.length, span.start, length, start)};
            fault.span = i;
            fault.start = start;
            fault.length = length;
            fault.position = segment.suffix_at(found.low);
            return fault;
        }
    }
    return {};
}

} // namespace

std::optional<Fault> find_fault(const SignedReceipt& signed_receipt, const Segment& segment,
                                const MoneyRules& rules, const Parties& parties,
                                const U256& price_in, const U256& price_out,
                                const ledger::TypedDomain& settlement_domain) {
    const Receipt& receipt = signed_receipt.receipt;
    const auto unprovable = [](std::string reason) {
        return Fault{"unprovable", std::move(reason)};
    };
    if (receipt.parameters_version != rules.version) {
        return unprovable(
            fmt::format("the receipt is of parameters version {}; it was checked with {}",
                        receipt.parameters_version, rules.version));
    }
    // What a contract can be shown comes first: it has consequences.
    if (auto fault = check_numbers(receipt, rules, parties, price_in, price_out)) return fault;

    const auto words = answer_words(signed_receipt.answer);
    const bool answer_known = words && words->size() == receipt.answer_symbols &&
                              answer_tree(*words).root() == receipt.answer_root;
    if (answer_known) {
        if (auto fault = check_openings(receipt, segment, *words)) return fault;
        if (auto fault = check_maximal(receipt, segment, *words)) return fault;
    }

    const auto signer = crypto::recover(receipt_digest(settlement_domain, receipt.hash()),
                                        signed_receipt.signature);
    if (!signer || *signer != receipt.host) return unprovable("the signature is not the host's");
    if (crypto::keccak256(signed_receipt.prompt) != receipt.prompt_hash) {
        return unprovable("the prompt is not the one that was hashed");
    }
    if (crypto::keccak256(signed_receipt.answer) != receipt.answer_hash) {
        return unprovable("the answer is not the one that was hashed");
    }
    if (!words) return unprovable("the answer has no symbols: " + words.error().context);
    if (!answer_known) return unprovable("the answer's symbols are not those of its root");

    const auto trace = attribution::suffix::trace(segment, *words, rules.trace);
    if (!trace) return unprovable("the answer cannot be traced: " + trace.error().context);
    if (trace->spans != receipt.spans || trace->covered != receipt.covered) {
        return unprovable(fmt::format("the trace of the answer has {} spans over {} positions, the "
                                      "receipt {} over {}, or their credit differs",
                                      trace->spans.size(), trace->covered, receipt.spans.size(),
                                      receipt.covered));
    }
    if (trace->matches != receipt.matches) {
        return unprovable("the trace of the answer pays other occurrences");
    }
    return {};
}

} // namespace ol::market
