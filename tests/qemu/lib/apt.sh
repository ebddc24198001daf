# shellcheck shell=bash disable=SC2034
# Packages of other Debian suites and architectures, with an apt of our own: its lists and state
# live in the cache, and nothing on the host is configured, upgraded or installed. The mirror is the
# one that the host's apt uses. Sourced after common.sh.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# mirror LABEL : where the host gets Debian (label "Debian" or "Debian-Security") from.
mirror() {
	local targets found
	targets=$(apt-get indextargets --format "\$(LABEL)|\$(REPO_URI)" 'Created-By: Packages' 2>/dev/null || true)
	if [ -z "$targets" ]; then
		apt-get update -qq || die "apt-get update failed: the host's apt must know a Debian mirror"
		targets=$(apt-get indextargets --format "\$(LABEL)|\$(REPO_URI)" 'Created-By: Packages')
	fi
	found=$(printf '%s\n' "$targets" | sed -n "s/^$1|//p" | sed -n 1p)
	[ -n "$found" ] || die "the host's apt has no repository with the label $1"
	printf '%s\n' "$found"
}

# private_apt DIR ARCHITECTURES SUITE... : from here on, APT_CONFIG in the environment means these suites.
# The first architecture is the native one. A suite named *-security comes from the security mirror.
private_apt() {
	local dir=$1 architectures=$2 suite label
	shift 2
	[ -f "$keyring" ] || die "$keyring is missing: install debian-archive-keyring"
	mkdir -p "$dir/lists/partial" "$dir/archives/partial"
	local sources=()
	for suite in "$@"; do
		label=Debian
		case $suite in *-security) label=Debian-Security ;; esac
		# Not within the loop's output: a failure there would be lost.
		sources+=("deb [signed-by=$keyring] $(unset APT_CONFIG && mirror "$label") $suite main")
	done
	printf '%s\n' "${sources[@]}" >"$dir/sources.list"
	{
		printf 'Dir::State "%s"; Dir::State::status "/dev/null"; Dir::Cache "%s";\n' "$dir" "$dir"
		printf 'Dir::Etc::sourcelist "%s/sources.list"; Dir::Etc::sourceparts "/dev/null";\n' "$dir"
		printf 'Dir::Etc::preferences "/dev/null"; Dir::Etc::preferencesparts "/dev/null";\n'
		printf 'APT::Architecture "%s"; APT::Architectures { ' "${architectures%% *}"
		# shellcheck disable=SC2086 # one word per architecture
		printf '"%s"; ' $architectures
		printf '};\nAPT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::Retries "3"; APT::Update::Error-Mode "any";\n'
		printf 'Acquire::Check-Valid-Until "false"; Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";\n'
	} >"$dir/conf"
	export APT_CONFIG=$dir/conf
	apt-get update -qq >&2 || die "cannot read $* from the host's Debian mirror"
}

# unpack DIR PACKAGE... : downloads (NAME, NAME:ARCH or NAME=VERSION) and unpacks below DIR.
unpack() {
	local dir=$1 deb
	shift
	mkdir -p "$dir" "$dir.debs"
	(cd "$dir.debs" && rm -f -- *.deb && apt-get download -qq "$@" >&2) || die "cannot download $*"
	for deb in "$dir.debs"/*.deb; do
		dpkg-deb -x "$deb" "$dir"
	done
	rm -rf "$dir.debs"
}

# version_of PACKAGE : the candidate's version, empty without one.
version_of() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -vx '(none)' || true; }

# closure EXCLUDE PACKAGE... : the packages and all that they depend on, except names that match the
# extended regular expression EXCLUDE (and what only those need).
closure() {
	local exclude=$1
	shift
	apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
		--no-enhances "$@" 2>/dev/null |
		awk -v exclude="^($exclude)\$" -v seeds="$*" '
			/^[^ <]/ { package = $1; known[package] = 1 }
			/^ .*Depends:/ && $NF !~ /^</ { needs[package] = needs[package] " " $NF }
			END {
				n = split(seeds, queue)
				for (i = 1; i <= n; i++) {
					if (queue[i] in seen) continue
					seen[queue[i]] = 1
					print queue[i]
					m = split(needs[queue[i]], more)
					for (j = 1; j <= m; j++)
						if (more[j] !~ exclude && (more[j] in known)) queue[++n] = more[j]
				}
			}'
}
