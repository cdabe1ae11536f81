#include "wire/http1.h"

#include <llhttp.h>

#include <algorithm>
#include <new>

#include "base/check.h"
#include "base/limits.h"

namespace llmrec::wire {
namespace {

// Where safe_head_prefix() stands.
constexpr std::uint8_t kInLine = 0;
constexpr std::uint8_t kBehindCr = 1;
constexpr std::uint8_t kLineBegins = 2;
constexpr std::uint8_t kHeadEnds = 3;

llhttp_t* as_llhttp(unsigned char* octets) {
  return std::launder(reinterpret_cast<llhttp_t*>(octets));
}

Bytes trim_end(Bytes value) {
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  return value;
}

}  // namespace

// What llhttp calls. Nothing may be thrown through C: a handler's exception becomes -1.
struct Http1Parser::Callbacks {
  static Http1Parser& self(llhttp_t* l) { return *static_cast<Http1Parser*>(l->data); }

  template <class F>
  static int guarded(llhttp_t* l, F f) noexcept {
    try {
      return f(self(l));
    } catch (...) {
      return -1;
    }
  }

  static HeadBuffer& buffer(Http1Parser& p) {
    if (p.head_ == nullptr) p.head_ = std::make_unique<HeadBuffer>();
    return *p.head_;
  }

  // Pausing tells feed_some() exactly where a message begins and ends.
  static int on_message_begin(llhttp_t* l) noexcept {
    return guarded(l, [](Http1Parser& p) {
      p.in_message_ = true;
      p.head_complete_ = false;
      p.in_trailers_ = false;
      p.body_until_close_ = false;
      p.interim_ = false;
      p.head_octets_ = 0;
      p.line_state_ = kInLine;
      p.handler_.on_message_begin();
      return static_cast<int>(HPE_PAUSED);
    });
  }

  static int on_url(llhttp_t* l, const char* at, std::size_t size) noexcept {
    return guarded(l, [&](Http1Parser& p) {
      buffer(p).target.append(at, size);
      return 0;
    });
  }

  static int on_status_complete(llhttp_t* l) noexcept {
    return guarded(l, [&](Http1Parser& p) {
      p.handler_.on_status(l->status_code);
      return 0;
    });
  }

  static int on_header_field(llhttp_t* l, const char* at, std::size_t size) noexcept {
    return guarded(l, [&](Http1Parser& p) {
      HeadBuffer& b = buffer(p);
      if (b.name.size() + size > limits::kHttpFieldNameMax) b.name_too_long = true;
      if (b.name_too_long) return 0;
      for (std::size_t i = 0; i < size; ++i) b.name += ascii_lower(at[i]);
      return 0;
    });
  }

  static int on_header_field_complete(llhttp_t* l) noexcept {
    return guarded(l, [](Http1Parser& p) {
      HeadBuffer& b = buffer(p);
      if (b.name.empty() && !b.name_too_long) return -1;  // llhttp 8 lets it pass
      b.wanted = !b.name_too_long && p.handler_.wants_field(b.name);
      return 0;
    });
  }

  static int on_header_value(llhttp_t* l, const char* at, std::size_t size) noexcept {
    return guarded(l, [&](Http1Parser& p) {
      HeadBuffer& b = buffer(p);
      if (b.wanted) {
        b.value.append(at, std::min(size, limits::kHttpFieldValueMax - b.value.size()));
      }
      return 0;
    });
  }

  static int on_header_value_complete(llhttp_t* l) noexcept {
    return guarded(l, [](Http1Parser& p) {
      HeadBuffer& b = buffer(p);
      if (b.wanted && p.head_complete_) p.handler_.on_trailer(b.name, trim_end(b.value));
      if (b.wanted && !p.head_complete_) p.handler_.on_field(b.name, trim_end(b.value));
      b.name.clear();
      b.value.clear();
      b.name_too_long = false;
      b.wanted = false;
      return 0;
    });
  }

  static int on_headers_complete(llhttp_t* l) noexcept {
    return guarded(l, [&](Http1Parser& p) {
      if (l->http_major != 1) return -1;
      const bool response = p.kind_ == Http1Kind::response;
      Http1Head head;
      head.kind = p.kind_;
      if (response) {
        if (l->status_code < 100) return -1;
        head.status = l->status_code;
      } else {
        head.method = llhttp_method_name(static_cast<llhttp_method_t>(l->method));
        head.target = buffer(p).target;
      }
      head.minor_version = l->http_minor;
      if ((l->flags & F_CONTENT_LENGTH) != 0) head.content_length = l->content_length;
      head.chunked = (l->flags & F_CHUNKED) != 0;
      head.keep_alive = head.minor_version > 0 ? (l->flags & F_CONNECTION_CLOSE) == 0
                                               : (l->flags & F_CONNECTION_KEEP_ALIVE) != 0;
      head.upgrade = response ? head.status == 101 : l->upgrade != 0;
      p.interim_ = response && head.status / 100 == 1 && head.status != 101;

      BodyRule rule = p.handler_.on_head(head);
      p.head_.reset();
      p.head_complete_ = true;
      if (!response) return 0;
      if (head.status == 101) rule = BodyRule::tunnel;
      if (rule == BodyRule::tunnel) {
        p.upgraded_ = true;
        return 2;
      }
      if (p.interim_ || head.status == 204 || head.status == 304) rule = BodyRule::none;
      p.body_until_close_ = rule == BodyRule::by_framing && llhttp_message_needs_eof(l) != 0;
      return rule == BodyRule::none ? 1 : 0;
    });
  }

  static int on_body(llhttp_t* l, const char* at, std::size_t size) noexcept {
    return guarded(l, [&](Http1Parser& p) {
      p.handler_.on_body({at, size});
      return 0;
    });
  }

  static int on_chunk_header(llhttp_t* l) noexcept {
    self(l).in_trailers_ = l->content_length == 0;
    return 0;
  }

  static int on_message_complete(llhttp_t* l) noexcept {
    return guarded(l, [&](Http1Parser& p) {
      p.closed_ = !p.interim_ && !p.upgraded_ && llhttp_should_keep_alive(l) == 0;
      p.in_message_ = false;
      p.head_.reset();
      p.handler_.on_message_complete();
      p.message_ended_ = true;
      return static_cast<int>(HPE_PAUSED);
    });
  }

  static const llhttp_settings_t* settings() {
    static const llhttp_settings_t s = [] {
      llhttp_settings_t made;
      llhttp_settings_init(&made);
      made.on_message_begin = on_message_begin;
      made.on_url = on_url;
      made.on_status_complete = on_status_complete;
      made.on_header_field = on_header_field;
      made.on_header_field_complete = on_header_field_complete;
      made.on_header_value = on_header_value;
      made.on_header_value_complete = on_header_value_complete;
      made.on_headers_complete = on_headers_complete;
      made.on_body = on_body;
      made.on_chunk_header = on_chunk_header;
      made.on_message_complete = on_message_complete;
      return made;
    }();
    return &s;
  }
};

Http1Parser::Http1Parser(Http1Kind kind, Http1Handler& handler) noexcept
    : handler_(handler), kind_(kind) {
  static_assert(sizeof(llhttp_t) <= sizeof(llhttp_) && alignof(llhttp_t) <= 8);
  static_assert(sizeof(Http1Parser) < 400);
  auto* l = new (llhttp_) llhttp_t;
  llhttp_init(l, kind == Http1Kind::request ? HTTP_REQUEST : HTTP_RESPONSE, Callbacks::settings());
  l->data = this;
}

Http1Parser::~Http1Parser() = default;

std::size_t Http1Parser::feed(Bytes octets) noexcept {
  std::size_t used = 0;
  while (used < octets.size() && error_ == Http1Error::none && !upgraded_) {
    const std::size_t step = feed_some(octets.substr(used));
    used += step;
    if (step != 0) handler_.on_octets(step);
  }
  return used;
}

// Feeds up to the next boundary of interest.
std::size_t Http1Parser::feed_some(Bytes octets) {
  if (!in_message_) {
    // RFC 9112 §2.2: stray line ends between messages are harmless. They are dropped here, since
    // llhttp would give them to the next message if it saw its first octet in the same call.
    const std::size_t blank = std::min(octets.find_first_not_of("\r\n"), octets.size());
    if (closed_ && blank != octets.size()) {
      fail(Http1Error::after_close, "HPE_CLOSED_CONNECTION");
    }
    if (closed_ || blank != 0) return blank;
  }
  const bool in_head = in_message_ && !head_complete_;
  if (in_head) {
    octets = octets.substr(0, safe_head_prefix(octets));
    if (octets.empty()) {
      fail(Http1Error::rejected, line_state_ == kLineBegins ? "HPE_OBS_FOLD" : "HPE_CR_EXPECTED");
      return 0;
    }
  }
  llhttp_t* l = as_llhttp(llhttp_);
  const llhttp_errno_t rc = llhttp_execute(l, octets.data(), octets.size());
  std::size_t used = octets.size();
  if (rc != HPE_OK) used = static_cast<std::size_t>(llhttp_get_error_pos(l) - octets.data());
  if (message_ended_) {
    // A fresh start per message: what llhttp does behind "Connection: close" and behind a request
    // that asks for an upgrade differs between versions, and is decided here.
    message_ended_ = false;
    llhttp_reset(l);
  } else if (rc == HPE_PAUSED) {
    llhttp_resume(l);
  } else if (rc == HPE_PAUSED_UPGRADE) {
    llhttp_resume_after_upgrade(l);
  } else if (rc != HPE_OK) {
    fail(Http1Error::rejected, llhttp_errno_name(rc));
    return used;
  }
  if (in_head && in_message_ && !head_complete_) {
    head_octets_ += static_cast<std::uint32_t>(used);
    if (head_octets_ == limits::kHttpHeadMax) {
      fail(Http1Error::head_too_large, "HPE_HEADER_OVERFLOW");
    }
  }
  return used;
}

// How many octets of a head llhttp may see now: up to the size limit, and not beyond a fold or a
// bare LF. llhttp 8 takes folds (and LF in places), 9 does not; RFC 9112 §5.2 forbids the former.
std::size_t Http1Parser::safe_head_prefix(Bytes octets) {
  octets = octets.substr(0, limits::kHttpHeadMax - head_octets_);
  std::size_t at = 0;
  while (line_state_ != kHeadEnds && at < octets.size()) {
    if (line_state_ == kLineBegins) {
      if (octets[at] == ' ' || octets[at] == '\t') return at;
      line_state_ = octets[at] == '\r' ? kHeadEnds : kInLine;
      if (octets[at] == '\n') return at;
      ++at;
      continue;
    }
    const std::size_t lf = octets.find('\n', at);
    if (lf == Bytes::npos) {
      line_state_ = octets.back() == '\r' ? kBehindCr : kInLine;
      break;
    }
    if (!(lf == at ? line_state_ == kBehindCr : octets[lf - 1] == '\r')) {
      line_state_ = kInLine;
      return lf;
    }
    at = lf + 1;
    line_state_ = kLineBegins;
  }
  return octets.size();
}

void Http1Parser::finish() noexcept {
  if (error_ != Http1Error::none || upgraded_ || !body_until_close()) return;
  llhttp_finish(as_llhttp(llhttp_));
  message_ended_ = false;
  closed_ = true;
}

void Http1Parser::fail(Http1Error error, Bytes name) {
  error_ = error;
  error_name_ = name;
  head_.reset();
}

}  // namespace llmrec::wire
