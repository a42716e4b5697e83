// Reading and writing a whole model in Hugging Face's folder form, and its hash.
#include <cmath>
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

// Calls visit(name, shape, vector) for every tensor of the model, in a fixed order.
template <class WeightsRef, class Visit>
Status visit_tensors(const ModelConfig& config, WeightsRef& weights, const Visit& visit) {
    using Shape = std::vector<std::uint64_t>;
    const std::uint64_t hidden = config.hidden_size;
    const std::uint64_t wide = static_cast<std::uint64_t>(config.head_count) * config.head_size;
    const std::uint64_t kv_wide =
        static_cast<std::uint64_t>(config.kv_head_count) * config.head_size;
    const std::uint64_t inner = config.intermediate_size;
    OL_TRY(visit("model.embed_tokens.weight", Shape{config.vocab_size, hidden}, weights.embedding));
    for (std::size_t i = 0; i < weights.layers.size(); ++i) {
        auto& layer = weights.layers[i];
        const auto prefix = fmt::format("model.layers.{}.", i);
        OL_TRY(
            visit(prefix + "input_layernorm.weight", Shape{hidden}, layer.attention_norm.weight));
        OL_TRY(visit(prefix + "post_attention_layernorm.weight", Shape{hidden},
                     layer.mlp_norm.weight));
        OL_TRY(visit(prefix + "self_attn.q_proj.weight", Shape{wide, hidden},
                     layer.at(Site::q).weight));
        OL_TRY(visit(prefix + "self_attn.k_proj.weight", Shape{kv_wide, hidden},
                     layer.at(Site::k).weight));
        OL_TRY(visit(prefix + "self_attn.v_proj.weight", Shape{kv_wide, hidden},
                     layer.at(Site::v).weight));
        OL_TRY(visit(prefix + "self_attn.o_proj.weight", Shape{hidden, wide},
                     layer.at(Site::o).weight));
        OL_TRY(visit(prefix + "mlp.gate_proj.weight", Shape{inner, hidden},
                     layer.at(Site::gate).weight));
        OL_TRY(
            visit(prefix + "mlp.up_proj.weight", Shape{inner, hidden}, layer.at(Site::up).weight));
        OL_TRY(visit(prefix + "mlp.down_proj.weight", Shape{hidden, inner},
                     layer.at(Site::down).weight));
    }
    OL_TRY(visit("model.norm.weight", Shape{hidden}, weights.final_norm.weight));
    if (!config.tied_embeddings) {
        OL_TRY(visit("lm_head.weight", Shape{config.vocab_size, hidden}, weights.head.weight));
    }
    return {};
}

// The files of a sharded checkpoint, sorted by name: model.safetensors.index.json names them.
Result<std::vector<std::string>> shard_names(const Path& folder) {
    const auto path = folder / "model.safetensors.index.json";
    const auto text = OL_TRY(read_text_file(path, index_bytes));
    const auto json = OL_TRY_IN(Json::parse(text), "{}", path.string());
    std::set<std::string> names;
    for (const auto& [tensor, file] : json["weight_map"].members()) {
        auto name = OL_TRY_IN(file.as_string(), "{}: '{}'", path.string(), tensor);
        if (name.empty() || name.find('/') != std::string::npos || name[0] == '.') {
            return fail(ErrorCode::corrupted,
                        "{}: tensor '{}' is said to be in '{}', which is not a "
                        "file name",
                        path.string(), tensor, name);
        }
        names.insert(std::move(name));
    }
    if (names.empty()) return fail(ErrorCode::corrupted, "{}: weight_map is empty", path.string());
    return std::vector<std::string>(names.begin(), names.end());
}

Result<std::vector<std::string>> weight_files(const Path& folder) {
    std::error_code ignored;
    if (!std::filesystem::exists(folder / "model.safetensors", ignored) &&
        std::filesystem::exists(folder / "model.safetensors.index.json", ignored)) {
        return shard_names(folder);
    }
    return std::vector<std::string>{"model.safetensors"};
}

struct OpenShard {
    std::string path;
    Safetensors file;
};

Status refuse_unknown(const std::map<std::string, const OpenShard*>& where,
                      const std::set<std::string>& used, bool tied) {
    for (const auto& [name, shard] : where) {
        if (used.contains(name)) continue;
        // Old checkpoints carry the rotation's frequencies, tied ones sometimes a copy of the
        // table.
        if (name.ends_with(".rotary_emb.inv_freq")) continue;
        if (tied && name == "lm_head.weight") continue;
        return fail(ErrorCode::unsupported,
                    "{}: tensor '{}' is not part of a llama model of this shape", shard->path,
                    name);
    }
    return {};
}

Result<Hash32> hash_of_file(const Path& path) {
    const auto file = OL_TRY(MappedFile::open(path));
    return crypto::keccak256(file.bytes());
}

} // namespace

Result<Model> Model::load(const Path& folder) {
    Model out;
    const auto config_path = folder / "config.json";
    const auto text = OL_TRY(read_text_file(config_path, config_bytes));
    out.config = OL_TRY_IN(ModelConfig::from_json(text), "{}", folder.string());
    if (out.config.parameter_count() * 4 > limits::model_file_bytes) {
        return fail(ErrorCode::too_large, "{}: {} parameters in fp32 pass the limit of {} bytes",
                    config_path.string(), out.config.parameter_count(), limits::model_file_bytes);
    }
    std::vector<OpenShard> shards;
    const auto files = OL_TRY(weight_files(folder));
    for (const auto& name : files) {
        const auto path = folder / name;
        shards.push_back({path.string(), OL_TRY(Safetensors::open(path))});
    }
    std::map<std::string, const OpenShard*> where;
    for (const auto& shard : shards) {
        for (const auto& [name, info] : shard.file.tensors()) {
            const auto [known, added] = where.emplace(name, &shard);
            if (!added) {
                return fail(ErrorCode::corrupted, "tensor '{}' is in {} and in {}", name,
                            known->second->path, shard.path);
            }
        }
    }
    std::set<std::string> used;
    out.weights.layers.resize(out.config.layer_count);
    auto read = [&](const std::string& name, const std::vector<std::uint64_t>& shape,
                    std::vector<float>& to) -> Status {
        const auto found = where.find(name);
        if (found == where.end()) {
            return fail(ErrorCode::corrupted, "{}: tensor '{}' is missing", folder.string(), name);
        }
        to = OL_TRY_IN(found->second->file.read_f32(name, shape), "{}", found->second->path);
        for (std::size_t i = 0; i < to.size(); ++i) {
            if (!std::isfinite(to[i])) {
                return fail(ErrorCode::corrupted,
                            "{}: tensor '{}': element {} is not a finite number",
                            found->second->path, name, i);
            }
        }
        used.insert(name);
        return {};
    };
    OL_TRY(visit_tensors(out.config, out.weights, read));
    OL_TRY(refuse_unknown(where, used, out.config.tied_embeddings));
    return out;
}

Status Model::save(const Path& folder, bool as_bf16) const {
    std::vector<TensorOut> tensors;
    auto collect = [&](const std::string& name, const std::vector<std::uint64_t>& shape,
                       const std::vector<float>& from) -> Status {
        std::uint64_t count = 1;
        for (const auto size : shape) count *= size;
        if (from.size() != count) {
            return fail(ErrorCode::internal, "tensor '{}' holds {} values, its shape needs {}",
                        name, from.size(), count);
        }
        tensors.push_back({name, shape, from.data()});
        return {};
    };
    OL_TRY(visit_tensors(config, weights, collect));
    // The member that tells Hugging Face in which type to load.
    auto json = OL_TRY(Json::parse(config.to_json()));
    json.set("torch_dtype", as_bf16 ? "bfloat16" : "float32");
    OL_TRY(write_file_atomic(folder / "config.json", json.dump(2) + "\n"));
    return write_file_atomic(
        folder / "model.safetensors",
        write_safetensors(tensors, as_bf16 ? Dtype::bf16 : Dtype::f32, {{"format", "pt"}}));
}

Result<Hash32> base_hash(const Path& folder) {
    std::vector<std::string> names = {"config.json", "tokenizer.json"};
    auto weights = OL_TRY(weight_files(folder));
    if (weights != std::vector<std::string>{"model.safetensors"}) {
        names.push_back("model.safetensors.index.json");
    }
    names.insert(names.end(), weights.begin(), weights.end());
    Bytes hashes;
    for (const auto& name : names) {
        append(hashes, OL_TRY(hash_of_file(folder / name)).view());
    }
    return crypto::keccak256(hashes);
}

} // namespace ol::model
