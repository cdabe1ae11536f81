// What keeps calls from being recorded, one finding per fact, with what to set. Decides from facts
// that somebody else collected: does no input or output.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace llmrec::cli {

enum class Severity : std::uint8_t {
  good,  // as it should be
  hint,  // matters to some apps only, or is not known
  bad,   // calls are not recorded, or fail
};

struct Finding {
  Severity severity = Severity::good;
  std::string text;    // one line: what is
  std::string remedy;  // what to do; "" where nothing is
};

// What records of the last time say.
struct Evidence {
  std::uint64_t records = 0;
  std::map<std::string, std::uint64_t> untrusting;  // host: calls of clients that refused our CA
  std::map<std::string, std::uint64_t> h2_only;     // host: connections that could not be opened
};

// The outside, as seen from the app.
struct World {
  std::function<std::optional<std::string>(const std::string& name)> get;  // its environment
  std::function<Result<std::string>(const std::string& path)> read_file;
  // "" where somebody listens there, else why not.
  std::function<std::string(const std::string& host, std::uint16_t port)> dial;
  std::function<bool(const std::string& host, std::uint16_t port)> recorded;
};

struct Plan {  // what serve was told
  std::string listen;
  std::string bundle;
  std::string root_pem;  // "": not known
  std::vector<std::string> hosts;
};

void examine_proxy(const Plan&, const World&, std::vector<Finding>&);
void examine_trust(const Plan&, const World&, std::vector<Finding>&);
void examine_hosts(const Plan&, const World&, std::vector<Finding>&);
// `writer`: of living_writer().
void examine_store(const Result<store::Stat>&, int writer, const std::string& dir,
                   std::vector<Finding>&);
void examine_evidence(const Evidence&, std::vector<Finding>&);

// True where the host is one that the variable NO_PROXY keeps from the proxy, as most clients read
// it: "*", a name, or the end of a name.
bool kept_from_proxy(const std::string& no_proxy, const std::string& host);

}  // namespace llmrec::cli
