// What a base model knows of text that it has not read: bits a byte of the held-out documents by
// the model and by an interpolated Kneser-Ney 5-gram over the same tokens of the same training
// text. Prints one JSON object a line; with --texts writes the held-out and the training text, for
// compressors.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "codec/json.hpp"
#include "model/pretrain_text.hpp"
#include "model/trainer.hpp"
#include "model/transformer.hpp"

using namespace ol;
using model::TokenId;

namespace {

// Counts of n-grams of up to five tokens, each token in 12 bits: sorted keys with their counts.
// Below the highest order a count is that of distinct left neighbours (Chen and Goodman 1999).
class KneserNey {
public:
    static constexpr unsigned order = 5, token_bits = 12;

    explicit KneserNey(const std::vector<TokenId>& text) {
        std::vector<std::uint64_t> keys;
        keys.reserve(text.size());
        std::uint64_t window = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
            window = (window << token_bits | text[i]) & mask(order);
            if (i + 1 >= order) keys.push_back(window);
        }
        for (unsigned n = order; n >= 1; --n) {
            tables_[n] = count(keys);
            if (n == 1) break;
            keys.clear();
            for (const auto key : tables_[n].keys) keys.push_back(key & mask(n - 1));
        }
    }

    // The probability of `token` after `history` (its last four tokens count).
    double probability(std::uint64_t history, TokenId token) const {
        double p = 1.0 / (1U << token_bits);
        for (unsigned n = 1; n <= order; ++n) {
            const auto& table = tables_[n];
            const std::uint64_t context = history & mask(n - 1);
            const auto at = std::lower_bound(table.contexts.begin(), table.contexts.end(), context);
            if (at == table.contexts.end() || *at != context) break;
            const auto where = static_cast<std::size_t>(at - table.contexts.begin());
            const std::uint64_t key = context << token_bits | token;
            const auto first = table.keys.begin() + table.first[where];
            const auto last = table.keys.begin() + table.first[where + 1];
            const auto found = std::lower_bound(first, last, key);
            double seen = 0;
            if (found != last && *found == key) {
                seen = table.counts[static_cast<std::size_t>(found - table.keys.begin())];
            }
            const double rest = table.discount * static_cast<double>(last - first);
            p = (std::max(seen - table.discount, 0.0) + rest * p) / table.sums[where];
        }
        return p;
    }

private:
    struct Table {
        std::vector<std::uint64_t> keys;
        std::vector<std::uint32_t> counts;
        std::vector<std::uint64_t> contexts; // distinct prefixes, with their keys' range and sum
        std::vector<std::ptrdiff_t> first;
        std::vector<double> sums;
        double discount = 0.5;
    };

    static std::uint64_t mask(unsigned n) { return (std::uint64_t{1} << token_bits * n) - 1; }

    static Table count(std::vector<std::uint64_t>& keys) {
        Table out;
        std::sort(keys.begin(), keys.end());
        double once = 0, twice = 0;
        for (std::size_t i = 0; i < keys.size();) {
            std::size_t end = i;
            while (end < keys.size() && keys[end] == keys[i]) ++end;
            const std::uint64_t context = keys[i] >> token_bits;
            if (out.contexts.empty() || out.contexts.back() != context) {
                out.contexts.push_back(context);
                out.first.push_back(static_cast<std::ptrdiff_t>(out.keys.size()));
                out.sums.push_back(0);
            }
            out.keys.push_back(keys[i]);
            out.counts.push_back(static_cast<std::uint32_t>(end - i));
            out.sums.back() += static_cast<double>(end - i);
            once += end - i == 1;
            twice += end - i == 2;
            i = end;
        }
        out.first.push_back(static_cast<std::ptrdiff_t>(out.keys.size()));
        if (once > 0) out.discount = once / (once + 2 * twice);
        return out;
    }

    std::array<Table, order + 1> tables_;
};

double five_gram_bits(const model::PretrainText& text) {
    const KneserNey counts(text.train);
    double bits = 0;
    std::uint64_t history = 0;
    for (const auto token : text.held_out) {
        bits -= std::log2(counts.probability(history, token));
        history = history << KneserNey::token_bits | token;
    }
    return bits;
}

Result<double> model_bits(const Path& folder, const model::PretrainText& text, ThreadPool& pool) {
    auto base = OL_TRY(model::Model::load(folder));
    auto trainer = model::Trainer::for_model(base, model::OptimizerConfig{}, pool);
    const std::size_t length = base.config.context_length;
    double nats = 0;
    for (std::size_t at = 0; at + 1 < text.held_out.size(); at += length) {
        const std::size_t end = std::min(text.held_out.size(), at + length + 1);
        model::Example example;
        example.tokens.assign(text.held_out.begin() + static_cast<std::ptrdiff_t>(at),
                              text.held_out.begin() + static_cast<std::ptrdiff_t>(end));
        example.mask.assign(example.tokens.size(), 1);
        const auto targets = static_cast<double>(example.tokens.size() - 1);
        nats += OL_TRY(trainer->evaluate({std::move(example)})) * targets;
    }
    return nats / std::log(2.0);
}

Status run(const Path& folder, const Path& work, std::vector<Path> sources, const Path& texts) {
    ThreadPool pool;
    model::PretrainConfig config;
    config.sources = std::move(sources);
    config.output = work;
    const auto record = OL_TRY(
        codec::Json::parse(OL_TRY(read_text_file(folder / "training_record.json", 16U << 20))));
    config.seed = OL_TRY(record["run"]["seed"].as_uint());
    config.shape = OL_TRY(model::Model::load(folder)).config;
    const auto text = OL_TRY(model::prepare_text(config, pool, no_progress));
    const auto bytes = static_cast<double>(text.held_out_bytes);
    const auto print = [&](const char* name, double bits) {
        std::printf("{\"measure\":\"%s\",\"bits_per_byte\":%.6f,\"held_out_bytes\":%.0f}\n", name,
                    bits / bytes, bytes);
        std::fflush(stdout);
    };
    print("model", OL_TRY(model_bits(folder, text, pool)));
    if (config.shape.vocab_size <= 1U << KneserNey::token_bits) {
        print("5-gram", five_gram_bits(text));
    }
    if (!texts.empty()) {
        const auto tokenizer = OL_TRY(model::Tokenizer::from_file(work));
        OL_TRY(write_file_atomic(texts / "held_out.txt", tokenizer.decode(text.held_out)));
        OL_TRY(write_file_atomic(texts / "train.txt", tokenizer.decode(text.train)));
    }
    return {};
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        std::fprintf(stderr, "usage: base_workload MODEL WORK_FOLDER TEXTS_FOLDER SOURCE...\n");
        return 2;
    }
    std::vector<Path> sources(argv + 4, argv + argc);
    const auto done = run(argv[1], argv[2], std::move(sources), argv[3]);
    if (!done) std::fprintf(stderr, "%s\n", done.error().to_string().c_str());
    return done ? 0 : 1;
}
