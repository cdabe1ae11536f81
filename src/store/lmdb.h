// Move-only owners for LMDB's handles, and nothing more: every call returns LMDB's own code, which
// directory.h turns into an Error. Only store/ includes this file.
//
// How LMDB is used here, and why:
// - MDB_NOTLS: a read transaction belongs to its object, not to its thread; one thread may read
//   while it writes.
// - Synchronous commits. WRITEMAP dies by SIGBUS on a full disk; NOSYNC may leave an unreadable
// file
//   after a power loss; NOMETASYNC gains little once commits are grouped.
// - One transaction that writes, by one thread, never held across a wait.
// - Reading transactions live for one page of rows: each pins all pages freed after its start.
// - After any call has failed inside a writing transaction it is aborted; nothing is retried in it.
// - Values returned by get and by cursors point into the map and die with their transaction.
// - A child of fork() must not touch an environment of its parent: the handles close on exec only.
#pragma once

#include <lmdb.h>

#include <memory>
#include <utility>

#include "base/bytes.h"

namespace llmrec::store::lmdb {

inline MDB_val to_val(Bytes b) { return {b.size(), const_cast<char*>(b.data())}; }
inline Bytes to_bytes(const MDB_val& v) { return {static_cast<const char*>(v.mv_data), v.mv_size}; }

class Env {
 public:
  int create() {
    MDB_env* made = nullptr;
    const int rc = mdb_env_create(&made);
    env_.reset(made);
    return rc;
  }
  MDB_env* get() const { return env_.get(); }

 private:
  struct Close {
    void operator()(MDB_env* env) const { mdb_env_close(env); }
  };
  std::unique_ptr<MDB_env, Close> env_;
};

class Txn {  // aborted unless committed
 public:
  int begin(MDB_env* env, unsigned flags) {
    MDB_txn* made = nullptr;
    const int rc = mdb_txn_begin(env, nullptr, flags, &made);
    txn_.reset(made);
    return rc;
  }
  int commit() { return mdb_txn_commit(txn_.release()); }
  void abort() { txn_.reset(); }
  MDB_txn* get() const { return txn_.get(); }

  int get(MDB_dbi dbi, Bytes key, Bytes& value) const {
    MDB_val k = to_val(key);
    MDB_val v{};
    const int rc = mdb_get(txn_.get(), dbi, &k, &v);
    if (rc == MDB_SUCCESS) value = to_bytes(v);
    return rc;
  }
  int put(MDB_dbi dbi, Bytes key, Bytes value, unsigned flags = 0) {
    MDB_val k = to_val(key);
    MDB_val v = to_val(value);
    return mdb_put(txn_.get(), dbi, &k, &v, flags);
  }
  // Ascending keys fill whole pages this way; any other key goes where it belongs.
  int append(MDB_dbi dbi, Bytes key, Bytes value) {
    const int rc = put(dbi, key, value, MDB_APPEND);
    return rc == MDB_KEYEXIST ? put(dbi, key, value) : rc;
  }
  int erase(MDB_dbi dbi, Bytes key) {  // a missing key is fine
    MDB_val k = to_val(key);
    const int rc = mdb_del(txn_.get(), dbi, &k, nullptr);
    return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
  }
  std::size_t entries(MDB_dbi dbi) const {
    MDB_stat stat{};
    return mdb_stat(txn_.get(), dbi, &stat) == MDB_SUCCESS ? stat.ms_entries : 0;
  }

 private:
  struct Abort {
    void operator()(MDB_txn* txn) const { mdb_txn_abort(txn); }
  };
  std::unique_ptr<MDB_txn, Abort> txn_;
};

class Cursor {  // must not outlive its transaction
 public:
  int open(const Txn& txn, MDB_dbi dbi) {
    MDB_cursor* made = nullptr;
    const int rc = mdb_cursor_open(txn.get(), dbi, &made);
    cursor_.reset(made);
    return rc;
  }
  // For MDB_SET_RANGE set key first.
  int move(MDB_cursor_op op) {
    MDB_val k = to_val(key);
    MDB_val v{};
    const int rc = mdb_cursor_get(cursor_.get(), &k, &v, op);
    if (rc == MDB_SUCCESS) {
      key = to_bytes(k);
      value = to_bytes(v);
    }
    return rc;
  }
  int erase() { return mdb_cursor_del(cursor_.get(), 0); }

  Bytes key;
  Bytes value;

 private:
  struct Close {
    void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
  };
  std::unique_ptr<MDB_cursor, Close> cursor_;
};

}  // namespace llmrec::store::lmdb
