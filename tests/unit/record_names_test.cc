#include "record/names.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

namespace record = llmrec::record;

namespace {

// Names are what users grep for: unique, not empty (but for `none`), in snake case.
template <class E>
void check_vocabulary(bool first_is_none) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < record::kCount<E>; ++i) {
    const auto e = static_cast<E>(i);
    const std::string name(record::name(e));
    CAPTURE(i);
    CAPTURE(name);
    CHECK(seen.insert(name).second);
    CHECK(name.empty() == (first_is_none && i == 0));
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos);
    CHECK(record::value_by_name<E>(name) == e);
  }
  CHECK(record::kCount<E> > 0);
  CHECK(record::name(static_cast<E>(record::kCount<E>)).empty());
  CHECK_FALSE(record::value_by_name<E>("no such word"));
}

}  // namespace

TEST_CASE("every word has one spelling and reads back") {
  check_vocabulary<record::Status>(false);
  check_vocabulary<record::Stage>(true);
  check_vocabulary<record::Progress>(false);
  check_vocabulary<record::ErrorType>(true);
  check_vocabulary<record::Fault>(true);
  check_vocabulary<record::RetrySafety>(false);
  check_vocabulary<record::FinishClass>(true);
  check_vocabulary<record::Party>(true);
  check_vocabulary<record::CloseHow>(false);
  check_vocabulary<record::Delivery>(false);
  check_vocabulary<record::TapState>(false);
  check_vocabulary<record::Mode>(false);
  check_vocabulary<record::CostSource>(true);
  check_vocabulary<record::Terminal>(false);
  check_vocabulary<record::Budget>(false);
  check_vocabulary<record::Warning>(false);
  check_vocabulary<record::FaultEvidence>(false);
}

// The last value of each enumeration: a value added without its count or its name fails here.
TEST_CASE("spellings stand where their values stand") {
  using namespace record;
  CHECK(name(Status::aborted) == "aborted");
  CHECK(name(Stage::client_aborted) == "client_aborted");
  CHECK(name(Stage::unknown) == "unknown");
  CHECK(name(Progress::complete) == "complete");
  CHECK(name(ErrorType::malformed_request) == "malformed_request");
  CHECK(name(ErrorType::authentication) == "authentication");
  CHECK(name(ErrorType::http_error) == "http_error");
  CHECK(name(ErrorType::headers_timeout) == "headers_timeout");
  CHECK(name(ErrorType::client_timeout) == "client_timeout");
  CHECK(name(ErrorType::recorder_draining) == "recorder_draining");
  CHECK(name(Fault::recorder) == "recorder");
  CHECK(name(RetrySafety::unsafe) == "unsafe");
  CHECK(name(FinishClass::error) == "error");
  CHECK(name(Party::recorder) == "recorder");
  CHECK(name(CloseHow::timeout) == "timeout");
  CHECK(name(Delivery::none) == "none");
  CHECK(name(TapState::blind) == "blind");
  CHECK(name(Mode::transparent) == "transparent");
  CHECK(name(CostSource::estimated) == "estimated");
  CHECK(name(Terminal::done) == "done");
  CHECK(name(Budget::total) == "total");
  CHECK(name(Warning::executed_incomplete) == "executed_incomplete");
  CHECK(name(FaultEvidence::error_event) == "error_event");
  CHECK(name(FaultEvidence::client_closed_at_its_own_timeout) ==
        "client_closed_at_its_own_timeout");
  CHECK(name(FaultEvidence::recorder_died) == "recorder_died");
}

TEST_CASE("a set holds what was put in and nothing else") {
  record::Set<record::FaultEvidence> set;
  CHECK(set.empty());
  set.insert(record::FaultEvidence::upstream_reset);
  set.insert(record::FaultEvidence::recorder_died);
  set.insert(record::FaultEvidence::recorder_died);
  CHECK(set.contains(record::FaultEvidence::recorder_died));
  CHECK_FALSE(set.contains(record::FaultEvidence::error_event));
  set.erase(record::FaultEvidence::recorder_died);
  CHECK_FALSE(set.contains(record::FaultEvidence::recorder_died));
  CHECK(set == record::Set<record::FaultEvidence>(set.bits()));
  set.erase(record::FaultEvidence::upstream_reset);
  CHECK(set.empty());
}
