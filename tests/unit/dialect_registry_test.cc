#include <doctest/doctest.h>

#include <set>
#include <string_view>

#include "dialect/dialect.h"

using namespace llmrec;
using namespace llmrec::dialect;

namespace {

Target at(Bytes path, Bytes host = "api.openai.com") {
  return {.method = "POST", .host = host, .path = path, .query = {}, .content_type = {}};
}

}  // namespace

TEST_CASE("registry: the last entry takes the rest, and names are their own") {
  std::set<std::string_view> names;
  for (const Entry& entry : registry()) {
    CHECK(names.insert(entry.name).second);
    const auto made = entry.make(at("/"));
    REQUIRE(made);
    CHECK_MESSAGE(made->name() == entry.name, entry.name);
  }
  CHECK(registry().back().name == "unknown");
  CHECK(registry().back().claims(at("/anything")));
}

TEST_CASE("registry: by path") {
  for (const Bytes path :
       {"/v1/chat/completions", "/chat/completions", "/openai/v1/chat/completions",
        "/openai/deployments/d/chat/completions", "/api/paas/v4/chat/completions",
        "/hf-inference/models/a/b/v1/chat/completions", "/v1beta/openai/chat/completions"}) {
    CHECK_MESSAGE(choose(at(path))->name() == "openai.chat", path);
  }
  for (const Bytes path : {"", "/", "/v1/chat/completions/", "/v1/chat/completions/x", "/v1/models",
                           "/v1/chatcompletions", "chat/completions/foo"}) {
    CHECK_MESSAGE(choose(at(path))->name() == "unknown", path);
  }
}

TEST_CASE("registry: by name") {
  CHECK(make_by_name("openai.chat", at("/odd"))->name() == "openai.chat");
  CHECK(make_by_name("unknown", at("/v1/chat/completions"))->name() == "unknown");
  CHECK(!make_by_name("openai", at("/v1/chat/completions")));
  CHECK(!make_by_name("", at("/v1/chat/completions")));
}
