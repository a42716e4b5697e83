#include "text/reader.hpp"

#include <algorithm>
#include <array>

#include "base/limits.hpp"
#include "text/formats.hpp"
#include "text/gzip.hpp"
#include "text/utf8.hpp"

namespace ol::text {

namespace {

enum class Format { none, plain, markdown, html, jsonl, dictd };

std::string lower_ascii(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

struct Kind {
    Format format = Format::none;
    bool gzip = false;
    bool guessed = false; // no extension: taken for text if its bytes are text
};

Kind kind_of(const Path& path) {
    Kind kind;
    Path name = path.filename();
    if (lower_ascii(name.extension().string()) == ".gz") {
        kind.gzip = true;
        name = name.stem();
    }
    const std::string extension = lower_ascii(name.extension().string());
    const std::string stem = name.stem().string();
    if (extension == ".txt" || extension == ".text") kind.format = Format::plain;
    if (extension == ".md" || extension == ".markdown") kind.format = Format::markdown;
    if (extension == ".html" || extension == ".htm" || extension == ".xhtml") {
        kind.format = Format::html;
    }
    if (extension == ".jsonl" || extension == ".ndjson") kind.format = Format::jsonl;
    if (extension == ".index" && !kind.gzip) kind.format = Format::dictd;
    // "README", and "LGPL-2.1", whose last dot stands in a version number.
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const bool version = extension.size() > 1 &&
                         std::all_of(extension.begin() + 1, extension.end(), is_digit) &&
                         !stem.empty() && is_digit(stem.back());
    if ((extension.empty() || version) && !stem.empty() && stem.front() != '.') {
        kind.format = Format::plain;
        kind.guessed = true;
    }
    return kind;
}

Result<std::string> read_unpacked(const Path& path, bool gzip) {
    if (!gzip) return read_text_file(path, limits::file_bytes);
    const Bytes packed = OL_TRY(read_file(path, limits::file_bytes));
    return OL_TRY_IN(gunzip(packed, limits::file_bytes), "{}", path.string());
}

Result<ReadResult> read_dictionary(const Path& path) {
    const std::string index = OL_TRY(read_text_file(path, limits::file_bytes));
    for (const char* const extension : {".dict.dz", ".dict"}) {
        Path dict = path;
        dict.replace_extension(extension);
        std::error_code ignored;
        if (!std::filesystem::exists(dict, ignored)) continue;
        // .dz is gzip with an index in its extra field, which sequential reading does not need.
        const std::string entries =
            OL_TRY(read_unpacked(dict, std::string_view(extension) == ".dict.dz"));
        return OL_TRY_IN(read_dictd(index, entries, path.string()), "{}", path.string());
    }
    return fail(ErrorCode::not_found,
                "{}: there is no {}.dict or .dict.dz beside it; a dictd database needs both files",
                path.string(), path.stem().string());
}

} // namespace

bool can_read(const Path& path) { return kind_of(path).format != Format::none; }

Result<ReadResult> read_documents(const Path& path) {
    const Kind kind = kind_of(path);
    if (kind.format == Format::none) {
        const bool dictionary =
            path.string().ends_with(".dict") || path.string().ends_with(".dict.dz");
        return fail(ErrorCode::unsupported, "{}: {}", path.string(),
                    dictionary ? "name the .index file of a dictd database instead"
                               : "no reader for this file type (known: .txt .md .html .jsonl, .gz "
                                 "of these, dictd .index)");
    }
    if (kind.format == Format::dictd) return read_dictionary(path);
    const std::string bytes = OL_TRY(read_unpacked(path, kind.gzip));
    if (kind.guessed && (bytes.find('\0') != std::string::npos || find_invalid_utf8(bytes))) {
        return fail(ErrorCode::unsupported,
                    "{}: a file without extension is read as text, but this one is not UTF-8 text",
                    path.string());
    }
    const std::string file = path.string();
    switch (kind.format) {
    case Format::markdown:
        return read_markdown(bytes, file);
    case Format::html:
        return read_html(bytes, file);
    case Format::jsonl:
        return read_jsonl(bytes, file);
    default:
        return read_plain(bytes, file);
    }
}

} // namespace ol::text
