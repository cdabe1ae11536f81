#include "edit/pipe.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::edit;

namespace {

constexpr Options kEnsure{.ensure_usage = true};
constexpr Options kStrip{.strip_usage_frame = true};
constexpr Options kBoth{.ensure_usage = true, .strip_usage_frame = true};
constexpr Options kName{.request_id_header = true};
const char* const kHost = "vllm.example";

std::string request(const std::string& body, const std::string& fields = "",
                    const std::string& path = "/v1/chat/completions") {
  return "POST " + path + " HTTP/1.1\r\nHost: h\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
const std::string kAsk = R"({"model":"m","stream":true})";
const std::string kAskUsage =
    R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})";

const std::string kText = R"(data: {"choices":[{"delta":{"content":"a"}}]})"
                          "\n\n";
const std::string kUsage = R"(data: {"choices":[],"usage":{"total_tokens":3}})"
                           "\n\n";
const std::string kDone = "data: [DONE]\n\n";

const std::string kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
std::string chunk(const std::string& data) {
  char size[16];
  std::snprintf(size, sizeof size, "%zx", data.size());
  return size + ("\r\n" + data) + "\r\n";
}
const std::string kLast = "0\r\n\r\n";
const std::string kAnswer = kHead + chunk(kText) + chunk(kUsage) + chunk(kDone) + kLast;
const std::string kStripped = kHead + chunk(kText) + chunk(kDone) + kLast;

RecordId id(std::uint8_t n) {
  RecordId out;
  out.octets[15] = n;
  return out;
}

struct Passed {
  std::string request;
  std::string answer;
  std::vector<Outcome> outcomes;
};

// Calls that follow one another, each direction in pieces.
Passed pass(Options options, const std::vector<std::pair<std::string, std::string>>& calls,
            std::size_t step = 0, bool end = true) {
  Pipe pipe(options, kHost, "");
  Passed out;
  std::uint8_t n = 0;
  const auto each = [step](const std::string& text, auto&& f) {
    const std::size_t size = step == 0 ? text.size() : step;
    for (std::size_t at = 0; at < text.size(); at += size) f(Bytes(text).substr(at, size));
  };
  for (const auto& [asked, answered] : calls) {
    bool named = false;
    each(asked, [&](Bytes octets) {
      out.request.append(pipe.request(octets));
      if (!std::exchange(named, true)) pipe.name_call(id(++n));
    });
    each(answered, [&](Bytes octets) { out.answer.append(pipe.answer(octets)); });
    if (!end) continue;
    out.outcomes.push_back(pipe.take(id(n)));
  }
  out.request.append(pipe.end_of_requests());
  out.answer.append(pipe.end_of_answers());
  if (!end) out.outcomes.push_back(pipe.take(id(n)));
  return out;
}

using Notes = std::vector<std::pair<std::string, std::string>>;
Notes ensure(const std::string& said) { return {{"ensure_usage", said}}; }

}  // namespace

TEST_CASE("usage is asked for, and nothing else changes") {
  const std::string asked = request(kAsk, "X-Odd:  kept \r\n");
  for (std::size_t step = 0; step <= asked.size(); ++step) {
    const Passed p = pass(kEnsure, {{asked, kAnswer}}, step);
    CHECK(p.request == request(kAskUsage, "X-Odd:  kept \r\n"));
    CHECK(p.answer == kAnswer);
    CHECK(p.outcomes[0].notes == ensure("added"));
    CHECK(p.outcomes[0].ensured);
    CHECK(p.outcomes[0].answer_grew == 0);
  }
  const Passed p =
      pass(kEnsure, {{request(R"({"stream":true,"stream_options":{"include_usage":false}})"), ""}});
  CHECK(p.request == request(R"({"stream":true,"stream_options":{"include_usage":true}})"));
  CHECK(p.outcomes[0].notes == ensure("replaced"));
  CHECK(p.outcomes[0].against_client);
}

TEST_CASE("what cannot be edited safely passes, and a note says why") {
  const auto skipped = [](const std::string& asked, const std::string& why) {
    for (const std::size_t step : {0U, 1U, 13U}) {
      if (step == 1 && asked.size() > 100'000) continue;
      const Passed p = pass(kEnsure, {{asked, kAnswer}}, step);
      CHECK(p.request == asked);
      CHECK(p.outcomes[0].notes == ensure("skipped:" + why));
      CHECK_FALSE(p.outcomes[0].ensured);
    }
  };
  skipped(request(kAsk, "Content-Encoding: gzip\r\n"), "compressed");
  skipped(request(kAsk, "Expect: 100-continue\r\n"), "expect_continue");
  skipped(request(kAsk, "Content-MD5: x\r\n"), "signed_body");
  skipped(request(R"({"model":"m"})"), "not_streaming");
  skipped(request("no json"), "not_json");
  skipped(request(""), "not_json");
  skipped(request(R"({"stream":true,"stream":true})"), "duplicate_key");
  skipped("POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(kAsk) +
              kLast,
          "chunked");
  skipped(request(std::string(limits::kEditBodyOctets + 1, ' ')), "over_limit");
  std::string large = "POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t n = 0; n <= limits::kEditBodyOctets; n += 1 << 20) {
    large += chunk(std::string(1 << 20, ' '));
  }
  CHECK(pass(kEnsure, {{large + kLast, ""}}).request == large + kLast);
  CHECK(pass(kEnsure, {{large + kLast, ""}}).outcomes[0].notes == ensure("skipped:over_limit"));
}

TEST_CASE("what is no such request is not even looked at") {
  for (const char* path : {"/v1/responses", "/v1/embeddings", "/v1/messages", "/v1/models"}) {
    const Passed p = pass(kBoth, {{request(kAsk, "", path), kAnswer}});
    CHECK(p.request == request(kAsk, "", path));
    CHECK(p.answer == kAnswer);
    CHECK(p.outcomes[0].notes.empty());
  }
  const Passed asked = pass(kBoth, {{request(kAskUsage), kAnswer}});
  CHECK(asked.request == request(kAskUsage));
  CHECK(asked.answer == kAnswer);
  CHECK(asked.outcomes[0].notes.empty());
  CHECK(pass(kEnsure, {{request(kAsk, "", "/v1/completions"), ""}}).request ==
        request(kAskUsage, "", "/v1/completions"));
}

TEST_CASE(
    "a provider that sends usage to everybody is not asked; a dialect that was named counts") {
  Pipe mistral(kEnsure, "api.mistral.ai", "");
  CHECK(mistral.request(request(kAsk)) == request(kAsk));
  mistral.name_call(id(1));
  CHECK(mistral.take(id(1)).notes == ensure("skipped:always_sent"));
  Pipe named(kEnsure, kHost, "openai.chat");
  CHECK(named.request(request(kAsk, "", "/generate")) == request(kAskUsage, "", "/generate"));
}

TEST_CASE("the usage chunk goes where the client did not ask for it") {
  for (std::size_t step = 0; step < 300; ++step) {
    const Passed p = pass(kBoth, {{request(kAsk), kAnswer}}, step);
    CHECK(p.answer == kStripped);
    const Notes notes = {{"ensure_usage", "added"}, {"strip_usage_frame", "dropped"}};
    CHECK(p.outcomes[0].notes == notes);
    CHECK(p.outcomes[0].answer_grew ==
          static_cast<std::int64_t>(kStripped.size()) - static_cast<std::int64_t>(kAnswer.size()));
  }
  // Without the other edit, the request is only read, as it passes.
  const Passed alone = pass(kStrip, {{request(kAsk), kAnswer}}, 3);
  CHECK(alone.request == request(kAsk));
  CHECK(alone.answer == kStripped);
}

TEST_CASE("answers that are not to be touched") {
  const auto same = [](const std::string& asked, const std::string& answer, const Notes& notes) {
    const Passed p = pass(kStrip, {{asked, answer}}, 7);
    CHECK(p.answer == answer);
    CHECK(p.outcomes[0].notes == notes);
  };
  const std::string body = chunk(kText) + chunk(kUsage) + chunk(kDone) + kLast;
  const auto head = [](const std::string& more) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + more + "\r\n";
  };
  same(request(kAsk), head("Content-Type: text/event-stream\r\nContent-Encoding: br\r\n") + body,
       {{"strip_usage_frame", "skipped:compressed"}});
  same(request(kAsk), head("Content-Type: application/json\r\n") + body, {});
  same(request(kAsk),
       "HTTP/1.1 500 No\r\nContent-Type: text/event-stream\r\nContent-Length: " +
           std::to_string(kUsage.size()) + "\r\n\r\n" + kUsage,
       {});
  same(request("no json"), kAnswer, {{"strip_usage_frame", "skipped:request_unread"}});
  same(request(R"({"model":"m"})"), kAnswer, {});
}

TEST_CASE("the id of the record in every final head") {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
  const std::string named =
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Llmrec-Request-Id: " + id(1).text() + "\r\n\r\n{}";
  const std::string second =
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Llmrec-Request-Id: " + id(2).text() + "\r\n\r\n{}";
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
  for (std::size_t step = 0; step < 60; ++step) {
    const Passed p = pass(kName, {{request("{}"), interim + ok}, {request("{}"), ok}}, step);
    CHECK(p.request == request("{}") + request("{}"));
    CHECK(p.answer == interim + named + second);
    CHECK(p.outcomes[0].answer_grew == static_cast<std::int64_t>(named.size() - ok.size()));
  }
}

TEST_CASE("heads and bodies are told apart as RFC 9112 says") {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  const std::string same = "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n";
  for (const std::string& bodiless : {"HEAD" + head, "GET " + same}) {
    const std::string get = bodiless.substr(0, 4) + (bodiless[3] == 'D' ? " " : "") +
                            "/v1/models HTTP/1.1\r\nHost: h\r\n\r\n";
    const Passed p =
        pass(kName, {{get, bodiless.substr(4)}, {request("{}"), ok}}, bodiless.size() % 5);
    CHECK(p.answer.find(id(1).text()) != std::string::npos);
    CHECK(p.answer.find(id(2).text()) != std::string::npos);
  }
}

TEST_CASE("pipelined calls keep their places") {
  Pipe pipe(kBoth, kHost, "");
  std::string sent(pipe.request(request(kAsk) + request(kAskUsage) + request(kAsk)));
  for (std::uint8_t n = 1; n <= 3; ++n) pipe.name_call(id(n));
  CHECK(sent == request(kAskUsage) + request(kAskUsage) + request(kAskUsage));
  CHECK(pipe.ensured(id(1)));
  CHECK_FALSE(pipe.ensured(id(2)));
  CHECK(pipe.ensured(id(3)));
  CHECK(std::string(pipe.answer(kAnswer + kAnswer + kAnswer)) == kStripped + kAnswer + kStripped);
  CHECK(pipe.take(id(2)).notes.empty());
  CHECK(pipe.take(id(1)).notes.size() == 2);
  CHECK(pipe.take(id(3)).notes.size() == 2);
  CHECK(pipe.take(id(3)).notes.empty());
}

TEST_CASE("cut anywhere: what was held goes on when the side has ended") {
  const std::string asked = request(kAsk);
  for (std::size_t n = 0; n < asked.size(); ++n) {
    CAPTURE(n);
    CHECK(pass(kBoth, {{asked.substr(0, n), ""}}, 0, false).request == asked.substr(0, n));
  }
  for (std::size_t n = 0; n <= kHead.size() + chunk(kText).size(); ++n) {
    CAPTURE(n);
    const Passed p = pass(kBoth, {{asked, kAnswer.substr(0, n)}}, 0, false);
    CHECK(p.answer == kAnswer.substr(0, n));
    CHECK(p.outcomes[0].answer_grew == 0);
  }
}

TEST_CASE("what is no HTTP by the letter passes, and so does all behind it") {
  const std::string bad = "POST /v1/chat/completions HTTP/1.1\nHost: h\r\n\r\n" + request(kAsk);
  CHECK(pass(kBoth, {{bad, kAnswer}}, 3).request == bad);
  CHECK(pass(kBoth, {{bad, kAnswer}}, 3).answer == kAnswer);
  const std::string odd = "HTTP/1.1 200 OK\nX: 1\r\n\r\n" + kAnswer;
  const Passed p = pass(kBoth, {{request(kAsk), odd}, {request(kAsk), kAnswer}}, 3);
  CHECK(p.answer == odd + kAnswer);
  CHECK(p.request == request(kAskUsage) + request(kAsk));
}

TEST_CASE("an answer that breaks while the next request is half here loses nothing of it") {
  Pipe pipe(kBoth, kHost, "");
  std::string sent(pipe.request(request(kAsk)));
  pipe.name_call(id(1));
  const std::string second = request(kAsk);
  sent += pipe.request(Bytes(second).substr(0, second.size() - 5));
  CHECK(pipe.answer("nonsense\n") == "nonsense\n");
  sent += pipe.request(Bytes(second).substr(second.size() - 5));
  CHECK(sent == request(kAskUsage) + second);
}

TEST_CASE("another protocol is left alone") {
  const std::string get =
      "GET /v1/realtime HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  const std::string switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
  Pipe pipe(kBoth, kHost, "");
  CHECK(pipe.request(get) == get);
  pipe.name_call(id(1));
  CHECK(pipe.answer(switched + "\x81\x02hi") == switched + "\x81\x02hi");
  CHECK(pipe.request("\x81\x82POST / HTTP/1.1\r\n\r\n") == "\x81\x82POST / HTTP/1.1\r\n\r\n");
  CHECK(pipe.answer("\x88") == "\x88");
}

TEST_CASE("calls that nobody takes are not kept for ever") {
  Pipe pipe(kBoth, kHost, "");
  std::string sent;
  for (std::size_t n = 0; n < 4 * limits::kPipelineMax; ++n) sent += pipe.request(request(kAsk));
  CHECK(sent.ends_with(request(kAsk)));  // it has given up
  CHECK(sent.starts_with(request(kAskUsage)));
}
