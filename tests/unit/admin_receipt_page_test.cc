#include "admin/receipt_page.h"

#include <doctest/doctest.h>

#include <string>

#include "report/sentence.h"
#include "report_samples.h"

using namespace llmrec;
using namespace llmrec::admin;

TEST_CASE("receipt page: the verdict, the receipt and the JSON of every kind of end") {
  for (const auto& sample : report::sample::all()) {
    const std::string& name = sample.first;
    const record::Record& r = sample.second;
    CAPTURE(name);
    const Response page = receipt_page(r);
    CHECK(page.status == 200);
    CHECK(page.body.find("<h1>" + escaped_html(report::verdict(r).front()) + "</h1>") !=
          std::string::npos);
    CHECK(page.body.find("this record") != std::string::npos);
    CHECK(page.body.find("&quot;request_id&quot;: &quot;" + r.request_id.text()) !=
          std::string::npos);
    CHECK(page.body.find("{{") == std::string::npos);
    CHECK(page.body.find("<script") == std::string::npos);
  }
}

TEST_CASE("receipt page: texts of strangers stay texts") {
  record::Record r = report::sample::tool_call_cut();
  const std::string evil = "<script>alert(1)</script>\"'&{{main}}";
  r.model = r.provider = r.host = r.operation = r.user_agent = r.response_id = evil;
  r.tool_calls[0].name = evil;
  r.tags = {{evil, evil}};
  r.error_detail = evil;
  for (const Response& page : {receipt_page(r), choice_page({r, r})}) {
    CHECK(page.body.find("<script") == std::string::npos);
    CHECK(page.body.find("alert(1)</") == std::string::npos);
  }
  CHECK(receipt_page(r).body.find("&lt;script&gt;alert(1)") != std::string::npos);
  CHECK(escaped_html("<&>\"'a") == "&lt;&amp;&gt;&quot;&#39;a");
}

TEST_CASE("receipt page: several, and none") {
  const record::Record r = report::sample::tool_call_cut();
  const Response choice = choice_page({r, r});
  CHECK(choice.status == 300);
  CHECK(choice.body.find("<a href=\"/records/" + r.request_id.text() + "\">") != std::string::npos);
  CHECK(missing_page().status == 404);
}
