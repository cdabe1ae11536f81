#include "wire/json_array.h"

namespace llmrec::wire {
namespace {

constexpr bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
constexpr bool is_structure(char c) {
  return c == ',' || c == ':' || c == ']' || c == '}' || c == '[' || c == '{' || c == '"';
}

Bytes view(const char* p, const char* end) { return {p, static_cast<std::size_t>(end - p)}; }

}  // namespace

JsonArraySplitter::State JsonArraySplitter::feed(Bytes octets, JsonArrayHandler& handler) {
  const char* p = octets.data();
  const char* const end = p + octets.size();
  while (p != end && part_ != Part::bad) {
    if (part_ == Part::element) {
      p = take_element(p, end, handler);
    } else if (part_ == Part::bare) {
      p = take_bare(p, end, handler);
    } else if (is_space(*p)) {
      ++p;
    } else {
      take_structure(*p, handler);
      if (!in_element()) ++p;  // the first octet of an element belongs to it
    }
  }
  return state();
}

void JsonArraySplitter::take_structure(char c, JsonArrayHandler& handler) {
  switch (part_) {
    case Part::before:
      part_ = c == '[' ? Part::first_or_end : Part::bad;
      return;
    case Part::behind:
      part_ = c == ',' ? Part::element_start : c == ']' ? Part::after : Part::bad;
      return;
    case Part::first_or_end:
    case Part::element_start:
      if (c == ']' && part_ == Part::first_or_end) {
        part_ = Part::after;
      } else if (c == '{' || c == '[' || c == '"' || !is_structure(c)) {
        part_ = is_structure(c) ? Part::element : Part::bare;
        handler.on_element_begin();
      } else {
        part_ = Part::bad;
      }
      return;
    default:
      part_ = Part::bad;
  }
}

const char* JsonArraySplitter::take_element(const char* p, const char* end,
                                            JsonArrayHandler& handler) {
  const char* const start = p;
  for (; p != end; ++p) {
    const char c = *p;
    if (escape_) {
      escape_ = false;
      continue;
    }
    if (string_) {
      if (c == '\\') escape_ = true;
      if (c != '"') continue;
      string_ = false;
    } else if (c == '"') {
      string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (c == '}' || c == ']') {
      --depth_;  // an element that is no string begins with an opening bracket
    }
    if (depth_ == 0 && !string_) {
      handler.on_element(view(start, p + 1));
      end_element(handler);
      return p + 1;
    }
  }
  handler.on_element(view(start, end));
  return end;
}

const char* JsonArraySplitter::take_bare(const char* p, const char* end,
                                         JsonArrayHandler& handler) {
  const char* const start = p;
  while (p != end && !is_space(*p) && !is_structure(*p)) ++p;
  if (p != start) handler.on_element(view(start, p));
  if (p != end) end_element(handler);
  return p;
}

void JsonArraySplitter::end_element(JsonArrayHandler& handler) {
  ++elements_;
  part_ = Part::behind;
  handler.on_element_end();
}

}  // namespace llmrec::wire
