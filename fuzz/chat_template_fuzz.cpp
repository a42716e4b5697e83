// ChatTemplate must refuse or render any template over any conversation: the bytes are the
// template, a zero byte, then the messages as JSON (a fixed conversation where they are none).
#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "model/chat_template.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ol;
    static const auto usual = *codec::Json::parse(
        R"([{"role":"system","content":" é "},
            {"role":"user","content":[{"type":"text","text":"a"}]},
            {"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f",
             "arguments":{"x":[1,2.5,true,null]}}}]},{"role":"tool","content":"<t>b</t>"}])");
    const auto text = as_text({data, size});
    const auto split = text.find('\0');
    const auto parsed = model::ChatTemplate::parse(text.substr(0, split));
    if (!parsed) return 0;
    auto messages = usual;
    if (split != std::string_view::npos) {
        auto given = codec::Json::parse(text.substr(split + 1));
        if (given) messages = std::move(*given);
    }
    model::ChatTemplateOptions options;
    options.add_generation_prompt = true;
    options.bos_token = "<s>";
    options.tools = usual;
    (void)parsed->render(messages, options);
    return 0;
}
