#include "attribution/suffix/query/cnf.hpp"
#include "attribution/suffix/query/fuzzy.hpp"
#include "attribution/suffix/query/query.hpp"
#include "attribution/suffix/trace.hpp"
#include "base/limits.hpp"
#include "node/cli/commands_index.hpp"
#include "node/cli/index_input.hpp"

namespace ol::node::cli {

namespace suffix = attribution::suffix;
using codec::Json;

namespace {

using Words = std::vector<text::SymbolWord>;

// What every query works with: the index, the names of its owners, and the text that is asked for.
struct Asked {
    suffix::Index index;
    OwnerNames names;
    std::string text;
    std::vector<text::Symbol> symbols;

    const suffix::IndexView& view() const { return index.view(); }
    Words words() const {
        Words out;
        for (const auto& symbol : symbols) out.push_back(symbol.word);
        return out;
    }
    std::string_view label(std::uint32_t record) const {
        const auto& ref = view().segments()[view().segment_of(record)];
        return ref.segment->label(record - ref.first_record);
    }
    Address owner(std::uint32_t record) const { return view().table_entry(record).owner; }
};

Result<Asked> ask(const IndexQueryCommand& command, bool with_text = true) {
    auto index = OL_TRY(suffix::Index::open(command.folder));
    auto names = OL_TRY(OwnerNames::read(command.folder));
    Asked out{std::move(index), std::move(names), {}, {}};
    if (!with_text) return out;
    out.text = OL_TRY(asked_text(command.text, command.file));
    out.symbols = OL_TRY_IN(text::symbolize(out.text), "the text");
    if (out.symbols.empty()) {
        return fail(ErrorCode::invalid_argument, "the text holds no word; give one");
    }
    return out;
}

// The symbols around a place, as the index knows them: folded, with spaces between.
struct Context {
    std::string before, found, after;
};
Context context_of(const suffix::IndexView& view, suffix::Position at, std::size_t length) {
    constexpr std::uint32_t around = 8;
    const auto& segment = view.segment(at.segment);
    const std::uint32_t record = segment.record_at(at.position);
    const std::uint32_t start = segment.start_of(record), end = segment.start_of(record + 1) - 1;
    const auto join = [&](std::uint32_t from, std::uint32_t to) {
        std::string out;
        for (std::uint32_t p = from; p < to; ++p) {
            if (!out.empty()) out += ' ';
            out += text::symbol_text(segment.word_at(p));
        }
        return out;
    };
    const std::uint32_t found_end = at.position + static_cast<std::uint32_t>(length);
    return {join(std::max(start, at.position - std::min(at.position, around)), at.position),
            join(at.position, found_end), join(found_end, std::min(end, found_end + around))};
}

std::string shown(const Console& out, const Context& context) {
    return fmt::format("{} {} {}", context.before, out.paint(Paint::bold, context.found),
                       context.after);
}

Json record_json(const Asked& asked, std::uint32_t record) {
    const Address owner = asked.owner(record);
    return Json::object({{"record", record},
                         {"label", asked.label(record)},
                         {"owner", owner},
                         {"owner_name", asked.names.name_of(owner)}});
}

Json hit_json(const Asked& asked, const suffix::Hit& hit, std::size_t length) {
    auto out = record_json(asked, hit.record);
    const auto context = context_of(asked.view(), hit.at, length);
    out.set("offset", hit.offset).set("size", hit.size);
    out.set("before", context.before).set("found", context.found).set("after", context.after);
    return out;
}

Json words_json(const suffix::NextSymbol& next, std::uint64_t total) {
    return Json::object(
        {{"symbol", text::symbol_text(next.word)},
         {"count", next.count},
         {"probability", static_cast<double>(next.count) / static_cast<double>(total)}});
}

// "court | tribunal" as phrases.
Result<std::vector<Words>> parse_clause(const std::string& text) {
    std::vector<Words> out;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find('|', at), text.size());
        Words words;
        for (const auto& symbol : OL_TRY(text::symbolize(text.substr(at, end - at)))) {
            words.push_back(symbol.word);
        }
        if (words.empty()) {
            return fail(ErrorCode::invalid_argument,
                        "clause '{}': a phrase holds no word; write it as \"this | that phrase\"",
                        text);
        }
        out.push_back(std::move(words));
        at = end + 1;
    }
    return out;
}

} // namespace

Status index_count(Session& session, const IndexQueryCommand& command) {
    const auto asked = OL_TRY(ask(command));
    const auto count = OL_TRY(suffix::count(asked.view(), asked.words()));
    if (session.json()) {
        session.print(Json::object({{"symbols", asked.symbols.size()}, {"count", count}}));
    } else {
        session.console().line(human_count(count));
    }
    return {};
}

Status index_locate(Session& session, const IndexQueryCommand& command) {
    const auto asked = OL_TRY(ask(command));
    const auto words = asked.words();
    const auto count = OL_TRY(suffix::count(asked.view(), words));
    const auto hits = OL_TRY(suffix::locate(asked.view(), words, command.limit, command.skip));
    if (session.json()) {
        Json list = Json::array();
        for (const auto& hit : hits) list.push(hit_json(asked, hit, words.size()));
        session.print(Json::object({{"count", count}, {"hits", std::move(list)}}));
        return {};
    }
    const auto& out = session.console();
    for (const auto& hit : hits) {
        out.line(fmt::format("{} byte {}  {}", out.paint(Paint::cyan, asked.label(hit.record)),
                             hit.offset,
                             shown(out, context_of(asked.view(), hit.at, words.size()))));
    }
    out.line(fmt::format("{} of {} places", human_count(hits.size()), human_count(count)));
    return {};
}

Status index_next(Session& session, const IndexQueryCommand& command) {
    const auto asked = OL_TRY(ask(command));
    const auto words = asked.words();
    const auto next = command.infinity
                          ? OL_TRY(suffix::infinity_gram(asked.view(), words, command.limit))
                          : OL_TRY(suffix::next_symbols(asked.view(), words, command.limit));
    if (session.json()) {
        Json list = Json::array();
        for (const auto& symbol : next.symbols) list.push(words_json(symbol, next.total));
        session.print(Json::object({{"context", next.context},
                                    {"total", next.total},
                                    {"ends", next.ends},
                                    {"distinct", next.distinct},
                                    {"symbols", std::move(list)}}));
        return {};
    }
    const auto& out = session.console();
    out.line(fmt::format("{} of {} symbols are the context; it occurs {} times, {} at the end of a "
                         "record; {} symbols follow",
                         next.context, words.size(), human_count(next.total),
                         human_count(next.ends), human_count(next.distinct)));
    for (const auto& symbol : next.symbols) {
        out.line(
            fmt::format("  {:5.1f} %  {:>10}  {}",
                        100 * static_cast<double>(symbol.count) / static_cast<double>(next.total),
                        human_count(symbol.count), text::symbol_text(symbol.word)));
    }
    return {};
}

Status index_spread(Session& session, const IndexQueryCommand& command) {
    const auto asked = OL_TRY(ask(command));
    const auto spread = OL_TRY(suffix::spread(asked.view(), asked.words()));
    const auto& out = session.console();
    if (!session.json()) {
        out.line(fmt::format("{} times in {} records, {} clusters, {} owners",
                             human_count(spread.count), human_count(spread.records),
                             human_count(spread.clusters), human_count(spread.owners.size())));
    }
    Json list = Json::array();
    for (std::size_t i = 0; i < std::min<std::size_t>(spread.owners.size(), command.limit); ++i) {
        const auto& owner = spread.owners[i];
        if (session.json()) {
            list.push(Json::object({{"owner", owner.owner},
                                    {"owner_name", asked.names.name_of(owner.owner)},
                                    {"count", owner.count},
                                    {"records", owner.records}}));
        } else {
            out.line(fmt::format("  {:>10} in {:>8} records  {}", human_count(owner.count),
                                 human_count(owner.records), asked.names.name_of(owner.owner)));
        }
    }
    if (session.json()) {
        session.print(Json::object({{"count", spread.count},
                                    {"records", spread.records},
                                    {"clusters", spread.clusters},
                                    {"owner_count", spread.owners.size()},
                                    {"owners", std::move(list)}}));
    }
    return {};
}

Status index_search(Session& session, const IndexQueryCommand& command) {
    const auto asked = OL_TRY(ask(command, false));
    suffix::CnfQuery query{.clauses = {},
                           .distance = command.distance,
                           .limit = static_cast<std::size_t>(command.limit)};
    for (const auto& clause : command.clauses) {
        query.clauses.push_back(OL_TRY(parse_clause(clause)));
    }
    const auto result = OL_TRY(suffix::cnf_search(asked.view(), query));
    const auto& out = session.console();
    const auto length_of = [&](const suffix::Hit& hit, std::size_t clause) {
        // The phrase that stands there: as many symbols as the hit has bytes.
        for (const auto& phrase : query.clauses[clause]) {
            const auto& segment = asked.view().segment(hit.at.segment);
            bool same = true;
            for (std::uint32_t i = 0; same && i < phrase.size(); ++i) {
                same = hit.at.position + i < segment.symbol_count() &&
                       segment.word_at(hit.at.position + i) == phrase[i];
            }
            if (same) return phrase.size();
        }
        return std::size_t{1};
    };
    if (session.json()) {
        Json list = Json::array();
        for (const auto& place : result.places) {
            auto row = record_json(asked, place.record);
            Json clauses = Json::array();
            for (std::size_t c = 0; c < place.clauses.size(); ++c) {
                clauses.push(hit_json(asked, place.clauses[c], length_of(place.clauses[c], c)));
            }
            list.push(row.set("clauses", std::move(clauses)));
        }
        session.print(Json::object({{"records", result.records}, {"places", std::move(list)}}));
        return {};
    }
    for (const auto& place : result.places) {
        out.line(out.paint(Paint::cyan, asked.label(place.record)));
        for (std::size_t c = 0; c < place.clauses.size(); ++c) {
            const auto& hit = place.clauses[c];
            out.line(fmt::format("  byte {:>6}  {}", hit.offset,
                                 shown(out, context_of(asked.view(), hit.at, length_of(hit, c)))));
        }
    }
    out.line(fmt::format("{} of {} records", human_count(result.places.size()),
                         human_count(result.records)));
    return {};
}

Status index_fuzzy(Session& session, const IndexQueryCommand& command) {
    const auto asked = OL_TRY(ask(command));
    suffix::FuzzyRules rules;
    rules.limit = command.limit;
    if (command.min_symbols != 0) rules.min_matched = command.min_symbols;
    if (command.max_gap != 0) rules.max_gap = command.max_gap;
    if (command.max_edits != 0) rules.max_edit_percent = command.max_edits;
    const auto spans = OL_TRY(suffix::fuzzy_spans(asked.view(), asked.words(), rules));
    const auto& out = session.console();
    Json list = Json::array();
    for (const auto& span : spans) {
        const auto& first = asked.symbols[span.start];
        const auto& last = asked.symbols[span.start + span.length - 1];
        const std::uint32_t end = last.offset + last.size;
        const auto context = context_of(asked.view(), span.at, span.at_length);
        if (session.json()) {
            auto row = record_json(asked, span.record);
            row.set("start_byte", first.offset).set("end_byte", end);
            row.set("symbols", span.length).set("record_symbols", span.at_length);
            row.set("matched", span.matched).set("edits", span.edits);
            row.set("offset",
                    asked.view().segment(span.at.segment).place_at(span.at.position).offset);
            list.push(row.set("found", context.found));
            continue;
        }
        out.line(fmt::format("{} symbols match, {} edits  {}  {}", span.matched, span.edits,
                             out.paint(Paint::cyan, asked.label(span.record)),
                             out.paint(Paint::dim, asked.names.name_of(asked.owner(span.record)))));
        out.line(fmt::format("  text    {}", asked.text.substr(first.offset, end - first.offset)));
        out.line(fmt::format("  record  {}", context.found));
    }
    if (session.json()) {
        session.print(Json::object({{"spans", std::move(list)}}));
    } else if (spans.empty()) {
        out.line("nothing of the text stands in a record with few changes");
    }
    return {};
}

namespace {

// Shares of the owners, in the order of the trace.
std::vector<std::pair<Address, std::uint64_t>> credit_by_owner(const suffix::Trace& trace) {
    std::vector<std::pair<Address, std::uint64_t>> out;
    for (const auto& match : trace.matches) {
        const auto at = std::find_if(out.begin(), out.end(),
                                     [&](const auto& row) { return row.first == match.owner; });
        if (at == out.end()) {
            out.emplace_back(match.owner, match.credit);
        } else {
            at->second += match.credit;
        }
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    return out;
}

std::pair<std::uint32_t, std::uint32_t> bytes_of(const Asked& asked, const suffix::Span& span) {
    const auto& last = asked.symbols[span.start + span.length - 1];
    return {asked.symbols[span.start].offset, last.offset + last.size};
}

Json trace_json(const Asked& asked, const suffix::Trace& trace) {
    Json spans = Json::array(), shares = Json::array();
    std::size_t m = 0;
    for (std::uint32_t s = 0; s < trace.spans.size(); ++s) {
        const auto [start, end] = bytes_of(asked, trace.spans[s]);
        Json matches = Json::array();
        for (; m < trace.matches.size() && trace.matches[m].span == s; ++m) {
            const auto& match = trace.matches[m];
            auto row = record_json(asked, match.record);
            const suffix::Position at{match.segment, match.position};
            const auto found = asked.view().record_at(at);
            row.set("credit", match.credit).set("found_in", found);
            row.set("found_label", asked.label(found));
            row.set("offset", asked.view().segment(at.segment).place_at(at.position).offset);
            matches.push(std::move(row));
        }
        spans.push(Json::object({{"start_byte", start},
                                 {"end_byte", end},
                                 {"symbols", trace.spans[s].length},
                                 {"owned", trace.spans[s].owned},
                                 {"credit", trace.spans[s].credit},
                                 {"matches", std::move(matches)}}));
    }
    std::uint64_t total = 0;
    const auto owners = credit_by_owner(trace);
    for (const auto& [owner, credit] : owners) total += credit;
    for (const auto& [owner, credit] : owners) {
        shares.push(
            Json::object({{"owner", owner},
                          {"owner_name", asked.names.name_of(owner)},
                          {"credit", credit},
                          {"share", static_cast<double>(credit) / static_cast<double>(total)}}));
    }
    return Json::object({{"symbols", trace.symbol_count},
                         {"covered", trace.covered},
                         {"spans", std::move(spans)},
                         {"shares", std::move(shares)}});
}

void print_trace(const Console& out, const Asked& asked, const suffix::Trace& trace) {
    const auto owners = credit_by_owner(trace);
    const auto color = [&](const Address& owner, std::string_view text) {
        std::size_t index = 0;
        while (index < owners.size() && owners[index].first != owner) ++index;
        return out.paint_index(index, text);
    };
    std::string marked;
    std::size_t at = 0, m = 0;
    for (std::uint32_t s = 0; s < trace.spans.size(); ++s) {
        while (trace.matches[m].span != s) ++m;
        auto [start, end] = bytes_of(asked, trace.spans[s]);
        const std::size_t from = std::max<std::size_t>(at, start);
        if (from >= end) continue;
        marked += asked.text.substr(at, from - at);
        marked += "[" + color(trace.matches[m].owner, asked.text.substr(from, end - from)) + "]";
        at = end;
    }
    out.line(marked + asked.text.substr(at));
    out.line();
    for (const auto& match : trace.matches) {
        const auto& view = asked.view();
        const auto place = view.segment(match.segment).place_at(match.position);
        const auto found = view.record_at({match.segment, match.position});
        out.line(fmt::format(
            "{:6.1f} bits  {:2} symbols  {}  {} byte {}", static_cast<double>(match.credit) / 256,
            trace.spans[match.span].length, color(match.owner, asked.names.name_of(match.owner)),
            asked.label(found), place.offset));
    }
    const auto percent = [](std::uint64_t part, std::uint64_t whole) {
        return whole == 0 ? 0.0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
    };
    out.line(fmt::format("{:.1f} % of {} symbols explained",
                         percent(trace.covered, trace.symbol_count), trace.symbol_count));
    std::uint64_t total = 0;
    for (const auto& [owner, credit] : owners) total += credit;
    for (const auto& [owner, credit] : owners) {
        out.line(fmt::format("  {:5.1f} %  {}", percent(credit, total),
                             color(owner, asked.names.name_of(owner))));
    }
}

} // namespace

Status index_trace(Session& session, const IndexQueryCommand& command) {
    const auto asked = OL_TRY(ask(command));
    suffix::TraceRules rules;
    if (command.min_symbols != 0) rules.span_min_symbols = command.min_symbols;
    if (command.min_bits != 0) rules.span_min_bits = command.min_bits * 256;
    const auto trace = OL_TRY(suffix::trace(asked.view(), asked.words(), rules));
    if (session.json()) {
        session.print(trace_json(asked, trace));
    } else {
        print_trace(session.console(), asked, trace);
    }
    return {};
}

} // namespace ol::node::cli
