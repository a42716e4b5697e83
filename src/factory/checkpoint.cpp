#include "factory/checkpoint.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"
#include "crypto/hash.hpp"

namespace ol::factory {

namespace {

// magic (8) | fingerprint (32) | step (8, big endian) | state | keccak of all before (32)
constexpr std::string_view magic = "OLRUNCK1";
constexpr std::size_t header_bytes = 8 + 32 + 8;

} // namespace

Status write_checkpoint(const Path& file, const Checkpoint& checkpoint) {
    // Part by part: a state may be as large as the memory that is left.
    auto out = OL_TRY(AtomicFile::create(file));
    crypto::Keccak256 sum;
    std::uint8_t step[8];
    put_be64(step, checkpoint.step);
    for (const ByteView part : {as_bytes(magic), checkpoint.fingerprint.view(), ByteView(step),
                                ByteView(checkpoint.state)}) {
        sum.update(part);
        OL_TRY(out.write(part));
    }
    OL_TRY(out.write(sum.finish().view()));
    return out.commit();
}

Result<Checkpoint> read_checkpoint(const Path& file) {
    auto bytes = OL_TRY(read_file(file, limits::model_file_bytes));
    const ByteView view(bytes);
    if (view.size() < header_bytes + 32 || as_text(view.first(8)) != magic) {
        return fail(ErrorCode::corrupted, "{}: no checkpoint of a run", file.string());
    }
    const auto body = view.first(view.size() - 32);
    const auto sum = view.last(32);
    if (crypto::keccak256(body) != OL_TRY(Hash32::from(sum))) {
        return fail(ErrorCode::corrupted, "{}: the bytes do not match their hash", file.string());
    }
    Checkpoint out;
    out.fingerprint = OL_TRY(Hash32::from(body.subspan(8, 32)));
    out.step = get_be64(body.data() + 40);
    bytes.resize(bytes.size() - 32);
    bytes.erase(bytes.begin(), bytes.begin() + header_bytes);
    out.state = std::move(bytes);
    return out;
}

Result<std::optional<Checkpoint>> find_checkpoint(const Path& file) {
    auto found = read_checkpoint(file);
    if (found) return std::optional(std::move(*found));
    if (found.error().code == ErrorCode::corrupted) {
        log::warning("factory", "{}; starting again from step 0", found.error().context);
    } else if (found.error().code != ErrorCode::not_found) {
        return std::unexpected(std::move(found.error()));
    }
    return std::nullopt;
}

} // namespace ol::factory
