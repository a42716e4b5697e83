#include "model/pretrain_text.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "base/limits.hpp"
#include "base/prng.hpp"
#include "crypto/hash.hpp"
#include "text/reader.hpp"

namespace ol::model {

namespace {

// The ids 0..3 of every tokenizer trained here, for the chat form.
const std::vector<std::string> special_tokens = {"<|end|>", "<|user|>", "<|assistant|>",
                                                 "<|system|>"};
constexpr TokenId end_token = 0, user_token = 1, assistant_token = 2;

constexpr char tokens_magic[8] = {'O', 'L', 'T', 'O', 'K', 'E', 'N', '1'};
constexpr std::uint64_t tokens_file_bytes = 4ULL << 30;
constexpr std::size_t longest_question_title = 120;

struct Row {
    std::string title, text;
    Hash32 hash;
};

struct Sources {
    std::vector<std::pair<std::size_t, Path>> files; // (source, file) in order
    std::vector<SourceSummary> summaries;
    Hash32 key;
};

void add_number(crypto::Keccak256& hasher, std::uint64_t number) {
    std::uint8_t bytes[8];
    put_be64(bytes, number);
    hasher.update(bytes);
}

// A dictd pair is named by its .index; its bytes are in the dictionary beside it.
Result<Hash32> hash_file(const Path& path) {
    crypto::Keccak256 hasher;
    auto map = OL_TRY(MappedFile::open(path));
    hasher.update(map.bytes());
    if (path.extension() == ".index") {
        for (const char* extension : {".dict", ".dict.dz"}) {
            auto beside = path;
            beside.replace_extension(extension);
            std::error_code ignored;
            if (!std::filesystem::exists(beside, ignored)) continue;
            auto dictionary = OL_TRY(MappedFile::open(beside));
            hasher.update(dictionary.bytes());
        }
    }
    return hasher.finish();
}

Result<Sources> find_sources(const PretrainConfig& config, const ProgressSink& progress) {
    Sources out;
    std::vector<Path> roots = config.sources;
    std::sort(roots.begin(), roots.end());
    for (const auto& root : roots) {
        SourceSummary summary;
        summary.path = root.string();
        const auto files = OL_TRY(list_files(root));
        for (const auto& file : files) {
            if (!text::can_read(file) || is_left_out(file, root)) continue;
            out.files.emplace_back(out.summaries.size(), file);
            ++summary.files;
        }
        if (summary.files == 0) {
            return fail(ErrorCode::invalid_argument,
                        "{}: no file that can be read as text; name files or folders of .txt, .md, "
                        ".html, .jsonl or dictd pairs",
                        root.string());
        }
        out.summaries.push_back(std::move(summary));
    }
    if (out.files.empty()) return fail(ErrorCode::invalid_argument, "no sources were given");

    crypto::Keccak256 key;
    key.update(as_bytes(std::string_view("pretraining text 1")));
    add_number(key, config.shape.vocab_size);
    add_number(key, config.max_bytes);
    add_number(key, config.seed);
    add_number(key, static_cast<std::uint64_t>(config.held_out_fraction * 0x1.0p32));
    std::vector<crypto::Keccak256> each(out.summaries.size());
    for (std::size_t i = 0; i < out.files.size(); ++i) {
        if (!progress("hashing sources", i, out.files.size())) {
            return fail(ErrorCode::cancelled, "pretraining was stopped while hashing its sources");
        }
        const auto hash = OL_TRY(hash_file(out.files[i].second));
        each[out.files[i].first].update(hash.view());
        key.update(hash.view());
    }
    for (std::size_t i = 0; i < each.size(); ++i) out.summaries[i].hash = each[i].finish();
    out.key = key.finish();
    return out;
}

// All distinct rows, in the order of the files.
Result<std::vector<Row>> read_rows(const PretrainConfig& config, Sources& sources,
                                   const ProgressSink& progress) {
    std::vector<Row> rows;
    std::unordered_set<Hash32, FixedBytesHasher> seen;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < sources.files.size(); ++i) {
        const auto& [source, path] = sources.files[i];
        if (!progress("reading sources", i, sources.files.size())) {
            return fail(ErrorCode::cancelled, "pretraining was stopped while reading its sources");
        }
        auto result = OL_TRY(text::read_documents(path));
        for (auto& document : result.documents) {
            if (document.text.empty()) continue;
            const auto hash = crypto::keccak256(document.text);
            if (!seen.insert(hash).second) continue;
            bytes += document.text.size();
            if (config.max_bytes > 0 && bytes > config.max_bytes) return rows;
            ++sources.summaries[source].documents;
            sources.summaries[source].bytes += document.text.size();
            rows.push_back({std::move(document.title), std::move(document.text), hash});
        }
    }
    return rows;
}

std::vector<TokenId> encode_row(const Tokenizer& tokenizer, const Row& row) {
    std::vector<TokenId> out;
    const auto put = [&](std::string_view text) {
        const auto ids = tokenizer.encode(text);
        out.insert(out.end(), ids.begin(), ids.end());
    };
    const bool titled = !row.title.empty() && row.title.size() <= longest_question_title;
    if (titled && (row.hash[8] & 1) != 0) {
        out.push_back(user_token);
        put("What is " + row.title + "?");
        out.push_back(end_token);
        out.push_back(assistant_token);
        put(row.text);
    } else if (!row.title.empty()) {
        put(row.title + "\n" + row.text);
    } else {
        put(row.text);
    }
    out.push_back(end_token);
    return out;
}

bool held_out(const Row& row, double fraction) {
    return static_cast<double>(get_be32(row.hash.data.data())) < fraction * 0x1.0p32;
}

void put_tokens(Bytes& out, const std::vector<TokenId>& tokens) {
    std::uint8_t number[8];
    put_be64(number, tokens.size());
    append(out, number);
    append(out,
           {reinterpret_cast<const std::uint8_t*>(tokens.data()), tokens.size() * sizeof(TokenId)});
}

// magic, sha-256 of the rest, key, bytes, sources, streams.
Bytes tokens_file(const PretrainText& text) {
    Bytes body;
    std::uint8_t number[8];
    const auto put = [&](std::uint64_t value) {
        put_be64(number, value);
        append(body, number);
    };
    append(body, text.key.view());
    put(text.train_bytes);
    put(text.held_out_bytes);
    put(text.sources.size());
    for (const auto& source : text.sources) {
        put(source.documents);
        put(source.bytes);
    }
    put_tokens(body, text.train);
    put_tokens(body, text.held_out);
    Bytes out(tokens_magic, tokens_magic + sizeof tokens_magic);
    append(out, crypto::sha256(body).view());
    append(out, body);
    return out;
}

// False when the file is of other sources; the caller makes it again. Damage is treated likewise:
// the file only saves time.
bool take_tokens_file(ByteView bytes, PretrainText& text) {
    constexpr std::size_t header = sizeof tokens_magic + 32;
    if (bytes.size() < header + 64 ||
        std::memcmp(bytes.data(), tokens_magic, sizeof tokens_magic) != 0) {
        return false;
    }
    ByteView body = bytes.subspan(header);
    if (std::memcmp(body.data(), text.key.data.data(), 32) != 0) return false;
    if (std::memcmp(crypto::sha256(body).data.data(), bytes.data() + sizeof tokens_magic, 32) !=
        0) {
        return false;
    }
    std::size_t at = 32;
    const auto take = [&] {
        const std::uint64_t value = at + 8 <= body.size() ? get_be64(body.data() + at) : 0;
        at += 8;
        return value;
    };
    text.train_bytes = take();
    text.held_out_bytes = take();
    if (take() != text.sources.size()) return false;
    for (auto& source : text.sources) {
        source.documents = take();
        source.bytes = take();
    }
    for (auto* stream : {&text.train, &text.held_out}) {
        const std::uint64_t count = take();
        if (at > body.size() || count > (body.size() - at) / sizeof(TokenId)) return false;
        stream->resize(count);
        if (count > 0) std::memcpy(stream->data(), body.data() + at, count * sizeof(TokenId));
        at += count * sizeof(TokenId);
    }
    return at == body.size();
}

} // namespace

bool is_left_out(const Path& file, const Path& root) {
    std::string name = file.filename().string();
    for (auto& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    for (const char* prefix : {"changelog", "copyright", "genindex", "py-modindex", "search",
                               "bookindex", "news.", "license", "licence"}) {
        if (name.starts_with(prefix)) return true;
    }
    const auto inside = file.lexically_relative(root);
    for (const auto& part : inside.parent_path()) {
        if (part == "_modules" || part == "_static" || part == "_sources") return true;
    }
    return false;
}

Result<PretrainText> prepare_text(const PretrainConfig& config, ThreadPool& pool,
                                  const ProgressSink& progress) {
    auto sources = OL_TRY(find_sources(config, progress));
    PretrainText out;
    out.key = sources.key;
    out.sources = sources.summaries;
    const auto tokens_path = config.output / "tokens.bin";
    std::error_code ignored;
    if (std::filesystem::exists(tokens_path, ignored) &&
        std::filesystem::exists(config.output / "tokenizer.json", ignored)) {
        const auto map = OL_TRY(MappedFile::open(tokens_path));
        if (map.bytes().size() <= tokens_file_bytes && take_tokens_file(map.bytes(), out))
            return out;
        out = PretrainText{};
        out.key = sources.key;
        out.sources = sources.summaries;
    }

    auto rows = OL_TRY(read_rows(config, sources, progress));
    out.sources = sources.summaries;
    std::vector<std::string_view> texts;
    for (const auto& row : rows) {
        if (!held_out(row, config.held_out_fraction)) texts.push_back(row.text);
    }
    if (texts.empty()) return fail(ErrorCode::invalid_argument, "the sources hold no text");
    const auto tokenizer =
        OL_TRY(Tokenizer::train(texts, config.shape.vocab_size, special_tokens, progress));
    if (tokenizer.vocab_size() != config.shape.vocab_size) {
        return fail(ErrorCode::invalid_argument,
                    "the text gives a vocabulary of {} tokens only, not {}; ask for a smaller one",
                    tokenizer.vocab_size(), config.shape.vocab_size);
    }
    OL_TRY(make_directories(config.output));
    OL_TRY(write_file_atomic(config.output / "tokenizer.json", tokenizer.to_json()));

    Prng prng(config.seed);
    for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[prng.below(i)]);
    std::vector<std::vector<TokenId>> encoded(rows.size());
    constexpr std::size_t portion = 4096; // rows between two looks at the progress sink
    for (std::size_t first = 0; first < rows.size(); first += portion) {
        if (!progress("encoding", first, rows.size())) {
            return fail(ErrorCode::cancelled, "pretraining was stopped while encoding its text");
        }
        pool.parallel_for(std::min(portion, rows.size() - first), 16,
                          [&](std::size_t begin, std::size_t end) {
                              for (std::size_t i = first + begin; i < first + end; ++i) {
                                  encoded[i] = encode_row(tokenizer, rows[i]);
                              }
                          });
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const bool apart = held_out(rows[i], config.held_out_fraction);
        auto& stream = apart ? out.held_out : out.train;
        (apart ? out.held_out_bytes : out.train_bytes) += rows[i].text.size();
        stream.insert(stream.end(), encoded[i].begin(), encoded[i].end());
    }
    OL_TRY(write_file_atomic(tokens_path, ByteView(tokens_file(out))));
    return out;
}

} // namespace ol::model
