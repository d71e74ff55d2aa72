// The shell script that mounts what programs in an image expect, and then runs the program: /dev, /proc, /sys and /run, as
// systemd-nspawn makes them. A package's scriptlet is root, and must not reach this machine's devices or settings by accident.

/** Parts of /proc by which this machine's kernel is set: seen, not written. */
const SETTINGS = ['sys', 'sysrq-trigger', 'acpi', 'asound', 'bus', 'fs', 'irq', 'scsi'];

/** Device nodes by name, major and minor number (Linux, admin-guide/devices.txt); no disk and no console is among them. */
const NODES = ['null 1 3', 'zero 1 5', 'full 1 7', 'random 1 8', 'urandom 1 9', 'tty 5 0'];

/**
 * What makes a namespace ready, and then waits. It stays outside the chroot, by which systemctl sees that services are not to be started.
 * Recursive binds, because a user namespace may take a part of /sys or /proc only together with all that is mounted there; it makes no
 * nodes either, and has no group 5. The administrator's own terminal is /dev/console, by which `tty` finds it. At a terminal, what a
 * shell left running is ended with it; elsewhere the kernel does that, by the process namespace.
 */
export const INIT = `
root=$1 covers=$2 kernel=$3 how=$4; shift 4
readonly_below() {
  while read -r _ _ _ _ target flags _; do
    target=$(printf %b "$target")
    case $target in "$1" | "$1"/*) mount -o "remount,bind,$flags,ro" "$target" || exit 125 ;; esac
  done </proc/self/mountinfo
}
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc" || exit 125
for name in ${SETTINGS.join(' ')}; do
  if [ -e "$root/proc/$name" ]; then
    mount --rbind "$root/proc/$name" "$root/proc/$name" || exit 125
    readonly_below "$root/proc/$name"
  fi
done
mount --rbind /sys "$root/sys" || exit 125
readonly_below "$root/sys"
mount -t tmpfs -o mode=0755,nosuid,size=4m dev "$root/dev" || exit 125
mkdir -m 0755 "$root/dev/pts" && mkdir -m 1777 "$root/dev/shm" || exit 125
while read -r name major minor; do
  mknod -m 0666 "$root/dev/$name" c "$major" "$minor" 2>/dev/null && continue
  : >"$root/dev/$name" && mount --bind "/dev/$name" "$root/dev/$name" || exit 125
done <<NODES
${NODES.join('\n')}
NODES
pts=nosuid,noexec,newinstance,ptmxmode=0666,mode=620
mount -t devpts -o "$pts,gid=5" devpts "$root/dev/pts" 2>/dev/null || mount -t devpts -o "$pts" devpts "$root/dev/pts" || exit 125
mount -t tmpfs -o mode=1777,nosuid,nodev shm "$root/dev/shm" || exit 125
ln -s pts/ptmx "$root/dev/ptmx" && ln -s /proc/self/fd "$root/dev/fd" && ln -s /proc/kcore "$root/dev/core" || exit 125
ln -s fd/0 "$root/dev/stdin" && ln -s fd/1 "$root/dev/stdout" && ln -s fd/2 "$root/dev/stderr" || exit 125
if [ "$how" = terminal ] && terminal=$(readlink /proc/self/fd/0) && [ -c "$terminal" ]; then
  : >"$root/dev/console" && mount --bind "$terminal" "$root/dev/console" || exit 125
fi
mount -t tmpfs -o mode=0755,nosuid,nodev run "$root/run" || exit 125
mkdir -p "$root/run/lock" "$root/run/muster/bin" "$root/run/muster/real"
while IFS= read -r source && IFS= read -r target; do
  case $target in "$root/run/"*) mkdir -p "\${target%/*}" && : >"$target" ;; esac
  mount --bind "$source" "$target" || exit 125
done <"$covers"
if [ -n "$kernel" ]; then
  cp "$kernel/uname" "$root/run/muster/bin/uname"
  for name in osrelease version; do
    if [ -e "$root/proc/sys/kernel/$name" ]; then mount --bind "$kernel/$name" "$root/proc/sys/kernel/$name" || exit 125; fi
  done
  mount --bind "$kernel/banner" "$root/proc/version" || exit 125
  if [ -e "$kernel/applet" ]; then
    read -r applet <"$kernel/applet"
    ln -s "$applet" "$root/run/muster/real/uname"
  elif [ -e "$kernel/real" ]; then
    read -r real <"$kernel/real"
    : >"$root/run/muster/real/uname"
    mount --bind "$real" "$root/run/muster/real/uname" && mount --bind "$kernel/uname" "$real" || exit 125
  fi
fi
case $how in
  beside) "$@" ;;
  terminal)
    setpriv --pdeathsig KILL -- chroot "$root" "$@"
    status=$?
    for process in /proc/[0-9]*; do
      if [ "$(readlink "$process/root")" = "$root" ]; then kill -9 "\${process#/proc/}" 2>/dev/null; fi
    done
    exit $status ;;
  *) chroot "$root" "$@" ;;
esac
`;
