// The kernels' one body, over a type F8 of eight fp32 lanes. Included by the two instances after they
// define F8 and its operations in an anonymous namespace; nothing here may call the standard library,
// so that no function compiled for AVX2 can be shared with other objects.
// (No include guard and no includes: see kernels_avx2.cpp, kernels_portable.cpp.)

inline float tree(const float* l) {
    return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

inline float lanes_sum(F8 v) {
    float l[8];
    store(l, v);
    return tree(l);
}

inline F8 load_part(const float* p, std::size_t n) {
    float l[8] = {};
    for (std::size_t i = 0; i < n; ++i) l[i] = p[i];
    return load(l);
}

inline void store_part(float* p, F8 v, std::size_t n) {
    float l[8];
    store(l, v);
    for (std::size_t i = 0; i < n; ++i) p[i] = l[i];
}

// exp(x) by n = round(x / ln 2), a polynomial of degree 6 in the rest (Cephes expf's coefficients) and
// an exponent shift. Below -87: 0. Above 88: exp(88).
inline F8 exp_lanes(F8 x) {
    const F8 magic = set(12582912.0F); // 1.5 * 2^23: adding it rounds to an integer
    const F8 low = set(-87.0F);
    const F8 capped = min(max(x, low), set(88.0F));
    const F8 n = sub(fma(capped, set(1.44269504088896341F), magic), magic);
    F8 r = fma(n, set(-0.693359375F), capped);
    r = fma(n, set(2.12194440e-4F), r);
    F8 y = set(1.9875691500e-4F);
    y = fma(y, r, set(1.3981999507e-3F));
    y = fma(y, r, set(8.3334519073e-3F));
    y = fma(y, r, set(4.1665795894e-2F));
    y = fma(y, r, set(1.6666665459e-1F));
    y = fma(y, r, set(5.0000001201e-1F));
    y = fma(y, mul(r, r), add(r, set(1.0F)));
    return zero_where_less(mul(y, power_of_two(n)), x, low);
}

template <int Rows, int Panels>
inline void run_tile(const Tile& t) {
    F8 acc[Rows][2 * Panels];
    const bool whole = t.columns == Panels * panel;
    if (t.accumulate) {
        for (int m = 0; m < Rows; ++m) {
            const float* c = t.c + m * t.c_row;
            for (int h = 0; h < 2 * Panels; ++h) {
                const int left = t.columns - 8 * h;
                acc[m][h] = whole || left >= 8 ? load(c + 8 * h)
                                               : load_part(c + 8 * h, left > 0 ? left : 0);
            }
        }
    } else {
        for (int m = 0; m < Rows; ++m) {
            for (int h = 0; h < 2 * Panels; ++h) acc[m][h] = set(0.0F);
        }
    }
    const float* a = t.a;
    const float* b = t.b;
    const std::ptrdiff_t a_row = t.a_row, a_step = t.a_step, b_step = t.b_step, b_panel = t.b_panel;
    for (std::size_t k = t.depth; k > 0; --k) {
        F8 column[2 * Panels];
#pragma GCC unroll 8
        for (int p = 0; p < Panels; ++p) {
            column[2 * p] = load(b + p * b_panel);
            column[2 * p + 1] = load(b + p * b_panel + 8);
        }
#pragma GCC unroll 8
        for (int m = 0; m < Rows; ++m) {
            const F8 x = set(a[m * a_row]);
#pragma GCC unroll 8
            for (int h = 0; h < 2 * Panels; ++h) acc[m][h] = fma(x, column[h], acc[m][h]);
        }
        a += a_step;
        b += b_step;
    }
    for (int m = 0; m < Rows; ++m) {
        float* c = t.c + m * t.c_row;
        for (int h = 0; h < 2 * Panels; ++h) {
            const int left = t.columns - 8 * h;
            if (whole || left >= 8) {
                store(c + 8 * h, acc[m][h]);
            } else if (left > 0) {
                store_part(c + 8 * h, acc[m][h], left);
            }
        }
    }
}

// Few rows take several panels at once: a chain waits for its own last step, so eight or more chains
// must be in flight to keep the multipliers busy.
inline void tile_kernel(const Tile& given) {
    Tile t = given;
    const int panels_at_once = t.rows == 1 ? 4 : t.rows == 2 ? 3 : t.rows == 3 ? 2 : 1;
    while (t.columns > 0) {
        const int panels = (t.columns + panel - 1) / panel;
        const int now = panels < panels_at_once ? panels : panels_at_once;
        const int columns = t.columns < now * panel ? t.columns : now * panel;
        const int rest = t.columns - columns;
        t.columns = columns;
        switch (t.rows * 8 + now) {
        case 1 * 8 + 4: run_tile<1, 4>(t); break;
        case 1 * 8 + 3: run_tile<1, 3>(t); break;
        case 1 * 8 + 2: run_tile<1, 2>(t); break;
        case 1 * 8 + 1: run_tile<1, 1>(t); break;
        case 2 * 8 + 3: run_tile<2, 3>(t); break;
        case 2 * 8 + 2: run_tile<2, 2>(t); break;
        case 2 * 8 + 1: run_tile<2, 1>(t); break;
        case 3 * 8 + 2: run_tile<3, 2>(t); break;
        case 3 * 8 + 1: run_tile<3, 1>(t); break;
        case 4 * 8 + 1: run_tile<4, 1>(t); break;
        case 5 * 8 + 1: run_tile<5, 1>(t); break;
        default: run_tile<6, 1>(t); break;
        }
        t.b += now * t.b_panel;
        t.c += columns;
        t.columns = rest;
    }
}

inline float dot_kernel(const float* a, const float* b, std::size_t n) {
    F8 sum = set(0.0F);
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) sum = fma(load(a + i), load(b + i), sum);
    if (i < n) sum = fma(load_part(a + i, n - i), load_part(b + i, n - i), sum);
    return lanes_sum(sum);
}

// Calls body(load, store, offset) style loops without repeating the tail in each kernel: `Body` gets
// an index and a count of valid lanes.
template <class Body>
inline void lanes(std::size_t n, Body body) {
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) body(i, std::size_t{8});
    if (i < n) body(i, n - i);
}
inline F8 get(const float* p, std::size_t count) {
    return count == 8 ? load(p) : load_part(p, count);
}
inline void put(float* p, F8 v, std::size_t count) {
    if (count == 8) {
        store(p, v);
    } else {
        store_part(p, v, count);
    }
}

inline void add_kernel(float* y, const float* x, std::size_t n) {
    lanes(n, [=](std::size_t i, std::size_t c) { put(y + i, add(get(y + i, c), get(x + i, c)), c); });
}

inline void scale_kernel(float* y, float factor, std::size_t n) {
    const F8 f = set(factor);
    lanes(n, [=](std::size_t i, std::size_t c) { put(y + i, mul(get(y + i, c), f), c); });
}

inline void rms_apply_kernel(const float* x, const float* weight, float r, float* y, std::size_t n) {
    const F8 factor = set(r);
    lanes(n, [=](std::size_t i, std::size_t c) {
        put(y + i, mul(mul(get(x + i, c), factor), get(weight + i, c)), c);
    });
}

inline float rms_norm_kernel(const float* x, const float* weight, float* y, std::size_t n,
                             float epsilon) {
    const float mean = dot_kernel(x, x, n) / static_cast<float>(n);
    const float r = 1.0F / square_root(mean + epsilon);
    rms_apply_kernel(x, weight, r, y, n);
    return r;
}

inline void rms_backward_kernel(const float* dy, const float* x, const float* weight, float r,
                                float* dx, std::size_t n) {
    F8 sum = set(0.0F);
    const F8 factor = set(r);
    lanes(n, [&](std::size_t i, std::size_t c) {
        const F8 g = mul(get(dy + i, c), get(weight + i, c));
        sum = fma(g, mul(get(x + i, c), factor), sum);
    });
    const F8 mean = set(lanes_sum(sum) / static_cast<float>(n));
    lanes(n, [&](std::size_t i, std::size_t c) {
        const F8 g = mul(get(dy + i, c), get(weight + i, c));
        const F8 unit = mul(get(x + i, c), factor);
        put(dx + i, fma(sub(g, mul(unit, mean)), factor, get(dx + i, c)), c);
    });
}

inline void rms_weight_kernel(const float* dy, const float* x, float r, float* dw, std::size_t n) {
    const F8 factor = set(r);
    lanes(n, [=](std::size_t i, std::size_t c) {
        put(dw + i, fma(get(dy + i, c), mul(get(x + i, c), factor), get(dw + i, c)), c);
    });
}

inline F8 sigmoid(F8 x) {
    const F8 one = set(1.0F);
    return div(one, add(one, exp_lanes(sub(set(0.0F), x))));
}

inline void swiglu_kernel(const float* gate, const float* up, float* y, std::size_t n) {
    lanes(n, [=](std::size_t i, std::size_t c) {
        const F8 g = get(gate + i, c);
        put(y + i, mul(mul(g, sigmoid(g)), get(up + i, c)), c);
    });
}

inline void swiglu_backward_kernel(float* gate, float* up, const float* dy, float* y,
                                   std::size_t n) {
    lanes(n, [=](std::size_t i, std::size_t c) {
        const F8 g = get(gate + i, c), u = get(up + i, c), d = get(dy + i, c);
        const F8 s = sigmoid(g);
        const F8 silu = mul(g, s);
        // silu' = s + g s (1 - s)
        const F8 slope = fma(silu, sub(set(1.0F), s), s);
        put(y + i, mul(silu, u), c);
        put(gate + i, mul(mul(d, u), slope), c);
        put(up + i, mul(d, silu), c);
    });
}

inline float max_scaled_kernel(const float* x, float factor, std::size_t n) {
    float top = x[0] * factor;
    std::size_t i = 0;
    if (n >= 8) {
        const F8 f = set(factor);
        F8 best = mul(load(x), f);
        for (i = 8; i + 8 <= n; i += 8) best = max(best, mul(load(x + i), f));
        float l[8];
        store(l, best);
        top = l[0];
        for (int j = 1; j < 8; ++j) top = l[j] > top ? l[j] : top;
    }
    for (; i < n; ++i) {
        const float value = x[i] * factor;
        top = value > top ? value : top;
    }
    return top;
}

inline float exp_sum_kernel(float* x, float factor, float top, std::size_t n) {
    F8 sum = set(0.0F);
    const F8 f = set(factor), t = set(top);
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const F8 e = exp_lanes(sub(mul(load(x + i), f), t));
        store(x + i, e);
        sum = add(sum, e);
    }
    if (i < n) {
        const F8 e = exp_lanes(sub(mul(load_part(x + i, n - i), f), t));
        store_part(x + i, e, n - i);
        sum = add(sum, load_part(x + i, n - i));
    }
    return lanes_sum(sum);
}

inline void softmax_backward_kernel(float* dp, const float* p, float inner, float factor,
                                    std::size_t n) {
    const F8 d = set(inner), f = set(factor);
    lanes(n, [=](std::size_t i, std::size_t c) {
        put(dp + i, mul(mul(get(p + i, c), sub(get(dp + i, c), d)), f), c);
    });
}

inline void rope_kernel(float* x, const float* cosine, const float* sine, std::size_t half,
                        float direction) {
    const F8 sign = set(direction);
    lanes(half, [=](std::size_t i, std::size_t c) {
        const F8 a = get(x + i, c), b = get(x + half + i, c);
        const F8 co = get(cosine + i, c), si = mul(get(sine + i, c), sign);
        put(x + i, sub(mul(a, co), mul(b, si)), c);
        put(x + half + i, add(mul(b, co), mul(a, si)), c);
    });
}

inline void adam_kernel(float* w, const float* g, float* m, float* v, std::size_t n,
                        const AdamStep& s) {
    const F8 b1 = set(s.beta1), c1 = set(1.0F - s.beta1), b2 = set(s.beta2), c2 = set(1.0F - s.beta2);
    const F8 clip = set(s.gradient_scale), k1 = set(s.correction1), k2 = set(s.correction2);
    const F8 epsilon = set(s.epsilon), rate = set(s.learning_rate), decay = set(s.decay);
    lanes(n, [=](std::size_t i, std::size_t c) {
        const F8 gradient = mul(get(g + i, c), clip);
        const F8 first = fma(c1, gradient, mul(b1, get(m + i, c)));
        const F8 second = fma(c2, mul(gradient, gradient), mul(b2, get(v + i, c)));
        put(m + i, first, c);
        put(v + i, second, c);
        const F8 weight = get(w + i, c);
        const F8 step = div(mul(first, k1), add(square_root(mul(second, k2)), epsilon));
        put(w + i, sub(weight, mul(rate, fma(decay, weight, step))), c);
    });
}

inline constexpr Table make_table(const char* name) {
    return {name, 1,        tile_kernel,        dot_kernel,
            add_kernel,     scale_kernel,       rms_norm_kernel,
            rms_apply_kernel, rms_backward_kernel, rms_weight_kernel,
            swiglu_kernel,  swiglu_backward_kernel, max_scaled_kernel,
            exp_sum_kernel, softmax_backward_kernel, rope_kernel,
            adam_kernel};
}
