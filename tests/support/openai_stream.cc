#include "support/openai_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace llmrec::support::openai {
namespace {

constexpr std::int64_t kCreated = 1'790'000'000;

// One delta of text, JSON-escaped.
std::string word(const Shape& shape, int choice, int i) {
  static constexpr std::array<const char*, 10> kPlain = {
      "slow ", "rivers ", "carry ", "small ", "stones ", "to ", "the ", "wide ", "sea.", "\\n"};
  static constexpr std::array<const char*, 4> kWide = {"na\xc3\xafve ", "\\ud83d\\ude80 ",
                                                       "\xe6\xb0\xb4", "\\\"\\u00e9\\\" "};
  const auto at = static_cast<std::size_t>(i + 3 * choice);
  if (shape.unicode && i % 3 == 1) return kWide[at % kWide.size()];
  return kPlain[at % kPlain.size()];
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string usage_json(const Shape& shape) {
  const int completion = completion_tokens(shape);
  return fmt::format(R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},)"
                     R"("prompt_tokens_details":{{"cached_tokens":{},"audio_tokens":0}},)"
                     R"("completion_tokens_details":{{"reasoning_tokens":{},"audio_tokens":0,)"
                     R"("accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}})",
                     shape.prompt_tokens, completion, shape.prompt_tokens + completion,
                     shape.cached_tokens, shape.reasoning_tokens);
}

std::string choice(int index, const std::string& delta, const std::string& finish = {}) {
  return fmt::format(R"({{"index":{},"delta":{},"logprobs":null,"finish_reason":{}}})", index,
                     delta, finish.empty() ? "null" : "\"" + finish + "\"");
}

// Collects the chunks of one stream.
class Chunks {
 public:
  explicit Chunks(const Shape& shape) : shape_(shape) {}

  void add(const std::string& choices) { add_with(choices, shape_.usage ? "null" : ""); }
  void add_event(const std::string& data) { out_.events.push_back("data: " + data + "\n\n"); }
  void inside_tool_here() { out_.inside_tool = out_.events.size(); }
  EventStream end() {
    if (shape_.usage) add_with("", usage_json(shape_));
    if (shape_.done) add_event("[DONE]");
    return std::move(out_);
  }
  EventStream broken_off() { return std::move(out_); }

 private:
  void add_with(const std::string& choices, const std::string& usage) {
    std::string data =
        fmt::format(R"({{"id":"{}","object":"chat.completion.chunk","created":{},"model":"{}",)"
                    R"("service_tier":"default","system_fingerprint":"fp_fake","choices":[{}])",
                    shape_.id, kCreated, shape_.model, choices);
    if (!usage.empty()) data += ",\"usage\":" + usage;
    if (shape_.obfuscation) {
      static const std::string kPadding = "k7Qz0aXv9LmR2sTb";
      data += ",\"obfuscation\":\"" +
              kPadding.substr(0, kPadding.size() - data.size() % kPadding.size()) + "\"";
    }
    add_event(data + "}");
  }

  const Shape& shape_;
  EventStream out_;
};

std::string finish_of(const Shape& shape, const char* usual) {
  return shape.finish.empty() ? usual : shape.finish;
}

// The part of `text` that belongs to piece i of n.
std::string part(const std::string& text, int i, int n) {
  const std::size_t from = text.size() * static_cast<std::size_t>(i) / static_cast<std::size_t>(n);
  const std::size_t to =
      text.size() * static_cast<std::size_t>(i + 1) / static_cast<std::size_t>(n);
  return text.substr(from, to - from);
}

std::string message_json(const Shape& shape, const std::string& choices) {
  return fmt::format(
      R"({{"id":"{}","object":"chat.completion","created":{},"model":"{}","choices":[{}],)"
      R"("usage":{},"service_tier":"default","system_fingerprint":"fp_fake"}})",
      shape.id, kCreated, shape.model, choices, usage_json(shape));
}

std::string tool_call_json(int call) {
  return fmt::format(
      R"({{"id":"{}","type":"function","function":{{"name":"{}","arguments":"{}"}}}})",
      tool_id(call), tool_name(call), escaped(tool_arguments(call)));
}

}  // namespace

int completion_tokens(const Shape& shape) {
  return shape.chunks * shape.choices + shape.reasoning_tokens;
}

std::string tool_name(int call) {
  static constexpr std::array<const char*, 3> kNames = {"get_weather", "find_train", "book_room"};
  return kNames[static_cast<std::size_t>(call) % kNames.size()];
}

std::string tool_id(int call) { return fmt::format("call_fake{:04}", call); }

std::string tool_arguments(int call) {
  return fmt::format(R"({{"city":"Lisboa","day":{},"note":"a \"quiet\" place","limit":[1,2,3]}})",
                     call + 1);
}

std::string wire_text(const Shape& shape, int choice_index) {
  std::string out;
  for (int i = 0; i < shape.chunks; ++i) out += word(shape, choice_index, i);
  return out;
}

EventStream text(const Shape& shape) {
  Chunks chunks(shape);
  for (int c = 0; c < shape.choices; ++c) {
    chunks.add(choice(c, R"({"role":"assistant","content":"","refusal":null})"));
  }
  for (int i = 0; i < shape.chunks; ++i) {
    for (int c = 0; c < shape.choices; ++c) {
      chunks.add(choice(c, fmt::format(R"({{"content":"{}"}})", word(shape, c, i))));
    }
  }
  for (int c = 0; c < shape.choices; ++c) chunks.add(choice(c, "{}", finish_of(shape, "stop")));
  return chunks.end();
}

EventStream tools(const Shape& shape) {
  Chunks chunks(shape);
  chunks.add(choice(0, R"({"role":"assistant","content":null})"));
  for (int call = 0; call < shape.tools; ++call) {
    chunks.add(choice(0, fmt::format(R"({{"tool_calls":[{{"index":{},"id":"{}","type":"function",)"
                                     R"("function":{{"name":"{}","arguments":""}}}}]}})",
                                     call, tool_id(call), tool_name(call))));
    for (int i = 0; i < shape.argument_chunks; ++i) {
      chunks.add(choice(
          0, fmt::format(R"({{"tool_calls":[{{"index":{},"function":)"
                         R"({{"arguments":"{}"}}}}]}})",
                         call, escaped(part(tool_arguments(call), i, shape.argument_chunks)))));
      if (call == 0 && i + 1 == (shape.argument_chunks + 1) / 2) chunks.inside_tool_here();
    }
  }
  chunks.add(choice(0, "{}", finish_of(shape, "tool_calls")));
  return chunks.end();
}

EventStream legacy(const Shape& shape) {
  Chunks chunks(shape);
  chunks.add(choice(0, fmt::format(R"({{"role":"assistant","content":null,)"
                                   R"("function_call":{{"name":"{}","arguments":""}}}})",
                                   tool_name(0))));
  for (int i = 0; i < shape.argument_chunks; ++i) {
    chunks.add(choice(0, fmt::format(R"({{"function_call":{{"arguments":"{}"}}}})",
                                     escaped(part(tool_arguments(0), i, shape.argument_chunks)))));
    if (i + 1 == (shape.argument_chunks + 1) / 2) chunks.inside_tool_here();
  }
  chunks.add(choice(0, "{}", finish_of(shape, "function_call")));
  return chunks.end();
}

EventStream refusal(const Shape& shape) {
  Chunks chunks(shape);
  chunks.add(choice(0, R"({"role":"assistant","content":null,"refusal":""})"));
  for (int i = 0; i < shape.chunks; ++i) {
    chunks.add(choice(0, fmt::format(R"({{"refusal":"{}"}})", word(shape, 0, i))));
  }
  chunks.add(choice(0, "{}", finish_of(shape, "stop")));
  return chunks.end();
}

EventStream error_event(const Shape& shape) {
  Shape half = shape;
  half.chunks = shape.chunks / 2;
  Chunks chunks(half);
  chunks.add(choice(0, R"({"role":"assistant","content":"","refusal":null})"));
  for (int i = 0; i < half.chunks; ++i) {
    chunks.add(choice(0, fmt::format(R"({{"content":"{}"}})", word(half, 0, i))));
  }
  chunks.add_event(error_json(500));
  return chunks.broken_off();
}

std::string json(const Shape& shape) {
  std::string choices;
  for (int c = 0; c < shape.choices; ++c) {
    choices += fmt::format(
        R"({}{{"index":{},"message":{{"role":"assistant","content":"{}","refusal":null,)"
        R"("annotations":[]}},"logprobs":null,"finish_reason":"{}"}})",
        c > 0 ? "," : "", c, wire_text(shape, c), finish_of(shape, "stop"));
  }
  return message_json(shape, choices);
}

std::string tools_json(const Shape& shape) {
  std::string calls;
  for (int call = 0; call < shape.tools; ++call) {
    calls += (call > 0 ? "," : "") + tool_call_json(call);
  }
  return message_json(shape,
                      fmt::format(R"({{"index":0,"message":{{"role":"assistant","content":null,)"
                                  R"("refusal":null,"tool_calls":[{}]}},"logprobs":null,)"
                                  R"("finish_reason":"{}"}})",
                                  calls, finish_of(shape, "tool_calls")));
}

std::string error_json(int status) {
  const char* type = "invalid_request_error";
  const char* code = "null";
  if (status == 401) code = "\"invalid_api_key\"";
  if (status == 404) code = "\"model_not_found\"";
  if (status == 429) {
    type = "requests";
    code = "\"rate_limit_exceeded\"";
  }
  if (status >= 500) type = "server_error";
  return fmt::format(
      R"({{"error":{{"message":"This is a made-up error.","type":"{}","param":null,"code":{}}}}})",
      type, code);
}

std::string request_json(const Ask& ask) {
  std::string prompt;
  while (prompt.size() < ask.prompt_bytes) prompt += "Tell me about slow rivers and small stones. ";
  prompt.resize(ask.prompt_bytes);
  std::string messages =
      R"({"role":"system","content":"Be brief."},{"role":"user","content":")" + prompt + "\"}";
  if (ask.tool_results > 0) {
    std::string calls, results;
    for (int i = 0; i < ask.tool_results; ++i) {
      calls += (i > 0 ? "," : "") + tool_call_json(i);
      results +=
          fmt::format(R"(,{{"role":"tool","tool_call_id":"{}","content":"21 C"}})", tool_id(i));
    }
    messages += R"(,{"role":"assistant","content":null,"tool_calls":[)" + calls + "]}" + results;
  }
  std::string out = fmt::format(R"({{"model":"{}","messages":[{}])", ask.model, messages);
  if (ask.stream) out += R"(,"stream":true)";
  if (ask.include_usage) {
    out += fmt::format(R"(,"stream_options":{{"include_usage":{}}})", *ask.include_usage);
  }
  if (ask.max_completion_tokens) {
    out += fmt::format(R"(,"max_completion_tokens":{})", *ask.max_completion_tokens);
  }
  if (ask.n != 1) out += fmt::format(R"(,"n":{})", ask.n);
  for (int i = 0; i < ask.tools; ++i) {
    out += fmt::format(R"({}{{"type":"function","function":{{"name":"{}","parameters":)"
                       R"({{"type":"object","properties":{{"city":{{"type":"string"}}}}}}}}}})",
                       i == 0 ? R"(,"tools":[)" : ",", tool_name(i));
  }
  if (ask.tools > 0) out += "]";
  return out + "}";
}

}  // namespace llmrec::support::openai
