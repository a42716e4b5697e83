// llama.cpp decoding and prefilling a GGUF file on one thread, as engine_workload's part `decode`
// does (bench/engine/models.cpp). The library comes out of the npm package of node-llama-cpp, which
// has no headers: what is used is declared here. Parameters are the library's defaults, whose
// structs are larger than any version's here and only passed on.
//
//   llama_peer FOLDER MODEL.gguf NAME VOCABULARY PREFILL
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "measure.hpp"

extern "C" {
struct llama_model;
struct llama_context;
struct llama_memory_i;
struct Params {
    alignas(8) unsigned char bytes[1024];
};
struct llama_batch {
    int32_t n_tokens;
    int32_t* token;
    float* embd;
    int32_t* pos;
    int32_t* n_seq_id;
    int32_t** seq_id;
    int8_t* logits;
};
void ggml_backend_load_all_from_path(const char*);
void llama_log_set(void (*)(int, const char*, void*), void*);
Params llama_model_default_params();
Params llama_context_default_params();
llama_model* llama_model_load_from_file(const char*, Params);
llama_context* llama_init_from_model(llama_model*, Params);
void llama_set_n_threads(llama_context*, int32_t, int32_t);
llama_batch llama_batch_get_one(int32_t*, int32_t);
int32_t llama_decode(llama_context*, llama_batch);
float* llama_get_logits_ith(llama_context*, int32_t);
llama_memory_i* llama_get_memory(const llama_context*);
void llama_memory_clear(llama_memory_i*, bool);
}

int main(int argc, char** argv) {
    if (argc < 6) bench::die("llama_peer FOLDER MODEL.gguf NAME VOCABULARY PREFILL");
    llama_log_set(
        [](int level, const char* text, void*) {
            if (level >= 4) std::fputs(text, stderr); // errors
        },
        nullptr);
    ggml_backend_load_all_from_path(argv[1]);
    llama_model* model = llama_model_load_from_file(argv[2], llama_model_default_params());
    if (model == nullptr) bench::die("llama_peer: cannot load " + std::string(argv[2]));
    llama_context* context = llama_init_from_model(model, llama_context_default_params());
    if (context == nullptr) bench::die("llama_peer: no context");
    llama_set_n_threads(context, 1, 1);
    const auto vocabulary = static_cast<std::uint32_t>(std::atoi(argv[4]));
    std::uint32_t state = 3;
    std::vector<int32_t> tokens(1024);
    for (auto& token : tokens) {
        state = state * 1664525U + 1013904223U;
        token = static_cast<int32_t>((state >> 8) % vocabulary);
    }
    const auto step = [&](std::size_t first, std::size_t count) {
        if (llama_decode(context, llama_batch_get_one(tokens.data() + first,
                                                      static_cast<int32_t>(count))) != 0 ||
            llama_get_logits_ith(context, -1) == nullptr) {
            bench::die("llama_peer: llama_decode failed");
        }
    };
    const std::string name = argv[3];
    step(0, bench::decode_prompt);
    const double start = bench::cpu_seconds();
    for (std::size_t i = 0; i < bench::decode_tokens; ++i) step(bench::decode_prompt + i, 1);
    const double each = (bench::cpu_seconds() - start) / bench::decode_tokens;
    bench::row("decode " + name + " Q8_0, one sequence", "tokens/CPU-s", 1 / each);
    const auto prefill = static_cast<std::size_t>(std::atoi(argv[5]));
    if (prefill == 0) return 0;
    const double seconds = bench::seconds_of(
        [&] {
            llama_memory_clear(llama_get_memory(context), false);
            step(0, prefill);
        },
        1.5);
    bench::row("prefill " + name + " Q8_0", "tokens/CPU-s", static_cast<double>(prefill) / seconds);
    return 0;
}
