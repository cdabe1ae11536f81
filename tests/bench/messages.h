// The messages of the load generator: HTTP/1.1 in the shape of a model provider's, of fixed sizes,
// so that both ends can count octets instead of parsing.
// Immutable after the first call; any thread.
#pragma once

#include <cstddef>

#include "base/bytes.h"

namespace llmrec::bench {

inline constexpr std::size_t kRequestOctets = 300;
inline constexpr std::size_t kAnswerOctets = 600;
inline constexpr std::size_t kEventOctets = 320;
inline constexpr std::size_t kBulkOctets = 64 * 1024;

Bytes request_message();  // POST /v1/chat/completions with a body of JSON
Bytes answer_message();   // 200 with a body of JSON
Bytes stream_head();      // 200, text/event-stream, chunked
Bytes event_piece();      // one chunk that holds one event of a chat completion
Bytes bulk_piece();       // one chunk that holds one comment line

}  // namespace llmrec::bench
