#include "wire/event_stream.h"

#include <zlib.h>

#include <algorithm>

namespace llmrec::wire {
namespace {

constexpr Bytes kBadCrc = "event_stream_crc";
constexpr Bytes kBadFraming = "event_stream_framing";
constexpr std::size_t kPrelude = 12;
constexpr std::uint32_t kOverhead = 16;  // prelude and message CRC

// In the order of EventStreamHead.
constexpr std::array<Bytes, 5> kNames = {":message-type", ":event-type", ":exception-type",
                                         ":error-code", ":content-type"};

std::uint32_t number(const char* p, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(p[i]);
  return value;
}

std::uint32_t crc_of(std::uint32_t before, Bytes octets) {
  return static_cast<std::uint32_t>(crc32(before, reinterpret_cast<const Bytef*>(octets.data()),
                                          static_cast<uInt>(octets.size())));
}

}  // namespace

bool EventStreamReader::fail(Bytes reason) {
  reason_ = reason;
  return false;
}

// True once fixed_ holds `size` octets.
bool EventStreamReader::fill(Bytes& octets, std::size_t size) {
  const std::size_t n = std::min(octets.size(), size - filled_);
  std::copy_n(octets.data(), n, fixed_.data() + filled_);
  filled_ = static_cast<std::uint8_t>(filled_ + n);
  octets.remove_prefix(n);
  if (filled_ != size) return false;
  filled_ = 0;
  return true;
}

// The next octets, at most `size`, taken into the CRC.
Bytes EventStreamReader::cover(Bytes& octets, std::size_t size) {
  const Bytes part = octets.substr(0, size);
  octets.remove_prefix(part.size());
  crc_ = crc_of(crc_, part);
  return part;
}

bool EventStreamReader::feed(Bytes octets, EventStreamHandler& handler) {
  while (!bad() && !octets.empty()) {
    switch (part_) {
      case Part::prelude:
        if (!fill(octets, kPrelude)) return true;
        if (!take_prelude()) return false;
        if (headers_left_ == 0) begin_payload(handler);
        break;
      case Part::payload: {
        const Bytes part = cover(octets, payload_left_);
        payload_left_ -= static_cast<std::uint32_t>(part.size());
        handler.on_payload(part);
        if (payload_left_ == 0) part_ = Part::message_crc;
        break;
      }
      case Part::message_crc:
        if (!fill(octets, 4)) return true;
        if (!take_message_crc(handler)) return false;
        break;
      default:
        if (!take_headers(octets, handler)) return false;
        break;
    }
  }
  return !bad();
}

bool EventStreamReader::take_prelude() {
  const Bytes sizes{fixed_.data(), 8};
  if (crc_of(0, sizes) != number(fixed_.data() + 8, 4)) return fail(kBadCrc);
  const std::uint32_t total = number(fixed_.data(), 4);
  headers_left_ = number(fixed_.data() + 4, 4);
  if (total < kOverhead || total > limits::kEventStreamMessageMax ||
      headers_left_ > limits::kEventStreamHeadersMax || headers_left_ > total - kOverhead) {
    return fail(kBadFraming);
  }
  payload_left_ = total - kOverhead - headers_left_;
  crc_ = crc_of(0, {fixed_.data(), kPrelude});
  value_sizes_.fill(0);
  part_ = Part::name_size;
  return true;
}

// One step within the headers; there is an octet to read.
bool EventStreamReader::take_headers(Bytes& octets, EventStreamHandler& handler) {
  // The sizes inside the headers must add up to what the prelude said.
  if (headers_left_ == 0) return fail(kBadFraming);
  std::size_t want = 1;
  if (part_ == Part::name || part_ == Part::value) want = left_;
  if (part_ == Part::value_size) want = 2U - filled_;
  if (want > headers_left_) return fail(kBadFraming);
  const Bytes part = cover(octets, want);
  headers_left_ -= static_cast<std::uint32_t>(part.size());
  switch (part_) {
    case Part::name_size:
      left_ = static_cast<unsigned char>(part[0]);
      name_size_ = 0;
      part_ = left_ == 0 ? Part::type : Part::name;
      break;
    case Part::name: {
      const std::size_t n = std::min(part.size(), name_.size() - name_size_);
      std::copy_n(part.data(), n, name_.data() + name_size_);
      name_size_ = static_cast<std::uint8_t>(name_size_ + n);
      left_ -= static_cast<std::uint32_t>(part.size());
      if (left_ == 0) part_ = Part::type;
      break;
    }
    case Part::type:
      if (!take_type(part[0])) return false;
      break;
    case Part::value_size: {
      Bytes rest = part;
      if (fill(rest, 2)) begin_value(number(fixed_.data(), 2));
      break;
    }
    default:
      keep_value(part);
      break;
  }
  if (headers_left_ == 0) {
    if (part_ != Part::name_size) return fail(kBadFraming);
    begin_payload(handler);
  }
  return true;
}

bool EventStreamReader::take_type(char type) {
  constexpr std::array<std::uint8_t, 10> kSizes = {0, 0, 1, 2, 4, 8, 0, 0, 8, 16};
  const auto kind = static_cast<unsigned char>(type);
  if (kind >= kSizes.size()) return fail(kBadFraming);
  constexpr unsigned char kBytes = 6, kString = 7;
  wanted_ = kUnwanted;
  if (kind == kString) {
    const auto* at = std::find(kNames.begin(), kNames.end(), Bytes{name_.data(), name_size_});
    if (at != kNames.end()) {
      wanted_ = static_cast<std::uint8_t>(at - kNames.begin());
      value_sizes_[wanted_] = 0;
    }
  }
  if (kind == kBytes || kind == kString) {
    part_ = Part::value_size;
  } else {
    begin_value(kSizes[kind]);
  }
  return true;
}

void EventStreamReader::begin_value(std::size_t size) {
  left_ = static_cast<std::uint32_t>(size);
  part_ = size == 0 ? Part::name_size : Part::value;
}

void EventStreamReader::keep_value(Bytes part) {
  if (wanted_ != kUnwanted) {
    Value& value = values_[wanted_];
    std::uint8_t& size = value_sizes_[wanted_];
    const std::size_t n = std::min(part.size(), value.size() - size);
    std::copy_n(part.data(), n, value.data() + size);
    size = static_cast<std::uint8_t>(size + n);
  }
  left_ -= static_cast<std::uint32_t>(part.size());
  if (left_ == 0) part_ = Part::name_size;
}

void EventStreamReader::begin_payload(EventStreamHandler& handler) {
  const auto value = [this](std::size_t i) { return Bytes{values_[i].data(), value_sizes_[i]}; };
  part_ = payload_left_ == 0 ? Part::message_crc : Part::payload;
  handler.on_message_begin({value(0), value(1), value(2), value(3), value(4), payload_left_});
}

bool EventStreamReader::take_message_crc(EventStreamHandler& handler) {
  part_ = Part::prelude;
  const bool ok = number(fixed_.data(), 4) == crc_;
  if (!ok) reason_ = kBadCrc;
  if (ok) ++messages_;
  handler.on_message_end(ok);
  return ok;
}

}  // namespace llmrec::wire
