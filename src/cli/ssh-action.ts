// `muster node ssh n0`: root's shell on a node with the head's key, or with the caller's own if they cannot read that.
import { access, constants } from 'node:fs/promises';
import { POWER } from '../api/power.ts';
import { MusterError } from '../errors.ts';
import { runOnTerminal } from '../process/run.ts';
import { nodeSsh } from '../ssh/ssh.ts';
import { commandLine } from './exec-action.ts';
import { chosen } from './selection.ts';
import { action } from './table.ts';

export const nodeSshAction = action({
  name: 'ssh',
  words: '[name] [command...]',
  takes: 'names',
  passesThrough: true,
  summary: "log in to one node as root by ssh; --public-key prints the head's key",
  options: [{ flags: '--public-key', meaning: "print the head's public key, for an authorized_keys file" }],
  examples: ['muster node ssh n0', 'muster node ssh n0 journalctl -b', 'muster node ssh --public-key'],
  async run({ client, given, terminal }) {
    if (given.options.publicKey) {
      terminal.write(`${await client.call(POWER.key)}\n`);
      return 0;
    }
    const isChosen = given.ids.length > 0;
    const [name, ...rest] = given.words;
    if (!isChosen && name === undefined) throw new MusterError('bad-usage', "'ssh' needs a node: muster node ssh n0.");
    const command = isChosen ? given.words : rest;
    const query = chosen(given, isChosen || name === undefined ? [] : [name]);
    const way = await client.call(POWER.ssh, { query });
    const mayRead = await access(way.key, constants.R_OK).then(
      () => true,
      () => false,
    );
    const node = { name: way.name, ip: way.ip, knownHosts: way.known_hosts };
    const words = nodeSsh(node, mayRead ? way.key : undefined, command.length > 0 ? commandLine(command) : undefined);
    return runOnTerminal('ssh', words, 'openssh-client');
  },
});
