#!/bin/bash
# Builds packages of Swarmgate: packaging/build.sh [deb|rpm]...   (deb when none is named)
#
# PKG_ARCH     amd64, arm64, 386 or arm: for which machine (default: this one)
# PKG_VERSION  default: of the last tag, or made from the last commit
#
# Needs Go alone. The packages' paths are printed; they lie in packaging/out.
set -euo pipefail
cd "$(dirname "$0")/.."

(($#)) || set -- deb
for format; do
  case $format in
    deb | rpm) ;;
    *)
      echo "packaging/build.sh: no package format \"$format\"; there are deb and rpm" >&2
      exit 2
      ;;
  esac
done

version() {
  local tag
  if tag=$(git describe --tags --match 'v[0-9]*' 2>/dev/null); then
    # v1.2.0-5-gabcdef0 comes after 1.2.0 and before 1.2.1
    sed 's/^v//; s/-\([0-9]*\)-g/+\1.g/' <<<"$tag"
  else
    # 0.1.0~git… comes before 0.1.0
    printf '%s~git%s\n' "$(sed -n 's/^var version = "\([0-9.]*\).*/\1/p' cmd/swarmgate/main.go)" "$(git log -1 --format=%cd.%h --date=format:%Y%m%d%H%M 2>/dev/null || echo 0)"
  fi
}

PKG_ARCH=${PKG_ARCH:-$(go env GOARCH)}
PKG_VERSION=${PKG_VERSION:-$(version)}
# The same commit gives the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export PKG_ARCH PKG_VERSION SOURCE_DATE_EPOCH

out=packaging/out
mkdir -p "$out/$PKG_ARCH"

CGO_ENABLED=0 GOARCH=$PKG_ARCH go build -trimpath -ldflags "-s -w -X main.version=$PKG_VERSION" -o "$out/$PKG_ARCH/swarmgate" ./cmd/swarmgate
CGO_ENABLED=0 GOARCH=$(go env GOHOSTARCH) go run -trimpath ./cmd/swarmgate completion bash >"$out/$PKG_ARCH/swarmgate.bash"

for format; do
  package=$out/swarmgate_${PKG_VERSION}_$PKG_ARCH.$format
  go tool -modfile=packaging/tools/go.mod nfpm package --config packaging/nfpm.yaml --packager "$format" --target "$package" >&2
  echo "$package"
done
