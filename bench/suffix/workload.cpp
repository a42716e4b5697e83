// The measures of the suffix index over one corpus, for bench/suffix.mjs.
//
//   suffix_workload --corpus DIR --heldout FILE --work DIR --json F [--export DIR] [--quick]
//
// DIR holds .jsonl files (one record a line), FILE the held-out outputs, also .jsonl. Times are
// medians over outputs or phrases, warm, one call at a time; speeds of building are by processor
// seconds of one thread. --export writes the symbols for the peers (suffix/peers.py says in which
// form).
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <optional>

#include <sys/resource.h>

#include "attribution/suffix/build/builder.hpp"
#include "attribution/suffix/build/suffix_sort.hpp"
#include "attribution/suffix/container.hpp"
#include "attribution/suffix/proof/proof.hpp"
#include "attribution/suffix/query/query.hpp"
#include "attribution/suffix/trace.hpp"
#include "base/huge_array.hpp"
#include "base/limits.hpp"
#include "base/prng.hpp"
#include "codec/abi.hpp"
#include "codec/json.hpp"
#include "text/reader.hpp"

namespace {

using namespace ol;
using namespace ol::attribution::suffix;
using text::SymbolWord;
using u32 = std::uint32_t;
using Words = std::vector<SymbolWord>;

constexpr std::size_t output_symbols = 200;
constexpr u32 unknown_symbol = 0xfffffffe, end_of_record = 0xffffffff; // of the peers' files

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "suffix_workload: %s\n", what.c_str());
    std::exit(1);
}

template <class T>
T must(Result<T> result) {
    if (!result) die(result.error().to_string());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double now_us() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}
double cpu_seconds() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}
double peak_mib() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

template <class T>
T median(std::vector<T> values) {
    if (values.empty()) die("nothing to measure");
    std::nth_element(values.begin(),
                     values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

// Of so many calls, in processor seconds: the first ones also pay for memory that a virtual machine
// has not backed yet.
constexpr int cpu_rounds = 5;

template <class Call>
double median_cpu_seconds(Call call) {
    std::vector<double> times;
    for (int round = 0; round < cpu_rounds; ++round) {
        const double start = cpu_seconds();
        call();
        times.push_back(cpu_seconds() - start);
    }
    return median(times);
}

class Report {
public:
    void add(const std::string& measure, const std::string& unit, double value) {
        std::fprintf(stderr, "%-44s %12.4g %s\n", measure.c_str(), value, unit.c_str());
        rows_.push_back(
            codec::Json::object({{"measure", measure}, {"unit", unit}, {"value", value}}));
    }
    // Call data of IndexVerifier.verifyOccurrences, for who asks a chain what it costs.
    void add_call(const IndexCommitment& c, const Bytes& proof) {
        using codec::AbiValue;
        const AbiValue::List commitment{c.text_root,    c.suffix_array_root, c.inverse_root,
                                        c.slot_root,    c.table_root,        c.owners_root,
                                        c.symbol_count, c.record_count,      c.owner_count};
        const std::string types =
            "((bytes32,bytes32,bytes32,bytes32,bytes32,bytes32,uint64,uint64,uint64),bytes)";
        calls_.push_back(to_hex0x(must(codec::abi_call(
            "verifyOccurrences" + types, AbiValue::List{AbiValue(commitment), AbiValue(proof)}))));
    }
    void write(const Path& path) {
        must(
            write_file_atomic(path, codec::Json::object({{"rows", codec::Json(std::move(rows_))},
                                                         {"calls", codec::Json(std::move(calls_))}})
                                            .dump(2) +
                                        "\n"));
    }

private:
    codec::Json::Array rows_, calls_;
};

struct Options {
    Path corpus, heldout, work, json;
    std::optional<Path> symbols;
    bool quick = false;
};

Options parse(int argc, char** argv) {
    Options out;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--quick") {
            out.quick = true;
            continue;
        }
        if (i + 1 == argc) die("no value for " + name);
        const Path value = argv[++i];
        if (name == "--corpus") {
            out.corpus = value;
        } else if (name == "--heldout") {
            out.heldout = value;
        } else if (name == "--work") {
            out.work = value;
        } else if (name == "--json") {
            out.json = value;
        } else if (name == "--export") {
            out.symbols = value;
        } else {
            die("unknown option " + name);
        }
    }
    if (out.corpus.empty() || out.heldout.empty() || out.work.empty() || out.json.empty()) {
        die("--corpus, --heldout, --work and --json are needed");
    }
    return out;
}

std::vector<std::string> read_texts(const Path& place) {
    std::vector<std::string> out;
    for (const auto& file : must(list_files(place))) {
        for (auto& document : must(text::read_documents(file)).documents) {
            out.push_back(std::move(document.text));
        }
    }
    return out;
}

Words words_of(std::string_view text) {
    Words out;
    for (const auto& symbol : must(text::symbolize(text))) out.push_back(symbol.word);
    return out;
}

std::vector<SourceRecord> records_of(const std::vector<std::string>& texts) {
    std::vector<SourceRecord> out;
    out.reserve(texts.size());
    for (u32 r = 0; r < texts.size(); ++r) {
        SourceRecord record;
        put_be32(record.leaf_hash.data.data(), r + 1);
        put_be32(record.owner.data.data(), r % 97 + 1);
        record.cluster = r;
        record.text = texts[r];
        out.push_back(record);
    }
    return out;
}

// Building, by processor seconds.
Segment build(const std::vector<std::string>& texts, const Options& options, Report& report) {
    ThreadPool alone(1);
    const auto records = records_of(texts);
    const Path path = options.work / "hot.segment";
    // From symbols, as for the peers, to an index on disk; and from text.
    std::vector<double> from_symbols, from_text;
    for (int round = 0; round < cpu_rounds; ++round) {
        const double start = cpu_seconds();
        double symbolised = start;
        const auto note = [&](std::string_view what, std::uint64_t done, std::uint64_t) {
            if (what == "dictionary" && done == 0) symbolised = cpu_seconds();
            return true;
        };
        must(Segment::build(records, path, alone, note));
        from_symbols.push_back(cpu_seconds() - symbolised);
        from_text.push_back(cpu_seconds() - start);
    }
    const auto segment = must(Segment::open(path, {.checksums = false}));
    const double symbols = segment.symbol_count();
    report.add("symbols", "symbols", symbols);
    report.add("records", "records", segment.record_count());
    report.add("words of the dictionary", "words", segment.dictionary_size());
    report.add("build", "Msymbols/s/core", symbols / median(from_symbols) / 1e6);
    report.add("build, text to segment", "Msymbols/s/core", symbols / median(from_text) / 1e6);
    report.add("build, the first one", "Msymbols/s/core", symbols / from_symbols.front() / 1e6);
    HugeArray<u32> out(segment.symbol_count());
    const double sort = cpu_seconds();
    sort_suffixes(segment.ranks(), segment.record_count() + segment.dictionary_size(), out, alone);
    report.add("build, suffix array alone", "Msymbols/s/core",
               symbols / (cpu_seconds() - sort) / 1e6);
    report.add("peak memory of building", "MiB", peak_mib());
    report.add("index, hot tier", "bytes/symbol",
               static_cast<double>(segment.file_bytes()) / symbols);
    const double open = now_us();
    auto opened = must(Segment::open(options.work / "hot.segment", {.checksums = false}));
    report.add("open, header alone", "ms", (now_us() - open) / 1e3);
    const double checked = now_us();
    must(Segment::open(options.work / "hot.segment"));
    report.add("open, every checksum", "ms", (now_us() - checked) / 1e3);
    return opened;
}

// Held-out outputs of output_symbols symbols each.
std::vector<Words> outputs_of(const Path& heldout) {
    std::vector<Words> out;
    for (const auto& text : read_texts(heldout)) {
        auto words = words_of(text);
        if (words.size() > output_symbols) words.resize(output_symbols);
        if (words.size() == output_symbols) out.push_back(std::move(words));
    }
    if (out.empty()) die(heldout.string() + ": no output of 200 symbols");
    return out;
}

// Of each length from 1 to 16, half pieces of the text (without a separator), half of the outputs.
std::vector<Words> phrases_of(const Segment& segment, const std::vector<Words>& outputs) {
    constexpr std::size_t each = 200;
    Prng prng(7);
    std::vector<Words> out;
    for (std::size_t n = 1; n <= 16; ++n) {
        for (std::size_t k = 0; k < each; ++k) {
            if (k % 2 == 1) {
                const auto& from = outputs[prng.below(outputs.size())];
                const auto begin =
                    from.begin() + static_cast<std::ptrdiff_t>(prng.below(from.size() - n + 1));
                out.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(n));
                continue;
            }
            for (;;) {
                const auto position = static_cast<u32>(prng.below(segment.symbol_count() - n + 1));
                Words piece;
                for (u32 i = 0; i < n; ++i) piece.push_back(segment.word_at(position + i));
                if (std::any_of(piece.begin(), piece.end(), text::is_separator)) continue;
                out.push_back(std::move(piece));
                break;
            }
        }
    }
    return out;
}

// As the peers are timed: one pass to warm up, then one call at a time.
double trace_ms(const Segment& segment, const std::vector<Words>& outputs) {
    const IndexView view(segment);
    std::vector<double> times;
    std::size_t spans = 0;
    for (const auto& output : outputs) spans += must(trace(view, output, {})).spans.size();
    for (int round = 0; round < 3; ++round) {
        for (const auto& output : outputs) {
            const double start = now_us();
            must(trace(view, output, {}));
            times.push_back(now_us() - start);
        }
    }
    std::fprintf(stderr, "%.2f paid spans an output\n",
                 static_cast<double>(spans) / static_cast<double>(outputs.size()));
    return median(times) / 1e3;
}

// As the peers are timed (suffix/fastgram.cpp): for each length one pass to warm up, then one call
// at a time over the same phrases.
template <class Phrase, class Call>
double median_us(const std::vector<Phrase>& phrases, Call call) {
    std::vector<double> times;
    for (const auto& phrase : phrases) call(phrase);
    for (const auto& phrase : phrases) {
        const double start = now_us();
        call(phrase);
        times.push_back(now_us() - start);
    }
    return median(times);
}

void count_phrases(const Segment& segment, const std::vector<Words>& phrases, Report& report) {
    const IndexView view(segment);
    std::map<std::size_t, std::vector<Words>> by_length;
    for (const auto& phrase : phrases) by_length[phrase.size()].push_back(phrase);
    std::uint64_t sum = 0;
    for (const auto& [n, some] : by_length) {
        std::vector<std::vector<u32>> ranks; // as the peers, which are given symbols' numbers
        for (const auto& phrase : some) ranks.push_back(segment.ranks_of(phrase));
        report.add(fmt::format("count of a phrase, n = {}", n), "us",
                   median_us(ranks, [&](const std::vector<u32>& phrase) {
                       sum += segment.tier().find(phrase).count();
                   }));
    }
    for (const auto& [n, some] : by_length) {
        report.add(fmt::format("count of a phrase by its words, n = {}", n), "us",
                   median_us(some, [&](const Words& phrase) { sum += must(count(view, phrase)); }));
    }
    if (sum == 0) die("no phrase occurs");
}

void follow(const Segment& segment, const std::vector<Words>& outputs, Report& report,
            const std::string& measure) {
    std::vector<double> times;
    for (const auto& output : outputs) {
        Cursor cursor{IndexView(segment)};
        const double start = now_us();
        for (const auto& word : output) cursor.push(word);
        times.push_back((now_us() - start) / static_cast<double>(output.size()));
    }
    report.add(measure, "us/symbol", median(times));
}

void measure_cold(const std::vector<std::string>& texts, const std::vector<Words>& outputs,
                  const Options& options, Report& report) {
    ThreadPool pool;
    const Path path = options.work / "cold.segment";
    {
        SegmentBuilder builder;
        must(builder.add(records_of(texts), pool));
        must(builder.write(path, Form::cold, pool));
    }
    const auto segment = must(Segment::open(path));
    const double symbols = segment.symbol_count();
    const auto container = must(Container::open(path, Container::Check::header));
    double table = 0;
    for (const auto id : container.sections()) {
        const auto bytes = static_cast<double>(container.section(id).size());
        if (id == SectionId::records || id == SectionId::starts) table += bytes;
        report.add(fmt::format("cold tier, section {}", to_string(id)), "bytes/symbol",
                   bytes / symbols);
    }
    // The record table (hashes and owners of records) is the same in every form.
    report.add("index, cold tier with locate", "bytes/symbol",
               (static_cast<double>(container.size()) - table) / symbols);
    report.add("index, cold tier with the record table", "bytes/symbol",
               static_cast<double>(container.size()) / symbols);
    report.add("trace of 200 symbols, cold tier", "ms", trace_ms(segment, outputs));
    follow(segment, outputs, report, "streaming cursor, cold tier");
}

// The published commitment, the audit of somebody else's index, and claims about phrases of the
// outputs that occur.
void measure_proofs(const Segment& segment, const std::vector<Words>& outputs, Report& report) {
    const double symbols = segment.symbol_count();
    const auto speed = [&](const char* measure, auto call) {
        report.add(measure, "Msymbols/s/core", symbols / median_cpu_seconds(call) / 1e6);
    };
    speed("audit", [&] { must(segment.audit()); });
    speed("commit", [&] {
        const auto made = OwnerLists::make(segment);
        Prover(segment, made).commitment();
    });
    const auto lists = OwnerLists::make(segment);
    const Prover prover(segment, lists);
    const auto commitment = prover.commitment();
    speed("audit with owners' lists and forms", [&] {
        if (prover.find_fault()) die("the index has a fault");
    });

    std::vector<double> sizes, prove, verify;
    for (const auto& output : outputs) {
        for (const auto& span :
             segment.tier().maximal_spans(segment.ranks_of(output), 6, nullptr)) {
            const auto phrase = std::span(output).subspan(span.start, span.longest.length);
            if (phrase.size() > limits::proof_symbols) continue;
            const u32 position = segment.suffix_at(span.longest.interval.low);
            const Address owner = segment.table_entry(segment.record_at(position)).owner;
            const double begin = now_us();
            const Bytes proof = must(prover.prove_occurrences(phrase, owner));
            const double made = now_us();
            const auto claim = must(verify_proof(commitment, proof));
            verify.push_back(now_us() - made);
            prove.push_back(made - begin);
            sizes.push_back(static_cast<double>(proof.size()));
            if (claim.count != span.longest.interval.count()) die("a claim of another count");
            if (sizes.size() % 64 == 1) report.add_call(commitment, proof);
        }
    }
    report.add("claim proof, size", "KB", median(sizes) / 1000);
    report.add("claim proof, prove", "us", median(prove));
    report.add("claim proof, verify", "us", median(verify));
}

void write_lists(const Path& path, const Segment& segment, const std::vector<Words>& lists) {
    std::vector<u32> out{static_cast<u32>(lists.size())};
    for (const auto& list : lists) out.push_back(static_cast<u32>(list.size()));
    for (const auto& list : lists) {
        for (const u32 rank : segment.ranks_of(list)) {
            out.push_back(rank == absent ? unknown_symbol : rank);
        }
    }
    must(write_file_atomic(path, ByteView(reinterpret_cast<const std::uint8_t*>(out.data()),
                                          out.size() * sizeof(u32))));
}

// What suffix/peers.py reads.
void export_symbols(const Path& folder, const Segment& segment, const std::vector<Words>& outputs,
                    const std::vector<Words>& phrases) {
    const auto write = [&](const char* name, std::span<const u32> values) {
        must(write_file_atomic(
            folder / name,
            ByteView(reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes())));
    };
    std::vector<u32> tokens(segment.ranks().begin(), segment.ranks().end());
    for (auto& token : tokens) {
        if (token < segment.record_count()) token = end_of_record;
    }
    write("tokens.u32", tokens);
    write_lists(folder / "outputs.u32", segment, outputs);
    write_lists(folder / "phrases.u32", segment, phrases);
    std::vector<u32> ends, counts;
    for (const auto& output : outputs) {
        const auto statistics = segment.matching_statistics(output);
        for (u32 i = 0; i < statistics.size(); ++i) ends.push_back(i + statistics[i].length);
    }
    for (const auto& phrase : phrases) counts.push_back(segment.find(phrase).count());
    write("ends.u32", ends);
    write("counts.u32", counts);
}

} // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    Report report;
    const auto texts = read_texts(options.corpus);
    const Segment segment = build(texts, options, report);
    const auto outputs = outputs_of(options.heldout);
    const auto phrases = phrases_of(segment, outputs);
    if (options.symbols) export_symbols(*options.symbols, segment, outputs, phrases);

    report.add("trace of 200 symbols, hot", "ms", trace_ms(segment, outputs));
    count_phrases(segment, phrases, report);
    follow(segment, outputs, report, "streaming cursor");
    measure_cold(texts, outputs, options, report);
    measure_proofs(segment, outputs, report);
    report.write(options.json);
    return 0;
}
