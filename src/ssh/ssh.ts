// Arguments of ssh: to a node with the head's own key, and to a server that runs a tool for the head.
import type { Server } from '../model/power-uri.ts';

/** The head's key and what belongs to it, as files. */
export interface SshKey {
  /** The private key; only the daemon's user reads it. */
  file: string;
  /** A program that prints the password for ssh, from its environment. */
  askpass: string;
  /** The host keys of servers that were seen before. */
  knownServers: string;
  /** The line for authorized_keys. */
  publicKey: string;
}

export interface SshCall {
  args: string[];
  env: Record<string, string>;
}

/** The status of ssh when it fails itself (ssh(1), EXIT STATUS). */
export const SSH_FAILED = 255;

/** Seconds until a host that does not answer is given up. */
const CONNECT_SECONDS = 10;

/** Common to both: no questions, no forwarding, and an end of dead connections. */
const COMMON = [
  ...['-o', `ConnectTimeout=${CONNECT_SECONDS}`, '-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=4'],
  ...['-o', 'ForwardAgent=no', '-o', 'ForwardX11=no', '-o', 'ClearAllForwardings=yes', '-o', 'LogLevel=ERROR'],
];

export interface NodeAddress {
  name: string;
  ip: string;
  /** A known_hosts file with the key that the node reported, under the node's name; its key is not checked when absent. */
  knownHosts?: string | undefined;
}

/** Returns the arguments for root on a node. The administrator's own ssh configuration does not apply. */
export function nodeSsh(node: NodeAddress, key: string | undefined, command?: string): string[] {
  const hosts = node.knownHosts
    ? ['-o', 'StrictHostKeyChecking=yes', '-o', `UserKnownHostsFile=${node.knownHosts}`]
    : ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'];
  return [
    ...['-F', 'none', ...COMMON, ...hosts, '-o', 'GlobalKnownHostsFile=/dev/null', '-o', `HostKeyAlias=${node.name}`],
    ...(key ? ['-i', key, '-o', 'IdentitiesOnly=yes'] : []),
    // With a command, nobody can answer a question.
    ...(command === undefined ? [] : ['-T', '-o', 'BatchMode=yes']),
    ...['-l', 'root', '--', node.ip],
    ...(command === undefined ? [] : [command]),
  ];
}

/**
 * Returns the call for a server of a power_uri: the ssh configuration and known hosts of the daemon's user apply, so that names
 * work as by hand.
 */
export function serverSsh(server: Server, key: SshKey | undefined, command: string): SshCall {
  const { host, port, user, password } = server;
  const login =
    password === undefined || !key
      ? ['-o', 'BatchMode=yes']
      : ['-o', 'PreferredAuthentications=password,keyboard-interactive', '-o', 'NumberOfPasswordPrompts=1'];
  const env: Record<string, string> =
    password === undefined || !key
      ? {}
      : // DISPLAY for OpenSSH before 8.4, which knows no SSH_ASKPASS_REQUIRE.
        { SSH_ASKPASS: key.askpass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0', MUSTER_ASKPASS: password };
  return {
    args: [
      ...['-T', ...COMMON, '-o', 'StrictHostKeyChecking=accept-new', ...login],
      // New keys are written to the first file; keys learned by hand count too.
      ...(key ? ['-i', key.file, '-o', `UserKnownHostsFile=${key.knownServers} ~/.ssh/known_hosts`] : []),
      ...(port === undefined ? [] : ['-p', String(port)]),
      ...(user === undefined ? [] : ['-l', user]),
      ...['--', host, command],
    ],
    env,
  };
}

/** Returns ssh's message about a failure, without the address: so nodes with the same one can share a line. */
export function shortSshWords(text: string): string {
  return text
    .trim()
    .replace(/^ssh: /, '')
    .replace(/connect to host \S+ port (\d+): /, 'port $1: ')
    .replace(/^\S+@\S+: /, '')
    .replace(/\.$/, '');
}
