# Helpers for the scripts that work in a chroot with some Debian suite: its set-up, and running commands in it.
#
# To be sourced after lib.sh.  All of it needs root.

# shellcheck shell=bash

# apt_mirror LABEL: prints the address that apt of this system has for the archive of that label.
apt_mirror() {
	# shellcheck disable=SC2016 # expanded by apt
	apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' "Label: $1" 'ShortDesc: Packages' 2>/dev/null |
		sort -u | sed -n 1p
}

# apt_sources SUITE…: prints the sources of a chroot; nothing where this system isn't Debian itself, so that
# mmdebstrap takes its own defaults.
apt_sources() {
	local suite mirror security
	mirror=$(apt_mirror Debian)
	security=$(apt_mirror Debian-Security)
	[ -n "$mirror" ] || return 0
	for suite; do
		echo "deb $mirror $suite main"
		case $suite in
		bookworm | trixie) [ -z "$security" ] || echo "deb $security $suite-security main" ;;
		esac
	done
}

# bootstrap DIR SUITES [OPTION…]: sets up the suites of that list in DIR, the first of them being the one to start with.
# The options are mmdebstrap's.  DIR is there when it is complete.
bootstrap() {
	local dir=$1 suites sources
	read -ra suites <<<"$2"
	[ "$(id -u)" = 0 ] || fail "to set up a chroot with Debian ${suites[0]} needs root"
	need_packages mmdebstrap debian-archive-keyring
	apt-get update -qq
	mapfile -t sources < <(apt_sources "${suites[@]}")
	rm -rf --one-file-system "$dir.part"
	# A release in the making, or a mirror that is a snapshot, may say that it has expired.  Nobody misses a
	# chroot whose writing a loss of power cut short.
	mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' --dpkgopt=force-unsafe-io "${@:3}" \
		"${suites[0]}" "$dir.part" "${sources[@]}" >&2
	mv "$dir.part" "$dir"
}

# in_chroot DIR COMMAND…: runs COMMAND in the chroot, with mounts and processes of its own.  They end with it, whatever
# happens, and so do the files that it leaves in /tmp.
in_chroot() {
	cp -L /etc/resolv.conf "$1/etc/resolv.conf" || true
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --pid --fork --kill-child bash -c '
		set -e
		mount -t proc proc "$1/proc"
		mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
		mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
		chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
			${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "${@:2}"' in_chroot "$@"
}
