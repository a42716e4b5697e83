// The parts of engine_workload that use whole models (models.cpp).
#pragma once

#include <string>

namespace bench {

void training();
void decode();
// text: a .jsonl file of {"text": ...}; tokenizer: a tokenizer.json.
void tokenize(const std::string& text, const std::string& tokenizer);

} // namespace bench
