#include "admin/worker.h"

#include <doctest/doctest.h>

#include <future>
#include <string>
#include <thread>

using llmrec::admin::Worker;

TEST_CASE("worker: jobs run in order, and a full queue says so") {
  std::promise<void> begun;
  std::promise<void> go;
  std::promise<void> done;
  std::string order;  // the worker's, until `done`
  Worker worker(2);
  REQUIRE(worker.post([&] {
    begun.set_value();
    go.get_future().wait();
    order += 'a';
  }));
  begun.get_future().wait();  // it runs, and waits no more
  REQUIRE(worker.post([&] { order += 'b'; }));
  REQUIRE(worker.post([&] {
    order += 'c';
    done.set_value();
  }));
  CHECK(!worker.post([&] { order += 'x'; }));
  go.set_value();
  done.get_future().wait();
  CHECK(order == "abc");
}

TEST_CASE("worker: at the end the job that runs is waited for") {
  std::promise<void> begun;
  std::promise<void> go;
  bool finished = false;
  std::thread opener;
  {
    Worker worker(4);
    REQUIRE(worker.post([&] {
      begun.set_value();
      go.get_future().wait();
      finished = true;
    }));
    begun.get_future().wait();
    opener = std::thread([&] { go.set_value(); });
  }
  CHECK(finished);
  opener.join();
}
