// Kickstart files: the site's own folder before those of muster, read again for each node, and filled in for it.
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { KickstartFile } from '../api/kickstarts.ts';
import type { BootPlan } from '../boot/boot-plan.ts';
import { type KickstartValues, problemText, renderKickstart } from '../boot/kickstart.ts';
import { type HeadValues, kickstartValues } from '../boot/kickstart-values.ts';
import { sessionUrl } from '../boot/plane/session-values.ts';
import type { Config } from '../config.ts';
import { MusterError, systemCode } from '../errors.ts';
import type { Cluster } from '../model/cluster.ts';
import { kickstartValue } from '../model/values.ts';
import type { Networks } from '../networks.ts';
import { packageRoot } from '../package-root.ts';
import { headLocale } from './locale.ts';
import type { State } from './state.ts';

export interface KickstartPorts {
  cluster: Cluster;
  /** Returns the head as a node with this address sees it. */
  head(ip: string): HeadValues;
  hardware(node: string): Readonly<Record<string, string>>;
  /** Returns the line that enrols the installed system of a node. */
  enrolLine(node: string): Promise<string>;
  /** The site's folder. */
  folder: string;
}

/** The kickstart files of this daemon. */
export function openKickstarts({
  config,
  networks,
  cluster,
  statuses,
  enrolment,
}: Pick<State, 'config' | 'networks' | 'cluster' | 'statuses' | 'enrolment'>): Kickstarts {
  return new Kickstarts({
    cluster,
    folder: config['paths.kickstarts'],
    hardware: node => statuses.of(node).hardware,
    head: ip => headValues(config, networks, ip),
    // The installer fetches its answers first of all, and enrols at the end
    enrolLine: async node => (await enrolment.line(node, config['boot.session_seconds'])).line,
  });
}

/** Returns the head as a node with this address sees it. */
export function headValues(config: Config, networks: Networks, ip: string): HeadValues {
  const { head, subnet, router, dns, domain } = networks.of(ip) ?? networks.main;
  const own = { name: config['head.name'], address: head, port: config['http.port'], subnet };
  return { ...own, router, dns, domain, ...headLocale() };
}

const ENROLS = '<enroll()>';
/** Stands for the line with a token: only an installer gets one. */
const PREVIEW = 'ENROLMENT';
/** The largest size of a hand-written file, in bytes. */
const LIMIT = 1 << 20;

export class Kickstarts {
  private readonly ports: KickstartPorts;
  private readonly folders: { folder: string; shipped: boolean }[];

  constructor(ports: KickstartPorts) {
    this.ports = ports;
    this.folders = [
      { folder: ports.folder, shipped: false },
      { folder: join(packageRoot, 'templates/kickstarts'), shipped: true },
    ];
  }

  /** The site's folder. */
  get folder(): string {
    return this.ports.folder;
  }

  async list(): Promise<KickstartFile[]> {
    const found = new Map<string, KickstartFile>();
    for (const { folder, shipped } of this.folders) {
      const names = await readdir(folder).catch((error: unknown) => {
        if (systemCode(error) === 'ENOENT') return [];
        throw error;
      });
      for (const name of names.filter(isName)) {
        const path = join(folder, name);
        const facts = found.has(name) ? undefined : await factsOf(path);
        if (facts) found.set(name, { name, path, shipped, ...facts });
      }
    }
    return [...found.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** Returns the text of a file by name. */
  async read(name: string): Promise<string> {
    if (!isName(name)) throw new MusterError('bad-value', `'${name}' is no name of a kickstart file.`);
    for (const { folder } of this.folders) {
      const text = await readText(join(folder, name));
      if (text !== undefined) return text;
    }
    throw new MusterError(
      'no-such-object',
      `There is no kickstart file ${name} in ${this.ports.folder}; 'muster kickstart ls' shows what there is.`,
    );
  }

  /** Returns the values of the placeholders for a node; those of a preview without `more`. */
  values(
    node: string,
    more: { session?: string; enrol?: string; plan?: BootPlan; masked?: boolean } = {},
  ): KickstartValues {
    const { cluster, head, hardware } = this.ports;
    const { session = 'SESSION', enrol = PREVIEW, plan, masked = false } = more;
    const entry = cluster.get('node', node);
    if (!entry) throw new MusterError('no-such-object', 'The node was deleted.');
    const place = head(entry.value.ip);
    const url = sessionUrl(place, session);
    const subject = { cluster, node: entry, hardware: hardware(node), head: place, url, enrol, masked };
    return kickstartValues({ ...subject, ...(plan && { plan }) });
  }

  /** Returns the file filled in for a node and its session. Without a plan it is a preview. */
  async render(
    node: string,
    name: string,
    session: string,
    more: { plan?: BootPlan; text?: string; masked?: boolean } = {},
  ): Promise<string> {
    const text = more.text ?? (await this.read(name));
    const usesLine = more.plan !== undefined && text.includes(ENROLS);
    const enrol = usesLine ? await this.ports.enrolLine(node) : PREVIEW;
    const values = this.values(node, { ...more, session, enrol });
    const rendered = renderKickstart(text, values);
    if ('text' in rendered) return rendered.text;
    throw new MusterError('bad-kickstart', problemText(name, rendered.problems));
  }
}

function isName(name: string): boolean {
  return name !== '' && kickstartValue.safeParse(name).success;
}

async function factsOf(path: string): Promise<{ size: number; readable: boolean } | undefined> {
  const handle = await openRegular(path);
  if (!handle) return undefined;
  try {
    const { size, mode } = await handle.stat();
    return { size, readable: (mode & 0o004) !== 0 };
  } finally {
    await handle.close();
  }
}

async function readText(path: string): Promise<string | undefined> {
  const handle = await openRegular(path);
  if (!handle) return undefined;
  try {
    const { size } = await handle.stat();
    if (size > LIMIT) throw new MusterError('bad-kickstart', `${path} has ${size} bytes; ${LIMIT} are the limit.`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** Not blocking, so that a named pipe in the folder blocks nobody. */
async function openRegular(path: string) {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    return undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}
