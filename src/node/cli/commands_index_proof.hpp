// `openledger index commit|prove|verify|audit`: what can be shown to a stranger of an index.
#pragma once

#include <cstdint>
#include <string>

#include "node/cli/session.hpp"

namespace ol::node::cli {

struct IndexProofCommand {
    std::string folder;                  // of the index
    std::uint64_t segment = 0;           // which of its segments
    std::string text, file;              // a phrase, or an answer
    std::string owner;                   // name or address; of a claim
    std::uint64_t nth = 0;               // occurrence of the phrase, in the order of the index
    std::uint64_t start = 0, length = 0; // the span of an answer that was claimed to be longest
    std::string output;                  // where the proof is written
    std::string proof, commitment;       // files to verify
};
Status index_commit(Session& session, const IndexProofCommand& command);
Status index_prove_fault(Session& session, const IndexProofCommand& command);
Status index_prove_claim(Session& session, const IndexProofCommand& command);
Status index_prove_span(Session& session, const IndexProofCommand& command);
Status index_prove_longer_match(Session& session, const IndexProofCommand& command);
Status index_verify(Session& session, const IndexProofCommand& command);
Status index_audit(Session& session, const IndexProofCommand& command);

} // namespace ol::node::cli
