#include "openlora/server.hpp"

#include <future>
#include <thread>

#include "openlora/test_support.hpp"
#include "text/utf8.hpp"

namespace ol::openlora {
namespace {

using namespace testing;

struct Stage {
    explicit Stage(std::uint32_t context_length = 256, std::uint32_t window = 0)
        : model(make_model(context_length))
        , tokenizer(make_tokenizer())
        , store(model.config, 2) {
        if (window != 0) {
            model.config.sliding_window = window;
            model.config.windowed = {1, 0};
        }
        add_adapter(store, folder.path(), "a", 1, 4);
        add_adapter(store, folder.path(), "b", 2, 8);
        add_adapter(store, folder.path(), "c", 3, 3);
    }
    Folder folder;
    model::Model model;
    model::Tokenizer tokenizer;
    AdapterStore store;
};

std::vector<CompletionRequest> mixed_requests() {
    std::vector<CompletionRequest> out;
    const std::vector<std::string> adapters = {"", "a", "b", "c", "a", "b", "", "c", "a", "b"};
    std::string words;
    for (std::size_t i = 0; i < adapters.size(); ++i) {
        CompletionRequest request;
        request.adapter = adapters[i];
        words += " the quick fox sat on mats";
        request.prompt =
            "<|user|>" + words + "?<|end|><|assistant|>"; // some are prefilled in pieces
        request.max_tokens = static_cast<std::uint32_t>(5 + 3 * i);
        request.sampling.temperature = i % 3 == 0 ? 0.0F : 1.1F;
        request.sampling.top_p = i % 2 == 0 ? 1.0F : 0.95F;
        request.sampling.repetition_penalty = i % 4 == 0 ? 1.2F : 1.0F;
        request.sampling.seed = 100 + i;
        out.push_back(request);
    }
    return out;
}

// What the answer must be: one sequence, alone, the prompt in one piece.
Completion reference(Stage& stage, const CompletionRequest& request) {
    ThreadPool pool(1);
    model::Engine engine(stage.model, pool);
    model::KvCache cache(stage.model.config);
    model::Sampler sampler(request.sampling);
    std::shared_ptr<const model::LoraAdapter> adapter;
    if (!request.adapter.empty()) adapter = *stage.store.acquire(request.adapter);
    auto tokens = stage.tokenizer.encode(request.prompt, true);
    Completion out;
    out.prompt_tokens = static_cast<std::uint32_t>(tokens.size());
    std::size_t done = 0;
    std::string bytes;
    while (out.finish_reason.empty()) {
        const model::StepInput input{
            .tokens = std::span(tokens).subspan(done), .cache = &cache, .adapter = adapter.get()};
        const auto logits = engine.forward(std::span(&input, 1));
        done = tokens.size();
        const auto token = sampler.sample((*logits)[0], tokens);
        if (token < 3) {
            out.finish_reason = "stop";
            break;
        }
        tokens.push_back(token);
        bytes += stage.tokenizer.decode({token});
        if (++out.completion_tokens == request.max_tokens) out.finish_reason = "length";
    }
    // Bytes that are not UTF-8 are shown as the server shows them; its own test covers how.
    out.text = bytes;
    return out;
}

bool same_where_valid(const std::string& bytes, const std::string& text) {
    return text::find_invalid_utf8(bytes).has_value() || bytes == text;
}

TEST(Server, EachAnswerIsTheSameWhateverElseIsInTheBatch) {
    Stage stage;
    const auto requests = mixed_requests();
    std::vector<Completion> alone;
    {
        ThreadPool pool(1);
        CompletionServer server(stage.model, stage.tokenizer, stage.store, pool, 1);
        for (const auto& request : requests) {
            auto answer = server.complete(request);
            ASSERT_TRUE(answer.has_value()) << answer.error().to_string();
            alone.push_back(*answer);
            const auto expected = reference(stage, request);
            EXPECT_EQ(answer->finish_reason, expected.finish_reason);
            EXPECT_EQ(answer->prompt_tokens, expected.prompt_tokens);
            EXPECT_EQ(answer->completion_tokens, expected.completion_tokens);
            EXPECT_TRUE(same_where_valid(expected.text, answer->text));
        }
    }
    EXPECT_NE(alone[1].text, alone[2].text) << "the adapters make a difference";
    for (const unsigned threads : {1U, 2U}) {
        for (const std::uint32_t batch : {3U, 16U}) {
            ThreadPool pool(threads);
            CompletionServer server(stage.model, stage.tokenizer, stage.store, pool, batch);
            std::vector<std::future<Result<Completion>>> answers;
            for (const auto& request : requests) {
                answers.push_back(
                    std::async(std::launch::async, [&] { return server.complete(request); }));
            }
            for (std::size_t i = 0; i < answers.size(); ++i) {
                const auto answer = answers[i].get();
                ASSERT_TRUE(answer.has_value()) << answer.error().to_string();
                EXPECT_EQ(answer->text, alone[i].text) << i;
                EXPECT_EQ(answer->completion_tokens, alone[i].completion_tokens) << i;
                EXPECT_EQ(answer->finish_reason, alone[i].finish_reason) << i;
            }
            EXPECT_EQ(server.stats().requests, requests.size());
            EXPECT_GT(server.stats().tokens, 0U);
        }
    }
}

// Caches that drop keys (prompts in pieces, then token by token, among others) against passes that
// begin anew for every token and so drop none.
TEST(Server, WindowedLayersAnswerAsIfTheyKeptAllKeys) {
    Stage stage(2000, 24);
    std::vector<CompletionRequest> requests;
    std::string words;
    for (std::size_t i = 0; i < 4; ++i) {
        words += " the quick brown fox jumps over the lazy dog while another cat sat on the mat"
                 " and thought about dogs, cats and mats.";
        words += words;
        CompletionRequest request;
        request.adapter = std::vector<std::string>{"a", "", "b", "a"}[i];
        request.prompt = words.substr(words.size() / 8 * i);
        request.max_tokens = 40;
        request.sampling = {.temperature = 0.9F, .seed = i};
        requests.push_back(request);
    }
    ThreadPool pool(2);
    CompletionServer server(stage.model, stage.tokenizer, stage.store, pool, 3);
    std::vector<std::future<Result<Completion>>> answers;
    for (const auto& request : requests) {
        answers.push_back(std::async(std::launch::async, [&] { return server.complete(request); }));
    }
    model::Engine engine(stage.model, pool);
    std::size_t longest = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const auto answer = answers[i].get();
        ASSERT_TRUE(answer.has_value()) << answer.error().to_string();
        std::shared_ptr<const model::LoraAdapter> adapter;
        if (!requests[i].adapter.empty()) adapter = *stage.store.acquire(requests[i].adapter);
        model::Sampler sampler(requests[i].sampling);
        auto tokens = stage.tokenizer.encode(requests[i].prompt, true);
        longest = std::max(longest, tokens.size());
        std::string bytes;
        std::uint32_t count = 0;
        for (; count < requests[i].max_tokens; ++count) {
            model::KvCache cache(stage.model.config);
            const model::StepInput input{tokens, &cache, adapter.get(), false};
            const auto logits = engine.forward({&input, 1});
            ASSERT_TRUE(logits.has_value());
            const auto token = sampler.sample((*logits)[0], tokens);
            if (token < 3) break;
            tokens.push_back(token);
            bytes += stage.tokenizer.decode({token});
        }
        EXPECT_EQ(answer->completion_tokens, count) << i;
        EXPECT_TRUE(same_where_valid(bytes, answer->text)) << i;
    }
    EXPECT_GT(longest, 256U) << "prompts are taken in pieces";
}

TEST(Server, StreamsWholeCharactersThatJoinToTheAnswer) {
    Stage stage;
    ThreadPool pool(1);
    CompletionServer server(stage.model, stage.tokenizer, stage.store, pool);
    for (const auto& request : mixed_requests()) {
        std::string joined;
        const auto answer = server.complete(request, [&](std::string_view piece) {
            EXPECT_FALSE(piece.empty());
            EXPECT_FALSE(text::find_invalid_utf8(piece).has_value());
            joined += piece;
            return true;
        });
        ASSERT_TRUE(answer.has_value());
        EXPECT_EQ(joined, answer->text);
    }
}

TEST(Server, EndsAtStopStringsLengthAndContext) {
    Stage stage(40);
    ThreadPool pool(1);
    CompletionServer server(stage.model, stage.tokenizer, stage.store, pool);
    CompletionRequest request;
    request.prompt = "the quick brown";
    request.sampling.temperature = 1.0F;
    request.max_tokens = 12;
    // A seed whose answer is long and plain enough to cut.
    Completion full;
    for (request.sampling.seed = 1; request.sampling.seed < 200; ++request.sampling.seed) {
        full = *server.complete(request);
        if (full.finish_reason == "length" && full.text.size() > 12) break;
    }
    ASSERT_EQ(full.finish_reason, "length");
    EXPECT_EQ(full.completion_tokens, 12U);

    std::size_t at = 6; // a stop string that begins with a whole character
    while ((full.text[at] & 0xc0) == 0x80) ++at;
    request.stop = {full.text.substr(at, 4)};
    const auto stopped = *server.complete(request);
    EXPECT_EQ(stopped.finish_reason, "stop");
    EXPECT_EQ(stopped.text, full.text.substr(0, full.text.find(request.stop[0])));
    EXPECT_LT(stopped.completion_tokens, 12U);

    request.stop.clear();
    request.max_tokens = 1000;
    for (request.sampling.seed = 1; request.sampling.seed < 400; ++request.sampling.seed) {
        full = *server.complete(request);
        if (full.finish_reason == "length") break;
        EXPECT_EQ(full.finish_reason, "stop"); // a special token
    }
    EXPECT_EQ(full.prompt_tokens + full.completion_tokens, 40U);

    request.max_tokens = 0;
    full = *server.complete(request);
    EXPECT_EQ(full.text, "");
    EXPECT_EQ(full.finish_reason, "length");
}

TEST(Server, ASpecialTokenEndsTheAnswer) {
    Stage stage;
    // A head that always says <|end|>: its row is far along every state's own direction.
    stage.model.config.tied_embeddings = false;
    stage.model.weights.head.weight.assign(stage.model.weights.embedding.size(), 0.0F);
    ThreadPool pool(1);
    CompletionServer server(stage.model, stage.tokenizer, stage.store, pool);
    CompletionRequest request;
    request.prompt = "the";
    const auto answer = *server.complete(request); // all logits equal: the lowest id, <|end|>
    EXPECT_EQ(answer.finish_reason, "stop");
    EXPECT_EQ(answer.completion_tokens, 0U);
    EXPECT_EQ(answer.text, "");
}

TEST(Server, ReadersCanCancel) {
    Stage stage;
    ThreadPool pool(1);
    CompletionServer server(stage.model, stage.tokenizer, stage.store, pool);
    auto request = mixed_requests()[1];
    request.max_tokens = 200;
    request.sampling.temperature = 0;
    // The answer may be complete before its reader says no; it never is every time.
    bool cancelled = false;
    for (int attempt = 0; attempt < 50 && !cancelled; ++attempt) {
        int calls = 0;
        const auto answer = server.complete(request, [&](std::string_view) { return ++calls < 1; });
        ASSERT_TRUE(answer.has_value());
        EXPECT_EQ(calls, 1);
        cancelled = answer->finish_reason == "cancelled";
        if (cancelled) {
            EXPECT_LT(answer->completion_tokens, 200U);
        }
    }
    EXPECT_TRUE(cancelled);
    EXPECT_TRUE(server.complete(mixed_requests()[0]).has_value()) << "the server goes on";
}

TEST(Server, RefusesWithTheReason) {
    Stage stage(64);
    ThreadPool pool(1);
    CompletionServer server(stage.model, stage.tokenizer, stage.store, pool);
    CompletionRequest request;
    EXPECT_EQ(server.complete(request).error().code, ErrorCode::invalid_argument);
    request.prompt = std::string(400, '#');
    EXPECT_EQ(server.complete(request).error().code, ErrorCode::too_large);
    request.prompt = "the";
    request.max_tokens = 1U << 20;
    EXPECT_EQ(server.complete(request).error().code, ErrorCode::too_large);
    request.max_tokens = 4;
    request.adapter = "nobody";
    EXPECT_EQ(server.complete(request).error().code, ErrorCode::not_found);
    request.adapter = "";
    request.sampling.temperature = -1;
    EXPECT_EQ(server.complete(request).error().code, ErrorCode::invalid_argument);
    request.sampling.temperature = 0;

    const auto weights = stage.folder.path() / "b" / "adapter_model.safetensors";
    auto bytes = *read_file(weights, 1U << 24);
    bytes.back() ^= 1;
    ASSERT_TRUE(write_file_atomic(weights, ByteView(bytes)).has_value());
    request.adapter = "b";
    EXPECT_EQ(server.complete(request).error().code, ErrorCode::unverified);
    EXPECT_EQ(server.stats().refused, 6U);

    request.adapter = "";
    CompletionServer full(stage.model, stage.tokenizer, stage.store, pool, 1, 0);
    EXPECT_EQ(full.complete(request).error().code, ErrorCode::unavailable);
}

TEST(Server, EndsWhileRequestsRun) {
    Stage stage;
    ThreadPool pool(1);
    auto server =
        std::make_unique<CompletionServer>(stage.model, stage.tokenizer, stage.store, pool, 1);
    std::promise<void> started;
    auto request = mixed_requests()[1];
    request.max_tokens = 200;
    std::thread reader([&, raw = server.get()] {
        bool first = true;
        const auto answer = raw->complete(request, [&](std::string_view) {
            if (std::exchange(first, false)) started.set_value();
            return true;
        });
        EXPECT_TRUE(answer || answer.error().code == ErrorCode::unavailable);
        if (first) started.set_value();
    });
    started.get_future().wait();
    server.reset();
    reader.join();
}

} // namespace
} // namespace ol::openlora
