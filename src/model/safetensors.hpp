// safetensors: named tensors in one file (8-byte little-endian header length, JSON header, data).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/result.hpp"
#include "model/half.hpp"

namespace ol::model {

// The first three can be read and written. The others may stand in a file (masks, counters).
enum class Dtype {
    f32,
    bf16,
    f16,
    f64,
    i64,
    i32,
    i16,
    i8,
    u64,
    u32,
    u16,
    u8,
    boolean,
    f8_e4m3,
    f8_e5m2,
    c64,
};
std::string_view to_string(Dtype dtype); // as in the file: "F32"

struct TensorInfo {
    Dtype dtype = Dtype::f32;
    std::vector<std::uint64_t> shape;
    ByteView data; // into the map
    std::uint64_t element_count() const;
};

// A memory-mapped file. Refused as corrupted, with the tensor's name and the offset: truncated,
// overlapping or gapped data, wrong sizes, unknown dtypes, a header longer than 100 MB, duplicates.
class Safetensors {
public:
    static Result<Safetensors> open(const Path& path);
    static Result<Safetensors> parse(ByteView bytes); // the caller keeps the bytes alive
    const std::map<std::string, TensorInfo>& tensors() const { return tensors_; }
    const std::map<std::string, std::string>& metadata() const { return metadata_; }
    // Values as fp32 (bf16 and f16 widened); not_found, invalid_argument when the shape differs,
    // unsupported for other types.
    Result<std::vector<float>> read_f32(std::string_view name,
                                        const std::vector<std::uint64_t>& shape) const;

private:
    MappedFile file_;
    std::map<std::string, TensorInfo> tensors_;
    std::map<std::string, std::string> metadata_;
};

struct TensorOut {
    std::string name;
    std::vector<std::uint64_t> shape;
    const float* data = nullptr;
};
// Canonical bytes: tensors sorted by name, header padded with spaces to 8 bytes, metadata sorted.
// bf16 rounds to nearest even.
Bytes write_safetensors(const std::vector<TensorOut>& tensors, Dtype dtype,
                        const std::map<std::string, std::string>& metadata = {});
// The same bytes into a file (AtomicFile), without a copy of all of them in memory. cancelled when
// `progress` (bytes) says so.
Status save_safetensors(const Path& path, const std::vector<TensorOut>& tensors, Dtype dtype,
                        const std::map<std::string, std::string>& metadata,
                        const ProgressSink& progress);

} // namespace ol::model
