#include "wire/json_shape.h"

#include <array>

#include "base/limits.h"

namespace llmrec::wire {
namespace {

static_assert(limits::kJsonDepthMax <= 128, "the two words of container kinds hold 128");

constexpr std::array<Bytes, 3> kLiterals = {"true", "false", "null"};

constexpr bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}  // namespace

bool JsonShape::complete() const {
  if (depth_ != 0) return false;
  switch (state_) {
    case State::after_value:
    case State::zero:
    case State::digits:
    case State::fraction:
    case State::exponent_digits:
      return true;
    default:
      return false;
  }
}

bool JsonShape::in_string() const {
  return state_ == State::string || state_ == State::escape || state_ == State::hex;
}

void JsonShape::feed(Bytes octets) {
  const char* p = octets.data();
  const char* const end = p + octets.size();
  while (p != end && state_ != State::invalid) {
    switch (state_) {
      case State::string:
      case State::escape:
      case State::hex:
        p = feed_string(p, end);
        break;
      case State::literal: {
        const Bytes word = kLiterals[literal_];
        if (*p++ != word[literal_at_]) {
          state_ = State::invalid;
        } else if (++literal_at_ == word.size()) {
          state_ = State::after_value;
        }
        break;
      }
      case State::minus:
      case State::zero:
      case State::digits:
      case State::point:
      case State::fraction:
      case State::exponent:
      case State::exponent_sign:
      case State::exponent_digits:
        p = feed_number(p, end);
        break;
      default:
        if (!is_space(*p)) feed_structure(*p);
        ++p;
    }
  }
}

const char* JsonShape::feed_string(const char* p, const char* end) {
  if (state_ == State::escape) {
    if (*p == 'u') {
      state_ = State::hex;
      hex_left_ = 4;
    } else {
      state_ = Bytes("\"\\/bfnrt").find(*p) == Bytes::npos ? State::invalid : State::string;
    }
    return p + 1;
  }
  if (state_ == State::hex) {
    if (!is_hex(*p)) {
      state_ = State::invalid;
    } else if (--hex_left_ == 0) {
      state_ = State::string;
    }
    return p + 1;
  }
  for (; p != end; ++p) {
    if (*p == '"') {
      state_ = key_string_ ? State::colon : State::after_value;
      return p + 1;
    }
    if (*p == '\\') {
      state_ = State::escape;
      return p + 1;
    }
    if (static_cast<unsigned char>(*p) < 0x20) {
      state_ = State::invalid;
      return p;
    }
  }
  return p;
}

// A number ends at the first octet that is not of it, which is left for the structure.
const char* JsonShape::feed_number(const char* p, const char* end) {
  for (; p != end; ++p) {
    const char c = *p;
    switch (state_) {
      case State::minus:
        state_ = c == '0' ? State::zero : is_digit(c) ? State::digits : State::invalid;
        break;
      case State::digits:
      case State::zero:
        if (is_digit(c)) {
          if (state_ == State::zero) state_ = State::invalid;
        } else if (c == '.') {
          state_ = State::point;
        } else if (c == 'e' || c == 'E') {
          state_ = State::exponent;
        } else {
          state_ = State::after_value;
        }
        break;
      case State::point:
        state_ = is_digit(c) ? State::fraction : State::invalid;
        break;
      case State::fraction:
        if (!is_digit(c)) state_ = c == 'e' || c == 'E' ? State::exponent : State::after_value;
        break;
      case State::exponent:
        state_ = c == '+' || c == '-' ? State::exponent_sign
                 : is_digit(c)        ? State::exponent_digits
                                      : State::invalid;
        break;
      case State::exponent_sign:
        state_ = is_digit(c) ? State::exponent_digits : State::invalid;
        break;
      default:  // exponent_digits
        if (!is_digit(c)) state_ = State::after_value;
    }
    if (state_ == State::after_value || state_ == State::invalid) return p;
  }
  return p;
}

void JsonShape::feed_structure(char c) {
  empty_ = false;
  switch (state_) {
    case State::value:
      begin_value(c);
      break;
    case State::value_or_end:
      if (c == ']') {
        close(false);
      } else {
        begin_value(c);
      }
      break;
    case State::key_or_end:
    case State::key:
      if (c == '"') {
        key_string_ = true;
        state_ = State::string;
      } else if (c == '}' && state_ == State::key_or_end) {
        close(true);
      } else {
        state_ = State::invalid;
      }
      break;
    case State::colon:
      state_ = c == ':' ? State::value : State::invalid;
      break;
    default:  // after_value
      if (depth_ == 0) {
        state_ = State::invalid;
      } else if (c == ',') {
        state_ = in_object() ? State::key : State::value;
      } else if (c == '}' || c == ']') {
        close(c == '}');
      } else {
        state_ = State::invalid;
      }
  }
}

void JsonShape::begin_value(char c) {
  key_string_ = false;
  literal_at_ = 1;
  switch (c) {
    case '{':
    case '[':
      open(c == '{');
      return;
    case '"':
      state_ = State::string;
      return;
    case '-':
      state_ = State::minus;
      return;
    case '0':
      state_ = State::zero;
      return;
    case 't':
    case 'f':
    case 'n':
      literal_ = c == 't' ? 0 : c == 'f' ? 1 : 2;
      state_ = State::literal;
      return;
    default:
      state_ = is_digit(c) ? State::digits : State::invalid;
  }
}

void JsonShape::open(bool object) {
  if (depth_ == limits::kJsonDepthMax) {
    too_deep_ = true;
    state_ = State::invalid;
    return;
  }
  const std::uint64_t bit = std::uint64_t{1} << (depth_ % 64);
  std::uint64_t& word = objects_[depth_ / 64];
  word = object ? word | bit : word & ~bit;
  ++depth_;
  state_ = object ? State::key_or_end : State::value_or_end;
}

void JsonShape::close(bool object) {
  if (in_object() != object) {
    state_ = State::invalid;
    return;
  }
  --depth_;
  state_ = State::after_value;
}

}  // namespace llmrec::wire
