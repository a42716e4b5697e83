// LoraAdapter::parse must refuse or read any two files of an adapter; what it reads is written and
// read again as the same. The bytes: the length of the config (2 bytes, little endian), the
// config, the weights. Empty weights stand for an adapter that was made here.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "model/lora.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ol;
    using namespace ol::model;
    static const auto config = [] {
        ModelConfig out;
        out.vocab_size = 5;
        out.hidden_size = 4;
        out.intermediate_size = 6;
        out.layer_count = 2;
        out.head_count = 2;
        out.kv_head_count = 1;
        out.head_size = 2;
        out.context_length = 8;
        return out;
    }();
    static const auto sample = [] {
        LoraConfig lora;
        lora.rank = 2;
        return LoraAdapter::init(config, lora, 1).to_files("base");
    }();
    if (size < 2) return 0;
    const std::size_t length = data[0] | data[1] << 8;
    const ByteView rest{data + 2, size - 2};
    AdapterFiles files;
    files.config = as_text(rest.subspan(0, std::min(length, rest.size())));
    if (rest.size() > length) {
        files.weights.assign(rest.begin() + static_cast<std::ptrdiff_t>(length), rest.end());
    } else {
        files.weights = sample.weights;
    }
    const auto adapter = LoraAdapter::parse(files, config);
    if (!adapter) return 0;
    const auto saved = adapter->to_files("base");
    const auto again = LoraAdapter::parse(saved, config);
    if (!again || again->to_files("base").hash() != saved.hash()) std::abort();
    return 0;
}
