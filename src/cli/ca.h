// `llmrec ca`: makes, shows and hands out the CA that apps have to trust, and says how.
#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/terminal.h"

namespace llmrec::cli {

// What the CA is constrained to: the same that `serve` makes of the same options.
struct CaHosts {
  std::vector<std::string> hosts;
  std::vector<std::string> ip_literals;
};

// The exit status: kFailed where there is no CA, or none can be made.
int ca(const CaOptions&, const CaHosts&, Streams&);

struct Variable {
  std::string name;
  std::string value;
};
// All that an app has to be told, in the order of llmrec(7). `listen`: where the recorder listens;
// `no_proxy`: hosts that the user keeps from
// the proxy already, "" for none.
std::vector<Variable> app_variables(const std::string& listen, const std::string& bundle,
                                    const std::string& no_proxy);
std::string in_form(EnvForm, const std::vector<Variable>&);

// Where apps find the bundle: --bundle, else what serve writes, else beside the CA. Absolute.
std::string bundle_path(const std::string& given, const ServeOptions&);

}  // namespace llmrec::cli
