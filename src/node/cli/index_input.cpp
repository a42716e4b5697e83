#include "node/cli/index_input.hpp"

#include <algorithm>
#include <iostream>
#include <iterator>

#include "base/limits.hpp"
#include "crypto/hash.hpp"

namespace ol::node::cli {

namespace suffix = attribution::suffix;

namespace {

constexpr std::string_view names_file = "owners.txt";
constexpr std::uint64_t names_bytes = 4ULL << 30;
constexpr std::size_t issues_kept = 1000;

} // namespace

Result<std::string> asked_text(const std::string& text, const std::string& file) {
    if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
    if (!file.empty()) return read_text_file(file, limits::file_bytes);
    if (text.empty()) return fail(ErrorCode::invalid_argument, "give a text, or --file");
    return text;
}

Address owner_address(std::string_view name) {
    const Hash32 hash = crypto::keccak256(name);
    Address out;
    std::copy(hash.end() - 20, hash.end(), out.begin());
    return out;
}

Result<OwnerNames> OwnerNames::read(const Path& folder) {
    OwnerNames out;
    const Path path = folder / names_file;
    const auto text = read_text_file(path, names_bytes);
    if (!text && text.error().code == ErrorCode::not_found) return out;
    if (!text) return std::unexpected(text.error());
    std::size_t number = 0;
    for (std::size_t at = 0; at < text->size(); ++number) {
        const std::size_t end = std::min(text->find('\n', at), text->size());
        const std::string_view line = std::string_view(*text).substr(at, end - at);
        const auto space = line.find(' ');
        const auto owner = address_from_hex(line.substr(0, std::min(space, line.size())));
        if (!owner || space == std::string_view::npos) {
            return fail(ErrorCode::corrupted, "{}: line {} is no address with a name",
                        path.string(), number + 1);
        }
        out.names_.emplace(*owner, line.substr(space + 1));
        at = end + 1;
    }
    return out;
}

Status OwnerNames::write(const Path& folder) const {
    std::string text;
    for (const auto& [owner, name] : names_) {
        text += fmt::format("{} {}\n", to_hex0x(owner.view()), name);
    }
    return write_file_atomic(folder / names_file, text);
}

void OwnerNames::add(std::string name) {
    const Address owner = owner_address(name);
    std::replace(name.begin(), name.end(), '\n', ' ');
    names_.emplace(owner, std::move(name));
}

std::string OwnerNames::name_of(const Address& owner) const {
    const auto at = names_.find(owner);
    return at == names_.end() ? to_hex0x(owner.view()) : at->second;
}

Result<Address> OwnerNames::address_of(std::string_view name) const {
    std::vector<Address> ends;
    for (const auto& [address, known] : names_) {
        if (known == name) return address;
        if (known.ends_with("/" + std::string(name))) ends.push_back(address);
    }
    if (ends.size() == 1) return ends[0];
    return fail(ErrorCode::not_found,
                "{} owners are called '{}'; owners.txt of the index lists them", ends.size(), name);
}

Hash32 KnownTexts::digest_of(std::span<const text::SymbolWord> words) {
    std::string bytes;
    for (const auto& word : words) {
        bytes += text::symbol_text(word);
        bytes += '\0'; // no symbol holds one
    }
    return crypto::keccak256(bytes);
}

void KnownTexts::add(const suffix::IndexView& view) {
    std::vector<std::uint32_t> ranks;
    std::vector<text::SymbolWord> words;
    for (const auto& ref : view.segments()) {
        const auto& segment = *ref.segment;
        for (std::uint32_t r = 0; r < segment.record_count(); ++r) {
            if (view.is_dead(ref.first_record + r)) continue;
            const std::uint32_t start = segment.start_of(r);
            ranks.resize(segment.start_of(r + 1) - 1 - start);
            segment.tier().read_text(start, ranks);
            words.clear();
            for (const std::uint32_t rank : ranks) words.push_back(segment.word_of(rank));
            records_.emplace(digest_of(words), segment.table_entry(r).cluster);
        }
    }
}

std::uint32_t KnownTexts::original_of(const Hash32& digest, std::uint32_t record) {
    return records_.emplace(digest, record).first->second;
}

Result<IndexInput> IndexInput::open(const std::vector<std::string>& paths, OwnerBy owner_by) {
    IndexInput out;
    out.owner_by_ = owner_by;
    for (const auto& path : paths) {
        std::error_code ignored;
        const bool folder = std::filesystem::is_directory(path, ignored);
        std::size_t known = 0;
        for (auto& file : OL_TRY(list_files(path))) {
            if (folder && !text::can_read(file)) continue;
            ++known;
            if (!folder) out.named_.insert(file);
            out.files_.push_back(std::move(file));
        }
        if (known == 0) {
            return fail(ErrorCode::not_found,
                        "{}: holds no file that can be read (.txt .md .html .jsonl, .gz of these, "
                        "dictd pairs)",
                        path);
        }
    }
    return out;
}

Status IndexInput::read_file(ThreadPool& pool) {
    const Path& file = files_[next_file_++];
    auto read = text::read_documents(file);
    if (!read && !named_.contains(file)) {
        read = text::ReadResult{{}, {{file.string(), 0, read.error().context}}};
    }
    if (!read) return std::unexpected(read.error());
    rows_.clear();
    next_row_ = 0;
    for (auto& document : read->documents) {
        Row row;
        row.label = fmt::format("{}#{}", file.string(), document.line);
        if (row.label.size() > limits::segment_label_bytes) {
            row.label.erase(0, row.label.size() - limits::segment_label_bytes);
        }
        row.owner = owner_by_ == OwnerBy::record ? row.label
                    : owner_by_ == OwnerBy::file ? file.string()
                    : file.has_parent_path()     ? file.parent_path().string()
                                                 : ".";
        row.text = document.title.empty() ? std::move(document.text)
                                          : document.title + "\n" + document.text;
        rows_.push_back(std::move(row));
    }
    pool.parallel_for(rows_.size(), 16, [&](std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < to; ++i) {
            const auto symbols = text::symbolize(rows_[i].text); // UTF-8: the reader saw to it
            std::vector<text::SymbolWord> words;
            for (const auto& symbol : symbols.value_or(std::vector<text::Symbol>()))
                words.push_back(symbol.word);
            rows_[i].digest = KnownTexts::digest_of(words);
        }
    });
    issue_count_ += read->issues.size();
    for (auto& issue : read->issues) {
        if (issues_.size() < issues_kept) issues_.push_back(std::move(issue));
    }
    return {};
}

Result<std::optional<suffix::SourceRecord>> IndexInput::next(KnownTexts& known,
                                                             std::uint32_t first_record,
                                                             OwnerNames& names, ThreadPool& pool) {
    while (next_row_ == rows_.size()) {
        if (next_file_ == files_.size()) return std::nullopt;
        OL_TRY(read_file(pool));
    }
    const Row& row = rows_[next_row_++];
    const std::uint32_t number = first_record + count_++;
    names.add(row.owner);
    suffix::SourceRecord out;
    out.leaf_hash = crypto::keccak256(row.text);
    out.owner = owner_address(row.owner);
    out.cluster = known.original_of(row.digest, number);
    out.text = row.text;
    out.label = row.label;
    return out;
}

} // namespace ol::node::cli
