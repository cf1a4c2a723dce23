#!/usr/bin/env bash
# netns.sh COMMAND …: runs COMMAND where network namespaces can be made. Elsewhere it says what is missing and ends with 77 (left out), or,
# where CWS_REQUIRE_PRIVILEGED=1, with 1.
missing() {
  echo "network namespaces: $1" >&2
  [ "${CWS_REQUIRE_PRIVILEGED:-}" = 1 ] && exit 1
  echo "left out" >&2
  exit 77
}
[ "$(id -u)" -eq 0 ] || missing "not root"
command -v ip >/dev/null || missing "no ip command (package iproute2)"
probe=cws-probe-$$
ip netns add "$probe" 2>/dev/null || missing "ip netns add is refused"
reason=
ip -n "$probe" link add one type veth peer name two 2>/dev/null || reason="a veth pair is refused"
ip netns del "$probe"
[ -z "$reason" ] || missing "$reason"
exec "$@"
