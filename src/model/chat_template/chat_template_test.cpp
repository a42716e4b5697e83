#include "model/chat_template.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "model/folder_for_tests.hpp"

namespace ol::model {
namespace {

using codec::Json;

std::string render(std::string_view source, const Json& messages = Json::array(),
                   const ChatTemplateOptions& options = {}) {
    const auto parsed = ChatTemplate::parse(source);
    if (!parsed) return "refused: " + parsed.error().to_string();
    const auto text = parsed->render(messages, options);
    return text ? *text : "error: " + text.error().to_string();
}

// What transformers makes of the same templates and conversations (tools/parity).
TEST(ChatTemplate, RendersAsTransformers) {
    const Path path = Path(OL_SOURCE_DIR) / "src/model/testdata/chat_template_vectors.json";
    const auto vectors = Json::parse(*read_text_file(path, 1U << 22));
    ASSERT_TRUE(vectors.has_value());
    std::size_t rendered = 0, failed = 0;
    for (const auto& item : (*vectors)["cases"].items()) {
        const auto name = *item["template"].as_string();
        const auto source = *(*vectors)["templates"][name].as_string();
        const auto parsed = ChatTemplate::parse(source);
        if (item["text"].is_null() && !parsed) {
            ++failed;
            continue;
        }
        ASSERT_TRUE(parsed.has_value()) << name << ": " << parsed.error().to_string();
        const auto& given = (*vectors)["options"].items()[*item["options"].as_uint()];
        ChatTemplateOptions options;
        options.add_generation_prompt = given["add_generation_prompt"].as_bool().value_or(false);
        options.bos_token = *given["bos_token"].as_string();
        options.eos_token = *given["eos_token"].as_string();
        options.tools = given["tools"];
        options.variables = given["variables"];
        options.now_s = *(*vectors)["now_s"].as_int();
        const auto chat = *item["chat"].as_string();
        const auto text = parsed->render((*vectors)["chats"][chat], options);
        if (item["text"].is_null()) {
            EXPECT_FALSE(text.has_value()) << name << " of " << chat << ": " << *text;
            ++failed;
            continue;
        }
        ASSERT_TRUE(text.has_value()) << name << " of " << chat << ": " << text.error().context;
        EXPECT_EQ(*text, *item["text"].as_string()) << name << " of " << chat;
        ++rendered;
    }
    EXPECT_GT(rendered, 350U);
    EXPECT_GT(failed, 50U);
}

TEST(ChatTemplate, RefusesByNameAndPlace) {
    for (const auto& [source, what] : std::vector<std::pair<std::string, std::string>>{
             {"a\n{% include 'x' %}", "line 2, column 4: statement 'include'"},
             {"{{ x | urlize }}", "column 8: filter 'urlize'"},
             {"{{ x is escaped }}", "test 'escaped'"},
             {"{{ x.format(1) }}", "method 'format'"},
             {"{{ lipsum() }}", "function 'lipsum'"},
             {"{{ x | map('urlize') }}", "filter 'urlize'"},
             {"{{ x | selectattr('a', 'escaped') }}", "test 'escaped'"},
             {"{% for x in y recursive %}{% endfor %}", "recursive loop"},
             {"{{ f(*x) }}", "arguments from a list"},
             {"{{ 99999999999999999999 }}", "more than 64 bits"},
             {"{% call f() %}{% endcall %}", "statement 'call'"}}) {
        const auto parsed = ChatTemplate::parse(source);
        ASSERT_FALSE(parsed.has_value()) << source;
        EXPECT_EQ(parsed.error().code, ErrorCode::unsupported) << source;
        EXPECT_NE(parsed.error().context.find(what), std::string::npos) << parsed.error().context;
    }
    for (const std::string source :
         {"{{ x", "{% if x %}", "{{ 'a }}", "{# x", "{% endif %}", "{{ (1 }}", "{{ }}", "{% raw %}",
          "{% for x y %}{% endfor %}", "{% set 1 = 2 %}", "{{ '\\ud800' }}", "{% break %}", "\xff",
          "{{ 1 2 }}", "{% if x %}{% else %}{% else %}{% endif %}"}) {
        const auto parsed = ChatTemplate::parse(source);
        ASSERT_FALSE(parsed.has_value()) << source;
        EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument) << source;
    }
}

TEST(ChatTemplate, SaysWhereItFails) {
    EXPECT_EQ(render("ok\n  {{ raise_exception('no ' ~ 1) }}"),
              "error: invalid_argument: chat template: line 2, column 6: the template refuses "
              "these messages: no 1");
    EXPECT_NE(render("{{ x.y }}").find("line 1, column 6: 'x' is undefined"), std::string::npos);
    EXPECT_NE(render("{{ messages }}", Json()).find("no list"), std::string::npos);
}

// A template is a stranger's program: whatever it asks for, it ends soon.
TEST(ChatTemplate, KeepsItsLimits) {
    const std::string_view limit = "error: too_large";
    for (const std::string source :
         {"{% set ns = namespace(x='aaaaaaaaaa') %}{% for i in range(99) %}{% set ns.x = ns.x ~ "
          "ns.x %}{% endfor %}",
          "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
          "{{ 'a' * 99999999999 }}", "{{ [0] * 99999999999 }}",
          "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
          "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}"
          "{% endfor %}",
          "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = [ns.x, ns.x] %}"
          "{% endfor %}{{ ns.x }}",
          "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = [ns.x, ns.x] %}"
          "{% endfor %}{{ ns.x == ns.x }}",
          "{% set ns = namespace(x='a') %}{% for i in range(30) %}{% set ns.x = ns.x | replace('a',"
          " 'aa') %}{% endfor %}{% for i in range(9999) %}{{ ns.x | indent(900) }}{% endfor %}"}) {
        EXPECT_EQ(render(source).substr(0, limit.size()), limit) << source;
    }
    const auto nested = [](std::string_view open, std::string_view close) {
        std::string out = "{{ ";
        for (int i = 0; i < 5000; ++i) out += open;
        out += "1";
        for (int i = 0; i < 5000; ++i) out += close;
        return out + " }}";
    };
    for (const auto& source :
         {nested("(", ")"), nested("[", "]"), nested("-", ""), nested("not ", ""),
          nested("", " + 1"), nested("", "|abs"), nested("", ".a"), nested("", "[0]"),
          nested("", " if 1 else 2"), nested("1 ** ", "")}) {
        const auto text = render(source);
        EXPECT_NE(text.find("nested more than"), std::string::npos) << text;
    }
    std::string blocks;
    for (int i = 0; i < 5000; ++i) blocks += "{% if 1 %}";
    EXPECT_NE(render(blocks).find("nested more than"), std::string::npos);
}

// Long but flat templates are no deep ones.
TEST(ChatTemplate, TakesLongChains) {
    std::string source = "{{ 0";
    for (int i = 0; i < 3000; ++i) source += " ~ 1";
    source += " }}{% if 0 %}";
    for (int i = 0; i < 3000; ++i) source += "{% elif 0 %}";
    source += "{% else %}x{% endif %}{{ 0";
    for (int i = 0; i < 3000; ++i) source += " or 0";
    source += " }}";
    EXPECT_EQ(render(source), "0" + std::string(3000, '1') + "x0");
}

// Pieces of the vectors' templates, cut and joined anew: refused or rendered, never more.
TEST(ChatTemplate, SurvivesDamagedTemplates) {
    const Path path = Path(OL_SOURCE_DIR) / "src/model/testdata/chat_template_vectors.json";
    const auto vectors = *Json::parse(*read_text_file(path, 1U << 22));
    const auto& templates = vectors["templates"].members();
    const auto& messages = vectors["chats"]["tools"];
    Prng prng(5);
    std::size_t rendered = 0;
    for (int i = 0; i < 3000; ++i) {
        auto pick = [&] { return *templates[prng.below(templates.size())].second.as_string(); };
        std::string source = pick(), other = pick();
        source.resize(prng.below(source.size()));
        source += other.substr(prng.below(other.size()));
        if (prng.below(2) == 0) source.erase(prng.below(source.size()), 1 + prng.below(4));
        const auto parsed = ChatTemplate::parse(source);
        if (parsed && parsed->render(messages)) ++rendered;
    }
    EXPECT_GT(rendered, 20U);
}

class Folder : public test::Folder {
public:
    void write(const std::string& name, std::string_view text) const {
        ASSERT_TRUE(write_file_atomic(path() / name, text).has_value());
    }
};

TEST(ChatTemplate, ReadsFolders) {
    const Folder folder;
    EXPECT_EQ(ChatTemplate::from_folder(folder.path()).error().code, ErrorCode::not_found);
    auto text = [&](ChatTemplateOptions options = {}) {
        const auto made = ChatTemplate::from_folder(folder.path());
        if (!made) return made.error().to_string();
        return *made->render(Json::array(), options);
    };
    folder.write("chat_template.json", R"({"chat_template": "processor"})");
    EXPECT_EQ(text(), "processor");
    folder.write("tokenizer_config.json",
                 R"({"bos_token": {"content": "<b>"}, "eos_token": "<e>", "pad_token": null,
                     "chat_template":
                         "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}"})");
    EXPECT_EQ(text(), "<b><e>False");
    ChatTemplateOptions options;
    options.eos_token = "<other>";
    EXPECT_EQ(text(options), "<b><other>False");
    folder.write("tokenizer_config.json",
                 R"({"chat_template": [{"name": "rag", "template": "r"},
                     {"name": "default", "template": "d"},
                     {"name": "tool_use", "template": "t"}]})");
    EXPECT_EQ(text(), "d");
    options.tools = Json::array();
    EXPECT_EQ(text(options), "t");
    folder.write("chat_template.jinja", "own\n");
    EXPECT_EQ(text(), "own");
    folder.write("chat_template.jinja", "{{ x | nonsense }}");
    EXPECT_NE(text().find("chat_template.jinja"), std::string::npos);
}

} // namespace
} // namespace ol::model
