#include "cli/ca.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "cli_temp.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

struct Rig {
  TempDir dir;
  CaOptions o;
  CaHosts hosts{{"api.openai.com", "*.openai.azure.com"}, {}};
  std::map<std::string, std::string> variables;

  Rig() { o.serve.ca_dir = dir.path + "/ca"; }
  struct Said {
    int status;
    std::string out;
    std::string err;
  };
  Said run(CaAction action) {
    Captured c;
    c.variables = variables;
    o.action = action;
    const int status = ca(o, hosts, c.streams);
    return {status, c.out.str(), c.err.str()};
  }
};

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("ca init makes one, and keeps it as long as the hosts stay") {
  Rig rig;
  const auto made = rig.run(CaAction::init);
  CHECK(made.status == 0);
  CHECK(made.out.starts_with("made a new CA in " + rig.o.serve.ca_dir + "\nroot  "));
  const auto again = rig.run(CaAction::init);
  CHECK(again.out.starts_with("there is already a CA for these hosts in "));
  CHECK(made.out.substr(made.out.find("root")) == again.out.substr(again.out.find("root")));
  rig.hosts.hosts.emplace_back("llm.example.com");
  CHECK(rig.run(CaAction::init).out.starts_with("made a new CA"));
}

TEST_CASE("ca show: whose it is and for what") {
  Rig rig;
  const auto none = rig.run(CaAction::show);
  CHECK(none.status == 1);
  CHECK(none.err.starts_with("llmrec: there is no CA in "));
  rig.run(CaAction::init);
  const auto shown = rig.run(CaAction::show);
  CHECK(shown.status == 0);
  CHECK(shown.err.empty());
  CHECK(shown.out.find("signs for    api.openai.com\n") != std::string::npos);
  CHECK(shown.out.find("             openai.azure.com\n") != std::string::npos);
  CHECK(shown.out.find("valid until  2036-") != std::string::npos);
  rig.hosts.hosts.pop_back();
  CHECK(rig.run(CaAction::show).err.find("not for the hosts") != std::string::npos);
}

TEST_CASE("ca bundle: the system's roots and ours, to a file or to standard output") {
  Rig rig;
  CHECK(rig.run(CaAction::bundle).status == 1);
  rig.run(CaAction::init);
  std::ofstream(rig.dir.path + "/system.pem") << "-----BEGIN CERTIFICATE-----";
  rig.variables["SSL_CERT_FILE"] = rig.dir.path + "/system.pem";
  const std::string root = content(rig.o.serve.ca_dir + "/root.crt");
  const auto written = rig.run(CaAction::bundle);
  INFO(written.err);
  CHECK(written.status == 0);
  CHECK(written.out == rig.o.serve.ca_dir + "/bundle.crt\n");
  CHECK(content(rig.o.serve.ca_dir + "/bundle.crt") == "-----BEGIN CERTIFICATE-----\n" + root);
  rig.o.bundle = "-";
  CHECK(rig.run(CaAction::bundle).out == "-----BEGIN CERTIFICATE-----\n" + root);
  // Not the file itself, which the variable may name already: it would grow with each run.
  rig.o.bundle = rig.dir.path + "/system.pem";
  rig.run(CaAction::bundle);
  const std::string once = content(rig.o.bundle);
  rig.run(CaAction::bundle);
  CHECK(content(rig.o.bundle) == once);
}

TEST_CASE("a CA in memory can only come from its recorder") {
  Rig rig;
  rig.o.serve.ca_dir = "none";
  for (const CaAction action : {CaAction::init, CaAction::show, CaAction::bundle}) {
    CHECK(rig.run(action).status == 1);
  }
  rig.o.serve.ca_bundle_out = "/b.crt";
  CHECK(rig.run(CaAction::env).out.find("SSL_CERT_FILE='/b.crt'") != std::string::npos);
}

TEST_CASE("ca env: every variable, once, with the bundle of serve or the one named") {
  Rig rig;
  rig.o.serve.listen = "0.0.0.0:9000";
  rig.o.bundle = "/b.crt";
  const auto said = rig.run(CaAction::env);
  CHECK(said.status == 0);
  CHECK(said.err == "llmrec: there is no /b.crt yet: llmrec ca bundle writes it\n");
  CHECK(said.out.starts_with("export HTTPS_PROXY='http://127.0.0.1:9000'\n"));
  for (const char* name :
       {"https_proxy", "NO_PROXY", "no_proxy", "NODE_USE_ENV_PROXY", "NODE_EXTRA_CA_CERTS",
        "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "DENO_CERT"}) {
    CAPTURE(name);
    CHECK(said.out.find("export " + std::string(name) + "='") != std::string::npos);
  }
  rig.variables["NO_PROXY"] = ".corp.example,localhost";
  CHECK(rig.run(CaAction::env).out.find("NO_PROXY='.corp.example,localhost,127.0.0.1,::1,") !=
        std::string::npos);
}

TEST_CASE("forms, with values that need quotes") {
  const std::vector<Variable> odd{{"A", "it's"}};
  CHECK(in_form(EnvForm::sh, odd) == "export A='it'\\''s'\n");
  CHECK(in_form(EnvForm::fish, odd) == "set -gx A 'it\\'s'\n");
  CHECK(in_form(EnvForm::dotenv, odd) == "A=it's\n");
  CHECK(in_form(EnvForm::k8s, odd) == "- name: A\n  value: 'it''s'\n");
}

TEST_CASE("where apps find the bundle") {
  ServeOptions serve;
  serve.ca_dir = "/ca";
  serve.store = "/s";
  CHECK(bundle_path("", serve) == "/ca/bundle.crt");
  serve.ca_bundle_out = "/out.crt";
  CHECK(bundle_path("", serve) == "/out.crt");
  CHECK(bundle_path("/given.crt", serve) == "/given.crt");
  CHECK(bundle_path("here.crt", serve).front() == '/');
}
