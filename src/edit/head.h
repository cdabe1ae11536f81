// The head of an HTTP/1.1 message, read by the letter (RFC 9112) and as far as an edit depends on
// it. What is read in two ways by different servers is not read at all: the message and all behind
// it then pass unchanged. Pure. Views are of the text that was given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace llmrec::edit {

struct Head {
  std::string_view method;  // requests
  std::string_view target;
  int status = 0;  // responses
  std::optional<std::uint64_t> length;
  std::size_t length_at = 0;  // where the value of Content-Length stands in the text
  std::size_t length_size = 0;
  bool chunked = false;
  std::string_view content_type;
  bool coded = false;           // a Content-Encoding other than identity
  bool expects_answer = false;  // Expect: the body comes when the server has said so
  bool switches = false;        // asks for another protocol
  bool signed_body = false;     // a digest or a signature of the body stands in the head

  bool is_event_stream() const;
};

// `text`: up to and with the empty line. nullopt: not by the letter.
std::optional<Head> read_request_head(Bytes text);
std::optional<Head> read_response_head(Bytes text);

}  // namespace llmrec::edit
