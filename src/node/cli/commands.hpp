// The commands: each takes its options and does its work; cli.cpp parses, these speak.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "node/cli/session.hpp"

namespace ol::node::cli {

// commands_node.cpp
Status run_up(Session& session);
struct DemoCommand {
    std::string json_file;
    bool keep = false; // keep the data folder
    bool data_dir_given = false;
    std::uint64_t training_records = 0;
    std::uint32_t epochs = 0;
};
Status run_demo_command(Session& session, const DemoCommand& command);
Status wallet_new(Session& session, const std::string& name);
Status wallet_list(Session& session);
Status wallet_fund(Session& session, const std::string& name_or_address);
Status wallet_balance(Session& session, const std::string& name_or_address);

// commands_data.cpp
Status datanet_create(Session& session, const std::string& name, const std::string& summary,
                      const std::string& licence, const std::string& wallet);
Status datanet_contribute(Session& session, const std::string& datanet, const std::string& wallet,
                          const std::string& licence, const std::vector<std::string>& paths);
Status datanet_list(Session& session);
Status datanet_show(Session& session, const std::string& datanet);
Status datanet_records(Session& session, const std::string& datanet, std::uint64_t offset,
                       std::uint64_t limit, const std::string& record);
Status datanet_publish(Session& session, const std::string& datanet);
Status datanet_verify(Session& session, const std::string& datanet, std::uint64_t version);
Status trace_text(Session& session, const std::string& datanet, std::uint64_t version,
                  const std::string& text, const std::string& file);

// commands_model.cpp
struct PretrainCommand {
    std::vector<std::string> sources;
    std::string output;
    std::uint32_t vocab = 4096, hidden = 192, intermediate = 512, layers = 8, heads = 6,
                  kv_heads = 3, context = 512;
    std::uint64_t steps = 2000, seed = 1, checkpoint_every = 100, max_bytes = 0;
    std::vector<std::string> licences; // SOURCE=SPDX
    std::uint32_t batch = 4, sequence = 512;
    std::uint64_t warmup = 80;
    double learning_rate = 2e-3;
};
Status run_pretrain(Session& session, const PretrainCommand& command);
struct TrainCommand {
    std::string name, datanet, wallet;
    std::uint64_t version = 0, epochs = 0, rank = 0, record_limit = 0, seed = 1;
    double learning_rate = 0;
    bool no_register = false;
    // How to train, as POST /api/runs takes it; absent: its default.
    std::optional<std::uint64_t> accumulation;
    std::optional<double> minimum_ratio, neftune_alpha, dropout, lora_plus_ratio;
    std::optional<std::string> schedule, quantization;
    bool packing = false, rslora = false, dora = false, checkpointing = false;
    std::vector<std::string> targets, rank_pattern, alpha_pattern; // patterns: MODULE=NUMBER
};
// {"MODULE": NUMBER} of MODULE=NUMBER; `option` is for the message.
Result<codec::Json> pattern_of(std::string_view option, const std::vector<std::string>& pairs);
Status run_train(Session& session, const TrainCommand& command);
Status train_reproduce(Session& session, const std::string& model_or_record, bool anyway);
Status model_list(Session& session);
Status model_show(Session& session, const std::string& model);
Status model_verify(Session& session, const std::string& model);
struct AskCommand {
    std::string model, prompt, wallet = "consumer", deposit;
    std::uint32_t max_tokens = 64;
    double temperature = 0;
    std::uint64_t seed = 0;
};
Status run_ask(Session& session, const AskCommand& command);

// commands_money.cpp
Status receipt_list(Session& session);
Status receipt_show(Session& session, const std::string& hash);
Status receipt_verify(Session& session, const std::string& hash);
Status epoch_settle(Session& session);
Status epoch_finalise(Session& session);
Status epoch_show(Session& session, std::uint64_t number);
Status claim_rewards(Session& session, const std::string& name_or_address);

// An address in hex, or the name of a wallet here.
Result<Address> account_of(Session& session, const std::string& name_or_address);

} // namespace ol::node::cli
