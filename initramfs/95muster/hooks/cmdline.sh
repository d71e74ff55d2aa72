#!/bin/sh
# Sourced by dracut: tells it that muster will mount the root file system, so that it neither looks for one nor waits.
# `root` and `rootok` are dracut's own variables.
# shellcheck disable=SC2034
if [ -z "$root" ] || [ -e /etc/muster/session ]; then
    root=muster
    rootok=1
fi
