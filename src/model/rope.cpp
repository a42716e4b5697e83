#include "model/rope.hpp"

#include "model/kernels/attention.hpp"

namespace ol::model {

namespace {

// Low frequencies are divided by the factor, high ones stay, those between are interpolated.
void scale_llama3(const RopeScaling& s, std::vector<float>& frequencies) {
    constexpr float turn = 6.28318530717958647692F;
    const auto context = static_cast<float>(s.original_context);
    const float low_wavelength = context / s.low_frequency_factor;
    const float high_wavelength = context / s.high_frequency_factor;
    for (auto& f : frequencies) {
        const float wavelength = turn / f;
        if (wavelength > low_wavelength) {
            f = f / s.factor;
        } else if (wavelength >= high_wavelength) {
            const float smooth = (context / wavelength - s.low_frequency_factor) /
                                 (s.high_frequency_factor - s.low_frequency_factor);
            f = (1.0F - smooth) * f / s.factor + smooth * f;
        }
    }
}

} // namespace

bool has_local_rope(const ModelConfig& config) { return config.local_rope_theta > 0; }

std::vector<float> rope_frequencies(const ModelConfig& config, bool windowed) {
    if (config.learned_positions) return {};
    if (windowed && has_local_rope(config)) {
        return kernels::rope_frequencies(config.head_size, config.local_rope_theta);
    }
    auto out = kernels::rope_frequencies(config.head_size, config.rope_theta);
    if (config.rope_scaling.kind == RopeScaling::Kind::linear) {
        for (auto& f : out) f /= config.rope_scaling.factor;
    }
    if (config.rope_scaling.kind == RopeScaling::Kind::llama3) {
        scale_llama3(config.rope_scaling, out);
    }
    return out;
}

} // namespace ol::model
