// What the programs of the engine's benchmark share: clocks, the loop that repeats a piece of work,
// and how rows are printed. Used by ours and by the peers' programs, so that both are timed alike.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

namespace bench {

[[noreturn]] inline void die(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::exit(1);
}

// Of the whole process, all threads.
inline double cpu_seconds() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

// CPU-seconds of one call: once to warm up, then again and again for about `seconds`.
template <class Work>
double seconds_of(Work work, double seconds = 0.25) {
    work();
    std::size_t calls = 0;
    const double start = cpu_seconds();
    double now = start;
    while (now - start < seconds) {
        work();
        ++calls;
        now = cpu_seconds();
    }
    return (now - start) / static_cast<double>(calls);
}

// A line of JSON for each figure, read by bench/engine.mjs.
inline void row(const std::string& measure, const char* unit, double value) {
    std::printf("{\"measure\": \"%s\", \"unit\": \"%s\", \"value\": %.6g}\n", measure.c_str(), unit,
                value);
    std::fflush(stdout);
}

struct Shape {
    const char* model;
    std::size_t out, in;
    std::string name() const {
        return std::string(model) + " " + std::to_string(out) + "x" + std::to_string(in);
    }
};

// Weight matrices of a 134M model (30 layers of 576, inner 1536) and of a 1.1B one (22 layers of
// 2048, inner 5632).
inline const std::vector<Shape> quant_shapes = {
    {"134M", 576, 576},   {"134M", 1536, 576},  {"134M", 576, 1536},
    {"1.1B", 2048, 2048}, {"1.1B", 5632, 2048}, {"1.1B", 2048, 5632},
};
inline const std::vector<std::size_t> quant_row_counts = {1, 4, 8, 16, 64};
inline std::string quant_measure(const std::string& type, const Shape& shape, std::size_t rows) {
    return type + " " + shape.name() + ", " + std::to_string(rows) + " row" + (rows > 1 ? "s" : "");
}
// Copies of each matrix that are gone through in turn, so that weights come from memory as in a
// model and not from a cache.
inline std::size_t copies_of(const Shape& shape) {
    return 128 * 1000 * 1000 / (shape.out * shape.in) + 1;
}

// C[m, n] = A[m, k] B: B row-major [k, n], or the transposed of a weight [n, k].
struct GemmShape {
    const char* what;
    std::size_t m, n, k;
    bool transposed;
    std::string name() const {
        return std::string("GEMM ") + what + " " + std::to_string(m) + "x" + std::to_string(n) +
               "x" + std::to_string(k);
    }
};
// Squares, and 256 tokens times weights of a 7M, a 134M and a 1.1B model.
inline const std::vector<GemmShape> gemm_shapes = {
    {"square", 512, 512, 512, false},    {"square", 1024, 1024, 1024, false},
    {"square", 2048, 2048, 2048, false}, {"7M", 256, 256, 256, true},
    {"7M", 256, 704, 256, true},         {"7M", 256, 256, 704, true},
    {"7M", 256, 4096, 256, true},        {"134M", 256, 576, 576, true},
    {"134M", 256, 1536, 576, true},      {"134M", 256, 576, 1536, true},
    {"1.1B", 256, 2048, 2048, true},     {"1.1B", 256, 5632, 2048, true},
    {"1.1B", 256, 2048, 5632, true},     {"1.1B", 1, 2048, 2048, true},
    {"1.1B", 8, 2048, 2048, true},
};

} // namespace bench
