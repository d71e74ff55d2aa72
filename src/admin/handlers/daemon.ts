// Answers requests about the daemon itself.
import type { DAEMON } from '../../api/daemon.ts';
import { maskCommand } from '../../masking.ts';
import { secretAttributes } from '../../model/secrets.ts';
import { selectOne } from '../../model/select.ts';
import type { Handlers } from '../handler.ts';
import { openApiDocument } from '../openapi.ts';

const MOST_AUDIT_LINES = 10_000;

export const daemonHandlers: Handlers<typeof DAEMON> = {
  health: (_asked, ports) => ports.health(),
  time: (_asked, ports) => ports.now(),
  configuration: (_asked, ports) => ports.configuration(),
  whoami: ({ who }, ports) => {
    const { version, name } = ports.health();
    return { user: who, version, head: name };
  },
  audit: async ({ query }, { cluster, store }) => {
    const { after, limit, node } = query;
    // By UID, deleted objects too.
    const uid = node === undefined ? query.uid : selectOne(cluster, 'node', node).uid;
    const lines = await store.audit({ after, limit: Math.min(limit, MOST_AUDIT_LINES), ...(uid && { uid }) });
    // An attribute may have been set before a power_uri named it as its password.
    const names = secretAttributes(cluster);
    return lines.map(line => ({ ...line, what: maskCommand(line.what, names) }));
  },
  leases: (_asked, ports) => ports.leases(),
  events: (_asked, ports) => async (tell, gone) => {
    const stop = ports.watch(tell);
    await new Promise(resolve => gone.addEventListener('abort', resolve, { once: true }));
    stop();
  },
  metrics: async (_asked, ports) => ({ body: await ports.metrics() }),
  openapi: (_asked, ports) => ({ body: JSON.stringify(openApiDocument(ports.health().version)) }),
};
