#!/usr/bin/env bash
# packages.sh BUILD: makes the .deb packages of that build, has lintian look at them, and installs, uses, removes and purges them in a root of their own.
# Skipped (77) where it is not root or a tool is missing; CWS_REQUIRE_PRIVILEGED=1 makes that a failure.
set -euo pipefail

left_out() {
  echo "left out: $1"
  [ "${CWS_REQUIRE_PRIVILEGED-}" != 1 ] || exit 1
  exit 77
}
[ "$(id -u)" -eq 0 ] || left_out "packages are installed by root"
for tool in dpkg dpkg-deb dpkg-shlibdeps lintian cpack; do
  command -v "$tool" >/dev/null || left_out "$tool is missing"
done

build=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
  echo "$*" >&2
  exit 1
}

cpack --config "$build/CPackConfig.cmake" -B "$dir/packages" >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
rm -rf "$dir/packages/_CPack_Packages"
cd "$dir/packages"
[ "$(ls | sed 's/_.*//' | sort | tr '\n' ' ')" = "councilws libcouncilws-dev libcouncilws1 " ] || fail "packages: $(ls)"

suppressed=()
if grep -q '^CWS_SANITIZE:[^=]*=.' "$build/CMakeCache.txt"; then # not the code that is shipped: how it was compiled says nothing
  suppressed=(--suppress-tags hardening-no-fortify-functions,hardening-no-bindnow,hardening-no-relro,hardening-no-pie)
fi
lintian --allow-root "${suppressed[@]}" --fail-on error,warning ./*.deb >"$dir/lintian" 2>&1 || { cat "$dir/lintian" >&2; exit 1; }
[ ! -s "$dir/lintian" ] || { cat "$dir/lintian" >&2; exit 1; }

# A root with nothing but dpkg's own files; what the packages depend on is outside of it.
root=$dir/root
mkdir -p "$root/var/lib/dpkg/"{info,updates,triggers}
touch "$root/var/lib/dpkg/status" "$root/var/lib/dpkg/available"
in_root() {
  dpkg --root="$root" --force-depends --force-not-root --force-script-chrootless --log=/dev/null "$@" >"$dir/log" 2>&1 ||
    { cat "$dir/log" >&2; exit 1; }
}
in_root --install ./*.deb
lib=$(dirname "$(find "$root/usr/lib" -name 'libcouncilws.so.1')")
LD_LIBRARY_PATH=$lib "$root/usr/bin/councilws" --version | grep -q '^councilws [0-9.]*$' || fail "the command does not run"
grep -q '^ExecStart=/usr/bin/councilws serve$' "$root/usr/lib/systemd/system/councilws.service" || fail "the unit starts another command"
grep -q '^prefix=/usr$' "$lib/pkgconfig/councilws.pc" || fail "the .pc file names another prefix"
[ -e "$lib/libcouncilws.so" ] || fail "nothing to link to"
gzip -t "$root/usr/share/man/man1/councilws-watch.1.gz" "$root/usr/share/man/man3/libcouncilws.3.gz"
! grep -q '^[^#]' "$root/etc/councilws/config" || fail "a setting is not commented"
LD_LIBRARY_PATH=$lib "$root/usr/bin/councilws" help --format config | cmp - "$root/etc/councilws/config"

# What the administrator wrote stays when the command is removed, and goes when it is purged.
echo 'retention 7d' >>"$root/etc/councilws/config"
in_root --remove councilws libcouncilws-dev libcouncilws1
grep -q '^retention 7d$' "$root/etc/councilws/config" || fail "the settings are gone"
[ ! -e "$root/usr" ] || fail "left behind: $(find "$root/usr")"
in_root --purge councilws libcouncilws-dev libcouncilws1
[ ! -e "$root/etc/councilws" ] || fail "left behind: $(find "$root/etc")"
