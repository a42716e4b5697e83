#include "model/merge.hpp"

#include <cmath>

namespace ol::model {

namespace {

// The row `w` of W becomes that of W + scale B A, at the length `magnitude` when there is one.
void merge_row(std::span<float> w, std::span<const float> b, const LoraPair& pair,
               const float* magnitude) {
    std::vector<double> row(w.begin(), w.end());
    for (std::size_t r = 0; r < b.size(); ++r) {
        const double factor = static_cast<double>(pair.scale) * b[r];
        const float* a = pair.a.data() + r * w.size();
        for (std::size_t i = 0; i < row.size(); ++i) row[i] += factor * a[i];
    }
    double factor = 1;
    if (magnitude != nullptr) {
        double squares = 0;
        for (const double x : row) squares += x * x;
        factor = squares > 0 ? *magnitude / std::sqrt(squares) : 0.0;
    }
    for (std::size_t i = 0; i < row.size(); ++i) w[i] = static_cast<float>(row[i] * factor);
}

Status merge_linear(std::string_view name, Linear& linear, const LoraPair& pair, std::size_t out,
                    std::size_t in) {
    if (pair.a.empty()) return {};
    if (linear.quantized) {
        return fail(ErrorCode::unsupported,
                    "{}: its weights are quantized; merge into the base as it was before", name);
    }
    const std::size_t rank = pair.rank;
    if (linear.weight.size() != out * in || pair.a.size() != rank * in ||
        pair.b.size() != out * rank || (!pair.magnitude.empty() && pair.magnitude.size() != out)) {
        return fail(ErrorCode::invalid_argument, "{}: the adapter is one of another shape", name);
    }
    for (std::size_t o = 0; o < out; ++o) {
        merge_row({linear.weight.data() + o * in, in}, {pair.b.data() + o * rank, rank}, pair,
                  pair.magnitude.empty() ? nullptr : &pair.magnitude[o]);
    }
    return {};
}

// Row t of the table becomes E[t] + scale B a[:, t]; its columns get their magnitudes.
Status merge_table(std::vector<float>& table, const LoraPair& pair, std::size_t vocab,
                   std::size_t hidden) {
    const std::size_t rank = pair.rank;
    if (table.size() != vocab * hidden || pair.a.size() != rank * vocab ||
        pair.b.size() != hidden * rank ||
        (!pair.magnitude.empty() && pair.magnitude.size() != hidden)) {
        return fail(ErrorCode::invalid_argument, "embedding: the adapter is one of another shape");
    }
    // Column by column: with a magnitude, each has a length to be.
    std::vector<double> column(vocab);
    for (std::size_t i = 0; i < hidden; ++i) {
        double squares = 0;
        for (std::size_t t = 0; t < vocab; ++t) {
            double sum = 0;
            for (std::size_t r = 0; r < rank; ++r) {
                sum += static_cast<double>(pair.b[i * rank + r]) * pair.a[r * vocab + t];
            }
            column[t] = table[t * hidden + i] + pair.scale * sum;
            squares += column[t] * column[t];
        }
        double factor = 1;
        if (!pair.magnitude.empty()) {
            factor = squares > 0 ? pair.magnitude[i] / std::sqrt(squares) : 0.0;
        }
        for (std::size_t t = 0; t < vocab; ++t) {
            table[t * hidden + i] = static_cast<float>(column[t] * factor);
        }
    }
    return {};
}

} // namespace

Result<Model> merge(const Model& base, const LoraAdapter& adapter, const ProgressSink& progress) {
    Model out = base;
    const auto& config = base.config;
    if (adapter.layers.size() != base.weights.layers.size()) {
        return fail(ErrorCode::invalid_argument, "the adapter has {} layers, the base {}",
                    adapter.layers.size(), base.weights.layers.size());
    }
    const bool changes_table = !adapter.embedding.a.empty();
    const bool changes_head = !adapter.head.a.empty();
    if ((changes_table || changes_head) && config.tied_embeddings) {
        out.config.tied_embeddings = false;
        out.weights.head.weight = base.weights.embedding;
    }
    for (std::size_t i = 0; i < adapter.layers.size(); ++i) {
        if (!progress("merging the adapter", i, adapter.layers.size())) {
            return fail(ErrorCode::cancelled, "merging: cancelled");
        }
        for (int s = 0; s < site_count; ++s) {
            const auto site = static_cast<Site>(s);
            const auto& pair = adapter.layers[i][static_cast<std::size_t>(s)];
            if (!pair.a.empty() && !has_site(config, site)) {
                return fail(ErrorCode::invalid_argument, "the base has no {}", to_string(site));
            }
            OL_TRY(merge_linear(module_name(config, i, site), out.weights.layers[i].at(site), pair,
                                site_out(config, site), site_in(config, site)));
        }
    }
    if (changes_table) {
        OL_TRY(merge_table(out.weights.embedding, adapter.embedding, config.vocab_size,
                           config.hidden_size));
    }
    OL_TRY(merge_linear("lm_head", out.weights.head, adapter.head, config.vocab_size,
                        config.hidden_size));
    progress("merging the adapter", adapter.layers.size(), adapter.layers.size());
    return out;
}

} // namespace ol::model
