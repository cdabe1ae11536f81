#include "edit/usage_ask.h"

#include <algorithm>

#include "wire/json_shape.h"

namespace llmrec::edit {
namespace {

using Is = UsageAsk::Is;

// Where a value stands. Empty: there is none.
struct Place {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool any() const { return end != 0; }
};

// Walks a text that is known to be one whole JSON value, so that nothing has to be checked again.
class Walk {
 public:
  explicit Walk(Bytes json) : json_(json) {}

  // Calls on_member(key, place) for each member of the object at `at`; the key is as it stands
  // between its quotes.
  template <class F>
  void members(std::size_t at, F&& on_member) {
    at = blanks(at + 1);
    while (json_[at] != '}') {
      const std::size_t key_end = string_end(at);
      const Bytes key = json_.substr(at + 1, key_end - at - 2);
      const std::size_t begin = blanks(blanks(key_end) + 1);  // behind the colon
      const std::size_t end = value_end(begin);
      on_member(key, Place{begin, end});
      at = blanks(end);
      if (json_[at] == ',') at = blanks(at + 1);
    }
  }
  std::size_t blanks(std::size_t at) const {
    return std::min(json_.find_first_not_of(" \t\r\n", at), json_.size());
  }
  Bytes text(const Place& place) const {
    return json_.substr(place.begin, place.end - place.begin);
  }

 private:
  std::size_t string_end(std::size_t at) const {
    for (++at; json_[at] != '"'; ++at) {
      if (json_[at] == '\\') ++at;
    }
    return at + 1;
  }
  std::size_t value_end(std::size_t at) const {
    std::size_t depth = 0;
    for (;;) {
      const char c = json_[at];
      if (c == '"') {
        at = string_end(at);
      } else if (c == '{' || c == '[') {
        ++depth;
        ++at;
        continue;
      } else if (c == '}' || c == ']') {
        --depth;
        ++at;
      } else if (depth != 0) {  // a separator, a blank, a piece of a number or a word
        ++at;
        continue;
      } else {
        at = std::min(json_.find_first_of(",]} \t\r\n", at), json_.size());
      }
      if (depth == 0) return at;
    }
  }

  Bytes json_;
};

// The one member of that name. False: it stands there twice, or a key is written with escapes and
// could be any.
class Finder {
 public:
  Place place;
  std::string_view fault;
  explicit Finder(Bytes name) : name_(name) {}
  void look(Bytes key, const Place& at) {
    if (key.find('\\') != Bytes::npos) {
      fault = "escaped_key";
    } else if (key == name_) {
      if (place.any()) fault = "duplicate_key";
      place = at;
    }
  }

 private:
  Bytes name_;
};

UsageAsk unreadable(std::string_view why) {
  UsageAsk ask;
  ask.why = why;
  return ask;
}

UsageAsk readable(Is is) {
  UsageAsk ask;
  ask.is = is;
  return ask;
}

UsageAsk change(std::size_t at, std::size_t size, std::string_view text) {
  return {.is = Is::unasked, .why = {}, .at = at, .size = size, .text = text};
}

UsageAsk read_options(Bytes json, const Place& options) {
  Walk walk(json);
  Finder include_usage("include_usage");
  bool empty = true;
  walk.members(options.begin, [&](Bytes key, const Place& at) {
    empty = false;
    include_usage.look(key, at);
  });
  if (!include_usage.fault.empty()) return unreadable(include_usage.fault);
  const Place& place = include_usage.place;
  if (!place.any()) {
    return change(options.begin + 1, 0,
                  empty ? "\"include_usage\":true" : "\"include_usage\":true,");
  }
  const Bytes value = walk.text(place);
  if (value == "true") return readable(Is::asked);
  if (value != "false" && value != "null") return unreadable("unexpected_value");
  UsageAsk ask = change(place.begin, value.size(), "true");
  ask.refused = value == "false";
  return ask;
}

}  // namespace

UsageAsk read_usage_ask(Bytes json) {
  wire::JsonShape shape;
  shape.feed(json);
  if (!shape.complete()) return unreadable("not_json");
  Walk walk(json);
  const std::size_t root = walk.blanks(0);
  if (json[root] != '{') return unreadable("not_an_object");
  Finder stream("stream");
  Finder options("stream_options");
  walk.members(root, [&](Bytes key, const Place& at) {
    stream.look(key, at);
    options.look(key, at);
  });
  for (const Finder* found : {&stream, &options}) {
    if (!found->fault.empty()) return unreadable(found->fault);
  }
  if (!stream.place.any() || walk.text(stream.place) != "true") {
    return readable(Is::not_streaming);
  }
  if (!options.place.any()) {
    return change(stream.place.end, 0, ",\"stream_options\":{\"include_usage\":true}");
  }
  const Bytes value = walk.text(options.place);
  if (value == "null") return change(options.place.begin, 4, "{\"include_usage\":true}");
  if (value.front() != '{') return unreadable("unexpected_value");
  return read_options(json, options.place);
}

}  // namespace llmrec::edit
