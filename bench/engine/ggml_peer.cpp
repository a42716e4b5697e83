// Products of quantised weights by llama.cpp's own library (ggml), called as llama.cpp calls it:
// the processor's best build of the CPU backend, weights in its repacked buffers where it has them
// for the type. The library comes out of the npm package of node-llama-cpp, which has no headers:
// the few functions used are declared here.
//
//   ggml_peer FOLDER      FOLDER holds libggml*.so; rows as bench::row prints them
#include <cstdint>
#include <string>
#include <vector>

#include "measure.hpp"

extern "C" {
struct ggml_context;
struct ggml_tensor;
struct ggml_cgraph;
struct ggml_init_params {
    size_t mem_size;
    void* mem_buffer;
    bool no_alloc;
};
using Handle = void*; // ggml_backend_t, _dev_t, _reg_t, _buffer_t, _buffer_type_t
ggml_context* ggml_init(ggml_init_params);
void ggml_free(ggml_context*);
ggml_tensor* ggml_new_tensor_2d(ggml_context*, int type, int64_t, int64_t);
ggml_tensor* ggml_mul_mat(ggml_context*, ggml_tensor*, ggml_tensor*);
ggml_cgraph* ggml_new_graph(ggml_context*);
void ggml_build_forward_expand(ggml_cgraph*, ggml_tensor*);
size_t ggml_quantize_chunk(int type, const float*, void*, int64_t, int64_t, int64_t, const float*);
void ggml_backend_load_all_from_path(const char*);
Handle ggml_backend_init_by_type(int, const char*);
Handle ggml_backend_get_device(Handle);
Handle ggml_backend_dev_backend_reg(Handle);
Handle ggml_backend_dev_buffer_type(Handle);
void* ggml_backend_reg_get_proc_address(Handle, const char*);
bool ggml_backend_dev_supports_op(Handle, const ggml_tensor*);
Handle ggml_backend_alloc_ctx_tensors_from_buft(ggml_context*, Handle);
void ggml_backend_buffer_free(Handle);
const char* ggml_backend_buft_name(Handle);
void ggml_backend_tensor_set(ggml_tensor*, const void*, size_t, size_t);
int ggml_backend_graph_compute(Handle, ggml_cgraph*);
}

namespace {

constexpr int f32 = 0, q4_0 = 2, q8_0 = 8; // ggml_type

ggml_context* context(std::size_t tensors) {
    return ggml_init({tensors * 512 + (1 << 20), nullptr, true});
}

std::vector<float> noise(std::size_t count) {
    std::uint32_t state = 1;
    std::vector<float> out(count);
    for (auto& value : out) {
        state = state * 1664525U + 1013904223U;
        value = static_cast<float>(state >> 8) * 0x1.0p-24F - 0.5F;
    }
    return out;
}

void measure(Handle backend, int type, const char* type_name, const bench::Shape& shape) {
    const Handle device = ggml_backend_get_device(backend);
    const std::size_t copies = bench::copies_of(shape);
    const auto values = noise(shape.out * shape.in);
    std::vector<std::uint8_t> quantised(shape.out * shape.in * 4);
    const auto rows = static_cast<int64_t>(shape.out), in = static_cast<int64_t>(shape.in);
    const std::size_t bytes =
        ggml_quantize_chunk(type, values.data(), quantised.data(), 0, rows, in, nullptr);

    std::vector<Handle> kinds;
    using Extra = Handle* (*)(Handle);
    const Handle registry = ggml_backend_dev_backend_reg(device);
    if (auto extra = reinterpret_cast<Extra>(
            ggml_backend_reg_get_proc_address(registry, "ggml_backend_dev_get_extra_bufts"))) {
        for (Handle* kind = extra(device); kind != nullptr && *kind != nullptr; ++kind) {
            kinds.push_back(*kind);
        }
    }
    kinds.push_back(ggml_backend_dev_buffer_type(device));
    for (Handle kind : kinds) {
        ggml_context* held = context(copies);
        std::vector<ggml_tensor*> weights;
        for (std::size_t i = 0; i < copies; ++i) {
            weights.push_back(ggml_new_tensor_2d(held, type, in, rows));
        }
        const Handle buffer = ggml_backend_alloc_ctx_tensors_from_buft(held, kind);
        if (buffer == nullptr) bench::die("ggml_peer: no memory for the weights");
        ggml_context* trial = context(4);
        const bool can = ggml_backend_dev_supports_op(
            device, ggml_mul_mat(trial, weights[0], ggml_new_tensor_2d(trial, f32, in, 1)));
        ggml_free(trial);
        if (can) {
            std::fprintf(stderr, "%s %s: weights in %s\n", type_name, shape.name().c_str(),
                         ggml_backend_buft_name(kind));
            for (auto* w : weights) ggml_backend_tensor_set(w, quantised.data(), 0, bytes);
            for (const std::size_t m : bench::quant_row_counts) {
                ggml_context* step = context(copies + 16);
                auto* x = ggml_new_tensor_2d(step, f32, in, static_cast<int64_t>(m));
                ggml_cgraph* graph = ggml_new_graph(step);
                for (auto* w : weights) ggml_build_forward_expand(graph, ggml_mul_mat(step, w, x));
                const Handle memory = ggml_backend_alloc_ctx_tensors_from_buft(
                    step, ggml_backend_dev_buffer_type(device));
                const auto input = noise(m * shape.in);
                ggml_backend_tensor_set(x, input.data(), 0, input.size() * sizeof(float));
                const double seconds =
                    bench::seconds_of([&] { ggml_backend_graph_compute(backend, graph); }) /
                    static_cast<double>(copies);
                bench::row(bench::quant_measure(type_name, shape, m), "Gop/s/core",
                           2e-9 * static_cast<double>(m * shape.out * shape.in) / seconds);
                ggml_backend_buffer_free(memory);
                ggml_free(step);
            }
        }
        ggml_backend_buffer_free(buffer);
        ggml_free(held);
        if (can) return;
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) bench::die("ggml_peer FOLDER");
    ggml_backend_load_all_from_path(argv[1]);
    const Handle backend = ggml_backend_init_by_type(0, nullptr); // GGML_BACKEND_DEVICE_TYPE_CPU
    if (backend == nullptr) bench::die("ggml_peer: no CPU backend in the folder");
    const Handle registry = ggml_backend_dev_backend_reg(ggml_backend_get_device(backend));
    using SetThreads = void (*)(Handle, int);
    const auto set_threads = reinterpret_cast<SetThreads>(
        ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_n_threads"));
    if (set_threads == nullptr) bench::die("ggml_peer: the threads cannot be set");
    set_threads(backend, 1);
    const bool quick = argc > 2;
    for (const auto& shape : bench::quant_shapes) {
        if (quick && shape.out != 2048) continue;
        measure(backend, q8_0, "Q8_0", shape);
        measure(backend, q4_0, "Q4_0", shape);
    }
    return 0;
}
