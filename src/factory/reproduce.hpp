// Training again from a training record: the same base, records and record give the same bytes
// (docs/formats/training-record.md).
#pragma once

#include "factory/run.hpp"

namespace ol::factory {

// unsupported where this program does not train as it: another format, engine or template.
Status check_record(const codec::Json& record);

// The members in which a record differs from another one, each with both values:
// "run.seed is 2, not 1".
std::vector<std::string> differences(const codec::Json& record, const codec::Json& other);

// Trains as `record` says and returns the hash of the adapter that comes out, to be compared with
// the record's adapter_hash and with the ledger's. The caller checks that `base` hashes to the
// record's base_hash and that `data` are the records of its version, in the order of training.
// `kernels`, null for the best of this processor, change no byte.
// unsupported for another format, engine or template; unverified when data are not those of the
// record.
Result<Hash32> reproduce(const codec::Json& record, const model::Model& base,
                         const model::Tokenizer& tokenizer, const std::vector<TrainingData>& data,
                         ThreadPool& pool, const model::kernels::Table* kernels = nullptr);

} // namespace ol::factory
