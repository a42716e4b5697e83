// The main job: OpenLedger's whole road on real text, from a contributor's file to a claim on the
// ledger, with a copyist and a forger on the way (`openledger demo`).
#pragma once

#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"
#include "codec/json.hpp"
#include "node/cli/console.hpp"
#include "node/config.hpp"

namespace ol::node {

struct DemoSource {
    std::string wallet;  // of the contributor
    std::string topic;   // for people
    std::string package; // Debian package that holds the text
    std::string licence; // SPDX
    std::vector<Path> paths;
};

struct DemoOptions {
    NodeConfig node;
    std::vector<DemoSource> sources; // empty: default_sources()
    std::uint64_t training_records = 60;
    std::uint32_t epochs = 0; // 0: as a run that is not told (factory::default_run_config)
    std::uint32_t questions_per_source = 4;
    std::uint64_t seed = 7;
};

// Three contributors with text from Debian packages; not_found names the package to install.
Result<std::vector<DemoSource>> default_sources();

// Runs every step, tells it on the console, and returns all of it as JSON (docs/DEMO.md).
Result<codec::Json> run_demo(const DemoOptions& options, const cli::Console& console);

} // namespace ol::node
