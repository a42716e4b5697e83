// Safetensors::parse must refuse or read any bytes; every tensor of a readable type that it lists
// can be read, and what is written from them reads back equal.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "model/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ol::model;
    const auto file = Safetensors::parse({data, size});
    if (!file) return 0;
    std::vector<std::vector<float>> values;
    std::vector<TensorOut> out;
    values.reserve(file->tensors().size());
    for (const auto& [name, info] : file->tensors()) {
        auto read = file->read_f32(name, info.shape);
        if (info.dtype > Dtype::f16) {
            if (read) std::abort();
            continue;
        }
        if (!read || read->size() != info.element_count()) std::abort();
        values.push_back(std::move(*read));
        out.push_back({name, info.shape, values.back().data()});
    }
    const auto bytes = write_safetensors(out, Dtype::f32, file->metadata());
    const auto again = Safetensors::parse(bytes);
    if (!again || again->metadata() != file->metadata()) std::abort();
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto read = again->read_f32(out[i].name, out[i].shape);
        if (!read || read->size() != values[i].size()) std::abort();
        // By bytes: a tensor may hold values that are not numbers.
        if (!read->empty() &&
            std::memcmp(read->data(), values[i].data(), read->size() * sizeof(float)) != 0) {
            std::abort();
        }
    }
    return 0;
}
