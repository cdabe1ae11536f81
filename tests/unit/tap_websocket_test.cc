#include "tap/websocket.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "websocket_frames.h"

using namespace llmrec;
using namespace llmrec::tap;
using websocket::close;
using websocket::Deflater;
using websocket::frame;
using websocket::text;

namespace {

std::string event(const std::string& type, const std::string& more = "") {
  return text(R"({"type":")" + type + "\"" + (more.empty() ? "" : "," + more) + "}");
}

std::string create(const std::string& more) {
  return text(R"({"type":"response.create",)" + more + "}", true);
}

const std::string kCreated = event("response.created", R"("response":{"id":"resp_1"})");
const std::string kHello = event("response.output_text.delta", R"("delta":"hello")");
std::string completed(int output) {
  return event("response.completed",
               R"("response":{"id":"resp_1","status":"completed","usage":{"input_tokens":7,)"
               R"("output_tokens":)" +
                   std::to_string(output) + R"(,"total_tokens":9}})");
}

class Rig final : public SocketEvents {
 public:
  explicit Rig(const std::string& path, Bytes extensions = "") {
    const SocketKind kind = socket_kind(path);
    dialects.push_back(socket_dialect(kind));
    tap = std::make_unique<WebSocketTap>(kind, dialects.back().get(),
                                         wire::parse_websocket_extensions(extensions), *this);
  }

  void on_server_message(const dialect::Delta& delta, Bytes type) override {
    log += std::string(type);
    if (delta.text_chars != 0) log += " text " + std::to_string(delta.text_chars);
    if (delta.usage.output) log += " output " + std::to_string(*delta.usage.output);
    if (!delta.response_id.empty()) log += " id " + delta.response_id;
    if (!delta.model.empty()) log += " model " + delta.model;
    if (delta.done) log += " done";
    if (delta.error) log += " error " + delta.error->code;
    if (delta.tool_piece) log += " tool";
    log += "; ";
  }
  void on_unread_message() override { log += "unread; "; }
  void on_bad_message() override { log += "bad; "; }
  void on_socket_ping() override { log += "ping; "; }
  void on_socket_lost(std::string_view reason) override {
    log += "lost " + std::string(reason) + "; ";
  }
  dialect::Dialect& on_next_response() override {
    log += "next; ";
    dialects.push_back(socket_dialect(SocketKind::responses));
    return *dialects.back();
  }

  std::string log;
  std::vector<std::unique_ptr<dialect::Dialect>> dialects;
  std::unique_ptr<WebSocketTap> tap;
};

struct Octets {
  bool from_client;
  std::string octets;
};

std::string told(const Rig& rig) {
  const WebSocketTap& t = *rig.tap;
  std::string out = rig.log + "| " + t.asked().model + " | " + std::to_string(t.responses()) +
                    (t.response_open() ? " open" : "") + " | " +
                    std::to_string(t.client_messages()) + "/" + std::to_string(t.server_messages());
  if (t.closed_by() != record::Party::none) {
    out += " | " + std::string(record::name(t.closed_by())) + " " + t.close_detail();
  }
  return out;
}

// What is told of it, in one piece and in every split of each part.
std::string run(const std::string& path, const std::vector<Octets>& parts, Bytes extensions = "") {
  const auto go = [&](std::size_t cut_part, std::size_t cut_at) {
    Rig rig(path, extensions);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto feed = [&](Bytes octets) {
        if (parts[i].from_client) {
          rig.tap->client(octets);
        } else {
          rig.tap->server(octets);
        }
      };
      const Bytes all = parts[i].octets;
      feed(all.substr(0, i == cut_part ? cut_at : all.size()));
      if (i == cut_part) feed(all.substr(cut_at));
    }
    return told(rig);
  };
  const std::string whole = go(parts.size(), 0);
  for (std::size_t part = 0; part < parts.size(); ++part) {
    for (std::size_t at = 0; at < parts[part].octets.size(); ++at) {
      const std::string cut = go(part, at);
      if (cut != whole) CHECK(cut == whole);
    }
  }
  return whole;
}

}  // namespace

TEST_CASE("websocket tap: the kind is told by the path") {
  CHECK(socket_kind("/v1/responses") == SocketKind::responses);
  CHECK(socket_kind("/backend-api/codex/responses/") == SocketKind::responses);
  CHECK(socket_kind("/v1/realtime") == SocketKind::realtime);
  CHECK(socket_kind("/openai/realtime") == SocketKind::realtime);
  CHECK(socket_kind("/v1/responses/resp_1") == SocketKind::opaque);
  CHECK(socket_kind("/") == SocketKind::opaque);
  CHECK(socket_kind("") == SocketKind::opaque);
  CHECK(socket_dialect(SocketKind::responses));
  CHECK_FALSE(socket_dialect(SocketKind::realtime));
}

TEST_CASE("websocket tap: a response over a WebSocket") {
  const std::string said = run("/v1/responses", {{true, create(R"("model":"gpt-5","input":"hi")")},
                                                 {false, kCreated + kHello},
                                                 {false, kHello + completed(2)},
                                                 {true, close(1000, "", true)},
                                                 {false, close(1000, "")}});
  CHECK(said ==
        "response.created id resp_1; response.output_text.delta text 5; "
        "response.output_text.delta text 5; response.completed output 2 id resp_1 done; "
        "| gpt-5 | 1 | 1/4 | client ws_close:1000");
}

TEST_CASE("websocket tap: a response that is asked for is open until it ends") {
  Rig rig("/v1/responses");
  CHECK_FALSE(rig.tap->response_open());
  CHECK(rig.tap->reads_content());
  rig.tap->client(create(R"("model":"gpt-5")"));
  CHECK(rig.tap->response_open());
  CHECK(rig.tap->responses() == 0);
  rig.tap->server(kCreated);
  CHECK(rig.tap->response_open());
  CHECK(rig.tap->responses() == 1);
  rig.tap->server(completed(2));
  CHECK_FALSE(rig.tap->response_open());
  CHECK(rig.tap->responses() == 1);
  rig.tap->client(create(R"("model":"gpt-5")"));
  CHECK(rig.tap->response_open());
  rig.tap->server(event("error", R"("error":{"type":"invalid_request_error","code":"bad"})"));
  CHECK_FALSE(rig.tap->response_open());
  CHECK(rig.tap->responses() == 1);
  CHECK(rig.log.find("error error bad") != std::string::npos);
}

TEST_CASE("websocket tap: each response has a dialect of its own, what stands between has none") {
  const std::string said =
      run("/v1/responses", {{true, create(R"("model":"a")")},
                            {false, kCreated + completed(2) + event("codex.rate_limits")},
                            {true, create(R"("model":"b","tools":[])")},
                            {false, kCreated + kHello}});
  CHECK(said ==
        "response.created id resp_1; response.completed output 2 id resp_1 done; next; "
        "codex.rate_limits; response.created id resp_1; response.output_text.delta text 5; "
        "| b | 2 open | 2/5");
}

TEST_CASE("websocket tap: tool calls of an earlier response are not mixed up with later ones") {
  Rig rig("/v1/responses");
  const std::string added =
      event("response.output_item.added",
            R"("output_index":0,"item":{"type":"function_call","call_id":"c1","name":"pay"})");
  const std::string piece =
      event("response.function_call_arguments.delta", R"("output_index":0,"delta":"{\"a\":1}")");
  rig.tap->server(kCreated + added + piece + completed(2) + kCreated + added);
  REQUIRE(rig.dialects.size() == 2);
  REQUIRE(rig.dialects[0]->tools().calls().size() == 1);
  CHECK(rig.dialects[0]->tools().calls()[0].arguments_bytes == 7);
  REQUIRE(rig.dialects[1]->tools().calls().size() == 1);
  CHECK(rig.dialects[1]->tools().calls()[0].arguments_bytes == 0);
  CHECK(rig.dialects[1]->tools().any_open());
}

TEST_CASE("websocket tap: results of tools are kept of every request") {
  Rig rig("/v1/responses");
  for (int i = 0; i < 40; ++i) {
    rig.tap->client(create(R"("model":"m","input":[{"type":"function_call_output","call_id":"c)" +
                           std::to_string(i) + R"(","output":"x"}])"));
  }
  CHECK(rig.tap->asked().tool_result_ids.size() == limits::kToolResultIdsMax);
  CHECK(rig.tap->asked().tool_result_ids.front() == "c0");
  // Another message says nothing of a request.
  rig.tap->client(text(R"({"type":"response.cancel","model":"other"})", true));
  CHECK(rig.tap->asked().model == "m");
  CHECK(rig.tap->client_messages() == 41);
}

TEST_CASE("websocket tap: compressed both ways, with and without takeover") {
  for (const bool takeover : {true, false}) {
    Deflater up(takeover);
    Deflater down(takeover);
    const auto packed = [](Deflater& d, const std::string& json, bool masked) {
      return frame(0xc1, d.message(json), masked);
    };
    const std::string ask = R"({"type":"response.create","model":"gpt-5","input":"hello hello"})";
    const std::string delta = R"({"type":"response.output_text.delta","delta":"hello"})";
    std::vector<Octets> parts;  // one after the other: each goes on with the window of the last
    parts.push_back({true, packed(up, ask, true)});
    parts.push_back({false, packed(down, delta, false)});
    parts.push_back({false, packed(down, delta, false)});
    parts.push_back({true, packed(up, ask, true)});
    const std::string said = run("/backend-api/codex/responses", parts,
                                 takeover ? "permessage-deflate"
                                          : "permessage-deflate; client_no_context_takeover; "
                                            "server_no_context_takeover");
    CHECK(said ==
          "response.output_text.delta text 5; response.output_text.delta text 5; "
          "| gpt-5 | 0 open | 2/2");
  }
}

TEST_CASE("websocket tap: of the Realtime API types, model and usage are read") {
  const std::string said = run(
      "/v1/realtime",
      {{false, event("session.created", R"("session":{"model":"gpt-realtime"})")},
       {true, text(R"({"type":"input_audio_buffer.append","audio":"AAAA"})", true)},
       {true, text(R"({"type":"response.create"})", true)},
       {false, event("response.created", R"("response":{"id":"resp_9","usage":null})") +
                   event("response.text.delta", R"("delta":"secret")") +
                   event("response.done", R"("response":{"id":"resp_9","usage":{"total_tokens":9,)"
                                          R"("input_tokens":7,"output_tokens":2,)"
                                          R"("input_token_details":{"cached_tokens":3}}})")},
       {false, frame(0x82, "audio", false)},
       {false, close(1011, "a reason")}});
  CHECK(said ==
        "lost websocket; session.created model gpt-realtime; response.created id resp_9; "
        "response.text.delta; response.done output 2 id resp_9 done; unread; "
        "|  | 1 | 2/5 | upstream ws_close:1011");
}

TEST_CASE("websocket tap: on other paths messages are counted, not read") {
  const std::string said =
      run("/chat", {{false, event("response.created") + frame(0x82, "x", false)},
                    {true, create(R"("model":"m")")},
                    {true, frame(0x89, "", true)},
                    {false, frame(0x8a, "", false)}});
  CHECK(said == "lost websocket; unread; unread; ping; ping; |  | 0 | 1/2");
}

TEST_CASE("websocket tap: what is no JSON, no text or too deep") {
  std::string deep = R"({"type":"response.created","a":)";
  for (int i = 0; i < 300; ++i) deep += "[";
  const std::string said =
      run("/v1/responses", {{false, text("{\"type\":") + text("") + text("<html>") +
                                        frame(0x82, "{}", false) + text("{}") + kHello},
                            {true, text("no json", true) + text("", true)}});
  CHECK(said == "bad; bad; bad; unread; ; response.output_text.delta text 5; |  | 0 | 2/6");
  CHECK(run("/v1/responses", {{false, text(deep) + kHello}}) ==
        "lost json_too_deep; unread; response.output_text.delta text 5; |  | 0 | 0/2");
}

TEST_CASE("websocket tap: an extension that nobody knows makes all unreadable") {
  CHECK(run("/v1/responses", {{false, kCreated}, {true, close(1000, "", true)}}, "mux") ==
        "lost websocket_extension_unknown; |  | 0 | 0/0");
}

TEST_CASE("websocket tap: broken frames and broken compression end what is read of a side") {
  CHECK(run("/v1/responses", {{false, kHello + std::string("\xf1\x00", 2) + kHello},
                              {true, create(R"("model":"m")")}}) ==
        "response.output_text.delta text 5; lost websocket_frame_malformed; "
        "| m | 0 open | 1/1");
  CHECK(run("/v1/responses",
            {{false, frame(0xc1, "\xff\xff", false) + frame(0xc1, "\xff\xff", false) + kHello}},
            "permessage-deflate") ==
        "lost websocket_inflate_failed; unread; unread; response.output_text.delta text 5; "
        "|  | 0 | 0/3");
}

TEST_CASE("websocket tap: the first close frame counts, with its code") {
  struct Row {
    std::string frame;
    std::string detail;
    bool well;
  };
  for (const Row& row :
       {Row{close(1000, ""), "ws_close:1000", true}, Row{close(1001, "bye"), "ws_close:1001", true},
        Row{close(0, ""), "", true}, Row{close(1006, ""), "ws_close:1006", false},
        Row{close(1011, "x"), "ws_close:1011", false},
        Row{close(4000, "x"), "ws_close:4000", false}}) {
    Rig rig("/v1/responses");
    CHECK_FALSE(rig.tap->closed_well());
    rig.tap->server(row.frame);
    rig.tap->client(close(1002, "", true));
    CHECK(rig.tap->closed_by() == record::Party::upstream);
    CHECK(rig.tap->close_detail() == row.detail);
    CHECK(rig.tap->closed_well() == row.well);
  }
}

TEST_CASE("websocket tap: a cut message counts nothing") {
  Rig rig("/v1/responses");
  const std::string cut = kHello.substr(0, kHello.size() - 1);
  rig.tap->server(cut);
  CHECK(rig.log.empty());
  CHECK(rig.tap->server_messages() == 0);
}
