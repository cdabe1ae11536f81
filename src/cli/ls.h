// `llmrec ls`: many records, newest first; or, with -f, as they come.
#pragma once

#include <cstddef>
#include <vector>

#include "cli/options.h"
#include "cli/terminal.h"
#include "record/record.h"

namespace llmrec::cli {

// The exit status: kFailed where no record fits.
int ls(const LsOptions&, Streams&);

// Prints records as they are handed over, but for tables, which have to see them all to be aligned.
class Printer {
 public:
  Printer(const LsOptions&, Streams&, std::size_t most);  // most: 0 is no limit
  bool take(record::Record&&);                            // false: no more are wanted
  void finish();
  std::size_t count() const { return count_; }

 private:
  const LsOptions& o_;
  Streams& streams_;
  std::size_t most_;
  std::vector<record::Record> kept_;
  std::size_t count_ = 0;
};

}  // namespace llmrec::cli
