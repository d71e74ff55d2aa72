#!/bin/sh
# Sourced by dracut repeatedly until $NEWROOT is mounted: mount_rootfs runs once and handles its own failures.
# shellcheck disable=SC2154
if [ "$root" = muster ] && [ ! -e /run/muster/started ]; then
    NEWROOT=$NEWROOT /usr/lib/muster/mount_rootfs
fi
