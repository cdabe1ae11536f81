#include "support/script.h"

#include <fmt/format.h>

#include <algorithm>

#include "support/digest.h"

namespace llmrec::support {
namespace {

std::string chunk_of(Bytes piece) { return fmt::format("{:x}\r\n{}\r\n", piece.size(), piece); }

std::vector<std::string> recut(const std::vector<std::string>& pieces,
                               const std::vector<std::size_t>& sizes) {
  std::string all;
  for (const auto& piece : pieces) all += piece;
  std::vector<std::string> out;
  for (std::size_t at = 0, i = 0; at < all.size(); ++i) {
    const std::size_t size = std::max<std::size_t>(1, sizes[i % sizes.size()]);
    out.push_back(all.substr(at, size));
    at += size;
  }
  return out;
}

std::vector<std::string> coded_pieces(const Answer& answer) {
  auto pieces = encode(answer.coding, answer.body);
  if (!answer.chunk_sizes.empty()) pieces = recut(pieces, answer.chunk_sizes);
  // An empty chunk would be the last one.
  std::erase_if(pieces, [](const std::string& piece) { return piece.empty(); });
  return pieces;
}

std::string head_of(const Answer& answer, std::size_t body_bytes) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", answer.status,
                                 answer.reason.empty() ? reason_of(answer.status) : answer.reason);
  for (const auto& [name, value] : answer.headers) head += name + ": " + value + "\r\n";
  if (answer.coding != Coding::identity) {
    head += fmt::format("Content-Encoding: {}\r\n", name_of(answer.coding));
  }
  const bool never_a_body = answer.status == 204 || answer.status < 200;
  if (!never_a_body && answer.framing == Framing::chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (!never_a_body && answer.framing == Framing::length) {
    head += fmt::format("Content-Length: {}\r\n", body_bytes);
  }
  if (answer.close || answer.framing == Framing::close) head += "Connection: close\r\n";
  return head + "\r\n";
}

// Collects steps and remembers where they end in the stream of bytes.
class Builder {
 public:
  explicit Builder(bool at_once) : at_once_(at_once) {}

  void send(std::string bytes) {
    sent_ += bytes.size();
    if (auto* last = steps_.empty() ? nullptr : std::get_if<Send>(&steps_.back());
        at_once_ && last != nullptr) {
      last->bytes += bytes;
    } else {
      steps_.push_back(Send{std::move(bytes)});
    }
  }
  void add(Step step) { steps_.push_back(std::move(step)); }
  std::uint64_t sent() const { return sent_; }
  Script take() { return std::move(steps_); }

 private:
  bool at_once_;
  std::uint64_t sent_ = 0;
  Script steps_;
};

}  // namespace

Step ending(How how) {
  if (how == How::fin) return Fin{};
  if (how == How::rst) return Rst{};
  return Close{};
}

Script cut_at(const Script& script, std::uint64_t offset, How how) {
  Script out;
  std::uint64_t left = offset;
  for (const auto& step : script) {
    if (const auto* send = std::get_if<Send>(&step); send != nullptr) {
      if (send->bytes.size() >= left) {
        if (left > 0) out.push_back(Send{send->bytes.substr(0, static_cast<std::size_t>(left))});
        left = 0;
        break;
      }
      left -= send->bytes.size();
    } else if (const auto* bulk_step = std::get_if<SendBulk>(&step); bulk_step != nullptr) {
      if (bulk_step->length >= left) {
        if (left > 0) out.push_back(SendBulk{bulk_step->offset, left});
        left = 0;
        break;
      }
      left -= bulk_step->length;
    } else if (left == 0 || std::holds_alternative<Close>(step) ||
               std::holds_alternative<Fin>(step) || std::holds_alternative<Rst>(step)) {
      break;
    }
    out.push_back(step);
  }
  out.push_back(ending(how));
  return out;
}

std::uint64_t bytes_sent_by(const Script& script) {
  std::uint64_t n = 0;
  for (const auto& step : script) {
    if (const auto* send = std::get_if<Send>(&step)) n += send->bytes.size();
    if (const auto* bulk_step = std::get_if<SendBulk>(&step)) n += bulk_step->length;
  }
  return n;
}

std::string text_sent_by(const Script& script) {
  std::string out;
  for (const auto& step : script) {
    if (const auto* send = std::get_if<Send>(&step)) out += send->bytes;
    if (const auto* bulk_step = std::get_if<SendBulk>(&step)) {
      append_bulk(out, bulk_step->offset, static_cast<std::size_t>(bulk_step->length));
    }
  }
  return out;
}

Reply build(const Answer& answer) {
  const auto pieces = coded_pieces(answer);
  std::size_t body_bytes = 0;
  for (const auto& piece : pieces) body_bytes += piece.size();

  Reply reply;
  Builder builder(answer.at_once);
  for (const auto& head : answer.interim) builder.send(head);
  builder.send(head_of(answer, body_bytes));
  reply.head_bytes = builder.sent();
  const bool chunked = answer.framing == Framing::chunked;
  for (std::size_t i = 0; i < pieces.size() && !answer.head_only; ++i) {
    if (i > 0 && answer.delay_ms > 0) builder.add(Delay{answer.delay_ms});
    if (const auto more = answer.before.find(i); more != answer.before.end()) {
      for (const auto& step : more->second) builder.add(step);
    }
    builder.send(chunked ? chunk_of(pieces[i]) : pieces[i]);
    reply.piece_ends.push_back(builder.sent());
  }
  if (chunked && !answer.head_only) {
    std::string last = "0\r\n";
    for (const auto& line : answer.trailers) last += line + "\r\n";
    builder.send(last + "\r\n");
  }
  if (answer.close || answer.framing == Framing::close) builder.add(Close{});
  reply.script = builder.take();
  return reply;
}

Script play(const Answer& answer) { return build(answer).script; }

std::string coded_body(const Answer& answer) {
  std::string out;
  for (const auto& piece : coded_pieces(answer)) out += piece;
  return out;
}

Script bulk(std::uint64_t length, Framing framing, std::size_t chunk) {
  Answer head;
  head.headers = {{"Content-Type", "application/octet-stream"},
                  {"X-Bulk-Sha256", bulk_sha256(length)}};
  head.framing = framing;
  Script out{Send{head_of(head, static_cast<std::size_t>(length))}};
  if (framing != Framing::chunked) {
    out.push_back(SendBulk{0, length});
    if (framing == Framing::close) out.push_back(Close{});
    return out;
  }
  std::string before;  // the end of the last chunk and the size of the next travel together
  for (std::uint64_t at = 0; at < length; at += chunk) {
    const std::uint64_t n = std::min<std::uint64_t>(chunk, length - at);
    out.push_back(Send{before + fmt::format("{:x}\r\n", n)});
    out.push_back(SendBulk{at, n});
    before = "\r\n";
  }
  out.push_back(Send{before + "0\r\n\r\n"});
  return out;
}

Answer json(std::string body, int status) {
  Answer answer;
  answer.status = status;
  answer.headers = {{"Content-Type", "application/json"}};
  answer.framing = Framing::length;
  answer.body = {std::move(body)};
  return answer;
}

Answer events(std::vector<std::string> pieces) {
  Answer answer;
  answer.headers = {{"Content-Type", "text/event-stream; charset=utf-8"},
                    {"Cache-Control", "no-cache"}};
  answer.body = std::move(pieces);
  return answer;
}

const char* reason_of(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 413:
      return "Content Too Large";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

}  // namespace llmrec::support
