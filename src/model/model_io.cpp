// Reading and writing a whole model in Hugging Face's folder form, and its hash.
#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <set>

#include "base/limits.hpp"
#include "codec/json.hpp"
#include "crypto/hash.hpp"
#include "model/lora.hpp"
#include "model/safetensors.hpp"
#include "model/transformer.hpp"

namespace ol::model {

namespace {

using codec::Json;

constexpr std::uint64_t config_bytes = 1ULL << 20;
constexpr std::uint64_t index_bytes = 64ULL << 20;
constexpr std::size_t hashed_bytes = 16ULL << 20; // between two reports of progress

using Shape = std::vector<std::uint64_t>;

// A tensor of the folder: its name as transformers writes it, its shape there, and whether that
// shape is the transpose of ours (GPT-2's Conv1D has weights [in, out]).
struct Part {
    std::string name;
    Shape shape;
    bool transposed = false;
    // Of a matrix: outputs and inputs.
    std::pair<std::size_t, std::size_t> size() const {
        return transposed ? std::pair(shape[1], shape[0]) : std::pair(shape[0], shape[1]);
    }
};

// Calls visit(part, vector, linear) for every tensor of the model, in a fixed order; linear: whose
// weight it is, else null.
template <class WeightsRef, class Visit>
class PartVisitor {
public:
    PartVisitor(const ModelConfig& config, WeightsRef& weights, const Visit& visit)
        : c_(config)
        , weights_(weights)
        , visit_(visit) {}

    Status run() {
        const Shape table = {c_.vocab_size, c_.hidden_size};
        const bool gpt2 = c_.family == Family::gpt2;
        const std::string top = gpt2 ? "transformer." : "model.";
        OL_TRY(visit(Part{top + (gpt2 ? "wte.weight" : "embed_tokens.weight"), table},
                     weights_.embedding));
        if (c_.learned_positions) {
            OL_TRY(visit(Part{top + "wpe.weight", {c_.context_length, c_.hidden_size}},
                         weights_.positions));
        }
        for (std::size_t i = 0; i < weights_.layers.size(); ++i) OL_TRY(layer(i));
        OL_TRY(norm(top + (gpt2 ? "ln_f" : "norm"), weights_.final_norm, c_.hidden_size));
        if (!c_.tied_embeddings) {
            OL_TRY(visit_(Part{"lm_head.weight", table}, weights_.head.weight, &weights_.head));
        }
        return {};
    }

private:
    using LinearRef = std::conditional_t<std::is_const_v<WeightsRef>, const Linear, Linear>;

    template <class Vector>
    Status visit(const Part& part, Vector& to) {
        return visit_(part, to, static_cast<LinearRef*>(nullptr));
    }

    template <class NormRef>
    Status norm(const std::string& name, NormRef& to, std::uint64_t size) {
        OL_TRY(visit(Part{name + ".weight", {size}}, to.weight));
        if (c_.layer_norm) OL_TRY(visit(Part{name + ".bias", {size}}, to.bias));
        return {};
    }

    Status layer(std::size_t i) {
        auto& layer = weights_.layers[i];
        const bool gpt2 = c_.family == Family::gpt2;
        const auto prefix = fmt::format("{}.{}.", gpt2 ? "transformer.h" : "model.layers", i);
        OL_TRY(norm(prefix + (gpt2 ? "ln_1" : "input_layernorm"), layer.attention_norm,
                    c_.hidden_size));
        OL_TRY(norm(prefix + (gpt2           ? "ln_2"
                              : c_.out_norms ? "pre_feedforward_layernorm"
                                             : "post_attention_layernorm"),
                    layer.mlp_norm, c_.hidden_size));
        if (c_.out_norms) {
            OL_TRY(norm(prefix + "post_attention_layernorm", layer.attention_out_norm,
                        c_.hidden_size));
            OL_TRY(norm(prefix + "post_feedforward_layernorm", layer.mlp_out_norm, c_.hidden_size));
        }
        if (c_.qk_norm) {
            OL_TRY(norm(prefix + "self_attn.q_norm", layer.q_norm, c_.head_size));
            OL_TRY(norm(prefix + "self_attn.k_norm", layer.k_norm, c_.head_size));
        }
        for (int s = 0; s < site_count; ++s) {
            const auto site = static_cast<Site>(s);
            if (!has_site(c_, site)) continue;
            const auto name = module_name(c_, i, site);
            const std::uint64_t out = site_out(c_, site), in = site_in(c_, site);
            auto& linear = layer.at(site);
            const Shape shape = gpt2 ? Shape{in, out} : Shape{out, in};
            OL_TRY(visit_(Part{name + ".weight", shape, gpt2}, linear.weight, &linear));
            if (has_bias(c_, site)) OL_TRY(visit(Part{name + ".bias", {out}}, linear.bias));
        }
        return {};
    }

    const ModelConfig& c_;
    WeightsRef& weights_;
    const Visit& visit_;
};

template <class WeightsRef, class Visit>
Status visit_parts(const ModelConfig& config, WeightsRef& weights, const Visit& visit) {
    return PartVisitor<WeightsRef, Visit>(config, weights, visit).run();
}

std::vector<float> transpose(const std::vector<float>& from, std::size_t rows,
                             std::size_t columns) {
    std::vector<float> to(from.size());
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
    }
    return to;
}

// model.safetensors.index.json of a sharded checkpoint: the file of each tensor.
Result<std::map<std::string, std::string>> read_index(const Path& folder) {
    const auto path = folder / "model.safetensors.index.json";
    const auto text = OL_TRY(read_text_file(path, index_bytes));
    const auto json = OL_TRY_IN(Json::parse(text), "{}", path.string());
    std::map<std::string, std::string> out;
    for (const auto& [tensor, file] : json["weight_map"].members()) {
        auto name = OL_TRY_IN(file.as_string(), "{}: '{}'", path.string(), tensor);
        if (name.empty() || name.find('/') != std::string::npos || name[0] == '.') {
            return fail(ErrorCode::corrupted,
                        "{}: tensor '{}' is said to be in '{}', which is not a "
                        "file name",
                        path.string(), tensor, name);
        }
        out.emplace(tensor, std::move(name));
    }
    if (out.empty()) return fail(ErrorCode::corrupted, "{}: weight_map is empty", path.string());
    return out;
}

bool is_there(const Path& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
}

bool is_sharded(const Path& folder) {
    return !is_there(folder / "model.safetensors") &&
           is_there(folder / "model.safetensors.index.json");
}

// Sorted by name.
Result<std::vector<std::string>> weight_files(const Path& folder) {
    if (!is_sharded(folder)) {
        if (!is_there(folder / "model.safetensors") && is_there(folder / "pytorch_model.bin")) {
            return fail(ErrorCode::unsupported,
                        "{}: pytorch_model.bin is not read, as it can hold code; save the model "
                        "as safetensors (transformers: save_pretrained)",
                        folder.string());
        }
        return std::vector<std::string>{"model.safetensors"};
    }
    std::set<std::string> names;
    for (const auto& [tensor, file] : OL_TRY(read_index(folder))) names.insert(file);
    return std::vector<std::string>(names.begin(), names.end());
}

struct OpenShard {
    std::string path;
    Safetensors file;
};

// The weight files of a folder, open, and where each tensor is.
class TensorFiles {
public:
    static Result<TensorFiles> open(const Path& folder) {
        TensorFiles out;
        out.folder_ = folder.string();
        for (const auto& name : OL_TRY(weight_files(folder))) {
            const auto path = folder / name;
            out.shards_.push_back({path.string(), OL_TRY(Safetensors::open(path))});
        }
        for (const auto& shard : out.shards_) {
            for (const auto& [name, info] : shard.file.tensors()) {
                const auto [known, added] = out.where_.emplace(name, &shard);
                if (!added) {
                    return fail(ErrorCode::corrupted, "tensor '{}' is in {} and in {}", name,
                                known->second->path, shard.path);
                }
            }
        }
        if (!is_sharded(folder)) return out;
        for (const auto& [name, file] : OL_TRY(read_index(folder))) {
            const auto found = out.where_.find(name);
            if (found == out.where_.end() || found->second->path != (folder / file).string()) {
                return fail(ErrorCode::corrupted,
                            "{}: model.safetensors.index.json says that tensor '{}' is in {}, "
                            "where it is not",
                            out.folder_, name, file);
            }
        }
        return out;
    }

    // Checkpoints of the bare decoder have no prefix; Gemma 3 with eyes has its own.
    void find_prefix(const std::string& first) {
        const auto dot = first.find('.') + 1;
        written_ = first.substr(0, dot);
        actual_ = written_;
        for (const std::string& prefix :
             {written_, std::string(), std::string("language_model.model."),
              std::string("model.language_model.")}) {
            if (!where_.contains(prefix + first.substr(dot))) continue;
            actual_ = prefix;
            return;
        }
    }

    Result<std::vector<float>> read(const Part& part) {
        std::string name = part.name;
        if (name.starts_with(written_)) name = actual_ + name.substr(written_.size());
        if (name == "lm_head.weight" && !where_.contains(name)) name = "language_model." + name;
        const auto found = where_.find(name);
        if (found == where_.end()) {
            return fail(ErrorCode::corrupted, "{}: tensor '{}' is missing", folder_, part.name);
        }
        auto out =
            OL_TRY_IN(found->second->file.read_f32(name, part.shape), "{}", found->second->path);
        for (std::size_t i = 0; i < out.size(); ++i) {
            if (!std::isfinite(out[i])) {
                return fail(ErrorCode::corrupted,
                            "{}: tensor '{}': element {} is not a finite number",
                            found->second->path, name, i);
            }
        }
        used_.insert(name);
        if (part.transposed) return transpose(out, part.shape[0], part.shape[1]);
        return out;
    }

    Status refuse_unknown(const ModelConfig& config) const {
        for (const auto& [name, shard] : where_) {
            if (used_.contains(name) || is_ignored(name, config)) continue;
            return fail(ErrorCode::unsupported,
                        "{}: tensor '{}' is not part of a {} model of this shape", shard->path,
                        name, to_string(config.family));
        }
        return {};
    }

private:
    // Old checkpoints carry the rotation's frequencies and GPT-2's causal mask, tied ones sometimes
    // a copy of the table, Gemma 3 its eyes.
    static bool is_ignored(std::string_view name, const ModelConfig& config) {
        if (name.ends_with(".rotary_emb.inv_freq")) return true;
        if (config.tied_embeddings && name.ends_with("lm_head.weight")) return true;
        if (config.family == Family::gpt2) {
            return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias");
        }
        if (config.family != Family::gemma3) return false;
        if (name.starts_with("model.")) name.remove_prefix(6);
        return name.starts_with("vision_tower.") || name.starts_with("multi_modal_projector.");
    }

    std::string folder_, written_, actual_;
    std::vector<OpenShard> shards_;
    std::map<std::string, const OpenShard*> where_;
    std::set<std::string> used_;
};

// What the weights need once they are read.
std::uint64_t memory_bytes(const ModelConfig& config, const LoadOptions& options) {
    const std::uint64_t all = config.parameter_count();
    if (!options.quantize) return all * 4;
    const std::uint64_t table = std::uint64_t{config.vocab_size} * config.hidden_size;
    const std::uint64_t block_bytes = *options.quantize == kernels::QuantType::q8_0 ? 34 : 18;
    const std::uint64_t linears = config.tied_embeddings ? all : all - table;
    return table * 4 + linears / kernels::quant_block * block_bytes;
}

// Puts `weight` in the form of `type`; a linear's own fp32 values are then given back.
Status quantize_linear(Linear& linear, std::vector<float>& weight, std::size_t out, std::size_t in,
                       kernels::QuantType type) {
    if (in % kernels::quant_block != 0) return {};
    linear.quantized = std::make_shared<const kernels::QuantMatrix>(
        OL_TRY(kernels::QuantMatrix::quantize(type, weight.data(), out, in)));
    if (&weight == &linear.weight) std::vector<float>().swap(weight);
    return {};
}

} // namespace

Result<Model> Model::load(const Path& folder, const LoadOptions& options,
                          const ProgressSink& progress) {
    Model out;
    const auto config_path = folder / "config.json";
    const auto text = OL_TRY(read_text_file(config_path, config_bytes));
    out.config = OL_TRY_IN(ModelConfig::from_json(text), "{}", folder.string());
    const std::uint64_t size_bytes = memory_bytes(out.config, options);
    if (size_bytes > limits::model_file_bytes) {
        return fail(ErrorCode::too_large,
                    "{}: {} parameters need {} bytes of memory, the limit is {}; quantize the "
                    "model while it is loaded, or take a smaller one",
                    config_path.string(), out.config.parameter_count(), size_bytes,
                    limits::model_file_bytes);
    }
    if (is_there(folder / "generation_config.json")) {
        const auto generation =
            OL_TRY(read_text_file(folder / "generation_config.json", config_bytes));
        OL_TRY_IN(out.config.read_generation_config(generation), "{}", folder.string());
    }
    auto files = OL_TRY(TensorFiles::open(folder));
    out.weights.layers.resize(out.config.layer_count);
    bool first = true;
    const std::uint64_t parameters = out.config.parameter_count();
    std::uint64_t done = 0;
    const auto read = [&](const Part& part, std::vector<float>& to, Linear* linear) -> Status {
        if (first) files.find_prefix(part.name);
        first = false;
        if (!progress("reading the model", done, parameters)) {
            return fail(ErrorCode::cancelled, "{}: cancelled", folder.string());
        }
        to = OL_TRY(files.read(part));
        done += to.size();
        if (linear == nullptr || !options.quantize) return {};
        const auto [out_size, in_size] = part.size();
        OL_TRY_IN(quantize_linear(*linear, to, out_size, in_size, *options.quantize), "{}: {}",
                  folder.string(), part.name);
        return {};
    };
    OL_TRY(visit_parts(out.config, out.weights, read));
    if (options.quantize && out.config.tied_embeddings) {
        OL_TRY_IN(quantize_linear(out.weights.head, out.weights.embedding, out.config.vocab_size,
                                  out.config.hidden_size, *options.quantize),
                  "{}: lm_head", folder.string());
    }
    progress("reading the model", parameters, parameters);
    OL_TRY(files.refuse_unknown(out.config));
    return out;
}

Status Model::save(const Path& folder, bool as_bf16, const ProgressSink& progress) const {
    std::vector<TensorOut> tensors;
    std::deque<std::vector<float>> turned; // stay in place while `tensors` points at them
    const auto collect = [&](const Part& part, const std::vector<float>& from,
                             const Linear* linear) -> Status {
        if (linear != nullptr && linear->quantized != nullptr) {
            return fail(ErrorCode::unsupported,
                        "tensor '{}' is quantized; load the model without quantizing to save it",
                        part.name);
        }
        std::uint64_t count = 1;
        for (const auto size : part.shape) count *= size;
        if (from.size() != count) {
            return fail(ErrorCode::internal, "tensor '{}' holds {} values, its shape needs {}",
                        part.name, from.size(), count);
        }
        const float* data = from.data();
        if (part.transposed) {
            data = turned.emplace_back(transpose(from, part.shape[1], part.shape[0])).data();
        }
        tensors.push_back({part.name, part.shape, data});
        return {};
    };
    OL_TRY(visit_parts(config, weights, collect));
    // The member that tells Hugging Face in which type to load.
    auto json = OL_TRY(Json::parse(config.to_json()));
    json.set("torch_dtype", as_bf16 ? "bfloat16" : "float32");
    OL_TRY(write_file_atomic(folder / "config.json", json.dump(2) + "\n"));
    return save_safetensors(folder / "model.safetensors", tensors,
                            as_bf16 ? Dtype::bf16 : Dtype::f32, {{"format", "pt"}}, progress);
}

Status Model::quantize(kernels::QuantType type) {
    const auto change = [&](const Part& part, std::vector<float>& weight,
                            Linear* linear) -> Status {
        if (linear == nullptr || weight.empty()) return {};
        const auto [out, in] = part.size();
        OL_TRY_IN(quantize_linear(*linear, weight, out, in, type), "{}", part.name);
        return {};
    };
    OL_TRY(visit_parts(config, weights, change));
    if (!config.tied_embeddings) return {};
    return quantize_linear(weights.head, weights.embedding, config.vocab_size, config.hidden_size,
                           type);
}

Result<Hash32> base_hash(const Path& folder, const ProgressSink& progress) {
    const bool pieces =
        !is_there(folder / "tokenizer.json") && is_there(folder / "tokenizer.model");
    std::vector<std::string> names = {"config.json", pieces ? "tokenizer.model" : "tokenizer.json"};
    auto weights = OL_TRY(weight_files(folder));
    if (weights != std::vector<std::string>{"model.safetensors"}) {
        names.push_back("model.safetensors.index.json");
    }
    names.insert(names.end(), weights.begin(), weights.end());
    // It says which tokens end an answer.
    if (is_there(folder / "generation_config.json")) names.push_back("generation_config.json");
    std::vector<MappedFile> files;
    std::uint64_t done = 0, total = 0;
    for (const auto& name : names) {
        files.push_back(OL_TRY(MappedFile::open(folder / name)));
        total += files.back().bytes().size();
    }
    Bytes hashes;
    for (const auto& file : files) {
        crypto::Keccak256 hash;
        for (auto rest = file.bytes(); !rest.empty();) {
            if (!progress("hashing the model", done, total)) {
                return fail(ErrorCode::cancelled, "{}: cancelled", folder.string());
            }
            const auto piece = rest.first(std::min(rest.size(), hashed_bytes));
            hash.update(piece);
            done += piece.size();
            rest = rest.subspan(piece.size());
        }
        append(hashes, hash.finish().view());
    }
    progress("hashing the model", total, total);
    return crypto::keccak256(hashes);
}

} // namespace ol::model
