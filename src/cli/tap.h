// `llmrec tap`: the tap over a captured exchange, without a network, a clock or a store. The same
// files make the same record, id included, however they are split.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "record/record.h"

namespace llmrec::cli {

int tap(const TapOptions&, Streams&);

// The record of the first exchange. bad_argument: there is no request in it.
Result<record::Record> tap_capture(Bytes request, Bytes response, const TapOptions&);

// The host that a request is for, in lower case and without port: of the Host field, else of an
// absolute target. "" where there is neither.
std::string host_of_request(Bytes request);

}  // namespace llmrec::cli
