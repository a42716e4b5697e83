// A run's checkpoint: one file, whole or absent (docs/formats/training-record.md).
#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "base/file.hpp"

namespace ol::factory {

struct Checkpoint {
    Hash32 fingerprint;     // of configuration, records and engine: what it may be resumed with
    std::uint64_t step = 0; // steps done
    Bytes state;            // Trainer::save_state
};

Status write_checkpoint(const Path& file, const Checkpoint& checkpoint);
// not_found when there is none; corrupted when its bytes do not match their hash.
Result<Checkpoint> read_checkpoint(const Path& file);
// Nothing where there is none, or where it is damaged, which the log says: no more than time is
// lost, as the steps are the same when they are taken again.
Result<std::optional<Checkpoint>> find_checkpoint(const Path& file);

} // namespace ol::factory
