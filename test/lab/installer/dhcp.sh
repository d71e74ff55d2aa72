#!/bin/sh
# What udhcpc asks to be done with the address it got.
# shellcheck disable=SC2154 # busybox and udhcpc's own variables come from the environment
[ "$1" = bound ] || exit 0
$busybox ip addr add "$ip/$mask" dev "$interface"
