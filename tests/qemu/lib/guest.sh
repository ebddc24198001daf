# shellcheck shell=bash disable=SC2034,SC2154
# What a boot needs besides the programs: initramfs, device trees, register images, firmware.
# Sourced after common.sh and kernel.sh.

host_tools=(qemu-system-arm device-tree-compiler gcc-aarch64-linux-gnu libc6-dev-arm64-cross cpio xz-utils
	zstd kmod python3)
# The GPU architectures whose firmware the driver may ask for; all get the same.
firmware_archs=(10.8 10.10 10.12 11.8 12.8 13.8 14.8)
guest_cpu=cortex-a76
guest_cpus=2
guest_memory=2G

# guest_dir KERNELDIR : prints the directory with everything for that kernel, built when it is not there
# or when these scripts have changed.
guest_dir() {
	local kernel=$1 made_of dir
	made_of=$({
		cat "$qemu_dir"/guest/* "$qemu_dir/model/gpu_image.py" "$qemu_dir/lib/guest.sh"
		qemu-system-aarch64 --version
	} | sha256sum | cut -c1-12)
	dir=$cache_dir/guests/$(basename "$kernel")_$made_of
	locked "guest-$(basename "$kernel")" build_guest "$kernel" "$dir" >&2
	printf '%s\n' "$dir"
}

build_guest() {
	local kernel=$1 dir=$2 root=$2.new/root module wanted
	[ ! -e "$dir/complete" ] || return 0
	say "building the guest of Linux $(cat "$kernel/release")"
	rm -rf "$dir" "$dir.new"
	mkdir -p "$root/modules" "$root/lib/firmware/arm/mali"

	# Registers and firmware, of both modes. The initramfs has the static mode's; --mcu overlays it.
	python3 "$qemu_dir/model/gpu_image.py" "$dir.new/static"
	python3 "$qemu_dir/model/gpu_image.py" "$dir.new/mcu" --mcu
	install_firmware "$dir.new/static/mali_csffw.bin" "$root"

	# The stock modules, decompressed, otherwise untouched: signature and version stay intact.
	# "fixed" is the regulator that the driver of Linux 6.12 insists on.
	wanted=(panthor)
	[ -z "$(module_file "$kernel" fixed)" ] || wanted=(fixed panthor)
	for module in "${wanted[@]}"; do
		module_order "$kernel" "$module"
	done >"$dir.new/order"
	awk '!seen[$0]++' "$dir.new/order" >"$root/modules/order"
	while read -r module; do
		decompress "$(module_file "$kernel" "$module")" >"$root/modules/$module.ko"
	done <"$root/modules/order"

	# Device trees: with a GPU that is not coherent (as on RK3588), and with one that is.
	qemu-system-aarch64 -M "virt,dumpdtb=$dir.new/virt.dtb" -cpu "$guest_cpu" -smp "$guest_cpus" \
		-m "$guest_memory" -nodefaults -display none 2>/dev/null
	dtc -q -I dtb -O dts "$dir.new/virt.dtb" >"$dir.new/virt.dts"
	# dtc reads C comments, not C++ ones.
	grep -v '^//' "$qemu_dir/guest/gpu.dtsi" >"$dir.new/gpu.dtsi"
	cat "$dir.new/virt.dts" "$dir.new/gpu.dtsi" | dtc -q -I dts -O dtb >"$dir.new/plain.dtb"
	sed 's,/\* DMA-COHERENT \*/,dma-coherent;,' "$dir.new/gpu.dtsi" | cat "$dir.new/virt.dts" - |
		dtc -q -I dts -O dtb >"$dir.new/coherent.dtb"
	! cmp -s "$dir.new/plain.dtb" "$dir.new/coherent.dtb" || die "guest/gpu.dtsi lost its DMA-COHERENT line"

	aarch64-linux-gnu-gcc -O2 -Wall -Wextra -Werror -static -o "$root/init" "$qemu_dir/guest/init.c"
	aarch64-linux-gnu-gcc -O2 -Wall -Wextra -Werror -static -o "$dir.new/probe" "$qemu_dir/guest/probe.c"
	pack "$root" >"$dir.new/base.cpio.gz"
	rm -rf "$root"
	touch "$dir.new/complete"
	mv "$dir.new" "$dir"
}

# install_firmware FILE ROOT
install_firmware() {
	local arch
	for arch in "${firmware_archs[@]}"; do
		mkdir -p "$2/lib/firmware/arm/mali/arch$arch"
		cp "$1" "$2/lib/firmware/arm/mali/arch$arch/mali_csffw.bin"
	done
}

# module_file KERNELDIR NAME : "-" and "_" are the same in a module's name.
module_file() { find "$1/modules" -name "$(printf '%s' "$2" | sed 's/[-_]/[-_]/g').ko*" -print -quit; }

# module_order KERNELDIR NAME : NAME and all that it needs, dependencies first.
module_order() {
	local file dependency dependencies
	file=$(module_file "$1" "$2")
	[ -n "$file" ] || die "Linux $(cat "$1/release") has no module $2"
	dependencies=$(modinfo -F depends "$file")
	for dependency in ${dependencies//,/ }; do
		module_order "$1" "$dependency"
	done
	printf '%s\n' "$2"
}

decompress() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -qdc "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

# pack ROOT : an initramfs; several, one after the other, are laid over each other.
pack() { (cd "$1" && find . -print0 | sort -z | cpio -o -0 -H newc -R 0:0 --quiet) | gzip -1; }
