// Much of it, in both directions, and a reader that does not read: nothing is lost, nothing is
// kept.
#include <doctest/doctest.h>

#include <string>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;
using record::Status;

namespace {

constexpr std::uint64_t kLarge = 50u << 20;

// A sanitizer's own memory drowns what is measured.
bool memory_is_ours() {
  const std::string program = read_file(llmrec_program());
  return program.find("__asan_init") == std::string::npos &&
         program.find("__tsan_init") == std::string::npos;
}

// Queues of 64 KiB, one TLS record, and what the allocator keeps.
constexpr std::uint64_t kGrowthMost = 4u << 20;

void check_memory(const Recorder& recorder, std::uint64_t before) {
  static const bool ours = memory_is_ours();
  if (!ours) return;
  const std::uint64_t after = recorder.anonymous_memory();
  CHECK(after < before + kGrowthMost);
}

std::string octet_stream() {
  return render({.target = "/v1/files", .host = kHost, .headers = {}, .body = "{}"});
}

}  // namespace

TEST_CASE("integration transfer: 50 MiB down") {
  for (const Framing framing : {Framing::length, Framing::chunked, Framing::close}) {
    CAPTURE(static_cast<int>(framing));
    const Script script = bulk(kLarge, framing);
    Rig rig(answering(script));
    TlsClient client = rig.connect();
    const std::uint64_t before = rig.recorder().anonymous_memory();
    REQUIRE(client.send(octet_stream()));
    REQUIRE(client.read_bytes(bytes_sent_by(script)));
    check_memory(rig.recorder(), before);
    client.half_close();
    const auto messages = answers(client.read_to_end());
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].body_bytes == kLarge);
    CHECK(messages[0].body_sha256 == bulk_sha256(kLarge));
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == Status::ok);
    CHECK(r.response_bytes == bytes_sent_by(script));
    CHECK(r.bytes_to_client == static_cast<std::int64_t>(bytes_sent_by(script)));
  }
}

TEST_CASE("integration transfer: 50 MiB up") {
  Rig rig(answering(play(json("{}"))));
  TlsClient client = rig.connect();
  const std::uint64_t before = rig.recorder().anonymous_memory();
  const std::string head = render({.target = "/v1/files",
                                   .host = kHost,
                                   .headers = {{"Content-Length", std::to_string(kLarge)}},
                                   .framing = Framing::close});
  REQUIRE(client.send(head));
  std::string piece;
  for (std::uint64_t at = 0; at < kLarge; at += 1u << 20) {
    piece.clear();
    append_bulk(piece, at, 1u << 20);
    REQUIRE(client.send(piece));
  }
  REQUIRE(client.read_until("{}"));
  check_memory(rig.recorder(), before);
  client.half_close();
  const ConnectionLog log = rig.finished();
  REQUIRE(log.requests.size() == 1);
  CHECK(log.requests[0].body_bytes == kLarge);
  CHECK(log.requests[0].body_sha256 == bulk_sha256(kLarge));
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::ok);
  CHECK(r.request_bytes == head.size() + kLarge);
}

namespace {

// Waits until the provider could send nothing for a while: every buffer on the way is full.
std::uint64_t stalled_at(FakeProvider& provider) {
  std::uint64_t sent = 0;
  while (true) {
    const bool moved = provider.wait_for(
        0, [&](const ConnectionLog& log) { return log.sent_bytes > sent; }, 300);
    if (!moved) return sent;
    sent = provider.logs()[0].sent_bytes;
    if (sent >= kLarge) return sent;
  }
}

}  // namespace

TEST_CASE("integration transfer: a reader that stops stops the sender") {
  const Script script = bulk(kLarge, Framing::length);
  Rig rig(answering(script));
  ClientOptions through = rig.through();
  through.receive_buffer = 64 * 1024;
  TlsClient client = rig.connect(through);
  const std::uint64_t before = rig.recorder().anonymous_memory();
  REQUIRE(client.send(octet_stream()));
  REQUIRE(client.read_bytes(1u << 20));
  client.pause_reading(true);
  const std::uint64_t sent = stalled_at(rig.provider());
  CHECK(sent > 1u << 20);
  CHECK(sent < kLarge);  // what is on the way is in the kernel's buffers
  check_memory(rig.recorder(), before);

  SUBCASE("and starts it again") {
    client.pause_reading(false);
    REQUIRE(client.read_bytes(bytes_sent_by(script)));
    client.half_close();
    CHECK(answers(client.read_to_end()).at(0).body_sha256 == bulk_sha256(kLarge));
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == Status::ok);
    CHECK(r.client_delivery_status == record::Delivery::full);
  }
  SUBCASE("and when it is gone, the sender is told at once") {
    client.reset();
    REQUIRE(rig.provider().wait_for(
        0, [](const ConnectionLog& log) { return log.client_end.tcp == PeerEnd::Tcp::reset; }));
    const record::Record r = rig.recorder().only_record();
    CHECK(r.status == Status::aborted);
    CHECK(r.failure_stage == record::Stage::client_aborted);
    CHECK(r.error_type == record::ErrorType::client_reset);
    CHECK(r.client_delivery_status == record::Delivery::partial);
    CHECK(r.bytes_to_client.value_or(0) >= 1 << 20);
    CHECK(r.bytes_to_client.value_or(0) < static_cast<std::int64_t>(r.response_bytes));
    CHECK(r.response_bytes <= sent + bytes_sent_by(script) - kLarge);
    CHECK(r.upstream_cancelled);
  }
}

TEST_CASE("integration transfer: an upload that nobody reads stops the client") {
  RigOptions options;
  options.provider.at_head = [](const Request&) {
    return std::optional(Script{Reading{false}, WaitFor{"read on"}, Reading{true}, ReadRequest{},
                                Send{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}});
  };
  Rig rig(std::move(options));
  ClientOptions through = rig.through();
  through.timeout_ms = 1'000;  // of a write that does not get on
  TlsClient client = rig.connect(through);
  const std::uint64_t before = rig.recorder().anonymous_memory();
  REQUIRE(client.send(render({.target = "/v1/files",
                              .host = kHost,
                              .headers = {{"Content-Length", std::to_string(kLarge)}},
                              .framing = Framing::close})));
  REQUIRE(rig.provider().wait_for(
      0, [](const ConnectionLog& log) { return log.waiting_for == "read on"; }));
  std::string piece;
  std::uint64_t at = 0;
  bool taken = true;
  while (at < kLarge && taken) {
    piece.clear();
    append_bulk(piece, at, 1u << 20);
    taken = client.send(piece);
    at += 1u << 20;
  }
  CHECK(!taken);
  CHECK(at < kLarge);
  check_memory(rig.recorder(), before);
  rig.provider().open_gate("read on");
  client.reset();
  const record::Record r = rig.recorder().only_record();
  CHECK(r.status == Status::aborted);
  CHECK(r.failure_stage == record::Stage::before_request);
  CHECK(r.error_type == record::ErrorType::request_incomplete);
}
