#include "store/amend.h"

#include "store/batch.h"
#include "store/directory.h"
#include "store/rows.h"
#include "store/tables.h"

namespace llmrec::store {

Result<void> amend_final(const std::string& dir, const RecordId& id, const Amend& amend) {
  const auto tables = Tables::open_for_amending(dir);
  if (!tables) return tables.error();
  lmdb::Txn txn;
  int rc = tables->begin_writing(txn);
  if (rc != MDB_SUCCESS) return store_error(rc, "write to", dir);
  Bytes value;
  rc = txn.get(tables->records, id.bytes(), value);
  if (rc == MDB_NOTFOUND) {
    if (txn.get(tables->open, id.bytes(), value) == MDB_SUCCESS) {
      return Error{Code::in_use, id.text() + " still runs: try again when it has ended"};
    }
    return Error{Code::not_found, "there is no record " + id.text() + " in " + dir};
  }
  if (rc != MDB_SUCCESS) return store_error(rc, "read", dir);
  const auto entry = amend({id, Kind::final, std::string(blob_of(value))});
  if (!entry) return entry.error();
  if (entry->key != id || entry->kind != Kind::final ||
      entry->blob.size() > limits::kStoreBlobMax) {
    return Error{Code::bad_argument, "the changed record is not one that can be stored"};
  }
  rc = put_entry(*tables, txn, *entry);
  if (rc == MDB_SUCCESS) rc = txn.commit();
  if (rc != MDB_SUCCESS) return store_error(rc, "write to", dir);
  return {};
}

}  // namespace llmrec::store
