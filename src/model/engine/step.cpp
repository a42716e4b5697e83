// The phases of a step: embedding, layers, logits.
#include <algorithm>

#include "model/engine/engine.hpp"
#include "model/rope.hpp"

namespace ol::model {

namespace {

constexpr std::size_t panel = kernels::panel;
constexpr std::size_t attention_rows = 96;   // query rows of one task
constexpr std::size_t serial_work = 1 << 16; // values that are not worth waking a thread

using kernels::padded;
using kernels::signed_width;

} // namespace

ReadyNorm::ReadyNorm(const Norm& norm, float offset)
    : factor(norm.weight.data())
    , bias(norm.bias.data()) {
    if (offset == 0 || norm.weight.empty()) return;
    own = norm.weight;
    for (auto& value : own) value += offset;
    factor = own.data();
}

Engine::Impl::Impl(const Model& m, ThreadPool& p, const kernels::Table& t)
    : model(m)
    , config(m.config)
    , pool(p)
    , table(t)
    , rope(rope_frequencies(m.config, false))
    , local_rope(has_local_rope(m.config) ? rope_frequencies(m.config, true) : std::vector<float>())
    , final_norm(m.weights.final_norm, m.config.norm_offset)
    , q_width(std::size_t{config.head_count} * config.head_size)
    , kv_width(std::size_t{config.kv_head_count} * config.head_size)
    , qkv_width(q_width + 2 * kv_width)
    , value_head(padded(config.head_size))
    , up_width((config.gated_mlp ? 2 : 1) * std::size_t{config.intermediate_size}) {
    layers.resize(config.layer_count);
    pool.parallel_for(layers.size(), 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const auto& from = model.weights.layers[i];
            auto& to = layers[i];
            const auto norm = [&](const Norm& n) { return ReadyNorm(n, config.norm_offset); };
            to.attention_norm = norm(from.attention_norm);
            to.mlp_norm = norm(from.mlp_norm);
            to.attention_out_norm = norm(from.attention_out_norm);
            to.mlp_out_norm = norm(from.mlp_out_norm);
            to.q_norm = norm(from.q_norm);
            to.k_norm = norm(from.k_norm);
            const auto arrange = [&](int group) {
                const auto made = parts(i, lora_groups[group][0], lora_groups[group][1]);
                const auto site = static_cast<Site>(lora_groups[group][0]);
                return Projection(made, site_in(config, site));
            };
            to.qkv = arrange(0);
            to.o = arrange(1);
            to.up = arrange(2);
            to.down = arrange(3);
            const bool local = has_local_rope(config) && config.window(i) != 0;
            to.rope = local ? &local_rope : &rope;
        }
    });
    const auto& vocabulary =
        config.tied_embeddings ? model.weights.embedding : model.weights.head.weight;
    head = Projection({{&model.weights.head, config.vocab_size, vocabulary.data()}},
                      config.hidden_size);
}

std::vector<Projection::Part> Engine::Impl::parts(std::size_t layer, int first, int last) const {
    std::vector<Projection::Part> made;
    for (int i = first; i < last; ++i) {
        const auto site = static_cast<Site>(i);
        if (!has_site(config, site)) continue;
        const auto& linear = model.weights.layers[layer].at(site);
        made.push_back({&linear, site_out(config, site), linear.weight.data()});
    }
    return made;
}

void Engine::Impl::reserve(std::size_t rows) {
    const auto grow = [&](std::vector<float>& buffer, std::size_t width) {
        if (buffer.size() < rows * width) buffer.resize(rows * width);
    };
    grow(x, config.hidden_size);
    grow(h, config.hidden_size);
    grow(qkv, qkv_width);
    grow(mixed, q_width);
    grow(up, up_width);
    grow(act, config.intermediate_size);
    grow(out, config.hidden_size);
}

void Engine::Impl::for_rows(std::size_t rows, std::size_t work_each,
                            const std::function<void(std::size_t, std::size_t)>& body) {
    if (rows * work_each < serial_work) {
        body(0, rows);
    } else {
        pool.parallel_for(rows, serial_work / 4 / work_each + 1, body);
    }
}

void Engine::Impl::copy_embedding(TokenId token, float* to) const {
    const auto& rows = model.weights.embedding;
    if (rows.empty()) return head.copy_rows(token, 1, to); // released: the head has them
    std::copy_n(rows.data() + token * std::size_t{config.hidden_size}, config.hidden_size, to);
}

// A token's row of the table, with its adapter, scaled; then its position's row.
void Engine::Impl::embed(const std::vector<Slot>& slots) {
    const std::size_t hidden = config.hidden_size;
    for (const auto& slot : slots) {
        float* rows = x.data() + slot.first_row * hidden;
        for (std::size_t r = 0; r < slot.rows; ++r) {
            copy_embedding(slot.input->tokens[r], rows + r * hidden);
        }
        adapt_embedding(slot);
        if (config.embedding_scale != 1.0F) {
            table.scale(rows, config.embedding_scale, slot.rows * hidden);
        }
        if (config.learned_positions) {
            table.add(rows, model.weights.positions.data() + slot.first_position * hidden,
                      slot.rows * hidden);
        }
    }
}

void Engine::Impl::normalise(const ReadyNorm& norm, const float* from, float* to) const {
    if (config.layer_norm) {
        float mean = 0;
        table.layer_norm(from, norm.factor, norm.bias, to, config.hidden_size, config.norm_epsilon,
                         &mean);
    } else {
        table.rms_norm(from, norm.factor, to, config.hidden_size, config.norm_epsilon);
    }
}

void Engine::Impl::normalise_rows(const ReadyNorm& norm, const float* from, float* to,
                                  std::size_t rows) {
    const std::size_t hidden = config.hidden_size;
    for_rows(rows, hidden, [&](std::size_t begin, std::size_t end) {
        for (std::size_t r = begin; r < end; ++r) {
            normalise(norm, from + r * hidden, to + r * hidden);
        }
    });
}

// The base's product, then the adapters, then the bias.
void Engine::Impl::project(const Projection& projection, const std::vector<Slot>& slots,
                           std::size_t layer, std::size_t group, Rows at, std::size_t rows) {
    projection.apply(at.x, signed_width(at.x_row), rows, at.y, signed_width(at.y_row), quantised,
                     pool, table);
    adapt_group(slots, layer, group, at);
    if (!projection.has_bias()) return;
    for (std::size_t r = 0; r < rows; ++r) {
        table.add(at.y + r * at.y_row, projection.bias().data(), projection.out());
    }
}

// Norms and turns a row's q and k and appends its k and v to the cache.
void Engine::Impl::store_row(const Slot& slot, std::size_t r, std::size_t layer) {
    const std::size_t size = config.head_size, kv_heads = config.kv_head_count;
    const auto& from = layers[layer];
    const auto& rotation = *from.rope;
    auto& cache = slot.input->cache->layers_[layer];
    const std::size_t position = slot.first_position + r, place = position - cache.first;
    float* row = qkv.data() + (slot.first_row + r) * qkv_width;
    for (std::size_t i = 0; i < config.head_count + kv_heads; ++i) {
        float* head_row = row + i * size;
        if (config.qk_norm) {
            const auto& norm = i < config.head_count ? from.q_norm : from.k_norm;
            table.rms_norm(head_row, norm.factor, head_row, size, config.norm_epsilon);
        }
        if (config.learned_positions) continue;
        table.rope(head_row, rotation.cosine(position), rotation.sine(position), rotation.half(),
                   1.0F);
    }
    float* key = cache.keys.data() + place / panel * kv_width * panel + place % panel;
    for (std::size_t i = 0; i < kv_width; ++i) key[i * panel] = row[q_width + i];
    float* value = cache.values.data() + place * kv_heads * value_head;
    for (std::size_t g = 0; g < kv_heads; ++g) {
        const float* values = row + q_width + kv_width + g * size;
        std::copy(values, values + size, value + g * value_head);
    }
}

void Engine::Impl::store_keys(const std::vector<Slot>& slots, std::size_t layer) {
    for (const auto& slot : slots) {
        const auto end = static_cast<std::uint32_t>(padded(slot.first_position + slot.rows));
        slot.input->cache->layers_[layer].reserve(end, kv_width, config.kv_head_count * value_head);
        for_rows(slot.rows, qkv_width, [&](std::size_t begin, std::size_t stop) {
            for (std::size_t r = begin; r < stop; ++r) store_row(slot, r, layer);
        });
    }
}

void Engine::Impl::drop_unseen(const std::vector<Slot>& slots, std::size_t layer) {
    for (const auto& slot : slots) {
        const auto next = static_cast<std::uint32_t>(slot.first_position + slot.rows);
        slot.input->cache->layers_[layer].drop_unseen(next, kv_width,
                                                      config.kv_head_count * value_head);
    }
}

void Engine::Impl::attention(const std::vector<Slot>& slots, std::size_t layer) {
    const std::size_t size = config.head_size, kv_heads = config.kv_head_count;
    const std::size_t group = config.head_count / kv_heads;
    // One token: the heads of the group share keys and values as the rows of a tile. Several: a
    // block of them and one head.
    struct Task {
        const Slot* slot;
        std::size_t kv_head, head, first, rows;
    };
    thread_local std::vector<Task> tasks;
    tasks.clear();
    std::size_t work = 0;
    for (const auto& slot : slots) {
        work += slot.rows * (slot.first_position + slot.rows) * q_width;
        if (slot.rows == 1) {
            for (std::size_t g = 0; g < kv_heads; ++g) tasks.push_back({&slot, g, g * group, 0, 1});
            continue;
        }
        for (std::size_t first = 0; first < slot.rows; first += attention_rows) {
            const std::size_t rows = std::min(attention_rows, slot.rows - first);
            for (std::size_t i = 0; i < config.head_count; ++i) {
                tasks.push_back({&slot, i / group, i, first, rows});
            }
        }
    }
    const Task* const all = tasks.data();
    const auto body = [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const Task& task = all[i];
            const auto& cache = task.slot->input->cache->layers_[layer];
            kernels::AttentionRows rows;
            rows.head_size = size;
            rows.scale = config.attention_scale;
            rows.softcap = config.attention_softcap;
            rows.window = config.window(layer);
            // Counted from the first position kept, which is a panel's first and which all see.
            rows.first = task.slot->first_position + task.first - cache.first;
            rows.cache.keys = cache.keys.data() + task.kv_head * size * panel;
            rows.cache.key_panel = signed_width(kv_width * panel);
            rows.cache.values = cache.values.data() + task.kv_head * value_head;
            rows.cache.value_row = signed_width(kv_heads * value_head);
            const bool one = task.slot->rows == 1;
            const std::size_t row = task.slot->first_row + task.first;
            rows.same_position = one;
            rows.rows = one ? group : task.rows;
            rows.q = qkv.data() + row * qkv_width + task.head * size;
            rows.q_row = signed_width(one ? size : qkv_width);
            rows.out = mixed.data() + row * q_width + task.head * size;
            rows.out_row = signed_width(one ? size : q_width);
            kernels::attend(rows, table);
        }
    };
    if (work < serial_work) {
        body(0, tasks.size());
    } else {
        pool.parallel_for(tasks.size(), 1, body);
    }
}

void Engine::Impl::run_layer(const std::vector<Slot>& slots, std::size_t i, std::size_t rows) {
    const auto& layer = layers[i];
    const std::size_t hidden = config.hidden_size, inner = config.intermediate_size;

    normalise_rows(layer.attention_norm, x.data(), h.data(), rows);
    project(layer.qkv, slots, i, 0, {h.data(), hidden, qkv.data(), qkv_width}, rows);
    store_keys(slots, i);
    attention(slots, i);
    drop_unseen(slots, i);
    project(layer.o, slots, i, 1, {mixed.data(), q_width, out.data(), hidden}, rows);
    if (config.out_norms) normalise_rows(layer.attention_out_norm, out.data(), out.data(), rows);
    table.add(x.data(), out.data(), rows * hidden);

    normalise_rows(layer.mlp_norm, x.data(), h.data(), rows);
    project(layer.up, slots, i, 2, {h.data(), hidden, up.data(), up_width}, rows);
    const bool gelu = config.activation == Activation::gelu_tanh;
    const auto activate = gelu ? table.geglu : table.swiglu;
    for_rows(rows, 2 * inner, [&](std::size_t begin, std::size_t end) {
        for (std::size_t r = begin; r < end; ++r) {
            const float* row = up.data() + r * up_width;
            float* to = act.data() + r * inner;
            if (config.gated_mlp) {
                activate(row, row + inner, to, inner);
            } else {
                table.gelu(row, to, inner);
            }
        }
    });
    project(layer.down, slots, i, 3, {act.data(), inner, out.data(), hidden}, rows);
    if (config.out_norms) normalise_rows(layer.mlp_out_norm, out.data(), out.data(), rows);
    table.add(x.data(), out.data(), rows * hidden);
}

// Only the rows whose logits are asked for meet the vocabulary, gathered into one product.
std::vector<std::vector<float>> Engine::Impl::logits(const std::vector<Slot>& slots) {
    const std::size_t hidden = config.hidden_size, vocabulary = config.vocab_size;
    const auto wanted_rows = [](const Slot& slot) {
        return slot.input->all_logits ? slot.rows : std::size_t{1};
    };
    std::size_t wanted = 0;
    for (const auto& slot : slots) {
        for (std::size_t r = slot.rows - wanted_rows(slot); r < slot.rows; ++r) {
            normalise(final_norm, x.data() + (slot.first_row + r) * hidden,
                      h.data() + wanted++ * hidden);
        }
    }
    std::vector<float> all(wanted * vocabulary);
    head.apply(h.data(), signed_width(hidden), wanted, all.data(), signed_width(vocabulary),
               quantised, pool, table);
    std::vector<std::vector<float>> made;
    std::size_t taken = 0;
    for (const auto& slot : slots) {
        const std::size_t rows = wanted_rows(slot);
        adapt_head(slot, h.data() + taken * hidden, all.data() + taken * vocabulary, rows);
        taken += rows;
    }
    if (config.logit_softcap > 0) {
        for_rows(wanted, vocabulary, [&](std::size_t begin, std::size_t end) {
            table.softcap(all.data() + begin * vocabulary, 1.0F, config.logit_softcap,
                          (end - begin) * vocabulary);
        });
    }
    if (slots.size() == 1) {
        made.push_back(std::move(all));
        return made;
    }
    auto from = all.begin();
    for (const auto& slot : slots) {
        const auto end = from + signed_width(wanted_rows(slot) * vocabulary);
        made.emplace_back(from, end);
        from = end;
    }
    return made;
}

} // namespace ol::model
