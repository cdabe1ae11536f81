// What the tap costs: nanoseconds for one event of a stream, from HTTP chunk to record, in each
// dialect, beside Boost.JSON's own parser over the same documents with nothing behind it. Every
// round runs both, one after the other; medians of the rounds, and the ratio of each round's pair.
//   bench-tap [ROUNDS] [EVENTS] [DIALECT]
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tap/tap.h"

namespace {

using namespace llmrec;

std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

// --- the parser by itself

struct Nothing {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);
  using Code = boost::json::error_code;
  using Text = boost::json::string_view;
  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(std::size_t, Code&) { return true; }
  bool on_object_begin(Code&) { return true; }
  bool on_object_end(std::size_t, Code&) { return true; }
  bool on_string_part(Text, std::size_t, Code&) { return true; }
  bool on_string(Text, std::size_t, Code&) { return true; }
  bool on_key_part(Text, std::size_t, Code&) { return true; }
  bool on_key(Text, std::size_t, Code&) { return true; }
  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(std::int64_t, Text, Code&) { return true; }
  bool on_uint64(std::uint64_t, Text, Code&) { return true; }
  bool on_double(double, Text, Code&) { return true; }
  bool on_bool(bool, Code&) { return true; }
  bool on_null(Code&) { return true; }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }
};

std::int64_t parse_bare(const std::string& document, int times) {
  boost::json::basic_parser<Nothing> parser{boost::json::parse_options()};
  const std::int64_t began = now_ns();
  for (int i = 0; i < times; ++i) {
    boost::json::error_code error;
    parser.reset();
    parser.write_some(false, document.data(), document.size(), error);
    if (error) std::abort();
  }
  return now_ns() - began;
}

// --- the tap

class Host final : public tap::TapHost {
 public:
  RecordId mint(Instant) override { return {}; }
  void on_finished(record::Record&& r) override { last = std::move(r); }
  record::Record last;
};

struct Scene {
  std::string name;
  std::string host;
  std::string path;
  std::string type;
  std::string document;
  std::string wrapped;  // as the stream has it
};

std::string chunked(const std::string& octets) {
  return fmt::format("{:x}\r\n{}\r\n", octets.size(), octets);
}

std::string number(std::size_t value, int octets) {
  std::string out;
  for (int i = octets - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

std::string with_crc(const std::string& text) {
  const auto* octets = reinterpret_cast<const Bytef*>(text.data());
  return text + number(crc32(0, octets, static_cast<uInt>(text.size())), 4);
}

std::string frame(const std::string& event, const std::string& payload) {
  std::string fields;
  for (const auto& [name, value] : {std::pair<std::string, std::string>{":event-type", event},
                                    {":content-type", "application/json"},
                                    {":message-type", "event"}}) {
    fields += number(name.size(), 1) + name + '\7' + number(value.size(), 2) + value;
  }
  const std::string prelude =
      with_crc(number(fields.size() + payload.size() + 16, 4) + number(fields.size(), 4));
  return with_crc(prelude + fields + payload);
}

std::int64_t through_tap(const Scene& scene, int events, std::uint64_t& characters) {
  Host host;
  tap::ConnFacts facts;
  facts.host = scene.host;
  tap::Tap tap(facts, host);
  Instant now{1};
  const std::string request = fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 28\r\n\r\n"
      "{{\"model\":\"m\",\"stream\":true }}",
      scene.path, scene.host);
  tap.on_bytes(tap::Dir::request, request, now);
  tap.on_bytes(
      tap::Dir::response,
      "HTTP/1.1 200 OK\r\nContent-Type: " + scene.type + "\r\nTransfer-Encoding: chunked\r\n\r\n",
      now);
  const std::string piece = chunked(scene.wrapped);
  const std::int64_t began = now_ns();
  for (int i = 0; i < events; ++i) {
    now.ns += 20'000'000;
    tap.on_bytes(tap::Dir::response, piece, now);
  }
  const std::int64_t spent = now_ns() - began;
  tap.on_end(tap::Dir::response, {record::CloseHow::fin, {}}, now);
  tap.on_over(tap::End::none, now);
  if (host.last.chunks_received != static_cast<std::uint64_t>(events)) {
    std::fprintf(stderr, "bench-tap: %s: the record has other events than were sent\n",
                 scene.name.c_str());
    std::exit(1);
  }
  characters = host.last.output_chars_received;
  return spent;
}

std::string sse(const std::string& document, const std::string& event = {}) {
  return (event.empty() ? std::string() : "event: " + event + "\n") + "data: " + document + "\n\n";
}

std::vector<Scene> scenes() {
  const std::string chat =
      R"({"id":"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG","object":"chat.completion.chunk",)"
      R"("created":1741570283,"model":"gpt-4o-mini-2024-07-18","service_tier":"default",)"
      R"("system_fingerprint":"fp_50cad350e4","choices":[{"index":0,"delta":{"content":" streams"},)"
      R"("logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"Zq4vXyQdL1o8"})";
  const std::string anthropic =
      R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" streams of"}  })";
  const std::string responses =
      R"({"type":"response.output_text.delta","item_id":"msg_67ccf190ca3881909d433c50b1f6357e0879",)"
      R"("output_index":0,"content_index":0,"delta":" streams","logprobs":[],"sequence_number":7,)"
      R"("obfuscation":"Zq4vXyQdL1o8"})";
  const std::string gemini =
      R"({"candidates": [{"content": {"parts": [{"text": " streams of words"}],"role": "model"},)"
      R"("index": 0}],"usageMetadata": {"promptTokenCount": 12,"candidatesTokenCount": 7,)"
      R"("totalTokenCount": 19,"promptTokensDetails": [{"modality": "TEXT","tokenCount": 12}]},)"
      R"("modelVersion": "gemini-2.5-flash","responseId": "4yPbaOXtHcOJ-8YPk9OeuQs"})";
  const std::string ollama =
      R"({"model":"llama3.2","created_at":"2026-06-30T10:12:41.120423Z","message":)"
      R"({"role":"assistant","content":" streams"},"done":false})";
  const std::string converse =
      R"({"contentBlockIndex":0,"delta":{"text":" streams"},"p":"abcdefghijklmnopqrst"})";
  const std::string cohere =
      R"({"type":"content-delta","index":0,"delta":{"message":{"content":{"text":" streams"}}}})";
  const std::string kSse = "text/event-stream";
  return {
      {"openai.chat", "api.openai.com", "/v1/chat/completions", kSse, chat, sse(chat)},
      {"openai.responses", "api.openai.com", "/v1/responses", kSse, responses,
       sse(responses, "response.output_text.delta")},
      {"anthropic.messages", "api.anthropic.com", "/v1/messages", kSse, anthropic,
       sse(anthropic, "content_block_delta")},
      {"gemini.generate", "generativelanguage.googleapis.com",
       "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", kSse, gemini, sse(gemini)},
      {"bedrock.converse", "bedrock-runtime.us-east-1.amazonaws.com",
       "/model/anthropic.claude/converse-stream", "application/vnd.amazon.eventstream", converse,
       frame("contentBlockDelta", converse)},
      {"cohere.v2", "api.cohere.com", "/v2/chat", kSse, cohere, sse(cohere, "content-delta")},
      {"ollama.chat", "localhost", "/api/chat", "application/x-ndjson", ollama, ollama + "\n"},
  };
}

template <class T>
T median(std::vector<T> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 15;
  const int events = argc > 2 ? std::atoi(argv[2]) : 20'000;
  if (rounds < 1 || events < 1) {
    std::fprintf(stderr, "usage: bench-tap [ROUNDS] [EVENTS] [DIALECT]\n");
    return 2;
  }
  fmt::print("{:<20}{:>9}{:>9}{:>12}{:>12}{:>8}\n", "dialect", "bytes", "tap ns", "tap MB/s",
             "parser ns", "ratio");
  for (const Scene& scene : scenes()) {
    if (argc > 3 && scene.name != argv[3]) continue;
    std::vector<double> tap_ns;
    std::vector<double> bare_ns;
    std::vector<double> ratios;
    std::uint64_t characters = 0;
    for (int round = 0; round < rounds; ++round) {
      tap_ns.push_back(static_cast<double>(through_tap(scene, events, characters)) / events);
      bare_ns.push_back(static_cast<double>(parse_bare(scene.document, events)) / events);
      ratios.push_back(tap_ns.back() / bare_ns.back());
    }
    if (characters == 0) {
      std::fprintf(stderr, "bench-tap: %s: no text was counted\n", scene.name.c_str());
      return 1;
    }
    const double ns = median(tap_ns);
    fmt::print("{:<20}{:>9}{:>9.0f}{:>12.0f}{:>12.0f}{:>8.2f}\n", scene.name, scene.document.size(),
               ns, static_cast<double>(scene.wrapped.size()) * 1000 / ns, median(bare_ns),
               median(ratios));
  }
  return 0;
}
