// TrieTests of ethereum/tests: roots of tries, plain and secure, built in one update, change by
// change, and from sorted leaves.
//
//   conformance_trie FOLDER [--json FILE] [--filter TEXT]
#include <map>

#include "chain/trie/build.hpp"
#include "chain/trie/trie.hpp"
#include "crypto/hash.hpp"
#include "suite.hpp"

namespace ol::conformance {
namespace {

using chain::trie::Change;
using chain::trie::LeafView;
using chain::trie::Trie;

struct Entry {
    Bytes key, value; // no value: removed
};

Bytes text_or_hex(const std::string& text) {
    if (text.starts_with("0x")) {
        if (auto bytes = from_hex(text)) return *bytes;
    }
    return {text.begin(), text.end()};
}

Result<Entry> entry(const Json& key, const Json& value, bool is_secure) {
    Entry out;
    out.key = text_or_hex(OL_TRY(key.as_string()));
    if (is_secure) {
        const Hash32 hash = crypto::keccak256(out.key);
        out.key.assign(hash.begin(), hash.end());
    }
    if (!value.is_null()) out.value = text_or_hex(OL_TRY(value.as_string()));
    return out;
}

// Lists are in order; an object's members may come in any.
Result<std::vector<Entry>> entries(const Json& in, bool is_secure) {
    std::vector<Entry> out;
    for (const Json& row : in.items()) {
        if (row.items().size() != 2) return fail(ErrorCode::invalid_argument, "not a pair");
        out.push_back(OL_TRY(entry(row.items()[0], row.items()[1], is_secure)));
    }
    for (const auto& [key, value] : in.members()) {
        out.push_back(OL_TRY(entry(Json(key), value, is_secure)));
    }
    return out;
}

Result<Hash32> one_by_one(const std::vector<Entry>& rows) {
    Trie trie;
    for (const Entry& row : rows) {
        const Change change{row.key, row.value};
        OL_TRY(trie.update({&change, 1}));
    }
    return trie.root();
}

std::map<Bytes, Bytes> last_values(const std::vector<Entry>& rows) {
    std::map<Bytes, Bytes> out;
    for (const Entry& row : rows) out[row.key] = row.value;
    return out;
}

Result<Hash32> at_once(const std::vector<Entry>& rows) {
    const auto values = last_values(rows);
    std::vector<Change> changes;
    for (const auto& [key, value] : values) changes.push_back({key, value});
    Trie trie;
    OL_TRY(trie.update(changes));
    return trie.root();
}

Result<Hash32> from_leaves(const std::vector<Entry>& rows) {
    const auto values = last_values(rows);
    std::vector<LeafView> leaves;
    for (const auto& [key, value] : values) {
        if (!value.empty()) leaves.push_back({key, value});
    }
    return chain::trie::root_of_sorted(leaves);
}

Status run_test(const Json& test, bool is_secure) {
    const Hash32 want = OL_TRY(test["root"].as_hash32());
    std::vector<Entry> rows = OL_TRY(entries(test["in"], is_secure));
    for (int turn = 0; turn < 2; ++turn) {
        for (const auto& way : {one_by_one, at_once, from_leaves}) {
            const Hash32 got = OL_TRY(way(rows));
            if (got != want) return fail(ErrorCode::unverified, "root {}", to_hex0x(got.view()));
        }
        if (!test["in"].is_object()) break;
        std::reverse(rows.begin(), rows.end());
    }
    return {};
}

void run_file(const Json& file, Results& results) {
    const bool is_secure = results.file().find("ecure") != std::string::npos;
    for (const auto& [name, test] : file.members()) {
        if (!results.wants(name)) continue;
        if (!test.contains("root")) {
            results.leave_out("walks over keys: states are walked by the database's own order");
            continue;
        }
        if (const Status done = run_test(test, is_secure); !done) {
            results.fail(name, done.error().to_string());
        } else {
            results.pass();
        }
    }
}

} // namespace
} // namespace ol::conformance

int main(int count, char** arguments) {
    const auto options = ol::conformance::parse_options(count, arguments);
    return ol::conformance::run_suite("TrieTests", options, {"TrieTests"},
                                      ol::conformance::run_file);
}
