#include "record/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <iterator>

namespace llmrec::record {
namespace {

using Buffer = fmt::memory_buffer;

void raw(Buffer& out, Bytes text) { out.append(text.data(), text.data() + text.size()); }

// How many octets of well-formed UTF-8 stand at the front (RFC 3629 §4: no overlong forms, no
// surrogates, nothing above U+10FFFF); 0: none. `skip` is then what one U+FFFD replaces.
std::size_t utf8_length(Bytes in, std::size_t& skip) {
  const auto at = [&](std::size_t i) {
    return i < in.size() ? static_cast<unsigned char>(in[i]) : 0U;
  };
  const unsigned first = at(0);
  skip = 1;
  if (first < 0x80) return 1;
  std::size_t length = 0;
  unsigned low = 0x80;
  unsigned high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (at(i) < low || at(i) > high) return 0;
    skip = i + 1;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

void escaped(Buffer& out, unsigned code) {
  switch (code) {
    case '"':
      return raw(out, "\\\"");
    case '\\':
      return raw(out, "\\\\");
    case '\b':
      return raw(out, "\\b");
    case '\f':
      return raw(out, "\\f");
    case '\n':
      return raw(out, "\\n");
    case '\r':
      return raw(out, "\\r");
    case '\t':
      return raw(out, "\\t");
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
  }
}

void quoted(Buffer& out, Bytes text) {
  out.push_back('"');
  while (!text.empty()) {
    std::size_t skip = 1;
    const std::size_t length = utf8_length(text, skip);
    const auto first = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      raw(out, "\xef\xbf\xbd");
      text.remove_prefix(skip);
      continue;
    }
    // C1 controls (U+0080 to U+009F) and DEL move a terminal's cursor, as those below space do.
    const bool c1 = length == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (c1) {
      escaped(out, static_cast<unsigned char>(text[1]));
    } else if (length == 1 && (first < 0x20 || first == 0x7f || first == '"' || first == '\\')) {
      escaped(out, first);
    } else {
      raw(out, text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  out.push_back('"');
}

// 10^digits parts make one; without trailing zeros: 842117 of 3 digits is 842.117.
void decimal(Buffer& out, std::int64_t value, int digits) {
  std::int64_t one = 1;
  for (int i = 0; i < digits; ++i) one *= 10;
  fmt::format_to(std::back_inserter(out), "{}", value / one);
  std::int64_t rest = value % one;
  if (rest == 0) return;
  for (; rest % 10 == 0; rest /= 10) --digits;
  fmt::format_to(std::back_inserter(out), ".{:0{}}", rest, digits);
}

class Object {  // writes "name":value pairs between braces
 public:
  explicit Object(Buffer& out) : out_(out) { out_.push_back('{'); }
  void close() { out_.push_back('}'); }

  Buffer& key(Bytes field) {
    if (!first_) out_.push_back(',');
    first_ = false;
    quoted(out_, field);
    out_.push_back(':');
    return out_;
  }
  void null(Bytes field) { raw(key(field), "null"); }
  void text(Bytes field, Bytes value) {
    if (value.empty()) return null(field);
    quoted(key(field), value);
  }
  void flag(Bytes field, bool value) { raw(key(field), value ? "true" : "false"); }
  void flag(Bytes field, const std::optional<bool>& value) {
    if (!value) return null(field);
    flag(field, *value);
  }
  void count(Bytes field, std::uint64_t value) {
    fmt::format_to(std::back_inserter(key(field)), "{}", value);
  }
  template <class T>
  void count(Bytes field, const std::optional<T>& value) {
    if (!value || *value < 0) return null(field);
    fmt::format_to(std::back_inserter(key(field)), "{}", *value);
  }
  void ms(Bytes field, const Nanos& ns) {
    if (!ns || *ns < 0) return null(field);
    decimal(key(field), *ns / 1000, 3);
  }
  template <class E>
  void names(Bytes field, Set<E> set) {
    key(field);
    out_.push_back('[');
    bool first = true;
    for (std::size_t i = 0; i < kCount<E>; ++i) {
      const auto e = static_cast<E>(i);
      if (!set.contains(e)) continue;
      if (!first) out_.push_back(',');
      first = false;
      quoted(out_, name(e));
    }
    out_.push_back(']');
  }

 private:
  Buffer& out_;
  bool first_ = true;
};

void facts(Object& o, Bytes field, const Facts& all) {
  Buffer& out = o.key(field);
  Object inner(out);
  for (const auto& [key, value] : all) quoted(inner.key(key), value);
  inner.close();
}

void usage(Object& o, Bytes field, const Usage& u) {
  Object inner(o.key(field));
  inner.count("input", u.input);
  inner.count("output", u.output);
  inner.count("total", u.total);
  inner.count("cached_input", u.cached_input);
  inner.count("cache_write", u.cache_write);
  inner.count("reasoning", u.reasoning);
  inner.close();
}

// RFC 3339 in UTC with milliseconds. 0 is "never set".
void instant(Object& o, Bytes field, std::int64_t unix_us) {
  namespace chrono = std::chrono;
  constexpr std::int64_t kYear10000_us = 253'402'300'800'000'000;
  if (unix_us <= 0 || unix_us >= kYear10000_us) return o.null(field);
  const chrono::sys_time<chrono::milliseconds> at{chrono::milliseconds(unix_us / 1000)};
  const auto day = chrono::floor<chrono::days>(at);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss<chrono::milliseconds> time(at - day);
  fmt::format_to(std::back_inserter(o.key(field)), "\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z\"",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), time.hours().count(), time.minutes().count(),
                 time.seconds().count(), time.subseconds().count());
}

void identity(Object& o, const Record& r) {
  o.count("schema", std::uint64_t{kSchema});
  o.text("request_id", r.request_id.empty() ? std::string() : r.request_id.text());
  o.text("client_request_id", r.client_request_id);
  o.text("provider_request_id", r.provider_request_id);
  o.text("response_id", r.response_id);
  o.text("trace_id", r.trace_id);
  o.text("span_id", r.span_id);
  facts(o, "tags", r.tags);
  facts(o, "notes", r.notes);
}

// A fact of the answer: without a response head nobody knows, which is not the same as no.
std::optional<bool> since_head(const Record& r, bool fact) {
  return r.progress >= Progress::headers ? std::optional<bool>(fact) : std::nullopt;
}

void asked(Object& o, const Record& r) {
  instant(o, "started_at", r.started_at_us);
  o.text("provider", r.provider);
  o.text("host", r.host);
  o.text("operation", r.operation);
  o.text("dialect", r.dialect);
  o.text("mode", name(r.mode));
  o.text("model", r.model);
  o.text("response_model", r.response_model);
  o.flag("stream", r.stream);
  o.count("message_count", r.message_count);
  o.count("tool_count", r.tool_count);
  o.count("max_output_tokens", r.max_output_tokens);
  o.count("request_bytes", r.request_bytes);
  o.count("input_tokens_estimated", r.input_tokens_estimated);
  o.flag("usage_requested", r.usage_requested);
  o.flag("api_key_present", r.api_key_present);
  o.text("user_agent", r.user_agent);
  o.ms("client_timeout_ms", r.client_timeout_ns);
  o.text("region", r.region);
}

void happened(Object& o, const Record& r) {
  o.text("status", name(r.status));
  o.text("failure_stage", name(r.failure_stage));
  o.text("progress", name(r.progress));
  o.text("error_type", name(r.error_type));
  o.text("error_detail", r.error_detail);
  o.text("error_category", name(r.error_category));
  o.text("fault", name(r.fault));
  o.names("fault_evidence", r.fault_evidence);
  o.count("http_status", r.http_status);
  o.flag("retryable", r.retryable);
  o.ms("retry_after_ms", r.retry_after_ns);
  o.text("retry_safety", name(r.retry_safety));
  o.text("finish_reason", r.finish_reasons.empty() ? Bytes() : Bytes(r.finish_reasons[0]));
  Buffer& out = o.key("finish_reasons");
  out.push_back('[');
  for (std::size_t i = 0; i < r.finish_reasons.size(); ++i) {
    if (i > 0) out.push_back(',');
    quoted(out, r.finish_reasons[i]);
  }
  out.push_back(']');
  o.text("finish_class", name(r.finish_class));
  o.flag("done_event_received", since_head(r, r.done_event_received));
  o.flag("usage_available", since_head(r, r.usage_available));
  o.flag("error_event_received", since_head(r, r.error_event_received));
  o.names("terminal_missing", r.terminal_missing);
  o.flag("truncated", r.truncated);
  o.names("warnings", r.warnings);
}

void tool_calls(Object& o, const Record& r) {
  Buffer& out = o.key("tool_calls");
  out.push_back('[');
  for (std::size_t i = 0; i < r.tool_calls.size(); ++i) {
    if (i > 0) out.push_back(',');
    const ToolCall& call = r.tool_calls[i];
    Object inner(out);
    inner.count("index", std::uint64_t{call.index});
    inner.text("id", call.id);
    inner.text("name", call.name);
    inner.count("arguments_bytes", call.arguments_bytes);
    inner.flag("arguments_completed", call.arguments_completed);
    inner.flag("execution_observed", call.execution_observed);
    inner.close();
  }
  out.push_back(']');
  const ToolCall* cut = r.cut_tool_call && *r.cut_tool_call < r.tool_calls.size()
                            ? &r.tool_calls[*r.cut_tool_call]
                            : nullptr;
  using Known = std::optional<bool>;
  o.text("tool_name", cut == nullptr ? Bytes() : Bytes(cut->name));
  o.flag("tool_arguments_completed", cut == nullptr ? Known() : Known(cut->arguments_completed));
  o.flag("tool_execution_started", cut == nullptr ? Known() : Known(cut->execution_observed));
}

void how_much(Object& o, const Record& r) {
  o.count("chunks_received", r.chunks_received);
  o.count("content_chunks", r.content_chunks);
  o.count("output_chars_received", r.output_chars_received);
  o.count("reasoning_chars_received", r.reasoning_chars_received);
  o.count("refusal_chars_received", r.refusal_chars_received);
  usage(o, "usage_reported", r.usage_reported);
  usage(o, "usage", r.usage);
  o.count("expected_output_tokens", r.expected_output_tokens);
  o.count("actual_output_tokens", r.actual_output_tokens);
  o.count("actual_output_tokens_low", r.actual_output_tokens_low);
  o.count("actual_output_tokens_high", r.actual_output_tokens_high);
  o.count("expected_chunks", r.expected_chunks);
  if (r.cost_nano_usd && *r.cost_nano_usd >= 0) {
    decimal(o.key("cost_usd"), *r.cost_nano_usd, 9);
  } else {
    o.null("cost_usd");
  }
  o.text("cost_source", name(r.cost_source));
  tool_calls(o, r);
}

void timeline(Object& o, const ChunkTimeline& t) {
  if (t.counts.empty()) return o.null("chunk_timeline");
  Object inner(o.key("chunk_timeline"));
  inner.ms("bucket_ms", t.bucket_ns);
  Buffer& out = inner.key("counts");
  out.push_back('[');
  for (std::size_t i = 0; i < t.counts.size(); ++i) {
    if (i > 0) out.push_back(',');
    fmt::format_to(std::back_inserter(out), "{}", t.counts[i]);
  }
  out.push_back(']');
  inner.close();
}

void when(Object& o, const Record& r) {
  o.ms("time_to_connect_ms", r.time_to_connect_ns);
  o.ms("time_to_tls_ms", r.time_to_tls_ns);
  o.ms("time_to_request_sent_ms", r.time_to_request_sent_ns);
  o.ms("time_to_headers_ms", r.time_to_headers_ns);
  o.ms("time_to_first_byte_ms", r.time_to_first_byte_ns);
  o.ms("time_to_first_token_ms", r.time_to_first_token_ns);
  o.ms("last_chunk_ms", r.last_chunk_ns);
  o.ms("stream_duration_ms", r.stream_duration_ns);
  o.ms("duration_ms", r.duration_ns);
  o.ms("max_gap_ms", r.max_gap_ns);
  o.count("max_gap_at_chunk", r.max_gap_at_chunk);
  o.flag("gap_had_pings", r.gap_had_pings);
  timeline(o, r.chunk_timeline);
  o.names("timeouts_exceeded", r.timeouts_exceeded);
  o.ms("connect_timeout_ms", r.budgets.connect_ns);
  o.ms("headers_timeout_ms", r.budgets.headers_ns);
  o.ms("first_token_timeout_ms", r.budgets.first_token_ns);
  o.ms("idle_timeout_ms", r.budgets.idle_ns);
  o.ms("total_timeout_ms", r.budgets.total_ns);
}

std::string closing(CloseHow how, const std::string& alert) {
  std::string text(name(how));
  if (how == CloseHow::tls_alert && !alert.empty()) text += ":" + alert;
  return text;
}

void how_it_ended(Object& o, const Record& r) {
  o.text("closed_by", name(r.closed_by));
  o.text("upstream_close", closing(r.upstream_close, r.upstream_alert));
  o.text("client_close", closing(r.client_close, r.client_alert));
  o.flag("body_complete", r.body_complete);
  o.text("last_event", r.last_event);
  o.count("response_bytes", r.response_bytes);
  o.count("bytes_to_client", r.bytes_to_client);
  o.text("client_delivery_status", name(r.client_delivery_status));
  o.flag("upstream_cancelled", r.upstream_cancelled);
  o.flag("upstream_active_at_abort", r.upstream_active_at_abort);
  o.flag("billing_received", since_head(r, r.usage_available));
}

}  // namespace

std::string to_json(const Record& r) {
  Buffer out;
  Object o(out);
  identity(o, r);
  asked(o, r);
  happened(o, r);
  how_much(o, r);
  when(o, r);
  how_it_ended(o, r);
  o.count("attempt", std::optional<std::int64_t>(r.attempt));
  o.text("retry_of", r.retry_of.empty() ? std::string() : r.retry_of.text());
  o.text("tap", name(r.tap));
  o.text("tap_reason", r.tap_reason);
  o.close();
  return fmt::to_string(out);
}

std::string json_quoted(Bytes text) {
  Buffer out;
  quoted(out, text);
  return fmt::to_string(out);
}

}  // namespace llmrec::record
