#include "record/record.h"

#include <doctest/doctest.h>

namespace record = llmrec::record;

TEST_CASE("an open record found after a crash is closed by rule 10 and keeps its progress") {
  record::Record r;
  r.progress = record::Progress::tool_call;
  r.chunks_received = 12;
  r.fault_evidence.insert(record::FaultEvidence::error_event);
  record::Record expected = r;
  record::close_as_stopped(r);
  CHECK(r.status == record::Status::failed);
  CHECK(r.failure_stage == record::Stage::unknown);
  CHECK(r.error_type == record::ErrorType::recorder_stopped);
  CHECK(r.fault == record::Fault::recorder);
  CHECK(r.closed_by == record::Party::recorder);
  CHECK(r.fault_evidence.contains(record::FaultEvidence::recorder_died));
  CHECK(r.fault_evidence.contains(record::FaultEvidence::error_event));
  expected.status = r.status;
  expected.failure_stage = r.failure_stage;
  expected.error_type = r.error_type;
  expected.fault = r.fault;
  expected.closed_by = r.closed_by;
  expected.fault_evidence = r.fault_evidence;
  CHECK(r == expected);
}

TEST_CASE("a new record knows nothing") {
  const record::Record r;
  CHECK(r.status == record::Status::open);
  CHECK(r.request_id.empty());
  CHECK_FALSE(r.http_status);
  CHECK_FALSE(r.stream);
  CHECK_FALSE(r.usage.input);
  CHECK(r.attempt == 1);
  CHECK(r == record::Record{});
}
