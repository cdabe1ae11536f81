#include "daemon/check.h"

#include <unistd.h>

#include "daemon/settings.h"
#include "net/address.h"
#include "tls/ca.h"

namespace llmrec::daemon {
namespace {

constexpr std::size_t kAnyDescriptors = 1024;  // decides how many sessions fit, which is not asked

Result<void> check_admin(const cli::ServeOptions& o) {
  if (o.admin.empty()) return {};
  const auto address = net::parse_listen_address(o.admin);
  if (!address) return Error{address.error().code, "--admin: " + address.error().detail};
  return {};
}

Result<void> check_files(const cli::ServeOptions& o) {
  for (const std::string& file : o.upstream_ca) {
    if (::access(file.c_str(), R_OK) != 0) {
      return Error{Code::bad_argument, "--upstream-ca: cannot read " + file};
    }
  }
  return {};
}

}  // namespace

Result<cli::CaHosts> ca_hosts(const cli::ServeOptions& o) {
  const auto settings = make_settings(o, kAnyDescriptors);
  if (!settings) return settings.error();
  CaScope scope = ca_scope(settings->recorded);
  return cli::CaHosts{std::move(scope.hosts), std::move(scope.ip_literals)};
}

Result<bool> is_recorded(const cli::ServeOptions& o, const std::string& host, std::uint16_t port) {
  const auto settings = make_settings(o, kAnyDescriptors);
  if (!settings) return settings.error();
  return settings->recorded.match(host, port) != nullptr;
}

int config_check(const cli::ConfigOptions& o, cli::Streams& streams) {
  const auto settings = make_settings(o.serve, kAnyDescriptors);
  const auto listen = net::parse_listen_address(o.serve.listen);
  const auto files = check_files(o.serve);
  const auto admin = check_admin(o.serve);
  for (const Error* error :
       {settings ? nullptr : &settings.error(), listen ? nullptr : &listen.error(),
        files ? nullptr : &files.error(), admin ? nullptr : &admin.error()}) {
    if (error == nullptr) continue;
    cli::complain(error->detail, streams);
    return cli::kUsageError;
  }
  // A CA that cannot be made for these hosts would stop the recorder at its start.
  const CaScope scope = ca_scope(settings->recorded);
  const auto authority =
      tls::Authority::create(scope.hosts, scope.ip_literals, streams.now_unix_ms / 1000);
  if (!authority) {
    cli::complain(authority.error().detail, streams);
    return cli::kUsageError;
  }
  streams.out << (o.file.empty() ? "the configuration" : o.file)
              << " is good: " << settings->recorded.entries().size()
              << " hosts and patterns, listens on " << o.serve.listen << ", store in "
              << o.serve.store << '\n';
  return cli::kDone;
}

}  // namespace llmrec::daemon
