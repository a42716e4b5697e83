#include "node/cli/index_commands.hpp"

#include <CLI/CLI.hpp>

#include "node/cli/commands_index.hpp"

namespace ol::node::cli {

namespace {

using Action = std::function<Status(Session&)>;

class IndexCommands {
public:
    IndexCommands(CLI::App& root, Action& action)
        : group_(root.add_subcommand(
              "index", "Suffix indexes of your own files: count, locate, trace; no ledger needed"))
        , action_(action) {
        group_->require_subcommand(1);
        group_->fallthrough();
        group_->footer("Example:\n  openledger index build my-index ~/texts\n"
                       "  openledger index trace my-index --file answer.txt");
    }

    void add_changes();
    void add_queries();

private:
    CLI::App* command(const std::string& name, const std::string& what,
                      const std::string& examples) {
        auto* app = group_->add_subcommand(name, what);
        app->footer("Example:\n  openledger index " + examples);
        app->fallthrough();
        return app;
    }
    CLI::App* query(const std::string& name, const std::string& what, const std::string& examples,
                    Status (*work)(Session&, const IndexQueryCommand&)) {
        auto* app = command(name, what, examples);
        app->add_option("INDEX", query_.folder, "The index's folder")->required();
        app->callback(
            [this, work] { action_ = [this, work](Session& s) { return work(s, query_); }; });
        return app;
    }
    void text_options(CLI::App* app) {
        app->add_option("TEXT", query_.text, "The text; or use --file");
        app->add_option("--file", query_.file, "Read the text from a file; - for standard input");
    }

    CLI::App* group_;
    Action& action_;
    IndexBuildCommand build_;
    IndexChangeCommand change_;
    IndexQueryCommand query_;
};

void IndexCommands::add_changes() {
    const auto add_input = [&](CLI::App* app, Status (*work)(Session&, const IndexBuildCommand&)) {
        app->add_option("INDEX", build_.folder, "The index's folder")->required();
        app->add_option("PATH", build_.paths, "Files or folders (.txt .md .html .jsonl .gz, dictd)")
            ->required();
        app->add_option("--memory", build_.memory, "What building may take, e.g. 500M")
            ->capture_default_str();
        app->add_option("--form", build_.form, "hot: fast; cold: small")->capture_default_str();
        app->add_option("--owner-by", build_.owner_by,
                        "Who owns a row: its folder, its file or itself (record)")
            ->capture_default_str();
        app->callback(
            [this, work] { action_ = [this, work](Session& s) { return work(s, build_); }; });
    };
    add_input(command("build", "Build an index of files in a new folder",
                      "build my-index ~/texts --owner-by file\n"
                      "  openledger index build wn /usr/share/dictd/wn.index --memory 1G"),
              index_build);
    add_input(command("append", "Add files to an index", "append my-index ~/more-texts"),
              index_append);

    const auto change = [&](CLI::App* app, Status (*work)(Session&, const IndexChangeCommand&)) {
        app->add_option("INDEX", change_.folder, "The index's folder")->required();
        app->callback(
            [this, work] { action_ = [this, work](Session& s) { return work(s, change_); }; });
        return app;
    };
    auto* remove = change(command("remove", "Delete records; their numbers stay",
                                  "remove my-index 17 20-29\n"
                                  "  openledger index remove my-index --label texts/draft.txt"),
                          index_remove);
    remove->add_option("RECORD", change_.records, "Numbers and ranges");
    remove->add_option("--label", change_.labels, "All records whose label starts so");
    auto* merge = change(command("merge", "Merge segments, and free the place of deleted records",
                                 "merge my-index\n  openledger index merge my-index --all"),
                         index_merge);
    merge->add_option("--segments", change_.range, "The first and the last segment")->expected(2);
    merge->add_flag("--all", change_.all, "Into one; else only where it pays");
    merge->add_option("--memory", change_.memory, "What merging may take")->capture_default_str();
    auto* convert = change(
        command("convert", "Rewrite segments hot (fast) or cold (small)", "convert my-index cold"),
        index_convert);
    convert->add_option("FORM", change_.form, "hot or cold")->required();
    convert->add_option("--segments", change_.range, "The first and the last segment; else all")
        ->expected(2);
    auto* stats = command("stats", "What an index holds", "stats my-index --json");
    stats->add_option("INDEX", query_.folder, "The index's folder")->required();
    stats->callback(
        [this] { action_ = [this](Session& s) { return index_stats(s, query_.folder); }; });
}

void IndexCommands::add_queries() {
    text_options(query("count", "How often a phrase occurs",
                       "count my-index \"the party of the first part\"", index_count));
    auto* locate = query("locate", "Where a phrase occurs", "locate my-index \"a tort\" --limit 5",
                         index_locate);
    text_options(locate);
    locate->add_option("--limit", query_.limit, "Places shown")->capture_default_str();
    locate->add_option("--skip", query_.skip, "Places passed over first");
    auto* next = query("next", "Which symbols follow a phrase",
                       "next my-index \"in the event\"\n"
                       "  openledger index next my-index \"all that came before\" --infinity",
                       index_next);
    text_options(next);
    next->add_option("--limit", query_.limit, "Symbols shown")->capture_default_str();
    next->add_flag("--infinity", query_.infinity,
                   "Use the longest end of the text that is followed by something");
    auto* spread = query("spread", "Over which owners, records and clusters a phrase is spread",
                         "spread my-index \"to be or not to be\"", index_spread);
    text_options(spread);
    spread->add_option("--limit", query_.limit, "Owners shown")->capture_default_str();
    auto* search =
        query("search", "Records in which all clauses hold, each by one of its phrases",
              "search my-index \"court | tribunal\" \"damages\" --distance 20", index_search);
    search->add_option("CLAUSE", query_.clauses, "Phrases with | between them")->required();
    search->add_option("--distance", query_.distance,
                       "Symbols between the first and the last clause; 0: anywhere in the record");
    search->add_option("--limit", query_.limit, "Records shown")->capture_default_str();
    auto* fuzzy = query("fuzzy", "Stretches of a text that stand in records with a few changes",
                        "fuzzy my-index --file answer.txt", index_fuzzy);
    text_options(fuzzy);
    fuzzy->add_option("--limit", query_.limit, "Stretches shown")->capture_default_str();
    fuzzy->add_option("--min-symbols", query_.min_symbols, "Symbols that match (default 8)");
    fuzzy->add_option("--max-gap", query_.max_gap, "Symbols between two exact pieces (default 8)");
    fuzzy->add_option("--max-edits", query_.max_edits, "Per 100 symbols that match (default 30)");
    auto* trace = query("trace", "The spans of a text that occur in records, and their credit",
                        "trace my-index \"the text of an answer\"\n"
                        "  openledger index trace my-index --file answer.txt --json",
                        index_trace);
    text_options(trace);
    trace->add_option("--min-symbols", query_.min_symbols, "Of a span (default 6)");
    trace->add_option("--min-bits", query_.min_bits, "Surprise of a span in bits (default 24)");
}

} // namespace

void add_index_commands(CLI::App& root, Action& action) {
    static IndexCommands commands(root, action);
    commands.add_changes();
    commands.add_queries();
}

} // namespace ol::node::cli
