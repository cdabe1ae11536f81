// The admin port: a thread with its own loop, its connections and their deadlines. Shares nothing
// with the loops that forward, so that nobody who asks can hold up a byte.
// Owned by the daemon; start() and stop() are for its thread.
#pragma once

#include <uv.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "admin/site.h"
#include "admin/worker.h"
#include "base/result.h"
#include "net/listener.h"

namespace llmrec::admin {

class Server {
 public:
  // `site` outlives the server.
  static Result<std::unique_ptr<Server>> make(const Site& site, net::UniqueFd listening);
  ~Server();  // stop()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start();
  void stop();  // cuts what runs; idempotent

 private:
  class Connection;
  struct Answer {
    std::uint64_t connection = 0;
    std::string octets;
  };

  explicit Server(const Site& site);
  void run();
  void on_wake();
  void on_accept(net::UniqueFd fd);
  void on_request(Connection&, const Request&);
  void answer_later(Answer answer);  // worker's thread
  void remove(std::uint64_t id);
  void close_handles();

  const Site& site_;
  uv_loop_t loop_{};
  uv_async_t wake_{};
  bool initialised_ = false;
  bool closing_ = false;
  std::unique_ptr<net::Listener> listener_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t next_id_ = 1;
  std::mutex mutex_;  // guards the next two
  std::vector<Answer> answers_;
  bool deaf_ = false;  // no more answers are taken
  std::atomic<bool> stop_{false};
  std::unique_ptr<Worker> worker_;
  std::thread thread_;
};

}  // namespace llmrec::admin
