// `muster lease ls`: the addresses of machines that are not nodes.
import { DAEMON, type ShownLease } from '../api/daemon.ts';
import { isForPrograms, printData } from './listing.ts';
import { action } from './table.ts';
import { humanSpan } from './terminal.ts';

export const leaseList = action({
  name: 'list',
  aliases: ['ls'],
  summary: 'list addresses lent to machines that are not nodes (dhcp.range), and until when',
  options: [{ flags: '-a, --expired', meaning: 'show expired leases as well' }],
  examples: ['muster lease ls', 'muster lease ls --expired', 'muster lease ls --json'],
  async run({ client, given, terminal }) {
    const all = await client.call(DAEMON.leases);
    const leases = given.options.expired ? all : all.filter(({ state }) => state !== 'expired');
    if (isForPrograms(given)) printData(terminal, given, leases);
    else terminal.write(leaseText(leases, Date.now()));
    return 0;
  },
});

function leaseText(leases: readonly ShownLease[], now: number): string {
  if (leases.length === 0) return 'No addresses are lent.\n';
  const width = Math.max(...leases.map(({ ip }) => ip.length));
  const lines = leases.map(({ ip, mac, network, state, hostname, vendor, until, node }) => {
    const span = humanSpan(Math.abs(until - now) / 1000);
    const when = { active: `for ${span}`, expired: `ended ${span} ago`, declined: 'in use by another machine' }[state];
    const who = [network, hostname, vendor, node === undefined ? '' : `is now the node ${node}`];
    return [ip.padEnd(width), mac, when, ...who.filter(word => word !== '')].join('  ');
  });
  return `${lines.join('\n')}\n`;
}
