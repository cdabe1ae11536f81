#include "support/fake_scenes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>
#include <stdexcept>

#include "support/openai_stream.h"

namespace llmrec::support {
namespace {

struct Wish {
  std::string scene;  // empty: chosen by the request
  openai::Shape shape;
  std::string cut;
  std::string cut_in;
  std::optional<std::uint64_t> cut_at;
  std::optional<std::size_t> cut_after_chunks;
  std::optional<std::size_t> stall_after;
  std::optional<int> status;
  std::string retry_after;
  Coding coding = Coding::identity;
  std::optional<Framing> framing;
  std::optional<std::uint64_t> bulk_bytes;
  std::size_t chunk_size = 0;
  std::int64_t delay_ms = 0;
  bool trailers = false;
  bool interim = false;
  bool close = false;
};

struct NotUnderstood : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class T>
T number(const std::string& key, const std::string& value) {
  T out{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
  if (value.empty() || error != std::errc{} || end != value.data() + value.size() || out < 0) {
    throw NotUnderstood(fmt::format("x-fake: {}={} is not a number", key, value));
  }
  return out;
}

bool flag(const std::string& key, const std::string& value) {
  if (value == "1") return true;
  if (value == "0") return false;
  throw NotUnderstood(fmt::format("x-fake: {}={} must be 0 or 1", key, value));
}

void one_of(const std::string& key, const std::string& value,
            std::initializer_list<const char*> allowed) {
  std::string list;
  for (const char* a : allowed) {
    if (value == a) return;
    list += std::string(list.empty() ? "" : ", ") + a;
  }
  throw NotUnderstood(fmt::format("x-fake: {}={} must be one of {}", key, value, list));
}

// What concerns the content; false when the key is none of these.
bool set_content(Wish& wish, const std::string& key, const std::string& value) {
  openai::Shape& shape = wish.shape;
  if (key == "scene") {
    one_of(
        key, value,
        {"text", "tools", "parallel", "legacy", "refusal", "n2", "json", "error-event", "status"});
    wish.scene = value;
  } else if (key == "chunks") {
    shape.chunks = number<int>(key, value);
  } else if (key == "usage") {
    shape.usage = flag(key, value);
  } else if (key == "done") {
    shape.done = flag(key, value);
  } else if (key == "obfuscation") {
    shape.obfuscation = flag(key, value);
  } else if (key == "unicode") {
    shape.unicode = flag(key, value);
  } else if (key == "finish") {
    shape.finish = value;
  } else if (key == "status") {
    wish.status = number<int>(key, value);
    if (*wish.status < 200 || *wish.status > 599) {
      throw NotUnderstood("x-fake: status must be 200 to 599");
    }
  } else if (key == "retry-after") {
    wish.retry_after = value;
  } else if (key == "bytes") {
    wish.bulk_bytes = number<std::uint64_t>(key, value);
  } else {
    return false;
  }
  return true;
}

// What concerns the way it is sent, and how it ends.
bool set_delivery(Wish& wish, const std::string& key, const std::string& value) {
  if (key == "delay-ms") {
    wish.delay_ms = number<std::int64_t>(key, value);
  } else if (key == "cut") {
    one_of(key, value, {"fin", "rst", "notify"});
    wish.cut = value;
  } else if (key == "cut-at") {
    wish.cut_at = number<std::uint64_t>(key, value);
  } else if (key == "cut-in") {
    one_of(key, value, {"tool"});
    wish.cut_in = value;
  } else if (key == "cut-after-chunks") {
    wish.cut_after_chunks = number<std::size_t>(key, value);
  } else if (key == "stall-after") {
    wish.stall_after = number<std::size_t>(key, value);
  } else if (key == "coding") {
    one_of(key, value, {"identity", "gzip", "deflate", "br", "zstd"});
    wish.coding = *coding_named(value);
  } else if (key == "framing") {
    one_of(key, value, {"chunked", "length", "close"});
    wish.framing = value == "chunked"  ? Framing::chunked
                   : value == "length" ? Framing::length
                                       : Framing::close;
  } else if (key == "chunk-size") {
    wish.chunk_size = number<std::size_t>(key, value);
  } else if (key == "trailers") {
    wish.trailers = flag(key, value);
  } else if (key == "interim") {
    wish.interim = flag(key, value);
  } else if (key == "close") {
    wish.close = flag(key, value);
  } else {
    return false;
  }
  return true;
}

std::string trimmed(const std::string& s) {
  const auto from = s.find_first_not_of(" \t");
  if (from == std::string::npos) return {};
  return s.substr(from, s.find_last_not_of(" \t") - from + 1);
}

Wish parse(const std::string& header) {
  Wish wish;
  for (std::size_t at = 0; at < header.size();) {
    const auto end = std::min(header.find(';', at), header.size());
    const std::string item = trimmed(header.substr(at, end - at));
    at = end + 1;
    if (item.empty()) continue;
    const auto eq = item.find('=');
    if (eq == std::string::npos) throw NotUnderstood("x-fake: " + item + " is not key=value");
    const std::string key = trimmed(item.substr(0, eq));
    const std::string value = trimmed(item.substr(eq + 1));
    if (!set_content(wish, key, value) && !set_delivery(wish, key, value)) {
      throw NotUnderstood("x-fake: unknown key " + key);
    }
  }
  return wish;
}

bool asks_for(const std::string& body, Bytes key) {
  const auto at = body.find(fmt::format("\"{}\"", key));
  if (at == std::string::npos) return false;
  const auto value = body.find_first_not_of(" \t\r\n:", at + key.size() + 2);
  return value != std::string::npos && body.compare(value, 4, "true") == 0;
}

Answer answer_for(const Wish& wish, std::size_t& inside_tool) {
  openai::Shape shape = wish.shape;
  if (wish.scene == "status") {
    const int status = wish.status.value_or(500);
    Answer answer = json(openai::error_json(status), status);
    if (status == 204) answer.body.clear();
    return answer;
  }
  if (wish.scene == "json") return json(openai::json(shape));
  openai::EventStream stream;
  if (wish.scene == "tools") {
    stream = openai::tools(shape);
  } else if (wish.scene == "parallel") {
    shape.tools = 3;
    stream = openai::tools(shape);
  } else if (wish.scene == "legacy") {
    stream = openai::legacy(shape);
  } else if (wish.scene == "refusal") {
    stream = openai::refusal(shape);
  } else if (wish.scene == "error-event") {
    stream = openai::error_event(shape);
  } else {
    if (wish.scene == "n2") shape.choices = 2;
    stream = openai::text(shape);
  }
  inside_tool = stream.inside_tool;
  return events(std::move(stream.events));
}

std::uint64_t offset_after(const Reply& reply, std::size_t pieces) {
  if (pieces == 0) return reply.head_bytes;
  if (pieces > reply.piece_ends.size()) return bytes_sent_by(reply.script);
  return reply.piece_ends[pieces - 1];
}

How how_of(const std::string& cut) {
  if (cut == "rst") return How::rst;
  return cut == "notify" ? How::close_notify : How::fin;
}

Script apply_end(const Wish& wish, const Reply& reply, std::size_t inside_tool) {
  if (wish.stall_after) {
    // The answer stops and the connection stays, until the client has had enough.
    Script out = cut_at(reply.script, offset_after(reply, *wish.stall_after), How::fin);
    out.back() = ReadUntilEof{};
    out.push_back(Close{});
    return out;
  }
  std::optional<std::uint64_t> at = wish.cut_at;
  if (wish.cut_after_chunks) at = offset_after(reply, *wish.cut_after_chunks);
  if (!wish.cut_in.empty()) {
    if (inside_tool == 0) throw NotUnderstood("x-fake: cut-in=tool needs a scene with a tool");
    at = offset_after(reply, inside_tool);
  }
  if (!at && wish.cut.empty()) return reply.script;
  return cut_at(reply.script, at.value_or(bytes_sent_by(reply.script)), how_of(wish.cut));
}

void dress(const Wish& wish, const Request& request, Answer& answer) {
  answer.headers.emplace_back("X-Request-Id", "req_fake0001");
  answer.headers.emplace_back("OpenAI-Processing-Ms", "12");
  if (!wish.retry_after.empty()) answer.headers.emplace_back("Retry-After", wish.retry_after);
  answer.coding = wish.coding;
  if (wish.framing) answer.framing = *wish.framing;
  if (wish.chunk_size > 0) answer.chunk_sizes = {wish.chunk_size};
  if (wish.trailers) {
    answer.headers.emplace_back("Trailer", "X-Fake-Trailer");
    answer.trailers = {"X-Fake-Trailer: the end"};
  }
  if (wish.interim) {
    answer.interim = {"HTTP/1.1 103 Early Hints\r\nLink: </made-up>; rel=preload\r\n\r\n"};
  }
  answer.delay_ms = wish.delay_ms;
  answer.close = wish.close;
  answer.head_only = request.method == "HEAD" || answer.status == 304;
}

}  // namespace

Script play_scene(const Request& request) {
  try {
    Wish wish = parse(request.header("x-fake"));
    if (wish.scene.empty() && wish.status) wish.scene = "status";
    if (wish.scene.empty()) wish.scene = asks_for(request.body, "stream") ? "text" : "json";
    if (asks_for(request.body, "include_usage")) wish.shape.usage = true;
    if (wish.bulk_bytes) {
      Reply reply;
      reply.script = bulk(*wish.bulk_bytes, wish.framing.value_or(Framing::length));
      return apply_end(wish, reply, 0);
    }
    std::size_t inside_tool = 0;
    Answer answer = answer_for(wish, inside_tool);
    dress(wish, request, answer);
    return apply_end(wish, build(answer), inside_tool);
  } catch (const NotUnderstood& e) {
    Answer answer = json(fmt::format("{{\"error\":{{\"message\":\"{}\"}}}}", e.what()), 400);
    answer.head_only = request.method == "HEAD";
    return play(answer);
  }
}

const char* scene_help() {
  return R"(  scene=S              text, tools, parallel (three calls), legacy (function_call), refusal,
                       n2 (two choices), json, error-event (an error inside the stream), status
  chunks=N             deltas of text (40)
  usage=0|1            the usage chunk; on by itself when the body asks include_usage
  done=0|1             data: [DONE] (1)
  obfuscation=0|1      the padding field; unicode=0|1: text beyond ASCII
  finish=REASON        instead of the scene's own finish_reason
  status=N             an error answer (401, 429, 500, ...); retry-after=S adds that header
  bytes=N              N bytes of deterministic content, digest in X-Bulk-Sha256
  delay-ms=N           between the events
  coding=C             identity, gzip, deflate, br, zstd, flushed after every event
  framing=F            chunked, length, close
  chunk-size=N         chunks of N bytes that ignore the events' bounds
  trailers=0|1         a trailer field; interim=0|1: a 103 before; close=0|1: Connection: close
  cut=fin|rst|notify   how the connection ends: FIN without close_notify (default of the keys
                       below), RST, or close_notify and FIN; alone: after the whole answer
  cut-at=BYTE          after so many bytes of the response, head included
  cut-after-chunks=N   after N events (0: after the head)
  cut-in=tool          in the middle of the first tool call's arguments
  stall-after=N        after N events nothing more comes, until the client leaves
)";
}

}  // namespace llmrec::support
