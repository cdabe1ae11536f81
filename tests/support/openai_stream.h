// Synthetic openai.chat traffic: event streams, answers, errors and requests, in the shapes that
// developers.openai.com/api/reference/chat documents. All content is made up here.
// Knows nothing of HTTP framing: the pieces go into script.h's Answer. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace llmrec::support::openai {

struct Shape {
  std::string model = "gpt-fake-1";
  std::string id = "chatcmpl-fake0001";
  int chunks = 40;  // deltas of text (or of a refusal) per choice
  int choices = 1;
  int tools = 1;             // calls, one after another with rising index
  int argument_chunks = 6;   // deltas per call's arguments
  bool usage = false;        // the extra last chunk, and usage:null on all others
  bool done = true;          // data: [DONE]
  bool obfuscation = false;  // the padding field
  bool unicode = false;      // text beyond ASCII, raw and as \u escapes with surrogates
  std::string finish;        // empty: what belongs to the scene
  int prompt_tokens = 17;
  int cached_tokens = 0;
  int reasoning_tokens = 0;
};

struct EventStream {
  std::vector<std::string> events;  // "data: {...}\n\n"
  // So many events lead into the middle of a tool call's arguments; 0 without a tool call.
  std::size_t inside_tool = 0;
};

EventStream text(const Shape&);
EventStream tools(const Shape&);        // Shape::tools parallel calls, no text
EventStream legacy(const Shape&);       // function_call
EventStream refusal(const Shape&);      // finish_reason stop, as on the real wire
EventStream error_event(const Shape&);  // half of the text, then an error instead of the end

std::string json(const Shape&);        // the answer to a request without stream
std::string tools_json(const Shape&);  // the same with tool calls
std::string error_json(int status);

// What the streams above say, for assertions. The text is JSON-escaped as on the wire.
std::string wire_text(const Shape&, int choice = 0);
std::string tool_name(int call);
std::string tool_id(int call);
std::string tool_arguments(int call);  // the JSON text
int completion_tokens(const Shape&);

struct Ask {
  std::string model = "gpt-fake-1";
  bool stream = true;
  std::optional<bool> include_usage;
  std::optional<int> max_completion_tokens;
  int n = 1;
  int tools = 0;         // definitions
  int tool_results = 0;  // an assistant turn with so many calls, and their results
  std::size_t prompt_bytes = 40;
};
std::string request_json(const Ask&);

}  // namespace llmrec::support::openai
