// `llmrec doctor`: why is nothing recorded? Collects the facts that findings.h judges: the
// environment of this process or of another one, files, an address, the store.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/findings.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "report/text.h"

namespace llmrec::cli {

// Whether `serve`, started with these options, would record a host.
using IsRecorded = std::function<bool(const std::string& host, std::uint16_t port)>;

// The exit status: kFailed where a finding is bad.
int doctor(const DoctorOptions&, const IsRecorded&, Streams&);

// The variables of /proc/PID/environ. not_found: no such process; permission: another user's.
Result<std::function<std::optional<std::string>(const std::string&)>> environment_of(
    std::uint64_t pid, const std::string& proc = "/proc");

// Bad ones first. No line is wider than style.width.
report::Lines findings_text(const std::vector<Finding>&, const report::Style&);

// The last certificate of a bundle, which is where ours stands.
std::string last_certificate(const std::string& pem);

}  // namespace llmrec::cli
