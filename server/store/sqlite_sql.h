/* sqlite_sql: every statement that is run more than once. Each connection prepares what it uses,
 * once. */
#ifndef CWS_STORE_SQLITE_SQL_H
#define CWS_STORE_SQLITE_SQL_H

#define SQLITE_INFO_COLUMNS                                                                        \
  "stream_id, epoch, base_id, stats_id, bytes, request_id, owner, created_ms, summary_id, summary"

#define SQLITE_SQL_TABLE(X)                                                                        \
  X(BEGIN_WRITE, "BEGIN IMMEDIATE")                                                                \
  X(BEGIN_READ, "BEGIN")                                                                           \
  X(COMMIT, "COMMIT")                                                                              \
  X(ROLLBACK, "ROLLBACK")                                                                          \
  /* streams: the first five columns are those of read_row */                                      \
  X(FIND, "SELECT stream_id, epoch, base_id, stats_id, bytes FROM streams WHERE request_id=?1")    \
  X(INFO, "SELECT " SQLITE_INFO_COLUMNS " FROM streams WHERE request_id=?1")                       \
  X(LIST, "SELECT " SQLITE_INFO_COLUMNS " FROM streams"                                            \
          " ORDER BY created_ms DESC, request_id DESC LIMIT ?1")                                   \
  X(LIST_BEFORE, "SELECT " SQLITE_INFO_COLUMNS " FROM streams"                                     \
                 " WHERE (created_ms, request_id) < (?2, ?3)"                                      \
                 " ORDER BY created_ms DESC, request_id DESC LIMIT ?1")                            \
  X(CREATE, "INSERT INTO streams(stream_id, request_id, epoch, owner, created_ms, idle_ms)"        \
            " VALUES(?1, ?2, ?3, ?4, ?5, ?5)")                                                     \
  X(SET_STATS, "UPDATE streams SET base_id=?2, stats_id=?3, bytes=?4 WHERE stream_id=?1")          \
  X(SET_SUMMARY, "UPDATE streams SET stats_id=?2, bytes=?3, summary_id=?4, summary=?5"             \
                 " WHERE stream_id=?1 AND summary_id<=?4")                                         \
  X(SET_EPOCH, "UPDATE streams SET epoch=?2 WHERE stream_id=?1")                                   \
  X(REMOVE, "DELETE FROM streams WHERE stream_id=?1")                                              \
  X(IDLEST, "SELECT stream_id, request_id, idle_ms FROM streams WHERE idle_ms<=?1"                 \
            " ORDER BY idle_ms LIMIT ?2")                                                          \
  X(SET_IDLE, "UPDATE streams SET idle_ms=?2 WHERE stream_id=?1")                                  \
  /* events */                                                                                     \
  X(ADD, "INSERT INTO events(stream_id, message_id, committed_ms, type, timestamp, event_id,"      \
         " fingerprint, crc, data) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")                    \
  X(READ, "SELECT message_id, committed_ms, type, timestamp, event_id, fingerprint, crc, data"     \
          " FROM events WHERE stream_id=?1 AND message_id>?2 AND message_id<=?3"                   \
          " ORDER BY message_id")                                                                  \
  X(LAST_EVENT, "SELECT message_id, committed_ms FROM events WHERE stream_id=?1"                   \
                " ORDER BY message_id DESC LIMIT 1")                                               \
  X(SIZES, "SELECT message_id, length(data) FROM events"                                           \
           " WHERE stream_id=?1 AND message_id>?2 AND message_id<?3 ORDER BY message_id")          \
  X(SUM_SIZES, "SELECT coalesce(sum(length(data)), 0) FROM events"                                 \
               " WHERE stream_id=?1 AND message_id>?2")                                            \
  X(EVENT_IDS, "SELECT event_id, fingerprint, message_id FROM events"                              \
               " WHERE stream_id=?1 AND message_id>?2 AND event_id IS NOT NULL"                    \
               " ORDER BY message_id")                                                             \
  X(DROP_EVENTS, "DELETE FROM events WHERE stream_id=?1 AND message_id>?2 AND message_id<=?3")     \
  /* positions */                                                                                  \
  X(POSITION, "SELECT message_id FROM positions WHERE stream_id=?1 AND subscriber=?2")             \
  X(POSITIONS, "SELECT subscriber, message_id, updated_ms FROM positions WHERE stream_id=?1"       \
               " ORDER BY subscriber")                                                             \
  X(SET_POSITION, "INSERT INTO positions(stream_id, subscriber, message_id, updated_ms)"           \
                  " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(stream_id, subscriber) DO UPDATE"           \
                  " SET message_id=excluded.message_id, updated_ms=excluded.updated_ms"            \
                  " WHERE excluded.message_id>message_id")                                         \
  X(CUT_POSITIONS, "UPDATE positions SET message_id=?2 WHERE stream_id=?1 AND message_id>?2")      \
  /* what trims and removes leave behind */                                                        \
  X(ADD_GARBAGE, "INSERT INTO garbage(stream_id, upto, whole) VALUES(?1, ?2, ?3)"                  \
                 " ON CONFLICT(stream_id) DO UPDATE SET upto=max(upto, excluded.upto),"            \
                 " whole=max(whole, excluded.whole)")                                              \
  X(GARBAGE, "SELECT stream_id, upto, whole FROM garbage LIMIT 1")                                 \
  X(COLLECT_EVENTS, "DELETE FROM events WHERE seq IN (SELECT seq FROM events"                      \
                    " WHERE stream_id=?1 AND message_id<=?2 ORDER BY message_id LIMIT ?3)")        \
  X(COLLECT_POSITIONS, "DELETE FROM positions WHERE stream_id=?1 AND subscriber IN"                \
                       " (SELECT subscriber FROM positions WHERE stream_id=?1 LIMIT ?2)")          \
  X(DROP_GARBAGE, "DELETE FROM garbage WHERE stream_id=?1")                                        \
  /* notes */                                                                                      \
  X(SET_NOTE, "INSERT INTO notes(kind, name, value, at) VALUES(?1, ?2, ?3, ?4)"                    \
              " ON CONFLICT(kind, name) DO UPDATE SET value=excluded.value, at=excluded.at")       \
  X(GET_NOTE, "SELECT value, at FROM notes WHERE kind=?1 AND name=?2")                             \
  X(EACH_NOTE, "SELECT name, value, at FROM notes WHERE kind=?1 ORDER BY name")                    \
  X(DROP_NOTES, "DELETE FROM notes WHERE kind=?1 AND at<?2")                                       \
  X(IS_EMPTY, "SELECT NOT EXISTS(SELECT 1 FROM streams)")                                          \
  /* the file */                                                                                   \
  X(NEXT_KEY, "SELECT 1 + max(coalesce((SELECT max(stream_id) FROM streams), 0),"                  \
              " coalesce((SELECT max(stream_id) FROM garbage), 0))")                               \
  X(GET_META, "SELECT v FROM meta WHERE k=?1")                                                     \
  X(SET_META, "INSERT INTO meta(k, v) VALUES(?1, ?2)"                                              \
              " ON CONFLICT(k) DO UPDATE SET v=excluded.v")

enum sqlite_sql {
#define SQLITE_SQL_ENUM(name, text) SQL_##name,
  SQLITE_SQL_TABLE(SQLITE_SQL_ENUM)
#undef SQLITE_SQL_ENUM
      SQL_COUNT
};

#endif
