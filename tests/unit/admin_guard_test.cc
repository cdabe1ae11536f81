#include "admin/guard.h"

#include <doctest/doctest.h>

using namespace llmrec;
using namespace llmrec::admin;

namespace {

Guard on(const char* listen) { return Guard(*relay::parse_ip_literal(listen)); }

Request notes() {
  Request r;
  r.method = "POST";
  r.host = "localhost:8791";
  r.content_type = "application/json";
  return r;
}

}  // namespace

TEST_CASE("guard: names and addresses that lead here, with any port") {
  const Guard guard = on("127.0.0.1");
  for (const char* host : {"localhost", "LOCALHOST:1", "localhost.:8791", "127.0.0.1:8791",
                           "127.0.0.9", "[::1]:8791", "[::1]"}) {
    CAPTURE(host);
    CHECK(guard.knows_host(host));
  }
  for (const char* host :
       {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8791", "10.0.0.7",
        "0x7f.1", "2130706433", "user@localhost", "localhost:99999", "local host", "[::1", "127.1",
        "[fe80::1]", "localhost/"}) {
    CAPTURE(host);
    CHECK(!guard.knows_host(host));
  }
}

TEST_CASE("guard: the address that is listened on, and any address where it is all of them") {
  CHECK(on("10.0.0.7").knows_host("10.0.0.7:8791"));
  CHECK(on("10.0.0.7").knows_host("localhost"));
  CHECK(!on("10.0.0.7").knows_host("10.0.0.8:8791"));
  for (const char* all : {"0.0.0.0", "::"}) {
    CHECK(on(all).knows_host("10.0.0.8:8791"));
    CHECK(on(all).knows_host("[2001:db8::1]:8791"));
    CHECK(!on(all).knows_host("evil.example"));
  }
}

TEST_CASE("guard: writing takes JSON, and no page of another origin") {
  CHECK(Guard::may_write(notes()));
  Request r = notes();
  r.content_type = "Application/JSON ; charset=utf-8";
  r.origin = "http://localhost:8791";
  r.fetch_site = "same-origin";
  CHECK(Guard::may_write(r));
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded",
                           "application/jsonp", "multipart/form-data"}) {
    r = notes();
    r.content_type = type;
    CHECK(!Guard::may_write(r));
  }
  for (const char* origin :
       {"null", "http://evil.example", "https://localhost:8791", "http://localhost:8792"}) {
    r = notes();
    r.origin = origin;
    CHECK(!Guard::may_write(r));
  }
  for (const char* site : {"cross-site", "same-site"}) {
    r = notes();
    r.fetch_site = site;
    CHECK(!Guard::may_write(r));
  }
}
