// Pages made of records: the receipt, the choice between several, none at all. No script. Pure but
// for the clock's zone: times are UTC, as a page may be read anywhere.
#pragma once

#include <string>
#include <vector>

#include "admin/http.h"
#include "record/record.h"

namespace llmrec::admin {

Response receipt_page(const record::Record&);
Response choice_page(const std::vector<record::Record>&);
Response missing_page();

std::string escaped_html(Bytes);

}  // namespace llmrec::admin
