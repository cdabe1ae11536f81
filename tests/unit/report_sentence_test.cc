#include "report/sentence.h"

#include <doctest/doctest.h>

#include <array>
#include <cctype>
#include <string>

#include "report_samples.h"

using namespace llmrec;
using namespace llmrec::report;
using namespace llmrec::record;

namespace {

std::string joined(const std::vector<std::string>& sentences) {
  std::string out;
  for (const std::string& s : sentences) out += (out.empty() ? "" : " ") + s;
  return out;
}

// What no English text has; "" where all is well.
std::string fault_of(const std::string& text) {
  if (text.empty()) return "empty";
  if (text.back() != '.') return "no full stop";
  for (const char* wrong :
       {"  ", " .", " ,", "..", ",.", "()", "( ", ",,", " :", "?.", ": .", ";."}) {
    if (text.find(wrong) != std::string::npos) return wrong;
  }
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) return "not printable ASCII";
  }
  for (std::size_t at = text.find(". "); at != std::string::npos; at = text.find(". ", at + 2)) {
    const char next = text[at + 2];
    if (std::islower(static_cast<unsigned char>(next)) && text.compare(at + 2, 6, "llmrec") != 0) {
      return "a sentence that begins small";
    }
  }
  // Words of the record are for machines.
  if (text.find('_') != std::string::npos && text.find("close_notify") == std::string::npos) {
    return "an underscore";
  }
  return {};
}

std::array<Record, 3> bodies() {
  Record bare;
  Record cut = report::sample::tool_call_cut();
  cut.tool_calls[0].name = "pay";
  Record plain = cut;
  plain.stream = false;
  plain.chunks_received = 0;
  plain.tool_calls = {};
  plain.cut_tool_call = {};
  return {bare, cut, plain};
}

}  // namespace

TEST_CASE("every status, stage, error, end and retry safety makes sentences") {
  std::size_t made = 0;
  for (Record r : bodies()) {
    for (std::size_t status = 0; status < kCount<Status>; ++status) {
      for (std::size_t stage = 0; stage < kCount<Stage>; ++stage) {
        for (std::size_t error = 0; error < kCount<ErrorType>; ++error) {
          for (std::size_t variant = 0; variant < kCount<CloseHow> * kCount<RetrySafety>;
               ++variant) {
            r.status = static_cast<Status>(status);
            r.failure_stage = static_cast<Stage>(stage);
            r.error_type = static_cast<ErrorType>(error);
            r.upstream_close = static_cast<CloseHow>(variant % kCount<CloseHow>);
            r.retry_safety = static_cast<RetrySafety>(variant / kCount<CloseHow>);
            r.client_delivery_status = static_cast<Delivery>(variant % kCount<Delivery>);
            r.retryable = variant % 3 == 2 ? std::optional<bool>() : variant % 3 == 1;
            r.error_detail = variant % 2 == 0 ? "" : "EAI-AGAIN";
            const std::string text = joined(verdict(r));
            const std::string fault = fault_of(text);
            if (!fault.empty()) {
              INFO(fault << " in: " << text);
              REQUIRE(fault.empty());
            }
            ++made;
          }
        }
      }
    }
  }
  CHECK(made == 3 * 4 * 9 * 44 * 24);
}

TEST_CASE("every error has a sentence of its own") {
  std::vector<std::string> seen;
  for (std::size_t error = 1; error < kCount<ErrorType>; ++error) {
    Record r = report::sample::tool_call_cut();
    r.error_type = static_cast<ErrorType>(error);
    r.failure_stage = Stage::after_first_token;
    r.upstream_close = CloseHow::close_notify;
    r.error_event_received = true;
    // Says the same as stream_interrupted where it was the connection that cut the call.
    if (r.error_type == ErrorType::incomplete_tool_arguments)
      r.failure_stage = Stage::during_tool_call;
    const std::string first = verdict(r).front();
    for (const std::string& other : seen) CHECK(first != other);
    seen.push_back(first);
  }
}

TEST_CASE("every piece of evidence, warning and close has words") {
  for (std::size_t i = 0; i < kCount<FaultEvidence>; ++i) {
    CHECK_FALSE(evidence_text(static_cast<FaultEvidence>(i)).empty());
  }
  for (std::size_t i = 0; i < kCount<Warning>; ++i) {
    CHECK(fault_of(warning_text(static_cast<Warning>(i))) == "");
  }
  for (std::size_t i = 0; i < kCount<CloseHow>; ++i) {
    CHECK_FALSE(close_text(static_cast<CloseHow>(i), "").empty());
  }
  CHECK(close_text(CloseHow::tls_alert, "unknown_ca") == "TLS alert unknown_ca");
}

TEST_CASE("the sentences of the contract's example") {
  CHECK(joined(verdict(report::sample::tool_call_cut())) ==
        "The upstream dropped the connection (FIN without close_notify) 4.8 s into the stream, "
        "inside the arguments of tool call create_invoice. 37 chunks, 1,842 characters had reached "
        "the client. No usage came. A retry is safe if the partial text is discarded.");
}

TEST_CASE("the advice on a retry") {
  Record r = report::sample::rejected();
  CHECK(retry_advice(r) == "A retry is safe after 20 s.");
  r.retryable = false;
  CHECK(retry_advice(r) == "A retry will fail the same way until this is fixed.");
  r = report::sample::tool_call_cut();
  r.output_chars_received = 0;
  CHECK(retry_advice(r) == "A retry is safe if the partial tool call is discarded.");
  r.retry_safety = RetrySafety::unsafe;
  CHECK(retry_advice(r).starts_with("Do not retry blindly"));
  r.retry_safety = RetrySafety::unknown;
  CHECK(retry_advice(r) == "Whether a retry is safe is not known.");
  r.status = Status::ok;
  CHECK(retry_advice(r).empty());
}

TEST_CASE("a tap that saw less says so") {
  Record r;
  CHECK(tap_text(r).empty());
  r.tap = TapState::partial;
  r.tap_reason = "content_encoding_unknown";
  CHECK(tap_text(r).find("(content_encoding_unknown)") != std::string::npos);
  r.tap = TapState::blind;
  CHECK(tap_text(r).find("could not read") != std::string::npos);
}
