# shellcheck shell=bash disable=SC2154
# panthor_drm.h of the newest kernel that Debian has. Sourced after common.sh and apt.sh.

# header_dir [refresh] : prints the directory that has drm/, linux/ and so on (a private usr/include).
header_dir() {
	local link=$cache_dir/headers/newest
	if [ "${1:-}" = refresh ] || [ ! -e "$link/version" ]; then
		locked headers fetch_headers "${1:-}"
	fi
	printf '%s/include\n' "$(readlink -f "$link")"
}

fetch_headers() {
	local suite version best='' best_version=0 dir link=$cache_dir/headers/newest
	[ "${1:-}" = refresh ] || [ ! -e "$link/version" ] || return 0
	for suite in trixie-backports sid; do
		private_apt "$cache_dir/apt/$suite-arm64" arm64 "$suite"
		version=$(version_of linux-libc-dev)
		[ -n "$version" ] || die "$suite has no linux-libc-dev"
		if dpkg --compare-versions "$version" gt "$best_version"; then
			best=$suite best_version=$version
		fi
	done
	dir=$cache_dir/headers/$best_version
	if [ ! -e "$dir/version" ]; then
		say "fetching linux-libc-dev $best_version of $best"
		rm -rf "$dir" "$dir.new"
		export APT_CONFIG=$cache_dir/apt/$best-arm64/conf
		unpack "$dir.new/root" linux-libc-dev
		mv "$dir.new/root/usr/include" "$dir.new/include"
		rm -rf "$dir.new/root"
		[ -f "$dir.new/include/drm/panthor_drm.h" ] || die "linux-libc-dev $best_version has no panthor_drm.h"
		printf '%s\n' "$best_version" >"$dir.new/version"
		mv "$dir.new" "$dir"
	fi
	ln -sfn "$best_version" "$link"
}

# check_header INCLUDE : the header is the one that the bindings are made from; or one of a newer kernel,
# whose differences are printed, and which must contain all that ours has.
check_header() {
	local include=$1 known_sum known_linux sum linux version facts verdict
	read -r known_linux known_sum <"$qemu_dir/known/panthor_drm.sum"
	version=$(cat "$include/../version")
	linux=$(upstream "$version")
	sum=$(sha256sum <"$include/drm/panthor_drm.h" | cut -d' ' -f1)
	if [ "$sum" = "$known_sum" ]; then
		say "panthor_drm.h of linux-libc-dev $version is the known one"
		return 0
	fi
	say "panthor_drm.h of linux-libc-dev $version is not the known one of Linux $known_linux:"
	say "  sha256 $sum, known $known_sum"
	facts=$(mktemp)
	python3 "$qemu_dir/lib/uapi_facts.py" list "$include" >"$facts"
	verdict=superset
	python3 "$qemu_dir/lib/uapi_facts.py" compare "$qemu_dir/known/panthor_drm.facts" "$facts" >&2 || verdict=broken
	rm -f "$facts"
	if [ "$linux" = "$known_linux" ]; then
		die "panthor_drm.h differs at the same version, Linux $linux: find out why, then update tests/qemu/known"
	elif newer "$known_linux" "$linux"; then
		die "panthor_drm.h is older than the known one: no suite has Linux $known_linux"
	elif [ "$verdict" = broken ]; then
		die "panthor_drm.h of Linux $linux lacks or changes what Linux $known_linux has"
	fi
	say "it is newer, and has all that the known one has: time to regenerate the bindings"
}
