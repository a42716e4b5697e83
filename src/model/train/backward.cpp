#include "model/kernels/attention_backward.hpp"
#include "model/train/backprop_impl.hpp"

namespace ol::model {

using train::LayerTape;
using train::signed_width;
using train::Term;

void Backprop::Impl::group_back(std::size_t group, std::size_t layer,
                                std::span<const SiteRows> sites, float* dx_block, std::size_t width,
                                std::size_t begin, std::size_t end) {
    const auto& g = factors.groups[group];
    const std::size_t count = end - begin;
    std::array<Term, 3> through{}, changes{};
    std::size_t changed = 0;
    for (std::size_t i = 0; i < sites.size(); ++i) {
        const auto& [site, dy, dy_row] = sites[i];
        const auto& f = factors.at(site);
        through[i] = {dy, dy_row, &f.backward};
        if (f.rank == 0) continue;
        if (!f.gain.empty()) changes[changed++] = {dy, dy_row, &f.change_back};
        const Term low{dy, dy_row, &f.low};
        train::multiply_rows(count, {&low, 1}, dlow[group].data() + begin * g.width + f.column,
                             g.width, false, table);
    }
    if (dx_block == nullptr) return;
    train::multiply_rows(count, std::span(through).first(sites.size()), dx_block, width, false,
                         table);
    if (!dropping || g.width == 0) return;
    thread_local train::Buffer part;
    train::grow(part, count * width);
    const Term low{dlow[group].data() + begin * g.width, g.width, &g.a_back};
    train::multiply_rows(count,
                         changed > 0 ? std::span<const Term>(changes).first(changed)
                                     : std::span<const Term>(&low, 1),
                         part.data(), width, false, table);
    drop(part.data(), width, layer, group, begin, end);
    table.add(dx_block, part.data(), count * width);
}

// From the gradient of the layer's output (dx) to those of gate and up (in place of them), of the
// stream between attention and the MLP (dx_mid), and of attention's output (dmixed).
void Backprop::Impl::mlp_back(std::size_t i, LayerTape& t, std::size_t begin, std::size_t end) {
    thread_local train::Buffer dact, dnormed;
    const std::size_t count = end - begin, at = begin * hidden;
    train::grow(dact, count * inner);
    const auto& n = norms[i];
    const float* dy = dx.data() + at;
    const auto through = [&](const train::NormFactors& norm, const train::Buffer& kept,
                             const train::NormTape& norm_tape, train::Buffer& to) {
        if (!norm.present()) return;
        std::fill_n(to.data() + at, count * hidden, 0.0F);
        norm_back(norm, dy, kept.data() + at, to.data() + at, begin, end, norm_tape);
        dy = to.data() + at;
    };
    through(n.mlp_out, t.mlp_out, t.mlp_out_norm, d_mlp_out);
    float* product = act.data() + begin * inner;
    const bool swiglu = config.gated_mlp && config.activation == Activation::silu;
    if (!swiglu) activate(t, product, begin, end); // else its way back makes the product again
    const SiteRows down{Site::down, dy, hidden};
    group_back(3, i, {&down, 1}, dact.data(), inner, begin, end);
    float* up = t.up.data() + begin * inner;
    float* gate = config.gated_mlp ? t.gate.data() + begin * inner : nullptr;
    if (!config.gated_mlp) {
        train_kernels.gelu_backward(up, dact.data(), count * inner);
    } else if (swiglu) {
        table.swiglu_backward(gate, up, dact.data(), product, count * inner);
    } else {
        train_kernels.geglu_backward(gate, up, dact.data(), count * inner);
    }
    if (dropping && factors.groups[3].width > 0) drop(product, inner, i, 3, begin, end);

    const SiteRows both[2] = {{Site::up, up, inner}, {Site::gate, gate, inner}};
    float* dnorm = dh.data() + at;
    group_back(2, i, std::span(both, config.gated_mlp ? 2 : 1), dnorm, hidden, begin, end);
    norm_again(n.mlp, t.x_mid.data() + at, h.data() + at, begin, end, t.mlp_norm);
    if (dropping && factors.groups[2].width > 0) drop(h.data() + at, hidden, i, 2, begin, end);
    std::copy_n(dx.data() + at, count * hidden, dx_mid.data() + at);
    norm_back(n.mlp, dnorm, t.x_mid.data() + at, dx_mid.data() + at, begin, end, t.mlp_norm);

    dy = dx_mid.data() + at;
    through(n.attention_out, t.attention_out, t.attention_out_norm, d_attention_out);
    const SiteRows o{Site::o, dy, hidden};
    group_back(1, i, {&o, 1}, dmixed.data() + begin * q_width, q_width, begin, end);
}

void Backprop::Impl::attention_back(std::size_t i, LayerTape& t) {
    const std::size_t group = heads / kv_heads;
    // The heads of a group add to the same keys and values, so they belong to one task, in order.
    pool.parallel_for(documents.size() * kv_heads, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t task = begin; task < end; ++task) {
            const auto& document = documents[task / kv_heads];
            const std::size_t g = task % kv_heads;
            const std::size_t row = document.first_row * qkv_width;
            const std::size_t q = row + g * group * size, k = row + q_width + g * size;
            const std::size_t out = document.first_row * q_width + g * group * size;
            const std::size_t stat = g * group * rows + document.first_row;
            kernels::attend_backward({.head_size = size,
                                      .rows = document.rows,
                                      .heads = group,
                                      .scale = score_scale,
                                      .softcap = config.attention_softcap,
                                      .window = config.window(i),
                                      .row = signed_width(qkv_width),
                                      .out_row = signed_width(q_width),
                                      .stat = signed_width(rows),
                                      .q = t.qkv.data() + q,
                                      .k = t.qkv.data() + k,
                                      .v = t.qkv.data() + k + kv_width,
                                      .out = t.mixed.data() + out,
                                      .d_out = dmixed.data() + out,
                                      .top = t.top.data() + stat,
                                      .inverse = t.inverse.data() + stat,
                                      .dq = dqkv.data() + q,
                                      .dk = dqkv.data() + k,
                                      .dv = dqkv.data() + k + kv_width},
                                     table);
        }
    });
}

// From the gradients of turned q, k and v to that of the layer's input.
void Backprop::Impl::projections_back(std::size_t i, LayerTape& t, bool need, std::size_t begin,
                                      std::size_t end) {
    const std::size_t count = end - begin, at = begin * hidden;
    float* d = dqkv.data() + begin * qkv_width;
    turn(d, i, begin, end, -1.0F);
    if (norms[i].q.present()) {
        const std::size_t width = q_width + kv_width;
        for (std::size_t r = 0; r < count; ++r) {
            float* row = d + r * qkv_width;
            float* normed = draw.data() + (begin + r) * width; // kept for the norms' own gradients
            std::copy_n(row, width, normed);
            std::fill_n(row, width, 0.0F);
            const float* raw = t.raw.data() + (begin + r) * width;
            for (std::size_t j = 0; j < heads + kv_heads; ++j) {
                const auto& norm = j < heads ? norms[i].q : norms[i].k;
                table.rms_backward(normed + j * size, raw + j * size, norm.factor(),
                                   t.qk_norm.r[(begin + r) * (heads + kv_heads) + j],
                                   row + j * size, size);
            }
        }
    }
    const float* stream = x[i].data() + at;
    norm_again(norms[i].attention, stream, h.data() + at, begin, end, t.attention_norm);
    if (dropping && factors.groups[0].width > 0) drop(h.data() + at, hidden, i, 0, begin, end);
    std::array<SiteRows, 3> sites{};
    std::size_t used = 0, column = 0;
    for (const auto site : {Site::q, Site::k, Site::v, Site::qkv}) {
        if (!has_site(config, site)) continue;
        sites[used++] = {site, d + column, qkv_width};
        column += site_out(config, site);
    }
    float* dnorm = dh.data() + at;
    group_back(0, i, std::span(sites).first(used), need ? dnorm : nullptr, hidden, begin, end);
    if (!need) return;
    std::copy_n(dx_mid.data() + at, count * hidden, dx.data() + at);
    norm_back(norms[i].attention, dnorm, stream, dx.data() + at, begin, end, t.attention_norm);
}

// dx arrives as the gradient of the layer's output and leaves as that of its input.
void Backprop::Impl::backward_layer(std::size_t i, LayerTape& t) {
    const auto& n = norms[i];
    LayerWeights* weights = job.weights != nullptr ? &job.weights->layers[i] : nullptr;
    blocks(rows, [&](std::size_t begin, std::size_t end) { mlp_back(i, t, begin, end); });
    attention_back(i, t);
    const float* d_down = n.mlp_out.present() ? d_mlp_out.data() : dx.data();
    const float* d_o = n.attention_out.present() ? d_attention_out.data() : dx_mid.data();
    if (dropping && factors.groups[1].width > 0) {
        blocks(rows, [&](std::size_t begin, std::size_t end) {
            drop(t.mixed.data() + begin * q_width, q_width, i, 1, begin, end);
        });
    }
    std::vector<SiteGradient> sites = {{Site::down, 3, d_down, hidden, act.data()},
                                       {Site::up, 2, t.up.data(), inner, h.data()},
                                       {Site::o, 1, d_o, hidden, t.mixed.data()}};
    if (config.gated_mlp) sites.push_back({Site::gate, 2, t.gate.data(), inner, h.data()});
    adapter_gradients(i, t, sites);
    if (weights != nullptr) {
        for (const auto& site : sites) weight_gradient(i, site);
        norm_gradient(n.mlp_out, weights->mlp_out_norm, dx.data(), t.mlp_out.data(), rows,
                      t.mlp_out_norm);
        norm_gradient(n.mlp, weights->mlp_norm, dh.data(), t.x_mid.data(), rows, t.mlp_norm);
        norm_gradient(n.attention_out, weights->attention_out_norm, dx_mid.data(),
                      t.attention_out.data(), rows, t.attention_out_norm);
    }
    // Below the first layer there is only the table.
    const bool need = i > 0 || job.weights != nullptr || embedding_pair() != nullptr;
    blocks(rows,
           [&](std::size_t begin, std::size_t end) { projections_back(i, t, need, begin, end); });
    sites.clear();
    std::size_t column = 0;
    for (const auto site : {Site::q, Site::k, Site::v, Site::qkv}) {
        if (!has_site(config, site)) continue;
        sites.push_back({site, 0, dqkv.data() + column, qkv_width, h.data()});
        column += site_out(config, site);
    }
    adapter_gradients(i, t, sites);
    if (weights == nullptr) return;
    for (const auto& site : sites) weight_gradient(i, site);
    norm_gradient(n.attention, weights->attention_norm, dh.data(), x[i].data(), rows,
                  t.attention_norm);
    if (n.q.present()) qk_norm_gradients(i, t);
}

} // namespace ol::model
