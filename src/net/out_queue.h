// Octets that a socket did not take yet. Empty queues hold no memory: most connections never need
// one. Bounded by relay::Relay, which stops reading the source at limits::kQueueHighOctets.
#pragma once

#include <cstddef>
#include <vector>

#include "base/bytes.h"

namespace llmrec::net {

class OutQueue {
 public:
  Bytes front() const { return {octets_.data() + begin_, octets_.size() - begin_}; }
  std::size_t size() const { return octets_.size() - begin_; }
  bool empty() const { return size() == 0; }
  void append(Bytes octets) { octets_.insert(octets_.end(), octets.begin(), octets.end()); }
  void drop(std::size_t octets) {
    begin_ += octets;
    if (begin_ == octets_.size()) clear();
  }
  void clear() {
    begin_ = 0;
    std::vector<char>().swap(octets_);
  }

 private:
  std::vector<char> octets_;
  std::size_t begin_ = 0;
};

}  // namespace llmrec::net
