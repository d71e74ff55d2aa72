#!/bin/sh
# Stands in for Anaconda in the lab: an /init that finds tree, stage 2 and kickstart by the kernel's command line, fetches them
# over HTTP as Anaconda does (its headers included), runs the kickstart's %post, and does what its last line says.
PATH=/usr/bin:/usr/sbin:/busybox
busybox=/usr/lib/muster/bin/busybox
export PATH busybox
mkdir -p /proc /sys /dev /tmp /busybox
$busybox --install -s /busybox
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
exec >/dev/console 2>&1
# A mark in one piece: the kernel writes to the same console.
say() { printf '\nINSTALLER: %s\n' "$*"; }
die() {
  say "failed: $*"
  # The kernel panics without its init, and the test sees that at once.
  exit 1
}

word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p" | tail -n 1; }
repo=$(word inst.repo) stage2=$(word inst.stage2) ks=$(word inst.ks) bootif=$(word BOOTIF)
grep -q -w inst.ks.sendmac /proc/cmdline || die "no inst.ks.sendmac"

modprobe virtio_pci
modprobe virtio_net
nic=
for path in /sys/class/net/*; do
  mac=$(cat "$path/address")
  [ "01-$(echo "$mac" | tr : -)" = "$bootif" ] && nic=${path##*/}
done
[ -n "$nic" ] || die "no interface is BOOTIF=$bootif"
mac=$(cat "/sys/class/net/$nic/address")
$busybox ip link set "$nic" up
$busybox udhcpc -i "$nic" -n -q -t 20 -T 1 -s /init-dhcp || die "no address"

fetch() {
  out=$1 url=$2
  shift 2
  $busybox wget -q -O "$out" -U 'anaconda/34.25' --header "X-RHN-Provisioning-MAC-0: $nic $mac" \
    --header 'X-Anaconda-Architecture: x86_64' --header 'X-Anaconda-System-Release: Muster Linux' "$@" "$url"
}

fetch /tmp/treeinfo "$repo/.treeinfo" || die "no .treeinfo at $repo"
say "tree $(sed -n 's/^family = //p' /tmp/treeinfo)"
image=$(sed -n 's/^mainimage = //p' /tmp/treeinfo)
sum=$(sed -n "s|^$image = sha256:||p" /tmp/treeinfo)
fetch /tmp/stage2 "$stage2/$image" || die "no stage 2"
# Cut in the middle and fetched on from there.
$busybox dd if=/tmp/stage2 of=/tmp/part bs=1000 count=100 2>/dev/null
fetch /tmp/part "$stage2/$image" -c || die "stage 2 cannot be resumed"
for file in /tmp/stage2 /tmp/part; do
  [ "$($busybox sha256sum <$file)" = "$sum  -" ] || die "$file is damaged"
done
say "stage2 $sum"

fetch /tmp/ks "$ks" || die "no kickstart"
say "kickstart $($busybox base64 -w 0 /tmp/ks)"
sed -n '/^%post/,/^%end/p' /tmp/ks | sed '1d;$d' >/tmp/post
sh -e /tmp/post || die "%post ended with $?"
say "end"
case $(tail -n 1 /tmp/ks) in
  '# reboot') $busybox reboot -f ;;
  *) $busybox poweroff -f ;;
esac
