// Opens what renders and keeps the files of nodes.
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadHeadKey } from '../boot/head-key.ts';
import { monotonicNow } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import { publicHostKeys } from '../files/derived.ts';
import { ResultCache } from '../files/result-cache.ts';
import type { Values } from '../files/template-protocol.ts';
import { Templates } from '../files/templates.ts';
import { loadLibc } from '../libc.ts';
import { Sealing } from '../sealing.ts';
import { headValues } from './kickstarts.ts';
import { NodeFiles } from './node-files.ts';
import { RenderedFiles } from './rendered-files.ts';
import { onNodeDeleted, type State, type Stops } from './state.ts';

/** Milliseconds between sweeps of `rendered/`. */
const SWEEP_MS = 60 * 60_000;

export async function openNodeFiles(state: State, stops: Stops): Promise<NodeFiles> {
  const { config, networks, sets, boots, statuses, log, cluster, store: objects } = state;
  const key = await loadHeadKey(config['paths.state'], randomBytes);
  const folder = config['files.folder'];
  const templates = new Templates(await loadLibc(), {
    folder,
    key,
    failed: reason => log.warn({ reason }, 'files: a thread that renders templates ended; another one starts'),
  });
  stops.push(async () => templates.close());
  const store = await RenderedFiles.open({
    folder: join(config['paths.state'], 'rendered'),
    sealing: new Sealing(key, 'rendered'),
    failed: error => log.warn({ error: reasonOf(error) }, 'files: rendered files cannot be kept on disk'),
  });
  const files = new NodeFiles({
    ...{ store, templates, folder, networks, now: monotonicNow, cache: new ResultCache() },
    head: ip => headFacts(headValues(config, networks, ip)),
    hardware: uid => statuses.of(uid).hardware,
    hardwareChanges: () => boots.hardwareChanges,
    hostKeys: publicHostKeys(key),
    content: async (stored, name) => sets.content(stored, name),
  });
  onNodeDeleted(objects, uid => files.forget(cluster, uid));
  const sweeping = setInterval(() => void sweep(state, files, store), SWEEP_MS);
  stops.push(async () => {
    clearInterval(sweeping);
    await store.settled();
  });
  return files;
}

function headFacts({ subnet, dns, ...head }: ReturnType<typeof headValues>): Values {
  const { network, netmask, prefix } = subnet;
  return {
    ...head,
    url: `http://${head.address}:${head.port}`,
    network,
    netmask,
    prefix,
    dns: [...dns],
    host_keys: sshHostKeys(),
  };
}

/** Returns the public host keys of the head's own sshd, `type key` each; those of another head are not known. */
function sshHostKeys(folder = '/etc/ssh'): string[] {
  const files = existsSync(folder) ? readdirSync(folder).filter(name => /^ssh_host_\w+_key\.pub$/.test(name)) : [];
  return files.sort().flatMap(name => {
    try {
      const [type = '', key = ''] = readFileSync(join(folder, name), 'utf8').split(/\s+/);
      return key === '' ? [] : [`${type} ${key}`];
    } catch {
      return [];
    }
  });
}

/** Removes rendered files that no boot and no running node needs. */
async function sweep({ cluster, boots, statuses, log }: State, files: NodeFiles, store: RenderedFiles): Promise<void> {
  const planned = cluster
    .all('node')
    .flatMap(({ uid }) => [boots.current(uid)?.plan?.files?.index ?? [], statuses.of(uid).facts['files_applied'] ?? []])
    .flat();
  try {
    await store.sweep([...planned, ...files.indexes(cluster)]);
  } catch (error) {
    log.warn({ error: reasonOf(error) }, 'files: rendered files that nothing needs cannot be removed');
  }
}
