#include "net/dialer.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/limits.h"

namespace llmrec::net {
namespace {

using record::ErrorType;

std::int64_t now_ns() { return static_cast<std::int64_t>(uv_hrtime()); }

std::string errno_name(int error) { return uv_err_name(uv_translate_sys_error(error)); }

ErrorType classify(int error) {
  switch (error) {
    case ECONNREFUSED:
      return ErrorType::connect_refused;
    case ETIMEDOUT:
      return ErrorType::connect_timeout;
    default:
      return ErrorType::connect_failed;
  }
}

}  // namespace

struct Dialer::Attempt final : SocketOwner {
  Attempt(Dialer& d, const Address& to) : dialer(d), address(to), socket(*this) {}

  void on_readable() noexcept override {}
  void on_writable() noexcept override { done(); }
  void on_broken() noexcept override { done(); }
  void on_socket_closed() noexcept override {
    Dialer& d = dialer;
    delete this;
    d.unpin();
  }
  void done() {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    dialer.on_attempt(this, error);
  }

  Dialer& dialer;
  Address address;
  Socket socket;
  std::int64_t started_ns = 0;
};

Dialer::Dialer(uv_loop_t* loop, Resolver& resolver, DialRequest request, Done done)
    : loop_(loop), resolver_(resolver), request_(std::move(request)), done_(std::move(done)) {}

Dialer::~Dialer() = default;

Dialer* Dialer::start(uv_loop_t* loop, Resolver& resolver, DialRequest request, Done done) {
  auto* self = new Dialer(loop, resolver, std::move(request), std::move(done));
  uv_timer_init(loop, &self->timer_);
  self->timer_.data = self;
  ++self->pins_;
  self->deadline_ns_ = now_ns() + self->request_.timeout_ns;
  self->begin();
  return self;
}

// Whatever is known at once is reported from the timer, so that start() never calls back.
void Dialer::begin() {
  addresses_ = request_.addresses;
  if (addresses_.empty()) {
    if (const auto ip = relay::parse_ip_literal(request_.host)) {
      addresses_.push_back({*ip, request_.port});
    }
  }
  if (addresses_.empty()) {
    if (const auto* found = resolver_.remembered(request_.host)) {
      for (const relay::IpAddress& ip : *found) addresses_.push_back({ip, request_.port});
    }
  }
  if (!addresses_.empty()) return arm(0);
  lookup_ = resolver_.ask(request_.host, [this](int status, const auto& found) {
    lookup_ = 0;
    on_resolved(status, found);
  });
  if (lookup_ == 0) {
    last_error_ = ENOMEM;
    return arm(0);
  }
  arm(std::min(limits::kResolveNs, request_.timeout_ns));
}

void Dialer::arm(std::int64_t ns) {
  const std::int64_t left = std::max<std::int64_t>(0, std::min(ns, deadline_ns_ - now_ns()));
  uv_update_time(loop_);
  uv_timer_start(&timer_, on_timer, static_cast<std::uint64_t>((left + kNsPerMs - 1) / kNsPerMs),
                 0);
}

void Dialer::on_timer(uv_timer_t* timer) noexcept {
  auto* self = static_cast<Dialer*>(timer->data);
  if (self->lookup_ != 0) {
    DialResult result;
    result.error = ErrorType::dns_failed;
    result.detail = "timeout";
    result.timed_out = true;
    return self->finish(std::move(result));
  }
  if (now_ns() >= self->deadline_ns_) {
    DialResult result;
    result.error = ErrorType::connect_timeout;
    result.detail = "ETIMEDOUT";
    result.timed_out = true;
    return self->finish(std::move(result));
  }
  if (self->next_ == 0 && !self->all_allowed()) {
    return self->fail(ErrorType::destination_denied, "address_not_allowed");
  }
  self->next();
}

// Resolve once, check every answer, dial exactly those: a name that answers with an address it must
// not have is refused whole.
bool Dialer::all_allowed() const {
  return !request_.allowed || std::all_of(addresses_.begin(), addresses_.end(),
                                          [&](const Address& a) { return request_.allowed(a.ip); });
}

void Dialer::on_resolved(int status, const std::vector<relay::IpAddress>& addresses) {
  if (over_) return;
  if (status != 0 || addresses.empty()) {
    return fail(ErrorType::dns_failed, status != 0 ? uv_err_name(status) : "no_address");
  }
  for (const relay::IpAddress& ip : addresses) addresses_.push_back({ip, request_.port});
  arm(0);
}

void Dialer::next() {
  const std::size_t most = std::min(addresses_.size(), limits::kAddressesMax);
  while (next_ < most) {
    if (launch(addresses_[next_++])) {
      return arm(next_ < most ? limits::kNextAddressNs : deadline_ns_ - now_ns());
    }
  }
  if (!attempts_.empty()) return arm(deadline_ns_ - now_ns());
  DialResult result;
  result.error = classify(last_error_);
  result.detail = errno_name(last_error_);
  result.timed_out = last_error_ == ETIMEDOUT;
  result.unroutable = last_error_ == ENETUNREACH || last_error_ == EHOSTUNREACH;
  finish(std::move(result));
}

bool Dialer::launch(const Address& address) {
  sockaddr_storage storage{};
  const socklen_t size = address.to(storage);
  UniqueFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) {
    last_error_ = errno;
    return false;
  }
  tune(fd.get());
  const std::int64_t started = now_ns();
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0 &&
      errno != EINPROGRESS) {
    last_error_ = errno;
    return false;
  }
  auto attempt = std::make_unique<Attempt>(*this, address);
  attempt->started_ns = started;
  if (!attempt->socket.open(loop_, std::move(fd))) {
    last_error_ = ENOMEM;
    return false;
  }
  attempt->socket.want(false, true);
  ++pins_;
  attempts_.push_back(attempt.release());
  return true;
}

void Dialer::on_attempt(Attempt* attempt, int error) {
  if (over_) return;
  attempts_.erase(std::find(attempts_.begin(), attempts_.end(), attempt));
  if (error != 0) {
    last_error_ = error;
    attempt->socket.close();
    return next();
  }
  DialResult result;
  result.address = attempt->address;
  result.connect_ns = now_ns() - attempt->started_ns;
  result.fd = attempt->socket.take();
  attempt->socket.close();
  finish(std::move(result));
}

void Dialer::fail(ErrorType error, std::string detail) {
  DialResult result;
  result.error = error;
  result.detail = std::move(detail);
  finish(std::move(result));
}

void Dialer::finish(DialResult result) {
  const Done done = std::move(done_);
  close_handles();
  done(std::move(result));
}

void Dialer::cancel() { close_handles(); }

void Dialer::close_handles() {
  if (over_) return;
  over_ = true;
  for (Attempt* attempt : attempts_) attempt->socket.close();
  attempts_.clear();
  if (lookup_ != 0) resolver_.forget(std::exchange(lookup_, 0));
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_),
           [](uv_handle_t* handle) noexcept { static_cast<Dialer*>(handle->data)->unpin(); });
}

void Dialer::unpin() {
  if (--pins_ == 0) delete this;
}

}  // namespace llmrec::net
