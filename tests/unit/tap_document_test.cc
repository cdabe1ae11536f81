// Documents by themselves; what the framings make of them is in tap_answer_test.cc.
#include "tap/document.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::tap;
using dialect::DocumentKind;

namespace {

class Log final : public AnswerEvents {
 public:
  void on_document(const dialect::Delta& d, Bytes name, bool tail) override {
    text += "doc " + std::to_string(d.text_chars) + std::string(name) + (tail ? " tail;" : ";");
  }
  void on_bad_document(Bytes) override { text += "bad;"; }
  void on_unread_event(Bytes) override { text += "unread;"; }
  void on_stray_document(const dialect::Delta&) override { text += "stray;"; }
  void on_sentinel(bool) override { text += "done;"; }
  void on_ping() override { text += "ping;"; }
  void on_content_lost(std::string_view reason) override { text += std::string(reason) + ';'; }
  void on_unlabelled_coding() override { text += "unlabelled;"; }
  dialect::Dialect* on_recognised(std::string_view name) override {
    text += "is " + std::string(name) + ';';
    if (!wanted) return nullptr;
    found = dialect::make_by_name(name, {});
    return found.get();
  }

  std::string text;
  bool wanted = true;
  std::unique_ptr<dialect::Dialect> found;
};

const std::string kHi = R"({"choices":[{"delta":{"content":"hi"}}]})";

}  // namespace

TEST_CASE("document: whole, cut, broken, outside any event") {
  Log log;
  const auto chat = dialect::make_by_name("openai.chat", {});
  DocumentReader reader(*chat, log);
  CHECK(reader.reads());
  reader.begin(DocumentKind::event);
  reader.feed(kHi);
  reader.end_event("x", false);
  reader.begin(DocumentKind::event);
  reader.feed(kHi.substr(0, 9));
  reader.end_event({}, true);  // at the very end of a stream it says nothing
  reader.begin(DocumentKind::event);
  reader.feed("quagga");
  reader.end_event({}, false);
  reader.begin(DocumentKind::answer);
  reader.feed(kHi.substr(0, 9));
  reader.end_answer();
  reader.begin(DocumentKind::event);
  reader.feed("{");
  CHECK_FALSE(reader.end_stray());
  reader.feed("}");
  CHECK(reader.end_stray());
  CHECK(log.text == "doc 2x;bad;stray;");
}

TEST_CASE("document: a dialect that nobody wants is not looked for again") {
  Log log;
  log.wanted = false;
  const auto unknown = dialect::make_by_name("unknown", {});
  DocumentReader reader(*unknown, log);
  CHECK(reader.reads());
  reader.begin(DocumentKind::event);
  reader.feed(kHi);
  reader.end_event({}, false);
  CHECK(log.text == "is openai.chat;unread;");
  CHECK_FALSE(reader.reads());
}

TEST_CASE("document: what is dropped says nothing") {
  Log log;
  const auto chat = dialect::make_by_name("openai.chat", {});
  DocumentReader reader(*chat, log);
  reader.begin(DocumentKind::event);
  reader.drop();
  reader.feed(kHi);
  reader.end_event({}, false);
  reader.end_answer();
  CHECK(log.text.empty());
}
