// Chooses a command and nothing more.
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "cli/app.h"
#include "cli/ca.h"
#include "cli/db.h"
#include "cli/doctor.h"
#include "cli/export.h"
#include "cli/ls.h"
#include "cli/note.h"
#include "cli/pager.h"
#include "cli/retry_safe.h"
#include "cli/show.h"
#include "cli/stats.h"
#include "cli/tap.h"
#include "daemon/check.h"
#include "daemon/run.h"
#include "daemon/serve.h"
#include "net/payload.h"

namespace {

using namespace llmrec;

std::size_t screen_rows() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row : 24U;
}

// What may be longer than the screen goes through a pager, where somebody looks.
template <class Command>
int paged(const cli::View& view, cli::Streams& streams, Command command) {
  if (!streams.out_is_terminal || view.no_pager) return command(streams);
  cli::Pager pager(cli::pager_command(streams.get), screen_rows(), STDOUT_FILENO);
  std::ostream out(&pager);
  cli::Streams through{out, streams.err, true, streams.get, streams.now_unix_ms};
  const int status = command(through);
  return pager.finish() ? status : cli::kFailed;
}

struct Dispatch {
  cli::Streams& streams;

  int operator()(const cli::ServeOptions& o) { return daemon::serve(o); }
  int operator()(const cli::RunOptions& o) { return daemon::run(o, streams); }
  int operator()(const cli::ShowOptions& o) {
    return paged(o.view, streams, [&o](cli::Streams& s) { return cli::show(o, s); });
  }
  int operator()(const cli::LsOptions& o) {
    if (o.follow) return cli::ls(o, streams);
    return paged(o.view, streams, [&o](cli::Streams& s) { return cli::ls(o, s); });
  }
  int operator()(const cli::StatsOptions& o) {
    return paged(o.view, streams, [&o](cli::Streams& s) { return cli::stats(o, s); });
  }
  int operator()(const cli::ExportOptions& o) { return cli::export_records(o, streams); }
  int operator()(const cli::RetrySafeOptions& o) { return cli::retry_safe(o, streams); }
  int operator()(const cli::NoteOptions& o) {
    return cli::note(
        o, [](const record::Record& r) { return net::to_entry(r, store::Kind::final); }, streams);
  }
  int operator()(const cli::TapOptions& o) { return cli::tap(o, streams); }
  int operator()(const cli::DbOptions& o) { return cli::db(o, streams); }
  int operator()(const cli::CaOptions& o) {
    const auto hosts = daemon::ca_hosts(o.serve);
    if (!hosts) return refuse(hosts.error());
    return cli::ca(o, *hosts, streams);
  }
  int operator()(const cli::ConfigOptions& o) { return daemon::config_check(o, streams); }
  int operator()(const cli::DoctorOptions& o) {
    if (const auto hosts = daemon::ca_hosts(o.serve); !hosts) return refuse(hosts.error());
    const auto recorded = [&o](const std::string& host, std::uint16_t port) {
      const auto is = daemon::is_recorded(o.serve, host, port);
      return is && *is;
    };
    return paged(o.view, streams, [&](cli::Streams& s) { return cli::doctor(o, recorded, s); });
  }
  int operator()(const cli::Stop& stop) {
    streams.out << stop.out;
    if (!stop.error.empty()) streams.err << stop.error << '\n';
    return stop.exit_status;
  }

 private:
  int refuse(const Error& error) {
    cli::complain(error.detail, streams);
    return cli::kUsageError;
  }
};

int run(const std::vector<std::string>& arguments) {
  const cli::Environment environment = cli::Environment::of_process();
  cli::Streams streams{std::cout, std::cerr, ::isatty(STDOUT_FILENO) == 1, environment.get,
                       environment.now_unix_ms};
  const int status = std::visit(Dispatch{streams}, cli::parse(arguments, environment));
  if (std::cout.flush()) return status;
  std::cerr << "llmrec: cannot write to standard output\n";
  return status == cli::kDone ? cli::kFailed : status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const std::exception& e) {
    std::fprintf(stderr, "llmrec: %s\n", e.what());
    return cli::kFailed;
  }
}
