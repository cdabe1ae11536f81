// Legacy completions, document by document.
#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"
#include "dialect/dialect.h"

using namespace llmrec;
using namespace llmrec::dialect;

namespace {

class Completions {
 public:
  explicit Completions(Bytes host = {})
      : dialect_(make_by_name(
            "openai.completions",
            {.method = "POST", .host = host, .path = "", .query = "", .content_type = ""})) {}
  const Delta& event(const std::string& json) { return document(json, DocumentKind::event); }
  const Delta& document(const std::string& json, DocumentKind kind) {
    dialect_->begin_document(kind);
    reader_.reset();
    reader_.feed(json);
    REQUIRE_MESSAGE(reader_.finish() == wire::JsonState::done, json);
    return dialect_->end_document({});
  }
  Dialect& dialect() { return *dialect_; }

 private:
  std::unique_ptr<Dialect> dialect_;
  wire::JsonReader reader_{dialect_->answer_paths(), *dialect_};
};

Asked asked(const std::string& json) {
  const auto dialect = make_by_name("openai.completions", {});
  Asked a;
  const auto sink = dialect->request_sink(a);
  wire::JsonReader reader(dialect->request_paths(), *sink);
  reader.feed(json);
  REQUIRE(reader.finish() == wire::JsonState::done);
  return a;
}

}  // namespace

TEST_CASE("openai.completions: text, ids and finish") {
  Completions c;
  const Delta& d = c.event(
      R"({"id":"cmpl-1","object":"text_completion","model":"davinci","choices":[{"text":"aé",)"
      R"("index":0,"logprobs":null,"finish_reason":null}]})");
  CHECK(d.text_chars == 2);
  CHECK(d.response_id == "cmpl-1");
  CHECK(d.model == "davinci");
  CHECK(d.choices == std::vector<std::uint32_t>{0});
  CHECK(d.finishes.empty());
  const Delta& last = c.event(R"({"choices":[{"text":"","finish_reason":"length","index":1}]})");
  CHECK(!last.content());
  REQUIRE(last.finishes.size() == 1);
  CHECK(last.finishes[0].reason == "length");
  CHECK(last.finishes[0].choice == 1);  // the index stands last
}

TEST_CASE("openai.completions: usage is final behind a finish or alone") {
  const std::string usage = R"("usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5})";
  Completions c;
  CHECK(!c.event(R"({"choices":[{"text":"a"}],)" + usage + "}").usage_final);
  CHECK(c.event(R"({"choices":[],)" + usage + "}").usage_final);
  CHECK(c.event(R"({"choices":[{"text":"a","finish_reason":"eos"}],)" + usage + "}").usage_final);
  Completions whole;
  const Delta& d = whole.document(
      R"({"id":"x","choices":[{"text":"abc","finish_reason":"stop"}],)" + usage + "}",
      DocumentKind::answer);
  CHECK(d.text_chars == 3);
  CHECK(d.usage_final);
  CHECK(d.usage.total == 5);
}

TEST_CASE("openai.completions: errors") {
  Completions c;
  CHECK(c.event(R"({"error":{"type":"server_error","code":null}})").error->type == "server_error");
  CHECK(!c.event(R"({"choices":[]})").error);
  CHECK(c.document(R"({"detail":"m"})", DocumentKind::error_body).error);
}

TEST_CASE("openai.completions: a choice beyond all limits is not followed") {
  Completions c;
  const Delta& d =
      c.event(R"({"choices":[{"text":"a","index":-1},{"text":"b","index":99999999999}]})");
  CHECK(d.text_chars == 2);
  CHECK(d.choices == std::vector<std::uint32_t>{0, 1});
  std::string many = R"({"choices":[)";
  for (std::size_t i = 0; i < limits::kChoicesMax + 9; ++i) {
    many += std::string(i == 0 ? "" : ",") + R"({"finish_reason":"stop"})";
  }
  CHECK(c.event(many + "]}").finishes.size() == limits::kChoicesMax);
}

TEST_CASE("openai.completions: what was asked") {
  const Asked a =
      asked(R"({"prompt":"abcé","suffix":"de","max_tokens":9,"model":"m","stream":true,)"
            R"("stream_options":{"include_usage":true}})");
  CHECK(a.model == "m");
  CHECK(a.message_count == 1);
  CHECK(a.text_chars == 6);
  CHECK(a.max_output_tokens == 9);
  CHECK(a.stream == true);
  CHECK(a.usage_requested == true);
  CHECK(asked(R"({"prompt":["a","b"]})").message_count == 2);
  CHECK(asked(R"({"prompt":[1,2,3]})").message_count == 1);
  CHECK(asked(R"({"prompt":[[1,2],[3]]})").message_count == 2);
  CHECK(asked("{}").stream == false);
}

TEST_CASE("openai.completions: what is owed") {
  Completions c;
  const Owes owes = c.dialect().owes(provider_by_host("api.openai.com"), {});
  CHECK(owes.finish);
  CHECK(owes.done);
  CHECK(!owes.usage);
  CHECK(c.dialect().framing() == Framing::sse);
  Completions writer("api.writer.com");  // lines of text, and then it ends
  CHECK(writer.dialect().framing() == Framing::ndjson);
  CHECK(!writer.dialect().owes({}, {}).finish);
  CHECK(writer.event(R"({"value":"abc"})").text_chars == 3);
}

TEST_CASE("openai.completions: whose requests they are") {
  const auto name = [](Bytes path) {
    return std::string(
        choose({.method = "POST", .host = "h", .path = path, .query = "", .content_type = ""})
            ->name());
  };
  CHECK(name("/v1/completions") == "openai.completions");
  CHECK(name("/openai/deployments/d/completions") == "openai.completions");
  CHECK(name("/beta/completions") == "openai.completions");
  CHECK(name("/v1/chat/completions") == "openai.chat");
  CHECK(name("/v1/fim/completions") == "openai.chat");
  CHECK(name("/v1/agents/completions") == "openai.chat");
}
