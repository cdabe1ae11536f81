#include "cli/catalog.h"

#include <utility>

#include "cli/completions.h"
#include "cli/keeping_commands.h"
#include "cli/reading_commands.h"
#include "cli/run.h"

namespace llmrec::cli {
namespace {

constexpr int kUsage = 2;

Stop wrong(const std::string& what, const std::string& command) {
  return {kUsage, "", "llmrec: " + what + "; see 'llmrec " + command + " --help'"};
}

std::optional<Stop> settle_store(std::string& store, const Environment& environment) {
  if (!store.empty()) return std::nullopt;
  const auto state = environment.get("XDG_STATE_HOME");
  const auto home = environment.get("HOME");
  if (environment.root) {
    store = "/var/lib/llmrec";
  } else if (state && !state->empty() && state->front() == '/') {  // the XDG rules
    store = *state + "/llmrec";
  } else if (home && !home->empty()) {
    store = *home + "/.local/state/llmrec";
  } else {
    return Stop{kUsage, "", "llmrec: there is no home directory: say --store DIR"};
  }
  return std::nullopt;
}

std::optional<Stop> settle_serve(ServeOptions& o, const Environment& environment) {
  if (auto stop = settle_store(o.store, environment)) return stop;
  if (o.ca_dir.empty()) o.ca_dir = o.store + "/ca";
  return std::nullopt;
}

// The recorder that `run` starts is nobody else's, whatever a configuration file says of listeners
// and of the CA.
Parsed settle_run(RunOptions& o, const Environment& environment) {
  if (o.command.empty()) return wrong("say which command to run", "run");
  o.default_store =
      o.serve.store.empty() || o.serve.store == environment.get("LLMREC_STORE").value_or("");
  // Without a home directory `run` makes a private store.
  if (o.serve.store.empty()) static_cast<void>(settle_store(o.serve.store, environment));
  o.serve.listen = "127.0.0.1:0";
  o.serve.transparent.clear();
  o.serve.ca_dir = "none";
  o.serve.admin.clear();
  o.serve.loops = 1;
  o.serve.drain_ns = limits::kRunDrainNs;
  if (o.base_urls) {
    const auto doors = base_url_doors();
    o.serve.reverse.insert(o.serve.reverse.end(), doors.begin(), doors.end());
  }
  return o;
}

// Options that need nothing but a store.
template <class O>
std::function<Parsed()> with_store(O& o, const Environment& environment) {
  return [&o, &environment]() -> Parsed {
    if (auto stop = settle_store(o.store, environment)) return *std::move(stop);
    return o;
  };
}

// Options that hold those of `serve`.
template <class O>
std::function<Parsed()> with_serve(O& o, const Environment& environment) {
  return [&o, &environment]() -> Parsed {
    if (auto stop = settle_serve(o.serve, environment)) return *std::move(stop);
    return o;
  };
}

}  // namespace

Catalog::Catalog(const Environment& environment) : environment_(environment) {
  add_recording();
  add_reading();
  add_keeping();
  add_the_rest();
  groups_ = {{"db", "Look after the store: stat, verify, prune, compact"},
             {"ca", "Look after the CA: init, show, env, bundle"},
             {"config", "Look at the configuration: check"}};
}

void Catalog::add(Command command, std::function<Parsed()> settled) {
  commands_.push_back(std::move(command));
  settled_.push_back(std::move(settled));
}

void Catalog::add_recording() {
  add(serve_command(serve_), [this]() -> Parsed {
    if (auto stop = settle_serve(serve_, environment_)) return *std::move(stop);
    return serve_;
  });
  run_.serve.log_level = LogLevel::warn;
  add(run_command(run_), [this]() -> Parsed { return settle_run(run_, environment_); });
}

void Catalog::add_reading() {
  add(show_command(show_), with_store(show_, environment_));
  add(ls_command(ls_, environment_.now_unix_ms), [this]() -> Parsed {
    if (ls_.follow && ls_.output == Output::json) {
      return wrong("-f never ends, and json is one document: take -o jsonl", "ls");
    }
    if (ls_.follow && ls_.status == "open") {
      return wrong("-f shows calls that have ended, and none of them is open", "ls");
    }
    return with_store(ls_, environment_)();
  });
  add(stats_command(stats_, environment_.now_unix_ms), with_store(stats_, environment_));
  add(export_command(export_, environment_.now_unix_ms), with_store(export_, environment_));
  add(retry_safe_command(retry_safe_), with_store(retry_safe_, environment_));
  add(note_command(note_), with_store(note_, environment_));
  add(tap_command(tap_), [this]() -> Parsed {
    if (tap_.request.empty()) return wrong("--request FILE is missing", "tap");
    if (tap_.response.empty()) return wrong("--response FILE is missing", "tap");
    return tap_;
  });
}

void Catalog::add_keeping() {
  for (const DbAction action :
       {DbAction::stat, DbAction::verify, DbAction::prune, DbAction::compact}) {
    DbOptions& o = db_[static_cast<std::size_t>(action)];
    add(db_command(action, o), [this, &o]() -> Parsed {
      if (o.action == DbAction::prune && !o.retain_ns && !o.retain_records && !o.retain_bytes) {
        return wrong("say what to keep: --retain, --retain-records or --retain-bytes", "db prune");
      }
      return with_store(o, environment_)();
    });
  }
  for (const CaAction action : {CaAction::init, CaAction::show, CaAction::env, CaAction::bundle}) {
    CaOptions& o = ca_[static_cast<std::size_t>(action)];
    add(ca_command(action, o), with_serve(o, environment_));
  }
  add(config_check_command(config_), with_serve(config_, environment_));
}

void Catalog::add_the_rest() {
  add(doctor_command(doctor_), with_serve(doctor_, environment_));
  add(completions_command(shell_), [this]() -> Parsed {
    return Stop{0, completions(shell_, groups_, commands_), ""};
  });
}

}  // namespace llmrec::cli
