// Result<T>: a value or an Error. The member names are those of std::expected, which g++ 12 offers
// only in C++23 mode and clang 14 not at all.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace llmrec {

// One flat list for the whole program; foreign codes are translated where they come in.
enum class Code {
  bad_argument,  // the user's fault: a flag, a file's content
  not_found,
  permission,
  in_use,       // an address, a store with a living writer
  unsupported,  // a newer schema, another program's file
  corrupt,
  full,  // disk, map, quota
  io,
  resource,  // memory, descriptors
  protocol,  // a peer broke its protocol
  internal,
};

struct Error {
  Code code = Code::internal;
  std::string detail;  // one line for people: what, and what to do. Never payload.
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace llmrec
