// What happened to one call, in plain English. Every text of an error, a stage, a warning or a
// piece of evidence that a person reads is here. Pure; any thread. ASCII, no line ends.
#pragma once

#include <string>
#include <vector>

#include "record/record.h"

namespace llmrec::report {

// The verdict: what happened and where; what had come; the bill; whether to retry. Each is one or
// two sentences, the first one is never missing.
std::vector<std::string> verdict(const record::Record&);

// Whether and how to try again, as the last sentence of a verdict; "" where nothing failed.
std::string retry_advice(const record::Record&);

// A close of one side: "FIN without close_notify".
std::string close_text(record::CloseHow, const std::string& alert);
std::string evidence_text(record::FaultEvidence);  // "the upstream reset the connection"
std::string warning_text(record::Warning);         // one sentence
// Why the tap saw less than all, as one sentence; "" where it saw everything.
std::string tap_text(const record::Record&);

}  // namespace llmrec::report
