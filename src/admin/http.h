// One request to the admin port and its answer, as octets: bounded, strict, one per connection.
// Knows no socket and no page. Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "wire/http1.h"

namespace llmrec::admin {

struct Request {
  std::string method;
  std::string path;   // as it came, percent signs and all
  std::string query;  // behind the question mark
  std::string host;
  std::string accept;
  std::string content_type;
  std::string origin;
  std::string fetch_site;
  std::string body;
  bool is_head() const { return method == "HEAD"; }
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string policy = "default-src 'none'";  // Content-Security-Policy
  std::string allow;                          // of 405
  int retry_after_s = 0;                      // of 503
};

Response plain(int status, std::string text);              // a line for people
Response json_error(int status, const std::string& text);  // {"error":"..."}

// Closes the connection; no caching, no embedding, no reading by other origins. The answer to HEAD
// has no body.
std::string to_http(const Response&, bool head);

// Percent signs undone. `plus`: "+" is a blank, as in queries.
std::string unescaped(Bytes text, bool plus);
// The value of the first such parameter of a query; "" where there is none.
std::string parameter(Bytes query, std::string_view name);

class RequestReader final : private wire::Http1Handler {
 public:
  enum class State : std::uint8_t { reading, whole, refused };

  RequestReader() : parser_(wire::Http1Kind::request, *this) {}
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  State feed(Bytes octets);
  const Request& request() const { return request_; }
  const Response& refusal() const { return refusal_; }

 private:
  void on_message_begin() override {}  // a second one is not answered: an answer ends it all
  bool wants_field(Bytes lower_name) override;
  void on_field(Bytes lower_name, Bytes value) override;
  wire::BodyRule on_head(const wire::Http1Head&) override;
  void on_body(Bytes) override;
  void on_message_complete() override;
  void refuse(int status, std::string_view why);

  wire::Http1Parser parser_;
  Request request_;
  Response refusal_;
  State state_ = State::reading;
  std::size_t head_octets_ = 0;
  bool has_host_ = false;
  bool has_head_ = false;
};

}  // namespace llmrec::admin
