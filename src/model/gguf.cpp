#include "model/gguf.hpp"

#include <bit>
#include <cmath>
#include <functional>

#include "model/gguf_meta.hpp"
#include "model/half.hpp"
#include "model/kernels/quant.hpp"
#include "model/rope.hpp"

namespace ol::model {

namespace {

static_assert(std::endian::native == std::endian::little, "the file's numbers are little endian");

constexpr std::uint64_t alignment = 32;

// enum ggml_type and enum llama_ftype.
std::uint32_t ggml_type(GgufType type) {
    constexpr std::uint32_t types[] = {0, 1, 8, 2};
    return types[static_cast<std::size_t>(type)];
}
std::uint32_t file_type(GgufType type) {
    constexpr std::uint32_t types[] = {0, 1, 7, 2};
    return types[static_cast<std::size_t>(type)];
}

std::uint64_t row_bytes(GgufType type, std::uint64_t in) {
    switch (type) {
    case GgufType::f32:
        return 4 * in;
    case GgufType::f16:
        return 2 * in;
    case GgufType::q8_0:
        return in / kernels::quant_block * 34;
    case GgufType::q4_0:
        return in / kernels::quant_block * 18;
    }
    return 0;
}

struct Tensor {
    std::string name;
    std::uint64_t rows = 1, in = 0; // a vector has one row
    bool is_matrix = false;
    GgufType type = GgufType::f32;
    std::function<std::vector<float>()> values; // [rows, in]
    std::uint64_t bytes() const { return rows * row_bytes(type, in); }
};

class Writer {
public:
    Writer(const Model& model, GgufType type)
        : model_(model)
        , config_(model.config)
        , type_(type) {}

    Status run(const Path& folder, const Path& to, const ProgressSink& progress) {
        OL_TRY(refuse_unlike());
        add_meta(folder);
        OL_TRY(add_gguf_tokenizer(meta_, config_, folder));
        collect();
        return write(to, progress);
    }

private:
    bool is_gemma() const {
        return config_.family == Family::gemma2 || config_.family == Family::gemma3;
    }
    // Mistral's shape is that of Llama to llama.cpp.
    std::string_view architecture() const {
        return config_.family == Family::mistral ? "llama" : to_string(config_.family);
    }

    // What llama.cpp takes for granted of a family.
    Status refuse_unlike() const {
        const auto different = [&](std::string_view what) {
            return fail(ErrorCode::unsupported,
                        "GGUF: {} of this {} model is not as llama.cpp computes it; export as "
                        "safetensors",
                        what, to_string(config_.family));
        };
        const float usual = 1.0F / std::sqrt(static_cast<float>(config_.head_size));
        if (config_.attention_scale != 0 &&
            std::fabs(config_.attention_scale - usual) > 1e-6F * usual) {
            return different("the scale of attention");
        }
        if (is_gemma()) {
            const std::size_t period = config_.family == Family::gemma2 ? 2 : 6;
            for (std::size_t i = 0; i < config_.layer_count; ++i) {
                const bool windowed = i % period + 1 < period;
                if ((config_.window(i) != 0) != windowed) return different("the order of windows");
            }
        }
        if (config_.family == Family::gemma3 && config_.local_rope_theta != 10000.0F) {
            return different("the rotation of windowed layers");
        }
        return {};
    }

    // llama.cpp knows windows in Gemma alone: elsewhere the context ends where they would count.
    std::uint32_t context() const {
        std::uint32_t out = config_.context_length;
        if (is_gemma()) return out;
        for (std::size_t i = 0; i < config_.layer_count; ++i) {
            if (config_.window(i) != 0) out = std::min(out, config_.window(i));
        }
        return out;
    }

    void add_meta(const Path& folder) {
        const auto key = [&](std::string_view name) {
            return fmt::format("{}.{}", architecture(), name);
        };
        meta_.put("general.architecture", architecture());
        meta_.put("general.type", "model");
        meta_.put("general.name", folder.filename().string());
        meta_.put("general.file_type", file_type(type_));
        if (type_ == GgufType::q8_0 || type_ == GgufType::q4_0) {
            meta_.put("general.quantization_version", 2U);
        }
        meta_.put(key("vocab_size"), config_.vocab_size);
        meta_.put(key("context_length"), context());
        meta_.put(key("embedding_length"), config_.hidden_size);
        meta_.put(key("block_count"), config_.layer_count);
        meta_.put(key("feed_forward_length"), config_.intermediate_size);
        meta_.put(key("attention.head_count"), config_.head_count);
        meta_.put(key("attention.head_count_kv"), config_.kv_head_count);
        meta_.put(key("attention.key_length"), config_.head_size);
        meta_.put(key("attention.value_length"), config_.head_size);
        meta_.put(key(config_.layer_norm ? "attention.layer_norm_epsilon"
                                         : "attention.layer_norm_rms_epsilon"),
                  config_.norm_epsilon);
        if (!config_.learned_positions) {
            meta_.put(key("rope.dimension_count"), config_.head_size);
            meta_.put(key("rope.freq_base"), config_.rope_theta);
            if (config_.rope_scaling.kind == RopeScaling::Kind::linear) {
                meta_.put(key("rope.scaling.type"), "linear");
                meta_.put(key("rope.scaling.factor"), config_.rope_scaling.factor);
            }
        }
        if (is_gemma()) meta_.put(key("attention.sliding_window"), config_.sliding_window);
        if (config_.attention_softcap != 0) {
            meta_.put(key("attn_logit_softcapping"), config_.attention_softcap);
        }
        if (config_.logit_softcap != 0) {
            meta_.put(key("final_logit_softcapping"), config_.logit_softcap);
        }
    }

    void vector(std::string name, const std::vector<float>& values, float offset = 0) {
        if (values.empty()) return;
        Tensor out{
            std::move(name), 1, values.size(), false, GgufType::f32, {},
        };
        out.values = [&values, offset] {
            auto copy = values;
            for (auto& value : copy) value += offset;
            return copy;
        };
        tensors_.push_back(std::move(out));
    }

    void norm(const std::string& name, const Norm& norm) {
        vector(name + ".weight", norm.weight, config_.norm_offset);
        vector(name + ".bias", norm.bias);
    }

    void matrix(std::string name, std::uint64_t rows, std::uint64_t in, bool keeps_f32,
                std::function<std::vector<float>()> values) {
        auto type = keeps_f32 ? GgufType::f32 : type_;
        const bool is_quantized = type == GgufType::q8_0 || type == GgufType::q4_0;
        if (is_quantized && in % kernels::quant_block != 0) type = GgufType::f16;
        tensors_.push_back({std::move(name), rows, in, true, type, std::move(values)});
    }

    // Llama's rotation pairs neighbours in llama.cpp, halves of a head in Hugging Face: rows of a
    // head go 0, h/2, 1, h/2 + 1, ...
    std::vector<float> paired(const std::vector<float>& rows, std::size_t in) const {
        std::vector<float> out(rows.size());
        const std::size_t size = config_.head_size, half = size / 2;
        for (std::size_t o = 0; o < rows.size() / in; ++o) {
            const auto head = o / size, at = o % size;
            const auto to = head * size + (at < half ? 2 * at : 2 * (at - half) + 1);
            std::copy_n(rows.data() + o * in, in, out.data() + to * in);
        }
        return out;
    }

    void linear(const std::string& name, const Linear& linear, std::uint64_t out, std::uint64_t in,
                bool is_paired) {
        matrix(name + ".weight", out, in, false, [this, &linear, out, in, is_paired] {
            auto rows = linear.weight;
            if (linear.quantized) {
                rows.resize(out * in);
                linear.quantized->dequantize_rows(0, out, rows.data());
            }
            return is_paired ? paired(rows, in) : rows;
        });
        if (linear.bias.empty()) return;
        if (is_paired) {
            paired_biases_.push_back(std::make_unique<std::vector<float>>(paired(linear.bias, 1)));
            vector(name + ".bias", *paired_biases_.back());
        } else {
            vector(name + ".bias", linear.bias);
        }
    }

    void collect() {
        const auto& weights = model_.weights;
        const std::uint64_t hidden = config_.hidden_size;
        matrix("token_embd.weight", config_.vocab_size, hidden, false,
               [&weights] { return weights.embedding; });
        if (config_.learned_positions) {
            matrix("position_embd.weight", config_.context_length, hidden, true,
                   [&weights] { return weights.positions; });
        }
        if (config_.rope_scaling.kind == RopeScaling::Kind::llama3) {
            // What each frequency is divided by.
            auto plain = config_;
            plain.rope_scaling = {};
            rope_factors_ = rope_frequencies(plain, false);
            const auto scaled = rope_frequencies(config_, false);
            for (std::size_t i = 0; i < scaled.size(); ++i) rope_factors_[i] /= scaled[i];
            vector("rope_freqs.weight", rope_factors_);
        }
        for (std::size_t i = 0; i < weights.layers.size(); ++i) layer(i, weights.layers[i]);
        norm("output_norm", weights.final_norm);
        if (!config_.tied_embeddings) {
            linear("output", weights.head, config_.vocab_size, hidden, false);
        }
    }

    void layer(std::size_t i, const LayerWeights& layer) {
        const auto prefix = fmt::format("blk.{}.", i);
        const bool is_paired = architecture() == "llama";
        norm(prefix + "attn_norm", layer.attention_norm);
        norm(prefix + "ffn_norm", layer.mlp_norm);
        norm(prefix + "post_attention_norm", layer.attention_out_norm);
        norm(prefix + "post_ffw_norm", layer.mlp_out_norm);
        norm(prefix + "attn_q_norm", layer.q_norm);
        norm(prefix + "attn_k_norm", layer.k_norm);
        for (int s = 0; s < site_count; ++s) {
            const auto site = static_cast<Site>(s);
            if (!has_site(config_, site)) continue;
            constexpr std::string_view names[site_count] = {"attn_q",   "attn_k",      "attn_v",
                                                            "attn_qkv", "attn_output", "ffn_gate",
                                                            "ffn_up",   "ffn_down"};
            linear(prefix + std::string(names[s]), layer.at(site), site_out(config_, site),
                   site_in(config_, site), is_paired && (site == Site::q || site == Site::k));
        }
    }

    Result<Bytes> encode(const Tensor& tensor) const {
        const auto values = tensor.values();
        if (values.size() != tensor.rows * tensor.in) {
            return fail(ErrorCode::internal, "GGUF: tensor '{}' holds {} values, not {}",
                        tensor.name, values.size(), tensor.rows * tensor.in);
        }
        if (tensor.type == GgufType::q8_0 || tensor.type == GgufType::q4_0) {
            const auto type =
                tensor.type == GgufType::q8_0 ? kernels::QuantType::q8_0 : kernels::QuantType::q4_0;
            const auto packed = OL_TRY_IN(
                kernels::QuantMatrix::quantize(type, values.data(), tensor.rows, tensor.in),
                "GGUF: tensor '{}'", tensor.name);
            return packed.gguf_rows();
        }
        Bytes out(tensor.bytes());
        if (tensor.type == GgufType::f32) {
            std::memcpy(out.data(), values.data(), out.size());
            return out;
        }
        for (std::size_t i = 0; i < values.size(); ++i) {
            const auto half = f32_to_f16(values[i]);
            if (std::isfinite(values[i]) && (half & 0x7c00U) == 0x7c00U) {
                return fail(ErrorCode::unsupported,
                            "GGUF: tensor '{}' holds {}, beyond the range of f16; export as f32",
                            tensor.name, values[i]);
            }
            std::memcpy(out.data() + 2 * i, &half, 2);
        }
        return out;
    }

    static std::uint64_t aligned(std::uint64_t size) {
        return (size + alignment - 1) / alignment * alignment;
    }

    Status write(const Path& to, const ProgressSink& progress) {
        Bytes head;
        for (const char c : std::string_view("GGUF")) head.push_back(static_cast<std::uint8_t>(c));
        GgufMeta::append_number(head, std::uint32_t{3});
        GgufMeta::append_number(head, static_cast<std::uint64_t>(tensors_.size()));
        GgufMeta::append_number(head, meta_.count());
        head.insert(head.end(), meta_.bytes().begin(), meta_.bytes().end());
        std::uint64_t at = 0;
        for (const auto& tensor : tensors_) {
            GgufMeta::append_text(head, tensor.name);
            GgufMeta::append_number(head, std::uint32_t{tensor.is_matrix ? 2U : 1U});
            GgufMeta::append_number(head, tensor.in); // the fastest dimension comes first
            if (tensor.is_matrix) GgufMeta::append_number(head, tensor.rows);
            GgufMeta::append_number(head, ggml_type(tensor.type));
            GgufMeta::append_number(head, at);
            at += aligned(tensor.bytes());
        }
        head.resize(aligned(head.size()));
        auto file = OL_TRY(AtomicFile::create(to));
        OL_TRY(file.write(head));
        std::uint64_t done = 0;
        for (const auto& tensor : tensors_) {
            if (!progress("writing GGUF", done, at)) {
                return fail(ErrorCode::cancelled, "{}: cancelled", to.string());
            }
            auto bytes = OL_TRY(encode(tensor));
            bytes.resize(aligned(bytes.size()));
            OL_TRY(file.write(bytes));
            done += bytes.size();
        }
        progress("writing GGUF", done, at);
        return file.commit();
    }

    const Model& model_;
    const ModelConfig& config_;
    GgufType type_;
    GgufMeta meta_;
    std::vector<Tensor> tensors_;
    std::vector<float> rope_factors_;
    std::vector<std::unique_ptr<std::vector<float>>> paired_biases_;
};

} // namespace

std::string_view to_string(GgufType type) {
    constexpr std::string_view names[] = {"gguf-f32", "gguf-f16", "gguf-q8_0", "gguf-q4_0"};
    return names[static_cast<std::size_t>(type)];
}

Status write_gguf(const Model& model, const Path& folder, const Path& to, GgufType type,
                  const ProgressSink& progress) {
    return Writer(model, type).run(folder, to, progress);
}

} // namespace ol::model
