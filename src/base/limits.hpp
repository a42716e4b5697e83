// Every queue, cache, body and batch has its limit here, by name.
#pragma once

#include <cstdint>

namespace ol::limits {

inline constexpr std::uint64_t file_bytes = 256ULL << 20;        // one contributed file
inline constexpr std::uint64_t record_bytes = 64ULL << 10;       // one record's text
inline constexpr std::uint64_t record_min_words = 8;             // shorter rows teach nothing
inline constexpr std::uint64_t batch_records = 1ULL << 20;       // records anchored by one root
inline constexpr std::uint64_t contribute_files = 100'000;       // files of one contribution
inline constexpr std::uint64_t http_body_bytes = 64ULL << 20;    // a request's body
inline constexpr std::uint64_t http_bodies_bytes = 512ULL << 20; // of all requests together
inline constexpr std::uint64_t http_header_bytes = 64ULL << 10;
inline constexpr std::uint64_t http_connections = 1024;
inline constexpr std::uint64_t websocket_message_bytes = 15ULL << 20; // one message of a client
inline constexpr std::uint64_t websocket_queue_bytes = 8ULL << 20;    // waiting for one client
inline constexpr std::uint64_t json_depth = 64;
inline constexpr std::uint64_t json_bytes = 64ULL << 20;
inline constexpr std::uint64_t modexp_operand_bytes = 16ULL << 20; // base, modulus
inline constexpr std::uint64_t segment_symbols = 1ULL << 31;
inline constexpr std::uint64_t answer_symbols = 1ULL << 15; // symbols of one traced answer
inline constexpr std::uint64_t segment_label_bytes = 1024;  // name of a record, for people
inline constexpr std::uint64_t index_segments = 1024;       // segments of one index
inline constexpr std::uint64_t proof_symbols = 256;         // phrase of one proof
inline constexpr std::uint64_t cnf_clauses = 8;
inline constexpr std::uint64_t cnf_phrases = 64;
inline constexpr std::uint64_t cnf_occurrences = 1ULL << 22; // of the rarest clause
inline constexpr std::uint64_t span_clusters = 16;           // paid clusters of one span
inline constexpr std::uint64_t receipt_spans = 256;
inline constexpr std::uint64_t receipt_matches = 1024;
inline constexpr std::uint64_t epoch_receipts = 256; // whole epoch checked in one call
inline constexpr std::uint64_t model_file_bytes = 16ULL << 30;
inline constexpr std::uint64_t tokenizer_model_bytes = 64ULL << 20; // a tokenizer.model
inline constexpr std::uint64_t template_bytes = 1ULL << 20;         // a chat template
inline constexpr std::uint64_t template_steps = 20'000'000;         // of one rendering
inline constexpr std::uint64_t template_output_bytes = 16ULL << 20; // any text that it makes
inline constexpr std::uint64_t template_depth = 100;                // of lists, and of syntax
inline constexpr std::uint64_t regex_steps = 10'000'000;            // of one match, PCRE2's count
inline constexpr std::uint64_t prompt_tokens = 4096;
inline constexpr std::uint64_t answer_tokens = 1024;
inline constexpr std::uint64_t adapters_resident = 64;
inline constexpr std::uint64_t rpc_reply_bytes = 64ULL << 20;
inline constexpr std::uint64_t rpc_body_bytes = 32ULL << 20;   // a JSON-RPC request or batch
inline constexpr std::uint64_t rpc_batch_calls = 1000;         // calls of one batch
inline constexpr std::uint64_t rpc_answer_bytes = 64ULL << 20; // answers of one batch; one trace
inline constexpr std::uint64_t rpc_filters = 1024;             // installed at once
inline constexpr std::uint64_t rpc_filter_results = 10'000;    // that wait for a poll
inline constexpr std::uint64_t rpc_subscriptions = 4096;       // of all connections together

// The chain's transaction pool (geth's legacy pool); slots of 32 KiB, a transaction takes at least
// one.
inline constexpr std::uint64_t pool_slot_bytes = 32ULL << 10;
inline constexpr std::uint64_t pool_pending_slots = 5120;
inline constexpr std::uint64_t pool_queued_slots = 1024;
inline constexpr std::uint64_t pool_queued_of_sender = 64; // transactions behind a gap
inline constexpr std::uint64_t pool_fair_pending = 16;     // of a sender, before others may push it
inline constexpr std::uint64_t pool_transaction_bytes = 128ULL << 10;
inline constexpr std::uint64_t pool_price_bump_percent = 10; // of a replacement

inline constexpr std::uint64_t chain_cached_block_bytes = 24ULL << 20; // decoded, for readers
inline constexpr std::uint64_t chain_cached_log_bytes = 24ULL << 20;   // laid out to be searched
inline constexpr std::uint64_t log_topics_of_position = 1024;          // of a filter
inline constexpr std::uint64_t log_addresses_of_filter = 1024;
inline constexpr std::uint64_t forced_transactions = 100'000; // of a payload's attributes
inline constexpr std::uint64_t evm_memory_bytes = 4ULL << 30; // of a transaction's nested calls

} // namespace ol::limits
