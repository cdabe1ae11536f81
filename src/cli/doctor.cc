#include "cli/doctor.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>

#include "base/limits.h"
#include "cli/walk.h"
#include "report/format.h"
#include "store/directory.h"
#include "store/store.h"

namespace llmrec::cli {
namespace {

constexpr int kDialMs = 1000;
constexpr std::int64_t kEvidenceMs = 24LL * 3600 * 1000;

Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error{errno == ENOENT ? Code::not_found : Code::io, std::strerror(errno)};
  std::string out;
  std::string piece(64 * 1024, '\0');
  for (;;) {
    const ssize_t n = ::read(fd, piece.data(), piece.size());
    const int error = errno;
    if (n < 0 && error == EINTR) continue;
    if (n <= 0 || out.size() > limits::kSystemBundleOctets) {
      ::close(fd);
      if (n < 0) return Error{Code::io, std::strerror(error)};
      if (n > 0) return Error{Code::full, "too large for a bundle of certificates"};
      return out;
    }
    out.append(piece, 0, static_cast<std::size_t>(n));
  }
}

// One address. "" where it took the connection.
std::string dial_one(const addrinfo& to) {
  const int fd = ::socket(to.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return std::strerror(errno);
  int error = ::connect(fd, to.ai_addr, to.ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd ready{fd, POLLOUT, 0};
    socklen_t size = sizeof error;
    if (::poll(&ready, 1, kDialMs) != 1) {
      error = ETIMEDOUT;
    } else if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
      error = errno;
    }
  }
  ::close(fd);
  return error == 0 ? std::string() : std::strerror(error);
}

std::string dial(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (rc != 0) return ::gai_strerror(rc);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::string why;
  for (const addrinfo* to = found; to != nullptr; to = to->ai_next) {
    why = dial_one(*to);
    if (why.empty()) return why;
  }
  return why;
}

Evidence evidence_in(const store::Store& from, std::int64_t now_unix_ms) {
  Evidence seen;
  Filter recent;
  recent.since_unix_ms = now_unix_ms - kEvidenceMs;
  const auto walked = walk_newest_first(from, recent, [&](const record::Summary& s, Bytes) {
    ++seen.records;
    if (s.error_type == record::ErrorType::client_untrusted_ca) {
      ++seen.untrusting[std::string(s.host)];
    }
    if (s.tap_reason == "http2" || s.error_detail == "http2_only") {
      ++seen.h2_only[std::string(s.host)];
    }
    return seen.records < limits::kDoctorRecords;
  });
  static_cast<void>(walked);  // a store that cannot be read is a finding of its own
  return seen;
}

Plan plan_of(const DoctorOptions& o) {
  Plan plan;
  plan.listen = o.serve.listen;
  plan.hosts = o.hosts;
  const std::string beside = o.serve.ca_dir == "none" ? "" : o.serve.ca_dir + "/bundle.crt";
  plan.bundle = !o.bundle.empty()                ? o.bundle
                : !o.serve.ca_bundle_out.empty() ? o.serve.ca_bundle_out
                                                 : beside;
  if (o.serve.ca_dir != "none") {
    if (auto root = read_file(o.serve.ca_dir + "/root.crt")) plan.root_pem = *std::move(root);
  }
  if (plan.root_pem.empty() && !plan.bundle.empty()) {
    if (const auto bundle = read_file(plan.bundle)) plan.root_pem = last_certificate(*bundle);
  }
  return plan;
}

int rank(Severity severity) {
  return severity == Severity::bad ? 0 : severity == Severity::hint ? 1 : 2;
}

}  // namespace

std::string last_certificate(const std::string& pem) {
  const auto at = pem.rfind("-----BEGIN CERTIFICATE-----");
  return at == std::string::npos ? std::string() : pem.substr(at);
}

Result<std::function<std::optional<std::string>(const std::string&)>> environment_of(
    std::uint64_t pid, const std::string& proc) {
  const std::string path = proc + '/' + std::to_string(pid) + "/environ";
  const auto text = read_file(path);
  if (!text) {
    const bool none = text.error().code == Code::not_found;
    return Error{none ? Code::not_found : Code::permission,
                 none ? "there is no process " + std::to_string(pid)
                      : "cannot read " + path + ": " + text.error().detail};
  }
  std::map<std::string, std::string> variables;
  std::istringstream in(*text);
  for (std::string line; std::getline(in, line, '\0');) {
    const auto equals = line.find('=');
    if (equals != std::string::npos)
      variables.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return std::function<std::optional<std::string>(const std::string&)>(
      [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
        const auto at = variables.find(name);
        if (at == variables.end()) return std::nullopt;
        return at->second;
      });
}

report::Lines findings_text(const std::vector<Finding>& findings, const report::Style& style) {
  std::vector<Finding> sorted = findings;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Finding& a, const Finding& b) {
    return rank(a.severity) < rank(b.severity);
  });
  report::Lines out;
  for (const Finding& f : sorted) {
    const bool good = f.severity == Severity::good;
    const bool bad = f.severity == Severity::bad;
    const report::Role role = bad    ? report::Role::bad
                              : good ? report::Role::good
                                     : report::Role::warn;
    const char* mark = style.unicode ? (bad    ? "✗ "
                                        : good ? "✓ "
                                               : "· ")
                                     : (bad    ? "x "
                                        : good ? "+ "
                                               : "- ");
    for (const std::string& line : report::wrapped(report::clean(f.text), style.width - 2)) {
      out.push_back({{role, mark}, {report::Role::plain, line}});
      mark = "  ";
    }
    if (f.remedy.empty()) continue;
    for (const std::string& line : report::wrapped(report::clean(f.remedy), style.width - 4)) {
      out.push_back({{report::Role::dim, "    " + line}});
    }
  }
  return out;
}

int doctor(const DoctorOptions& o, const IsRecorded& recorded, Streams& streams) {
  World world{streams.get, read_file, dial, recorded};
  if (o.pid) {
    auto of_process = environment_of(*o.pid);
    if (!of_process) {
      complain(of_process.error().detail, streams);
      return kFailed;
    }
    world.get = *std::move(of_process);
  }
  const Plan plan = plan_of(o);
  std::vector<Finding> findings;
  examine_proxy(plan, world, findings);
  examine_trust(plan, world, findings);
  examine_hosts(plan, world, findings);
  const auto from = store::Store::open_reader(o.serve.store);
  const int writer = store::living_writer(o.serve.store);
  examine_store(from ? from->stat() : Result<store::Stat>(from.error()), writer, o.serve.store,
                findings);
  if (from) examine_evidence(evidence_in(*from, streams.now_unix_ms), findings);
  print(findings_text(findings, style_of(o.view, streams)), use_color(o.view, streams),
        streams.out);
  const bool any_bad = std::any_of(findings.begin(), findings.end(),
                                   [](const Finding& f) { return f.severity == Severity::bad; });
  return any_bad ? kFailed : kDone;
}

}  // namespace llmrec::cli
