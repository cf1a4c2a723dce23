/*
 * The stream that is the log: made once, held against the settings, known by its id, and what
 * becomes of hubs when it lets go of entries; users and TLS.
 */
#include "tests/unit/store/nats_hub.h"
#include "tests/unit/support/certs.h"

static struct nats_nodes nodes;
static struct hub one, two;
static natsConnection *nc; /* an operator's */
static jsCtx *js;

static int start_server(void **state) {
  (void)state;
  char url[64];
  nats_nodes_start(&nodes, 1, "");
  snprintf(url, sizeof url, "nats://127.0.0.1:%d", nodes.nodes[0].port);
  assert_int_equal(natsConnection_ConnectTo(&nc, url), NATS_OK);
  assert_int_equal(natsConnection_JetStream(&js, nc, NULL), NATS_OK);
  return 0;
}

static int end_server(void **state) {
  (void)state;
  jsCtx_Destroy(js);
  natsConnection_Destroy(nc);
  nats_nodes_finish(&nodes);
  return 0;
}

/* As the hub makes it; to be changed. */
static jsStreamConfig config_of(const char *name, const char **subject) {
  static char text[64];
  snprintf(text, sizeof text, "%s.log", name);
  *subject = text;
  jsStreamConfig c;
  jsStreamConfig_Init(&c);
  c.Name = name;
  c.Subjects = subject;
  c.SubjectsLen = 1;
  c.DenyDelete = c.DenyPurge = true;
  return c;
}

static void make(jsStreamConfig *c) {
  jsErrCode code = 0;
  if (js_AddStream(NULL, js, c, NULL, &code) != NATS_OK)
    fail_msg("the stream '%s' was not made: %d", c->Name, (int)code);
}

static void forget(const char *name) {
  assert_int_equal(js_DeleteStream(js, name, NULL, NULL), NATS_OK);
}

/* ---- made ---- */

static void a_stream_that_is_missing_is_made_as_the_settings_say(void **state) {
  (void)state;
  struct cws_error err = {0};
  hub_init(&one, "made");
  one.nats.max_age_ms = 3600000;
  one.nats.max_bytes = 1000000;
  one.nats.storage = "memory";
  assert_int_equal(hub_try(&one, nodes.servers, &err), 0);
  jsStreamInfo *si = NULL;
  assert_int_equal(js_GetStreamInfo(&si, js, "made", NULL, NULL), NATS_OK);
  const jsStreamConfig *c = si->Config;
  assert_int_equal(c->SubjectsLen, 1);
  assert_string_equal(c->Subjects[0], "made.log");
  assert_int_equal(c->Replicas, 1);
  assert_int_equal(c->Storage, js_MemoryStorage);
  assert_int_equal(c->MaxAge, INT64_C(3600000000000));
  assert_int_equal(c->MaxBytes, 1000000);
  assert_int_equal(c->Discard, js_DiscardOld);
  assert_int_equal(c->Retention, js_LimitsPolicy);
  assert_true(c->DenyDelete && c->DenyPurge);
  jsStreamInfo_Destroy(si);
  hub_close(&one);
}

static void without_settings_it_is_in_files_and_keeps_seven_days(void **state) {
  (void)state;
  hub_open(&one, &nodes, "plain");
  jsStreamInfo *si = NULL;
  assert_int_equal(js_GetStreamInfo(&si, js, "plain", NULL, NULL), NATS_OK);
  assert_int_equal(si->Config->Storage, js_FileStorage);
  assert_int_equal(si->Config->MaxAge, INT64_C(7) * 24 * 3600 * 1000000000);
  assert_int_equal(si->Config->MaxBytes, -1);
  jsStreamInfo_Destroy(si);
  hub_close(&one);
}

static void *open_two(void *user) {
  static int code;
  (void)user;
  code = hub_try(&two, nodes.servers, NULL);
  return &code;
}

static void hubs_that_start_at_the_same_moment_make_one_log(void **state) {
  (void)state;
  pthread_t other;
  void *code;
  hub_init(&one, "race");
  hub_init(&two, "race");
  assert_int_equal(pthread_create(&other, NULL, open_two, NULL), 0);
  int first = hub_try(&one, nodes.servers, NULL);
  pthread_join(other, &code);
  assert_int_equal(first, 0);
  assert_int_equal(*(int *)code, 0);
  assert_string_equal(hub_state(&one).id, hub_state(&two).id);
  hub_close(&one);
  hub_close(&two);
}

/* ---- held against the settings ---- */

struct odd {
  const char *name, *says;
  void (*change)(jsStreamConfig *c);
  struct store_nats_options given;
};

static void set_more_subjects(jsStreamConfig *c) {
  static const char *subjects[] = {"odd.log", "odd.more"};
  c->Subjects = subjects;
  c->SubjectsLen = 2;
}
static void set_other_subject(jsStreamConfig *c) {
  static const char *subjects[] = {"odd.>"};
  c->Subjects = subjects;
}
static void set_queue(jsStreamConfig *c) {
  c->Retention = js_WorkQueuePolicy;
}
static void set_interest(jsStreamConfig *c) {
  c->Retention = js_InterestPolicy;
}
static void set_per_subject(jsStreamConfig *c) {
  c->MaxMsgsPerSubject = 10;
}
static void set_no_ack(jsStreamConfig *c) {
  c->NoAck = true;
}
static void set_rollup(jsStreamConfig *c) {
  c->AllowRollup = true;
  c->DenyPurge = false;
}
static void set_mirror(jsStreamConfig *c) {
  static jsStreamSource source;
  jsStreamSource_Init(&source);
  source.Name = "plain";
  c->Mirror = &source;
  c->SubjectsLen = 0;
}
static void set_age(jsStreamConfig *c) {
  c->MaxAge = INT64_C(3600) * 1000000000;
}
static void set_bytes(jsStreamConfig *c) {
  c->MaxBytes = 5000;
}
static void set_nothing(jsStreamConfig *c) {
  (void)c;
}

static void a_stream_that_is_not_what_is_wanted_is_refused_and_says_what_differs(void **state) {
  (void)state;
  static const struct odd cases[] = {
      {"odd", "other subjects", set_more_subjects, {0}},
      {"odd", "other subjects", set_other_subject, {0}},
      {"odd", "retention", set_queue, {0}},
      {"odd", "retention", set_interest, {0}},
      {"odd", "per subject", set_per_subject, {0}},
      {"odd", "acknowledges nothing", set_no_ack, {0}},
      {"odd", "rollups", set_rollup, {0}},
      {"odd", "other streams", set_mirror, {0}},
      {"odd",
       "has 1 replicas, and nats-replicas is 3: leave out the setting, or run: nats stream edit "
       "odd --replicas 3",
       set_nothing,
       {.replicas = 3}},
      {"odd", "in files, and nats-storage is memory", set_nothing, {.storage = "memory"}},
      {"odd", "age of 3600 s, and nats-max-age is 7200 s", set_age, {.max_age_ms = 7200000}},
      {"odd", "no greatest age, and nats-max-age", set_nothing, {.max_age_ms = 7200000}},
      {"odd", "5000 bytes, and nats-max-bytes is 6000", set_bytes, {.max_bytes = 6000}},
      {"odd", "no limit of bytes, and nats-max-bytes is 6000", set_nothing, {.max_bytes = 6000}},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const char *subject;
    struct cws_error err = {0};
    jsStreamConfig c = config_of(cases[i].name, &subject);
    cases[i].change(&c);
    make(&c);
    hub_init(&one, cases[i].name);
    one.nats = cases[i].given;
    one.nats.prefix = cases[i].name;
    assert_int_equal(hub_try(&one, nodes.servers, &err), CWS_ECONFIG);
    if (strstr(err.message, cases[i].says) == NULL)
      fail_msg("expected '%s' in: %s", cases[i].says, err.message);
    forget(cases[i].name);
  }
}

static void a_stream_that_was_made_by_hand_will_do(void **state) {
  (void)state;
  const char *subject;
  struct cws_error err = {0};
  jsStreamConfig c = config_of("hand", &subject);
  c.MaxAge = INT64_C(3600) * 1000000000;
  c.MaxBytes = 5000;
  make(&c);
  hub_init(&one, "hand");
  one.nats.max_age_ms = 3600000;
  one.nats.max_bytes = 5000;
  one.nats.replicas = 1;
  one.nats.storage = "file";
  if (hub_try(&one, nodes.servers, &err) != 0)
    fail_msg("%s", err.message);
  assert_int_equal(hub_put(&one, "fine"), 0);
  hub_close(&one);
}

static void replicas_need_a_cluster(void **state) {
  (void)state;
  struct cws_error err = {0};
  hub_init(&one, "replicas");
  one.nats.replicas = 3;
  assert_int_equal(hub_try(&one, nodes.servers, &err), CWS_ECONFIG);
  assert_non_null(strstr(err.message, "set nats-replicas to 1"));
}

static void a_subject_that_another_stream_has_is_refused(void **state) {
  (void)state;
  static const char *subjects[] = {"taken.>"};
  const char *subject;
  struct cws_error err = {0};
  jsStreamConfig c = config_of("other", &subject);
  c.Subjects = subjects;
  make(&c);
  hub_init(&one, "taken");
  assert_int_equal(hub_try(&one, nodes.servers, &err), CWS_ECONFIG);
  assert_non_null(strstr(err.message, "already has the subject 'taken.log'"));
}

/* ---- known by its id ---- */

static void another_stream_under_the_same_name_is_another_log(void **state) {
  (void)state;
  struct cws_error why;
  char id[STORE_LOG_ID_MAX + 1];
  hub_open(&one, &nodes, "again");
  strcpy(id, hub_state(&one).id);
  hub_close(&one);
  hub_open(&one, &nodes, "again");
  assert_string_equal(hub_state(&one).id, id);
  hub_follow(&one, 0);
  assert_int_equal(hub_put(&one, "first"), 0);
  HUB_WAIT(&one, one.last == 1);
  forget("again");
  hub_open(&two, &nodes, "again");
  assert_string_not_equal(hub_state(&two).id, id);
  assert_string_not_equal(hub_state(&one).id, id);
  assert_int_equal(hub_put(&two, "another first"), 0);
  assert_int_equal(hub_put(&two, "another second"), 0);
  HUB_WAIT(&one, !hub_is_up(&one, &why));
  assert_non_null(strstr(why.message, "another one"));
  assert_int_equal(one.last, 1);
  hub_close(&one);
  hub_close(&two);
}

static void a_stream_that_is_gone_takes_nothing(void **state) {
  (void)state;
  struct cws_error err = {0};
  hub_open(&one, &nodes, "short-lived");
  forget("short-lived");
  assert_int_equal(hub_put(&one, "never"), CWS_ESTORE);
  assert_non_null(strstr(one.outcome.error.message, "is gone"));
  assert_false(hub_is_up(&one, &err));
  struct store_log_state now;
  assert_int_equal(one.log->ops->state(one.log, &now, &err), CWS_ESTORE);
  hub_close(&one);
}

/* ---- entries that go ---- */

static void a_hub_that_needs_an_entry_that_went_says_so_and_gets_none(void **state) {
  (void)state;
  struct cws_error err = {0};
  hub_init(&one, "small");
  one.nats.max_bytes = 1000;
  assert_int_equal(hub_try(&one, nodes.servers, &err), 0);
  for (int i = 0; i < 50; i++)
    assert_int_equal(hub_put(&one, "an entry of some bytes"), 0);
  struct store_log_state now = hub_state(&one);
  assert_int_equal(now.last_seq, 50);
  assert_in_range(now.first_seq, 2, 50);
  hub_follow(&one, 0);
  HUB_WAIT(&one, !hub_is_up(&one, &err));
  assert_non_null(strstr(err.message, "has let go of the entries from 1 to"));
  assert_non_null(strstr(err.message, "copy of another hub's state"));
  assert_int_equal(one.last, 0);
  hub_open(&two, &nodes, "small"); /* one that has those follows */
  hub_follow(&two, now.first_seq - 1);
  HUB_WAIT(&two, two.last == 50);
  hub_close(&one);
  hub_close(&two);
}

static void a_full_stream_that_discards_the_new_refuses_surely(void **state) {
  (void)state;
  const char *subject;
  struct cws_error err = {0};
  jsStreamConfig c = config_of("full", &subject);
  c.MaxBytes = 10000; /* the server forgets to count what it adds to an entry, 38 bytes */
  c.Discard = js_DiscardNew;
  make(&c);
  char text[256];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  hub_open(&one, &nodes, "full");
  hub_follow(&one, 0);
  int code = 0, stored = 0;
  while (stored < 100 && (code = hub_put(&one, text)) == 0)
    stored++;
  assert_int_equal(code, CWS_ESTORE);
  assert_non_null(strstr(one.outcome.error.message, "maximum bytes exceeded"));
  HUB_WAIT(&one, one.last == (uint64_t)stored);
  HUB_WAIT(&one, hub_is_up(&one, &err)); /* so that somebody tries again */
  assert_int_equal(hub_state(&one).last_seq, stored);
  hub_close(&one);
}

static void remove_consumers(const char *stream) {
  jsConsumerNamesList *list = NULL;
  assert_int_equal(js_ConsumerNames(&list, js, stream, NULL, NULL), NATS_OK);
  assert_int_equal(list->Count, 1);
  for (int i = 0; i < list->Count; i++)
    js_DeleteConsumer(js, stream, list->List[i], NULL, NULL);
  jsConsumerNamesList_Destroy(list);
}

static void a_consumer_that_somebody_removes_is_made_anew(void **state) {
  (void)state;
  hub_open(&one, &nodes, "consumer");
  hub_follow(&one, 0);
  assert_int_equal(hub_put(&one, "first"), 0);
  HUB_WAIT(&one, one.last == 1);
  remove_consumers("consumer");
  assert_int_equal(hub_put(&one, "second"), 0);
  HUB_WAIT(&one, one.last == 2);
  hub_close(&one);
}

/* ---- who may ---- */

static void a_user_has_to_be_known_and_have_the_right_password(void **state) {
  (void)state;
  static const struct {
    const char *user, *password, *says;
  } cases[] = {
      {"hub", "wrong", "refuses the user hub"},
      {"who", "right", "refuses the user who"},
      {NULL, NULL, "give nats-user"},
      {"hub", "right", NULL},
  };
  struct nats_nodes guarded;
  nats_nodes_start(&guarded, 1, "authorization { user: hub, password: right }");
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct cws_error err = {0};
    hub_init(&one, "user");
    one.nats.user = cases[i].user;
    one.nats.password = cases[i].password;
    int code = hub_try(&one, guarded.servers, &err);
    if (cases[i].says == NULL) {
      assert_int_equal(code, 0);
      hub_close(&one);
    } else {
      assert_int_equal(code, CWS_ECONFIG);
      assert_non_null(strstr(err.message, cases[i].says));
      assert_null(strstr(err.message, "wrong"));
    }
  }
  nats_nodes_finish(&guarded);
}

static void start_with_password(struct nats_nodes *guarded, const char *password) {
  char more[64];
  snprintf(more, sizeof more, "authorization { user: hub, password: %s }", password);
  nats_node_kill(guarded, 0);
  nats_node_set(guarded, 0, more);
  nats_node_start(guarded, 0);
}

/* libnats ends the connection for good. */
static void a_user_that_is_refused_later_is_taken_again_once_it_may(void **state) {
  (void)state;
  struct nats_nodes guarded;
  struct cws_error err = {0};
  nats_nodes_start(&guarded, 1, "authorization { user: hub, password: right }");
  hub_init(&one, "refused");
  one.nats.user = "hub";
  one.nats.password = "right";
  assert_int_equal(hub_try(&one, guarded.servers, &err), 0);
  hub_follow(&one, 0);
  assert_int_equal(hub_put(&one, "before"), 0);
  start_with_password(&guarded, "another");
  HUB_WAIT(&one, !hub_is_up(&one, &err) && strstr(err.message, "takes this hub") != NULL);
  assert_int_equal(hub_send(&one, "never", &err), CWS_ESTORE);
  start_with_password(&guarded, "right");
  HUB_WAIT(&one, hub_is_up(&one, &err));
  assert_int_equal(hub_put(&one, "after"), 0);
  HUB_WAIT(&one, one.last == 2);
  hub_close(&one);
  nats_nodes_finish(&guarded);
}

static void over_tls_the_server_is_one_that_the_ca_signed(void **state) {
  (void)state;
  struct certs good, other;
  struct nats_nodes secure;
  char more[512];
  struct cws_error err = {0};
  certs_make(&good, "IP:127.0.0.1", 10);
  certs_make(&other, "IP:127.0.0.1", 10);
  snprintf(more, sizeof more, "tls { cert_file: \"%s\", key_file: \"%s\" }", good.cert, good.key);
  nats_nodes_start(&secure, 1, more);
  hub_init(&one, "tls");
  one.nats.tls_ca = good.ca;
  if (hub_try(&one, secure.servers, &err) != 0)
    fail_msg("%s", err.message);
  assert_int_equal(hub_put(&one, "secret"), 0);
  hub_close(&one);
  hub_init(&one, "tls");
  one.nats.tls_ca = other.ca;
  assert_int_equal(hub_try(&one, secure.servers, &err), CWS_ECONFIG);
  assert_non_null(strstr(err.message, "TLS with NATS at 127.0.0.1:"));
  memset(&err, 0, sizeof err);
  hub_init(&one, "tls"); /* the system's CAs do not know it either */
  assert_int_equal(hub_try(&one, secure.servers, &err), CWS_ECONFIG);
  memset(&err, 0, sizeof err);
  hub_init(&one, "tls"); /* and a server without TLS is none to send to */
  one.nats.tls_ca = good.ca;
  assert_int_equal(hub_try(&one, nodes.servers, &err), CWS_ECONFIG);
  assert_non_null(strstr(err.message, "has no TLS"));
  nats_nodes_finish(&secure);
  certs_remove(&good);
  certs_remove(&other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stream_that_is_missing_is_made_as_the_settings_say),
      cmocka_unit_test(without_settings_it_is_in_files_and_keeps_seven_days),
      cmocka_unit_test(hubs_that_start_at_the_same_moment_make_one_log),
      cmocka_unit_test(a_stream_that_is_not_what_is_wanted_is_refused_and_says_what_differs),
      cmocka_unit_test(a_stream_that_was_made_by_hand_will_do),
      cmocka_unit_test(replicas_need_a_cluster),
      cmocka_unit_test(a_subject_that_another_stream_has_is_refused),
      cmocka_unit_test(another_stream_under_the_same_name_is_another_log),
      cmocka_unit_test(a_stream_that_is_gone_takes_nothing),
      cmocka_unit_test(a_hub_that_needs_an_entry_that_went_says_so_and_gets_none),
      cmocka_unit_test(a_full_stream_that_discards_the_new_refuses_surely),
      cmocka_unit_test(a_consumer_that_somebody_removes_is_made_anew),
      cmocka_unit_test(a_user_has_to_be_known_and_have_the_right_password),
      cmocka_unit_test(a_user_that_is_refused_later_is_taken_again_once_it_may),
      cmocka_unit_test(over_tls_the_server_is_one_that_the_ca_signed),
  };
  return cmocka_run_group_tests(tests, start_server, end_server);
}
