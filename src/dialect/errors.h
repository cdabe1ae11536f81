// From a provider's own words to the categories of llmrec-record(5): one table, by status, type and
// code. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dialect/provider.h"
#include "record/names.h"

namespace llmrec::dialect {

struct ErrorWords {
  int http_status = 0;      // of the response; 200 for an error inside a stream
  std::int64_t status = 0;  // inside the document, where there is one; 0: none
  std::string_view type;
  std::string_view code;
};

struct ErrorClass {
  record::ErrorType category = record::ErrorType::http_error;
  bool retryable = false;
};

ErrorClass classify_error(const Provider&, const ErrorWords&);

}  // namespace llmrec::dialect
