#include "dialect/tool_calls.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/limits.h"

using namespace llmrec;
using namespace llmrec::dialect;

namespace {

// One document with one piece.
void piece(ToolCalls& t, std::uint32_t index, const std::string& id, const std::string& name,
           const std::string& arguments, std::uint32_t choice = 0) {
  t.begin_piece(choice, 0);
  t.set_index(index);
  t.add_id(id);
  t.add_name(name);
  t.add_arguments(arguments);
  t.commit();
}

}  // namespace

TEST_CASE("tool calls: arguments in pieces") {
  ToolCalls t;
  piece(t, 0, "call_1", "f", "");
  REQUIRE(t.calls().size() == 1);
  CHECK(t.any_open());
  CHECK(!t.any_whole());
  piece(t, 0, "", "", R"({"a":)");
  CHECK(t.any_open());
  piece(t, 0, "", "", "[1]}");
  CHECK(!t.any_open());
  CHECK(t.any_whole());
  CHECK(t.calls()[0].arguments_bytes == 9);
  CHECK(t.calls()[0].id == "call_1");
  CHECK(t.calls()[0].name == "f");
}

TEST_CASE("tool calls: no arguments count as {} once the calls are said to be all there") {
  ToolCalls t;
  piece(t, 0, "a", "f", "");
  CHECK(!t.any_whole());
  t.end_all();
  CHECK(t.any_whole());
  CHECK(!t.any_open());
  CHECK(t.calls()[0].arguments_whole());
}

TEST_CASE("tool calls: an end does not make cut arguments whole") {
  ToolCalls t;
  piece(t, 0, "a", "f", R"({"a":)");
  t.end_all();
  CHECK(!t.any_open());
  CHECK(!t.any_whole());
}

TEST_CASE("tool calls: arguments that are no JSON stay open until the end") {
  ToolCalls t;
  piece(t, 0, "a", "f", R"({"a":1}})");
  CHECK(t.any_open());
  CHECK(!t.any_whole());
}

TEST_CASE("tool calls: parallel calls, told apart by index and by choice") {
  ToolCalls t;
  piece(t, 0, "a", "f", "{");
  piece(t, 1, "b", "g", "[");
  piece(t, 0, "c", "h", "\\\"", 1);
  piece(t, 0, "", "", "}");
  piece(t, 1, "", "", "]");
  REQUIRE(t.calls().size() == 3);
  CHECK(t.calls()[0].arguments_whole());
  CHECK(t.calls()[1].arguments_whole());
  CHECK(t.calls()[2].choice == 1);
  CHECK(!t.calls()[2].arguments_whole());
  t.end_call(1, 0);
  CHECK(!t.any_open());
  t.end_call(7, 7);  // of nobody
}

TEST_CASE("tool calls: Gemini's compatible endpoint gives every call index 0") {
  ToolCalls by_id;
  piece(by_id, 0, "a", "f", "{}");
  piece(by_id, 0, "b", "g", "{}");
  CHECK(by_id.calls().size() == 2);
  ToolCalls by_name;  // and sometimes no id
  piece(by_name, 0, "", "f", "{}");
  piece(by_name, 0, "", "f", "{\"x\":1}");
  REQUIRE(by_name.calls().size() == 2);
  CHECK(by_name.calls()[1].arguments_bytes == 7);
  ToolCalls one_document;
  for (const char* id : {"a", "b", "c"}) {
    one_document.begin_piece(0, 0);
    one_document.set_index(0);
    one_document.add_id(id);
    one_document.add_name("f");
    one_document.add_arguments("{}");
  }
  one_document.commit();
  CHECK(one_document.calls().size() == 3);
  CHECK(!one_document.any_open());
}

TEST_CASE("tool calls: a name or id that is repeated begins no new call") {
  ToolCalls t;
  piece(t, 0, "a", "f", "{");
  piece(t, 0, "a", "f", "}");
  CHECK(t.calls().size() == 1);
  CHECK(t.calls()[0].arguments_whole());
}

TEST_CASE("tool calls: without an index the place in the list is it") {
  ToolCalls t;
  for (std::uint32_t i = 0; i < 2; ++i) {
    t.begin_piece(0, i);
    t.add_id(std::string(1, static_cast<char>('a' + i)));
    t.add_arguments("{}");
  }
  t.commit();
  REQUIRE(t.calls().size() == 2);
  CHECK(t.calls()[1].index == 1);
}

TEST_CASE("tool calls: the index may stand behind the arguments, whatever their size") {
  for (const std::size_t size :
       {std::size_t{1}, limits::kToolArgumentsHeldMax - 2, limits::kToolArgumentsHeldMax + 1}) {
    INFO(size);
    ToolCalls t;
    piece(t, 3, "a", "f", R"({"x":")");
    t.begin_piece(0, 0);
    t.add_arguments(std::string(size, 'y'));
    t.set_index(3);
    t.commit();
    piece(t, 3, "", "", R"("})");
    REQUIRE(t.calls().size() == 1);
    CHECK(t.calls()[0].arguments_bytes == size + 8);
    // What was not held is not guessed at.
    CHECK(t.calls()[0].arguments_whole() == (size <= limits::kToolArgumentsHeldMax));
    CHECK(t.calls()[0].shape_known == (size <= limits::kToolArgumentsHeldMax));
  }
  ToolCalls first;  // the first arguments of a call are followed at any size
  first.begin_piece(0, 0);
  first.add_arguments("\"" + std::string(limits::kToolArgumentsHeldMax, 'y') + "\"");
  first.set_index(5);
  first.commit();
  CHECK(first.any_whole());
}

TEST_CASE("tool calls: the choice may stand behind its calls") {
  ToolCalls t;
  piece(t, 0, "a", "f", R"({"x":)", 2);
  const std::size_t from = t.staged_count();
  t.begin_piece(0, 0);
  t.set_index(0);
  t.add_arguments("1}");
  t.set_choice_from(from, 2);
  t.commit();
  REQUIRE(t.calls().size() == 1);
  CHECK(t.any_whole());
}

TEST_CASE("tool calls: two pieces of one call in one document") {
  ToolCalls t;
  piece(t, 0, "a", "f", R"({"x":)");
  for (const char* part : {"[1", "]}"}) {
    t.begin_piece(0, 0);
    t.set_index(0);
    t.add_arguments(part);
  }
  t.commit();
  REQUIRE(t.calls().size() == 1);
  CHECK(t.any_whole());
  CHECK(t.calls()[0].arguments_bytes == 9);
}

TEST_CASE("tool calls: a document that was cut counts nothing") {
  ToolCalls t;
  t.begin_piece(0, 0);
  t.add_id("a");
  t.add_arguments("{");
  CHECK(t.staged());
  t.discard();
  CHECK(!t.staged());
  t.commit();
  CHECK(t.calls().empty());
  piece(t, 0, "b", "f", "{}");
  CHECK(t.calls()[0].id == "b");
  CHECK(t.calls()[0].arguments_whole());
}

TEST_CASE("tool calls: arguments as an object, and input that is no JSON") {
  ToolCalls t;
  t.begin_piece(0, 0);
  t.set_arguments_object(40);
  t.begin_piece(0, 1);
  t.add_free_text("{ not json");
  t.commit();
  REQUIRE(t.calls().size() == 2);
  CHECK(t.calls()[0].arguments_whole());
  CHECK(t.calls()[0].arguments_bytes == 40);
  CHECK(t.calls()[1].open());
  CHECK(t.calls()[1].arguments_bytes == 10);
  t.end_call(0, 1);
  CHECK(t.calls()[1].arguments_whole());
}

TEST_CASE("tool calls: a dialect's own end marker in the document") {
  ToolCalls t;
  t.begin_piece(0, 0);
  t.set_ended();
  t.commit();
  CHECK(!t.any_open());
  CHECK(t.any_whole());
}

TEST_CASE("tool calls: more than are kept are counted") {
  ToolCalls t;
  for (std::uint32_t i = 0; i < limits::kToolCallsMax + 3; ++i) piece(t, i, "", "f", "{}");
  CHECK(t.calls().size() == limits::kToolCallsMax);
  CHECK(t.not_kept() == 3);
  ToolCalls one;
  for (std::uint32_t i = 0; i < limits::kToolPiecesMax + 5; ++i) one.begin_piece(0, i);
  CHECK(one.staged_count() == limits::kToolPiecesMax);
  one.commit();
  CHECK(one.not_kept() == 5);
}

TEST_CASE("tool calls: long words are cut") {
  ToolCalls t;
  piece(t, 0, std::string(1000, 'i'), std::string(1000, 'n'), "");
  CHECK(t.calls()[0].id.size() == limits::kRecordIdTextMax);
  CHECK(t.calls()[0].name.size() == limits::kToolNameMax);
}

TEST_CASE("tool calls: a piece that was no call is dropped, and only that") {
  ToolCalls t;
  t.begin_piece(0, 0);
  t.add_name("f");
  t.begin_piece(0, 1);
  t.add_name("g");
  t.drop_piece();
  CHECK(t.staged_count() == 1);
  t.commit();
  REQUIRE(t.calls().size() == 1);
  CHECK(t.calls()[0].name == "f");
  t.drop_piece();  // nothing is staged
  CHECK(t.staged_count() == 0);
}

TEST_CASE("tool calls: what the provider says was cut is never whole") {
  ToolCalls t;
  t.begin_piece(0, 0);
  t.add_arguments("{}");
  t.set_cut();
  t.begin_piece(0, 1);
  t.add_arguments("{}");
  t.commit();
  CHECK(!t.calls()[0].arguments_whole());
  CHECK(t.calls()[1].arguments_whole());
  t.cut_call(0, 1);
  t.cut_call(0, 7);  // not known
  t.end_all();
  CHECK(!t.any_whole());
}
