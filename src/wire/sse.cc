#include "wire/sse.h"

#include <algorithm>
#include <cstring>

namespace llmrec::wire {
namespace {

constexpr Bytes kBom = "\xef\xbb\xbf";
constexpr std::uint8_t kBomDone = 0xff;
constexpr Bytes kUsualData = "data: ";

const char* find(const char* p, const char* end, char c) {
  if (p == end) return end;
  const void* at = std::memchr(p, c, static_cast<std::size_t>(end - p));
  return at == nullptr ? end : static_cast<const char*>(at);
}

Bytes view(const char* p, const char* end) { return {p, static_cast<std::size_t>(end - p)}; }

}  // namespace

void SseTokenizer::feed(Bytes octets, SseHandler& handler) {
  const char* p = octets.data();
  const char* const end = p + octets.size();
  if (bom_matched_ != kBomDone) p = skip_bom(p, end, handler);
  feed_lines(p, end, handler);
}

bool SseTokenizer::finish(SseHandler& handler) {
  if (bom_matched_ != kBomDone) {
    const Bytes half = kBom.substr(0, bom_matched_);
    bom_matched_ = kBomDone;
    feed_lines(half.data(), half.data() + half.size(), handler);
  }
  if (after_cr_) {
    after_cr_ = false;
    counters_.cr = true;
  }
  if (line_ != Line::start || prefix_size_ != 0) end_line(handler);
  return data_lines_;
}

const char* SseTokenizer::skip_bom(const char* p, const char* end, SseHandler& handler) {
  while (p != end) {
    if (*p != kBom[bom_matched_]) {
      const Bytes half = kBom.substr(0, bom_matched_);
      bom_matched_ = kBomDone;
      feed_lines(half.data(), half.data() + half.size(), handler);
      return p;
    }
    ++p;
    if (++bom_matched_ == kBom.size()) {
      counters_.bom = true;
      bom_matched_ = kBomDone;
      return p;
    }
  }
  return p;
}

// Both line ends are looked for ahead and remembered, so that every octet is searched twice and
// not once per line of the other kind.
void SseTokenizer::feed_lines(const char* p, const char* end, SseHandler& handler) {
  if (p == end) return;
  if (after_cr_) {
    after_cr_ = false;
    (*p == '\n' ? counters_.crlf : counters_.cr) = true;
    if (*p == '\n') ++p;
  }
  const char* lf = find(p, end, '\n');
  const char* cr = find(p, end, '\r');
  while (p != end) {
    if (lf < p) lf = find(p, end, '\n');
    if (cr < p) cr = find(p, end, '\r');
    const char* const eol = std::min(lf, cr);
    if (p != eol && line_ == Line::start) p = begin_line(p, eol, handler);
    if (p != eol) take(view(p, eol), handler);
    p = eol;
    if (p == end) return;
    end_line(handler);
    ++p;
    if (eol == lf) {
      counters_.lf = true;
    } else if (p == end) {
      after_cr_ = true;
    } else if (*p == '\n') {
      counters_.crlf = true;
      ++p;
    } else {
      counters_.cr = true;
    }
  }
}

// Reads the field's name, as far as it has come. Returns where the line goes on behind it.
const char* SseTokenizer::begin_line(const char* p, const char* end, SseHandler& handler) {
  if (prefix_size_ == 0 && view(p, end).substr(0, kUsualData.size()) == kUsualData) {
    begin_data(handler);
    return p + kUsualData.size();
  }
  for (; p != end; ++p) {
    if (*p == ':') {
      begin_field(handler, true);
      return p + 1;
    }
    if (prefix_size_ == prefix_.size()) {  // longer than any field we know
      begin_other(handler);
      return p;
    }
    prefix_[prefix_size_++] = *p;
  }
  return p;
}

void SseTokenizer::begin_field(SseHandler& handler, bool colon) {
  const Bytes field{prefix_.data(), prefix_size_};
  first_space_ = colon;
  value_bad_ = false;
  value_empty_ = true;
  if (field == "data") {
    begin_data(handler);
    first_space_ = colon;
  } else if (field == "event") {
    line_ = Line::event;
    name_size_ = 0;
  } else if (field == "id") {
    line_ = Line::id;
  } else if (field == "retry") {
    line_ = Line::retry;
  } else if (field.empty()) {
    line_ = Line::comment;
  } else {
    begin_other(handler);
    if (colon) handler.on_other(":");
  }
}

void SseTokenizer::begin_data(SseHandler& handler) {
  line_ = Line::data;
  first_space_ = false;
  if (data_lines_) {
    ++data_bytes_;
    handler.on_data("\n");
  }
  data_lines_ = true;
}

void SseTokenizer::begin_other(SseHandler& handler) {
  line_ = Line::other;
  first_space_ = false;
  handler.on_other({prefix_.data(), prefix_size_});
}

void SseTokenizer::take(Bytes part, SseHandler& handler) {
  if (first_space_) {
    first_space_ = false;
    if (part.front() == ' ') part.remove_prefix(1);
    if (part.empty()) return;
  }
  value_empty_ = false;
  switch (line_) {
    case Line::data:
      data_bytes_ += part.size();
      handler.on_data(part);
      break;
    case Line::event: {
      const std::size_t n = std::min(part.size(), name_.size() - name_size_);
      std::copy_n(part.data(), n, name_.data() + name_size_);
      name_size_ = static_cast<std::uint8_t>(name_size_ + n);
      break;
    }
    case Line::id:
      value_bad_ = value_bad_ || part.find('\0') != Bytes::npos;
      break;
    case Line::retry:
      value_bad_ = value_bad_ || part.find_first_not_of("0123456789") != Bytes::npos;
      break;
    case Line::other:
      handler.on_other(part);
      break;
    case Line::comment:
    case Line::start:  // begin_line() leaves nothing over in this state
      break;
  }
}

void SseTokenizer::end_line(SseHandler& handler) {
  if (line_ == Line::start) {
    if (prefix_size_ == 0) {
      end_event(handler);
      return;
    }
    begin_field(handler, false);
  }
  switch (line_) {
    case Line::id:
      if (!value_bad_) {
        ++counters_.ids;
        has_id_ = !value_empty_;
      }
      break;
    case Line::retry:
      if (!value_bad_ && !value_empty_) ++counters_.retries;
      break;
    case Line::comment:
      ++counters_.comments;
      handler.on_comment();
      break;
    case Line::other:
      ++counters_.others;
      handler.on_other_end();
      break;
    case Line::data:
    case Line::event:
    case Line::start:
      break;
  }
  line_ = Line::start;
  prefix_size_ = 0;
}

void SseTokenizer::end_event(SseHandler& handler) {
  if (data_lines_) {
    ++counters_.events;
    handler.on_event({name(), data_bytes_});
  } else if (name_size_ != 0) {
    ++counters_.discards;
    handler.on_discard();
  }
  name_size_ = 0;
  data_bytes_ = 0;
  data_lines_ = false;
}

}  // namespace llmrec::wire
