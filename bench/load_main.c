/*
 * load: puts one load on a server and prints what came of it as one line of JSON. bench/run calls
 * it; by hand: load --port N [--scenario flow|fill|replay|idle|connect] [--watchers N]
 * [--publishers N] …
 */
#include "bench/load.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

static const struct {
  const char *name;
  int (*run)(struct load *load);
} scenarios[] = {{"flow", flow_run},
                 {"fill", flow_run},
                 {"replay", replay_run},
                 {"idle", storm_run},
                 {"connect", storm_run}};

static const struct option long_options[] = {{"scenario", required_argument, NULL, 's'},
                                             {"label", required_argument, NULL, 'l'},
                                             {"dialect", required_argument, NULL, 'd'},
                                             {"port", required_argument, NULL, 'P'},
                                             {"tls", no_argument, NULL, 'T'},
                                             {"token", required_argument, NULL, 't'},
                                             {"prefix", required_argument, NULL, 'x'},
                                             {"pids", required_argument, NULL, 'i'},
                                             {"requests", required_argument, NULL, 'r'},
                                             {"watchers", required_argument, NULL, 'w'},
                                             {"publishers", required_argument, NULL, 'p'},
                                             {"pipeline", required_argument, NULL, 'k'},
                                             {"bytes", required_argument, NULL, 'b'},
                                             {"rate", required_argument, NULL, 'R'},
                                             {"count", required_argument, NULL, 'c'},
                                             {"window", required_argument, NULL, 'W'},
                                             {"warmup", required_argument, NULL, 'u'},
                                             {"seconds", required_argument, NULL, 'S'},
                                             {NULL, 0, NULL, 0}};

static int usage(void) {
  fputs("usage: load --port N[,N…] [--scenario flow|fill|replay|idle|connect] [--dialect "
        "hub|nchan|nats] "
        "[--token T] [--pids PID,…]\n"
        "  [--requests N] [--watchers N] [--publishers N] [--pipeline N] [--bytes N] [--rate N] "
        "[--count N] [--window N]\n"
        "  [--warmup S] [--seconds S] [--tls] [--prefix TEXT] [--label TEXT]\n",
        stderr);
  return 2;
}

static int take_dialect(struct load_options *options, const char *name) {
  static const char *const names[] = {
      [LOAD_HUB] = "hub", [LOAD_NCHAN] = "nchan", [LOAD_NATS] = "nats"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(name, names[i])) {
      options->dialect = (enum load_dialect)i;
      return 0;
    }
  return -1;
}

static int take_ports(struct load_options *options, char *list) {
  char *rest;
  for (char *port = strtok_r(list, ",", &rest); port; port = strtok_r(NULL, ",", &rest)) {
    if (options->servers == SERVERS_MAX || atoi(port) <= 0)
      return -1;
    struct sockaddr_in *address = &options->addresses[options->servers++];
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  return 0;
}

static int take_option(struct load_options *options, int option) {
  switch (option) {
  case 's':
    options->scenario = optarg;
    return 0;
  case 'l':
    options->label = optarg;
    return 0;
  case 'd':
    return take_dialect(options, optarg);
  case 'P':
    return take_ports(options, optarg);
  case 'T':
    options->tls = true;
    return 0;
  case 't':
    options->token = optarg;
    return 0;
  case 'x':
    options->prefix = optarg;
    return 0;
  case 'i':
    return usage_pids_parse(&options->pids, optarg);
  case 'r':
    options->requests = atoi(optarg);
    return 0;
  case 'w':
    options->watchers = atoi(optarg);
    return 0;
  case 'p':
    options->publishers = atoi(optarg);
    return 0;
  case 'k':
    options->pipeline = atoi(optarg);
    return 0;
  case 'b':
    options->event_bytes = atoi(optarg);
    return 0;
  case 'R':
    options->rate = atof(optarg);
    return 0;
  case 'c':
    options->count = atol(optarg);
    return 0;
  case 'W':
    options->window = atol(optarg);
    return 0;
  case 'u':
    options->warmup_s = atof(optarg);
    return 0;
  case 'S':
    options->seconds = atof(optarg);
    return 0;
  default:
    return -1;
  }
}

static void lift_descriptor_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv) {
  static struct load load;
  load.options = (struct load_options){.scenario = "flow",
                                       .label = "",
                                       .prefix = "r",
                                       .requests = 1,
                                       .event_bytes = 256,
                                       .window = 256,
                                       .warmup_s = 1,
                                       .seconds = 5};
  int option;
  while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
    if (take_option(&load.options, option))
      return usage();
  if (optind < argc || load.options.servers == 0 || load.options.requests < 1 ||
      load.options.event_bytes > 128 * 1024)
    return usage();
  signal(SIGPIPE, SIG_IGN);
  lift_descriptor_limit();
  load.epoll = epoll_create1(EPOLL_CLOEXEC);
  for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
    if (!strcmp(load.options.scenario, scenarios[i].name))
      return scenarios[i].run(&load);
  return usage();
}
