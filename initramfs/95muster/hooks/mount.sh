#!/bin/sh
# Sourced by dracut, again and again until $NEWROOT is mounted: mount_rootfs runs once, and answers for its failures itself.
# shellcheck disable=SC2154
if [ "$root" = muster ] && [ ! -e /run/muster/started ]; then
    NEWROOT=$NEWROOT /usr/lib/muster/mount_rootfs
fi
