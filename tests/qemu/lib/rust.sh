# shellcheck shell=bash disable=SC2154
# A private aarch64 Rust toolchain out of Debian 12's own packages: rustc-web and the arm64 standard
# library of the very same build, unpacked below the cache, nothing installed. Linking is done by the
# host's gcc-aarch64-linux-gnu. Sourced after common.sh and apt.sh.

# The oldest Rust that the crates build with.
rust_minimum=1.85

# rust_dir : prints the directory of the toolchain (bin/rustc), fetched when it is not there.
rust_dir() {
	local link=$cache_dir/rust/current
	[ -e "$link/version" ] || locked rust fetch_rust
	readlink -f "$link"
}

# What rustc needs comes along, except for the C library: that is the host's.
fetch_rust() {
	local link=$cache_dir/rust/current version std llvm dir needed
	[ ! -e "$link/version" ] || return 0
	private_apt "$cache_dir/apt/rust" 'amd64 arm64' bookworm bookworm-security
	version=$(version_of rustc-web)
	[ -n "$version" ] || die "Debian 12 has no rustc-web any more"
	newer "$version" "$rust_minimum" || die "rustc-web $version is older than Rust $rust_minimum"
	dir=$cache_dir/rust/$version
	say "fetching rustc-web $version for aarch64"
	std=$(apt-cache depends libstd-rust-web-dev:amd64 | sed -n 's/.*Depends: \(libstd-rust-web-[0-9.]*\)$/\1/p' | sed -n 1p)
	llvm=$(apt-cache depends "$std:amd64" | sed -n 's/.*Depends: \(libllvm[0-9]*\).*/\1/p' | sed -n 1p)
	if [ -z "$std" ] || [ -z "$llvm" ]; then die "rustc-web $version does not say which libstd and LLVM it needs"; fi
	needed=$(closure 'libc6|libcrypt1|libgcc-s1|gcc-12-base|debconf|cdebconf' "$llvm")
	rm -rf "$dir" "$dir.new"
	# shellcheck disable=SC2086 # one word per package
	unpack "$dir.new/root" "rustc-web:amd64=$version" "$std:amd64=$version" "libstd-rust-web-dev:amd64=$version" \
		"libstd-rust-web-dev:arm64=$version" $needed
	mkdir -p "$dir.new/bin"
	cat >"$dir.new/bin/rustc" <<-SCRIPT
		#!/bin/sh
		LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu:$dir/root/lib/x86_64-linux-gnu exec $dir/root/usr/bin/rustc "\$@"
	SCRIPT
	chmod +x "$dir.new/bin/rustc"
	printf '%s\n' "$version" >"$dir.new/version"
	mv "$dir.new" "$dir"
	"$dir/bin/rustc" --version >&2
	ln -sfn "$version" "$link"
}

# cross_environment : what cargo needs to build static aarch64 programs with it.
cross_environment() {
	local dir
	dir=$(rust_dir)
	export RUSTC=$dir/bin/rustc
	# Another compiler than the host's: another target directory.
	export CARGO_TARGET_DIR=$dir/target
	export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
	export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS='-C target-feature=+crt-static'
	unset RUSTFLAGS CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS RUSTC_WRAPPER RUSTDOCFLAGS
}
