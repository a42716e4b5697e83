#include "node/cli/commands_index.hpp"

#include <algorithm>
#include <charconv>

#include "node/cli/index_input.hpp"

namespace ol::node::cli {

namespace suffix = attribution::suffix;
using codec::Json;

namespace {

// "4G" in bytes.
Result<std::uint64_t> parse_bytes(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    static constexpr std::string_view units = "KMGT";
    unsigned shift = 0;
    if (!unit.empty()) {
        const auto at = units.find(static_cast<char>(unit[0] & ~0x20));
        const bool known = unit.size() == 1 || unit.substr(1) == "B" || unit.substr(1) == "iB";
        if (at == std::string_view::npos || !known) value = 0;
        shift = 10 * static_cast<unsigned>(at + 1);
    }
    if (error != std::errc() || value == 0 || value > ~std::uint64_t{0} >> shift) {
        return fail(ErrorCode::invalid_argument,
                    "'{}' is no amount of memory; write it as 4G or 500M", text);
    }
    return value << shift;
}

Result<suffix::Form> parse_form(std::string_view text) {
    if (text == "hot") return suffix::Form::hot;
    if (text == "cold") return suffix::Form::cold;
    return fail(ErrorCode::invalid_argument, "'{}' is no form of a segment; it is hot or cold",
                text);
}

std::string_view form_name(suffix::Form form) { return form == suffix::Form::hot ? "hot" : "cold"; }

Result<OwnerBy> parse_owner_by(std::string_view text) {
    if (text == "folder") return OwnerBy::folder;
    if (text == "file") return OwnerBy::file;
    if (text == "record") return OwnerBy::record;
    return fail(ErrorCode::invalid_argument, "--owner-by is folder, file or record, not '{}'",
                text);
}

Result<std::uint32_t> parse_number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        return fail(ErrorCode::invalid_argument, "'{}' is no record number", text);
    }
    return value;
}

// Numbers and ranges "5-9" (both ends), and records by the start of their label.
Result<std::vector<std::uint32_t>> chosen_records(const suffix::IndexView& view,
                                                  const IndexChangeCommand& command) {
    std::vector<std::uint32_t> out;
    for (const std::string& text : command.records) {
        const auto dash = std::min(text.find('-'), text.size());
        const auto first = OL_TRY(parse_number(std::string_view(text).substr(0, dash)));
        auto last = first;
        if (dash < text.size())
            last = OL_TRY(parse_number(std::string_view(text).substr(dash + 1)));
        if (first > last || last >= view.record_count()) {
            return fail(ErrorCode::invalid_argument, "records {}: the index holds 0 to {}", text,
                        std::int64_t{view.record_count()} - 1);
        }
        for (std::uint64_t r = first; r <= last; ++r) out.push_back(static_cast<std::uint32_t>(r));
    }
    for (const std::string& prefix : command.labels) {
        const std::size_t before = out.size();
        for (const auto& ref : view.segments()) {
            for (std::uint32_t r = 0; r < ref.segment->record_count(); ++r) {
                if (ref.segment->label(r).starts_with(prefix)) {
                    out.push_back(ref.first_record + r);
                }
            }
        }
        if (out.size() == before) {
            return fail(ErrorCode::not_found, "no record's label starts with '{}'", prefix);
        }
    }
    if (out.empty()) {
        return fail(ErrorCode::invalid_argument, "say which records: numbers, ranges or --label");
    }
    return out;
}

std::uint64_t bytes_of(const suffix::Index& index) {
    std::uint64_t out = 0;
    for (const auto& segment : index.segments()) out += segment.bytes;
    return out;
}

// Adds the files to an index that is there.
Status add_files(Session& session, suffix::Index& index, const IndexBuildCommand& command) {
    const auto& out = session.console();
    const suffix::BuildLimits limits{.memory_bytes = OL_TRY(parse_bytes(command.memory)),
                                     .form = OL_TRY(parse_form(command.form))};
    auto input = OL_TRY(IndexInput::open(command.paths, OL_TRY(parse_owner_by(command.owner_by))));
    auto names = OL_TRY(OwnerNames::read(index.folder()));
    ThreadPool pool(session.options().node.threads);
    const auto progress = out.progress();
    const std::uint32_t first = index.view().record_count();
    KnownTexts known;
    known.add(index.view());
    const auto source = [&]() -> Result<std::optional<suffix::SourceRecord>> {
        progress("reading files", input.files_read(), input.file_count());
        auto record = OL_TRY(input.next(known, first, names, pool));
        // Names are there before the records that need them.
        if (!record) OL_TRY(names.write(index.folder()));
        return record;
    };
    // What append says of records without a total, the files say better.
    const ProgressSink rest = [&](std::string_view what, std::uint64_t done, std::uint64_t total) {
        return total == 0 || progress(what, done, total);
    };
    const auto added = OL_TRY(index.append(source, limits, pool, rest));
    if (session.json()) {
        Json issues = Json::array();
        for (const auto& issue : input.issues()) {
            issues.push(Json::object(
                {{"file", issue.file}, {"line", issue.line}, {"reason", issue.reason}}));
        }
        session.print(Json::object({{"folder", index.folder().string()},
                                    {"files", input.file_count()},
                                    {"added", added},
                                    {"records", index.view().record_count()},
                                    {"symbols", index.view().symbol_count()},
                                    {"segments", index.segments().size()},
                                    {"bytes", bytes_of(index)},
                                    {"issues", std::move(issues)},
                                    {"issue_count", input.issue_count()}}));
        return {};
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(input.issues().size(), 10); ++i) {
        const auto& issue = input.issues()[i];
        out.line(issue.line == 0
                     ? fmt::format("  {}", issue.reason)
                     : fmt::format("  {}:{}: {}", issue.file, issue.line, issue.reason));
    }
    if (input.issue_count() > 10) {
        out.line(fmt::format("  and {} more places that could not be used",
                             human_count(input.issue_count() - 10)));
    }
    out.line(fmt::format("{} {} records of {} files: {} now holds {} records, {} symbols, {}",
                         out.paint(Paint::green, "added"), human_count(added), input.file_count(),
                         index.folder().string(), human_count(index.view().record_count()),
                         human_count(index.view().symbol_count()), human_bytes(bytes_of(index))));
    return {};
}

} // namespace

Status index_build(Session& session, const IndexBuildCommand& command) {
    OL_TRY(parse_bytes(command.memory)); // before a folder is made for nothing
    OL_TRY(parse_form(command.form));
    OL_TRY(IndexInput::open(command.paths, OL_TRY(parse_owner_by(command.owner_by))));
    auto index = suffix::Index::create(command.folder);
    if (!index && index.error().code == ErrorCode::already_exists) {
        // What was stopped before it held anything is built again.
        auto there = OL_TRY(suffix::Index::open(command.folder));
        if (there.view().record_count() > 0) return std::unexpected(index.error());
        index = std::move(there);
    }
    if (!index) return std::unexpected(index.error());
    return add_files(session, *index, command);
}

Status index_append(Session& session, const IndexBuildCommand& command) {
    auto index = OL_TRY(suffix::Index::open(command.folder));
    return add_files(session, index, command);
}

Status index_remove(Session& session, const IndexChangeCommand& command) {
    auto index = OL_TRY(suffix::Index::open(command.folder));
    const auto records = OL_TRY(chosen_records(index.view(), command));
    const auto removed = OL_TRY(index.remove(records));
    if (session.json()) {
        session.print(Json::object({{"removed", removed},
                                    {"already_removed", records.size() - removed},
                                    {"symbols", index.view().symbol_count()}}));
        return {};
    }
    session.console().line(
        fmt::format("removed {} records; `openledger index merge {}` frees their place",
                    human_count(removed), command.folder));
    return {};
}

Status index_merge(Session& session, const IndexChangeCommand& command) {
    auto index = OL_TRY(suffix::Index::open(command.folder));
    const suffix::BuildLimits limits{.memory_bytes = OL_TRY(parse_bytes(command.memory))};
    ThreadPool pool(session.options().node.threads);
    const auto progress = session.console().progress();
    const std::size_t before = index.segments().size();
    if (command.all && before > 0) {
        OL_TRY(index.merge(0, before, limits, pool, progress));
    } else if (!command.range.empty()) {
        OL_TRY(
            index.merge(command.range.front(), command.range.back() + 1, limits, pool, progress));
    } else {
        while (const auto range = index.merge_candidate()) {
            OL_TRY(index.merge(range->first, range->second, limits, pool, progress));
        }
    }
    if (session.json()) {
        session.print(Json::object({{"segments_before", before},
                                    {"segments", index.segments().size()},
                                    {"bytes", bytes_of(index)}}));
        return {};
    }
    session.console().line(fmt::format("{} segments are now {}, {}", before,
                                       index.segments().size(), human_bytes(bytes_of(index))));
    return {};
}

Status index_convert(Session& session, const IndexChangeCommand& command) {
    auto index = OL_TRY(suffix::Index::open(command.folder));
    const auto form = OL_TRY(parse_form(command.form));
    ThreadPool pool(session.options().node.threads);
    const auto progress = session.console().progress();
    const std::uint64_t before = bytes_of(index);
    std::size_t from = 0, to = index.segments().size();
    if (!command.range.empty()) {
        from = command.range.front();
        to = command.range.back() + 1;
    }
    for (std::size_t s = from; s < to; ++s) OL_TRY(index.convert(s, form, pool, progress));
    if (session.json()) {
        session.print(Json::object({{"form", form_name(form)},
                                    {"segments", to - from},
                                    {"bytes_before", before},
                                    {"bytes", bytes_of(index)}}));
        return {};
    }
    session.console().line(fmt::format("{} segments are {}: {} instead of {}", to - from,
                                       form_name(form), human_bytes(bytes_of(index)),
                                       human_bytes(before)));
    return {};
}

Status index_stats(Session& session, const std::string& folder) {
    const auto index = OL_TRY(suffix::Index::open(folder));
    const auto& out = session.console();
    const auto segments = index.segments();
    std::uint64_t dead = 0;
    Json list = Json::array();
    for (const auto& segment : segments) {
        dead += segment.dead_records;
        list.push(Json::object({{"file", segment.file},
                                {"form", form_name(segment.form)},
                                {"first_record", segment.first_record},
                                {"records", segment.records},
                                {"dead_records", segment.dead_records},
                                {"symbols", segment.symbols},
                                {"words", segment.words},
                                {"bytes", segment.bytes}}));
    }
    if (session.json()) {
        session.print(Json::object({{"folder", folder},
                                    {"records", index.view().record_count()},
                                    {"dead_records", dead},
                                    {"symbols", index.view().symbol_count()},
                                    {"bytes", bytes_of(index)},
                                    {"segments", std::move(list)}}));
        return {};
    }
    out.line(fmt::format("{}: {} records ({} removed), {} symbols, {} in {} segments",
                         out.paint(Paint::bold, folder), human_count(index.view().record_count()),
                         human_count(dead), human_count(index.view().symbol_count()),
                         human_bytes(bytes_of(index)), segments.size()));
    for (std::size_t s = 0; s < segments.size(); ++s) {
        const auto& segment = segments[s];
        out.line(fmt::format(
            "  {:3}  {:4}  {:>12} records from {}  {:>14} symbols  {:>9} words  {:>9}  {:.2f} B a "
            "symbol  {}",
            s, form_name(segment.form), human_count(segment.records), segment.first_record,
            human_count(segment.symbols), human_count(segment.words), human_bytes(segment.bytes),
            static_cast<double>(segment.bytes) / segment.symbols, segment.file));
    }
    return {};
}

} // namespace ol::node::cli
