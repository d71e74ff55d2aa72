#!/bin/bash
# Sourced by module-setup.sh: what style iscsi needs in an initramfs. An image without open-iscsi boots with every other style.

iscsi_kernel() {
    instmods iscsi_tcp sd_mod crc32c crc32c_generic crc32c_intel
    return 0
}

# At boot these files are copied to where they outlive the initramfs, so their list is included too.
iscsi_install() {
    local daemon
    find_binary iscsid > /dev/null && find_binary iscsiadm > /dev/null || return 0
    inst_multiple iscsid iscsiadm || return 1
    muster_command unshare || return 1
    # Where glibc before 2.34 looks up users.
    inst_libdir_file 'libnss_files.so*'
    # shellcheck disable=SC2154
    {
        for daemon in iscsid iscsiadm; do
            find_binary "$daemon"
            ldd "$(find_binary "$daemon")" | grep -o '/[^ ]*'
        done
        find "$initdir/lib" "$initdir"/lib64 "$initdir/usr/lib" "$initdir"/usr/lib64 -name 'libnss_files.so*' 2> /dev/null |
            sed "s,^$initdir,,"
    } | sort -u > "$initdir/usr/lib/muster/iscsi_files"
}
