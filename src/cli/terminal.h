// Where a command writes and how: streams, colour, characters. The arranged text of report/ becomes
// octets here.
#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>

#include "base/result.h"
#include "cli/options.h"
#include "report/text.h"

namespace llmrec::cli {

enum ExitStatus : int { kDone = 0, kFailed = 1, kUsageError = 2, kNoStore = 3 };

struct Streams {
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  std::function<std::optional<std::string>(const std::string& name)> get;  // the environment
  std::int64_t now_unix_ms = 0;
};

// On a terminal, unless NO_COLOR has a value, TERM is dumb, or the user says otherwise.
bool use_color(const View&, const Streams&);
// Box drawing characters only where the first of LC_ALL, LC_CTYPE and LANG that has a value is
// UTF-8.
report::Style style_of(const View&, const Streams&);

void print(const report::Lines&, bool color, std::ostream&);
// "llmrec: ..." as one line.
void complain(const std::string&, Streams&);
// Says how many records are left out, unless none is.
void complain_of_unreadable(std::size_t records, Streams&);
// Says what is wrong with the store; kNoStore.
int complain_of_store(const Error&, Streams&);

}  // namespace llmrec::cli
