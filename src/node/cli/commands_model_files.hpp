// `openledger model info|render|complete|chat|export|tune`: a model's folder as it is, without a
// node or a ledger.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "node/cli/session.hpp"

namespace CLI {
class App;
}

namespace ol::node::cli {

struct ModelFilesCommand {
    std::string folder, adapter;
    std::string text, file, messages, tools; // - for standard input
    bool no_prompt = false;
    std::uint32_t max_tokens = 128;
    double temperature = 0, top_p = 1;
    std::uint64_t seed = 0;
    std::string quantize;
    std::string to, format = "safetensors", dtype;
};
Status model_info(Session& session, const ModelFilesCommand& command);
Status model_render(Session& session, const ModelFilesCommand& command);
Status model_complete(Session& session, const ModelFilesCommand& command);
Status model_chat(Session& session, const ModelFilesCommand& command);
Status model_export(Session& session, const ModelFilesCommand& command);

// Adds the commands to the group `model`; the one that is chosen sets `action`.
void add_model_file_commands(CLI::App& group, std::function<Status(Session&)>& action);

} // namespace ol::node::cli
