// The loss: only rows that carry it meet the vocabulary.
#include "model/kernels/exact_math.hpp"
#include "model/kernels/gemm.hpp"
#include "model/train/backprop_impl.hpp"

namespace ol::model {

using train::signed_width;
using train::Term;

namespace {

constexpr std::size_t group_rows = 192; // rows whose logits live at once
constexpr std::size_t task_rows = 48;   // of one thread
constexpr std::size_t task_columns = 256;

} // namespace

void Backprop::Impl::fill_head() {
    const auto& weights = model.weights;
    const LoraPair* pair = head_pair();
    train::fill_site(weights.head, config.tied_embeddings ? weights.embedding.data() : nullptr,
                     pair, hidden, config.vocab_size, {.forward = true, .backward = backward},
                     head_factors, pool, table);
    if (pair == nullptr || !backward) return;
    head_a_panels.reshape(hidden, pair->rank);
    head_a_panels.set_transposed(0, pair->a.data(), pair->rank);
}

// Rows [first + begin, first + end) of the loss rows: logits, loss, and their gradients in place.
double Backprop::Impl::head_rows(std::size_t first, std::size_t begin, std::size_t end) {
    thread_local train::Buffer capped;
    const std::size_t vocabulary = config.vocab_size, count = end - begin;
    const float* from = head_h.data() + (first + begin) * hidden;
    float* block = logits.data() + begin * vocabulary;
    const Term forward{from, hidden, &head_factors.forward};
    train::multiply_rows(count, {&forward, 1}, block, vocabulary, false, table);
    for (std::size_t i = begin; i < end; ++i) {
        float* row = logits.data() + i * vocabulary;
        if (config.logit_softcap > 0) {
            table.softcap(row, 1.0F, config.logit_softcap, vocabulary);
            capped.assign(row, row + vocabulary);
        }
        const TokenId target = loss_target[first + i];
        const float chosen = row[target];
        const float top = table.max_scaled(row, 1.0F, vocabulary);
        const float sum = table.exp_sum(row, 1.0F, top, vocabulary);
        row_loss[first + i] = kernels::exact_log(static_cast<double>(sum)) +
                              static_cast<double>(top) - static_cast<double>(chosen);
        if (!backward) continue;
        table.scale(row, job.factor / sum, vocabulary);
        row[target] -= job.factor;
        if (config.logit_softcap > 0) {
            train_kernels.softcap_backward(row, capped.data(), config.logit_softcap, vocabulary);
        }
    }
    if (!backward) return 0;
    const Term back{block, vocabulary, &head_factors.backward};
    train::multiply_rows(count, {&back, 1}, head_dh.data() + (first + begin) * hidden, hidden,
                         false, table);
    if (head_pair() == nullptr) return 0;
    const std::size_t rank = head_factors.rank;
    const Term shrunk{from, hidden, &head_a_panels}, dshrunk{block, vocabulary, &head_factors.low};
    train::multiply_rows(count, {&shrunk, 1}, head_low.data() + begin * rank, rank, false, table);
    train::multiply_rows(count, {&dshrunk, 1}, head_dlow.data() + begin * rank, rank, false, table);
    return 0;
}

double Backprop::Impl::head_group(std::size_t first, std::size_t count) {
    const std::size_t vocabulary = config.vocab_size;
    pool.parallel_for((count + task_rows - 1) / task_rows, 1,
                      [&](std::size_t begin, std::size_t end) {
                          head_rows(first, begin * task_rows, std::min(count, end * task_rows));
                      });
    double total = 0;
    for (std::size_t i = 0; i < count; ++i) total += row_loss[first + i];
    if (job.weights != nullptr && backward) {
        kernels::multiply({.m = vocabulary,
                           .n = hidden,
                           .k = count,
                           .a = {logits.data(), 1, signed_width(vocabulary)},
                           .b = {head_h.data() + first * hidden, signed_width(hidden), 1},
                           .c = job.weights->head.weight.data(),
                           .c_row = signed_width(hidden),
                           .accumulate = true},
                          &pool, table);
    }
    return total;
}

// Adds the rows' part to head_a (transposed), head_b and head_m: `more` follows earlier rows of the
// document.
void Backprop::Impl::head_adapter_gradients(std::size_t first, std::size_t count, bool more) {
    const std::size_t vocabulary = config.vocab_size, rank = head_factors.rank;
    const std::size_t tasks = (vocabulary + task_columns - 1) / task_columns;
    const std::size_t of_m = head_m.empty() ? 0 : tasks;
    const float* from = head_h.data() + first * hidden;
    pool.parallel_for(tasks + 1 + of_m, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            if (i > tasks) {
                const std::size_t column = (i - tasks - 1) * task_columns;
                const Term product{from, hidden, &head_factors.forward};
                add_products(count, logits.data(), vocabulary, {&product, 1}, column,
                             std::min(task_columns, vocabulary - column), head_m.data() + column);
                continue;
            }
            train::Outer o{.rows = count,
                           .n = hidden,
                           .m = rank,
                           .wide = from,
                           .wide_row = hidden,
                           .narrow = head_dlow.data(),
                           .narrow_row = rank,
                           .c = head_a.data(),
                           .c_row = rank,
                           .accumulate = more};
            if (i < tasks) {
                const std::size_t column = i * task_columns;
                o.n = std::min(task_columns, vocabulary - column);
                o.wide = logits.data() + column;
                o.wide_row = vocabulary;
                o.narrow = head_low.data();
                o.c = head_b.data() + column * rank;
            }
            train::outer(o, table);
        }
    });
}

// Leaves the gradient of the last layer's output in dx.
double Backprop::Impl::head() {
    loss_row.clear();
    loss_target.clear();
    loss_count.assign(documents.size(), 0);
    for (std::size_t d = 0; d < documents.size(); ++d) {
        const auto& document = documents[d];
        for (std::size_t i = 0; i < document.rows; ++i) {
            const std::size_t token = document.first_token + i + 1;
            if (document.example->mask[token] == 0) continue;
            loss_row.push_back(document.first_row + i);
            loss_target.push_back(document.example->tokens[token]);
            ++loss_count[d];
        }
    }
    const std::size_t count = loss_row.size();
    train::grow(head_x, capacity * hidden);
    train::grow(head_h, capacity * hidden);
    train::grow(head_norm.r, capacity);
    train::grow(head_norm.mean, capacity);
    train::grow(logits, std::min(capacity, group_rows) * config.vocab_size);
    row_loss.resize(count);
    if (backward) {
        train::grow(head_dh, capacity * hidden);
        train::grow(head_dx, capacity * hidden);
        std::fill_n(head_dx.data(), count * hidden, 0.0F);
    }
    const LoraPair* pair = backward && job.adapter != nullptr ? head_pair() : nullptr;
    if (backward && head_pair() != nullptr) {
        train::grow(head_low, group_rows * head_factors.rank);
        train::grow(head_dlow, group_rows * head_factors.rank);
        head_a.resize(head_factors.rank * hidden);
        head_b.resize(head_factors.rank * config.vocab_size);
        head_m.resize(head_factors.gain.size());
    }
    const float* last = x.back().data();
    blocks(count, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            std::copy_n(last + loss_row[i] * hidden, hidden, head_x.data() + i * hidden);
        }
        norm_rows(final_norm, head_x.data() + begin * hidden, head_h.data() + begin * hidden, begin,
                  end, head_norm);
    });
    double total = 0;
    std::size_t first = 0;
    if (pair == nullptr) {
        for (; first < count; first += group_rows) {
            total += head_group(first, std::min(group_rows, count - first));
        }
    } else {
        // Its adapter's gradient is per document, so a group ends with its document.
        std::vector<float> turned(head_a.size());
        const std::size_t rank = head_factors.rank, vocabulary = config.vocab_size;
        for (std::size_t d = 0; d < documents.size(); ++d) {
            std::fill(head_a.begin(), head_a.end(), 0.0F);
            std::fill(head_b.begin(), head_b.end(), 0.0F);
            std::fill(head_m.begin(), head_m.end(), 0.0F);
            for (std::size_t done = 0; done < loss_count[d];) {
                const std::size_t now = std::min(group_rows, loss_count[d] - done);
                total += head_group(first, now);
                head_adapter_gradients(first, now, done > 0);
                done += now;
                first += now;
            }
            scale_rows(head_b.data(), vocabulary, rank, pair->scale,
                       head_m.empty() ? nullptr : head_factors.gain.data());
            for (std::size_t r = 0; r < rank; ++r) {
                for (std::size_t n = 0; n < hidden; ++n) {
                    turned[r * hidden + n] = head_a[n * rank + r];
                }
            }
            if (!head_m.empty()) {
                table.multiply(head_m.data(), head_factors.inverse_magnitude.data(), vocabulary);
                give(documents[d], layout->head.magnitude, head_m.data(), vocabulary,
                     job.adapter->head.magnitude.data());
            }
            give(documents[d], layout->head.a, turned.data(), turned.size(),
                 job.adapter->head.a.data());
            give(documents[d], layout->head.b, head_b.data(), head_b.size(),
                 job.adapter->head.b.data());
        }
    }
    if (!backward) return total;
    blocks(count, [&](std::size_t begin, std::size_t end) {
        const std::size_t at = begin * hidden;
        norm_back(final_norm, head_dh.data() + at, head_x.data() + at, head_dx.data() + at, begin,
                  end, head_norm);
    });
    if (job.weights != nullptr) {
        norm_gradient(final_norm, job.weights->final_norm, head_dh.data(), head_x.data(), count,
                      head_norm);
    }
    std::fill_n(dx.data(), rows * hidden, 0.0F);
    for (std::size_t i = 0; i < count; ++i) {
        std::copy_n(head_dx.data() + i * hidden, hidden, dx.data() + loss_row[i] * hidden);
    }
    return total;
}

} // namespace ol::model
