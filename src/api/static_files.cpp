#include <algorithm>

#include "api/handler.hpp"
#include "crypto/hash.hpp"

namespace ol::api {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t static_file_bytes = 64ULL << 20;
constexpr std::string_view content_policy = "default-src 'self'; style-src 'self' 'unsafe-inline'";

// "app-3f2a9c81.js": a build that names files by their contents.
bool is_named_by_content(const std::string& stem) {
    const std::size_t dash = stem.find_last_of("-.");
    if (dash == std::string::npos || stem.size() - dash - 1 < 8) return false;
    return std::all_of(stem.begin() + static_cast<std::ptrdiff_t>(dash) + 1, stem.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// The path below the root; not_found for segments that could lead out of it or name hidden files.
Result<Path> relative_path(std::string_view path) {
    Path out;
    std::string_view rest = path;
    while (!rest.empty()) {
        rest.remove_prefix(1); // the '/'
        const std::string_view segment = rest.substr(0, rest.find('/'));
        rest.remove_prefix(segment.size());
        if (segment.empty() && rest.empty()) break; // "/" and "folder/"
        if (segment.empty() || segment.starts_with('.') ||
            segment.find_first_of(std::string_view("\\\0", 2)) != std::string_view::npos) {
            return fail(ErrorCode::not_found, "no file {}", path);
        }
        out /= Path(segment);
    }
    return out.empty() ? Path("index.html") : out;
}

bool is_below(const Path& root, const Path& file) {
    const auto [at, unused] = std::mismatch(root.begin(), root.end(), file.begin(), file.end());
    return at == root.end();
}

} // namespace

Result<net::Response> static_file(const Path& root, const net::Request& request) {
    std::error_code error;
    if (root.empty() || !fs::is_directory(root, error)) {
        return fail(ErrorCode::not_found,
                    "no {} here: the console is not installed (its folder is '{}'); the API is "
                    "described by /openapi.json",
                    request.path, root.string());
    }
    const Path relative = OL_TRY(relative_path(request.path));
    // Links are followed first: one that leads out of the root is not served.
    const Path base = fs::canonical(root, error);
    const Path file = error ? Path() : fs::canonical(root / relative, error);
    if (error || !is_below(base, file) || !fs::is_regular_file(file, error)) {
        return fail(ErrorCode::not_found, "no file {}", request.path);
    }
    net::Response out;
    out.body = OL_TRY(read_text_file(file, static_file_bytes));
    out.content_type = net::mime_type(file);
    const Hash32 hash = crypto::keccak256(out.body);
    const std::string tag = "\"" + to_hex(hash.view().first(16)) + "\"";
    out.headers = {
        {"etag", tag},
        {"cache-control", is_named_by_content(file.stem().string())
                              ? "public, max-age=31536000, immutable"
                              : "no-cache"}, // asks each time, answered by 304
        {"content-security-policy", std::string(content_policy)},
        {"x-frame-options", "DENY"},
        {"referrer-policy", "no-referrer"},
    };
    if (request.header("if-none-match").find(tag) != std::string_view::npos) {
        out.status = 304;
        out.body.clear();
    }
    return out;
}

} // namespace ol::api
