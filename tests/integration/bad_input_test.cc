// What the program says when it is used wrongly, started where it cannot run, or sent garbage: one
// line for a person, the right exit status, and those who are served already notice nothing.
#include <doctest/doctest.h>
#include <lmdb.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "rig.h"

using namespace llmrec;
using namespace llmrec::integration;

namespace {

// The program must end by itself, quickly, with this status and one line for a person, the last of
// stderr. What it did before that is in the log's own form.
std::string complaint(std::vector<std::string> arguments, int status) {
  arguments.insert(arguments.begin(), "serve");
  CAPTURE(arguments.back());
  const Finished done = run_llmrec(arguments);
  REQUIRE(done.status);
  const ExitStatus expected{status, 0};
  CHECK_MESSAGE(*done.status == expected, done.err);
  CHECK(done.out.empty());
  REQUIRE(done.err.ends_with('\n'));
  const auto before = done.err.rfind('\n', done.err.size() - 2);
  std::string last = before == std::string::npos ? done.err : done.err.substr(before + 1);
  CHECK_MESSAGE(last.starts_with("llmrec: "), done.err);
  if (status != 1) CHECK_MESSAGE(last == done.err, done.err);
  return last;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("integration bad_input: wrong usage is status 2 and names the flag") {
  TempDir dir;
  const auto wrong = [&](const std::string& flag, const std::string& value) {
    return complaint({"--listen", "127.0.0.1:0", "--store", dir.file("store"), flag, value}, 2);
  };
  CHECK(has(complaint({"--sotre", "x"}, 2), "--store"));
  CHECK(has(complaint({"stray"}, 2), "stray"));
  CHECK(has(wrong("--connect-to", "api.openai.com:443"), "--connect-to"));
  CHECK(has(wrong("--connect-to", "a:99999:b:1"), "--connect-to"));
  CHECK(has(wrong("--record", "http://api.openai.com/"), "--record"));
  CHECK(has(wrong("--record", "api.example.com=no_such_dialect"), "no_such_dialect"));
  CHECK(has(wrong("--record", "*"), "--record"));
  CHECK(has(wrong("--listen", "127.0.0.1"), "--listen"));
  CHECK(has(wrong("--listen", "127.0.0.1:70000"), "--listen"));
  CHECK(has(wrong("--drain", "soon"), "--drain"));
  CHECK(has(wrong("--loops", "0"), "--loops"));
  CHECK(has(wrong("--tag", "no-equals-sign"), "--tag"));
  CHECK(!std::filesystem::exists(dir.file("store")));
}

TEST_CASE("integration bad_input: an address that is taken, and its owner goes on") {
  Rig rig(answering(play(json("{}"))));
  TempDir dir;
  const std::string address = "127.0.0.1:" + std::to_string(rig.recorder().port());
  const std::string said = complaint({"--listen", address, "--store", dir.file("store")}, 1);
  CHECK(has(said, address));
  CHECK(has(said, "--listen"));
  TlsClient client = rig.connect();
  REQUIRE(client.send(chat()));
  CHECK(client.read_until("{}"));
}

TEST_CASE("integration bad_input: stores that cannot be used are status 3") {
  TempDir dir;
  const auto start = [](const std::string& store) {
    return complaint({"--listen", "127.0.0.1:0", "--store", store}, 3);
  };
  SUBCASE("below a file") {
    write_file(dir.file("file"), "x");
    const std::string store = dir.file("file") + "/store";
    CHECK(has(start(store), store));
  }
  SUBCASE("a file") {
    write_file(dir.file("store"), "x");
    CHECK(has(start(dir.file("store")), dir.file("store")));
  }
  SUBCASE("another program's") {
    const std::string store = dir.file("store");
    std::filesystem::create_directory(store);
    MDB_env* env = nullptr;
    MDB_txn* txn = nullptr;
    MDB_dbi dbi = 0;
    REQUIRE(mdb_env_create(&env) == 0);
    REQUIRE(mdb_env_set_maxdbs(env, 2) == 0);
    REQUIRE(mdb_env_open(env, store.c_str(), 0, 0600) == 0);
    REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
    REQUIRE(mdb_dbi_open(txn, "theirs", MDB_CREATE, &dbi) == 0);
    std::string word = "precious";
    MDB_val value{word.size(), word.data()};
    REQUIRE(mdb_put(txn, dbi, &value, &value, 0) == 0);
    REQUIRE(mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
    const std::string before = read_file(std::filesystem::path(store) / "data.mdb");
    CHECK(has(start(store), store));
    CHECK(read_file(std::filesystem::path(store) / "data.mdb") == before);
  }
  SUBCASE("one that is in use, whose owner goes on") {
    Rig rig(answering(play(json("{}"))));
    CHECK(has(start(rig.recorder().store()), rig.recorder().store()));
    TlsClient client = rig.connect();
    REQUIRE(client.send(chat()));
    REQUIRE(client.read_until("{}"));
    CHECK(rig.recorder().only_record().status == record::Status::ok);
  }
}

TEST_CASE("integration bad_input: certificates that cannot be used are status 1") {
  TempDir dir;
  write_file(dir.file("no.pem"), "this is no certificate\n");
  const std::vector<std::string> usual = {"--listen", "127.0.0.1:0", "--store", dir.file("store")};
  const auto start = [&](const std::string& flag, const std::string& value) {
    std::vector<std::string> all = usual;
    all.insert(all.end(), {flag, value});
    return complaint(all, 1);
  };
  CHECK(has(start("--upstream-ca", dir.file("no.pem")), dir.file("no.pem")));
  CHECK(has(start("--upstream-ca", dir.file("missing.pem")), dir.file("missing.pem")));
  write_file(dir.file("file"), "x");
  CHECK(has(start("--ca-dir", dir.file("file") + "/ca"), dir.file("file")));
  CHECK(has(start("--ca-bundle-out", dir.file("file") + "/bundle"), dir.file("file")));
  CHECK(has(start("--ready-file", dir.file("file") + "/ready"), dir.file("file")));
}

TEST_CASE("integration bad_input: a store that is not there is status 3 for those who read") {
  TempDir dir;
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"ls"}, std::vector<std::string>{"show", "last"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--store", dir.file("missing")});
    const Finished done = run_llmrec(arguments);
    CHECK(done.status == ExitStatus{3, 0});
    CHECK(has(done.err, dir.file("missing")));
    CHECK(std::count(done.err.begin(), done.err.end(), '\n') == 1);
  }
  CHECK(!std::filesystem::exists(dir.file("missing")));
}

namespace {

// What comes back on a fresh connection.
Received sent_to(const Recorder& recorder, const std::string& octets, bool and_end = false) {
  TlsClient client({.port = recorder.port(), .timeout_ms = kPatienceMs});
  REQUIRE(client.connect().has_value());
  client.send(octets);
  if (and_end) client.shut_write();
  Received got = client.read_to_end();
  client.close();
  return got;
}

bool is_refusal(const Received& got, const std::string& status) {
  return got.bytes.starts_with("HTTP/1.1 " + status + " ") && has(got.bytes, "\r\n\r\nllmrec: ") &&
         has(got.bytes, "Proxy-Status: llmrec; error=") && got.end == "fin";
}

}  // namespace

TEST_CASE("integration bad_input: garbage on the port") {
  const Script answer = play(events(openai::text(words(5)).events));
  Answer slow = events(openai::text(words(5)).events);
  slow.before[3] = {WaitFor{"all of it"}};
  Rig rig(answering(play(slow)));
  TlsClient running = rig.connect();
  REQUIRE(running.send(chat()));
  REQUIRE(rig.provider().wait_for(
      0, [](const ConnectionLog& log) { return log.waiting_for == "all of it"; }));

  const Recorder& recorder = rig.recorder();
  const std::string huge =
      "CONNECT " + kAuthority + " HTTP/1.1\r\nX: " + std::string(1 << 20, 'x') + "\r\n\r\n";
  CHECK(is_refusal(sent_to(recorder, huge), "431"));
  CHECK(is_refusal(sent_to(recorder, "CONNECT api.openai.com HTTP/1.1\r\n\r\n"), "400"));
  CHECK(is_refusal(sent_to(recorder, "CONNECT :443 HTTP/1.1\r\n\r\n"), "400"));
  CHECK(is_refusal(sent_to(recorder, "CONNECT api.openai.com:0 HTTP/1.1\r\n\r\n"), "400"));
  CHECK(is_refusal(sent_to(recorder, "CONNECT api.openai.com:443 HTTP/3.0\r\n\r\n"), "505"));
  CHECK(is_refusal(sent_to(recorder, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "405"));
  CHECK(is_refusal(sent_to(recorder, "CONNECT 0x7f.1:443 HTTP/1.1\r\n\r\n"), "400"));
  CHECK(is_refusal(sent_to(recorder, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "400"));
  CHECK(is_refusal(sent_to(recorder, "\x05\x01"), "400"));
  CHECK(sent_to(recorder, "", true).count == 0);
  CHECK(sent_to(recorder, "CONNECT api.op", true).count == 0);

  std::mt19937 random(20260630);
  for (int i = 0; i < 50; ++i) {
    std::string noise(1 + random() % 3000, '\0');
    for (char& c : noise) c = static_cast<char>(random() & 0xff);
    CHECK(sent_to(recorder, noise, true).end == "fin");
  }

  rig.provider().open_gate("all of it");
  REQUIRE(running.read_bytes(bytes_sent_by(answer)));
  CHECK(running.received().bytes == text_sent_by(answer));
  const auto records = rig.recorder().wait_for_records(1);
  CHECK(records[0].status == record::Status::ok);
}

TEST_CASE("integration bad_input: garbage where the ClientHello should be") {
  // Whatever it is, it is not ours to judge: it goes to the provider, which answers as it likes.
  Rig rig;
  std::vector<std::string> openings = {
      std::string("\x16\x03\x01\x00\x00", 5),      // an empty handshake record
      std::string("\x16\x03\x01\xff\xff\x01", 6),  // longer than TLS allows
      std::string("\x16\x03\x01\x00\x05\x01\xff\xff\xff\x00", 10),
      std::string("\x15\x03\x01\x00\x02\x02\x28", 7),  // an alert
      std::string("\x80\x2e\x01\x00\x02", 5),          // SSL 2
      "SSH-2.0-x\r\n",
  };
  std::size_t n = 0;
  for (const std::string& octets : openings) {
    CAPTURE(n);
    ClientOptions through = rig.through();
    through.tls.reset();
    TlsClient client = Rig::connect(through);
    REQUIRE(client.send(octets));
    client.shut_write();
    client.read_to_end();
    client.close();
    const record::Record r = rig.recorder().wait_for_records(++n).back();
    CHECK(
        (r.tap == record::TapState::blind || r.error_type == record::ErrorType::client_tls_failed));
  }
}
