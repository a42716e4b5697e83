// TrieTests: roots of plain and of secure tries (keys hashed).
#include <map>

#include "chain/trie/build.hpp"
#include "crypto/hash.hpp"
#include "suite.hpp"

namespace ol::conformance {
namespace {

using namespace ol::chain;

Result<Bytes> text_or_hex(const Json& value) {
    const std::string text = OL_TRY(value.as_string());
    if (text.starts_with("0x")) return from_hex(text);
    const ByteView view = as_bytes(text);
    return Bytes(view.begin(), view.end());
}

// "in": an object, or a row of [key, value or null] where a later one replaces an earlier.
Result<std::map<Bytes, Bytes>> entries_of(const Json& in) {
    std::map<Bytes, Bytes> out;
    for (const auto& [key, value] : in.members()) {
        out[OL_TRY(text_or_hex(Json(key)))] = OL_TRY(text_or_hex(value));
    }
    for (const auto& row : in.items()) {
        if (row.items().size() != 2) return fail(ErrorCode::invalid_argument, "no pair");
        const Bytes key = OL_TRY(text_or_hex(row.items()[0]));
        if (row.items()[1].is_null()) {
            out.erase(key);
        } else {
            out[key] = OL_TRY(text_or_hex(row.items()[1]));
        }
    }
    return out;
}

Status run_test(const Json& test, bool secure) {
    std::map<Bytes, Bytes> entries;
    for (auto& [key, value] : OL_TRY(entries_of(test["in"]))) {
        if (secure) {
            const Hash32 hashed = crypto::keccak256(key);
            entries[Bytes(hashed.begin(), hashed.end())] = value;
        } else {
            entries[key] = value;
        }
    }
    std::vector<trie::LeafView> leaves;
    for (const auto& [key, value] : entries) leaves.push_back({key, value});
    const Hash32 root = trie::root_of_sorted(leaves);
    if (root == OL_TRY(test["root"].as_hash32())) return {};
    return fail(ErrorCode::internal, "root {}", to_hex0x(root.view()));
}

void run_file(const Json& file, Results& results) {
    std::string name = results.file();
    for (auto& c : name) c = static_cast<char>(std::tolower(c));
    const bool secure = name.find("secure") != std::string::npos;
    for (const auto& [test_name, test] : file.members()) {
        if (!results.wants(test_name)) continue;
        if (!test.contains("root")) {
            results.leave_out("iteration over a trie of text keys: not part of a state");
            continue;
        }
        const auto done = run_test(test, secure);
        if (done) {
            results.pass();
        } else {
            results.fail(test_name, done.error().context);
        }
    }
}

} // namespace
} // namespace ol::conformance

int main(int count, char** arguments) {
    using namespace ol::conformance;
    return run_suite("trie", parse_options(count, arguments), {"TrieTests"}, run_file);
}
