#include "model/export.hpp"

#include <array>

#include "base/limits.hpp"
#include "codec/json.hpp"

namespace ol::model {

using codec::Json;

Result<bool> is_bf16(const Path& folder) {
    const auto path = folder / "config.json";
    const auto text = OL_TRY(read_text_file(path, limits::json_bytes));
    const auto json = OL_TRY_IN(Json::parse(text), "{}", path.string());
    return json["torch_dtype"] == Json("bfloat16") || json["dtype"] == Json("bfloat16");
}

Status export_folder(const Model& model, const Path& folder, const Path& to, bool as_bf16,
                     const ProgressSink& progress) {
    std::error_code ignored;
    if (std::filesystem::exists(to / "config.json", ignored)) {
        return fail(ErrorCode::already_exists, "{} has a model; choose another folder",
                    to.string());
    }
    constexpr std::array<std::string_view, 10> copied = {
        "tokenizer.json",        "tokenizer.model",    "tokenizer_config.json",
        "chat_template.jinja",   "chat_template.json", "special_tokens_map.json",
        "added_tokens.json",     "vocab.json",         "merges.txt",
        "generation_config.json"};
    for (const auto name : copied) {
        const auto from = folder / name;
        if (!std::filesystem::exists(from, ignored)) continue;
        const auto bytes = OL_TRY(read_file(from, limits::json_bytes));
        OL_TRY(write_file_atomic(to / name, ByteView(bytes)));
    }
    OL_TRY(model.save(to, as_bf16, progress));
    const auto path = folder / "config.json";
    const auto text = OL_TRY(read_text_file(path, limits::json_bytes));
    auto json = OL_TRY_IN(Json::parse(text), "{}", path.string());
    // Whole, so that members that this version does not know stay.
    const auto* dtype_key = json["dtype"].is_null() ? "torch_dtype" : "dtype";
    json.set(dtype_key, as_bf16 ? "bfloat16" : "float32");
    json.set("tie_word_embeddings", model.config.tied_embeddings);
    return write_file_atomic(to / "config.json", json.dump(2) + "\n");
}

} // namespace ol::model
