// Chooses a command and nothing more.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <variant>
#include <vector>

#include "cli/app.h"
#include "cli/ls.h"
#include "cli/show.h"
#include "cli/tap.h"
#include "daemon/serve.h"

namespace {

using namespace llmrec;

struct Dispatch {
  cli::Streams& streams;

  int operator()(const cli::ServeOptions& o) { return daemon::serve(o); }
  int operator()(const cli::ShowOptions& o) { return cli::show(o, streams); }
  int operator()(const cli::LsOptions& o) { return cli::ls(o, streams); }
  int operator()(const cli::TapOptions& o) { return cli::tap(o, streams); }
  int operator()(const cli::Stop& stop) {
    streams.out << stop.out;
    if (!stop.error.empty()) streams.err << stop.error << '\n';
    return stop.exit_status;
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
