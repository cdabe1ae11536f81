// One connection of a FakeProvider: reads requests, plays scripts, writes its ConnectionLog.
// Runs on one thread; wake(), stop() and done() may be called from others.
#pragma once

#include <atomic>
#include <deque>
#include <optional>
#include <string>

#include "support/conn.h"
#include "support/fake_provider.h"

namespace llmrec::support {

class ProviderConnection {
 public:
  ProviderConnection(UniqueFd socket, const ProviderOptions&, const ServerContext*, LogBook&,
                     ConnectionLog&);

  void run() noexcept;
  void wake() { conn_.wake(); }
  void stop() { conn_.stop(); }
  bool done() const { return done_.load(); }

 private:
  enum class Went { on, over };

  void serve();
  bool start_tls();
  void serve_requests();
  std::optional<Request> next_request();
  Went attend_head();
  Went play(const Script&);
  void finish();
  void received(Bytes);
  void stamp_requests();
  void problem(std::string);
  Instant limit() const;

  Went step(const Send&);
  Went step(const SendBulk&);
  Went step(const Delay&);
  Went step(const WaitFor&);
  Went step(const ReadRequest&);
  Went step(const Raw&);
  Went step(const ReadRaw&);
  Went step(const ReadHead&);
  Went step(const ReadUntilEof&);
  Went step(const Reading&);
  Went step(const CloseNotify&);
  Went step(const Fin&);
  Went step(const Rst&);
  Went step(const Close&);
  Went step(const Loop&) { return Went::on; }
  void mark_send();
  template <class F>
  Went wait_until(F condition);
  template <class F>
  void log(F&& f) {
    book_.change(log_, std::forward<F>(f));
  }

  const ProviderOptions& options_;
  const ServerContext* tls_;
  LogBook& book_;
  ConnectionLog& log_;
  Conn conn_;
  HttpReader reader_;
  Sha256 digest_;
  std::deque<Request> requests_;  // complete, not yet answered
  std::optional<Instant> head_at_;
  bool head_attended_ = false;
  bool answered_early_ = false;
  bool raw_ = false;
  std::uint64_t raw_bytes_ = 0;
  std::string before_tls_;
  bool opened_ = false;  // past before_tls and the handshake
  std::atomic<bool> done_{false};
};

}  // namespace llmrec::support
