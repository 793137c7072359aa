#!/bin/bash
# Installs the Debian package in a fresh root and starts the service's command there:
#   packaging/test-deb.sh [FILE.deb]      (built first when none is named)
#
# Checks the unit, that `run` becomes ready and ends cleanly, that an upgrade keeps the administrator's configuration, and
# that a purge leaves nothing. Needs root, debootstrap, systemd-analyze, iproute2 and curl. The root is made from
# DEB_MIRROR (default https://deb.debian.org/debian) or unpacked from the tar file DEB_BASE when that is set.
set -euo pipefail
self=$(readlink -f "$0")
cd "$(dirname "$self")/.."

SUITE=${DEB_SUITE:-bookworm}
MIRROR=${DEB_MIRROR:-https://deb.debian.org/debian}
UNIT=usr/lib/systemd/system/swarmgate.service
CONFIG=etc/swarmgate/swarmgate.toml
MAX_EXPOSURE=15 # tenths, of systemd-analyze security
READY_WITHIN=10 # seconds
END_WITHIN=5    # seconds, after SIGTERM
MAX_SIZE=22000000 # bytes of the program, which has to fit home routers

fail() {
  echo "test-deb: $*" >&2
  exit 1
}

# inside ROOT: starts the unit's command; runs in a network, mounts and a process tree of its own, which end with it.
inside() {
  local root=$1 state=var/lib/swarmgate pid i status=0
  mount -t proc proc "$root/proc"
  ip link set lo up
  # A home network with nobody in it: an address, and a cable to nowhere.
  ip link add lan0 type veth peer name lan1
  ip addr add 192.0.2.10/24 dev lan0
  ip link set lan0 up
  ip link set lan1 up

  local -a command
  read -ra command < <(sed -n 's/^ExecStart=//p' "$root/$UNIT")
  ((${#command[@]})) || fail "the unit starts nothing"
  # systemd's part: the state folder, a user without rights, an empty environment.
  install -d -m 0700 -o 65534 -g 65534 "$root/$state"
  env -i PATH=/usr/bin:/usr/sbin STATE_DIRECTORY="/$state" \
    setpriv --no-new-privs chroot --userspec=65534:65534 --groups= "$root" "${command[@]}" &
  pid=$!
  for ((i = 0; i < READY_WITHIN * 10; i++)); do
    curl -fsS -o /dev/null -m 1 http://127.0.0.1:8088/readyz 2>/dev/null && break
    kill -0 "$pid" 2>/dev/null || { wait "$pid" || status=$?; fail "the service ended with status $status"; }
    sleep 0.1
  done
  ((i < READY_WITHIN * 10)) || fail "the service is not ready after $READY_WITHIN s"
  echo "test-deb: ready after about $((i / 10)).$((i % 10)) s"
  curl -fsS -m 2 -o /dev/null http://127.0.0.1:8088/ || fail "the page is not served"
  [[ -n $(find "$root/$state" -mindepth 1 -print -quit) ]] || fail "nothing is kept in /$state"

  kill -TERM "$pid"
  for ((i = 0; i < END_WITHIN * 10; i++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  ((i < END_WITHIN * 10)) || fail "the service still runs $END_WITHIN s after SIGTERM"
  wait "$pid" || status=$?
  ((status == 0)) || fail "the service ended with status $status after SIGTERM"
  echo "test-deb: ended cleanly"
}

if [[ ${1:-} == --inside ]]; then
  inside "$2"
  exit
fi

((EUID == 0)) || fail "needs root, for a root file system of its own"
for tool in mmdebstrap systemd-analyze unshare setpriv chroot ip curl dpkg; do
  command -v "$tool" >/dev/null || fail "needs $tool (packages mmdebstrap systemd util-linux coreutils iproute2 curl dpkg)"
done
if [[ ${1:-} != --mounted ]]; then
  deb=${1:-$(packaging/build.sh deb)}
  [[ -f $deb ]] || fail "no package $deb"
  exec unshare --mount --propagation private "$self" --mounted "$deb"
fi

# From here on, what is mounted is mounted for this process alone.
deb=$2
work=$(mktemp -d)
trap 'umount "$work" && rmdir "$work"' EXIT
mount -t tmpfs -o size=1g,mode=0755 tmpfs "$work"
root=$work/root
mmdebstrap --quiet --variant=essential "$SUITE" "$root" "$MIRROR" || fail "mmdebstrap failed"
cp "$deb" "$root/swarmgate.deb"
in_root() { DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$root" "$@"; }

in_root dpkg -i /swarmgate.deb
[[ $(in_root dpkg -s swarmgate) == *"Status: install ok installed"* ]] || fail "the package is not installed"
[[ -L $root/etc/systemd/system/multi-user.target.wants/swarmgate.service ]] || fail "the service is not enabled"
in_root swarmgate version
size=$(stat -c %s "$root/usr/bin/swarmgate")
((size <= MAX_SIZE)) || fail "the program has $size bytes, more than $MAX_SIZE; see what it links with go build -ldflags=-dumpdep"
# For a method that is looked up by a name known at run time only, Go's linker keeps all methods of all types.
! grep -q 'reflect\.Value\.MethodByName' "$root/usr/bin/swarmgate" || fail "the program looks methods up by name; find who does: go build -ldflags=-dumpdep, <ReflectMethod>"
bash -n "$root/usr/share/bash-completion/completions/swarmgate" || fail "the completion for bash has a mistake"

# The machine's own systemd looks at the unit, with the program where it lies now.
sed "s#^ExecStart=/#&${root#/}/#" "$root/$UNIT" >"$work/swarmgate.service"
systemd-analyze verify --man=no "$work/swarmgate.service" || fail "systemd finds fault with the unit"
systemd-analyze security --no-pager --offline=yes --threshold="$MAX_EXPOSURE" "$work/swarmgate.service" | tail -n 1 ||
  fail "the unit's exposure is over $((MAX_EXPOSURE / 10)).$((MAX_EXPOSURE % 10))"

unshare --net --mount --pid --fork --kill-child --propagation private "$self" --inside "$root"

echo "# the administrator was here" >>"$root/$CONFIG"
in_root dpkg -i /swarmgate.deb >/dev/null
grep -q "administrator was here" "$root/$CONFIG" || fail "an upgrade overwrote the configuration"
in_root dpkg --remove swarmgate >/dev/null
[[ -f $root/$CONFIG ]] || fail "a removal took the configuration"
in_root dpkg --purge swarmgate >/dev/null
left=$(find "$root/etc" "$root/usr" "$root/var/lib" -name '*swarmgate*' ! -path "$root/var/lib/dpkg/*")
[[ -z $left ]] || fail "a purge leaves $left"
echo "test-deb: passed"
