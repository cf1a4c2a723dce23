# The Debian 12 packages that councilws needs, in one place: sourced by quickstart and check.
PACKAGES_BUILD=(cmake ninja-build gcc libc6-dev pkg-config
  libwebsockets-dev libwebsockets-evlib-uv libuv1-dev libcurl4-openssl-dev libjansson-dev
  libhttp-parser-dev libjose-dev libsqlite3-dev libssl-dev zlib1g-dev libreadline-dev libnats-dev)
PACKAGES_TEST=(libcmocka-dev bats clang libclang-rt-14-dev clang-format curl jq nodejs npm node-ws
  python3-websockets chromium chromium-headless-shell sqlite3 openssl iproute2 strace systemd nats-server tmux zsh fish mandoc lintian)

# What is installed and what that stands for, one name a line: a nodejs from elsewhere brings its own npm, for one.
packages_present() {
  dpkg-query -W -f='${db:Status-Status} ${Package}, ${Provides}\n' | sed -n 's/^installed //p' | tr ',' '\n' | sed 's/^ *//; s/ .*//'
}

# Installs those of its arguments that are missing; says what it does.
packages_install() {
  local missing=() package present
  present=$(packages_present)
  for package in "$@"; do
    grep -qxF -- "$package" <<<"$present" || missing+=("$package")
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
