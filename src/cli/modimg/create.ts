// `--create`, `--capture`, `--import`: the steps that make a tree where there was none.
import { createReadStream } from 'node:fs';
import { access, constants, mkdir } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import type { Health, Shown, SshWay } from '../../admin/contract.ts';
import { MusterError } from '../../errors.ts';
import { removeIdentity } from '../../image/identity.ts';
import { extract } from '../../image/import/archive.ts';
import { importTree } from '../../image/import/import.ts';
import { PACK_NODE } from '../../image/pack-node.ts';
import { managerFor } from '../../image/packages/choose.ts';
import { makeRecipe, type Recipe, rpmArch } from '../../image/packages/recipe.ts';
import { stream } from '../../process/run.ts';
import { nodeSsh } from '../../ssh/ssh.ts';
import { humanBytes } from '../terminal.ts';
import { userSettings } from '../user-settings.ts';
import type { Wanted } from './options.ts';
import { newLocal, type Session, type Tree } from './session.ts';

/** Whether the name can be used: said before anything is downloaded. */
export async function requireFreeName({ workspace }: Session, wanted: Wanted, ask: boolean): Promise<void> {
  const name = wanted.setName ?? '';
  if (wanted.overwrite || ask || !(await workspace.find(name))) return;
  throw new MusterError('duplicate', `There is a local image ${name} already; nothing was changed.`, {
    hint: `Replace it with --overwrite, or drop it: muster modimg -i ${name} --delete`,
  });
}

export async function createTree(session: Session, wanted: Wanted, folder: string): Promise<Tree> {
  const { client, progress } = session;
  const distro = await distroOf(session, wanted.create ?? '');
  const recipe = await recipeOf(client, distro);
  const manager = await managerFor(distro.package_manager, recipe);
  const root = join(folder, 'root');
  await mkdir(root);
  const ports = { progress, work: folder, ...(wanted.kver !== undefined && { kver: wanted.kver }) };
  await manager.create(root, recipe, wanted.install, ports);
  await removeIdentity(root);
  const local = await newLocal(session, wanted.setName ?? '');
  return { root, before: undefined, local: { ...local, distro: distro.name } };
}

/** What an image of the distro is created from, seen from this head. */
export async function recipeOf(client: Session['client'], distro: Distro): Promise<Recipe> {
  const health = await client.call<Health>('GET', '/api/v1/health');
  const baseUrl = `http://${health.address.split('/')[0]}:${health.http_port}`;
  return makeRecipe(distro, { baseUrl, arch: rpmArch(arch()) });
}

export interface Distro {
  name: string;
  release: string;
  package_manager: string;
  repos: { name: string; full_name: string; urls: string[]; mirrors: string[]; keys: string[]; check: boolean }[];
}

/** The distro of this name, or the default one, with its repos. Throws `not-ready` when there is none. */
export async function distroOf({ client }: Pick<Session, 'client'>, given: string): Promise<Distro> {
  const settings = await client.call<Shown>('GET', '/api/v1/cluster');
  const name = given || String(settings['default_distro'] ?? '');
  if (name === '')
    throw new MusterError('not-ready', 'There is no default distro to create an image from.', {
      hint: 'Name one: --create DISTRO; or choose it for all: muster cluster --set-distro NAME. How distros are made: docs/images.md',
    });
  const shown = await client.call<Shown>('GET', `/api/v1/distro/${encodeURIComponent(name)}`);
  const repos: Distro['repos'] = [];
  for (const repo of shown['repos'] as string[]) {
    repos.push(await client.call<Shown & Distro['repos'][number]>('GET', `/api/v1/repo/${encodeURIComponent(repo)}`));
  }
  return {
    name: shown.name,
    release: String(shown['release'] ?? ''),
    package_manager: String(shown['package_manager'] ?? ''),
    repos,
  };
}

export async function importedTree(session: Session, wanted: Wanted, folder: string): Promise<Tree> {
  const root = join(folder, 'root');
  await importTree(wanted.import ?? '', root, { progress: session.progress, work: folder });
  await removeIdentity(root);
  return { root, before: undefined, local: await newLocal(session, wanted.setName ?? '') };
}

/** The node's files come through ssh and go straight to tar: there is no copy on the node, nor a second one here. */
export async function capturedTree(session: Session, wanted: Wanted, folder: string): Promise<Tree> {
  const { client, progress } = session;
  const node = await client.call<Shown>('GET', `/api/v1/node/${encodeURIComponent(wanted.capture ?? '')}`);
  const root = join(folder, 'root');
  await mkdir(root);
  progress.say(`Capturing node ${node.name}`);
  let received = 0;
  await progress.timed(async () => {
    const args = await sshWords(session, node);
    const { output, ended } = runOnNode(args, createReadStream(PACK_NODE));
    const count = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        received += chunk.length;
        next(null, chunk);
      },
    });
    const unpacked = extract(output.pipe(count), root);
    // Both are awaited: the node's own reason is the better one.
    const [there, here] = await Promise.allSettled([ended, unpacked]);
    if (there.status === 'rejected') throw there.reason;
    const { status, stderr } = there.value;
    if (status !== 0)
      throw new MusterError(
        'tool-failed',
        `The node ${node.name} could not be captured: ${stderr.trim().split('\n').slice(-3).join('; ') || `status ${status}`}`,
        {
          hint: 'ssh to the node must work without a password; see ssh.command, ssh.user and ssh.key in docs/images.md',
        },
      );
    if (here.status === 'rejected') throw here.reason;
  });
  progress.say(`  ${humanBytes(received)} received`);
  await removeIdentity(root);
  return { root, before: undefined, local: await newLocal(session, wanted.setName ?? '') };
}

/** How a node is reached: as the administrator's settings say; else as `exec` does, with the head's key, where that may be read. */
async function sshWords({ client }: Session, node: Shown): Promise<string[]> {
  const { command, user, key } = userSettings().ssh;
  const way = await client.call<SshWay>('GET', '/api/v1/nodes/ssh', { id: node.uid }).catch(() => undefined);
  const mayUse = key === undefined && user === 'root' && way !== undefined && (await isReadable(way.key));
  if (mayUse) {
    return [...command, ...nodeSsh({ name: way.name, ip: way.ip, knownHosts: way.known_hosts }, way.key, 'sh -s')];
  }
  // The host key is not compared: nodes that boot from an image may have a new one at each boot.
  const options = ['BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'];
  return [
    ...command,
    ...options.flatMap(option => ['-o', option]),
    ...(key === undefined ? [] : ['-i', key]),
    ...[`${user}@${String(node['ip'])}`, 'sh', '-s'],
  ];
}

async function isReadable(file: string): Promise<boolean> {
  return access(file, constants.R_OK).then(
    () => true,
    () => false,
  );
}

/** Runs a script on a node as root, its standard output as it comes. */
function runOnNode(
  words: readonly string[],
  script: NodeJS.ReadableStream & { pipe: unknown },
): ReturnType<typeof stream> {
  const [program = 'ssh', ...args] = words;
  return stream(program, args, {
    input: script as import('node:stream').Readable,
    package: 'openssh-client',
    keepBytes: 65_536,
  });
}
