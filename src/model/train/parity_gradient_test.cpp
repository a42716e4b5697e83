// Gradients against those that transformers and peft gave for the recorded adapters of each family
// (tools/parity/models.py), and against finite differences of all weights.
#include <filesystem>

#include "model/peft_rules.hpp"
#include "model/safetensors.hpp"
#include "model/train/test_support.hpp"
#include "model/transformer.hpp"

namespace ol::model {
namespace {

const Path families = Path(OL_SOURCE_DIR) / "src/model/testdata/families";

std::vector<float> vector_of(const Path& folder, const std::string& name) {
    const auto file = Safetensors::open(folder / "vectors.safetensors");
    EXPECT_TRUE(file.has_value());
    const auto found = file->tensors().find(name);
    if (found == file->tensors().end()) return {};
    return *file->read_f32(name, found->second.shape);
}

Example recorded_example(const Path& folder) {
    Example out;
    for (const float token : vector_of(folder, "tokens")) {
        out.tokens.push_back(static_cast<TokenId>(token));
    }
    out.mask.assign(out.tokens.size(), 1);
    return out;
}

class FamilyGradients : public testing::TestWithParam<std::string> {};

TEST_P(FamilyGradients, OfAdaptersAreThoseOfPeft) {
    const Path folder = families / GetParam();
    const auto model = *Model::load(folder);
    const auto example = recorded_example(folder);
    ThreadPool pool(2);
    std::size_t compared = 0, adapters = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (!entry.is_directory()) continue;
        ++adapters;
        const auto loaded = LoraAdapter::load(entry.path(), model.config);
        ASSERT_TRUE(loaded.has_value()) << loaded.error().to_string();
        const auto& adapter = *loaded;
        Backprop backprop(model, &adapter, pool);
        auto g = zero_gradients(adapter);
        // The masks of models.py.
        const TrainNoise noise{.seed = 5, .step = 3, .dropout = adapter.config.dropout};
        const float factor = 1.0F / static_cast<float>(example.tokens.size() - 1);
        const double loss = backprop.gradients(std::span(&example, 1),
                                               {.factor = factor, .adapter = &g, .noise = &noise}) *
                            static_cast<double>(factor);
        const std::string loss_name = noise.dropout > 0 ? "dropped_loss" : "loss";
        EXPECT_NEAR(loss, static_cast<double>(vector_of(entry.path(), loss_name)[0]), 1e-4);
        for (const auto& module : peft_modules(model.config)) {
            const bool table = module.kind == PeftModule::Kind::embedding;
            const auto& pair = table ? g.embedding
                               : module.kind == PeftModule::Kind::head
                                   ? g.head
                                   : g.layers[module.layer][static_cast<std::size_t>(module.site)];
            if (pair.a.empty()) continue;
            const std::string name = "gradient.base_model.model." + module.name;
            const auto compare = [&](const std::string& end, const std::vector<float>& got) {
                if (got.empty()) return;
                const auto want = vector_of(entry.path(), name + end);
                ASSERT_EQ(got.size(), want.size()) << name << end;
                float largest = 0, difference = 0;
                for (std::size_t i = 0; i < got.size(); ++i) {
                    // PyTorch gives the row of padding_idx (token 0 here) no gradient.
                    const bool padding =
                        end == ".lora_embedding_A" && i % model.config.vocab_size == 0;
                    if (padding && want[i] == 0) continue;
                    largest = std::max(largest, std::abs(want[i]));
                    difference = std::max(difference, std::abs(got[i] - want[i]));
                }
                EXPECT_GT(largest, 0.0F) << name << end;
                EXPECT_LE(difference, 1e-3F * largest) << GetParam() << " " << name << end;
                ++compared;
            };
            compare(table ? ".lora_embedding_A" : ".lora_A.weight", pair.a);
            compare(table ? ".lora_embedding_B" : ".lora_B.weight", pair.b);
            compare(".lora_magnitude_vector", pair.magnitude);
        }
    }
    EXPECT_TRUE(adapters == 0 || compared > 0);
}

TEST_P(FamilyGradients, OfAllWeightsMatchFiniteDifferences) {
    const Path folder = families / GetParam();
    auto model = *Model::load(folder);
    auto batch = some_batch(5, 2, 26);
    batch.push_back(recorded_example(folder));
    ThreadPool pool(1);
    Backprop backprop(model, nullptr, pool);
    auto g = zero_gradients(model);
    const double loss = backprop.gradients(batch, 1.0F, &g, nullptr);
    EXPECT_EQ(loss, backprop.loss(batch));
    std::vector<std::vector<float>*> gradients;
    visit_vectors(g, [&](std::vector<float>& values) { gradients.push_back(&values); });
    std::size_t index = 0;
    visit_vectors(model.weights, [&](std::vector<float>& values) {
        const auto& gradient = *gradients[index++];
        if (values.empty()) return;
        const auto name = GetParam() + " tensor " + std::to_string(index - 1);
        // A key's bias adds the same to all scores of a row, up to the rotation: nearly no
        // gradient, which is nothing that finite differences could see.
        double length = 0;
        for (auto v : gradient) length += static_cast<double>(v) * static_cast<double>(v);
        if (std::sqrt(length) < 0.02) return;
        check_gradient(name, values, gradient, [&] { return backprop.loss(batch); });
    });
}

INSTANTIATE_TEST_SUITE_P(Parity, FamilyGradients,
                         testing::Values("llama", "llama3", "llama_linear", "mistral", "qwen2",
                                         "qwen2_windows", "deepseek_qwen", "qwen3", "gemma2",
                                         "gemma3", "gpt2"),
                         [](const auto& case_info) { return case_info.param; });

} // namespace
} // namespace ol::model
