// The shell script that prepares a namespace for programs of an image and then runs the program: /dev, /proc, /sys and /run as
// systemd-nspawn makes them. A package's scriptlet runs as root. It must not reach this machine, by accident or on purpose.

/** Parts of /proc that configure this machine's kernel: visible, not writable. */
const SETTINGS = ['sys', 'sysrq-trigger', 'acpi', 'asound', 'bus', 'fs', 'irq', 'scsi'];

/** Parts of /proc that show this machine's memory, keys and timers: empty inside. */
const HIDDEN = ['kcore', 'kmsg', 'keys', 'timer_list', 'sched_debug', 'latency_stats'];

/** Device nodes by name, major and minor number (Linux, admin-guide/devices.txt); no disk and no console. */
const NODES = ['null 1 3', 'zero 1 5', 'full 1 7', 'random 1 8', 'urandom 1 9', 'tty 5 0'];

/**
 * The capabilities that programs in an image keep: what package managers need, as in the default of Docker, and no more. Without
 * CAP_SYS_ADMIN nothing can be mounted or made writable again. CAP_MKNOD stays for packages with device nodes, and for dracut; no
 * device node can be opened, for every file system is mounted with nodev. All are mounted with nosuid as well: a program with a file
 * capability that is not left here could not be started otherwise (capabilities(7), "Safety checking for capability-dumb binaries"). CAP_DAC_READ_SEARCH would open files by handle, CAP_NET_RAW
 * send forged packets to the boot network.
 */
export const CAPABILITIES: readonly string[] = [
  ...['chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap', 'setfcap'],
  ...['net_bind_service', 'sys_chroot', 'mknod', 'audit_write'],
];

/** What mmdebstrap also needs: it mounts, and makes namespaces and device nodes for apt itself. */
export const BUILDER_CAPABILITIES: readonly string[] = [...CAPABILITIES, 'sys_admin', 'dac_read_search'];

/** Returns a set in setpriv(1)'s form: these and no others. */
export function capabilitySet(names: readonly string[]): string {
  return ['-all', ...names.map(name => `+${name}`)].join(',');
}

/** Remounts every mount at or below $1 with a further flag. */
const CHANGE = `
change() {
  while read -r _ _ _ _ target flags _; do
    target=$(printf %b "$target")
    case $target in "$1" | "$1"/*) mount -o "remount,bind,$flags,$2" "$target" || exit 125 ;; esac
  done </proc/self/mountinfo
}
`;

/**
 * Makes the mounts, as process 1 of separate namespaces (mount, process, IPC, UTS), and continues with ENTER. Arguments: the
 * image's root, a folder for temporary files, how to run, the capabilities, and the program. In the folder, `run/` is the initial
 * /run, `kernel/` what /proc says of another kernel, `enter` the script ENTER, `console` the script CONSOLE, `writable` the
 * folders that stay writable.
 *
 * Recursive binds, because a user namespace may take a part of /sys or /proc only together with all that is mounted there; it makes no
 * nodes either, and has no group 5. The device nodes are private ones, so that chmod inside changes none of this machine's.
 *
 * The UTS namespace of the program belongs to a further user namespace, which root made: so root may set the host name in it
 * (user_namespaces(7), "Capabilities") without CAP_SYS_ADMIN, which would allow all else.
 */
export const INIT = `${CHANGE}
root=$1 work=$2; shift 2
mount --bind "$root" "$root" && change "$root" nosuid,nodev || exit 125
mount -t proc -o nosuid,nodev,noexec proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc" || exit 125
for name in ${SETTINGS.join(' ')}; do
  if [ -e "$root/proc/$name" ]; then
    mount --rbind "$root/proc/$name" "$root/proc/$name" || exit 125
    change "$root/proc/$name" ro
  fi
done
for name in ${HIDDEN.join(' ')}; do
  if [ -f "$root/proc/$name" ]; then mount --bind /dev/null "$root/proc/$name" && change "$root/proc/$name" ro || exit 125; fi
done
if ! mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys" 2>/dev/null; then
  mount --rbind /sys "$root/sys" || exit 125
  change "$root/sys" ro
fi
mount -t tmpfs -o mode=0755,nosuid,nodev,size=4m dev "$root/dev" || exit 125
mkdir -m 0755 "$root/dev/pts" && mkdir -m 1777 "$root/dev/shm" || exit 125
mount -t tmpfs -o mode=0700,nosuid,noexec,size=64k nodes "$root/run" || exit 125
while read -r name major minor; do
  : >"$root/dev/$name" || exit 125
  if mknod -m 0666 "$root/run/$name" c "$major" "$minor" 2>/dev/null; then
    mount --bind "$root/run/$name" "$root/dev/$name" || exit 125
  else
    mount --bind "/dev/$name" "$root/dev/$name" && change "$root/dev/$name" ro || exit 125
  fi
done <<NODES
${NODES.join('\n')}
NODES
pts=nosuid,noexec,newinstance,ptmxmode=0666,mode=620
mount -t devpts -o "$pts,gid=5" devpts "$root/dev/pts" 2>/dev/null || mount -t devpts -o "$pts" devpts "$root/dev/pts" || exit 125
mount -t tmpfs -o mode=1777,nosuid,nodev shm "$root/dev/shm" || exit 125
ln -s pts/ptmx "$root/dev/ptmx" && ln -s /proc/self/fd "$root/dev/fd" && ln -s /proc/kcore "$root/dev/core" || exit 125
ln -s fd/0 "$root/dev/stdin" && ln -s fd/1 "$root/dev/stdout" && ln -s fd/2 "$root/dev/stderr" || exit 125
mount -t tmpfs -o mode=0755,nosuid,nodev run "$root/run" || exit 125
mkdir "$root/run/lock" && cp -R -P -p "$work/run/." "$root/run/" && chmod 0755 "$root/run" || exit 125
for name in sys/kernel/osrelease sys/kernel/version version; do
  if [ -e "$work/kernel/$name" ] && [ -e "$root/proc/$name" ]; then
    mount --bind "$work/kernel/$name" "$root/proc/$name" && change "$root/proc/$name" ro || exit 125
  fi
done
mkfifo "$work/holder" || exit 125
{ unshare --user --uts sh -c 'echo $$ >"$1"; exec sleep infinity' sh "$work/holder" || echo >"$work/holder"; } 2>/dev/null &
read -r holder <"$work/holder"
set -- bash -c "$(cat "$work/enter")" enter "$root" "$work" "$holder" "\${PS1-}" "$@"
if [ -z "$holder" ]; then exec "$@"; fi
exec nsenter --uts="$root/proc/$holder/ns/uts" "$@"
`;

/**
 * Runs the program. The process that held the UTS namespace is gone before: programs could reach this machine's files through it.
 *
 * Inside, the image becomes `/` by being moved there, so that a program that leaves its chroot is still in the image. A program
 * of this machine (`outside`) sees this machine's files, and can write those of the image and of a folder or two. Each has a
 * separate session, so that it cannot type into the administrator's terminal (ioctl_tty(2), TIOCSTI); at a terminal, `script`
 * makes a new one for it. Descriptors inherited from this program's parent are closed; that needs bash, for numbers above 9.
 */
export const ENTER = `
for path in /proc/self/fd/*; do
  fd=\${path##*/}
  if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi
done
root=$1 work=$2 holder=$3 prompt=$4 how=$5 capabilities=$6; shift 6
# bash takes it out of the environment of a script.
if [ -n "$prompt" ]; then export PS1="$prompt"; fi
if [ -n "$holder" ]; then
  kill -9 "$holder" || exit 125
  while readlink "$root/proc/$holder/root" >/dev/null 2>&1; do :; done
fi
limited() { setpriv --inh-caps=-all --bounding-set="$capabilities" "$@"; }
case $how in
  outside)
    cp /etc/resolv.conf "$work/resolver" 2>/dev/null
    while IFS= read -r path; do mount --rbind "$path" "$path" || exit 125; done <"$work/writable"
    while read -r _ _ device _ target flags _; do
      target=$(printf %b "$target") kept=
      while IFS= read -r path; do case $target in "$path" | "$path"/*) kept=1 ;; esac; done <"$work/writable"
      if [ -n "$kept" ] || mount -o "remount,bind,$flags,ro" "$target" 2>/dev/null; then continue; fi
      # It may be of a user whose files root cannot see; or another is mounted above it.
      umount -l "$target" 2>/dev/null || [ "$(mountpoint -d "$target" 2>/dev/null)" != "$device" ] || exit 125
    done </proc/self/mountinfo
    resolver=$(readlink -m /etc/resolv.conf)
    for name in proc sys dev run; do mount --rbind "$root/$name" "/$name" || exit 125; done
    case $resolver in /run/*) mkdir -p "\${resolver%/*}" && cp "$work/resolver" "$resolver" ;; esac
    limited setsid "$@" ;;
  terminal)
    cd "$root" && mount --move "$root" / || exit 125
    quoted=
    for word in sh "$work/console" "$capabilities" "$@"; do quoted="$quoted '$(printf %s "$word" | sed "s/'/'\\\\\\\\''/g")'"; done
    script --quiet --return --command "$quoted" /dev/null ;;
  *)
    cd "$root" && mount --move "$root" / || exit 125
    limited setsid chroot . "$@" ;;
esac
`;

/** What \`script\` runs in its terminal, which is the program's /dev/console: so \`tty\` finds it. The folder is the image's root. */
export const CONSOLE = `
capabilities=$1; shift
terminal=$(readlink /proc/self/fd/0) && : >./dev/console && mount --no-canonicalize --bind "$terminal" ./dev/console || exit 125
exec setpriv --inh-caps=-all --bounding-set="$capabilities" chroot . "$@"
`;
