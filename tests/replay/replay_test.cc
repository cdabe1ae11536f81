// Every exchange of tests/fixtures, in every cut and in other octets that say the same: always the
// same record, which is the one in the .golden beside it.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "record/json.h"
#include "replay/exchange.h"
#include "support/coding.h"
#include "unit/golden.h"

using namespace llmrec;
using namespace llmrec::record;
using namespace llmrec::replay;
using tap::Dir;

namespace {

const std::string kRoot = LLMREC_GOLDEN_DIR;

// One folder for each dialect.
std::vector<std::string> folders() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot)) {
    if (entry.is_directory() && !files(entry.path().string(), ".replay").empty())
      out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string name_of(const std::string& path) {
  const std::filesystem::path p(path);
  return p.parent_path().filename().string() + "/" + p.stem().string();
}

Exchange named(const std::string& name) {
  return parse(read_file(kRoot + "/openai-chat/" + name + ".replay"));
}

template <class F>
void each_exchange(F&& each) {
  std::size_t count = 0;
  for (const std::string& folder : folders()) {
    for (const std::string& path : files(folder, ".replay")) {
      INFO(name_of(path));
      each(name_of(path), parse(read_file(path)));
      ++count;
    }
  }
  CHECK(count > 50);
}

// One field to a line, as far as they stand side by side.
std::string readable(const Record& r) {
  const std::string json = to_json(r);
  std::string out;
  int depth = 0;
  bool text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    out += c;
    if (c == '"' && (i == 0 || json[i - 1] != '\\')) text = !text;
    if (text) continue;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth == 1 && (c == ',' || (c == '{' && i == 0))) out += "\n ";
  }
  return out + "\n";
}

// The answers of an exchange that has one whole one, and is a plain one or a stream.
template <class F>
void each_twin(F&& each) {
  std::size_t count = 0;
  each_exchange([&](const std::string& name, const Exchange& exchange) {
    const Parts p = parts(exchange);
    if (!p.whole || !p.coding.empty() || p.body.starts_with('\x1f')) return;
    const std::vector<Record> records = play(build(p));
    REQUIRE(records.size() == 1);
    each(name, p, without_sizes(records[0]));
    ++count;
  });
  CHECK(count > 20);
}

// The fields in which two records differ.
std::string difference(const Record& a, const Record& b) {
  std::istringstream left(readable(a));
  std::istringstream right(readable(b));
  std::string out;
  for (std::string l, r; std::getline(left, l) && std::getline(right, r);) {
    if (l != r) out += l + " |" + r + "\n";
  }
  return out;
}

bool is_lines(const Parts& p) {
  return p.type == "application/x-ndjson" || p.type == "application/stream+json";
}

std::string shuffled_lines(const std::string& body, std::uint64_t seed) {
  std::string out;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t end = std::min(body.find('\n', at), body.size());
    const std::string line = body.substr(at, end - at);
    out += line.starts_with('{') ? shuffled(line, seed) : line;
    if (end != body.size()) out += '\n';
    at = end + 1;
  }
  return out;
}

void check_twin(const Parts& twin, const Record& expected) {
  const std::vector<Record> records = play(build(twin));
  REQUIRE(records.size() == 1);
  CHECK(difference(without_sizes(records[0]), expected).empty());
}

}  // namespace

TEST_CASE("replay: the record of every exchange is its golden") {
  each_exchange([](const std::string& name, const Exchange& exchange) {
    std::string text;
    for (const Record& r : play(exchange)) text += readable(r);
    golden::check(name + ".golden", text);
  });
  for (const std::string& folder : folders()) {
    for (const std::string& path : files(folder, ".golden")) {
      CHECK_MESSAGE(std::filesystem::exists(kRoot + "/" + name_of(path) + ".replay"), path);
    }
  }
}

TEST_CASE("replay: no cut changes a record") {
  std::size_t plays = 0;
  each_exchange([&plays](const std::string&, const Exchange& exchange) {
    const std::vector<Record> whole = play(exchange);
    const std::size_t size = octets_of(exchange);
    std::vector<std::size_t> cuts(size);
    std::iota(cuts.begin(), cuts.end(), 0);
    CHECK(play(exchange, cuts) == whole);
    std::size_t wrong = 0;
    for (std::size_t at = 1; at < size; ++at) wrong += play(exchange, {at}) != whole;
    std::mt19937_64 random(size);
    for (int seed = 0; seed < 200; ++seed) {
      cuts.clear();
      const std::size_t step = 1 + random() % 200;
      for (std::size_t at = random() % step; at < size; at += 1 + random() % step)
        cuts.push_back(at);
      wrong += play(exchange, cuts) != whole;
    }
    CHECK(wrong == 0);
    plays += size + 200;
  });
  MESSAGE(plays, " plays");
}

TEST_CASE("replay: every planted word stays out") {
  each_exchange([](const std::string&, const Exchange& exchange) {
    CHECK(octets_of(exchange, Dir::request).find("quagga") != std::string::npos);
    for (const Record& r : play(exchange)) {
      CHECK(to_json(r).find("quagga") == std::string::npos);
    }
  });
}

TEST_CASE("replay: line ends do not matter") {
  each_twin([](const std::string& name, const Parts& p, const Record& expected) {
    // With a lone CR for a line end "\n" inside would be one more; the others have none.
    if (p.body.find('\r') != std::string::npos || !p.body.ends_with("\n")) return;
    if (p.type == "application/vnd.amazon.eventstream") return;  // has no lines
    for (const char* eol : {"\r\n", "\r"}) {
      if (eol == std::string("\r") && is_lines(p)) continue;  // no line end of NDJSON
      INFO(name);
      Parts twin = p;
      twin.body = with_line_ends(p.body, eol);
      check_twin(twin, expected);
    }
  });
}

TEST_CASE("replay: content codings do not matter") {
  each_twin([](const std::string&, const Parts& p, const Record& expected) {
    if (p.body.empty()) return;
    std::mt19937_64 random(p.body.size());
    for (const auto coding : {support::Coding::gzip, support::Coding::deflate, support::Coding::br,
                              support::Coding::zstd}) {
      INFO(support::name_of(coding));
      std::vector<std::string> pieces;  // flushed anywhere, as servers do
      for (std::size_t at = 0; at < p.body.size();) {
        const std::size_t n = 1 + random() % 300;
        pieces.push_back(p.body.substr(at, n));
        at += n;
      }
      Parts twin = p;
      twin.coding = support::name_of(coding);
      twin.body.clear();
      for (const std::string& piece : support::encode(coding, pieces)) twin.body += piece;
      check_twin(twin, expected);
      if (coding != support::Coding::gzip) continue;
      twin.coding.clear();
      const std::vector<Record> unlabelled = play(build(twin));
      REQUIRE(unlabelled.size() == 1);
      Record marked = expected;
      marked.warnings.insert(Warning::unlabelled_content_encoding);
      CHECK(difference(without_sizes(unlabelled[0]), marked).empty());
    }
  });
}

TEST_CASE("replay: the order of an object's members does not matter") {
  each_twin([](const std::string& name, const Parts& p, const Record& expected) {
    if (name == "openai-chat/multi-line-data" || p.body.find('\r') != std::string::npos) return;
    const bool json = !p.body.empty() && p.body.front() == '{' && !is_lines(p);
    const auto head = p.request.find("\r\n\r\n") + 4;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      INFO(seed);
      Parts twin = p;
      twin.body = is_lines(p) ? shuffled_lines(p.body, seed)
                  : json      ? shuffled(p.body, seed)
                              : shuffled_events(p.body, seed);
      twin.request = p.request.substr(0, head) + shuffled(p.request.substr(head), seed);
      CHECK(twin.body.size() == p.body.size());
      check_twin(twin, expected);
    }
  });
}

// --- cut at every octet
// -----------------------------------------------------------------------------

namespace {

struct Kind {
  std::string name;
  int choices = 1;
  bool done = true;  // the marker is owed
  bool usage = false;
};

// What a whole answer must have shown, looked for in the octets by eye.
bool may_be_ok(const Kind& kind, const Exchange& exchange) {
  const Parts p = parts(exchange);
  if (p.body.starts_with('{')) return p.whole;
  int finishes = 0;
  const std::string mark = R"("finish_reason":")";
  for (auto at = p.body.find(mark); at != std::string::npos; at = p.body.find(mark, at + 1)) {
    ++finishes;
  }
  return finishes >= kind.choices && (!kind.done || p.body.find("[DONE]") != std::string::npos) &&
         (!kind.usage || p.body.find(R"("usage":{)") != std::string::npos);
}

int rank(const Record& r) {
  switch (r.failure_stage) {
    case Stage::none:
      return 5;
    case Stage::after_finish_reason:
      return 4;
    case Stage::during_tool_call:
      return 3;
    case Stage::after_first_token:
      return 2;
    case Stage::client_aborted:  // at any stage before the finish
    case Stage::request_rejected:
      return 1;
    default:
      return 0;
  }
}

bool all_calls_whole(const Record& r) {
  return std::all_of(r.tool_calls.begin(), r.tool_calls.end(),
                     [](const ToolCall& call) { return call.arguments_completed; });
}

}  // namespace

TEST_CASE("replay: cut at every octet, a stream is never ok before its last word") {
  const Kind kinds[] = {{"text"},
                        {"usage", 1, true, true},
                        {"usage-missing", 1, true, true},
                        {"refusal"},
                        {"parallel-tools"},
                        {"tool-without-arguments"},
                        {"function-call"},
                        {"custom-tool"},
                        {"two-choices", 2},
                        {"length"},
                        {"error-event"},
                        {"openrouter-error"},
                        {"unterminated-tail"},
                        {"unterminated-finish"},
                        {"crlf"},
                        {"until-close"},
                        {"no-type"},
                        {"json"},
                        {"json-tools"},
                        {"json-429"},
                        {"perplexity", 1, false, true},
                        {"mistral", 1, true, true},
                        {"llama-cpp-error-field", 1, false},
                        {"google-raw-error"}};
  struct Ending {
    Dir who;
    CloseHow how;
  };
  const Ending endings[] = {{Dir::response, CloseHow::close_notify},
                            {Dir::response, CloseHow::fin},
                            {Dir::response, CloseHow::reset},
                            {Dir::request, CloseHow::reset}};
  std::size_t oks = 0;
  for (const Kind& kind : kinds) {
    const Exchange exchange = named(kind.name);
    const std::size_t size = octets_of(exchange, Dir::response).size();
    for (const Ending& ending : endings) {
      Record before;
      for (std::size_t n = 0; n <= size; ++n) {
        INFO(kind.name, ", ", n, " octets, then ", std::string(name(ending.how)), " of the ",
             std::string(ending.who == Dir::request ? "client" : "upstream"));
        const Exchange cut = truncated(exchange, n, ending.who, ending.how);
        const std::vector<Record> records = play(cut);
        REQUIRE(records.size() == 1);
        const Record& r = records[0];
        if (r.status == Status::ok) {
          ++oks;
          REQUIRE(may_be_ok(kind, cut));
        }
        if (n != 0) {
          REQUIRE(r.progress >= before.progress);
          REQUIRE(r.chunks_received >= before.chunks_received);
          REQUIRE(r.output_chars_received >= before.output_chars_received);
          // A call that became whole is no longer the place of the failure.
          const bool call_ended = rank(before) == 3 && rank(r) == 2 && all_calls_whole(r);
          REQUIRE((rank(r) >= rank(before) || call_ended));
        }
        before = r;
      }
    }
  }
  MESSAGE(oks, " were ok");
  CHECK(oks > 100);
}
