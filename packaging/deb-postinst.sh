#!/bin/sh
# configure [old version]: the user, its state folder, and a restart when this is an upgrade.
set -e
[ "$1" = configure ] || exit 0
getent group muster >/dev/null || groupadd --system muster
getent passwd muster >/dev/null ||
  useradd --system --gid muster --home-dir /var/lib/muster --no-create-home --shell /usr/sbin/nologin \
    --comment 'muster boot server' muster
install -d -o muster -g muster -m 0700 /var/lib/muster
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  [ -z "$2" ] || systemctl try-restart musterd.service
fi
# Does not start it: a DHCP server that nobody configured does harm.
[ -n "$2" ] || echo "muster: next, 'muster init --interface NAME', then 'systemctl enable --now musterd'"
