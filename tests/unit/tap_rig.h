// A tap and both ends of its connection, as text and milliseconds.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "record/record.h"
#include "tap/tap.h"

namespace llmrec::test {

inline const std::string kHi =
    R"({"id":"c1","model":"m-2","choices":[{"delta":{"content":"hi"}}]})";
inline const std::string kStop = R"({"choices":[{"delta":{},"finish_reason":"stop"}]})";
inline const std::string kUsage =
    R"({"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}})";

inline std::string event(const std::string& data) { return "data: " + data + "\n\n"; }
inline const std::string kDone = event("[DONE]");

inline std::string chunk(const std::string& octets) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string size;
  for (std::size_t n = octets.size(); n != 0; n /= 16) size.insert(size.begin(), kHex[n % 16]);
  return size + "\r\n" + octets + "\r\n";
}
inline const std::string kLastChunk = "0\r\n\r\n";

inline std::string post(const std::string& body, const std::string& fields = {},
                        const std::string& path = "/v1/chat/completions") {
  return "POST " + path +
         " HTTP/1.1\r\nHost: api.openai.com\r\nContent-Type: application/json\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline const std::string kAskStream =
    post(R"({"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]})");
inline const std::string kAskJson = post(R"({"model":"m","messages":[]})");

inline const std::string kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
inline std::string answer(const std::string& status, const std::string& body,
                          const std::string& fields = "Content-Type: application/json\r\n") {
  return "HTTP/1.1 " + status + "\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}
inline const std::string kJson =
    R"({"id":"j1","choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],)"
    R"("usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}})";

class Rig final : public tap::TapHost {
 public:
  explicit Rig(tap::ConnFacts facts) : tap(std::move(facts), *this) {}
  Rig() : Rig(openai()) {}

  static tap::ConnFacts openai() {
    tap::ConnFacts facts;
    facts.host = "api.openai.com";
    facts.port = 443;
    facts.wall.unix_us = 1'780'000'000'000'000;
    return facts;
  }

  Rig& at(std::int64_t ms) {
    now_ = {ms * kNsPerMs};
    return *this;
  }
  Rig& request(const std::string& octets) {
    tap.on_bytes(tap::Dir::request, octets, now_);
    return *this;
  }
  // The client's socket takes what comes, unless it is slow.
  Rig& response(const std::string& octets) {
    tap.on_bytes(tap::Dir::response, octets, now_);
    sent_ += octets.size();
    return slow_ ? *this : accept(sent_);
  }
  Rig& slow() {
    slow_ = true;
    return *this;
  }
  Rig& accept(std::uint64_t total) {
    tap.on_accepted(total, now_);
    return *this;
  }
  std::uint64_t sent() const { return sent_; }
  Rig& upstream(record::CloseHow how, const std::string& alert = {}) {
    tap.on_end(tap::Dir::response, {how, alert}, now_);
    return *this;
  }
  Rig& client(record::CloseHow how, const std::string& alert = {}) {
    tap.on_end(tap::Dir::request, {how, alert}, now_);
    return *this;
  }
  Rig& over(tap::End reason = tap::End::none) {
    tap.on_over(reason, now_);
    return *this;
  }
  record::Record only() const { return records.size() == 1 ? records[0] : record::Record{}; }

  RecordId mint(Instant) override { return ids_.mint(1'780'000'000'000); }
  void on_finished(record::Record&& r) override { records.push_back(std::move(r)); }
  void on_rejected(const RecordId&) override { ++rejected; }

  std::vector<record::Record> records;
  int rejected = 0;

 private:
  RecordIdMint ids_{1};
  Instant now_;
  std::uint64_t sent_ = 0;
  bool slow_ = false;

 public:
  tap::Tap tap;
};

// The verdict in one line, as far as a person asks first.
inline std::string verdict(const record::Record& r) {
  std::string out(record::name(r.status));
  if (r.failure_stage != record::Stage::none) out += " " + std::string(name(r.failure_stage));
  if (r.error_type != record::ErrorType::none) out += " " + std::string(name(r.error_type));
  if (r.fault != record::Fault::none) out += " " + std::string(name(r.fault));
  return out;
}

template <class E>
std::string names(record::Set<E> set) {
  std::string out;
  for (std::size_t i = 0; i < record::kCount<E>; ++i) {
    if (!set.contains(static_cast<E>(i))) continue;
    if (!out.empty()) out += ' ';
    out += record::name(static_cast<E>(i));
  }
  return out;
}

}  // namespace llmrec::test
