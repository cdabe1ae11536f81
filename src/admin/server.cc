#include "admin/server.h"

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <utility>

#include "admin/http.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"

namespace llmrec::admin {

// Reads one request, writes one answer, waits for the client to close, and is gone: at each of
// these within a deadline. The server owns it; remove() from a callback of libuv is safe, as it is
// the last thing that happens when both handles are closed.
class Server::Connection {
 public:
  Connection(Server& server, std::uint64_t id) : server_(server), id_(id) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool open(net::UniqueFd fd) {
    if (uv_tcp_init(&server_.loop_, &tcp_) != 0) return false;
    ++handles_;
    uv_timer_init(&server_.loop_, &timer_);
    ++handles_;
    tcp_.data = timer_.data = write_.data = this;
    if (uv_tcp_open(&tcp_, fd.get()) != 0) return false;
    static_cast<void>(fd.release());
    arm(limits::kAdminReadNs);
    return uv_read_start(stream(), on_room, on_read) == 0;
  }

  // Once.
  void answer(std::string octets) {
    if (closing_) return;
    octets_ = std::move(octets);
    arm(limits::kAdminWriteNs);
    uv_buf_t buffer = uv_buf_init(octets_.data(), static_cast<unsigned>(octets_.size()));
    const auto written = [](uv_write_t* request, int status) noexcept {
      auto* self = static_cast<Connection*>(request->data);
      if (status != 0 || self->closing_) return self->close();
      self->shut_down();
    };
    if (uv_write(&write_, stream(), &buffer, 1, written) != 0) close();
  }

  void close() {
    if (closing_) return;
    closing_ = true;
    const auto gone = [](uv_handle_t* handle) noexcept {
      auto* self = static_cast<Connection*>(handle->data);
      if (--self->handles_ == 0) self->server_.remove(self->id_);
    };
    if (handles_ > 0) uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), gone);
    if (handles_ > 1) uv_close(reinterpret_cast<uv_handle_t*>(&timer_), gone);
  }
  bool has_handles() const { return handles_ > 0; }
  std::uint64_t id() const { return id_; }

 private:
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp_); }

  void arm(std::int64_t ns) {
    uv_timer_start(
        &timer_, [](uv_timer_t* timer) noexcept { static_cast<Connection*>(timer->data)->close(); },
        static_cast<std::uint64_t>(ns / kNsPerMs), 0);
  }

  static void on_room(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) noexcept {
    auto& in = static_cast<Connection*>(handle->data)->in_;
    *buffer = uv_buf_init(in.data(), static_cast<unsigned>(in.size()));
  }

  static void on_read(uv_stream_t* stream, ssize_t n, const uv_buf_t* buffer) noexcept {
    auto* self = static_cast<Connection*>(stream->data);
    if (n < 0) {
      // A client that shuts its side down may still wait for its answer.
      if (n == UV_EOF && self->asked_ && !self->shut_) {
        self->ended_ = true;
        uv_read_stop(stream);
        return;
      }
      return self->close();
    }
    if (n > 0 && !self->asked_) self->take({buffer->base, static_cast<std::size_t>(n)});
  }

  void take(Bytes octets) noexcept {
    const auto state = reader_.feed(octets);
    if (state == RequestReader::State::reading) return;
    asked_ = true;
    arm(limits::kAdminWriteNs);
    if (state == RequestReader::State::refused) {
      return answer(to_http(reader_.refusal(), false));
    }
    server_.on_request(*this, reader_.request());
  }

  // What the client still sends is read and dropped, so that our answer is not lost to an RST.
  void shut_down() {
    shut_ = true;
    arm(limits::kLingerNs);
    const auto done = [](uv_shutdown_t*, int) noexcept {};
    if (ended_ || uv_shutdown(&shutdown_, stream(), done) != 0) close();
  }

  Server& server_;
  std::uint64_t id_;
  uv_tcp_t tcp_{};
  uv_timer_t timer_{};
  uv_write_t write_{};
  uv_shutdown_t shutdown_{};
  int handles_ = 0;
  bool closing_ = false;
  bool asked_ = false;
  bool shut_ = false;
  bool ended_ = false;  // the client has said all
  std::array<char, 4096> in_{};
  std::string octets_;
  RequestReader reader_;
};

Server::Server(const Site& site) : site_(site) {}

Result<std::unique_ptr<Server>> Server::make(const Site& site, net::UniqueFd listening) {
  std::unique_ptr<Server> server(new Server(site));
  const Error failed{Code::resource, "cannot make the admin port: out of descriptors or memory"};
  if (uv_loop_init(&server->loop_) != 0) return failed;
  if (uv_async_init(&server->loop_, &server->wake_, [](uv_async_t* async) noexcept {
        static_cast<Server*>(async->data)->on_wake();
      }) != 0) {
    uv_loop_close(&server->loop_);
    return failed;
  }
  server->initialised_ = true;
  server->wake_.data = server.get();
  Server* self = server.get();
  server->listener_ = std::make_unique<net::Listener>(
      [self](net::UniqueFd fd, const net::Address&) { self->on_accept(std::move(fd)); },
      [self] { return self->connections_.size() < limits::kAdminConnections; }, [] {});
  if (!server->listener_->open(&server->loop_, std::move(listening))) return failed;
  return server;
}

Server::~Server() {
  stop();
  if (!initialised_) return;
  close_handles();
  uv_run(&loop_, UV_RUN_DEFAULT);
  LLMREC_REQUIRE(uv_loop_close(&loop_) == 0);
}

void Server::start() {
  worker_ = std::make_unique<Worker>(limits::kAdminJobs);
  thread_ = std::thread([this] { run(); });
}

void Server::run() { uv_run(&loop_, UV_RUN_DEFAULT); }

void Server::stop() {
  if (!thread_.joinable()) return;
  stop_ = true;
  uv_async_send(&wake_);
  thread_.join();
  worker_.reset();
}

void Server::on_wake() {
  if (stop_) return close_handles();
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    answers.swap(answers_);
  }
  for (Answer& answer : answers) {
    const auto found = connections_.find(answer.connection);
    if (found != connections_.end()) found->second->answer(std::move(answer.octets));
  }
}

void Server::on_accept(net::UniqueFd fd) {
  const std::uint64_t id = next_id_++;
  Connection& connection =
      *connections_.emplace(id, std::make_unique<Connection>(*this, id)).first->second;
  if (connection.open(std::move(fd))) return;
  if (connection.has_handles()) {
    connection.close();
  } else {
    remove(id);
  }
}

void Server::remove(std::uint64_t id) {
  connections_.erase(id);
  if (listener_->paused() && !closing_) listener_->resume();
}

void Server::on_request(Connection& connection, const Request& request) {
  const bool head = request.is_head();
  if (const auto now = site_.answer_now(request)) return connection.answer(to_http(*now, head));
  const bool taken = worker_->post([this, id = connection.id(), request, head] {
    Response response;
    try {
      response = site_.answer_from_store(request);
    } catch (const std::exception& e) {  // no memory: the next one may have some
      log::warn("admin", e.what());
      response = plain(500, "this could not be answered; the log says why");
    }
    answer_later({id, to_http(response, head)});
  });
  if (taken) return;
  Response busy = plain(503, "too many questions at once");
  busy.retry_after_s = 1;
  connection.answer(to_http(busy, head));
}

void Server::answer_later(Answer answer) {
  const std::lock_guard lock(mutex_);
  if (deaf_) return;
  answers_.push_back(std::move(answer));
  uv_async_send(&wake_);  // under the lock: never once the handle is closed
}

void Server::close_handles() {
  if (closing_) return;
  closing_ = true;
  listener_->close();
  for (const auto& [id, connection] : connections_) connection->close();
  {
    const std::lock_guard lock(mutex_);
    deaf_ = true;
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
}

}  // namespace llmrec::admin
