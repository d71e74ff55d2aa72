#!/bin/bash
# The dracut module: what muster puts into an initramfs. Called by dracut (049 and later) inside the image, in bash.
# The HTTP client is a static busybox if `muster mkramfs` brought one (file `busybox` next to this), else the image's curl.

check() {
    # Only when named: a system's own initramfs does not need it.
    return 255
}

depends() {
    echo base udev-rules
}

installkernel() {
    # Every wired network driver, not only the ones of the machine that builds.
    instmods '=drivers/net/ethernet' '=drivers/net/phy' '=drivers/net/mdio' '=drivers/net/hyperv'
    instmods virtio_net virtio_pci virtio_mmio virtio_rng vmxnet3 hv_netvsc hv_vmbus xen-netfront mlx5_core mlx4_en
    instmods loop squashfs overlay
    # shellcheck source=iscsi-setup.sh disable=SC1091,SC2154
    . "$moddir/iscsi-setup.sh"
    iscsi_kernel
    # Disks of the node, for style disked and _disk_layout.
    instmods '=drivers/ata' '=drivers/nvme' '=drivers/block' '=drivers/mmc' '=drivers/usb/storage' sd_mod ext4 xfs crc32c raid0 raid1 \
        virtio_scsi vmw_pvscsi hv_storvsc megaraid_sas mpt3sas aacraid hpsa smartpqi mptsas mptspi ahci
    # A keyboard for muster.shell.
    instmods atkbd i8042 hid_generic usbhid xhci_pci ehci_pci uhci_hcd ohci_pci
    return 0
}

# A command of the image, or busybox's instead.
# shellcheck disable=SC2154
muster_command() {
    local name
    for name in "$@"; do
        if find_binary "$name" > /dev/null; then
            inst_multiple "$name"
        elif [[ -x "$moddir/busybox" ]] && "$moddir/busybox" --list | grep -qx -- "$name"; then
            ln_r /usr/lib/muster/bin/busybox "/usr/lib/muster/bin/$name"
        else
            dfatal "muster: the image lacks the command '$name'"
            return 1
        fi
    done
}

install() {
    local name
    # dracut sets initdir (what it builds) and moddir (this file's folder).
    # shellcheck disable=SC2154
    mkdir -p "$initdir/usr/lib/muster/bin"
    if [[ -x "$moddir/busybox" ]]; then
        inst_simple "$moddir/busybox" /usr/lib/muster/bin/busybox
        inst_simple "$moddir/lib/http_busybox" /usr/lib/muster/lib/http_client
    else
        inst_multiple curl || return 1
        inst_simple "$moddir/lib/http_curl" /usr/lib/muster/lib/http_client
    fi
    # Every part: mount_rootfs reads them by name, and a missing one would end each boot. The client is chosen above.
    for name in "$moddir"/lib/*; do
        case ${name##*/} in
            http_busybox | http_curl) ;;
            *) inst_simple "$name" "/usr/lib/muster/lib/${name##*/}" ;;
        esac
    done
    for name in "$moddir"/styles/*; do inst_simple "$name" "/usr/lib/muster/styles/${name##*/}"; done
    for name in "$moddir"/agent/*; do inst_simple "$name" "/usr/lib/muster/agent/${name##*/}"; done
    inst_script "$moddir/mount_rootfs" /usr/lib/muster/mount_rootfs
    # `cp` must be the image's own: busybox keeps no extended attributes, which carry file capabilities.
    inst_multiple cp mount umount modprobe || return 1
    inst_multiple -o unsquashfs
    # Secrets come over TLS, by one of these.
    inst_multiple -o openssl
    find_binary openssl > /dev/null || inst_multiple -o curl
    # Sends the kernel's messages to the head, where there is no busybox.
    inst_multiple -o logger dmesg
    # For style disked and _disk_layout. An image without these programs boots in all other ways.
    inst_multiple -o blkid mkfs.ext4 e2fsck sfdisk udevadm sync touch
    inst_multiple -o mkfs.xfs xfs_repair mkswap swapon mdadm
    inst_simple /etc/mke2fs.conf
    muster_command ip sha256sum cat chmod chown chroot dd du find grep head ln mkdir mkfifo mv od readlink rm rmdir \
        setsid sleep sort stat tail tr || return 1
    # shellcheck source=iscsi-setup.sh disable=SC1091
    . "$moddir/iscsi-setup.sh"
    iscsi_install || return 1
    # The interface gets the name here that the system would give it: later, while it is up, it could not be renamed.
    inst_rules 75-net-description.rules 80-net-setup-link.rules
    inst_multiple -o /usr/lib/systemd/network/99-default.link '/etc/systemd/network/*.link'
    inst_hook cmdline 30 "$moddir/hooks/cmdline.sh"
    inst_hook mount 30 "$moddir/hooks/mount.sh"
}
