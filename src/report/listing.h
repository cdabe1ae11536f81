// Many records, a line each: the table of `llmrec ls` and its wider forms.
// Facts only, no terminal codes. Pure but for the time zone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "record/record.h"
#include "report/text.h"

namespace llmrec::report {

// Never wider than style.width: models are shortened. Ids are as short as tells these records
// apart, and never shorter than 12 characters, so that they mostly stay good for `show`. Times of
// today (by `now`) show no date.
Lines listing(const std::vector<record::Record>&, const Style&, std::int64_t now_unix_us);

// The same for records that come one by one: columns of fixed width.
Line followed_head(const Style&);
Line followed(const record::Record&, const Style&);

// Every column that helps, as wide as it gets.
Lines wide_listing(const std::vector<record::Record>&, const Style&);

// RFC 4180 with LF. Columns are named as in llmrec-record(5); unknown is empty.
std::string csv_head();
std::string csv_row(const record::Record&);

}  // namespace llmrec::report
