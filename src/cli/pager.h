// Output that goes through a pager where it is longer than the screen: what fits is printed when
// the command has ended; with the first line too many the pager starts and takes everything.
// For a terminal only: the caller decides that. One thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <streambuf>
#include <string>

namespace llmrec::cli {

// The command: LLMREC_PAGER, else PAGER, else less. "" where none is to be used.
std::string pager_command(const std::function<std::optional<std::string>(const std::string&)>& get);

class Pager final : public std::streambuf {
 public:
  // `rows`: of the screen; `out`: a descriptor.
  Pager(std::string command, std::size_t rows, int out)
      : command_(std::move(command)), rows_(rows), out_(out) {}
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;
  ~Pager() override { finish(); }

  // Prints what is held, or waits for the pager's end. False: the octets could not be written;
  // a reader who leaves the pager early is no error.
  bool finish();
  bool started() const { return child_ > 0; }

 protected:
  int_type overflow(int_type octet) override;
  std::streamsize xsputn(const char* octets, std::streamsize n) override;

 private:
  bool take(std::string_view octets);
  bool start();
  bool write_all(int fd, std::string_view octets);

  std::string command_;
  std::size_t rows_;
  int out_;
  std::string held_;
  std::size_t lines_ = 0;
  bool direct_ = false;  // no pager could be started: straight to out_
  int pipe_ = -1;
  pid_t child_ = -1;
};

}  // namespace llmrec::cli
