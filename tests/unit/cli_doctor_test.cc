#include "cli/doctor.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "cli_store.h"
#include "report/format.h"
#include "store/directory.h"

using namespace llmrec;
using namespace llmrec::cli;

namespace {

// A port that somebody listens on.
struct Listener {
  Listener() : fd(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(::listen(fd, 4) == 0);
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  }
  ~Listener() { ::close(fd); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  int fd;
  std::string address;
};

bool all_recorded(const std::string&, std::uint16_t) { return true; }

}  // namespace

TEST_CASE("doctor: a sound set-up, then one with the CA gone") {
  const StoreFixture fixture;
  const Listener listener;
  const std::string cert = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n";
  const std::string bundle = fixture.temp.path + "/b.crt";
  std::ofstream(bundle) << cert << cert;
  const auto lock = store::WriterLock::take(fixture.dir());
  REQUIRE(lock);
  DoctorOptions o;
  o.serve.listen = listener.address;
  o.serve.store = fixture.dir();
  o.serve.ca_dir = "none";
  o.bundle = bundle;
  Captured c;
  c.streams.now_unix_ms = fixture.records.back().started_at_us / 1000 + 48LL * 3600 * 1000;
  c.variables = {{"HTTPS_PROXY", "http://" + listener.address},
                 {"https_proxy", "http://" + listener.address},
                 {"SSL_CERT_FILE", bundle}};
  CHECK(doctor(o, all_recorded, c.streams) == 0);
  CHECK(c.err.str().empty());
  c.out.str("");
  std::ofstream(bundle) << "";
  CHECK(doctor(o, all_recorded, c.streams) == 1);
  CHECK(c.out.str().find("x SSL_CERT_FILE=") != std::string::npos);
}

TEST_CASE("doctor: records of the last day count") {
  const StoreFixture fixture;
  DoctorOptions o;
  o.serve.store = fixture.dir();
  o.serve.ca_dir = fixture.temp.path + "/no-ca";
  Captured c;
  c.streams.now_unix_ms = fixture.records.back().started_at_us / 1000;
  CHECK(doctor(o, all_recorded, c.streams) == 1);
  CHECK(c.out.str().find("1 connection refused our certificate") != std::string::npos);
  c.out.str("");
  c.streams.now_unix_ms += 48LL * 3600 * 1000;
  CHECK(doctor(o, all_recorded, c.streams) == 1);
  CHECK(c.out.str().find("refused our certificate") == std::string::npos);
}

TEST_CASE("doctor: the environment of another process") {
  const TempDir proc;
  std::filesystem::create_directory(proc.path + "/42");
  std::ofstream(proc.path + "/42/environ") << std::string("A=1\0B=x=y\0junk\0C=\0", 18);
  const auto get = environment_of(42, proc.path);
  REQUIRE(get);
  CHECK((*get)("A") == "1");
  CHECK((*get)("B") == "x=y");
  CHECK((*get)("C") == "");
  CHECK_FALSE((*get)("junk"));
  CHECK(environment_of(43, proc.path).error().detail == "there is no process 43");
  CHECK(environment_of(static_cast<std::uint64_t>(::getpid())));
  Captured c;
  DoctorOptions o;
  o.pid = 0;
  CHECK(doctor(o, all_recorded, c.streams) == 1);
  CHECK(c.err.str() == "llmrec: there is no process 0\n");
}

TEST_CASE("findings on a screen: bad ones first, nothing too wide, nothing of strangers") {
  const std::vector<Finding> all{{Severity::good, "fine", ""},
                                 {Severity::bad, std::string(100, 'w') + "\x1b[31m", "do this"},
                                 {Severity::hint, "perhaps", "or that"}};
  const std::string text = report::sample::plain_text(findings_text(all, {}));
  CHECK(text.starts_with("✗ www"));
  CHECK(text.ends_with("✓ fine\n"));
  CHECK(text.find('\x1b') == std::string::npos);
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) CHECK(report::columns(line) <= 80);
}

TEST_CASE("the last certificate of a bundle") {
  CHECK(last_certificate("x-----BEGIN CERTIFICATE-----1-----BEGIN CERTIFICATE-----2") ==
        "-----BEGIN CERTIFICATE-----2");
  CHECK(last_certificate("none").empty());
}
