#!/usr/bin/env bash
# install.sh: puts what package-lock.json names into node_modules beside it, by npm, unless it is there already.
set -euo pipefail
cd "$(dirname "$0")"
installed=node_modules/.installed-lock
cmp -s package-lock.json "$installed" && exit 0
echo "npm: installing $(grep -c '"node_modules/' package-lock.json) packages of tests/browser/package-lock.json" >&2
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
cp package-lock.json "$installed"
