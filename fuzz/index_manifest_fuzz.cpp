// A manifest must be refused or be exactly what its encoding says; a file of tombstones likewise.
// The first byte picks: even, the rest is a manifest; odd, it is a file of tombstones; of 2 modulo
// 4, the manifest's checksum is made to match first, so that it does not hide the rest.
#include <cstdint>
#include <cstdlib>

#include "attribution/suffix/index/manifest.hpp"
#include "attribution/suffix/index/tombstones.hpp"
#include "codec/json.hpp"
#include "crypto/hash.hpp"

namespace {

using namespace ol;
using namespace ol::attribution::suffix;

void require(bool holds) {
    if (!holds) std::abort();
}

std::string sealed(std::string_view text) {
    const auto json = codec::Json::parse(text);
    if (!json || !json->is_object()) return std::string(text);
    auto rest = codec::Json::object();
    for (const auto& [name, value] : json->members()) {
        if (name != "checksum") rest.set(name, value);
    }
    const auto hash = crypto::keccak256(rest.dump(2));
    rest.set("checksum", hash);
    return rest.dump(2) + "\n";
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) return 0;
    const ByteView rest(data + 1, size - 1);
    if (data[0] % 2 == 1) {
        const auto dead = decode_tombstones(rest.subspan(2), rest[0], rest[1], "fuzz");
        require(dead.has_value() || dead.error().code == ErrorCode::corrupted);
        if (dead) {
            const auto again = encode_tombstones(*dead, rest[0], rest[1]);
            require(std::ranges::equal(again, rest.subspan(2)));
        }
        return 0;
    }
    std::string text(as_text(rest));
    if (data[0] % 4 == 2) text = sealed(text);
    const auto manifest = Manifest::decode(text, "fuzz");
    require(manifest.has_value() || manifest.error().code == ErrorCode::corrupted ||
            manifest.error().code == ErrorCode::unsupported);
    if (manifest) require(manifest->encode() == text);
    return 0;
}
