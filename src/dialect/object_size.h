// How long a JSON object would be if it were written without white space: the size of tool
// arguments that come as an object and not as text. A reader reports values at named paths only, so
// with_object_paths() names all places inside such an object down to limits::kObjectDepthMax; what
// lies deeper counts as an empty object or array. Nothing of the content is kept.
// One ObjectSize per dialect, restarted for every object. Pure; one thread.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "wire/json.h"

namespace llmrec::dialect {

// The slots that the places inside objects share; all others lie below them.
enum ObjectSlot : std::uint16_t { kObjectMember = 0x7000, kObjectElement };

inline constexpr bool is_object_slot(std::uint16_t slot) { return slot >= kObjectMember; }

// `named`, and every place inside the objects at `roots`.
inline wire::JsonPaths with_object_paths(std::span<const wire::JsonPath> named,
                                         std::initializer_list<std::string> roots) {
  std::vector<std::string> texts;
  for (const std::string& root : roots) {
    std::vector<std::string> level{root};
    for (std::size_t depth = 0; depth < limits::kObjectDepthMax; ++depth) {
      std::vector<std::string> next;
      for (const std::string& place : level) {
        next.push_back(place + ".*");
        if (depth != 0) next.push_back(place + "[]");  // the root is an object
      }
      texts.insert(texts.end(), next.begin(), next.end());
      level.swap(next);
    }
  }
  std::vector<wire::JsonPath> all(named.begin(), named.end());
  for (const std::string& text : texts) {
    const bool element = text.ends_with("[]");
    all.push_back({text, static_cast<std::uint16_t>(element ? kObjectElement : kObjectMember)});
  }
  return wire::JsonPaths(all);
}

class ObjectSize {
 public:
  void begin() {  // the object itself begins
    octets_ = chars_ = 2;
    depth_ = 1;
    begun_.fill(false);
  }
  void clear() {
    octets_ = chars_ = 0;
    depth_ = 0;
  }

  void on_key(Bytes key) {
    item();
    text(key);
    add(3);  // quotes and colon
  }
  void on_enter(std::uint16_t slot) {
    if (slot == kObjectElement) item();
    add(2);
    if (depth_ < begun_.size()) begun_[depth_] = false;
    ++depth_;
  }
  void on_leave() {
    if (depth_ != 0) --depth_;
  }
  void on_string(std::uint16_t slot, Bytes part, bool last) {
    text(part);
    if (!last) return;
    add(2);
    if (slot == kObjectElement) item();
  }
  void on_int(std::uint16_t slot, std::int64_t value) {
    char digits[24];
    scalar(slot, static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, value).ptr -
                                          digits));
  }
  void on_double(std::uint16_t slot, double value) {
    char digits[40];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    scalar(slot, error == std::errc() ? static_cast<std::size_t>(end - digits) : sizeof digits);
  }
  void on_bool(std::uint16_t slot, bool value) { scalar(slot, value ? 4 : 5); }
  void on_null(std::uint16_t slot) { scalar(slot, 4); }

  std::uint64_t octets() const { return octets_; }
  std::uint64_t chars() const { return chars_; }  // code points

 private:
  void add(std::uint64_t n) {
    octets_ = saturating_add(octets_, n);
    chars_ = saturating_add(chars_, n);
  }
  void scalar(std::uint16_t slot, std::size_t size) {
    add(size);
    if (slot == kObjectElement) item();
  }
  void text(Bytes part) {
    octets_ = saturating_add(octets_, part.size());
    chars_ = saturating_add(chars_, code_points(part));
    for (const char c : part) {
      if (c == '"' || c == '\\' || c == '\n' || c == '\t' || c == '\r') add(1);
    }
  }
  // A comma stands before every item but the first.
  void item() {
    if (depth_ == 0 || depth_ > begun_.size()) return;
    if (begun_[depth_ - 1]) add(1);
    begun_[depth_ - 1] = true;
  }

  std::uint64_t octets_ = 0;
  std::uint64_t chars_ = 0;
  std::size_t depth_ = 0;  // open objects and arrays
  std::array<bool, limits::kObjectDepthMax + 1> begun_{};
};

}  // namespace llmrec::dialect
