#include "admin/site.h"

#include <string>
#include <utility>

#include "admin/accept.h"
#include "admin/pages.h"

namespace llmrec::admin {
namespace {

constexpr Bytes kRecords = "/records/";
constexpr Bytes kNotes = "/notes";

bool is_notes(Bytes path) {
  return path.starts_with(kRecords) && path.ends_with(kNotes) &&
         path.size() > kRecords.size() + kNotes.size();
}

Response not_allowed(std::string allow) {
  Response r = plain(405, "this page does not take that method");
  r.allow = std::move(allow);
  return r;
}

std::string record_id(Bytes path) {
  path.remove_prefix(kRecords.size());
  if (path.ends_with(kNotes)) path.remove_suffix(kNotes.size());
  return unescaped(path, false);
}

bool wants_html(const Request& r) { return prefers(r.accept, "text/html", "application/json"); }

}  // namespace

Site::Site(SiteOptions options)
    : options_(std::move(options)), guard_(options_.listen), view_(*options_.store) {}

// Alive as long as the loops turn: a restart would help against nothing else.
Response Site::live() const {
  const std::string stuck = options_.vitals().stuck;
  return stuck.empty() ? plain(200, "ok") : plain(503, stuck);
}

// The store has no say: forwarding comes first, and it does not need one.
Response Site::ready() const {
  const Vitals v = options_.vitals();
  if (!v.stuck.empty()) return plain(503, v.stuck);
  return v.draining ? plain(503, "draining") : plain(200, "ok");
}

Response Site::metrics(const Request& r) const {
  constexpr std::string_view kOpenMetrics = "application/openmetrics-text";
  const auto format = prefers(r.accept, kOpenMetrics, "text/plain") ? MetricsFormat::open_metrics
                                                                    : MetricsFormat::text;
  Exposition to(format);
  Vitals v = options_.vitals();
  v.process = read_process();
  write(v, to);
  options_.metrics->write(to);
  Response out;
  out.content_type = content_type(format);
  out.body = to.done();
  return out;
}

std::optional<Response> Site::answer_now(const Request& r) const {
  if (!guard_.knows_host(r.host)) {
    return plain(421, "the Host field is not one of this port: use localhost or its address");
  }
  if (r.method == "POST" && is_notes(r.path)) {
    if (!options_.takes_notes) return json_error(403, "notes are off: llmrec serve --admin-notes");
    if (!Guard::may_write(r)) {
      return json_error(403, "notes are application/json, and from no other page");
    }
    return std::nullopt;
  }
  if (r.method != "GET" && !r.is_head()) {
    return not_allowed(is_notes(r.path) ? "POST" : "GET, HEAD");
  }
  if (is_notes(r.path)) return not_allowed("POST");
  if (r.path == "/livez") return live();
  if (r.path == "/readyz") return ready();
  if (r.path == "/metrics") return metrics(r);
  if (r.path == "/") return dashboard();
  if (r.path == "/healthz") {
    Response out;
    const Vitals v = options_.vitals();
    out.status = v.stuck.empty() ? 200 : 503;
    out.content_type = "application/json";
    out.body = to_json(v) + "\n";
    return out;
  }
  if (r.path == "/stats.json") return std::nullopt;
  if (r.path.size() > kRecords.size() && r.path.starts_with(kRecords)) return std::nullopt;
  return plain(404, "there is no such page; / is the dashboard");
}

Response Site::answer_from_store(const Request& r) const {
  if (r.path == "/stats.json") return view_.stats(parameter(r.query, "since"), options_.vitals());
  if (r.method == "POST") return view_.note(record_id(r.path), r.body, *options_.writer);
  return view_.record(record_id(r.path), wants_html(r));
}

}  // namespace llmrec::admin
