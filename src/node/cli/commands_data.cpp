// datanet, trace.
#include <algorithm>
#include <iostream>
#include <iterator>
#include <map>

#include "base/limits.hpp"
#include "node/cli/commands.hpp"
#include "node/cli/fields.hpp"

namespace ol::node::cli {

using codec::Json;

namespace {

void print_contribution(Session& session, const Json& report) {
    const auto& out = session.console();
    constexpr std::size_t shown_limit = 20;
    std::size_t shown = 0;
    for (const auto& row : report["rejected"].items()) {
        if (++shown > shown_limit) break;
        out.line(fmt::format("  {} {}:{} {}", out.paint(Paint::red, "rejected"),
                             text_at(row, "file"), number_at(row, "line"), text_at(row, "reason")));
    }
    const auto rejected = number_at(report, "rejected_count");
    if (rejected > shown_limit) {
        out.line(fmt::format("  ... and {} more (--json lists all)",
                             human_count(rejected - shown_limit)));
    }
    out.line(fmt::format("{} accepted, {} rejected", human_count(number_at(report, "accepted")),
                         human_count(rejected)));
    if (report["batch"].is_null()) {
        out.line("nothing was anchored, no bond was taken");
        return;
    }
    out.line(fmt::format("batch {} anchored: root {}, bond {}", number_at(report, "batch"),
                         text_at(report, "root"), open_at(report, "bond_wei")));
}

} // namespace

Status datanet_create(Session& session, const std::string& name, const std::string& summary,
                      const std::string& licence, const std::string& wallet) {
    auto* services = OL_TRY(session.services());
    const auto created = OL_TRY(services->create_datanet(Json::object(
        {{"name", name}, {"summary", summary}, {"licence", licence}, {"wallet", wallet}})));
    if (session.json()) {
        session.print(created);
    } else {
        session.console().line(fmt::format("datanet {} created: {}", name, text_at(created, "id")));
    }
    return {};
}

Status datanet_contribute(Session& session, const std::string& datanet, const std::string& wallet,
                          const std::string& licence, const std::vector<std::string>& paths) {
    auto* services = OL_TRY(session.services());
    Json report;
    if (auto* node = session.local()) {
        const auto row = OL_TRY(node->datanet_service().find(datanet));
        report = OL_TRY(node->datanet_service().contribute(
                            row, wallet, licence.empty() ? row.licence : licence,
                            {paths.begin(), paths.end()}, session.console().progress()))
                     .to_json();
    } else {
        std::vector<api::UploadedFile> files;
        std::uint64_t bytes = 0;
        for (const auto& path : paths) {
            for (const auto& file : OL_TRY(list_files(path))) {
                auto content = OL_TRY(read_text_file(file, limits::file_bytes));
                bytes += content.size();
                if (bytes > limits::http_body_bytes / 2) {
                    return fail(
                        ErrorCode::too_large,
                        "a running node takes at most {} a call; contribute in smaller parts "
                        "or stop `openledger up` first",
                        human_bytes(limits::http_body_bytes / 2));
                }
                // One folder per upload: a file's path becomes its name.
                std::string name = std::filesystem::relative(file, path).string();
                if (name == ".") name = file.filename().string();
                std::replace(name.begin(), name.end(), '/', '_');
                files.push_back({std::move(name), std::move(content)});
            }
        }
        fmt::print(stderr, "sending {} files ({}) to the node...\n", files.size(),
                   human_bytes(bytes));
        report = OL_TRY(services->contribute(datanet, wallet, licence, files));
    }
    if (session.json()) {
        session.print(report);
    } else {
        print_contribution(session, report);
    }
    return {};
}

Status datanet_list(Session& session) {
    const auto list = OL_TRY(OL_TRY(session.services())->datanets());
    if (session.json()) {
        session.print(list);
        return {};
    }
    const auto& out = session.console();
    for (const auto& row : list["datanets"].items()) {
        out.line(fmt::format("{:24} {:>9} records  {} versions  {}  {}", text_at(row, "name"),
                             human_count(number_at(row, "records")), number_at(row, "versions"),
                             text_at(row, "licence"), text_at(row, "summary")));
    }
    if (list["datanets"].items().empty()) {
        out.line("no datanets yet; `openledger datanet create NAME --wallet W` makes one");
    }
    return {};
}

Status datanet_show(Session& session, const std::string& datanet) {
    auto* services = OL_TRY(session.services());
    auto row = OL_TRY(services->datanet(datanet));
    const auto versions = OL_TRY(services->versions(datanet));
    row.set("published", versions["versions"]);
    if (session.json()) {
        session.print(row);
        return {};
    }
    const auto& out = session.console();
    out.line(fmt::format("{}  {}", out.paint(Paint::bold, text_at(row, "name")),
                         text_at(row, "summary")));
    out.line(fmt::format("  id       {}\n  owner    {}\n  licence  {}\n  records  {} by {} "
                         "contributors",
                         text_at(row, "id"), text_at(row, "owner"), text_at(row, "licence"),
                         human_count(number_at(row, "records")), number_at(row, "contributors")));
    for (const auto& version : versions["versions"].items()) {
        out.line(fmt::format(
            "  version {}: {} records, {} symbols, root {}", number_at(version, "version"),
            human_count(number_at(version, "records")),
            human_count(number_at(version["index"], "symbols")), text_at(version, "root")));
    }
    return {};
}

Status datanet_records(Session& session, const std::string& datanet, std::uint64_t offset,
                       std::uint64_t limit, const std::string& record) {
    auto* services = OL_TRY(session.services());
    const auto& out = session.console();
    if (!record.empty()) {
        const auto found =
            OL_TRY(services->record(datanet, OL_TRY_IN(hash32_from_hex(record), "--record")));
        if (session.json()) {
            session.print(found);
            return {};
        }
        out.line(fmt::format("{}\n{}\n\nowner {}  licence {}  batch {}  leaf {}",
                             out.paint(Paint::bold, text_at(found, "title")),
                             text_at(found, "text"), text_at(found, "owner"),
                             text_at(found, "licence"), number_at(found, "batch"),
                             text_at(found, "leaf_hash")));
        return {};
    }
    const auto page = OL_TRY(services->records(datanet, offset, limit));
    if (session.json()) {
        session.print(page);
        return {};
    }
    for (const auto& row : page["records"].items()) {
        out.line(fmt::format("{}  {:5} words  {}  {}{}", text_at(row, "id"),
                             number_at(row, "words"), short_hex(text_at(row, "owner")),
                             text_at(row, "title"),
                             row["revoked"].as_bool().value_or(false) ? "  (revoked)" : ""));
    }
    out.line(fmt::format("{} of {} records", page["records"].items().size(),
                         human_count(number_at(page, "total"))));
    return {};
}

Status datanet_publish(Session& session, const std::string& datanet) {
    auto* services = OL_TRY(session.services());
    Json published;
    if (auto* node = session.local()) {
        const auto row = OL_TRY(node->datanet_service().find(datanet));
        published =
            OL_TRY(node->datanet_service().publish(row, session.console().progress())).to_json();
    } else {
        published = OL_TRY(services->publish(datanet));
    }
    if (session.json()) {
        session.print(published);
    } else {
        session.console().line(fmt::format(
            "version {} published: {} records, root {}", number_at(published, "version"),
            human_count(number_at(published, "records")), text_at(published, "root")));
    }
    return {};
}

Status datanet_verify(Session& session, const std::string& datanet, std::uint64_t version) {
    auto* services = OL_TRY(session.services());
    const auto verdict = OL_TRY(services->verify_datanet(datanet, version));
    if (session.json()) {
        session.print(verdict);
        return {};
    }
    const auto& out = session.console();
    out.line(fmt::format("{} version {}: {} batches and {} records give the ledger's roots; the "
                         "suffix array of {} symbols is in order",
                         out.paint(Paint::green, "verified"), number_at(verdict, "version"),
                         number_at(verdict, "batches"), human_count(number_at(verdict, "records")),
                         human_count(number_at(verdict, "symbols"))));
    return {};
}

Status trace_text(Session& session, const std::string& datanet, std::uint64_t version,
                  const std::string& text, const std::string& file) {
    std::string input = text;
    if (file == "-") {
        input.assign(std::istreambuf_iterator<char>(std::cin), {});
    } else if (!file.empty()) {
        input = OL_TRY(read_text_file(file, limits::record_bytes * 16));
    }
    if (input.empty()) {
        return fail(ErrorCode::invalid_argument, "give a text to trace, or --file");
    }
    const auto traced = OL_TRY(OL_TRY(session.services())->trace(datanet, version, input));
    if (session.json()) {
        session.print(traced);
        return {};
    }
    const auto& out = session.console();
    std::map<std::string, std::size_t> owners;
    std::string shown;
    std::size_t at = 0;
    for (const auto& span : traced["spans"].items()) {
        const auto begin = std::max<std::size_t>(at, number_at(span, "start_byte"));
        const auto end = std::min<std::size_t>(input.size(), number_at(span, "end_byte"));
        if (begin >= end || span["matches"].items().empty()) continue;
        const auto owner = text_at(span["matches"].items()[0], "owner");
        const auto index = owners.emplace(owner, owners.size()).first->second;
        shown += input.substr(at, begin - at);
        shown += "[" + out.paint_index(index, input.substr(begin, end - begin)) + "]";
        at = end;
    }
    shown += input.substr(at);
    out.line(shown);
    out.line();
    for (const auto& span : traced["spans"].items()) {
        for (const auto& match : span["matches"].items()) {
            const auto owner = text_at(match, "owner");
            out.line(fmt::format("{:6.1f} bits  {}  {}  {} at byte {}",
                                 static_cast<double>(number_at(match, "credit")) / 256,
                                 out.paint_index(owners[owner], short_hex(owner)),
                                 short_hex(text_at(match, "record")), record_name(match),
                                 number_at(match, "offset")));
        }
    }
    out.line(fmt::format("{:.1f} % of {} symbols explained",
                         100 * traced["explained"].as_double().value_or(0),
                         number_at(traced, "symbols")));
    for (const auto& share : traced["shares"].items()) {
        out.line(fmt::format("  {:5.1f} %  {}  {}", 100 * share["share"].as_double().value_or(0),
                             short_hex(text_at(share, "owner")), record_name(share)));
    }
    return {};
}

} // namespace ol::node::cli
