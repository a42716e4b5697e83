// Fastgram without Python: the measures of one index directory as JSON. peers.py compiles it against
// the sources that Fastgram's own package holds, with the options of its own build.
//
//   fastgram WIDTH INDEX LISTS_OUTPUTS LISTS_PHRASES MIN_SYMBOLS MAX_COUNT ENDS COUNTS
//
// WIDTH is 2 or 4, bytes a symbol; the lists are as in peers.py, of that width's ids in 4 bytes each.
// ENDS and COUNTS are written: per position of each output where its longest match ends, and the
// count of each phrase.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "gram/engine.h"

namespace {

using Clock = std::chrono::steady_clock;

template <typename Token>
std::vector<std::vector<Token>> read_lists(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const auto word = [&] {
        std::uint32_t value = 0;
        in.read(reinterpret_cast<char*>(&value), 4);
        return value;
    };
    std::vector<std::vector<Token>> lists(word());
    for (auto& list : lists) list.resize(word());
    for (auto& list : lists) {
        for (auto& token : list) token = static_cast<Token>(word());
    }
    return lists;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

template <typename F>
double microseconds(F&& call) {
    const auto start = Clock::now();
    call();
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

// The median over the lists of the time of one call, after a pass that warms everything.
template <typename Lists, typename F>
double median_of(const Lists& lists, F&& call) {
    for (const auto& list : lists) call(list);
    std::vector<double> times;
    for (const auto& list : lists) times.push_back(microseconds([&] { call(list); }));
    return median(times);
}

std::uint64_t sink = 0;

template <typename Token>
int measure(char** argv) {
    gram::IndexConfig config;
    config.index_dirs = {argv[2]};
    config.version = 4;
    config.token_width = sizeof(Token);
    // One past the ids in use; the end of a document is all ones and appears in no query.
    config.eos_token_id = static_cast<Token>(-2);
    gram::Index index(config);
    if (const auto status = index.Load(); !status.ok) {
        std::fprintf(stderr, "fastgram: %s\n", status.message.c_str());
        return 1;
    }
    gram::EngineOptions options;
    options.thread_count = 1;
    const gram::Engine<Token> engine(std::move(index), options);
    const auto outputs = read_lists<Token>(argv[3]);
    const auto phrases = read_lists<Token>(argv[4]);
    const std::size_t min_symbols = std::stoul(argv[5]);
    const std::size_t max_count = std::stoul(argv[6]);

    const double attribute = median_of(outputs, [&](const auto& output) {
        sink += engine.Attribute(output, {}, min_symbols, max_count, false).spans.size();
    });
    const double creativity = median_of(
        outputs, [&](const auto& output) { sink += engine.Creativity(output).rs.back(); });
    // What Attribute answers but for the list of places, by fewer searches: one only for each
    // maximal span, where Attribute makes one for every position.
    const double maximal = median_of(outputs, [&](const auto& output) {
        const auto ends = engine.Creativity(output).rs;
        std::size_t last = 0;
        for (std::size_t i = 0; i < ends.size(); ++i) {
            if (ends[i] <= last) continue;
            last = ends[i];
            if (ends[i] - i < min_symbols) continue;
            sink += engine.Find({output.begin() + i, output.begin() + ends[i]}).cnt;
        }
    });
    // The streaming cursor, one symbol a step, begun again where nothing continues. It gives the
    // match from where it was begun, not the longest one that ends here.
    std::vector<double> steps;
    for (const auto& output : outputs) {
        auto cursor = engine.MakeCursor();
        for (const Token token : output) {
            std::uint64_t count = 0;
            steps.push_back(microseconds([&] { count = cursor.Advance(token).cnt; }));
            if (count == 0) cursor.Reset();
        }
    }

    double all_steps = 0;
    for (const double step : steps) all_steps += step;
    const double mean_step = steps.empty() ? 0 : all_steps / static_cast<double>(steps.size());

    std::map<std::size_t, std::vector<std::vector<Token>>> by_size;
    for (const auto& phrase : phrases) by_size[phrase.size()].push_back(phrase);
    std::string counts;
    for (const auto& [size, list] : by_size) {
        const double time =
            median_of(list, [&](const auto& phrase) { sink += engine.Count(phrase).count; });
        counts += (counts.empty() ? "\"" : ", \"") + std::to_string(size) + "\": " + std::to_string(time);
    }

    std::ofstream ends(argv[7], std::ios::binary);
    for (const auto& output : outputs) {
        for (const std::size_t end : engine.Creativity(output).rs) {
            const auto value = static_cast<std::uint32_t>(end);
            ends.write(reinterpret_cast<const char*>(&value), 4);
        }
    }
    std::ofstream found(argv[8], std::ios::binary);
    for (const auto& phrase : phrases) {
        const auto value = static_cast<std::uint32_t>(engine.Count(phrase).count);
        found.write(reinterpret_cast<const char*>(&value), 4);
    }
    std::printf("{\"trace_attribute_us\": %f, \"trace_ends_us\": %f, \"trace_maximal_us\": %f, "
                "\"cursor_step_us\": %f, \"cursor_mean_us\": %f, \"count_us\": {%s}, \"sink\": %llu}\n",
                attribute, creativity, maximal, median(steps), mean_step, counts.c_str(),
                static_cast<unsigned long long>(sink));
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 9) return 2;
    return argv[1][0] == '2' ? measure<gram::u16>(argv) : measure<gram::u32>(argv);
}
