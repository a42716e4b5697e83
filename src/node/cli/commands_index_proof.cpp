#include "node/cli/commands_index_proof.hpp"

#include <algorithm>
#include <optional>

#include "attribution/suffix/index/index.hpp"
#include "attribution/suffix/proof/proof.hpp"
#include "base/limits.hpp"
#include "market/receipt.hpp"
#include "node/cli/fields.hpp"
#include "node/cli/index_input.hpp"

namespace ol::node::cli {

namespace suffix = attribution::suffix;
using codec::Json;

namespace {

using Words = std::vector<text::SymbolWord>;

constexpr std::string_view commitment_format = "openledger-index-commitment-1";
constexpr std::string_view proof_format = "openledger-index-proof-1";
constexpr std::string_view commitment_file = "commitment.json";

Json to_json(const suffix::IndexCommitment& c) {
    return Json::object({{"text_root", c.text_root},
                         {"suffix_array_root", c.suffix_array_root},
                         {"inverse_root", c.inverse_root},
                         {"slot_root", c.slot_root},
                         {"table_root", c.table_root},
                         {"owners_root", c.owners_root},
                         {"symbols", c.symbol_count},
                         {"records", c.record_count},
                         {"owners", c.owner_count}});
}

Result<suffix::IndexCommitment> commitment_of(const Json& json) {
    const auto root = [&](std::string_view name) -> Result<Hash32> {
        return OL_TRY_IN(hash32_from_hex(text_at(json, name)), "{}", name);
    };
    suffix::IndexCommitment out;
    out.text_root = OL_TRY(root("text_root"));
    out.suffix_array_root = OL_TRY(root("suffix_array_root"));
    out.inverse_root = OL_TRY(root("inverse_root"));
    out.slot_root = OL_TRY(root("slot_root"));
    out.table_root = OL_TRY(root("table_root"));
    out.owners_root = OL_TRY(root("owners_root"));
    out.symbol_count = number_at(json, "symbols");
    out.record_count = number_at(json, "records");
    out.owner_count = number_at(json, "owners");
    return out;
}

Path lists_path(const suffix::Index& index, std::size_t segment) {
    return index.folder() / (index.segments()[segment].file + std::string(suffix::owners_suffix));
}

Result<Json> read_json(const Path& path) {
    return OL_TRY_IN(Json::parse(OL_TRY(read_text_file(path, limits::json_bytes))), "{}",
                     path.string());
}

// The commitment of a segment in a commitment file; nothing when it is not in it.
Result<std::optional<suffix::IndexCommitment>> committed(const Json& file,
                                                         const std::string& segment) {
    if (text_at(file, "format") != commitment_format) {
        return fail(ErrorCode::invalid_argument, "not a commitment file ({})", commitment_format);
    }
    for (const auto& item : file["segments"].items()) {
        if (text_at(item, "file") == segment) return OL_TRY(commitment_of(item["commitment"]));
    }
    return std::nullopt;
}

// A segment with the lists that were published with it.
class Proving {
public:
    static Result<std::unique_ptr<Proving>> open(Session& session,
                                                 const IndexProofCommand& command) {
        auto out = std::unique_ptr<Proving>(new Proving(OL_TRY(suffix::Index::open(command.folder)),
                                                        OL_TRY(OwnerNames::read(command.folder)),
                                                        session));
        const auto count = out->index_.segments().size();
        if (command.segment >= count) {
            return fail(ErrorCode::not_found, "{}: there is no segment {}; it has {} (0 to {})",
                        command.folder, command.segment, count, std::int64_t(count) - 1);
        }
        out->number_ = command.segment;
        const Path path = lists_path(out->index_, command.segment);
        if (std::filesystem::exists(path)) {
            out->lists_ = OL_TRY(suffix::OwnerLists::read(path));
            if (!out->lists_.fits(out->segment().symbol_count())) {
                return fail(ErrorCode::corrupted, "{}: the lists are of another segment",
                            path.string());
            }
        } else {
            out->lists_ = suffix::OwnerLists::make(out->segment());
        }
        session.console().progress()("hashing the segment", 0, 0);
        out->prover_.emplace(out->segment(), out->lists_, &out->pool_);
        out->prover_->commitment();
        return out;
    }

    const suffix::Index& index() const { return index_; }
    const suffix::Segment& segment() const { return *index_.view().segments()[number_].segment; }
    const suffix::Prover& prover() const { return *prover_; }
    const OwnerNames& names() const { return names_; }
    std::string file() const { return index_.segments()[number_].file; }

    // Writes a proof with what it takes to verify it, and says what it shows.
    Status finish(Session& session, const IndexProofCommand& command, const Bytes& proof,
                  const std::string& shows, const Words& answer = {}) const {
        Json out = Json::object({{"format", proof_format},
                                 {"segment", file()},
                                 {"commitment", to_json(prover_->commitment())},
                                 {"shows", shows},
                                 {"proof", to_hex0x(proof)}});
        if (!answer.empty()) {
            out.set("answer_root", market::answer_tree(answer).root())
                .set("answer_symbols", answer.size());
        }
        if (!command.output.empty()) {
            OL_TRY(write_file_atomic(command.output, out.dump(2) + "\n"));
        }
        if (session.json() || command.output.empty()) {
            session.print(out);
        } else {
            session.console().line(
                fmt::format("{} bytes in {}: {}", proof.size(), command.output, shows));
        }
        return {};
    }

private:
    Proving(suffix::Index index, OwnerNames names, Session& session)
        : index_(std::move(index))
        , names_(std::move(names))
        , pool_(session.options().node.threads) {}

    suffix::Index index_;
    OwnerNames names_;
    ThreadPool pool_;
    std::size_t number_ = 0;
    suffix::OwnerLists lists_;
    std::optional<suffix::Prover> prover_;
};

Result<Words> words_of(const IndexProofCommand& command) {
    Words out;
    const std::string asked = OL_TRY(asked_text(command.text, command.file));
    for (const auto& symbol : OL_TRY_IN(text::symbolize(asked), "the text")) {
        out.push_back(symbol.word);
    }
    if (out.empty()) return fail(ErrorCode::invalid_argument, "the text holds no word; give one");
    return out;
}

std::string phrase_text(std::span<const text::SymbolWord> words) {
    std::string out;
    for (const auto& word : words) {
        if (!out.empty()) out += ' ';
        out += text::symbol_text(word);
    }
    return out;
}

// What a proof shows, in a sentence.
std::string describe(const suffix::Claim& claim, const OwnerNames* names) {
    const auto owner = [&] {
        return names == nullptr ? to_hex0x(claim.owner.view()) : names->name_of(claim.owner);
    };
    switch (claim.kind) {
    case suffix::Claim::Kind::order_fault:
        return fmt::format("the index is false (fault {})", static_cast<int>(claim.fault));
    case suffix::Claim::Kind::occurrences:
        return fmt::format("'{}' occurs exactly {} times, {} of them in records of {}",
                           phrase_text(claim.phrase), claim.count, claim.owner_count, owner());
    case suffix::Claim::Kind::span:
        return fmt::format("'{}' stands at symbol {} of record {}, owned by {}",
                           phrase_text(claim.phrase), claim.offset, claim.record, owner());
    case suffix::Claim::Kind::longer_match:
        return fmt::format("'{}', symbols {} to {} of the answer, stands at position {}",
                           phrase_text(claim.phrase), claim.start,
                           claim.start + claim.phrase.size() - 1, claim.position);
    }
    return {};
}

Result<std::string> verified(const Proving& proving, const Bytes& proof, const Words& answer = {}) {
    const Hash32 root = answer.empty() ? Hash32{} : market::answer_tree(answer).root();
    const auto claim =
        OL_TRY_IN(suffix::verify_proof(proving.prover().commitment(), proof, root, answer.size()),
                  "the proof that was just made");
    return describe(claim, &proving.names());
}

Result<Address> owner_of(const IndexProofCommand& command) {
    if (command.owner.empty()) {
        return fail(ErrorCode::invalid_argument, "--owner: whose records? (a name or an address)");
    }
    if (command.owner.starts_with("0x")) return address_from_hex(command.owner);
    return OL_TRY(OwnerNames::read(command.folder)).address_of(command.owner);
}

} // namespace

Status index_commit(Session& session, const IndexProofCommand& command) {
    auto index = OL_TRY(suffix::Index::open(command.folder));
    ThreadPool pool(session.options().node.threads);
    const auto progress = session.console().progress();
    Json segments = Json::array();
    for (std::size_t s = 0; s < index.segments().size(); ++s) {
        progress("committing segments", s, index.segments().size());
        const auto& segment = *index.view().segments()[s].segment;
        const auto lists = suffix::OwnerLists::make(segment);
        OL_TRY(lists.write(lists_path(index, s)));
        const suffix::Prover prover(segment, lists, &pool);
        segments.push(Json::object({{"file", index.segments()[s].file},
                                    {"first_record", index.segments()[s].first_record},
                                    {"commitment", to_json(prover.commitment())}}));
    }
    const Json out =
        Json::object({{"format", commitment_format}, {"segments", std::move(segments)}});
    const Path path = index.folder() / commitment_file;
    OL_TRY(write_file_atomic(path, out.dump(2) + "\n"));
    if (session.json()) {
        session.print(out);
        return {};
    }
    for (const auto& segment : out["segments"].items()) {
        const auto& c = segment["commitment"];
        session.console().line(
            fmt::format("{}  {} symbols  text {}  suffix array {}", text_at(segment, "file"),
                        human_count(number_at(c, "symbols")), short_hex(text_at(c, "text_root")),
                        short_hex(text_at(c, "suffix_array_root"))));
    }
    session.console().line(
        fmt::format("{}: publish it with the segments and their .owners files", path.string()));
    return {};
}

Status index_prove_fault(Session& session, const IndexProofCommand& command) {
    const auto proving = OL_TRY(Proving::open(session, command));
    const auto fault = proving->prover().find_fault();
    if (!fault) {
        return fail(ErrorCode::not_found, "{}: segment {} is in order; there is no fault to prove",
                    command.folder, proving->file());
    }
    return proving->finish(session, command, fault->proof, fault->text);
}

Status index_prove_claim(Session& session, const IndexProofCommand& command) {
    const auto owner = OL_TRY(owner_of(command));
    const auto phrase = OL_TRY(words_of(command));
    const auto proving = OL_TRY(Proving::open(session, command));
    const auto proof = OL_TRY(proving->prover().prove_occurrences(phrase, owner));
    return proving->finish(session, command, proof, OL_TRY(verified(*proving, proof)));
}

Status index_prove_span(Session& session, const IndexProofCommand& command) {
    const auto phrase = OL_TRY(words_of(command));
    const auto proving = OL_TRY(Proving::open(session, command));
    const auto interval = proving->segment().find(phrase);
    if (command.nth >= interval.count()) {
        return fail(ErrorCode::not_found,
                    "the phrase occurs {} times in segment {}; --nth {} is "
                    "beyond them",
                    interval.count(), proving->file(), command.nth);
    }
    std::vector<std::uint32_t> positions(interval.count());
    proving->segment().tier().locate(interval, positions);
    std::sort(positions.begin(), positions.end());
    const auto proof = OL_TRY(proving->prover().prove_span(
        positions[command.nth], static_cast<std::uint32_t>(phrase.size())));
    return proving->finish(session, command, proof, OL_TRY(verified(*proving, proof)));
}

Status index_prove_longer_match(Session& session, const IndexProofCommand& command) {
    const auto answer = OL_TRY(words_of(command));
    if (command.length == 0 || command.start + command.length > answer.size()) {
        return fail(ErrorCode::invalid_argument,
                    "--start {} --length {}: the answer has {} symbols", command.start,
                    command.length, answer.size());
    }
    const auto proving = OL_TRY(Proving::open(session, command));
    const auto& segment = proving->segment();
    for (const auto& [start, longest] :
         segment.tier().maximal_spans(segment.ranks_of(answer), 1, nullptr)) {
        const std::uint64_t end = std::uint64_t{start} + longest.length;
        if (start > command.start || end < command.start + command.length ||
            longest.length <= command.length) {
            continue;
        }
        const auto proof = OL_TRY(proving->prover().prove_longer_match(
            answer, start, longest.length, segment.suffix_at(longest.interval.low)));
        return proving->finish(session, command, proof, OL_TRY(verified(*proving, proof, answer)),
                               answer);
    }
    return fail(ErrorCode::not_found,
                "symbols {} to {} of the answer are within no longer match in segment {}",
                command.start, command.start + command.length - 1, proving->file());
}

Status index_verify(Session& session, const IndexProofCommand& command) {
    const auto file = OL_TRY(read_json(command.proof));
    if (text_at(file, "format") != proof_format) {
        return fail(ErrorCode::invalid_argument, "{}: not a proof ({})", command.proof,
                    proof_format);
    }
    auto commitment = OL_TRY_IN(commitment_of(file["commitment"]), "{}", command.proof);
    if (!command.commitment.empty()) {
        const auto published =
            OL_TRY_IN(committed(OL_TRY(read_json(command.commitment)), text_at(file, "segment")),
                      "{}", command.commitment);
        if (!published) {
            return fail(ErrorCode::not_found, "{}: does not name segment {}", command.commitment,
                        text_at(file, "segment"));
        }
        if (*published != commitment) {
            return fail(ErrorCode::unverified, "{}: is about another index than {}", command.proof,
                        command.commitment);
        }
    }
    Hash32 answer_root{};
    if (file.contains("answer_root")) {
        answer_root = OL_TRY_IN(hash32_from_hex(text_at(file, "answer_root")), "answer_root");
    }
    const auto bytes = OL_TRY_IN(from_hex(text_at(file, "proof")), "{}: proof", command.proof);
    const auto claim = OL_TRY_IN(
        suffix::verify_proof(commitment, bytes, answer_root, number_at(file, "answer_symbols")),
        "{}", command.proof);
    const std::string shows = describe(claim, nullptr);
    if (session.json()) {
        session.print(Json::object({{"verified", true},
                                    {"shows", shows},
                                    {"kind", static_cast<int>(claim.kind)},
                                    {"bytes", bytes.size()},
                                    {"against_published", !command.commitment.empty()}}));
        return {};
    }
    const auto& out = session.console();
    out.line(fmt::format("{}: {}", out.paint(Paint::green, "verified"), shows));
    if (command.commitment.empty()) {
        out.line("against the commitment that the proof itself names; --commitment FILE compares "
                 "it with the published one");
    }
    return {};
}

Status index_audit(Session& session, const IndexProofCommand& command) {
    ThreadPool pool(session.options().node.threads);
    auto index = OL_TRY(suffix::Index::open(command.folder, {.recheck = true, .pool = &pool}));
    const auto progress = session.console().progress();
    std::optional<Json> published;
    if (std::filesystem::exists(index.folder() / commitment_file)) {
        published = OL_TRY(read_json(index.folder() / commitment_file));
    }
    Json rows = Json::array();
    for (std::size_t s = 0; s < index.segments().size(); ++s) {
        progress("auditing segments", s, index.segments().size());
        const auto& segment = *index.view().segments()[s].segment;
        const std::string file = index.segments()[s].file;
        const bool with_lists = std::filesystem::exists(lists_path(index, s));
        if (with_lists || published) {
            IndexProofCommand one = command;
            one.segment = s;
            const auto proving = OL_TRY(Proving::open(session, one));
            if (const auto fault = proving->prover().find_fault()) {
                if (one.output.empty()) one.output = file + ".fault.json";
                OL_TRY(proving->finish(session, one, fault->proof, fault->text));
                return fail(ErrorCode::corrupted, "segment {}: {}; its proof is in {}", file,
                            fault->text, one.output);
            }
            if (published) {
                const auto wanted = OL_TRY_IN(committed(*published, file), "{}", commitment_file);
                if (wanted && *wanted != proving->prover().commitment()) {
                    return fail(ErrorCode::unverified,
                                "segment {}: its roots are not those of {}; it was published as "
                                "something else",
                                file, commitment_file);
                }
            }
        }
        OL_TRY(segment.audit(&pool));
        rows.push(Json::object({{"file", file},
                                {"symbols", segment.symbol_count()},
                                {"owners_lists", with_lists},
                                {"commitment", published.has_value()}}));
    }
    if (session.json()) {
        session.print(Json::object({{"audited", true}, {"segments", std::move(rows)}}));
        return {};
    }
    const auto& out = session.console();
    for (const auto& row : rows.items()) {
        out.line(
            fmt::format("{}  {}: {} symbols in order{}{}", out.paint(Paint::green, "audited"),
                        text_at(row, "file"), human_count(number_at(row, "symbols")),
                        row["owners_lists"].as_bool().value_or(false) ? ", owners' lists too" : "",
                        row["commitment"].as_bool().value_or(false) ? ", roots as published" : ""));
    }
    return {};
}

} // namespace ol::node::cli
