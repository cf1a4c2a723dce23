# The Debian 12 packages that councilws needs, in one place: sourced by quickstart and check.
PACKAGES_BUILD=(cmake ninja-build gcc libc6-dev pkg-config
  libwebsockets-dev libwebsockets-evlib-uv libuv1-dev libcurl4-openssl-dev libjansson-dev
  libhttp-parser-dev libjose-dev libsqlite3-dev libssl-dev zlib1g-dev libreadline-dev)
PACKAGES_TEST=(libcmocka-dev bats clang libclang-rt-14-dev clang-format curl jq nodejs node-ws sqlite3 openssl iproute2
  strace systemd tmux zsh fish mandoc lintian)

# Installs those of its arguments that are missing; says what it does.
packages_install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "installing: ${missing[*]}" >&2
  local root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  if ! command -v apt-get >/dev/null; then
    echo "this is no Debian: install what corresponds to these packages: ${missing[*]}" >&2
    return 1
  fi
  "${root[@]}" apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >&2
}
