#include "recorder.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <sstream>
#include <system_error>

#include "record/codec.h"
#include "store/store.h"
#include "support/temp_dir.h"

namespace llmrec::integration {
namespace {

constexpr int kLookAgainMs = 3;
constexpr support::ExitStatus kInOrder{0, 0};

store::Store reader(const std::string& dir) {
  auto opened = store::Store::open_reader(dir);
  REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().detail));
  return *std::move(opened);
}

record::Record decoded(Bytes blob) {
  auto record = record::decode(blob);
  REQUIRE_MESSAGE(record.has_value(), (record ? "" : record.error().detail));
  return *std::move(record);
}

}  // namespace

bool eventually(const std::function<bool()>& condition, std::int64_t timeout_ms) {
  const Instant deadline = support::after_ms(timeout_ms);
  while (!condition()) {
    if (support::now() > deadline) return false;
    ::poll(nullptr, 0, kLookAgainMs);
  }
  return true;
}

std::string llmrec_program() {
  const char* path = std::getenv("LLMREC");
  REQUIRE_MESSAGE(path != nullptr, "LLMREC must name the program under test");
  return path;
}

support::ProcessOptions program_options(std::vector<std::string> arguments) {
  support::ProcessOptions options;
  options.argv = std::move(arguments);
  options.argv.insert(options.argv.begin(), llmrec_program());
  options.unset = {"SSL_CERT_FILE", "SSL_CERT_DIR", "NO_COLOR", "XDG_STATE_HOME"};
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string entry = *e;
    if (entry.starts_with("LLMREC_")) options.unset.push_back(entry.substr(0, entry.find('=')));
  }
  return options;
}

support::Finished run_llmrec(const std::vector<std::string>& arguments) {
  return support::run(program_options(arguments), kPatienceMs);
}

Recorder::Recorder(RecorderOptions options) : options_(std::move(options)) { start(); }

Recorder::~Recorder() {
  if (ended_) return;
  CHECK_MESSAGE(process_->running(), "the recorder ended by itself: ", log());
  process_->signal(SIGTERM);
  auto status = process_->wait(kPatienceMs);
  if (!status) {
    process_->signal(SIGTERM);  // a call of the test still runs: hurry
    status = process_->wait(kPatienceMs);
  }
  CHECK_MESSAGE(status == kInOrder, log());
  check_log();
}

void Recorder::start() {
  const std::string ready = (options_.home / "ready").string();
  std::filesystem::remove(ready);
  std::vector<std::string> arguments = {
      "serve",  "--listen",        options_.listen, "--store",      store(), "--ca-dir",
      ca_dir(), "--ca-bundle-out", bundle(),        "--ready-file", ready,   "--log-level",
      "debug"};
  if (!options_.upstream_ca.empty()) {
    arguments.insert(arguments.end(), {"--upstream-ca", options_.upstream_ca});
  }
  arguments.insert(arguments.end(), options_.flags.begin(), options_.flags.end());
  support::ProcessOptions program = program_options(std::move(arguments));
  if (!options_.limit.empty()) {
    const std::string shell = "ulimit " + options_.limit + " && exec \"$0\" \"$@\"";
    program.argv.insert(program.argv.begin(), {"sh", "-c", shell});
  }
  process_ = std::make_unique<support::Process>(program);
  ended_ = false;
  const bool is_ready =
      eventually([&] { return std::filesystem::exists(ready) || !process_->running(); });
  ready_ = std::filesystem::exists(ready) ? support::read_file(ready) : "";
  ended_ = !is_ready || ready_.empty();
  REQUIRE_MESSAGE(!ended_, "llmrec serve did not start: ", log());
  port_ = port_of("listen");
}

std::uint16_t Recorder::port_of(const std::string& door, std::size_t number) const {
  std::istringstream lines(ready_);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(door + " ") || number-- != 0) continue;
    const auto colon = line.rfind(':');
    std::uint16_t port = 0;
    std::from_chars(line.data() + colon + 1, line.data() + line.size(), port);
    REQUIRE(port != 0);
    return port;
  }
  FAIL("there is no such listener: ", door);
  return 0;
}

// Of the sanitizers, where it was built with them.
void Recorder::check_log() const {
  CHECK_MESSAGE(log().find("Sanitizer") == std::string::npos, log());
}

void Recorder::stop() {
  process_->signal(SIGTERM);
  const auto status = process_->wait(kPatienceMs);
  ended_ = true;
  CHECK_MESSAGE(status == kInOrder, log());
  check_log();
}

void Recorder::kill() {
  process_->signal(SIGKILL);
  const auto status = process_->wait(kPatienceMs);
  ended_ = true;
  CHECK(status == support::ExitStatus{-1, SIGKILL});
}

void Recorder::restart() {
  REQUIRE(ended_);
  start();
}

std::vector<record::Record> Recorder::records() const {
  std::vector<record::Record> out;
  const store::Store from = reader(store());
  const auto scanned = from.scan(
      {.order = store::Order::oldest_first, .range = {}, .after = {}, .status = {}, .stage = {}},
      [&](const RecordId&, Bytes blob) {
        out.push_back(decoded(blob));
        return true;
      });
  REQUIRE_MESSAGE(scanned.has_value(), (scanned ? "" : scanned.error().detail));
  return out;
}

std::vector<record::Record> Recorder::open_records() const {
  const auto rows = reader(store()).open_rows();
  REQUIRE_MESSAGE(rows.has_value(), (rows ? "" : rows.error().detail));
  std::vector<record::Record> out;
  for (const auto& row : *rows) out.push_back(decoded(row.blob));
  return out;
}

std::vector<record::Record> Recorder::wait_for_records(std::size_t count) {
  std::vector<record::Record> out;
  eventually([&] {
    const bool last_look = !ended_ && !process_->running();
    out = records();
    return out.size() >= count || last_look;
  });
  REQUIRE_MESSAGE(out.size() == count, log());
  return out;
}

std::optional<std::size_t> Recorder::open_descriptors() const {
  std::error_code error;
  std::size_t n = 0;
  std::filesystem::directory_iterator it("/proc/" + std::to_string(pid()) + "/fd", error);
  if (error) return std::nullopt;
  for (; it != std::filesystem::directory_iterator(); it.increment(error)) ++n;
  return n;
}

std::uint64_t Recorder::anonymous_memory() const {
  const std::string status = support::read_file("/proc/" + std::to_string(pid()) + "/status");
  const auto at = status.find("RssAnon:");
  REQUIRE(at != std::string::npos);
  return std::strtoull(status.c_str() + at + 8, nullptr, 10) * 1024;
}

}  // namespace llmrec::integration
