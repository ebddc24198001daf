# shellcheck shell=bash disable=SC2034
# What every script here needs: where things are, messages, host packages, locking.
# Sourced, after `set -euo pipefail`. Nothing here may be called on the left of || or && (where the
# shell does not stop at a failing command), and nothing may feed head or grep -q (a broken pipe is one).
shopt -s inherit_errexit
# modinfo is there, and not every user looks there.
PATH=$PATH:/usr/sbin:/sbin

qemu_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
project_dir=$(cd "$qemu_dir/../.." && pwd)
# Downloads and builds. Everything in it can be made again.
cache_dir=${PANTHOR_QEMU_CACHE:-$project_dir/target/qemu}
mkdir -p "$cache_dir"
cache_dir=$(cd "$cache_dir" && pwd)

say() { printf 'qemu: %s\n' "$*" >&2; }
die() {
	say "error: $*"
	exit 125
}

# need_packages PACKAGE... : Debian packages of the host; installs missing ones when it may.
need_packages() {
	local package missing=()
	for package in "$@"; do
		case " ${missing[*]} " in *" $package "*) continue ;; esac
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || die "this host has no apt-get: the scripts here work on Debian 12 or later"
	[ "$(id -u)" = 0 ] || die "missing packages; as root: apt-get install --no-install-recommends ${missing[*]}"
	say "installing ${missing[*]}"
	# Package lists of yesterday name files that the mirror no longer has.
	apt-get -o DPkg::Lock::Timeout=600 update -qq >&2 || die "apt-get update failed"
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -qq -y --no-install-recommends \
		"${missing[@]}" >&2 || die "cannot install ${missing[*]}"
}

# locked NAME COMMAND... : runs COMMAND while no other process holds NAME, so that two runs share one download.
locked() {
	local name=$1
	shift
	(
		flock 9
		"$@"
	) 9>"$cache_dir/.lock-$name"
}

# upstream VERSION : major.minor of a kernel's or package's version, 7.3 of 7.3.4-1~bpo13+1.
upstream() { printf '%s\n' "$1" | sed -E 's/^([0-9]+\.[0-9]+).*/\1/'; }

# newer A B : is version A newer than version B?
newer() { [ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | tail -1)" = "$1" ]; }

# known_drivers prints, oldest first: Linux version, driver version, Debian suite that is used for it.
known_drivers() { sed 's/#.*//; /^[[:space:]]*$/d' "$qemu_dir/known/drivers"; }
known_newest() { known_drivers | tail -1 | awk '{ print $1 }'; }
kernel_suites=(trixie-backports sid trixie)
