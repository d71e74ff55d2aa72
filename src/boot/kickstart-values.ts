// The values of a kickstart file's placeholders, for one node: looked up by name, without secrets of the head.
import { effectiveAttributes } from '../model/attributes.ts';
import type { Cluster, Entry } from '../model/cluster.ts';
import { maskAttribute, maskText } from '../model/secrets.ts';
import type { BootPlan } from './boot-plan.ts';
import { repoUrl, treeUrl } from './install.ts';
import type { KickstartValues } from './kickstart.ts';

/** What the head shares about itself with the machines it installs. */
export interface HeadValues {
  name: string;
  /** Its address on the node's network. */
  address: string;
  port: number;
  /** The node's network. */
  subnet: { network: string; netmask: string; prefix: number };
  router: string;
  dns: readonly string[];
  domain: string;
  lang: string;
  keymap: string;
  timezone: string;
}

export interface KickstartSubject {
  cluster: Cluster;
  node: Entry<'node'>;
  /** Facts of the node's hardware, as its agent last reported them. */
  hardware: Readonly<Record<string, string>>;
  head: HeadValues;
  /** The session's URL; a placeholder in a preview. */
  url: string;
  /** The line that enrols the installed system; a placeholder in a preview. */
  enrol: string;
  /** The frozen plan; a preview has none, and uses the boot config's current values. */
  plan?: BootPlan;
  /** Whether passwords become stars: for people. An installer needs them. */
  masked?: boolean;
}

export function kickstartValues(subject: KickstartSubject): KickstartValues {
  const { cluster, node, hardware, head, url, enrol, plan, masked = false } = subject;
  const attributes = effectiveAttributes(cluster, node.value);
  const { name, ip, mac, index, type, description } = node.value;
  const cmdline = masked ? maskText(cluster, 'node', 'cmdline', node.value.cmdline) : node.value.cmdline;
  const attribute = (key: string, value: string): string => (masked ? maskAttribute(cluster, key, value) : value);
  const origin = new URL(url).origin;
  const tree = treeOf(cluster, attributes.get('_boot_config')?.value, origin, plan);
  const { subnet } = head;
  return {
    dictionaries: {
      node: new Map(
        Object.entries({
          ...{ uid: node.uid, name, hostname: attributes.get('_hostname')?.value || name, ip, mac },
          ...{ index: String(index), type, description, cmdline },
        }),
      ),
      attributes: new Map(Array.from(attributes, ([key, { value }]) => [key, attribute(key, value)])),
      hardware: new Map(Object.entries({ ...hardware, mac })),
      head: new Map(
        Object.entries({
          ...{ name: head.name, address: head.address, port: String(head.port), url: origin },
          ...{ network: subnet.network, netmask: subnet.netmask, prefix: String(subnet.prefix) },
          ...{ router: head.router, dns: head.dns.join(','), domain: head.domain },
          ...{ lang: head.lang, keymap: head.keymap, timezone: head.timezone },
        }),
      ),
    },
    functions: new Map([
      ['root_url', masked ? { ...tree, value: maskText(cluster, 'repo', 'urls', tree.value) } : tree],
      ['session_url', { value: url }],
      ['enroll', { value: enrol }],
      ['report_url', { value: `${url}/report` }],
      ['installed_url', { value: `${url}/installed` }],
    ]),
  };
}

/** The installation tree, without a trailing slash. */
function treeOf(
  cluster: Cluster,
  configName: string | undefined,
  origin: string,
  plan: BootPlan | undefined,
): { value: string; missing?: string } {
  const config = cluster.byName('boot', configName ?? '') ?? cluster.get('boot', configName ?? '');
  const repo = cluster.get('repo', config?.value.repo ?? '');
  const url = plan ? plan.install?.repo?.url : repo && treeUrl(repo);
  if (url) return { value: repoUrl(url, origin).replace(/\/+$/, '') };
  const name = plan?.bootConfig.name ?? config?.value.name;
  return {
    value: '',
    missing: name ? `the boot config ${name} names no repo with a URL` : 'the node has no boot config',
  };
}
