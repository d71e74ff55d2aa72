#!/bin/sh
# Sourced by dracut: announces that muster will mount the root file system, so that dracut neither looks for one nor waits.
# `root` and `rootok` are dracut's own variables.
# shellcheck disable=SC2034
if [ -z "$root" ] || [ -e /etc/muster/session ]; then
    root=muster
    rootok=1
fi
