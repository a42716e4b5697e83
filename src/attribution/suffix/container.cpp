#include "attribution/suffix/container.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "attribution/suffix/checksum.hpp"
#include "attribution/suffix/segment.hpp"
#include "base/check.hpp"
#include "base/limits.hpp"

namespace ol::attribution::suffix {

namespace {

static_assert(std::endian::native == std::endian::little,
              "segments are mapped as they lie on disk");

constexpr char magic[8] = {'O', 'L', 'S', 'E', 'G', '0', '0', '2'};
constexpr std::uint64_t alignment = 64;
constexpr std::size_t max_sections = 30;
constexpr std::size_t chunk_bytes = 1 << 20;
// Written and summed at a time: what a processor's last cache holds.
constexpr std::size_t step_bytes = 8 * chunk_bytes;

struct RawEntry {
    std::uint32_t id, reserved;
    std::uint64_t offset, size, checksum;
};
struct Header {
    char magic[8];
    std::uint64_t file_size;
    std::uint32_t symbols, records, words, form;
    std::uint32_t section_count, first_record, reserved[4];
    std::uint64_t checksum; // of the header, this member being zero
    RawEntry sections[max_sections];
};
static_assert(sizeof(Header) == 1024);

std::uint64_t checksum_of(Header header) {
    header.checksum = 0;
    std::uint8_t raw[sizeof header];
    std::memcpy(raw, &header, sizeof header);
    return checksum64({raw, sizeof raw}, 0);
}

// XXH64 of the checksums of its pieces, so that several threads can work on one section.
class SectionChecksum {
public:
    // What follows; all but the last are a multiple of chunk_bytes.
    void add(ByteView bytes, ThreadPool* pool) {
        const std::size_t before = pieces_.size();
        pieces_.resize(before + (bytes.size() + chunk_bytes - 1) / chunk_bytes);
        const auto sum = [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                const std::size_t from = i * chunk_bytes;
                const std::size_t size = std::min(chunk_bytes, bytes.size() - from);
                pieces_[before + i] = checksum64(bytes.subspan(from, size), before + i);
            }
        };
        if (pool != nullptr) {
            pool->parallel_for(pieces_.size() - before, 1, sum);
        } else {
            sum(0, pieces_.size() - before);
        }
    }
    std::uint64_t of(SectionId id) const {
        const auto* const bytes = reinterpret_cast<const std::uint8_t*>(pieces_.data());
        return checksum64({bytes, pieces_.size() * 8}, static_cast<std::uint64_t>(id));
    }

private:
    std::vector<std::uint64_t> pieces_;
};

std::uint64_t checksum_of(SectionId id, ByteView bytes, ThreadPool* pool) {
    SectionChecksum sum;
    sum.add(bytes, pool);
    return sum.of(id);
}

constexpr std::string_view remedy = "delete it and build the index again";

} // namespace

std::string_view to_string(SectionId id) {
    switch (id) {
    case SectionId::starts:
        return "starts";
    case SectionId::records:
        return "records";
    case SectionId::labels:
        return "labels";
    case SectionId::first:
        return "first";
    case SectionId::places:
        return "places";
    case SectionId::text:
        return "text";
    case SectionId::suffix_array:
        return "suffix array";
    case SectionId::inverse:
        return "inverse";
    case SectionId::keys:
        return "keys";
    case SectionId::words:
        return "words";
    case SectionId::word_slots:
        return "word slots";
    case SectionId::psi_blocks:
        return "psi blocks";
    case SectionId::psi_bits:
        return "psi bits";
    case SectionId::samples:
        return "samples";
    case SectionId::inverse_samples:
        return "inverse samples";
    case SectionId::front_coded_words:
        return "front-coded words";
    }
    return "unknown";
}

struct ContainerWriter::Impl {
    std::optional<AtomicFile> file; // or
    Bytes memory;
    Header header{};
    Status state; // of writing

    std::uint64_t size() const { return file ? file->size() : memory.size(); }
    void write(ByteView bytes) {
        if (!file) {
            append(memory, bytes);
        } else if (state) {
            state = file->write(bytes);
        }
    }
    ByteView seal(const Counts& counts) {
        std::memcpy(header.magic, magic, sizeof magic);
        header.file_size = size();
        header.symbols = counts.symbols;
        header.records = counts.records;
        header.words = counts.words;
        header.form = counts.form;
        header.first_record = counts.first_record;
        header.checksum = checksum_of(header);
        return {reinterpret_cast<const std::uint8_t*>(&header), sizeof header};
    }
};

ContainerWriter::ContainerWriter(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {
    const Header blank{};
    impl_->write({reinterpret_cast<const std::uint8_t*>(&blank), sizeof blank});
}
ContainerWriter::ContainerWriter()
    : ContainerWriter(std::make_unique<Impl>()) {}
ContainerWriter::ContainerWriter(ContainerWriter&&) noexcept = default;
ContainerWriter& ContainerWriter::operator=(ContainerWriter&&) noexcept = default;
ContainerWriter::~ContainerWriter() = default;

Result<ContainerWriter> ContainerWriter::create(const Path& path) {
    auto impl = std::make_unique<Impl>();
    impl->file = OL_TRY(AtomicFile::create(path));
    return ContainerWriter(std::move(impl));
}

void ContainerWriter::add(SectionId id, ByteView bytes, ThreadPool* pool, const Used& used) {
    Header& header = impl_->header;
    OL_CHECK(header.section_count < max_sections);
    OL_CHECK(header.section_count == 0 ||
             header.sections[header.section_count - 1].id < static_cast<std::uint32_t>(id));
    const std::uint64_t end = impl_->size();
    const std::uint64_t offset = (end + alignment - 1) / alignment * alignment;
    const std::uint8_t padding[alignment] = {};
    impl_->write({padding, offset - end});
    SectionChecksum sum;
    for (std::size_t begin = 0; begin < bytes.size(); begin += step_bytes) {
        const ByteView step = bytes.subspan(begin, std::min(step_bytes, bytes.size() - begin));
        impl_->write(step);
        sum.add(step, pool);
        if (used) used(begin, begin + step.size());
    }
    header.sections[header.section_count++] = {static_cast<std::uint32_t>(id), 0, offset,
                                               bytes.size(), sum.of(id)};
}

Status ContainerWriter::finish(const Counts& counts) {
    OL_CHECK(impl_->file.has_value());
    OL_TRY(std::move(impl_->state));
    OL_TRY(impl_->file->write_at(0, impl_->seal(counts)));
    return impl_->file->commit();
}

Bytes ContainerWriter::take(const Counts& counts) {
    OL_CHECK(!impl_->file.has_value());
    const ByteView header = impl_->seal(counts);
    std::copy(header.begin(), header.end(), impl_->memory.begin());
    return std::move(impl_->memory);
}

Result<Container> Container::open(const Path& path, Check check, ThreadPool* pool) {
    Container out;
    out.name_ = path.string();
    out.file_ = OL_TRY_IN(MappedFile::open(path), "segment {}", out.name_);
    out.bytes_ = out.file_.bytes();
    OL_TRY(out.read(check, pool));
    return out;
}

Result<Container> Container::parse(Bytes bytes, std::string_view name) {
    Container out;
    out.name_ = name;
    out.memory_ = std::move(bytes);
    out.bytes_ = out.memory_;
    OL_TRY(out.read(Check::full, nullptr));
    return out;
}

Status Container::read(Check check, ThreadPool* pool) {
    const auto corrupted = [&](std::string what) {
        return fail(ErrorCode::corrupted, "segment {}: {}; {}", name_, what, remedy);
    };
    Header header;
    if (bytes_.size() < sizeof header) {
        return corrupted(fmt::format("truncated to {} bytes", bytes_.size()));
    }
    std::memcpy(&header, bytes_.data(), sizeof header);
    if (std::memcmp(header.magic, magic, sizeof magic) != 0) {
        return corrupted("not a segment file of this version");
    }
    if (header.checksum != checksum_of(header)) {
        return corrupted("checksum of the header differs");
    }
    if (header.file_size != bytes_.size()) {
        return corrupted(
            fmt::format("{} bytes where the header says {}", bytes_.size(), header.file_size));
    }
    counts_ = {header.symbols, header.records, header.words, header.form, header.first_record};
    bool agrees = header.section_count <= max_sections &&
                  counts_.first_record <= 0xffffffff - counts_.records &&
                  counts_.symbols <= limits::segment_symbols &&
                  counts_.records <= counts_.symbols &&
                  counts_.words <= counts_.symbols - counts_.records;
    std::uint64_t end = sizeof header;
    for (std::size_t i = 0; agrees && i < header.section_count; ++i) {
        const auto& raw = header.sections[i];
        const std::uint64_t begin = (end + alignment - 1) / alignment * alignment;
        agrees = raw.offset == begin && raw.offset <= bytes_.size() &&
                 raw.size <= bytes_.size() - raw.offset && raw.reserved == 0 &&
                 (i == 0 || header.sections[i - 1].id < raw.id);
        if (!agrees) break;
        end = raw.offset + raw.size;
        entries_.push_back({static_cast<SectionId>(raw.id), raw.offset, raw.size});
    }
    if (!agrees || end != bytes_.size()) return corrupted("the header contradicts itself");
    if (check == Check::header) return {};

    end = sizeof header;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const auto& [id, offset, size] = entries_[i];
        const auto padding = bytes_.subspan(end, offset - end);
        if (std::any_of(padding.begin(), padding.end(), [](std::uint8_t b) { return b != 0; }) ||
            header.sections[i].checksum != checksum_of(id, bytes_.subspan(offset, size), pool)) {
            return corrupted(fmt::format("checksum of section '{}' differs", to_string(id)));
        }
        end = offset + size;
    }
    return {};
}

std::vector<SectionId> Container::sections() const {
    std::vector<SectionId> out;
    for (const auto& entry : entries_) out.push_back(entry.id);
    return out;
}

bool Container::has(SectionId id) const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const Entry& entry) { return entry.id == id; });
}

ByteView Container::section(SectionId id) const {
    for (const auto& entry : entries_) {
        if (entry.id == id) return bytes_.subspan(entry.offset, entry.size);
    }
    return {};
}

std::unexpected<Error> Container::wrong_size(SectionId id, std::uint64_t wanted) const {
    return fail(ErrorCode::corrupted, "segment {}: section '{}' has {} bytes where {} belong; {}",
                name_, to_string(id), section(id).size(), wanted, remedy);
}

} // namespace ol::attribution::suffix
