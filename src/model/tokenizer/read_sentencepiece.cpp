// tokenizer.model: SentencePiece's ModelProto (sentencepiece_model.proto), read by hand.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "base/limits.hpp"
#include "model/tokenizer/characters.hpp"
#include "model/tokenizer/impl.hpp"
#include "model/tokenizer/protobuf.hpp"
#include "model/tokenizer/tokens.hpp"
#include "text/utf8.hpp"

namespace ol::model {

namespace {

using Type = SentencePieceTokens;

constexpr std::size_t max_piece_bytes = 512;

struct Piece {
    std::string text;
    float score = 0;
    std::uint64_t type = Type::normal;
};

struct Proto {
    std::vector<Piece> pieces;
    // trainer_spec
    std::uint64_t model_type = 1; // 1 Unigram, 2 BPE
    bool space_as_suffix = false, byte_fallback = false;
    std::int64_t unk_id = 0, bos_id = 1, eos_id = 2;
    std::string unk_surface = " \u2047 ";
    // normalizer_spec
    std::string charsmap, denormalizer;
    bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
};

// int32 fields are written as 64-bit two's complement.
std::int64_t signed_of(std::uint64_t value) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
}

Result<Piece> read_piece(std::string_view bytes) {
    Piece piece;
    OL_TRY(each_field(bytes, [&](const ProtoField& field) {
        if (field.number == 1) piece.text = field.bytes;
        if (field.number == 2) piece.score = field.as_float();
        if (field.number == 3) piece.type = field.value;
    }));
    if (piece.text.empty() || piece.text.size() > max_piece_bytes ||
        text::find_invalid_utf8(piece.text)) {
        return fail(ErrorCode::invalid_argument,
                    "its text of {} bytes is empty, too long or not UTF-8", piece.text.size());
    }
    if (!std::isfinite(piece.score)) {
        return fail(ErrorCode::invalid_argument, "its score is not a number");
    }
    if (piece.type == Type::unused || piece.type < 1 || piece.type > 6) {
        return fail(ErrorCode::unsupported, "type {} ({}) is not supported", piece.type,
                    piece.type == Type::unused ? "unused" : "unknown to this version");
    }
    return piece;
}

Status read_trainer(std::string_view bytes, Proto& out) {
    return each_field(bytes, [&](const ProtoField& field) {
        switch (field.number) {
        case 3:
            out.model_type = field.value;
            break;
        case 24:
            out.space_as_suffix = field.value != 0;
            break;
        case 35:
            out.byte_fallback = field.value != 0;
            break;
        case 40:
            out.unk_id = signed_of(field.value);
            break;
        case 41:
            out.bos_id = signed_of(field.value);
            break;
        case 42:
            out.eos_id = signed_of(field.value);
            break;
        case 44:
            out.unk_surface = field.bytes;
            break;
        default:
            break;
        }
    });
}

Status read_normalizer(std::string_view bytes, Proto& out) {
    return each_field(bytes, [&](const ProtoField& field) {
        if (field.number == 2) out.charsmap = field.bytes;
        if (field.number == 3) out.add_dummy_prefix = field.value != 0;
        if (field.number == 4) out.remove_extra_whitespaces = field.value != 0;
        if (field.number == 5) out.escape_whitespaces = field.value != 0;
    });
}

Result<Proto> read_proto(std::string_view bytes) {
    Proto out;
    std::size_t text_bytes = 0;
    Status status;
    OL_TRY(each_field(bytes, [&](const ProtoField& field) {
        if (!status) return;
        if (field.number == 1) {
            auto piece = read_piece(field.bytes);
            if (!piece) {
                status = std::unexpected(
                    piece.error().within(fmt::format("piece {}", out.pieces.size())));
                return;
            }
            text_bytes += piece->text.size();
            out.pieces.push_back(std::move(*piece));
            if (out.pieces.size() > max_vocabulary || text_bytes > max_token_bytes) {
                status = fail(ErrorCode::too_large, "over {} pieces or {} bytes of them",
                              max_vocabulary, max_token_bytes);
            }
        } else if (field.number == 2) {
            status = read_trainer(field.bytes, out);
        } else if (field.number == 3) {
            status = read_normalizer(field.bytes, out);
        } else if (field.number == 5) {
            out.denormalizer = field.bytes;
        }
    }));
    OL_TRY(std::move(status));
    return out;
}

Status refuse_variants(const Proto& proto) {
    if (proto.pieces.empty()) return fail(ErrorCode::invalid_argument, "no pieces");
    if (proto.model_type != 1 && proto.model_type != 2) {
        return fail(ErrorCode::unsupported,
                    "model_type {} is not supported, only UNIGRAM (1) and BPE (2) are",
                    proto.model_type);
    }
    if (proto.space_as_suffix) {
        return fail(ErrorCode::unsupported, "treat_whitespace_as_suffix is not supported");
    }
    Proto denormalizer;
    OL_TRY(read_normalizer(proto.denormalizer, denormalizer));
    if (!denormalizer.charsmap.empty()) {
        return fail(ErrorCode::unsupported, "a denormalizer_spec with rules is not supported");
    }
    return {};
}

// Every way in which two pieces make a third, ranked by the third's score.
void rank_merges(const Proto& proto, const Vocabulary& vocabulary, Bpe& bpe) {
    std::map<float, std::uint32_t, std::greater<>> ranks;
    for (const auto& piece : proto.pieces) ranks.emplace(piece.score, 0);
    std::uint32_t next = 0;
    for (auto& [score, rank] : ranks) rank = next++;
    for (TokenId id = 0; id < proto.pieces.size(); ++id) {
        if ((vocabulary.flags[id] & Vocabulary::raw) != 0) continue;
        const std::string_view text = proto.pieces[id].text;
        for (std::size_t at = character_at(text, 0).size; at < text.size();
             at += character_at(text, at).size) {
            const auto left = vocabulary.find(text.substr(0, at));
            const auto right = vocabulary.find(text.substr(at));
            if (left == no_token || right == no_token) continue;
            bpe.add_ranked(left, right, id, ranks.at(proto.pieces[id].score));
        }
    }
}

// Scores as SentencePiece's unigram Model counts them.
void score_pieces(const Proto& proto, Unigram& out) {
    float lowest = std::numeric_limits<float>::max(), highest = std::numeric_limits<float>::min();
    for (const auto& piece : proto.pieces) {
        if (piece.type != Type::normal) continue;
        lowest = std::min(lowest, piece.score);
        highest = std::max(highest, piece.score);
    }
    out.single_precision = true;
    out.unk_score = static_cast<double>(lowest - 10.0F);
    for (TokenId id = 0; id < proto.pieces.size(); ++id) {
        const auto& piece = proto.pieces[id];
        // Symbols of the user are to win.
        const auto size = static_cast<float>(piece.text.size());
        out.scores.push_back(piece.type == Type::user ? static_cast<double>(size * highest) - 0.1
                                                      : static_cast<double>(piece.score));
        if (piece.type == Type::normal || piece.type == Type::user) out.trie.insert(piece.text, id);
    }
}

Status check_bytes(const Vocabulary& vocabulary) {
    const auto bytes = byte_tokens(vocabulary);
    const auto missing = std::find(bytes.begin(), bytes.end(), no_token);
    if (missing == bytes.end()) return {};
    return fail(ErrorCode::invalid_argument, "byte_fallback, but no piece of byte 0x{:02X}",
                missing - bytes.begin());
}

} // namespace

Result<Tokenizer> Tokenizer::from_sentencepiece(std::string_view bytes) {
    const auto read = [&]() -> Result<std::unique_ptr<Impl>> {
        if (bytes.size() > limits::tokenizer_model_bytes) {
            return fail(ErrorCode::too_large, "{} bytes: the limit is {}", bytes.size(),
                        limits::tokenizer_model_bytes);
        }
        const auto proto = OL_TRY(read_proto(bytes));
        OL_TRY(refuse_variants(proto));
        auto impl = std::make_unique<Impl>();
        SentencePieceTokens types;
        SentencePieceRules rules;
        TokenList tokens(proto.pieces.size());
        std::optional<TokenId> unk;
        std::map<std::string_view, TokenId> seen;
        for (TokenId id = 0; id < proto.pieces.size(); ++id) {
            const auto& piece = proto.pieces[id];
            if (!seen.emplace(piece.text, id).second) {
                return fail(ErrorCode::invalid_argument, "piece {} ('{}') is there twice", id,
                            piece.text);
            }
            const bool reserved = piece.type != Type::normal && piece.type != Type::user;
            const bool control = piece.type == Type::control;
            std::uint8_t flags = reserved ? Vocabulary::raw : 0;
            if (control) flags |= Vocabulary::special | Vocabulary::added;
            OL_TRY(tokens.place(id, piece.text, piece.text, flags));
            types.types.push_back(static_cast<std::uint8_t>(piece.type));
            if (control) {
                AddedToken token;
                token.content = token.pattern = piece.text;
                token.id = id;
                token.special = true;
                impl->added.add(std::move(token));
            }
            if (piece.type == Type::user) rules.user_symbols.insert(piece.text, id);
            if (piece.type == Type::unknown) {
                if (unk) return fail(ErrorCode::invalid_argument, "two unknown pieces");
                unk = id;
            }
            if (piece.type == Type::byte &&
                (piece.text.size() != 6 || !piece.text.starts_with("<0x"))) {
                return fail(ErrorCode::invalid_argument, "piece {} ('{}') is no byte", id,
                            piece.text);
            }
        }
        if (!unk) return fail(ErrorCode::invalid_argument, "no unknown piece");
        tokens.move_to(impl->vocabulary, false);
        impl->vocabulary.index();
        if (proto.byte_fallback) OL_TRY(check_bytes(impl->vocabulary));

        if (proto.model_type == 2) {
            Bpe bpe;
            bpe.unk = *unk;
            bpe.fuse_unk = true;
            bpe.byte_fallback = proto.byte_fallback;
            rank_merges(proto, impl->vocabulary, bpe);
            impl->model = std::move(bpe);
            impl->frozen = rules.user_symbols;
        } else {
            Unigram unigram;
            unigram.unk = *unk;
            unigram.byte_fallback = proto.byte_fallback;
            score_pieces(proto, unigram);
            impl->model = std::move(unigram);
        }
        if (!proto.charsmap.empty()) {
            rules.charsmap = std::make_unique<Charsmap>(OL_TRY(Charsmap::parse(proto.charsmap)));
        }
        rules.add_dummy_prefix = proto.add_dummy_prefix;
        rules.remove_extra_whitespaces = proto.remove_extra_whitespaces;
        rules.escape_whitespaces = proto.escape_whitespaces;
        types.unk_surface = proto.unk_surface;
        types.strip_prefix = proto.add_dummy_prefix || proto.remove_extra_whitespaces;
        types.strip_all = proto.remove_extra_whitespaces;
        const auto control = [&](std::int64_t id) -> std::optional<TokenId> {
            if (id < 0 || static_cast<std::size_t>(id) >= types.types.size() ||
                types.types[static_cast<std::size_t>(id)] != Type::control) {
                return std::nullopt;
            }
            return static_cast<TokenId>(id);
        };
        impl->bos = control(proto.bos_id);
        impl->eos = control(proto.eos_id);
        impl->normalizer = Normalizer::sentencepiece(std::move(rules));
        impl->decoder = Decoder::sentencepiece(std::move(types));
        impl->finish();
        return impl;
    };
    return Tokenizer(OL_TRY_IN(read(), "tokenizer.model"));
}

} // namespace ol::model
