#!/bin/sh
# remove keeps configuration, database and images; purge deletes them. The user stays, as files elsewhere may belong to it.
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
if [ "$1" = purge ]; then rm -rf /var/lib/muster /etc/muster /run/musterd; fi
