// The measures of the engine that have no peer, and our side of those that have one, for
// bench/engine.mjs.
//
//   engine_workload PART [option...]    rows as bench::row prints them
//
// PART: stream, gemm, quant, threads, training, decode, tokenizer. Every figure is by CPU-seconds
// of the process, one thread, unless its name says otherwise.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "base/huge_array.hpp"
#include "base/prng.hpp"
#include "base/thread_pool.hpp"
#include "measure.hpp"
#include "model/kernels/gemm.hpp"
#include "model/kernels/quant.hpp"

namespace bench {

using namespace ol;
using namespace ol::model::kernels;

std::vector<float> noise(std::size_t count, std::uint64_t seed) {
    Prng prng(seed);
    std::vector<float> out(count);
    for (auto& value : out) value = prng.uniform() - 0.5F;
    return out;
}

namespace {

double gigabytes_per_second(double bytes, double seconds) { return bytes / seconds / 1e9; }

// What memory gives one thread: a copy (read and written bytes) between arrays past every cache.
void stream() {
    HugeArray<float> from(std::size_t{32} << 20), to(std::size_t{32} << 20);
    std::fill(from.data(), from.data() + from.size(), 1.0F);
    const double bytes = static_cast<double>(from.size() * sizeof(float));
    row("stream copy", "GB/s", gigabytes_per_second(2 * bytes, seconds_of([&] {
                                                        std::memcpy(to.data(), from.data(),
                                                                    from.size() * sizeof(float));
                                                    })));
}

void gemm() {
    for (const auto& s : gemm_shapes) {
        const auto a = noise(s.m * s.k, 1), b = noise(s.n * s.k, 2);
        std::vector<float> c(s.m * s.n);
        const auto k = static_cast<std::ptrdiff_t>(s.k), n = static_cast<std::ptrdiff_t>(s.n);
        Product product{.m = s.m,
                        .n = s.n,
                        .k = s.k,
                        .a = {a.data(), k, 1},
                        .b = {},
                        .c = c.data(),
                        .c_row = n};
        product.b = s.transposed ? View{b.data(), 1, k} : View{b.data(), n, 1};
        const double operations = 2e-9 * static_cast<double>(s.m * s.n * s.k);
        row(s.name(), "GFLOP/s", operations / seconds_of([&] { multiply(product, nullptr); }));
        if (!s.transposed) continue;
        PackedMatrix packed(s.n, s.k);
        packed.set_rows(0, b.data(), s.n);
        row(s.name() + ", packed once", "GFLOP/s",
            operations / seconds_of([&] { packed.apply(a.data(), k, s.m, c.data(), n, nullptr); }));
    }
}

void quant() {
    for (const auto& shape : quant_shapes) {
        const auto weights = noise(shape.out * shape.in, 1);
        for (const auto type : {QuantType::q8_0, QuantType::q4_0}) {
            const auto first = QuantMatrix::quantize(type, weights.data(), shape.out, shape.in);
            if (!first) die(first.error().to_string());
            const Bytes blocks = first->gguf_rows();
            std::vector<QuantMatrix> copies;
            for (std::size_t i = 0; i < copies_of(shape); ++i) {
                copies.push_back(*QuantMatrix::from_gguf(type, blocks, shape.out, shape.in));
            }
            for (const std::size_t m : quant_row_counts) {
                const auto x = noise(m * shape.in, 2);
                std::vector<float> y(m * shape.out);
                const double seconds =
                    seconds_of([&] {
                        for (const auto& w : copies) {
                            w.apply(x.data(), static_cast<std::ptrdiff_t>(shape.in), m, y.data(),
                                    static_cast<std::ptrdiff_t>(shape.out), nullptr);
                        }
                    }) /
                    static_cast<double>(copies.size());
                row(quant_measure(to_string(type), shape, m), "Gop/s/core",
                    2e-9 * static_cast<double>(m * shape.out * shape.in) / seconds);
                if (m == 1) {
                    row("bandwidth of " + quant_measure(to_string(type), shape, m), "GB/s",
                        gigabytes_per_second(static_cast<double>(blocks.size()), seconds));
                }
            }
        }
    }
}

double wall_seconds() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

// Two threads against one by the clock, alone and while other processes take every processor.
void threads() {
    const auto cores = static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
    for (const int others : {0, cores}) {
        std::vector<pid_t> children;
        for (int i = 0; i < others; ++i) {
            const pid_t child = fork();
            if (child == 0) {
                for (volatile unsigned busy = 0;;) busy;
            }
            children.push_back(child);
        }
        ThreadPool one(1), two(2);
        for (const std::size_t size : {160, 512}) {
            const auto a = noise(size * size, 1), b = noise(size * size, 2);
            std::vector<float> c(size * size);
            const auto n = static_cast<std::ptrdiff_t>(size);
            const Product product{.m = size,
                                  .n = size,
                                  .k = size,
                                  .a = {a.data(), n, 1},
                                  .b = {b.data(), n, 1},
                                  .c = c.data(),
                                  .c_row = n};
            const auto loops = std::size_t{30} * 512 * 512 * 512 / (size * size * size);
            std::map<ThreadPool*, std::vector<double>> times;
            for (int round = 0; round < 9; ++round) {
                for (ThreadPool* pool : {&one, &two}) {
                    const double start = wall_seconds();
                    for (std::size_t i = 0; i < loops; ++i) multiply(product, pool);
                    times[pool].push_back(wall_seconds() - start);
                }
            }
            for (auto& [pool, list] : times) std::sort(list.begin(), list.end());
            row("two threads against one, products of " + std::to_string(size) +
                    (others == 0 ? ", idle machine" : ", every processor taken"),
                "times", times[&one][4] / times[&two][4]);
        }
        for (const pid_t child : children) {
            kill(child, SIGKILL);
            waitpid(child, nullptr, 0);
        }
    }
}

} // namespace
} // namespace bench

int main(int argc, char** argv) {
    const std::map<std::string, std::function<void()>> parts = {
        {"stream", bench::stream},
        {"gemm", bench::gemm},
        {"quant", bench::quant},
        {"threads", bench::threads},
    };
    const auto part = argc > 1 ? parts.find(argv[1]) : parts.end();
    if (part == parts.end()) bench::die("engine_workload PART: see bench/engine/workload.cpp");
    part->second();
    return 0;
}
