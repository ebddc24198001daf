# shellcheck shell=bash disable=SC2154
# Debian's arm64 kernels: image and modules, as they are. Sourced after common.sh and apt.sh.

# kernel_dir SUITE [refresh] : prints the directory of the suite's kernel (image, modules/, release),
# which is fetched when it is not there. With "refresh" the suite is asked for its newest kernel.
kernel_dir() {
	local suite=$1 link=$cache_dir/suites/$1
	case " ${kernel_suites[*]} " in *" $suite "*) ;; *) die "no suite $suite (there are: ${kernel_suites[*]})" ;; esac
	if [ "${2:-}" = refresh ] || [ ! -e "$link/release" ]; then
		locked "kernel-$suite" fetch_kernel "$suite" "${2:-}"
	fi
	readlink -f "$link"
}

fetch_kernel() {
	local suite=$1 link=$cache_dir/suites/$1 release version key dir packages=()
	# Somebody else may have fetched it while this process waited for the lock.
	[ "${2:-}" = refresh ] || [ ! -e "$link/release" ] || return 0
	private_apt "$cache_dir/apt/$suite-arm64" arm64 "$suite"
	# The release that the meta-package points at.
	release=$(apt-cache show linux-image-arm64 2>/dev/null |
		sed -n 's/.*linux-image-\([0-9][^ ,]*-arm64\) (.*/\1/p' | sort -V | tail -1)
	[ -n "$release" ] || die "$suite has no linux-image-arm64"
	# Newer kernels split image and modules in two packages; the unsigned image is the plain one.
	if [ -n "$(version_of "linux-binary-unsigned-$release")" ]; then
		packages=("linux-binary-unsigned-$release" "linux-modules-$release")
	elif [ -n "$(version_of "linux-image-$release-unsigned")" ]; then
		packages=("linux-image-$release-unsigned")
	else
		packages=("linux-image-$release")
	fi
	version=$(version_of "${packages[0]}")
	[ -n "$version" ] || die "$suite has no package ${packages[0]}"
	key=${release}_$version
	dir=$cache_dir/kernels/$key
	if [ ! -e "$dir/release" ]; then
		say "fetching Linux $release ($version) of $suite"
		rm -rf "$dir" "$dir.new"
		mkdir -p "$dir.new"
		unpack "$dir.new/root" "${packages[@]}"
		mv "$(find "$dir.new/root" -name 'vmlinuz*' -type f -print -quit)" "$dir.new/image" ||
			die "the packages ${packages[*]} contain no kernel image"
		mv "$(find "$dir.new/root" -type d -path '*/lib/modules/*' -print -quit)" "$dir.new/modules" ||
			die "the packages ${packages[*]} contain no modules"
		rm -rf "$dir.new/root"
		printf '%s\n' "$version" >"$dir.new/version"
		printf '%s\n' "$release" >"$dir.new/release"
		mv "$dir.new" "$dir"
	fi
	mkdir -p "$cache_dir/suites"
	ln -sfn "../kernels/$key" "$link"
}

# newest_suite [refresh] : which of the suites has the newest kernel.
newest_suite() {
	local suite dir best='' best_release=0
	for suite in "${kernel_suites[@]}"; do
		dir=$(kernel_dir "$suite" "${1:-}")
		if newer "$(cat "$dir/release")" "$best_release"; then
			best=$suite best_release=$(cat "$dir/release")
		fi
	done
	printf '%s\n' "$best"
}
