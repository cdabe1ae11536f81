#include "admin/pages.h"

#include <doctest/doctest.h>

#include <string>

using namespace llmrec;
using namespace llmrec::admin;

TEST_CASE("pages: the dashboard is whole, and asks no other host for anything") {
  const Response r = dashboard();
  CHECK(r.status == 200);
  CHECK(r.content_type == "text/html; charset=utf-8");
  CHECK(r.body.starts_with("<!doctype html>"));
  CHECK(r.body.find("{{") == std::string::npos);
  CHECK(r.body.find("color-scheme: light dark") != std::string::npos);
  CHECK(r.body.find("/stats.json") != std::string::npos);
  // No address but the namespace of SVG, which names and does not load.
  for (std::size_t at = r.body.find("://"); at != std::string::npos;
       at = r.body.find("://", at + 1)) {
    const std::string around = r.body.substr(at < 5 ? 0 : at - 5, 40);
    CAPTURE(around);
    const bool harmless = around.find("www.w3.org/2000/svg") != std::string::npos ||
                          around.find("http://checkout@") != std::string::npos ||
                          around.find("http://${proxy}") != std::string::npos;
    CHECK(harmless);
  }
  for (const char* markup : {"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(",
                             " style=", " onclick", "<link rel=\"stylesheet"}) {
    CAPTURE(markup);
    CHECK(r.body.find(markup) == std::string::npos);
  }
}

TEST_CASE("pages: the policy allows the page's own style and script, and no other") {
  const std::string policy = dashboard().policy;
  CHECK(
      policy.starts_with("default-src 'none'; base-uri 'none'; form-action 'none'; "
                         "frame-ancestors 'none'; img-src data:; style-src 'sha256-"));
  CHECK(policy.find("; connect-src 'self'; script-src 'sha256-") != std::string::npos);
  CHECK(policy.find("unsafe") == std::string::npos);
  const std::string simple = simple_page(200, "t", "m").policy;
  CHECK(simple.find("script") == std::string::npos);
  CHECK(simple.find("connect") == std::string::npos);
}

TEST_CASE("pages: a title is text; what is put in is not looked at again") {
  const Response r = simple_page(404, "<b>{{main}}", "<p>{{title}}</p>");
  CHECK(r.status == 404);
  CHECK(r.body.find("<title>&lt;b&gt;") != std::string::npos);
  CHECK(r.body.find("<b>{{") == std::string::npos);
}
