// Files for fine-tuning as any bytes: refused, or examples that a model could be trained on. The
// first byte says the file's kind and the folder's form.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include "factory/tuning_data.hpp"

namespace {

using namespace ol;
using namespace ol::factory;

constexpr std::uint32_t most_tokens = 24;

void require(bool holds) {
    if (!holds) std::abort();
}

void write(const Path& file, std::string_view text) {
    std::ofstream(file, std::ios::binary).write(text.data(), std::ssize(text));
}

// A folder of its own for the process, gone at its end.
struct Place {
    Path path =
        std::filesystem::temp_directory_path() / ("tuning_data_fuzz." + std::to_string(::getpid()));
    std::array<std::optional<TuningText>, 3> forms;
    model::ModelConfig config;

    Place() {
        const std::array<std::vector<std::string>, 3> special = {
            {{"<|end|>"}, {"<|end|>", "<|user|>", "<|assistant|>"}, {"<|end|>"}}};
        for (std::size_t i = 0; i < forms.size(); ++i) {
            const auto folder = path / std::to_string(i);
            std::filesystem::create_directories(folder);
            auto tokenizer = model::Tokenizer::train({"the cat sat on the mat, the rat on the hat"},
                                                     266, special[i]);
            require(tokenizer.has_value());
            config.vocab_size = std::max<std::uint32_t>(
                config.vocab_size, static_cast<std::uint32_t>(tokenizer->vocab_size()));
            write(folder / "tokenizer.json", tokenizer->to_json());
        }
        write(path / "2" / "chat_template.jinja",
              "{% for m in messages %}[{{ m.role }}]{{ m.content }}<|end|>{% endfor %}"
              "{% if add_generation_prompt %}[assistant]{% endif %}");
        for (std::size_t i = 0; i < forms.size(); ++i) {
            auto form = TuningText::of_folder(path / std::to_string(i), config);
            require(form.has_value());
            forms[i].emplace(std::move(*form));
        }
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { std::filesystem::remove_all(path); }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Place place;
    static constexpr const char* names[] = {"a.jsonl", "a.json", "a.txt", "a.csv", "a.html"};
    if (size == 0) return 0;
    const auto file = place.path / names[data[0] % std::size(names)];
    const auto& form = place.forms[data[0] / std::size(names) % place.forms.size()];
    write(file, {reinterpret_cast<const char*>(data) + 1, size - 1});
    const auto read = read_tuning_data(file, *form, most_tokens);
    if (!read) {
        require(!read.error().to_string().empty());
        return 0;
    }
    require(read->empty <= read->rows);
    for (const auto& example : read->examples) {
        require(example.tokens.size() >= 2 && example.tokens.size() <= most_tokens);
        require(example.mask.size() == example.tokens.size());
        bool learns = false;
        for (std::size_t i = 0; i < example.tokens.size(); ++i) {
            require(example.tokens[i] < place.config.vocab_size);
            learns = learns || (i > 0 && example.mask[i] != 0);
        }
        require(learns);
    }
    return 0;
}
