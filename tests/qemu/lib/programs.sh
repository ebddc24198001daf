# shellcheck shell=bash disable=SC2154,SC2164
# Our own programs for the guest: built for aarch64, static. Sourced after common.sh, apt.sh and rust.sh.

declare -A binary
# build_programs : builds the root package's `examples` and `tests` and the programs `bins` of the workspace (arrays
# of the caller). binary[NAME] is the path of each.
build_programs() {
	local name example_arguments=() test_arguments=() bin_arguments=() names messages found
	cross_environment
	# Under emulation it matters.
	export CARGO_PROFILE_DEV_OPT_LEVEL=2
	for name in ${examples[@]+"${examples[@]}"}; do example_arguments+=(--example "$name"); done
	for name in ${tests[@]+"${tests[@]}"}; do test_arguments+=(--test "$name"); done
	for name in ${bins[@]+"${bins[@]}"}; do bin_arguments+=(--package "panthor-$name" --bin "$name"); done
	names=(${examples[@]+"${examples[@]}"} ${tests[@]+"${tests[@]}"} ${bins[@]+"${bins[@]}"})
	say "building ${names[*]} for aarch64"
	messages=$cache_dir/cargo-messages.json
	# cargo says in its messages where the executables are.
	(
		cd "$project_dir"
		target=(--target aarch64-unknown-linux-gnu --message-format json-render-diagnostics)
		[ ${#example_arguments[@]} -eq 0 ] || cargo build --quiet "${target[@]}" "${example_arguments[@]}"
		[ ${#test_arguments[@]} -eq 0 ] || cargo test --no-run --quiet "${target[@]}" "${test_arguments[@]}"
		[ ${#bin_arguments[@]} -eq 0 ] || cargo build --quiet "${target[@]}" "${bin_arguments[@]}"
	) >"$messages"
	mkdir -p "$cache_dir/programs"
	for name in "${names[@]}"; do
		found=$(python3 - "$name" "$messages" <<-'PYTHON'
			import json, sys
			name, found = sys.argv[1], None
			for line in open(sys.argv[2], encoding="utf-8"):
			    message = json.loads(line)
			    target = message.get("target", {})
			    if message.get("executable") and target["name"] == name and target["kind"][0] in ("example", "test", "bin"):
			        found = message["executable"]
			print(found or "")
		PYTHON
		)
		[ -x "$found" ] || die "cargo did not say where $name is"
		# Under its plain name, and without what only a debugger reads.
		binary[$name]=$cache_dir/programs/$name
		aarch64-linux-gnu-strip --strip-debug -o "${binary[$name]}" "$found"
	done
}
