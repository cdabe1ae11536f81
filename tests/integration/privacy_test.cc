// Distinctive words go in wherever a person's secrets go in. None of them may come out: not in the
// store's files, not in the log, not in anything that a command prints.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "record/json.h"
#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;

namespace {

const std::vector<std::string> kSecrets = {
    "canaryprompt",   "canarysystem",    "canaryoutput",   "canaryreasoning",
    "canaryargument", "canaryapikey",    "canaryquery",    "canarycookie",
    "canarypassword", "canarysetcookie", "canaryresult",   "canarymessage",
    "canaryrefusal",  "canarypath",      "canarymetadata", "canaryproxy",
};

std::string secret_request(const std::string& method_path) {
  return render({.target = method_path,
                 .host = kHost,
                 .headers = {{"Authorization", "Bearer sk-canaryapikey"},
                             {"X-Api-Key", "canaryapikey"},
                             {"Cookie", "session=canarycookie"},
                             {"Content-Type", "application/json"}},
                 .body =
                     R"({"model":"gpt-fake-1","stream":true,"user":"canarymetadata","messages":[)"
                     R"({"role":"system","content":"canarysystem"},)"
                     R"({"role":"user","content":[{"type":"text","text":"canaryprompt"}]},)"
                     R"({"role":"tool","tool_call_id":"call_1","content":"canaryresult"}]})"});
}

Script secret_answer(bool cut) {
  const auto delta = [](const std::string& inner) {
    return R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-fake-1",)"
           R"("choices":[{"index":0,"delta":{)" +
           inner + "},\"finish_reason\":null}]}\n\n";
  };
  Answer answer = events(
      {delta(R"("role":"assistant","content":"canaryoutput")"),
       delta(R"("reasoning_content":"canaryreasoning")"), delta(R"("refusal":"canaryrefusal")"),
       delta(R"("tool_calls":[{"index":0,"id":"call_1","type":"function",)"
             R"("function":{"name":"pay","arguments":"{\"to\":\"canaryarg"}}])"),
       delta(R"("tool_calls":[{"index":0,"function":{"arguments":"ument\"}"}}])"),
       "data: {\"canaryoutput\": not json}\n\n", ": canaryoutput\n\n", "data: [DONE]\n\n"});
  answer.headers.emplace_back("Set-Cookie", "id=canarysetcookie");
  const Reply reply = build(answer);
  return cut ? cut_at(reply.script, reply.piece_ends[3], How::fin) : reply.script;
}

Script secret_refusal() {
  return play(
      json(R"({"error":{"message":"canarymessage about canaryprompt","type":"canarymessage )"
           R"(in words","param":null,"code":"invalid_api_key"}})",
           401));
}

std::size_t found(const std::string& where, const std::string& text) {
  std::size_t n = 0;
  for (const std::string& secret : kSecrets) {
    if (text.find(secret) == std::string::npos) continue;
    MESSAGE(where, " holds ", secret);
    ++n;
  }
  return n;
}

}  // namespace

TEST_CASE("integration privacy: no secret comes out anywhere") {
  Script playing;
  RigOptions options = answering([&playing](const Request&) { return playing; });
  options.flags.insert(options.flags.end(), {"--admin", "127.0.0.1:0", "--log", "records"});
  Rig rig(std::move(options));
  ClientOptions through = rig.through();
  // user "tag", password "canarypassword"
  through.via->request = "CONNECT " + kAuthority +
                         " HTTP/1.1\r\nProxy-Authorization: Basic dGFnOmNhbmFyeXBhc3N3b3Jk\r\n"
                         "X-Other: canaryproxy\r\n\r\n";
  const std::string chat_path = "/v1/chat/completions?key=canaryquery";
  struct Case {
    std::string request;
    Script answer;
  };
  const std::vector<Case> cases = {
      {secret_request(chat_path), secret_answer(false)},
      {secret_request(chat_path), secret_answer(true)},
      {secret_request(chat_path), secret_refusal()},
      {secret_request("/v1/canarypath/canaryprompt"), secret_answer(false)},
      {"canaryprompt canaryquery\r\ncanarycookie: canaryapikey\r\n\r\n",
       {Send{"canaryoutput\r\n\r\n"}}},
      {secret_request(chat_path),
       {Send{"HTTP/1.1 200 canaryoutput\r\nBad Head: canaryoutput\r\n"
             "\r\ncanaryoutput"},
        Fin{}}},
  };
  for (const Case& c : cases) {
    playing = c.answer;
    TlsClient client = Rig::connect(through);
    REQUIRE(client.send(c.request));
    client.half_close();
    client.read_to_end();
  }
  // Refused and half-way in.
  for (const std::string& head :
       {std::string("GET /canarypath?canaryquery HTTP/1.1\r\nCookie: canarycookie\r\n\r\n"),
        std::string("CONNECT user:canarypassword@api.openai.com:443 HTTP/1.1\r\n\r\n"),
        std::string("CONNECT api.openai.com:443 HTTP/1.1\r\nbad canarycookie\r\n\r\n")}) {
    TlsClient client({.port = rig.recorder().port(), .timeout_ms = kPatienceMs});
    REQUIRE(client.connect().has_value());
    REQUIRE(client.send(head));
    CHECK(found("the answer", client.read_to_end().bytes) == 0);
  }
  const auto records = rig.recorder().wait_for_records(cases.size());
  CAPTURE(record::to_json(records[0]));
  // The words were really there to be found: the record counts them.
  CHECK(records[0].output_chars_received == std::string("canaryoutput").size());
  CHECK(records[0].tool_calls.at(0).arguments_bytes > std::string("canaryargument").size());
  CHECK(records[2].error_detail.find("invalid_api_key") != std::string::npos);

  const std::string store = rig.recorder().store();
  std::map<std::string, std::string> outputs;
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"ls"},
                                             {"ls", "-o", "wide"},
                                             {"ls", "-o", "json"},
                                             {"ls", "-o", "jsonl"},
                                             {"ls", "-o", "csv"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--store", store});
    const Finished done = run_llmrec(arguments);
    CHECK(done.status == ExitStatus{0, 0});
    outputs[command.back()] = done.out + done.err;
  }
  for (const record::Record& r : records) {
    for (const char* form : {"", "--json"}) {
      std::vector<std::string> arguments = {"show", r.request_id.text(), "--store", store};
      if (*form != 0) arguments.push_back(form);
      const Finished done = run_llmrec(arguments);
      CHECK(done.status == ExitStatus{0, 0});
      CHECK(done.out.find(r.request_id.text()) != std::string::npos);
      outputs["show " + r.request_id.text() + form] = done.out + done.err;
    }
  }
  for (const std::string& path :
       {std::string("/"), std::string("/metrics"), std::string("/healthz"),
        std::string("/stats.json?since=1h"), std::string("/records/last"),
        std::string("/canarypath?canaryquery")}) {
    for (const char* accept : {"*/*", "text/html,*/*;q=0.1", "application/openmetrics-text"}) {
      TlsClient client = Rig::connect_to_port(rig.recorder().port_of("admin"));
      REQUIRE(client.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAccept: " + accept +
                          "\r\nCookie: canarycookie\r\n\r\n"));
      outputs[path + accept] = client.read_to_end().bytes;
    }
  }
  for (const record::Record& r : records) {
    TlsClient client = Rig::connect_to_port(rig.recorder().port_of("admin"));
    REQUIRE(client.send("GET /records/" + r.request_id.text() +
                        " HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n"));
    outputs["page of " + r.request_id.text()] = client.read_to_end().bytes;
    CHECK(outputs["page of " + r.request_id.text()].find("this record") != std::string::npos);
  }
  for (const auto& [command, output] : outputs) {
    CHECK(!output.empty());
    CHECK(found(command, output) == 0);
  }
  rig.recorder().stop();
  CHECK(found("the log", rig.recorder().log()) == 0);
  CHECK(found("standard output", rig.recorder().process().out()) == 0);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(rig.dir().path())) {
    if (!entry.is_regular_file()) continue;
    ++files;
    CHECK(found(entry.path().filename().string(), read_file(entry.path())) == 0);
  }
  CHECK(files >= 4);  // the store's two, the CA's, the bundle
}
