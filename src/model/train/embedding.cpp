// The table at the entrance: rows of tokens, and the gradients of the table and its adapter.
#include <cmath>

#include "model/dora.hpp"
#include "model/train/backprop_impl.hpp"
#include "model/train/noise.hpp"

namespace ol::model {

using train::grow;
using train::Term;

void Backprop::Impl::prepare_embedding() {
    const LoraPair* pair = embedding_pair();
    if (pair == nullptr) return;
    std::vector<float> scaled = pair->b;
    table.scale(scaled.data(), pair->scale, scaled.size());
    table_b.reshape(pair->rank, hidden);
    table_b.set_transposed(0, scaled.data(), hidden);
    table_gain.clear();
    if (!pair->magnitude.empty()) {
        table_gain = dora_embedding_factors(model.weights.embedding, config.vocab_size, hidden,
                                            *pair, pool, table);
        for (std::size_t n = 0; n < hidden; ++n) {
            table.scale(scaled.data() + n * pair->rank, table_gain[n], pair->rank);
        }
    }
    table_low.reshape(hidden, pair->rank);
    table_low.set_rows(0, scaled.data(), hidden);
}

void Backprop::Impl::adapt_embedding(std::size_t begin, std::size_t end, float* to) const {
    const std::size_t rank = embedding_pair()->rank;
    const Term term{table_rows.data() + begin * rank, rank, &table_b};
    train::multiply_rows(end - begin, {&term, 1}, to, hidden, true, table);
    if (table_gain.empty()) return;
    for (std::size_t i = begin; i < end; ++i) {
        table.multiply(to + (i - begin) * hidden, table_gain.data(), hidden);
    }
}

void Backprop::Impl::embed() {
    const LoraPair* pair = embedding_pair();
    const std::size_t vocabulary = config.vocab_size, rank = pair != nullptr ? pair->rank : 0;
    grow(table_rows, capacity * rank);
    for (const auto& document : documents) {
        for (std::size_t i = 0; i < document.rows; ++i) {
            const TokenId token = document.example->tokens[document.first_token + i];
            std::copy_n(model.weights.embedding.data() + token * hidden, hidden,
                        x[0].data() + (document.first_row + i) * hidden);
            float* low = table_rows.data() + (document.first_row + i) * rank;
            for (std::size_t r = 0; r < rank; ++r) low[r] = pair->a[r * vocabulary + token];
        }
    }
    if (pair != nullptr) {
        blocks(rows, [&](std::size_t begin, std::size_t end) {
            adapt_embedding(begin, end, x[0].data() + begin * hidden);
        });
    }
    if (config.embedding_scale != 1.0F) {
        table.scale(x[0].data(), config.embedding_scale, rows * hidden);
    }
    const bool noisy = job.noise != nullptr && job.noise->neftune_alpha > 0;
    for (const auto& document : documents) {
        const auto tokens = static_cast<float>(document.rows + 1);
        const float noise =
            noisy ? job.noise->neftune_alpha / std::sqrt(tokens * static_cast<float>(hidden)) : 0;
        for (std::size_t i = 0; i < document.rows; ++i) {
            float* row = x[0].data() + (document.first_row + i) * hidden;
            // NEFTune disturbs the table's output, before positions are added.
            if (noisy) train::add_noise(*job.noise, row, hidden, noise, document.ordinal, i);
            if (config.learned_positions) {
                table.add(row, model.weights.positions.data() + i * hidden, hidden);
            }
        }
    }
}

void Backprop::Impl::embedding_gradients() {
    if (job.weights != nullptr && config.learned_positions) {
        for (const auto& document : documents) {
            table.add(job.weights->positions.data(), dx.data() + document.first_row * hidden,
                      document.rows * hidden);
        }
    }
    if (config.embedding_scale != 1.0F) {
        table.scale(dx.data(), config.embedding_scale, rows * hidden);
    }
    if (job.weights != nullptr) {
        for (const auto& document : documents) {
            for (std::size_t i = 0; i < document.rows; ++i) {
                const TokenId token = document.example->tokens[document.first_token + i];
                table.add(job.weights->embedding.data() + token * hidden,
                          dx.data() + (document.first_row + i) * hidden, hidden);
            }
        }
    }
    if (job.adapter != nullptr && embedding_pair() != nullptr) embedding_adapter_gradients();
}

// dm = sum of dy * y / m, y the table's rows as the adapter makes them.
void Backprop::Impl::embedding_magnitude_gradient(const train::Document& document) {
    const auto& magnitude = embedding_pair()->magnitude;
    std::vector<float> sum(hidden), y(hidden);
    for (std::size_t i = 0; i < document.rows; ++i) {
        const TokenId token = document.example->tokens[document.first_token + i];
        const std::size_t row = document.first_row + i;
        std::copy_n(model.weights.embedding.data() + token * hidden, hidden, y.data());
        adapt_embedding(row, row + 1, y.data());
        table.rms_weight(dx.data() + row * hidden, y.data(), 1.0F, sum.data(), hidden);
    }
    for (std::size_t n = 0; n < hidden; ++n) {
        sum[n] *= magnitude[n] != 0 ? 1.0F / magnitude[n] : 0.0F;
    }
    give(document, layout->embedding.magnitude, sum.data(), hidden,
         job.adapter->embedding.magnitude.data());
}

void Backprop::Impl::embedding_adapter_gradients() {
    const LoraPair& pair = *embedding_pair();
    const std::size_t vocabulary = config.vocab_size, rank = pair.rank;
    grow(table_dlow, capacity * rank);
    blocks(rows, [&](std::size_t begin, std::size_t end) {
        const Term term{dx.data() + begin * hidden, hidden, &table_low};
        train::multiply_rows(end - begin, {&term, 1}, table_dlow.data() + begin * rank, rank, false,
                             table);
    });
    auto& to = job.adapter->embedding;
    std::vector<float> b(rank * hidden), sum(rank * vocabulary);
    std::vector<TokenId> touched;
    for (const auto& document : documents) {
        train::outer({.rows = document.rows,
                      .n = hidden,
                      .m = rank,
                      .wide = dx.data() + document.first_row * hidden,
                      .wide_row = hidden,
                      .narrow = table_rows.data() + document.first_row * rank,
                      .narrow_row = rank,
                      .c = b.data(),
                      .c_row = rank},
                     table);
        scale_rows(b.data(), hidden, rank, pair.scale,
                   table_gain.empty() ? nullptr : table_gain.data());
        give(document, layout->embedding.b, b.data(), b.size(), to.b.data());
        if (!table_gain.empty()) embedding_magnitude_gradient(document);
        // The columns of A that the document's tokens touch; the others' part is 0.
        touched.clear();
        for (std::size_t i = 0; i < document.rows; ++i) {
            const TokenId token = document.example->tokens[document.first_token + i];
            touched.push_back(token);
            for (std::size_t r = 0; r < rank; ++r) {
                sum[r * vocabulary + token] += table_dlow[(document.first_row + i) * rank + r];
            }
        }
        std::sort(touched.begin(), touched.end());
        touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
        if (job.per_document != nullptr) {
            std::copy(sum.begin(), sum.end(),
                      job.per_document + document.ordinal * layout->parameters +
                          layout->embedding.a);
        }
        for (const auto token : touched) {
            for (std::size_t r = 0; r < rank; ++r) {
                to.a[r * vocabulary + token] += sum[r * vocabulary + token];
                sum[r * vocabulary + token] = 0;
            }
        }
    }
}

} // namespace ol::model
