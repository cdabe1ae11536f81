// A provider for tests: an HTTP/1.1 server on loopback, with TLS or without, that plays scripts
// and keeps an exact transcript of what it saw. Knows nothing of the program under test.
//
//   FakeProvider provider(provider_with(ca));
//   ... a client talks to provider.port() ...
//   REQUIRE(provider.wait_for(0, [](const ConnectionLog& log) { return log.client_end.any(); }));
//
// One thread accepts, one more per connection plays. The methods may be called from any thread;
// handlers run on the connections' threads. The destructor ends every connection and joins.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "support/conn.h"
#include "support/http_reader.h"
#include "support/script.h"
#include "support/test_ca.h"
#include "support/tls_context.h"

namespace llmrec::support {

struct Request : HttpMessage {
  Instant head_at, complete_at;
};

// Up to so many bytes of a connection, and of a request's body, are kept as they are; count and
// SHA-256 cover all.
inline constexpr std::size_t kTranscriptCap = 64u << 20;
inline constexpr std::size_t kSendMarksCap = 1u << 20;

struct SendMark {
  Instant at;                // the kernel has taken the last byte of the step
  std::uint64_t offset = 0;  // response bytes of the connection so far
};

struct ConnectionLog {
  std::size_t index = 0;  // in the order of accept
  std::string bytes;      // from the client, in clear text, in order, up to kTranscriptCap
  std::uint64_t received_bytes = 0;
  std::string received_sha256;  // as of the last complete request, or of the end
  std::string before_tls;       // what the script of that name read, ahead of the handshake
  std::vector<Request> requests;
  std::string open_head;  // of a request whose body is still coming

  bool handshake_done = false;
  std::string handshake_error;
  TlsFacts tls;

  std::uint64_t sent_bytes = 0;
  std::vector<SendMark> sends;  // one per Send and SendBulk
  std::string waiting_for;      // the gate at which the script stands
  PeerEnd client_end;           // "open" when we were the ones to drop the connection

  Instant accepted_at;
  std::optional<Instant> handshake_at, first_byte_at, finished_at;
  bool finished = false;              // the script is over and the socket closed
  std::vector<std::string> problems;  // what a test would like to know when it fails
};
using Logs = std::deque<ConnectionLog>;

using Handler = std::function<Script(const Request&)>;

struct ProviderOptions {
  std::uint16_t port = 0;             // 0: any free one
  bool v6 = false;                    // on ::1, and not on 127.0.0.1
  std::optional<ServerTls> tls = {};  // nullopt: plain HTTP
  Handler handler = {};               // null: fake_scenes.h, by the request's x-fake header
  // Asked when a head is complete: a script answers without waiting for the body.
  std::function<std::optional<Script>(const Request&)> at_head = {};
  bool send_continue = true;       // answers Expect: 100-continue (RFC 9110 §10.1.1)
  Script before_tls = {};          // played in clear text right after accept
  Script at_open = {};             // played after the handshake, before any request
  std::int64_t limit_ms = 60'000;  // no single wait is longer; then the connection is dropped
  bool keep_logs = true;           // off for a server that runs for ever
};

// TLS with a leaf of the given kind for the usual names.
ProviderOptions provider_with(const TestCa&, LeafKind = LeafKind::good,
                              const std::vector<std::string>& names = {"api.openai.com",
                                                                       "localhost", "127.0.0.1"});

// What connections and tests share: the logs and the gates.
class LogBook {
 public:
  template <class F>
  void change(ConnectionLog& log, F&& f) {
    {
      const std::lock_guard lock(mutex_);
      f(log);
    }
    changed_.notify_all();
  }
  ConnectionLog& add();
  Logs copy() const;
  bool wait_for(const std::function<bool(const Logs&)>&, std::int64_t timeout_ms);
  void open_gate(const std::string&);
  bool gate_is_open(const std::string&) const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Logs logs_;  // a deque: the connections hold references
  std::set<std::string> gates_;
};

class ProviderConnection;

class FakeProvider {
 public:
  explicit FakeProvider(ProviderOptions);  // throws std::runtime_error
  ~FakeProvider();
  FakeProvider(const FakeProvider&) = delete;
  FakeProvider& operator=(const FakeProvider&) = delete;

  std::uint16_t port() const { return port_; }
  Logs logs() const { return book_.copy(); }
  // Waits until the predicate holds for the logs; false at the deadline. The predicate runs under
  // the log's lock: it must not call back.
  bool wait_for(const std::function<bool(const Logs&)>& predicate,
                std::int64_t timeout_ms = 10'000) {
    return book_.wait_for(predicate, timeout_ms);
  }
  // The same for one connection; false as long as there is no such connection.
  bool wait_for(std::size_t connection, const std::function<bool(const ConnectionLog&)>& predicate,
                std::int64_t timeout_ms = 10'000);
  bool wait_finished(std::size_t connections, std::int64_t timeout_ms = 10'000);
  void open_gate(const std::string& name);
  void stop();  // refuses new connections, drops the living ones

 private:
  struct Worker {
    std::unique_ptr<ConnectionLog> own_log;  // when logs are not kept
    std::unique_ptr<ProviderConnection> connection;
    std::thread thread;
  };

  void accept_loop();
  void start(UniqueFd);
  void reap();

  ProviderOptions options_;
  std::unique_ptr<ServerContext> tls_;
  UniqueFd listener_, wake_;
  std::uint16_t port_ = 0;
  LogBook book_;
  std::mutex workers_mutex_;
  std::vector<Worker> workers_;
  std::thread acceptor_;
};

}  // namespace llmrec::support
