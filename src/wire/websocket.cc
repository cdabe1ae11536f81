#include "wire/websocket.h"

#define ZLIB_CONST  // zlib then takes const input
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "base/limits.h"

namespace llmrec::wire {
namespace {

enum Opcode : unsigned {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10
};

constexpr unsigned kFin = 0x80;
constexpr unsigned kCompressed = 0x40;  // RSV1, RFC 7692 §6
constexpr unsigned kReservedBits = 0x30;
constexpr unsigned kMasked = 0x80;
constexpr std::uint64_t kControlMost = 125;  // RFC 6455 §5.5
constexpr std::size_t kBlock = 16 * 1024;
static_assert(limits::kWebSocketInflatedMax % kBlock == 0);

Bytes trim(Bytes b) {
  while (!b.empty() && (b.front() == ' ' || b.front() == '\t')) b.remove_prefix(1);
  while (!b.empty() && (b.back() == ' ' || b.back() == '\t')) b.remove_suffix(1);
  return b;
}

// Takes the next part of a list off its front.
Bytes take(Bytes& rest, char separator) {
  const std::size_t at = std::min(rest.find(separator), rest.size());
  const Bytes part = trim(rest.substr(0, at));
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return part;
}

}  // namespace

WebSocketExtensions parse_websocket_extensions(Bytes value) {
  WebSocketExtensions out;
  // The only value in quotes that we know is a number of bits; nobody quotes a comma.
  while (!value.empty()) {
    Bytes extension = take(value, ',');
    if (extension.empty()) continue;
    const Bytes name = take(extension, ';');
    if (!equals_ignoring_case(name, "permessage-deflate") || out.deflate) {
      out.unknown = true;
      continue;
    }
    out.deflate = true;
    while (!extension.empty()) {
      Bytes parameter = take(extension, ';');
      const Bytes key = take(parameter, '=');
      if (equals_ignoring_case(key, "server_no_context_takeover")) {
        out.server_no_context_takeover = true;
      } else if (equals_ignoring_case(key, "client_no_context_takeover")) {
        out.client_no_context_takeover = true;
      } else if (!equals_ignoring_case(key, "server_max_window_bits") &&
                 !equals_ignoring_case(key, "client_max_window_bits")) {
        out.unknown = true;  // a smaller window is no matter for the one who inflates
      }
    }
  }
  return out;
}

// RFC 7692 §7.2.2: bare deflate, each message without its last 00 00 FF FF.
class WebSocketReader::Inflater {
 public:
  Inflater() { ready_ = inflateInit2(&z_, -15) == Z_OK; }
  ~Inflater() {
    if (ready_) inflateEnd(&z_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  bool begin(bool fresh) {
    out_ = 0;
    if (!fresh) return ready_;
    ended_ = false;
    return ready_ && inflateReset(&z_) == Z_OK;
  }

  template <class Out>
  bool feed(Bytes octets, Out&& out) {
    while (ready_ && !octets.empty()) {
      const std::size_t given =
          std::min<std::size_t>(octets.size(), std::numeric_limits<uInt>::max());
      const std::size_t used = run(octets.substr(0, given), out);
      if (used == 0) return false;
      octets.remove_prefix(used);
    }
    return ready_;
  }

  template <class Out>
  bool end(Out&& out) {
    return feed(Bytes("\x00\x00\xff\xff", 4), out);
  }

 private:
  // Octets used; 0 where it cannot go on.
  template <class Out>
  std::size_t run(Bytes octets, Out&& out) {
    if (ended_ && !restart()) return 0;
    char block[kBlock];
    z_.next_in = reinterpret_cast<const Bytef*>(octets.data());
    z_.avail_in = static_cast<uInt>(octets.size());
    for (;;) {
      // Blocks end at multiples of their size, wherever the input was cut, so that the limit
      // strikes at the same octet for every cut. Deflate makes 1,032 octets of one at most, so a
      // limit on that ratio would add nothing.
      const std::size_t room = kBlock - static_cast<std::size_t>(out_ % kBlock);
      z_.next_out = reinterpret_cast<Bytef*>(block);
      z_.avail_out = static_cast<uInt>(room);
      const int rc = ::inflate(&z_, Z_SYNC_FLUSH);
      const std::size_t made = room - z_.avail_out;
      if (out_ + made > limits::kWebSocketInflatedMax) return 0;
      out_ += made;
      if (made != 0) out(Bytes(block, made));
      ended_ = rc == Z_STREAM_END;
      if (rc != Z_OK && rc != Z_BUF_ERROR && !ended_) return 0;
      if (ended_ || (z_.avail_in == 0 && z_.avail_out != 0)) break;
      if (rc == Z_BUF_ERROR && made == 0) return 0;
    }
    return octets.size() - z_.avail_in;
  }

  // A message may end with a final block (§7.2.3.4). What follows is a new stream, which still
  // refers to the window of the old one.
  bool restart() {
    ended_ = false;
    std::array<Bytef, 32768> window;
    uInt size = 0;
    if (inflateGetDictionary(&z_, window.data(), &size) != Z_OK) return false;
    if (inflateReset(&z_) != Z_OK) return false;
    return size == 0 || inflateSetDictionary(&z_, window.data(), size) == Z_OK;
  }

  z_stream z_{};
  std::uint64_t out_ = 0;  // of this message
  bool ready_ = false;
  bool ended_ = false;
};

WebSocketReader::WebSocketReader(bool deflate, bool takeover, WebSocketHandler& handler)
    : handler_(handler), deflate_(deflate), takeover_(takeover) {}

WebSocketReader::~WebSocketReader() = default;

void WebSocketReader::fail(WebSocketError error) {
  error_ = error;
  handler_.on_error(error);
}

void WebSocketReader::set_inflated(bool well) {
  if (well) return;
  inflate_failed_ = true;
  handler_.on_inflate_failed();
}

void WebSocketReader::feed(Bytes octets) {
  while (!octets.empty() && !dead()) {
    if (!in_payload_) {
      read_head(octets);
    } else {
      read_payload(octets);
    }
  }
}

// How long the head is, as far as its first octets tell (RFC 6455 §5.2).
std::size_t WebSocketReader::head_octets() const {
  if (head_size_ < 2) return 2;
  const unsigned length = head_[1] & 0x7fU;
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  return 2 + extended + ((head_[1] & kMasked) != 0 ? 4 : 0);
}

void WebSocketReader::read_head(Bytes& octets) {
  while (head_size_ < head_octets() && !octets.empty()) {
    head_[head_size_++] = static_cast<unsigned char>(octets.front());
    octets.remove_prefix(1);
  }
  if (head_size_ >= 2 && head_size_ == head_octets()) begin_frame();
}

void WebSocketReader::begin_frame() {
  const unsigned opcode = head_[0] & 0x0fU;
  const bool control = opcode >= 8;
  const unsigned length = head_[1] & 0x7fU;
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  left_ = extended == 0 ? length : 0;
  for (std::size_t i = 0; i < extended; ++i) left_ = left_ << 8 | head_[2 + i];
  const bool compressed = (head_[0] & kCompressed) != 0;
  const bool known = opcode <= kBinary || (opcode >= kClose && opcode <= kPong);
  if (!known || (head_[0] & kReservedBits) != 0 || (left_ >> 63) != 0 ||
      (compressed && (!deflate_ || control || opcode == kContinuation))) {
    return fail(WebSocketError::reserved);
  }
  if (control) {
    if ((head_[0] & kFin) == 0 || left_ > kControlMost) return fail(WebSocketError::control);
    control_octets_ = 0;
  } else {
    if ((opcode == kContinuation) != in_message_) return fail(WebSocketError::sequence);
    if (opcode != kContinuation) {
      in_message_ = true;
      text_ = opcode == kText;
      compressed_ = compressed;
      handler_.on_message_begin(text_);
      if (compressed_ && !inflate_failed_) {
        if (inflater_ == nullptr) inflater_ = std::make_unique<Inflater>();
        set_inflated(inflater_->begin(!takeover_));
      }
    }
  }
  mask_at_ = 0;
  in_payload_ = true;
  if (left_ == 0) end_frame();
}

void WebSocketReader::read_payload(Bytes& octets) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, octets.size()));
  Bytes part = octets.substr(0, size);
  octets.remove_prefix(size);
  left_ -= size;
  if ((head_[1] & kMasked) == 0) {
    plain_payload(part);
  } else {
    const unsigned char* key = head_.data() + head_octets() - 4;
    std::array<char, 4096> plain;
    while (!part.empty()) {
      const std::size_t n = std::min(part.size(), plain.size());
      for (std::size_t i = 0; i < n; ++i) {
        plain[i] = static_cast<char>(static_cast<unsigned char>(part[i]) ^ key[mask_at_]);
        mask_at_ = (mask_at_ + 1) & 3U;
      }
      plain_payload({plain.data(), n});
      part.remove_prefix(n);
    }
  }
  if (left_ == 0) end_frame();
}

void WebSocketReader::plain_payload(Bytes octets) {
  if ((head_[0] & 8U) != 0) {  // control
    for (const char c : octets) {
      if (control_octets_ < close_code_.size()) {
        close_code_[control_octets_] = static_cast<unsigned char>(c);
      }
      ++control_octets_;
    }
    return;
  }
  counters_.payload_octets = saturating_add(counters_.payload_octets, octets.size());
  if (!compressed_) {
    handler_.on_message_data(octets);
  } else {
    inflate(octets);
  }
}

void WebSocketReader::inflate(Bytes octets) {
  if (inflate_failed_) return;
  set_inflated(inflater_->feed(octets, [this](Bytes plain) { handler_.on_message_data(plain); }));
}

void WebSocketReader::end_frame() {
  ++counters_.frames;
  in_payload_ = false;
  head_size_ = 0;
  if ((head_[0] & 8U) != 0) {
    ++counters_.control_frames;
    end_control();
  } else if ((head_[0] & kFin) != 0) {
    end_message();
  }
}

void WebSocketReader::end_control() {
  switch (head_[0] & 0x0fU) {
    case kPing:
      handler_.on_ping();
      break;
    case kPong:
      handler_.on_pong();
      break;
    default: {
      closed_ = true;
      std::optional<std::uint16_t> code;
      if (control_octets_ >= 2) {
        code = static_cast<std::uint16_t>(close_code_[0] << 8 | close_code_[1]);
      }
      handler_.on_close(code, control_octets_ >= 2 ? control_octets_ - 2 : 0);
      break;
    }
  }
}

void WebSocketReader::end_message() {
  if (compressed_ && !inflate_failed_) {
    set_inflated(inflater_->end([this](Bytes plain) { handler_.on_message_data(plain); }));
  }
  ++counters_.messages;
  if (text_) ++counters_.text_messages;
  in_message_ = false;
  handler_.on_message_end(!(compressed_ && inflate_failed_));
}

}  // namespace llmrec::wire
