// oneDNN's fp32 product (dnnl_sgemm), on the shapes of bench::gemm_shapes, one thread.
#include <cstddef>
#include <vector>

#include <oneapi/dnnl/dnnl.h>

#include "measure.hpp"

int main() {
    for (const auto& s : bench::gemm_shapes) {
        std::vector<float> a(s.m * s.k), b(s.n * s.k), c(s.m * s.n);
        for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 97) / 97 - 0.5F;
        for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 89) / 89 - 0.5F;
        const auto m = static_cast<dnnl_dim_t>(s.m), n = static_cast<dnnl_dim_t>(s.n),
                   k = static_cast<dnnl_dim_t>(s.k);
        const double seconds = bench::seconds_of([&] {
            const auto status = dnnl_sgemm('N', s.transposed ? 'T' : 'N', m, n, k, 1.0F, a.data(),
                                           k, b.data(), s.transposed ? k : n, 0.0F, c.data(), n);
            if (status != dnnl_success) bench::die("dnnl_sgemm failed");
        });
        bench::row(s.name(), "GFLOP/s", 2e-9 * static_cast<double>(s.m * s.n * s.k) / seconds);
    }
    return 0;
}
