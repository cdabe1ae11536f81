#include "admin/accept.h"

#include <doctest/doctest.h>

#include <string>

using llmrec::admin::prefers;
using llmrec::admin::weight_of;

TEST_CASE("accept: the most exact range decides, with its weight") {
  CHECK(weight_of("text/html", "text/html") == 1000);
  CHECK(weight_of("TEXT/HTML;q=0.8", "text/html") == 800);
  CHECK(weight_of("text/*;q=0.3, text/html;q=0.7, */*;q=0.5", "text/html") == 700);
  CHECK(weight_of("text/*;q=0.3, text/html;q=0.7, */*;q=0.5", "text/plain") == 300);
  CHECK(weight_of("text/*;q=0.3, text/html;q=0.7, */*;q=0.5", "image/png") == 500);
  CHECK(weight_of("text/html;q=0, */*", "text/html") == 0);
  CHECK(weight_of("text/html ; level=1 ; q=0.25", "text/html") == 250);
  CHECK(weight_of("", "text/html") == 0);
  CHECK(weight_of("application/json", "text/html") == 0);
}

TEST_CASE("accept: nonsense counts for nothing") {
  for (const char* accept : {",,,;;", "text/html;q=", "text/html;q=2", "text/html;q=1.5",
                             "text/html;q=0.1234", "text/html;q=x", "text/htmlx", "/", "*/"}) {
    CAPTURE(std::string(accept));
    CHECK(weight_of(accept, "text/html") == 0);
  }
}

TEST_CASE("accept: browsers, curl, Prometheus") {
  const char* browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
  CHECK(prefers(browser, "text/html", "application/json"));
  CHECK(!prefers("*/*", "text/html", "application/json"));
  CHECK(!prefers("", "text/html", "application/json"));
  const char* prometheus =
      "application/openmetrics-text;version=1.0.0,application/"
      "openmetrics-text;version=0.0.1;q=0.75,"
      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
  CHECK(prefers(prometheus, "application/openmetrics-text", "text/plain"));
  CHECK(!prefers(browser, "application/openmetrics-text", "text/plain"));
}
