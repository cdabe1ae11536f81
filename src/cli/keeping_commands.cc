#include "cli/keeping_commands.h"

#include <algorithm>

#include "cli/setters.h"

namespace llmrec::cli {
namespace {

// The options of `serve`, all but a few out of sight: a configuration file that serves both is read
// whole, and what is wrong in it is said.
std::vector<Option> of_serve(ServeOptions& serve, const std::vector<std::string>& shown) {
  std::vector<Option> options = serve_command(serve).options;
  for (Option& option : options) {
    option.hidden = std::find(shown.begin(), shown.end(), option.name) == shown.end();
  }
  std::stable_sort(options.begin(), options.end(),
                   [](const Option& a, const Option& b) { return a.hidden < b.hidden; });
  return options;
}

Option bundle_option(std::string& into, std::string help) {
  Option option{"bundle", 0, "FILE", std::move(help), text(into)};
  return option;
}

}  // namespace

Command db_command(DbAction action, DbOptions& o) {
  o.action = action;
  Command c;
  c.options = {help_option()};
  switch (action) {
    case DbAction::stat:
      c.name = "db stat";
      c.about = "Say how full the store is, since when, and what was lost";
      c.options.push_back({"json", 0, "", "As one JSON document", flag(o.json)});
      break;
    case DbAction::verify:
      c.name = "db verify";
      c.about = "Read every record and its index rows, and say whether they are sound";
      c.description =
          "Beside a running recorder only the records are read, a few at a time: the indexes need "
          "a long look that would keep its file from shrinking.";
      break;
    case DbAction::prune:
      c.name = "db prune";
      c.about = "Delete the oldest records";
      c.description = "Needs the recorder to be stopped; a running one prunes as it was told to.";
      c.options.push_back(
          {"retain", 0, "TIME", "Keep what is younger, such as 7d", duration(o.retain_ns)});
      c.options.push_back({"retain-records", 0, "N", "Keep at most so many; the oldest go first",
                           count(o.retain_records)});
      c.options.push_back(
          {"retain-bytes", 0, "SIZE", "Keep at most so much, such as 256MiB",
           keep(o.retain_bytes, [](const std::string& t) { return parse_size(t); })});
      break;
    case DbAction::compact:
      c.name = "db compact";
      c.about = "Write the store anew, without free space: its file gets smaller";
      c.description = "Needs the recorder to be stopped, and the disk to hold both files.";
      break;
  }
  c.options.push_back(store_option(o.store));
  return c;
}

Command ca_command(CaAction action, CaOptions& o) {
  o.action = action;
  Command c;
  c.has_config = true;
  std::vector<std::string> shown{"help", "config", "ca-dir", "store"};
  switch (action) {
    case CaAction::init:
      c.name = "ca init";
      c.about = "Make the CA that 'llmrec serve' would make at its start";
      c.description =
          "The CA signs for the recorded hosts only. Where there is one for the same hosts it "
          "stays.";
      shown.insert(shown.end(), {"record", "no-default-hosts"});
      break;
    case CaAction::show:
      c.name = "ca show";
      c.about = "Show the CA's fingerprint, validity and permitted hosts";
      shown.insert(shown.end(), {"record", "no-default-hosts"});
      break;
    case CaAction::env:
      c.name = "ca env";
      c.about = "Print the variables that point an app at the recorder";
      c.description = "For a shell: eval \"$(llmrec ca env)\".";
      shown.push_back("listen");
      c.options.push_back(choice_option<EnvForm>(
          "shell", 0, "FORM", "sh (the default), fish, dotenv or k8s (for a pod's env:)", o.form,
          {{"sh", EnvForm::sh},
           {"fish", EnvForm::fish},
           {"dotenv", EnvForm::dotenv},
           {"k8s", EnvForm::k8s}}));
      c.options.push_back(
          bundle_option(o.bundle,
                        "The bundle that apps are to read (default: --ca-bundle-out of serve, else "
                        "bundle.crt in the CA's directory)"));
      break;
    case CaAction::bundle:
      c.name = "ca bundle";
      c.about = "Write the system's roots and our CA into one file";
      c.options.push_back(bundle_option(
          o.bundle,
          "The file to write, - for standard output (default: --ca-bundle-out of serve, "
          "else bundle.crt in the CA's directory)"));
      break;
  }
  std::vector<Option> rows = of_serve(o.serve, shown);
  rows.insert(rows.begin() + 1, c.options.begin(), c.options.end());
  c.options = std::move(rows);
  return c;
}

Command config_check_command(ConfigOptions& o) {
  Command c;
  c.name = "config check";
  c.about = "Read the configuration as 'llmrec serve' would, and start nothing";
  c.description = "LLMREC_* variables count too: they win over the file.";
  c.has_config = true;
  c.options = of_serve(o.serve, {"help", "config"});
  for (Option& option : c.options) {
    if (option.name == "config") option.set = text(o.file);
  }
  return c;
}

Command doctor_command(DoctorOptions& o) {
  Command c;
  c.name = "doctor";
  c.about = "Find out why nothing is recorded, and say what to set";
  c.description =
      "Looks at the proxy and CA variables of this shell, or of a running process, at the "
      "recorder, and at what its records say. The exit status is 1 where something keeps calls "
      "from being recorded.";
  c.has_config = true;
  Option hosts{"host", 0, "HOST",
               "A host that the app calls: would it be recorded? May be repeated",
               [&o](const std::string& given) -> Result<void> {
                 if (auto ok = check_record_entry(given); !ok) return ok.error();
                 o.hosts.push_back(given);
                 return {};
               }};
  hosts.many = true;
  c.options = {{"pid", 0, "N", "Read the variables of this process", count(o.pid)},
               std::move(hosts),
               bundle_option(o.bundle,
                             "The bundle that the app should read (default: "
                             "--ca-bundle-out of serve)")};
  std::vector<Option> rows = of_serve(
      o.serve, {"help", "config", "listen", "ca-dir", "store", "record", "no-default-hosts"});
  rows.insert(rows.begin() + 1, c.options.begin(), c.options.end());
  c.options = std::move(rows);
  std::vector<Option> view;
  add_view(view, o.view);
  const auto first_hidden = std::find_if(c.options.begin(), c.options.end(),
                                         [](const Option& option) { return option.hidden; });
  c.options.insert(first_hidden, view.begin(), view.end());
  return c;
}

Command completions_command(std::string& shell) {
  Command c;
  c.name = "completions";
  c.about = "Print the completions for a shell: bash, zsh or fish";
  c.positional = "SHELL";
  c.set_positional = [&shell](const std::string& given) -> Result<void> {
    if (given != "bash" && given != "zsh" && given != "fish") {
      return Error{Code::bad_argument, "'" + given + "' is not one of bash, zsh, fish"};
    }
    shell = given;
    return {};
  };
  c.options = {help_option()};
  return c;
}

}  // namespace llmrec::cli
