#include "admin/site.h"

#include <doctest/doctest.h>

#include <string>

#include "cli_store.h"
#include "support/metrics_format.h"

using namespace llmrec;
using namespace llmrec::admin;

namespace {

struct Fixture {
  explicit Fixture(bool notes = false) {
    store::WriterOptions options;
    options.dir = fixture.dir();
    auto opened = store::Store::open_writer(options);
    REQUIRE(opened);
    store.emplace(*std::move(opened));
    writer = std::make_unique<store::Writer>(
        *store,
        store::WriterHooks{[] { return Instant{}; }, [] { return std::int64_t{0}; }, {}, {}});
    SiteOptions site_options;
    site_options.store = &*store;
    site_options.writer = writer.get();
    site_options.metrics = &metrics;
    site_options.vitals = [this] { return vitals; };
    site_options.listen = *relay::parse_ip_literal("127.0.0.1");
    site_options.takes_notes = notes;
    site = std::make_unique<Site>(std::move(site_options));
  }

  static Request request(const std::string& path, const std::string& accept = "",
                         const std::string& method = "GET") {
    Request r;
    r.method = method;
    r.path = path.substr(0, path.find('?'));
    r.query = path.find('?') == std::string::npos ? "" : path.substr(path.find('?') + 1);
    r.host = "127.0.0.1:8791";
    r.accept = accept;
    return r;
  }
  Response now(const Request& r) const {
    const auto answer = site->answer_now(r);
    REQUIRE(answer);
    return *answer;
  }
  Response later(const Request& r) const {
    REQUIRE(!site->answer_now(r));
    return site->answer_from_store(r);
  }

  cli::StoreFixture fixture;
  std::optional<store::Store> store;
  std::unique_ptr<store::Writer> writer;
  Metrics metrics;
  Vitals vitals;
  std::unique_ptr<Site> site;
};

}  // namespace

TEST_CASE("site: probes") {
  Fixture f;
  CHECK(f.now(f.request("/livez")).body == "ok\n");
  CHECK(f.now(f.request("/readyz")).body == "ok\n");
  CHECK(f.now(f.request("/healthz")).status == 200);
  f.vitals.draining = true;
  CHECK(f.now(f.request("/livez")).status == 200);
  CHECK(f.now(f.request("/readyz")).status == 503);
  CHECK(f.now(f.request("/readyz")).body == "draining\n");
  f.vitals.draining = false;
  f.vitals.stuck = "loop 0 has not turned for 12 s";
  for (const char* path : {"/livez", "/readyz", "/healthz"}) {
    CHECK(f.now(f.request(path)).status == 503);
  }
}

TEST_CASE("site: readiness does not depend on the store") {
  Fixture f;
  f.vitals.rows_dropped = 1'000'000;
  f.vitals.commit_failures = 1'000;
  f.writer->stop();
  CHECK(f.now(f.request("/readyz")).status == 200);
  CHECK(f.now(f.request("/livez")).status == 200);
}

TEST_CASE("site: metrics in both formats") {
  Fixture f;
  f.metrics.observe(f.fixture.of("ok"));
  const Response text = f.now(f.request("/metrics"));
  CHECK(text.content_type == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(support::read_metrics(text.body).faults == std::vector<std::string>{});
  const Response open =
      f.now(f.request("/metrics", "application/openmetrics-text;version=1.0.0,*/*;q=0.1"));
  CHECK(open.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8");
  CHECK(support::read_metrics(open.body, true).faults == std::vector<std::string>{});
  CHECK(support::read_metrics(text.body).values.at("process_open_fds") > 2);
}

TEST_CASE("site: which page takes which method") {
  Fixture f;
  CHECK(f.now(f.request("/")).content_type == "text/html; charset=utf-8");
  CHECK(f.now(f.request("/", "", "HEAD")).status == 200);
  for (const char* path :
       {"/", "/livez", "/metrics", "/stats.json", "/records/req_1", "/nothing"}) {
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
      const Response r = f.now(f.request(path, "", method));
      CHECK(r.status == 405);
      CHECK(r.allow == "GET, HEAD");
    }
  }
  CHECK(f.now(f.request("/records/req_1/notes")).allow == "POST");
  for (const char* path :
       {"/nothing", "/records/", "/records", "/livez/", "//", "/../livez", "/favicon.ico"}) {
    CHECK(f.now(f.request(path)).status == 404);
  }
}

TEST_CASE("site: a Host that is not ours gets nothing at all") {
  Fixture f(true);
  for (const char* path : {"/", "/livez", "/metrics", "/stats.json", "/records/last"}) {
    Request r = f.request(path);
    r.host = "evil.example:8791";
    CHECK(f.now(r).status == 421);
  }
  Request r = f.request("/records/response-ok/notes", "", "POST");
  r.host = "evil.example";
  r.content_type = "application/json";
  r.body = "{\"a\":1}";
  CHECK(f.now(r).status == 421);
}

TEST_CASE("site: records for programs and for browsers") {
  Fixture f;
  CHECK(f.later(f.request("/records/response-ok")).content_type == "application/json");
  CHECK(f.later(f.request("/records/response%2Dok")).status == 200);
  CHECK(f.later(f.request("/records/response-ok", "text/html,*/*;q=0.8")).content_type ==
        "text/html; charset=utf-8");
  CHECK(f.later(f.request("/stats.json?since=7d")).content_type == "application/json");
}

TEST_CASE("site: notes are off unless asked for, and for no page of others") {
  Request r = Fixture::request("/records/response-ok/notes", "", "POST");
  r.content_type = "application/json";
  r.body = "{\"a\":1}";
  {
    Fixture f;
    CHECK(f.now(r).status == 403);
  }
  Fixture f(true);
  CHECK(f.later(r).status == 200);
  r.origin = "http://evil.example";
  CHECK(f.now(r).status == 403);
}
