#include "report/receipt.h"

#include <algorithm>
#include <string>

#include "report/format.h"
#include "report/picture.h"
#include "report/sentence.h"

namespace llmrec::report {
namespace {

using record::CloseHow;
using record::Count;
using record::Party;
using record::Record;
using record::RetrySafety;
using record::Set;
using record::Status;

std::uint64_t number(const Count& n) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, n.value_or(0)));
}

class Receipt {
 public:
  Receipt(const Record& r, const Style& style) : r_(r), style_(style) {}

  Lines write() {
    verdict_lines();
    identity();
    timeline();
    evidence();
    tokens();
    retry();
    ids();
    return std::move(lines_);
  }

 private:
  void blank() { lines_.push_back({}); }
  void heading(std::string_view text) {
    blank();
    lines_.push_back({{Role::strong, std::string(text)}});
  }
  void row(std::string_view name, const std::string& value, Role role = Role::plain) {
    if (value.empty()) return;
    std::string label = padded("  " + std::string(name), kLabelColumns);
    for (std::string& part : wrapped(value, style_.width - kLabelColumns)) {
      lines_.push_back({{Role::dim, label}, {role, std::move(part)}});
      label.assign(kLabelColumns, ' ');
    }
  }

  static void join(std::string& into, const std::string& part, std::string_view between = ", ") {
    if (part.empty()) return;
    if (!into.empty()) into += between;
    into += part;
  }

  template <class E>
  static std::string names(Set<E> set) {
    std::string out;
    for (std::size_t i = 0; i < record::kCount<E>; ++i) {
      const auto e = static_cast<E>(i);
      if (set.contains(e)) join(out, std::string(record::name(e)));
    }
    return out;
  }

  Role role() const {
    if (r_.status == Status::ok) return r_.truncated.value_or(false) ? Role::warn : Role::good;
    return r_.status == Status::failed ? Role::bad : Role::warn;
  }
  std::string mark() const {
    switch (r_.status) {
      case Status::ok:
        return style_.unicode ? "✓ " : "+ ";
      case Status::failed:
        return style_.unicode ? "✗ " : "x ";
      case Status::aborted:
        return style_.unicode ? "⊘ " : "! ";
      case Status::open:
        break;
    }
    return style_.unicode ? "… " : "~ ";
  }

  void verdict_lines() {
    std::string text;
    for (const std::string& sentence : verdict(r_)) join(text, sentence, " ");
    std::string front = mark();
    for (std::string& part : wrapped(text, style_.width - 2)) {
      lines_.push_back({{role(), front}, {Role::strong, std::move(part)}});
      front = "  ";
    }
    if (r_.tap == record::TapState::complete) return;
    for (std::string& part : wrapped(tap_text(r_), style_.width - 2)) {
      lines_.push_back({{Role::warn, "  " + std::move(part)}});
    }
  }

  void identity() {
    blank();
    std::string what(record::name(r_.failure_stage));
    join(what, std::string(record::name(r_.error_type)));
    if (r_.http_status) join(what, "HTTP " + std::to_string(*r_.http_status));
    if (what.empty()) what = "no answer yet";
    row(record::name(r_.status), what, role());
    row("call", clean(r_.operation));
    std::string model = clean(r_.model);
    if (!r_.response_model.empty() && r_.response_model != r_.model) {
      join(model, "answered by " + clean(r_.response_model));
    }
    row("model", model);
    std::string provider = clean(r_.provider);
    if (r_.host != r_.provider) join(provider, clean(r_.host));
    join(provider, clean(r_.region));
    row("provider", provider);
    if (r_.started_at_us > 0) row("started", local_time(r_.started_at_us, style_.utc));
    facts("tags", r_.tags);
    facts("notes", r_.notes);
  }
  void facts(std::string_view name, const record::Facts& all) {
    std::string text;
    for (const auto& [key, value] : all) join(text, clean(key) + '=' + clean(value));
    row(name, text);
  }

  void timeline() {
    Lines bars = waterfall(r_, style_);
    Lines chunks = arrivals(r_, style_);
    if (bars.empty() && chunks.empty()) return;
    heading("Timeline");
    std::move(bars.begin(), bars.end(), std::back_inserter(lines_));
    std::move(chunks.begin(), chunks.end(), std::back_inserter(lines_));
    std::string passed;
    for (std::size_t i = 0; i < record::kCount<record::Budget>; ++i) {
      const auto budget = static_cast<record::Budget>(i);
      if (!r_.timeouts_exceeded.contains(budget)) continue;
      const record::Nanos limit = limit_of(budget);
      join(passed, std::string(record::name(budget)) + (limit ? ' ' + duration(*limit) : ""));
    }
    row("over budget", passed, Role::warn);
  }
  record::Nanos limit_of(record::Budget budget) const {
    switch (budget) {
      case record::Budget::connect:
        return r_.budgets.connect_ns;
      case record::Budget::headers:
        return r_.budgets.headers_ns;
      case record::Budget::first_token:
        return r_.budgets.first_token_ns;
      case record::Budget::idle:
        return r_.budgets.idle_ns;
      case record::Budget::total:
        return r_.budgets.total_ns;
    }
    return {};
  }

  void evidence() {
    heading("Evidence");
    std::string fault;
    for (std::size_t i = 0; i < record::kCount<record::FaultEvidence>; ++i) {
      const auto e = static_cast<record::FaultEvidence>(i);
      if (r_.fault_evidence.contains(e)) join(fault, evidence_text(e), "; ");
    }
    if (r_.fault != record::Fault::none) {
      row("fault", std::string(record::name(r_.fault)) + (fault.empty() ? "" : ": " + fault));
    }
    row("ended by", ended_by());
    row("upstream", r_.upstream_close == CloseHow::none
                        ? ""
                        : close_text(r_.upstream_close, r_.upstream_alert));
    row("client", client());
    if (r_.status != Status::ok) row("got as far as", std::string(record::name(r_.progress)));
    row("signals", signals());
    tool_calls();
    for (std::size_t i = 0; i < record::kCount<record::Warning>; ++i) {
      const auto w = static_cast<record::Warning>(i);
      if (r_.warnings.contains(w)) row("warning", warning_text(w), Role::warn);
    }
  }
  std::string ended_by() const {
    switch (r_.closed_by) {
      case Party::upstream:
        return "the upstream";
      case Party::client:
        return "the client";
      case Party::recorder:
        return "llmrec";
      case Party::none:
        break;
    }
    return r_.body_complete.value_or(false) ? "its own end: the connection lived on" : "";
  }
  std::string client() const {
    std::string out;
    if (r_.client_close != CloseHow::none) out = close_text(r_.client_close, r_.client_alert);
    if (r_.bytes_to_client) {
      join(out, "took " + grouped(number(r_.bytes_to_client)) + " of " + octets(r_.response_bytes));
    }
    if (r_.upstream_cancelled) join(out, "llmrec then closed the upstream", "; ");
    return out;
  }
  std::string signals() const {
    if (!r_.http_status || *r_.http_status >= 400) return {};
    const bool stream = r_.chunks_received > 0 || r_.stream.value_or(false);
    std::string out;
    for (const std::string& reason : r_.finish_reasons) join(out, clean(reason));
    out = out.empty() ? "no finish reason" : "finish reason " + out;
    if (stream) join(out, r_.done_event_received ? "end marker" : "no end marker");
    join(out, r_.usage_available ? "usage" : "no usage");
    if (r_.error_event_received) join(out, "an error");
    const std::string missing = names(r_.terminal_missing);
    if (!missing.empty()) out += "; owed and missing: " + missing;
    if (r_.status != Status::ok && !r_.last_event.empty())
      out += "; the last event was " + clean(r_.last_event);
    return out;
  }
  void tool_calls() {
    constexpr std::size_t kShown = 8;
    std::size_t i = 0;
    for (; i < std::min(kShown, r_.tool_calls.size()); ++i) {
      const record::ToolCall& call = r_.tool_calls[i];
      std::string text = call.name.empty() ? "(no name)" : clean(call.name);
      join(text, clean(call.id), " ");
      text += ": " + octets(call.arguments_bytes) + " of arguments, ";
      text += call.arguments_completed ? "complete" : "incomplete";
      if (call.execution_observed) text += ", executed";
      row("tool call", text, call.arguments_completed ? Role::plain : Role::bad);
    }
    const std::size_t rest = r_.tool_calls.size() - i + r_.tool_calls_not_kept;
    if (rest > 0) row("", "and " + counted(rest, "more tool call"));
  }

  void tokens() {
    const std::string reported = reported_tokens();
    std::string seen;
    if (r_.input_tokens_estimated) {
      seen = "about " + grouped(number(r_.input_tokens_estimated)) + " in";
    }
    if (r_.actual_output_tokens) {
      join(seen, "about " + grouped(number(r_.actual_output_tokens)) + " out");
      if (r_.actual_output_tokens_low && r_.actual_output_tokens_high) {
        seen += " (" + grouped(number(r_.actual_output_tokens_low)) + " to " +
                grouped(number(r_.actual_output_tokens_high)) + ')';
      }
    }
    std::string asked;
    if (r_.max_output_tokens) asked = "at most " + grouped(number(r_.max_output_tokens)) + " out";
    const bool answered = r_.http_status && *r_.http_status < 400;
    if (!answered && reported.empty()) return;
    heading("Tokens");
    row("reported", reported.empty() ? "nothing" : reported);
    row("seen", seen);
    row("asked", asked);
    row("cost", r_.cost_nano_usd
                    ? money(*r_.cost_nano_usd) + ", " + std::string(record::name(r_.cost_source))
                    : "not known");
  }
  std::string reported_tokens() const {
    const record::Usage& u = r_.usage == record::Usage{} ? r_.usage_reported : r_.usage;
    std::string in;
    if (u.cached_input) join(in, grouped(number(u.cached_input)) + " cached");
    if (u.cache_write) join(in, grouped(number(u.cache_write)) + " written to the cache");
    std::string out;
    if (u.input) {
      out = grouped(number(u.input)) + " in";
      if (!in.empty()) out += " (" + in + ')';
    }
    if (u.output) {
      join(out, grouped(number(u.output)) + " out");
      if (number(u.reasoning) > 0) out += " (" + grouped(number(u.reasoning)) + " reasoning)";
    }
    if (!out.empty() && !r_.usage_available) out += ", provisional";
    return out;
  }

  void retry() {
    const bool failed = r_.status == Status::failed || r_.status == Status::aborted;
    if (!failed && r_.attempt <= 1 && r_.retry_of.empty()) return;
    heading("Retry");
    if (r_.retryable) row("worth a try", *r_.retryable ? "yes" : "no");
    if (r_.retry_after_ns) row("not before", duration(*r_.retry_after_ns) + " have passed");
    if (failed) row("safety", safety());
    std::string attempt =
        "number " + grouped(static_cast<std::uint64_t>(std::max<std::int64_t>(1, r_.attempt)));
    if (!r_.retry_of.empty()) attempt += ", after " + r_.retry_of.text();
    row("attempt", attempt);
  }
  std::string safety() const {
    std::string out(record::name(r_.retry_safety));
    switch (r_.retry_safety) {
      case RetrySafety::safe:
        return out + ": nothing had reached the client that it could act on";
      case RetrySafety::duplicates_output:
        return out + ": output had reached the client and will come again";
      case RetrySafety::unsafe:
        return out + ": a complete tool call had reached the client";
      case RetrySafety::unknown:
        break;
    }
    return out;
  }

  void ids() {
    heading("Quote these to support");
    row("provider's id", clean(r_.provider_request_id), Role::strong);
    row("response", clean(r_.response_id));
    row("client's id", clean(r_.client_request_id));
    row("trace", clean(r_.trace_id));
    row("this record", r_.request_id.text());
  }

  const Record& r_;
  Style style_;
  Lines lines_;
};

}  // namespace

Lines receipt(const Record& r, const Style& style) {
  Style usable = style;
  usable.width = std::max<std::size_t>(60, style.width);
  return Receipt(r, usable).write();
}

}  // namespace llmrec::report
