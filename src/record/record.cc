#include "record/record.h"

namespace llmrec::record {

void close_as_stopped(Record& r) {
  r.status = Status::failed;
  r.failure_stage = Stage::unknown;
  r.error_type = ErrorType::recorder_stopped;
  r.fault = Fault::recorder;
  r.fault_evidence.insert(FaultEvidence::recorder_died);
  r.closed_by = Party::recorder;
}

}  // namespace llmrec::record
