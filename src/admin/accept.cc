#include "admin/accept.h"

namespace llmrec::admin {
namespace {

Bytes trimmed(Bytes text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// What stands before the next `end`; `text` loses it.
Bytes cut(Bytes& text, char end) {
  const std::size_t at = text.find(end);
  const Bytes part = text.substr(0, at);
  text = at == Bytes::npos ? Bytes() : text.substr(at + 1);
  return trimmed(part);
}

// "0.75" is 750; what is none counts as 0.
int quality(Bytes text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1') || text.size() > 5) return 0;
  int value = (text[0] - '0') * 1000;
  if (text.size() > 1 && text[1] != '.') return 0;
  int digit = 100;
  for (std::size_t i = 2; i < text.size(); ++i, digit /= 10) {
    if (text[i] < '0' || text[i] > '9') return 0;
    value += (text[i] - '0') * digit;
  }
  return value > 1000 ? 0 : value;
}

// 0: does not fit; more: the more exact.
int exactness(Bytes range, std::string_view media_type) {
  if (range == "*/*") return 1;
  const std::string_view type = media_type.substr(0, media_type.find('/'));
  if (range.size() == type.size() + 2 && range.ends_with("/*") &&
      equals_ignoring_case(range.substr(0, type.size()), type)) {
    return 2;
  }
  return equals_ignoring_case(range, media_type) ? 3 : 0;
}

}  // namespace

int weight_of(Bytes accept, std::string_view media_type) {
  int best = 0;
  int weight = 0;
  while (!accept.empty()) {
    Bytes part = cut(accept, ',');
    const int exact = exactness(cut(part, ';'), media_type);
    int q = 1000;
    while (!part.empty()) {
      const Bytes parameter = cut(part, ';');
      if (parameter.size() >= 2 && equals_ignoring_case(parameter.substr(0, 2), "q=")) {
        q = quality(parameter.substr(2));
      }
    }
    if (exact == 0 || exact < best) continue;
    weight = exact > best || q > weight ? q : weight;
    best = exact;
  }
  return weight;
}

}  // namespace llmrec::admin
