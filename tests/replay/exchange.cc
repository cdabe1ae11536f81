#include "replay/exchange.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <utility>

#include "wire/http1.h"

namespace llmrec::replay {
namespace {

using record::CloseHow;
using tap::Dir;

[[noreturn]] void refuse(const std::string& why) {
  throw std::runtime_error("replay file: " + why);
}

Bytes word(Bytes& line) {
  const auto blank = line.find(' ');
  const Bytes out = line.substr(0, blank);
  line.remove_prefix(blank == Bytes::npos ? line.size() : blank + 1);
  return out;
}

std::int64_t number(Bytes text) {
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n < 0) {
    refuse("no number: " + std::string(text));
  }
  return n;
}

std::string host_of(const Exchange& exchange) {
  const std::string request = octets_of(exchange, Dir::request);
  const auto at = request.find("\r\nHost: ");
  if (at == std::string::npos) return "llm.internal";
  const std::string host = request.substr(at + 8, request.find('\r', at + 8) - at - 8);
  return host.substr(0, host.find(':'));
}

class Host final : public tap::TapHost {
 public:
  RecordId mint(Instant) override { return ids_.mint(1'780'000'000'000); }
  void on_finished(record::Record&& r) override { records.push_back(std::move(r)); }
  std::vector<record::Record> records;

 private:
  RecordIdMint ids_{1};
};

// One message of one direction, taken apart.
class Message final : public wire::Http1Handler {
 public:
  void on_message_begin() override { ++begun; }
  bool wants_field(Bytes) override { return true; }
  void on_field(Bytes name, Bytes value) override {
    if (name == "content-type") type = value;
    if (name == "content-encoding") coding = value;
  }
  wire::BodyRule on_head(const wire::Http1Head& head) override {
    status = head.status;
    return wire::BodyRule::by_framing;
  }
  void on_body(Bytes octets) override { body += octets; }
  void on_message_complete() override { ++complete; }

  int begun = 0;
  int complete = 0;
  int status = 0;
  std::string type;
  std::string coding;
  std::string body;
};

// JSON text as a tree whose leaves keep their spelling.
struct Item;
struct Node {
  char kind = 'v';  // 'o', 'a', or a value
  std::string text;
  std::vector<Item> items;
  Node(char k, Bytes t);
  Node(Node&&) noexcept;
  ~Node();
};
struct Item {
  std::string key;  // empty in lists
  Node value;
};
Node::Node(char k, Bytes t) : kind(k), text(t) {}
Node::Node(Node&&) noexcept = default;
Node::~Node() = default;

class Reader {
 public:
  explicit Reader(Bytes text) : text_(text) {}
  Node value() {
    skip();
    if (text_.empty()) refuse("JSON ends early");
    if (text_.front() == '{' || text_.front() == '[') return container();
    return {'v', text_.front() == '"' ? string() : literal()};
  }

 private:
  void skip() {
    while (!text_.empty() && Bytes(" \t\r\n").find(text_.front()) != Bytes::npos) {
      text_.remove_prefix(1);
    }
  }
  Bytes take(std::size_t n) {
    const Bytes out = text_.substr(0, n);
    text_.remove_prefix(out.size());
    return out;
  }
  Bytes string() {
    std::size_t n = 1;
    while (n < text_.size() && text_[n] != '"') n += text_[n] == '\\' ? 2 : 1;
    return take(n + 1);
  }
  Bytes literal() { return take(std::min(text_.find_first_of(",]} \t\r\n"), text_.size())); }
  Node container() {
    Node node(text_.front() == '{' ? 'o' : 'a', {});
    take(1);
    for (skip(); !text_.empty() && text_.front() != '}' && text_.front() != ']'; skip()) {
      if (text_.front() == ',') take(1);
      skip();
      std::string key;
      if (node.kind == 'o') {
        key = string();
        skip();
        take(1);  // the colon
      }
      node.items.push_back({std::move(key), value()});
    }
    take(1);
    return node;
  }

  Bytes text_;
};

void write(const Node& node, std::mt19937_64& random, std::string& out) {
  if (node.kind == 'v') {
    out += node.text;
    return;
  }
  std::vector<const Item*> order;
  for (const Item& item : node.items) order.push_back(&item);
  // Not std::shuffle: its order is not the same everywhere.
  for (std::size_t i = order.size(); node.kind == 'o' && i > 1; --i) {
    std::swap(order[i - 1], order[random() % i]);
  }
  out += node.kind == 'o' ? '{' : '[';
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i != 0) out += ',';
    if (node.kind == 'o') out += order[i]->key + ":";
    write(order[i]->value, random, out);
  }
  out += node.kind == 'o' ? '}' : ']';
}

}  // namespace

Exchange parse(Bytes file) {
  Exchange out;
  while (!file.empty()) {
    const auto eol = file.find('\n');
    if (eol == Bytes::npos || file.front() != '@') refuse("no line where one must be");
    Bytes line = file.substr(1, eol - 1);
    file.remove_prefix(eol + 1);
    Block block;
    block.at = {number(word(line))};
    const Bytes dir = word(line);
    if (dir != "req" && dir != "resp") refuse("no direction");
    block.dir = dir == "req" ? Dir::request : Dir::response;
    const Bytes what = word(line);
    if (what == "end") {
      const auto how = record::value_by_name<CloseHow>(line);
      if (!how) refuse("no such end: " + std::string(line));
      block.end = *how;
    } else {
      const auto size = static_cast<std::size_t>(number(what));
      if (file.size() <= size || file[size] != '\n') refuse("a block of another size");
      block.octets = file.substr(0, size);
      file.remove_prefix(size + 1);
    }
    out.push_back(std::move(block));
  }
  return out;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> files(const std::string& folder, const std::string& ending) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ending) out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::size_t octets_of(const Exchange& exchange) {
  std::size_t n = 0;
  for (const Block& block : exchange) n += block.octets.size();
  return n;
}

std::string octets_of(const Exchange& exchange, Dir dir) {
  std::string out;
  for (const Block& block : exchange) {
    if (block.dir == dir) out += block.octets;
  }
  return out;
}

std::vector<record::Record> play(const Exchange& exchange, const std::vector<std::size_t>& cuts) {
  tap::ConnFacts facts;
  facts.host = host_of(exchange);
  facts.port = 443;
  facts.wall.unix_us = 1'780'000'000'000'000;
  facts.time_to_connect_ns = 12 * kNsPerMs;
  facts.time_to_tls_ns = 31 * kNsPerMs;
  Host host;
  tap::Tap tapped(facts, host);
  std::size_t at = 0;
  std::uint64_t accepted = 0;
  auto cut = cuts.begin();
  Instant now;
  bool upstream_ended = false;
  for (const Block& block : exchange) {
    now = block.at;
    for (Bytes rest = block.octets; !rest.empty();) {
      while (cut != cuts.end() && *cut <= at) ++cut;
      const std::size_t n = cut == cuts.end() ? rest.size() : std::min(rest.size(), *cut - at);
      tapped.on_bytes(block.dir, rest.substr(0, n), now);
      if (block.dir == Dir::response) tapped.on_accepted(accepted += n, now);
      rest.remove_prefix(n);
      at += n;
    }
    if (block.end == CloseHow::none) continue;
    const bool reset = block.end == CloseHow::reset;
    if (block.dir == Dir::request && reset && !upstream_ended) tapped.on_upstream_cancelled();
    upstream_ended = upstream_ended || block.dir == Dir::response;
    tapped.on_end(block.dir, {block.end, {}}, now);
  }
  tapped.on_over(tap::End::none, now);
  return std::move(host.records);
}

Exchange truncated(const Exchange& exchange, std::size_t count, Dir who, CloseHow how) {
  Exchange out;
  for (const Block& block : exchange) {
    if (block.end != CloseHow::none) continue;
    const bool answer = block.dir == Dir::response;
    if (answer && count == 0) continue;
    out.push_back(block);
    if (!answer) continue;
    out.back().octets.resize(std::min(count, block.octets.size()));
    count -= out.back().octets.size();
  }
  out.push_back({out.back().at, who, {}, how});
  return out;
}

Parts parts(const Exchange& exchange) {
  Parts out;
  out.request = octets_of(exchange, Dir::request);
  Message request;
  wire::Http1Parser(wire::Http1Kind::request, request).feed(out.request);
  Message answer;
  wire::Http1Parser parser(wire::Http1Kind::response, answer);
  parser.feed(octets_of(exchange, Dir::response));
  out.whole = request.begun == 1 && request.complete == 1 && answer.begun == 1 &&
              answer.complete == 1 && parser.error() == wire::Http1Error::none;
  out.status = answer.status;
  out.type = answer.type;
  out.coding = answer.coding;
  out.body = answer.body;
  return out;
}

Exchange build(const Parts& p) {
  std::string head = "HTTP/1.1 " + std::to_string(p.status) + " X\r\n";
  if (!p.type.empty()) head += "Content-Type: " + p.type + "\r\n";
  if (!p.coding.empty()) head += "Content-Encoding: " + p.coding + "\r\n";
  head += "Content-Length: " + std::to_string(p.body.size()) + "\r\n\r\n";
  return {{{0}, Dir::request, p.request, CloseHow::none},
          {{200 * kNsPerMs}, Dir::response, head, CloseHow::none},
          {{300 * kNsPerMs}, Dir::response, p.body, CloseHow::none}};
}

std::string with_line_ends(const std::string& stream, const std::string& eol) {
  std::string out;
  for (const char c : stream) {
    if (c == '\n') {
      out += eol;
    } else {
      out += c;
    }
  }
  return out;
}

std::string shuffled(const std::string& json, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string out;
  write(Reader(json).value(), random, out);
  return out;
}

std::string shuffled_events(const std::string& stream, std::uint64_t seed) {
  constexpr Bytes kData = "data: {";
  std::string out;
  for (Bytes rest = stream; !rest.empty();) {
    const auto eol = rest.find('\n');
    const Bytes line = rest.substr(0, eol);
    if (line.starts_with(kData)) {
      out += "data: " + shuffled(std::string(line.substr(kData.size() - 1)), seed++);
    } else {
      out += line;
    }
    if (eol == Bytes::npos) break;
    out += '\n';
    rest.remove_prefix(eol + 1);
  }
  return out;
}

record::Record without_sizes(record::Record r) {
  r.request_bytes = r.response_bytes = 0;
  r.bytes_to_client.reset();
  return r;
}

}  // namespace llmrec::replay
