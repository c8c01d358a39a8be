# Helpers for the scripts of this folder: packages, a build that installs nothing, and a private PostgreSQL cluster.
#
# To be sourced by bash.  Everything happens below one scratch folder, so that two runs at once never meet and a run
# leaves nothing behind.  Servers and tests run as $test_user, because PostgreSQL refuses to run as root.

# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
test_user=$(id -un)

# where clean_up leaves the build, of this script alone and not of those that its tests run
export -n PYLON_KEEP

say() { printf '==> %s\n' "$*" >&2; }

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# quietly COMMAND…: what it says goes to a log, which is shown where it fails.  A file, since a server that a package
# starts would keep a pipe open.
quietly() {
	local log status=0
	log=$(mktemp /tmp/pylon_fdw.log.XXXXXX)
	("$@") >"$log" 2>&1 || status=$?
	[ "$status" = 0 ] || cat "$log" >&2
	rm -f "$log"
	return "$status"
}

# ---------------------------------------------------------------- packages

missing_packages() {
	local package
	for package; do
		dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
	done
}

# Runs a command with the rights to install packages.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		fail "need to be root, or have sudo, to run: $*"
	fi
}

install_packages() {
	quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
	quietly as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends install "$@"
}

# need_packages PACKAGE…: installs what is missing of these Debian packages, and says what that is.
need_packages() {
	local missing
	if ! command -v apt-get >/dev/null; then
		say "this is not a Debian system: install the equivalents of these yourself if they are missing: $*"
		return
	fi
	[ -n "$(missing_packages "$@")" ] || return 0
	# apt's locks don't wait for each other; another run may be installing the same packages right now.
	exec {apt_lock}</var/lib/dpkg
	flock "$apt_lock"
	missing=$(missing_packages "$@" | tr '\n' ' ')
	if [ -n "$missing" ]; then
		say 'installing with apt-get:'
		fold -s -w 90 <<<"$missing" | sed 's/^/    /' >&2
		# shellcheck disable=SC2086 # a list of package names
		install_packages $missing
	fi
	exec {apt_lock}<&-
}

# want_packages PACKAGE…: the same for packages that not every system has; what needs one says so where it isn't there.
want_packages() {
	local package
	for package; do
		! apt-cache show "$package" >/dev/null 2>&1 || need_packages "$package"
	done
}

# need_build_packages PACKAGE…: what it takes to build the extension and to run a server with it, and these as well.
need_build_packages() {
	local packages=(make gcc pkg-config libc6-dev libcurl4-openssl-dev libjson-c-dev "$@")
	(find_pg_config >/dev/null 2>&1) || packages+=(postgresql postgresql-server-dev-all)
	need_packages "${packages[@]}"
}

# ---------------------------------------------------------------- PostgreSQL

# PGXS comes with Debian's client package, too; the server's headers don't.
can_build_and_run() {
	[ -x "$1" ] && [ -e "$("$1" --pgxs)" ] && [ -e "$("$1" --includedir-server)/postgres.h" ] &&
		[ -x "$("$1" --bindir)/initdb" ]
}

# Where Debian, PGDG's RPMs, Homebrew and "make install" put it.
pg_config_places=(/usr/lib/postgresql/*/bin/pg_config /usr/pgsql-*/bin/pg_config /opt/homebrew/opt/postgresql@*/bin/pg_config
	/usr/local/opt/postgresql@*/bin/pg_config /usr/local/pgsql/bin/pg_config)

# find_pg_config: prints $PG_CONFIG, or the newest pg_config that has both a server and its development files.
find_pg_config() {
	local candidate
	if [ -n "${PG_CONFIG:-}" ]; then
		command -v "$PG_CONFIG" || fail "PG_CONFIG names no program: $PG_CONFIG"
		return
	fi
	for candidate in $(printf '%s\n' "${pg_config_places[@]}" | sort -rV) $(command -v pg_config); do
		if can_build_and_run "$candidate"; then
			echo "$candidate"
			return
		fi
	done
	fail 'no PostgreSQL server with development files found; set PG_CONFIG to its pg_config'
}

# use_postgresql: sets the variables that the functions below need.
use_postgresql() {
	pg_config=$(find_pg_config)
	pg_bindir=$("$pg_config" --bindir)
	server_bindir=$pg_bindir
	pg_major=$("$pg_config" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
	export PG_CONFIG=$pg_config
	# a server that was built by hand may have come without a user
	[ "$test_user" != root ] || test_user=$(id -un postgres 2>/dev/null || echo nobody)
}

# as_test_user COMMAND…: runs it as the user who owns the scratch folder, in an environment that does not depend on
# who started the tests: no proxy between server and sample API, Debian's own python3 before any other.
as_test_user() {
	local switch=()
	# another user may not enter the folder where this was started, of which each program would complain
	[ "$(id -un)" = "$test_user" ] || switch=(runuser -u "$test_user" -- env -C "$scratch")
	"${switch[@]}" env -u http_proxy -u https_proxy -u all_proxy -u HTTPS_PROXY -u ALL_PROXY -u PGOPTIONS -u PGSERVICE \
		HOME="$scratch" TMPDIR="$scratch" LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PATH="$server_bindir:$pg_bindir:/usr/bin:/bin" "$@"
}

# ---------------------------------------------------------------- scratch folder

# make_scratch: creates $scratch, which goes away with everything in it when the script ends, however it ends.
# Not below TMPDIR: that can be a folder which $test_user can't enter, or too long for the name of a socket.
make_scratch() {
	scratch=$(mktemp -d /tmp/pylon_fdw.XXXXXX)
	chmod 755 "$scratch"
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	[ "$(id -un)" = "$test_user" ] || chown "$test_user": "$scratch"
}

clean_up() {
	local status=$? pid_file
	trap - EXIT
	trap '' INT TERM HUP
	[ -z "${ticker:-}" ] || kill "$ticker" 2>/dev/null || true
	# A chroot's servers have ended with it, and what their files call a process is another one here.
	[ -z "${server_bindir:-}" ] || find "$scratch" -name postmaster.pid | while IFS= read -r pid_file; do
		stop_server "$(dirname "$pid_file")"
	done
	# coverage is measured by what the servers leave beside the objects
	[ -z "${PYLON_KEEP:-}" ] || [ ! -d "$scratch/src" ] || cp -a "$scratch/src" "$PYLON_KEEP"
	rm -rf "$scratch"
	exit "$status"
}

# ---------------------------------------------------------------- build

# Prints the files of the checkout, NUL after each: what git knows or would add; in a plain folder all but built files.
checkout_files() {
	local git=(git -c safe.directory='*' -C "$root") file
	if [ -e "$root/.git" ] && "${git[@]}" rev-parse >/dev/null 2>&1; then
		# git lists a tracked file that was deleted, too
		"${git[@]}" ls-files -z -co --exclude-standard | while IFS= read -r -d '' file; do
			[ ! -e "$root/$file" ] || printf '%s\0' "$file"
		done
	else
		(cd "$root" && find . -name .git -prune -o -type f ! -name '*.o' ! -name '*.bc' ! -name '*.so' ! -name '*.d' ! -name '*.gc??' -print0)
	fi
}

copy_checkout() {
	mkdir -p "$1"
	checkout_files | tar -C "$root" --null -T - -cf - | tar -C "$1" --no-same-owner -xf -
	# the tests write beside their sources: results/, tmp_check/
	[ "$(id -un)" = "$test_user" ] || chown -R "$test_user": "$1"
}

# build_extension DIR [VARIABLE=VALUE…]: builds a copy of the checkout in DIR/src, warnings being errors, and installs
# it below DIR/pkg, so that the system stays as it is.  The variables go to make, and may override its flags (COPT=…).
build_extension() {
	local dir=$1
	shift
	copy_checkout "$dir/src"
	as_test_user mkdir -p "$dir/pkg"
	say "building with $("$pg_config" --version)"
	as_test_user make -s -j2 -C "$dir/src" PG_CONFIG="$pg_config" with_llvm=no COPT=-Werror "$@" all >&2
	as_test_user make -s -C "$dir/src" PG_CONFIG="$pg_config" with_llvm=no COPT=-Werror "$@" \
		DESTDIR="$dir/pkg" install >"$dir/install.log"
	place_server "$dir"
}

# ---------------------------------------------------------------- a server that finds the extension

has_extension_destdir() { "$pg_bindir/postgres" --describe-config | grep '^extension_destdir' >/dev/null; }

# By its settings alone, PostgreSQL 18 loads an extension from another folder, and so does any one of Debian's packages.
needs_private_prefix() {
	[ -n "${PYLON_PRIVATE_PREFIX:-}" ] || { [ "$pg_major" -lt 18 ] && ! has_extension_destdir; }
}

# link_missing FROM TO: links in TO to what is in FROM, but for what TO has already.
link_missing() {
	local file
	for file in "$1"/*; do
		[ -e "$2/$(basename "$file")" ] || as_test_user ln -s "$file" "$2"
	done
}

# place_server DIR: sees to it that $server_bindir has a server that will find the extension below DIR/pkg.
#
# PostgreSQL's programs look for their files from where they lie themselves.  So a copy of the server below DIR/pkg, with
# links to all that came with it, is a PostgreSQL that has the extension, whoever built or packaged it.  The server
# itself can't be a link, since that would be followed first.
place_server() {
	local pkg=$1/pkg shared library
	needs_private_prefix || return 0
	[ -z "${PYLON_CHECKER:-}" ] || fail "a checker needs Debian's PostgreSQL, or 18 or newer"
	shared=$("$pg_config" --sharedir)
	library=$("$pg_config" --pkglibdir)
	server_bindir=$pkg$pg_bindir
	as_test_user mkdir -p "$server_bindir"
	as_test_user cp "$pg_bindir"/{initdb,pg_ctl,postgres} "$server_bindir"
	link_missing "$shared/extension" "$pkg$shared/extension"
	link_missing "$shared" "$pkg$shared"
	link_missing "$library" "$pkg$library"
}

# ---------------------------------------------------------------- cluster

# extension_settings DIR: the lines of postgresql.conf that let a server find the extension below DIR/pkg.
# PostgreSQL 18 can do it by itself; for the older ones Debian's packages have a setting of their own.
extension_settings() {
	local pkg=$1/pkg
	! needs_private_prefix || return 0
	echo "dynamic_library_path = '$pkg$("$pg_config" --pkglibdir):\$libdir'"
	if [ "$pg_major" -ge 18 ]; then
		echo "extension_control_path = '$pkg$("$pg_config" --sharedir):\$system'"
	else
		echo "extension_destdir = '$pkg'"
	fi
}

cluster_settings() {
	cat <<-SETTINGS
		listen_addresses = ''
		port = 5432
		unix_socket_directories = '$1/socket'
		fsync = off
		log_line_prefix = '%m [%p] %q%a '
	SETTINGS
	extension_settings "$1"
	[ $# -lt 2 ] || printf '%s\n' "${@:2}"
}

# start_cluster DIR [SETTING…]: a private cluster in DIR that loads the extension from DIR/pkg and that only its own
# socket reaches; further lines of postgresql.conf may follow.  Exports PGHOST and the like.  The log is DIR/log.
start_cluster() {
	local dir=$1
	as_test_user mkdir -p "$dir/socket"
	quietly as_test_user initdb -D "$dir/data" -U postgres -A trust --no-sync -E UTF8 --locale=C.UTF-8 ||
		fail 'initdb failed'
	cluster_settings "$@" | as_test_user tee -a "$dir/data/postgresql.conf" >/dev/null
	as_test_user pg_ctl -D "$dir/data" -l "$dir/log" -w -s start ||
		fail "the server does not start: $(tail -n 20 "$dir/log")"
	export PGHOST=$dir/socket PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

stop_cluster() { stop_server "$1/data"; }

# Fast mode, so that backends exit in order (leak checkers report then); a backend that hangs must not stop the tests.
stop_server() {
	as_test_user pg_ctl -D "$1" -m fast -w -s -t 20 stop || as_test_user pg_ctl -D "$1" -m immediate -w -s stop || true
}
