#include "wire/json.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cstring>
#include <limits>
#include <string>

#include "base/check.h"

namespace llmrec::wire {
namespace {

constexpr Bytes kReplacement = "\\ufffd";

constexpr bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool all_space(Bytes b) { return std::all_of(b.begin(), b.end(), is_space); }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// What an escape sequence is, given the octets from its backslash on.
struct Escape {
  enum Kind { more, pass, lone } kind;
  std::size_t size;  // octets it covers
};

// RFC 8259 §7 leaves unpaired surrogates open; Boost.JSON refuses them. A second half that cannot
// become one any more makes the first a lone one.
Escape judge(Bytes e) {
  if (e.size() < 2) return {Escape::more, 0};
  if (e[1] != 'u') return {Escape::pass, 2};
  int unit = 0;
  for (std::size_t i = 2; i < 6; ++i) {
    if (i == e.size()) return {Escape::more, 0};
    const int digit = hex_value(e[i]);
    if (digit < 0) return {Escape::pass, 2};  // the parser's to refuse
    unit = unit * 16 + digit;
  }
  if (unit < 0xd800 || unit > 0xdfff) return {Escape::pass, 6};
  if (unit >= 0xdc00) return {Escape::lone, 6};
  for (std::size_t i = 6; i < 12; ++i) {
    if (i == e.size()) return {Escape::more, 0};
    const char c = ascii_lower(e[i]);
    const bool fits = i == 6   ? c == '\\'
                      : i == 7 ? e[i] == 'u'
                      : i == 8 ? c == 'd'
                      : i == 9 ? c >= 'c' && c <= 'f'
                               : hex_value(c) >= 0;
    if (!fits) return {Escape::lone, 6};
  }
  return {Escape::pass, 12};
}

std::uint64_t load8(const char* p) {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

std::uint32_t load4(const char* p) {
  std::uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// memcmp() of a size the compiler does not know costs more than the rest of a key's look-up.
bool same_octets(const char* a, const char* b, std::size_t n) {
  if (n >= 8) {
    for (std::size_t i = 0; i + 8 <= n; i += 8) {
      if (load8(a + i) != load8(b + i)) return false;
    }
    return load8(a + n - 8) == load8(b + n - 8);
  }
  if (n >= 4) return load4(a) == load4(b) && load4(a + n - 4) == load4(b + n - 4);
  return a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1];
}

// The next escape at or behind `from` that may need judging: \u, or one that is cut. Escapes often
// stand close together, where a search made for long distances loses, so it comes second.
std::size_t find_escape(Bytes octets, std::size_t from) {
  constexpr int kNear = 16;
  int plain = 0;
  while (from < octets.size()) {
    if (octets[from] == '\\') {
      if (from + 1 == octets.size() || octets[from + 1] == 'u') return from;
      from += 2;
      plain = 0;
    } else if (++plain < kNear) {
      ++from;
    } else {
      from = octets.find('\\', from);
      plain = 0;
    }
  }
  return Bytes::npos;
}

double to_double(Bytes text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc::result_out_of_range) return value;
  // Boost.JSON has checked the grammar, so a minus behind an 'e' can only mean too small.
  if (text.find("e-") != Bytes::npos || text.find("E-") != Bytes::npos) return 0;
  const double most = std::numeric_limits<double>::max();
  return text.front() == '-' ? -most : most;
}

}  // namespace

JsonPaths::JsonPaths(std::span<const JsonPath> paths) {
  nodes_.emplace_back();
  for (const JsonPath& path : paths) add(path);
}

void JsonPaths::add(const JsonPath& path) {
  Bytes rest = path.path;
  std::uint16_t node = 0;
  std::size_t steps = 0;
  while (!rest.empty()) {
    if (LLMREC_FAILS(++steps <= limits::kJsonPathMax && nodes_.size() < kNone)) return;
    if (rest.starts_with("[]")) {
      rest.remove_prefix(2);
      if (nodes_[node].element == kNone) {
        nodes_[node].element = static_cast<std::uint16_t>(nodes_.size());
        nodes_.emplace_back();
      }
      node = nodes_[node].element;
      continue;
    }
    if (rest.front() == '.') rest.remove_prefix(1);
    const Bytes key = rest.substr(0, rest.find_first_of(".["));
    if (LLMREC_FAILS(!key.empty() && key.size() <= limits::kJsonKeyMax)) return;
    rest.remove_prefix(key.size());
    if (key != "*") {
      node = add_key(node, key);
      continue;
    }
    if (nodes_[node].any_key == kNone) {
      nodes_[node].any_key = static_cast<std::uint16_t>(nodes_.size());
      nodes_.emplace_back();
    }
    node = nodes_[node].any_key;
  }
  nodes_[node].slot = path.slot;
}

std::uint16_t JsonPaths::add_key(std::uint16_t node, Bytes key) {
  const std::uint16_t known = find(nodes_[node], key);
  if (known != kNone) return known;
  const auto child = static_cast<std::uint16_t>(nodes_.size());
  nodes_.emplace_back();
  Node& parent = nodes_[node];
  if (parent.key_count == 0) parent.first_key = static_cast<std::uint16_t>(keys_.size());
  const std::size_t at = parent.first_key + parent.key_count;
  keys_.insert(
      keys_.begin() + static_cast<std::ptrdiff_t>(at),
      {static_cast<std::uint32_t>(text_.size()), static_cast<std::uint16_t>(key.size()), child});
  text_ += key;
  ++parent.key_count;
  parent.key_sizes |= std::uint64_t{1} << (key.size() - 1);
  for (Node& other : nodes_) {
    if (&other != &parent && other.key_count != 0 && other.first_key >= at) ++other.first_key;
  }
  return child;
}

std::uint16_t JsonPaths::find(const Node& node, Bytes key) const {
  if (key.empty() || key.size() > limits::kJsonKeyMax) return kNone;
  if (((node.key_sizes >> (key.size() - 1)) & 1U) == 0) return kNone;
  for (std::size_t i = node.first_key; i < std::size_t{node.first_key} + node.key_count; ++i) {
    const Key& k = keys_[i];
    if (k.size == key.size() && same_octets(text_.data() + k.at, key.data(), key.size())) {
      return k.node;
    }
  }
  return kNone;
}

// The parser's handler: walks the trie along with the document. A value whose node is kNone is
// nobody's; inside such a container only its depth is counted.
struct JsonMatcher {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using string_view = boost::json::string_view;
  using error_code = boost::json::error_code;
  static constexpr std::uint16_t kNone = JsonPaths::kNone;

  struct Frame {
    std::uint32_t position = 0;  // of the element to come, in arrays
    std::uint16_t node = 0;
    bool array = false;
  };

  JsonMatcher(const JsonPaths& p, JsonSink& s) : paths(&p), nodes(p.nodes_.data()), sink(&s) {}

  void use(const JsonPaths& p) {
    paths = &p;
    nodes = p.nodes_.data();
  }

  void reset() {
    skipped = 0;
    depth = 0;
    node = 0;
    text_size = 0;
  }

  const JsonPaths* paths;
  const JsonPaths::Node* nodes;  // of paths
  JsonSink* sink;
  std::size_t skipped = 0;  // open containers that nobody named
  std::uint16_t node = 0;   // of the value to come
  std::uint8_t depth = 0;   // frames in use
  std::uint8_t text_size = 0;
  std::array<Frame, limits::kJsonPathMax + 1> frames;
  std::array<char, limits::kJsonKeyMax + 1> text;  // a key or a number that comes in parts

  std::uint16_t slot() const { return node == kNone ? kNone : nodes[node].slot; }

  // The value at `node` is over.
  void after_value() {
    if (depth == 0) {
      node = kNone;
      return;
    }
    Frame& top = frames[depth - 1U];
    if (top.array) {
      ++top.position;
      node = nodes[top.node].element;
    }
  }

  bool enter(bool array) {
    if (node == kNone) {
      ++skipped;
      return true;
    }
    const JsonPaths::Node& n = nodes[node];
    if (n.slot != kNone) {
      const bool element = depth != 0 && frames[depth - 1U].array;
      sink->on_enter(n.slot, element ? frames[depth - 1U].position : 0);
    }
    frames[depth++] = {0, node, array};
    node = array ? n.element : kNone;
    return true;
  }

  bool leave() {
    if (skipped != 0) {
      --skipped;
      return true;
    }
    const std::uint16_t left = nodes[frames[--depth].node].slot;
    if (left != kNone) sink->on_leave(left);
    after_value();
    return true;
  }

  void keep(string_view s) {
    const std::size_t n = std::min(s.size(), text.size() - text_size);
    std::copy_n(s.data(), n, text.data() + text_size);
    text_size = static_cast<std::uint8_t>(text_size + n);
  }

  Bytes whole(string_view s) {
    if (text_size == 0) return {s.data(), s.size()};
    keep(s);
    const Bytes all{text.data(), text_size};
    text_size = 0;
    return all;
  }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return enter(false); }
  bool on_object_end(std::size_t, error_code&) { return leave(); }
  bool on_array_begin(error_code&) { return enter(true); }
  bool on_array_end(std::size_t, error_code&) { return leave(); }

  bool on_key_part(string_view s, std::size_t, error_code&) {
    if (skipped == 0) keep(s);
    return true;
  }
  bool on_key(string_view s, std::size_t, error_code&) {
    if (skipped != 0) return true;
    const Bytes key = whole(s);
    const JsonPaths::Node& n = nodes[frames[depth - 1U].node];
    node = paths->find(n, key);
    if (node == kNone && n.any_key != kNone) {
      node = n.any_key;
      const std::uint16_t named = slot();
      if (named != kNone) sink->on_key(named, key.substr(0, limits::kJsonKeyMax));
    }
    return true;
  }

  bool on_string_part(string_view s, std::size_t, error_code&) {
    const std::uint16_t named = slot();
    if (named != kNone) sink->on_string(named, {s.data(), s.size()}, false);
    return true;
  }
  bool on_string(string_view s, std::size_t, error_code&) {
    if (node == kNone) return true;
    const std::uint16_t named = slot();
    if (named != kNone) sink->on_string(named, {s.data(), s.size()}, true);
    after_value();
    return true;
  }

  bool on_number_part(string_view s, error_code&) {
    if (node != kNone) keep(s);
    return true;
  }
  bool on_int64(std::int64_t i, string_view, error_code&) {
    if (node == kNone) return true;
    text_size = 0;
    const std::uint16_t named = slot();
    if (named != kNone) sink->on_int(named, i);
    after_value();
    return true;
  }
  bool on_uint64(std::uint64_t, string_view s, error_code& ec) { return on_double(0, s, ec); }
  // Boost.JSON's double differs in the last bit with where the text was cut, so it is not used.
  bool on_double(double, string_view s, error_code&) {
    if (node == kNone) return true;
    const Bytes digits = whole(s).substr(0, limits::kJsonNumberMax);
    const std::uint16_t named = slot();
    if (named != kNone) sink->on_double(named, to_double(digits));
    after_value();
    return true;
  }
  bool on_bool(bool b, error_code&) {
    if (node == kNone) return true;
    const std::uint16_t named = slot();
    if (named != kNone) sink->on_bool(named, b);
    after_value();
    return true;
  }
  bool on_null(error_code&) {
    if (node == kNone) return true;
    const std::uint16_t named = slot();
    if (named != kNone) sink->on_null(named);
    after_value();
    return true;
  }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }
};

namespace {

boost::json::parse_options parse_options() {
  boost::json::parse_options options;
  options.max_depth = limits::kJsonDepthMax;
  options.allow_invalid_utf8 = true;
  return options;
}

}  // namespace

struct JsonReader::Parser {
  Parser(const JsonPaths& paths, JsonSink& sink) : parser(parse_options(), paths, sink) {}
  boost::json::basic_parser<JsonMatcher> parser;
};

JsonReader::JsonReader(const JsonPaths& paths, JsonSink& sink)
    : parser_(std::make_unique<Parser>(paths, sink)) {
  static_assert(sizeof(JsonReader) + sizeof(Parser) <= 512);
}

JsonReader::~JsonReader() = default;

void JsonReader::reset() noexcept {
  parser_->parser.reset();
  parser_->parser.handler().reset();
  held_size_ = 0;
  state_ = JsonState::more;
  empty_ = true;
}

void JsonReader::reset(const JsonPaths& paths) noexcept {
  parser_->parser.handler().use(paths);
  reset();
}

JsonState JsonReader::feed(Bytes octets) noexcept {
  if (state_ == JsonState::bad || state_ == JsonState::too_deep) return state_;
  if (empty_) {
    while (!octets.empty() && is_space(octets.front())) octets.remove_prefix(1);
    if (octets.empty()) return state_;
    empty_ = false;
  }
  if (state_ == JsonState::more && held_size_ != 0) {
    octets.remove_prefix(resume_escape(octets));
  }
  if (octets.find('\\') == Bytes::npos || state_ == JsonState::done) {
    write(octets, true);
  } else {
    feed_escapes(octets);
  }
  return state_;
}

JsonState JsonReader::finish() noexcept {
  if (state_ != JsonState::more) return state_;
  if (held_size_ != 0) {  // an escape that stops half-way is a string that does
    write({held_, held_size_}, true);
    held_size_ = 0;
  }
  if (state_ == JsonState::more) write({}, false);
  if (state_ == JsonState::more) state_ = JsonState::bad;
  return state_;
}

void JsonReader::write(Bytes octets, bool more) noexcept {
  if (state_ == JsonState::done && !all_space(octets)) state_ = JsonState::bad;
  if (state_ != JsonState::more || (octets.empty() && more)) return;
  try {
    boost::json::error_code ec;
    const std::size_t n = parser_->parser.write_some(more, octets.data(), octets.size(), ec);
    if (ec) {
      state_ = ec == boost::json::error::too_deep ? JsonState::too_deep : JsonState::bad;
    } else if (parser_->parser.done()) {
      state_ = all_space(octets.substr(n)) ? JsonState::done : JsonState::bad;
    }
  } catch (...) {
    state_ = JsonState::bad;
  }
}

// Goes on with the escape held back from earlier octets. Returns how many octets it took.
std::size_t JsonReader::resume_escape(Bytes octets) noexcept {
  std::size_t used = 0;
  while (held_size_ != 0 && used < octets.size()) {
    held_[held_size_++] = octets[used++];
    for (;;) {
      const Bytes held{held_, held_size_};
      const Escape escape = judge(held);
      if (escape.kind == Escape::more) break;
      if (escape.kind == Escape::pass) {
        write(held, true);
        held_size_ = 0;
        break;
      }
      write(kReplacement, true);
      held_size_ = static_cast<std::uint8_t>(held_size_ - escape.size);
      std::copy_n(held_ + escape.size, held_size_, held_);
      if (held_size_ == 0) break;
      if (held_[0] != '\\') {  // the octet that ruled out a pair; it came with this call
        held_size_ = 0;
        --used;
        break;
      }
    }
  }
  return used;
}

void JsonReader::feed_escapes(Bytes octets) noexcept {
  std::size_t written = 0;
  std::size_t at = find_escape(octets, 0);
  while (at != Bytes::npos) {
    const Bytes rest = octets.substr(at);
    const Escape escape = judge(rest);
    if (escape.kind == Escape::pass) {
      at = find_escape(octets, at + escape.size);
      continue;
    }
    write(octets.substr(written, at - written), true);
    if (escape.kind == Escape::more) {
      if (state_ == JsonState::more) {
        held_size_ = static_cast<std::uint8_t>(rest.size());
        std::copy_n(rest.data(), rest.size(), held_);
      } else if (state_ == JsonState::done) {
        state_ = JsonState::bad;
      }
      return;
    }
    write(kReplacement, true);
    written = at + escape.size;
    at = find_escape(octets, written);
  }
  write(octets.substr(written), true);
}

}  // namespace llmrec::wire
