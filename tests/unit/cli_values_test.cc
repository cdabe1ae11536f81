#include "cli/values.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>

#include "base/clock.h"

using namespace llmrec;
using namespace llmrec::cli;

TEST_CASE("durations") {
  CHECK(*parse_duration("250ms") == 250 * kNsPerMs);
  CHECK(*parse_duration("10s") == 10 * kNsPerSecond);
  CHECK(*parse_duration("5m") == 300 * kNsPerSecond);
  CHECK(*parse_duration("1.5h") == 5400 * kNsPerSecond);
  CHECK(*parse_duration("7d") == 7 * 86'400 * kNsPerSecond);
  CHECK(*parse_duration("0s") == 0);
  for (const char* wrong : {"", "5", "s", "-1s", "1.s", ".5s", "1 s", "1x", "1e3s", "99999999999d",
                            "1.2.3s", "9999999999999999999s", "0x1s"}) {
    INFO(wrong);
    CHECK_FALSE(parse_duration(wrong));
  }
  CHECK(parse_duration("5").error().detail ==
        "'5' is not a duration such as 250ms, 10s, 5m, 1h or 7d");
}

TEST_CASE("sizes, counts and switches") {
  CHECK(*parse_size("64KiB") == 65'536);
  CHECK(*parse_size("1GiB") == 1'073'741'824);
  CHECK(*parse_size("4096") == 4096);
  CHECK(*parse_size("1.5MiB") == 1'572'864);
  for (const char* wrong : {"", "KiB", "-1", "1XiB", "99999999TiB"}) CHECK_FALSE(parse_size(wrong));
  CHECK(*parse_count("18446744073709551615") == 18'446'744'073'709'551'615ULL);
  for (const char* wrong : {"", "-1", "+1", "1k", "18446744073709551616"}) {
    CHECK_FALSE(parse_count(wrong));
  }
  CHECK(*parse_switch("On"));
  CHECK_FALSE(*parse_switch("0"));
  CHECK_FALSE(parse_switch("maybe"));
}

TEST_CASE("endpoints") {
  CHECK(*parse_endpoint("127.0.0.1:8790") == Endpoint{"127.0.0.1", 8790});
  CHECK(*parse_endpoint("[::1]:0") == Endpoint{"::1", 0});
  CHECK(*parse_endpoint("localhost:65535") == Endpoint{"localhost", 65535});
  for (const char* wrong : {"", ":80", "::1:80", "host", "host:", "host:65536", "host:-1", "[]:1",
                            "[::1]", "[x]:1", "a b:1", "http://x:1", "host:1x"}) {
    INFO(wrong);
    CHECK_FALSE(parse_endpoint(wrong));
  }
}

TEST_CASE("the forms of --connect-to, --record and --tag") {
  for (const char* right : {"api.openai.com:443:127.0.0.1:9000", "::127.0.0.1:9000", "a:443::9000",
                            "a:443:[::1]:9000", "a::b:"}) {
    INFO(right);
    CHECK(check_connect_to(right));
  }
  for (const char* wrong : {"", "a", "a:443", "a:443:b", "a:x:b:1", "a:1:b:70000", "a:1:[::1:2"}) {
    INFO(wrong);
    CHECK_FALSE(check_connect_to(wrong));
  }
  for (const char* right : {"api.openai.com", "*.openai.azure.com", "vllm:8000",
                            "vllm:8000=openai_chat", "10.0.0.1:80", "[::1]:8080=unknown"}) {
    INFO(right);
    CHECK(check_record_entry(right));
  }
  for (const char* wrong : {"", "=x", "a=", "a:", "a:0", "a:99999", "https://a", "a b", ":80"}) {
    INFO(wrong);
    CHECK_FALSE(check_record_entry(wrong));
  }
  CHECK(*parse_tag("route=check=out") == std::pair<std::string, std::string>("route", "check=out"));
  CHECK(parse_tag("a=")->second.empty());
  for (const char* wrong : {"", "=x", "route"}) CHECK_FALSE(parse_tag(wrong));
  CHECK_FALSE(parse_tag(std::string(65, 'k') + "=v"));
}

TEST_CASE("times: ago, local, RFC 3339") {
  ::setenv("TZ", "UTC-2", 1);  // POSIX: two hours east
  ::tzset();
  constexpr std::int64_t kNow = 1'782'814'361'120;
  CHECK(*parse_time("1h", kNow) == kNow - 3'600'000);
  CHECK(*parse_time("2026-06-30T10:12:41.120Z", 0) == kNow);
  CHECK(*parse_time("2026-06-30T12:12:41.120+02:00", 0) == kNow);
  CHECK(*parse_time("2026-06-30t06:42:41.1-03:30", 0) == kNow - 20);
  CHECK(*parse_time("2026-06-30 12:12:41", 0) == kNow - 120);
  CHECK(*parse_time("2026-06-30 12:12", 0) == kNow - 41'120);
  CHECK(*parse_time("2026-06-30", 0) == 1'782'770'400'000);
  for (const char* wrong :
       {"", "yesterday", "2026-6-30", "2026-02-31", "2026-13-01", "2026-06-30T",
        "2026-06-30T25:00Z", "2026-06-30T10:12:41.Z", "2026-06-30T10:12+2", "2026-06-30T10:12Zx"}) {
    INFO(wrong);
    CHECK_FALSE(parse_time(wrong, kNow));
  }
  ::setenv("TZ", "UTC", 1);
  ::tzset();
}
